"""Hunt for the problem in which NumPy and PyTorch differ most, measured by the bound.

    python -m tests.programs.hunt --seconds 3600 --seed 1

Hypothesis maximises observed / bound, for every tensor at once. What was found is kept under `.hypothesis/`,
so that the next hunt goes on where this one stopped. A ratio above 1 ends it, and shows the case.
"""

import argparse
import json
import os
import time
from dataclasses import asdict, dataclass, field
from itertools import cycle, product
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np
import torch
from hypothesis import HealthCheck, Phase, given, seed, settings, target
from hypothesis import strategies as st
from hypothesis.database import DirectoryBasedExampleDatabase

import elman_np as en
import elman_torch as et
from elman_torch.parity import Comparison, compare_update
from tests.support.strategies import cases, seeds
from tests.test_parity import adam_options

HOME = Path(".hypothesis")
ROUND = 1000  # from so many on, Hypothesis climbs early and often
NETWORK = ("y", "h_n", "loss", "dw_x", "dw_h", "db_h", "dw_y", "db_y", "dx", "dh_0")
ADAM = ("p", "m", "v")
SIZES = st.sampled_from([1, 1e-3, 1e-6, 0, 30])


@dataclass
class Found:
    """What all hunts together have come to."""

    problems: dict[str, int] = field(default_factory=dict)
    """How many, by kind."""
    worst: dict[str, tuple[float, float]] = field(default_factory=dict)
    """The largest observed / bound, by tensor and dtype, and how wide the bound was there."""
    case: str = ""
    """Where the largest of all was found."""

    def add(self, kind: str, dtype: str, comparison: Comparison, case: object) -> dict[str, float]:
        """Take in one problem, and give back its ratios by tensor."""
        key = f"{kind} in {dtype}"
        self.problems[key] = self.problems.get(key, 0) + 1
        ratios: dict[str, tuple[float, float]] = {}
        for row in comparison.rows:
            if row.road != "whole" or row.verdict in ("undecided", "not finite"):
                what = f"tensors in {dtype} that the whole problem's bound does not decide"
                self.problems[what] = self.problems.get(what, 0) + 1
                continue
            first, *of = row.tensor.split()
            name = first if kind == "network" or of else "p"
            ratios[name] = max((row.ratio, row.width), ratios.get(name, (0.0, 0.0)))
        for name, found in ratios.items():
            if found > max(self.worst.values(), default=(0.0, 0.0)):
                self.case = f"{name} in {dtype}: {found[0]:.3f}\n{case!r}"
            key = f"{name} {dtype}"
            self.worst[key] = max(found, tuple(self.worst.get(key, (0.0, 0.0))))
        return {name: ratio for name, (ratio, _) in ratios.items()}

    def __str__(self) -> str:
        lines = [f"{kind}: {number:,} problems" for kind, number in self.problems.items()]
        lines += ["", "| tensor | float64 | width | float32 | width |", "| --- | --- | --- | --- | --- |"]
        for name in NETWORK + ADAM:
            both = (self.worst.get(f"{name} {dtype}", (0.0, 0.0)) for dtype in ("float64", "float32"))
            cells = (f"{ratio:.3f} | {width:.0e}" for ratio, width in both)
            lines.append(f"| `{name}` | {' | '.join(cells)} |")
        return "\n".join(lines)


@dataclass(frozen=True)
class Update:
    """An update of Adam after others: `Update(...).compare()` runs it again."""

    options: en.AdamOptions
    dtype: str
    seed: int
    sizes: tuple[float, ...]
    """Of the gradients, the last one's last."""

    def compare(self) -> Comparison:
        """Compare the last update."""
        rng = np.random.default_rng(self.seed)
        params = en.init_parameters(2, 3, 1, dtype=self.dtype, rng=rng)
        optimiser = en.Adam(self.options)
        *earlier, last = (
            params.map(lambda p, size=size: (rng.standard_normal(p.shape) * size).astype(p.dtype))
            for size in self.sizes
        )
        for grads in earlier:
            params = optimiser.step(params, grads)
        return compare_update(optimiser, params, last)


def updates(dtype):
    """Draw updates."""
    sizes = st.lists(SIZES, min_size=1, max_size=12).map(tuple)
    return st.builds(Update, options=adam_options, dtype=st.just(dtype.name), seed=seeds, sizes=sizes)


def compare_case(case):
    """Compare one problem of the network."""
    return et.compare(case.model, case.x, **case.given)


KINDS = {
    "network": (cases, compare_case),
    "Adam": (updates, Update.compare),
}


def climb(kind: str, dtype: str, found: Found, end: float, start: int) -> None:
    """Go through one round of problems of one kind, or as many as there is time for."""
    strategy, compare = KINDS[kind]

    @seed(start)
    @settings(
        max_examples=ROUND,
        database=DirectoryBasedExampleDatabase(HOME / "hunt" / kind / dtype),
        phases=(Phase.reuse, Phase.generate, Phase.target, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        deadline=None,
        derandomize=False,
    )
    @given(strategy(dtype=np.dtype(dtype)))
    def round_of_problems(problem):
        if time.monotonic() > end:
            return
        comparison = compare(problem)
        for name, ratio in found.add(kind, dtype, comparison, problem).items():
            target(min(ratio, 1e6), label=name)
        if comparison.verdict == "differs":
            comparison.check()

    round_of_problems()


def main() -> None:
    """Read the options and hunt."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60, help="how long (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="of the first round; the next takes the next")
    options = parser.parse_args()
    torch.set_num_threads(1)
    path = HOME / "hunt.json"
    found = Found(**json.loads(path.read_text())) if path.exists() else Found()
    found.worst = {name: tuple(pair) for name, pair in found.worst.items()}
    end, start = time.monotonic() + options.seconds, time.time_ns() if options.seed is None else options.seed
    try:
        for kind, dtype in cycle(product(KINDS, ("float64", "float32"))):
            if time.monotonic() > end:
                break
            climb(kind, dtype, found, end, start)
            start += 1
    finally:
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(asdict(found), indent=1))
        print(found, found.case, sep="\n\n")


if __name__ == "__main__":
    main()
