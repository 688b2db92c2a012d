"""`python -m tests.benchmarks.notebook`: the notebook's 5,000 updates, written five ways.

All sides train from the same start on the same batches, in turns; times are medians of one run, and ratios
are of these. Nothing is asserted about time. That all computed the same is, for float64.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np
import torch

import elman_np as en
import elman_torch.notebook as torch_notebook
from elman_np import notebook
from elman_np.arrays import Array
from elman_np.parameters import Parameters

from . import machine
from .pages import keep, markdown

X, TARGET = notebook.closes()
Side = Callable[[Parameters, int], Array]


def flat(params: Parameters) -> Array:
    """The five parameters as one vector."""
    return params.flat.astype(np.float64)


def ensemble(params: Parameters, epochs: int, count: int = 1) -> Array:
    """Train the start beside `count` - 1 others; return where it ends."""
    starts = notebook.draw_starts(count)
    starts[:, 0] = flat(params)
    return notebook.train_starts(starts, notebook.Recipe(epochs=epochs), X, TARGET, rng=0)[:, 0]


def numpy_side(params: Parameters, epochs: int) -> Array:
    """Train with `ElmanRNN` and `Adam`."""
    return flat(notebook.train(params, X, TARGET, epochs=epochs, rng=0))


def torch_side(params: Parameters, epochs: int, *, per_day: bool) -> Array:
    """Train with autograd and `torch.optim.Adam`."""
    return flat(torch_notebook.train(params, X, TARGET, per_day=per_day, epochs=epochs, rng=0))


SIDES: dict[str, Side] = {
    "PyTorch, day by day": partial(torch_side, per_day=True),
    "PyTorch, side by side": partial(torch_side, per_day=False),
    "NumPy, ElmanRNN and Adam": numpy_side,
    "NumPy, ensemble of one": ensemble,
    "NumPy, ensemble of 1,000": partial(ensemble, count=1_000),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Time all sides, and compare where they end."""
    options = argparse.ArgumentParser(prog="python -m tests.benchmarks.notebook", description=__doc__)
    options.add_argument("--epochs", type=int, default=notebook.EPOCHS)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--seed", type=int, default=616)
    options.add_argument("--write", action="store_true", help="put the table into docs/notebook.md")
    chosen = options.parse_args(arguments)
    torch.set_num_threads(1)
    start = en.init_parameters(1, 1, 1, init="normal", rng=chosen.seed)
    for side in SIDES.values():
        side(start, 2)
    times: dict[str, list[float]] = {name: [] for name in SIDES}
    ends: dict[str, Array] = {}
    for _ in range(chosen.rounds):
        for name, side in SIDES.items():
            begin = time.perf_counter()
            ends[name] = side(start, chosen.epochs)
            times[name].append(time.perf_counter() - begin)
    first = next(iter(SIDES))
    updates = 5 * chosen.epochs
    print(f"{updates} updates, one thread, seed {chosen.seed}, float64, medians of {chosen.rounds} rounds")
    medians, rows = {name: statistics.median(times[name]) for name in SIDES}, []
    for name in SIDES:
        apart = np.abs(ends[name] - ends[first]).max()
        numbers = (f"{medians[name]:.3g}", f"{medians[first] / medians[name]:.1f}")
        rows.append([name, *numbers])
        print(f"{name:26}{numbers[0]:>9} s{numbers[1]:>9} times as fast; ends {apart:.1e} from the first")
        # As far as 1,000 starts end apart that differ in their last bit: tests/test_notebook.py measures it.
        assert apart < 1e-11, f"{name} computed something else"
    if chosen.write:
        table = markdown([f"{updates:,} updates", "seconds", "times as fast"], rows)
        keep(machine.processor(), {"notebook": table})
    single = start.astype(np.float32)
    print("float32, farthest from the same side's float64, and from the other backend's float32:")
    theirs = torch_side(single, chosen.epochs, per_day=False)
    ours = numpy_side(single, chosen.epochs)
    print(
        f"  NumPy {np.abs(ours - ends[first]).max():.1e}, PyTorch {np.abs(theirs - ends[first]).max():.1e}",
        end="",
    )
    print(f", from each other {np.abs(ours - theirs).max():.1e}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
