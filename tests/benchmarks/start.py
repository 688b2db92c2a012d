"""`python -m tests.benchmarks.start`: what `import elman_np` costs beside `import numpy`."""

from __future__ import annotations

import subprocess
import sys
from functools import partial

import numpy as np

from . import machine
from .timing import seconds

ROUNDS = 15


def main(rounds: int = ROUNDS) -> int:
    """Start Python and import, in turn; the medians' difference is what the package adds."""
    modules = ("numpy", "elman_np")
    times: dict[str, list[float]] = {module: [] for module in modules}
    for _ in range(rounds + 1):
        for module in modules:
            command = [sys.executable, "-c", f"import {module}"]
            times[module].append(seconds(partial(subprocess.run, command, check=True)))
    both = np.array([times[module][1:] for module in modules])  # the first fills the disk's cache
    medians, extra = np.median(both, axis=1), np.quantile(both[1] - both[0], [0.25, 0.5, 0.75])
    print(machine.describe())
    for module, median in zip(modules, medians, strict=True):
        print(f"import {module}: {median:.3f} s")
    print(f"elman_np adds {extra[1]:.3f} s ({extra[0]:.3f} to {extra[2]:.3f})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
