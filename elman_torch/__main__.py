"""`python -m elman_torch`: the parity report."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import numpy as np
import torch
from rich.console import Console

from elman_torch.parity import Comparison
from elman_torch.report import (
    compare_tensors,
    drift,
    drift_table,
    lockstep,
    lockstep_table,
    problems,
    tensor_table,
)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m elman_torch",
        description="Compare NumPy and PyTorch on SPLG, tensor by tensor, within the rounding-error bound. "
        "Exit status 1 when anything that is judged disagrees.",
        epilog="Another command: %(prog)s notebook, the notebook that this grew from, cell by cell.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--hidden-size", type=int, default=8, help="hidden units")
    parser.add_argument("--length", type=int, default=20, help="days in a window")
    parser.add_argument("--seed", type=int, default=0, help="of parameters, first state and order of windows")
    parser.add_argument(
        "--updates",
        type=int,
        nargs="+",
        default=[1, 10, 200, 1000],
        help="updates of the training to look at",
    )
    parser.add_argument("--device", default="cpu", help="where PyTorch computes the first table")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the report; return 1 if anything that is judged disagrees."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments and arguments[0] == "notebook":
        from elman_torch import notebook

        return notebook.main(arguments[1:])
    options = parse(arguments)
    console = Console() if sys.stdout.isatty() else Console(width=120)
    status = Console(stderr=True)
    chosen = problems(options.length, options.hidden_size, options.seed)
    console.print(
        f"NumPy {np.__version__} against PyTorch {torch.__version__} on SPLG, {options.length}-day windows, "
        f"H = {options.hidden_size}, from the same parameters.\n"
        "Agreed: |NumPy - PyTorch| <= 2 x rounding-error bound at every entry (obs./bound <= 1). "
        "ulps: units in the last place of the tensor's largest entry.\n"
    )
    judged: dict[str, Comparison] = {}
    with status.status("comparing tensors"):
        for problem in chosen:
            judged[problem.name] = compare_tensors(problem, options.device)
    for problem in chosen:
        if problem.dtype == np.float64:
            twin = problem.name.replace("float64", "float32")
            name = problem.name.removesuffix(", float64")
            console.print(f"[bold]{name}[/]: float64 on the left, float32 on the right")
            console.print(tensor_table(judged[problem.name], judged[twin]), "")
    with status.status("training in lockstep"):
        looked = {problem.name: list(lockstep(problem, options.updates)) for problem in chosen}
    console.print("[bold]Training in lockstep[/]: worst obs./bound of the gradients | of Adam's update")
    console.print(lockstep_table(looked), "")
    with status.status("training freely"):
        drifts = {problem.name: list(drift(problem, options.updates)) for problem in chosen}
    console.print("[bold]Not judged[/]: two trainings that run freely, largest difference of a parameter")
    console.print(drift_table(drifts))
    console.print(
        "Raw dollars drive tanh into saturation. What is left of the gradient there is rounding itself, Adam "
        "divides it by its own size, and two correct programs part.\n"
    )
    for name, steps in looked.items():
        for step, grads, update in steps:
            judged |= {f"{name}, gradients at update {step}": grads, f"{name}, update {step}": update}
    return verdict(console, judged)


def verdict(console: Console, judged: dict[str, Comparison]) -> int:
    """Say in one line what it comes to; return the exit status."""
    tensors = sum(len(comparison.rows) for comparison in judged.values())
    name, worst = max(judged.items(), key=lambda item: (not item[1].agreed, item[1].worst.ratio))
    where = f"worst obs./bound {worst.worst.ratio:.3g} ({worst.worst.tensor}; {name})"
    failed = sum(not row.agreed for comparison in judged.values() for row in comparison.rows)
    if failed:
        console.print(f"[bold red]DISAGREED[/]: {failed} of {tensors} tensors; {where}")
        return 1
    console.print(f"[bold green]AGREED[/]: all {tensors} tensors within the bound; {where}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
