"""The notebook's 5,000 updates, written five ways: `python tests/benchmarks/notebook.py`.

All sides train from the same start on the same batches, in turns; times are medians, and ratios are of one
run. Nothing is asserted about time. That all computed the same is, for float64.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
sys.path[:0] = [str(Path(__file__).parents[2])]

import numpy as np
import torch

import elman_np as en
import elman_torch.notebook as torch_notebook
from elman_np import notebook
from elman_np.arrays import Array
from elman_np.parameters import Parameters

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


def main() -> None:
    """Time all sides, and compare where they end."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--epochs", type=int, default=notebook.EPOCHS)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--seed", type=int, default=616)
    chosen = options.parse_args()
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
    print(f"{'':26}{'seconds':>9}{'us/update':>11}{'times as fast':>15}  farthest from the first")
    for name in SIDES:
        ratios = [there / here for there, here in zip(times[first], times[name], strict=True)]
        seconds = statistics.median(times[name])
        each, ratio = seconds / updates * 1e6, statistics.median(ratios)
        apart = np.abs(ends[name] - ends[first]).max()
        print(f"{name:26}{seconds:9.2f}{each:11.0f}{ratio:15.1f}  {apart:.1e}")
        # As far as 1,000 starts end apart that differ in their last bit: tests/test_notebook.py measures it.
        assert apart < 1e-11, f"{name} computed something else"
    single = start.astype(np.float32)
    print("float32, farthest from the same side's float64, and from the other backend's float32:")
    theirs = torch_side(single, chosen.epochs, per_day=False)
    ours = numpy_side(single, chosen.epochs)
    print(
        f"  NumPy {np.abs(ours - ends[first]).max():.1e}, PyTorch {np.abs(theirs - ends[first]).max():.1e}",
        end="",
    )
    print(f", from each other {np.abs(ours - theirs).max():.1e}")


if __name__ == "__main__":
    main()
