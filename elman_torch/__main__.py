"""`python -m elman_torch`: the parity report."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import numpy as np
import torch
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from elman_np import __version__, commands
from elman_np.checking.comparison import Comparison, Verdict
from elman_torch.report import (
    Problem,
    compare_tensors,
    drift,
    drift_table,
    fitted,
    lockstep,
    lockstep_table,
    problems,
    sentence,
    summarise,
    tensor_table,
)

LEGEND = {
    "diff.": "largest difference of an entry",
    "ulps": "the same, in units in the last place of the largest entry",
    "obs./bound": "the same, over twice the rounding-error bound of its entry;\n"
    "above 1, one of the two is wrong",
    "bound/largest": "the widest of these bounds, in units of the largest entry",
    "agreed": "yes; NO; or ?, where the bound is too wide to tell\n"
    "* judged one step at a time\n"
    "° cancels: its bound is measured by the terms of its sums",
}

EXIT: dict[Verdict, int] = {"agrees": 0, "differs": 1, "undecided": 3}
"""2 is for bad arguments, which argparse refuses, and `commands.FAILED` for what fails later."""


def device(text: str) -> torch.device:
    """Read the name of a device that is there."""
    try:
        chosen = torch.device(text)
        torch.zeros(1, device=chosen)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        raise argparse.ArgumentTypeError(f"{text!r} cannot be used: {reason}") from None
    return chosen


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    line = argparse.ArgumentParser(
        prog="python -m elman_torch",
        description="Compare NumPy and PyTorch on SPLG, or with --file on a column of your own, tensor by "
        "tensor, within the rounding-error bound. "
        "Exit status: 0 agreed, 1 something differs, 3 undecided (a bound too wide to tell), 2 bad options, "
        f"{commands.FAILED} could not be done.",
        epilog="Another command: %(prog)s notebook, the notebook that this grew from, cell by cell.",
        formatter_class=commands.HelpFormatter,
    )
    version = f"elman {__version__}, PyTorch {torch.__version__}"
    line.add_argument("--version", action="version", version=version)
    commands.add_file_options(line)
    line.add_argument("--hidden-size", type=commands.count, default=8, help="hidden units")
    line.add_argument("--length", type=commands.count, default=20, help="days in a window")
    line.add_argument(
        "--seed", type=commands.seed, default=0, help="of parameters, initial state and order of windows"
    )
    line.add_argument(
        "--updates",
        type=commands.count,
        nargs="+",
        default=[1, 10, 200, 1000],
        help="updates of the training at which to compare",
    )
    line.add_argument("--device", type=device, default="cpu", help="where PyTorch computes the tensors")
    return line


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the report; return its exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments and arguments[0] == "notebook":
        from elman_torch import notebook

        return notebook.main(arguments[1:])
    line = parser()
    options = line.parse_args(arguments)
    try:
        series = commands.read_file_options(options)
        values = None if series is None else series.values
        chosen = problems(options.length, options.hidden_size, options.seed, values)
        for problem in chosen:
            problem.windows()
    except ValueError as error:
        line.error(str(error))
    name = "SPLG" if series is None else escape(f"{options.file.name}, {options.column}")
    console = commands.console(width=80)
    commands.say_where_no_dates(console, series)
    console.print(
        f"NumPy {np.__version__} against PyTorch {torch.__version__} on {name}, windows of {options.length}, "
        f"H = {options.hidden_size}, from the same parameters.\n"
    )
    console.print(legend(), "")
    summary = summarise(report(console, Console(stderr=True), chosen, options))
    console.print(sentence(summary))
    return EXIT[summary.verdict]


def legend() -> Table:
    """Lay out what the columns of the tables mean."""
    table = Table.grid(padding=(0, 2))
    for name, meaning in LEGEND.items():
        table.add_row(name, meaning)
    return table


def report(
    console: Console, status: Console, chosen: Sequence[Problem], options: argparse.Namespace
) -> dict[str, Comparison]:
    """Compare and print; return every comparison by its name."""
    judged: dict[str, Comparison] = {}
    with status.status("comparing tensors"):
        for problem in chosen:
            judged[problem.name] = compare_tensors(problem, options.device)
            console.print(f"[bold]{problem.name}[/]")
            console.print(fitted(tensor_table(judged[problem.name]), console.width), "")
    with status.status("training in lockstep"):
        compared = {problem.name: list(lockstep(problem, options.updates)) for problem in chosen}
    console.print(
        "[bold]Training in lockstep[/]: worst obs./bound of the gradients and of Adam's update, and the "
        "widest bound, as a part of its tensor"
    )
    console.print(fitted(lockstep_table(compared), console.width), "")
    with status.status("training freely"):
        drifts = {problem.name: list(drift(problem, options.updates)) for problem in chosen}
    console.print("[bold]Not judged[/]: two trainings that run freely, largest difference of a parameter")
    console.print(fitted(drift_table(drifts), console.width))
    console.print(
        "Values far from 1 drive tanh into saturation. What is left of the gradient there is rounding "
        "itself, Adam divides it by its own size, and two correct programs part.\n"
    )
    for name, steps in compared.items():
        for step, grads, update in steps:
            judged |= {f"{name}, gradients at update {step}": grads, f"{name}, update {step}": update}
    return judged


if __name__ == "__main__":
    commands.run(main, "python -m elman_torch")
