"""`python -m tests.benchmarks`: how fast, against whom, and against what cannot be avoided.

The result is ratios of times taken in turn in one process. Before that, everyone's gradients are compared,
and PyTorch's training step.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    line = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    line.add_argument("--threads", type=int, help="cores to use, one thread on each; all if left out")
    line.add_argument("--seconds", type=float, default=10, help="for each shape, dtype and task")
    line.add_argument("--largest", type=int, default=1024, metavar="H", help="leave out what has more units")
    line.add_argument("--compile", action="store_true", help="torch.compile too: minutes, and a C++ compiler")
    line.add_argument("--calls", action="store_true", help="print every list of bare calls")
    line.add_argument("--json", metavar="FILE", help="write all medians and quartiles")
    line.add_argument("--write", action="store_true", help="put tables and picture into docs/ and README.md")
    line.add_argument("--smoke", action="store_true", help="does it run? the numbers mean nothing")
    return line


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    options = parser().parse_args(arguments)
    if options.threads is not None:
        for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ[variable] = str(options.threads)  # read when NumPy and PyTorch load, which is below
        if hasattr(os, "sched_setaffinity"):  # JAX asks for the cores only
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])

    from .suite import run

    return run(options)


if __name__ == "__main__":
    sys.exit(main())
