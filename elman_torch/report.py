"""The parity report: every tensor on SPLG, then training in lockstep, then how far two trainings drift."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Annotated as Float
from typing import Any

import numpy as np
import torch
from rich import box
from rich.table import Table
from torch import nn

import elman_np as en
from elman_np.arrays import Array
from elman_np.cell import Activation
from elman_np.checking.comparison import VERDICTS, Comparison, Row, Verdict
from elman_np.commands import natural_width
from elman_np.parameters import Parameters
from elman_np.training import batches
from elman_torch.model import ElmanRNN
from elman_torch.parity import compare, compare_update


@dataclass(frozen=True)
class Problem:
    """Windows of SPLG or of a series of one's own, an activation and a dtype."""

    activation: Activation
    dtype: np.dtype[Any]
    scaled: bool
    length: int
    hidden_size: int
    seed: int
    series: Float[Array, "T"] | None = field(default=None, repr=False, compare=False)
    """None for the closes of SPLG in 2023."""

    @property
    def name(self) -> str:
        """What the tables call it."""
        raw = "raw dollars" if self.series is None else "raw values"
        return f"{self.activation}, {'standardised' if self.scaled else raw}, {self.dtype}"

    def model(self) -> en.ElmanRNN:
        """Make the network with its first parameters, the same in both dtypes to rounding."""
        return en.ElmanRNN(
            1, self.hidden_size, 1, activation=self.activation, dtype=self.dtype, rng=self.seed
        )

    def windows(self) -> tuple[Float[Array, "L N 1"], Float[Array, "L N 1"]]:
        """Windows and targets of the training part."""
        train, _, _ = en.split(en.load_splg()["Close"] if self.series is None else self.series)
        series = en.Scaler.fit(train).transform(train) if self.scaled else train
        return en.windows(series.astype(self.dtype), self.length)


def problems(
    length: int, hidden_size: int, seed: int, series: Float[Array, "T"] | None = None
) -> list[Problem]:
    """Both activations, the series standardised and as it is, float64 and float32."""
    activations: tuple[Activation, ...] = ("tanh", "relu")
    return [
        Problem(activation, np.dtype(dtype), scaled, length, hidden_size, seed, series)
        for activation, scaled, dtype in product(activations, (True, False), (np.float64, np.float32))
    ]


def compare_tensors(problem: Problem, device: torch.device | str) -> Comparison:
    """Compare every tensor of one pass over all windows, from a state that is not zero."""
    x, target = problem.windows()
    rng = np.random.default_rng(problem.seed)
    h_0 = rng.standard_normal((x.shape[1], problem.hidden_size)).astype(problem.dtype)
    return compare(problem.model(), x, target, h_0=h_0, device=device)


def lockstep(problem: Problem, steps: Sequence[int]) -> Iterator[tuple[int, Comparison, Comparison]]:
    """Train in NumPy, and at each of `steps` compare both backends' gradients and updates.

    There both sides start from the same parameters and batch, and for the update from the same gradients
    and state.
    """
    model, optimiser = problem.model(), en.Adam(lr=0.01)
    for step, x, target in _batches(problem, max(steps)):
        y, _, tape = model.forward(x)
        grads, _, _ = model.backward(tape, en.mse_loss(y, target)[1])
        if step in steps:
            yield step, compare(model, x, target), compare_update(optimiser, model.params, grads)
        model.params = optimiser.step(model.params, grads)


def drift(problem: Problem, steps: Sequence[int]) -> Iterator[tuple[int, float]]:
    """Train both backends by themselves on the same batches: largest difference of a parameter."""
    model, optimiser = problem.model(), en.Adam(lr=0.01)
    reference = ElmanRNN.from_numpy(model)
    torch_optimiser = torch.optim.Adam(reference.parameters(), lr=0.01)
    for step, x, target in _batches(problem, max(steps)):
        y, _, tape = model.forward(x)
        grads, _, _ = model.backward(tape, en.mse_loss(y, target)[1])
        model.params = optimiser.step(model.params, grads)
        torch_optimiser.zero_grad()
        loss = nn.MSELoss()(reference(torch.from_numpy(x))[0], torch.from_numpy(target))
        loss.backward()
        torch_optimiser.step()
        if step in steps:
            yield step, _distance(model.params, reference.to_numpy().params)


def _batches(problem: Problem, steps: int) -> Iterator[tuple[int, Array, Array]]:
    x, target = problem.windows()
    rng, step = np.random.default_rng(problem.seed), 0
    while step < steps:
        for index in batches(x.shape[1], 32, shuffle=True, rng=rng):
            step += 1
            if step > steps:
                return
            yield step, x[:, index], target[:, index]


