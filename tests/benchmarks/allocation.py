"""`python -m tests.benchmarks.allocation`: what it costs to get memory from the kernel again and again.

For each shape, new processes compute all gradients many times over. Every other one has used a larger array
before, and given it back. Printed are the times of a call, and how often the kernel had to supply a page of
memory for it (Linux and macOS only).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence

import numpy as np

from .pages import ROOT, keep, markdown
from .problems import SHAPES, Problem, Shape
from .timing import seconds, settle_allocator

SECONDS = 0.5
WARM_UP = 5  # calls
PROCESSES = 3  # of each kind, in turn


def pages() -> int:
    """Page faults of this process so far: for each, the kernel supplied a page, of 4 KiB or of 2 MiB."""
    import resource  # Windows has none

    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def measure(shape: Shape, dtype: str, budget: float, *, settled: bool) -> tuple[float, float]:
    """Milliseconds and page faults of a call, in this process."""
    problem = Problem(shape, np.dtype(dtype))
    model, x, h_0, dy = problem.model, problem.x, problem.h_0, problem.dy
    if settled:
        settle_allocator()
    times: list[float] = []
    while sum(times[WARM_UP:]) < budget or len(times) <= WARM_UP:
        if len(times) == WARM_UP:
            before = pages()
        times.append(seconds(lambda: model.backward(model.forward(x, h_0)[2], dy)))
    supplied, timed = pages() - before, times[WARM_UP:]
    return 1e3 * float(np.median(timed)), supplied / len(timed)


def in_new_process(shape: Shape, dtype: str, budget: float, *, settled: bool) -> list[float]:
    """Call `measure` in a process of its own, which does not load PyTorch."""
    options = ["--one", str(shape), dtype, str(budget), *(["--settled"] if settled else [])]
    command = [sys.executable, "-m", "tests.benchmarks.allocation", *options]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout
    found: list[float] = json.loads(printed)
    return found


def table(shapes: Sequence[Shape], processes: int, budget: float) -> str:
    """Measure every shape both ways; return medians, in Markdown."""
    rows = []
    for dtype in ("float32", "float64"):
        for shape in shapes:
            both = [
                [in_new_process(shape, dtype, budget, settled=settled) for settled in (False, True)]
                for _ in range(processes)
            ]
            (new, got), (settled, left) = np.median(both, axis=0)
            numbers = (f"{new:.3g}", f"{got:.0f}", f"{settled:.3g}", f"{left:.0f}", f"{new / settled:.2f}")
            rows.append([str(shape), dtype, *numbers])
            print(f"| {' | '.join(rows[-1])} |", flush=True)
    return markdown(["T B I H", "dtype", "ms", "pages", "ms, after 31 MiB", "pages", "ratio"], rows, left=2)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it."""
    line = argparse.ArgumentParser(prog="python -m tests.benchmarks.allocation", description=__doc__)
    line.add_argument("--write", action="store_true", help="put the table into docs/speed.md")
    line.add_argument("--smoke", action="store_true", help="does it run? the numbers mean nothing")
    line.add_argument("--one", nargs=3, metavar=("SHAPE", "DTYPE", "SECONDS"), help=argparse.SUPPRESS)
    line.add_argument("--settled", action="store_true", help=argparse.SUPPRESS)
    options = line.parse_args(arguments)
    if options.one:
        shape, dtype, budget = options.one
        sizes = map(int, shape.split())
        print(json.dumps(measure(Shape(*sizes), dtype, float(budget), settled=options.settled)))
        return 0
    from . import machine  # loads PyTorch

    print(machine.describe())
    text = table([Shape(3, 2, 1, 4)], 1, 0.0) if options.smoke else table(SHAPES[2:], PROCESSES, SECONDS)
    print(f"\n{text}")
    if options.write:
        keep(machine.processor(), {"allocation": text})
    return 0


if __name__ == "__main__":
    sys.exit(main())