def _distance(a: Parameters, b: Parameters) -> float:
    return float(np.max(np.abs(a.flat - b.flat)))  # NaN if any is


# ---------------------------------------------------------------- what it comes to


@dataclass(frozen=True)
class Summary:
    """All comparisons of a report in a few numbers."""

    verdict: Verdict
    """'differs' if a comparison does, else 'undecided' if one is, else 'agrees'."""
    tensors: dict[Verdict, int]
    """How many there are of each verdict."""
    by_steps: int
    """How many of them were judged one step at a time."""
    worst: Row
    where: str
    """The comparison that `worst` is from."""


def summarise(judged: Mapping[str, Comparison]) -> Summary:
    """Count what all comparisons found, and pick the row that says most against the two backends."""
    rows = [row for comparison in judged.values() for row in comparison.rows]
    verdicts = {comparison.verdict for comparison in judged.values()}
    where, worst = max(
        ((name, comparison.worst) for name, comparison in judged.items()),
        key=lambda found: (VERDICTS.index(found[1].verdict), found[1].ratio),
    )
    return Summary(
        verdict=max(verdicts, key=VERDICTS.index),
        tensors={verdict: sum(row.verdict == verdict for row in rows) for verdict in VERDICTS},
        by_steps=sum(row.road != "whole" for row in rows),
        worst=worst,
        where=where,
    )


def sentence(summary: Summary) -> str:
    """Say it in a line or two."""
    row, count = summary.worst, summary.tensors
    total = sum(count.values())
    where = f"worst obs./bound {row.ratio:.3g} ({row.tensor}; {summary.where})"
    notes = [f"{count['not finite']} not finite on both sides, not judged"] if count["not finite"] else []
    notes += [f"{summary.by_steps} judged one step at a time"] if summary.by_steps else []
    noted = "".join(f"; {note}" for note in notes)
    match summary.verdict:
        case "agrees":
            return f"[bold green]AGREED[/]: {count['agrees']} of {total} tensors{noted}; {where}"
        case "differs":
            return f"[bold red]DISAGREED[/]: {count['differs']} of {total} tensors{noted}; {where}"
    return f"[bold yellow]UNDECIDED[/]: {count['undecided']} of {total} tensors{noted}; {where}"


# ---------------------------------------------------------------- tables


def tensor_table(comparison: Comparison) -> Table:
    """Show every tensor of one problem."""
    table = _table(["tensor", "shape"], ["diff.", "ulps", "obs./bound", "bound/largest", "agreed"])
    for row, shape in zip(comparison.rows, comparison.frame["shape"], strict=True):
        numbers = (f"{row.difference:.1e}", f"{row.ulps:.1f}", f"{row.ratio:.4f}", f"{row.sharpness:.0e}")
        marks = ("*" if row.road != "whole" else "") + ("°" if row.cancels else "")
        table.add_row(row.tensor, shape, *numbers, _says(row.verdict) + marks)
    return table


def lockstep_table(compared: Mapping[str, Sequence[tuple[int, Comparison, Comparison]]]) -> Table:
    """Show the worst observed / bound, and the widest bound, of gradients and of Adam's update."""
    table = _table(["problem"], ["update", "grads", "width", "Adam", "width", "agreed"])
    for name, steps in compared.items():
        for step, *both in steps:
            cells = [
                cell
                for comparison in both
                for cell in (f"{comparison.worst.ratio:.4f}", f"{max(r.width for r in comparison.rows):.0e}")
            ]
            verdict = max((comparison.verdict for comparison in both), key=VERDICTS.index)
            table.add_row(name if step == steps[0][0] else "", f"{step:,}", *cells, _says(verdict))
    return table


def drift_table(drifts: Mapping[str, Sequence[tuple[int, float]]]) -> Table:
    """Show how far two trainings that never meet have drifted apart."""
    table = _table(["problem"], [f"update {step:,}" for step, _ in next(iter(drifts.values()))])
    for name, steps in drifts.items():
        table.add_row(name, *(f"{distance:.1e}" for _, distance in steps))
    return table


def _table(left: Sequence[str], right: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for heading in left:
        table.add_column(heading, no_wrap=heading == "shape")
    for heading in right:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def fitted(table: Table, width: int) -> Table:
    """Set the columns of a table closer and break its headings, if it is wider than `width` otherwise."""
    if natural_width(table) > width:
        table.padding = (0, 0)
        for column in table.columns:
            column.header = str(column.header).replace("/", "/\n").replace(" ", "\n")
    return table


def _says(verdict: Verdict) -> str:
    said = {"agrees": "yes", "differs": "[bold red]NO[/]", "undecided": "[bold yellow]?[/]"}
    return said.get(verdict, "-")
