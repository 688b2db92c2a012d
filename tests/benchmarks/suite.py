"""The benchmark's run: check, time, tables, picture."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from . import machine
from .agreement import check_gradients, check_training_step, rows_followed
from .floor import Floor
from .pages import ROOT, keep, markdown, records, write
from .peers import TASKS, Ours, Peer, installed
from .picture import draw
from .problems import SHAPES, Problem, Shape
from .timing import Times, in_turn

DTYPES = (np.dtype(np.float32), np.dtype(np.float64))
COMPILED_STEPS = 50  # longer loops take too long to compile
LEAST_BATCH = 32  # below, the bare calls are shorter than what it takes to call them


@dataclass(frozen=True)
class Ratio:
    """How many times as long one side takes as another."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        text = f"{self.median:.2f} ({self.low:.2f} to {self.high:.2f})"
        return f"**{text}**" if self.median < 1 else text


@dataclass(frozen=True)
class Row:
    """One task at one shape and dtype."""

    task: str
    shape: Shape
    dtype: str
    milliseconds: float | None
    """Of `elman_np`, if it was kept."""
    peers: dict[str, Ratio]
    """Each peer's time over that of `elman_np`: below 1, the peer is faster."""
    over_floor: dict[str, Ratio]
    """The time of `elman_np` over that of its bare calls, and of all its calls."""

    @classmethod
    def of(cls, kept: dict[str, Any]) -> Row:
        """Make a row from what a file has of it."""
        ratios = {
            side: {name: Ratio(**ratio) for name, ratio in kept[side].items()}
            for side in ("peers", "over_floor")
        }
        return cls(kept["task"], Shape(*kept["shape"]), kept["dtype"], kept["milliseconds"], **ratios)


def run(options: argparse.Namespace) -> int:
    """Check and time every problem; print as it goes, and the tables at the end."""
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    kinds = installed(with_compile=options.compile)
    names = [kind.name for kind in kinds]
    print(machine.describe())
    print(f"load at the start: {machine.load():.2f}; in turn: {', '.join(names)}", flush=True)
    for name in sorted({"jax", "torch.compile"} - set(names)):
        print(f"{name} is left out: {'not installed' if name == 'jax' else 'ask with --compile'}")
    shapes = [Shape(3, 2, 1, 4)] if options.smoke else [s for s in SHAPES if options.largest >= s.H]
    budget, least = (0.0, 2) if options.smoke else (options.seconds, 5)
    rows, floors = [], {}
    for dtype in DTYPES:
        for shape in shapes:
            problem = Problem(shape, dtype)
            short = shape.T <= COMPILED_STEPS
            peers = [kind(problem) for kind in kinds if short or kind.name != "torch.compile"]
            both = check_gradients(problem, peers[1:]), check_training_step(problem)
            ratio, width, undecided = (max(pair) for pair in zip(*both, strict=True))
            print(
                f"\n{shape}, {dtype}: {'all agree' if not undecided else 'none differs'} in "
                f"{rows_followed(problem)} of {shape.B} rows, at most {ratio:.2f} of the bound; it is "
                f"{width:.0e} of a tensor at most"
                + (f", too wide to tell for {', '.join(undecided)}" if undecided else ""),
                flush=True,
            )
            floor = Floor.of(problem) if shape.B >= LEAST_BATCH or options.smoke else None
            for task in TASKS:
                row = time_row(problem, task, peers, floor if task == TASKS[0] else None, budget, least)
                rows.append(row)
                print(f"  {task}: {row.milliseconds:.3g} ms; {_others(row)}", flush=True)
            if floor:
                calls = floors[f"{shape}, {dtype}"] = floor.table()
                if options.calls:
                    print(calls)
    parts = {
        "machine": machine.describe(),
        "gradients": gradients_table(rows),
        "tasks": tasks_table(rows),
        "calls": floors.get("50 32 32 128, float64", next(iter(floors.values()), "")),
    }
    for text in (*parts.values(), summary({machine.processor(): rows})):
        print(f"\n{text}")
    print(f"\nload at the end: {machine.load():.2f}")
    as_data = json.loads(json.dumps(rows, default=vars))
    if options.json:
        Path(options.json).write_text(json.dumps(as_data, indent=1) + "\n")
    if options.write:
        keep(machine.processor(), parts | {"rows": as_data})
        write_what_all_show()
    return 0


def write_what_all_show(root: Path = ROOT) -> None:
    """Put into the pages what needs the rows of all machines: the table of ranges, and the picture."""
    kept = {
        processor: list(map(Row.of, record["rows"]))
        for processor, record in records(root).items()
        if "rows" in record
    }
    write({"summary": summary(kept), "torch": summary(kept, ("torch",))}, root)
    draw(
        {name: [row for row in rows if row.task == TASKS[0]] for name, rows in kept.items()},
        root / "docs" / "figures" / "speed.svg",
    )


def time_row(
    problem: Problem, task: str, peers: Sequence[Peer], floor: Floor | None, budget: float, least: int
) -> Row:
    """Time everyone at one task, in turn."""
    sides = {peer.name: peer.task(task) for peer in peers}
    floors = {"its bare calls": floor.bare.run, "all its calls": floor.run_all} if floor else {}
    times = in_turn(sides | floors, budget=budget, least=least)
    return Row(
        task,
        problem.shape,
        str(problem.dtype),
        1e3 * times.median(Ours.name),
        {peer.name: _ratio(times, peer.name, Ours.name) for peer in peers[1:]},
        {name: _ratio(times, Ours.name, name) for name in floors},
    )


def _ratio(times: Times, side: str, to: str) -> Ratio:
    return Ratio(*times.ratio(side, to))


def _others(row: Row) -> str:
    ratios = [f"{name} {ratio}" for name, ratio in row.peers.items()]
    return "; ".join([*ratios, *(f"over {name} {ratio}" for name, ratio in row.over_floor.items())])


def _names(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row.peers))


def geometric_mean(rows: Sequence[Row], peer: str) -> float:
    """Return the geometric mean of a peer's ratios."""
    return float(np.exp(np.mean([np.log(row.peers[peer].median) for row in rows if peer in row.peers])))


def gradients_table(rows: Sequence[Row]) -> str:
    """Return forward and backward against everyone, in Markdown."""
    rows = [row for row in rows if row.task == TASKS[0]]
    names = _names(rows)
    floors = list(dict.fromkeys(name for row in rows for name in row.over_floor))
    head = ["T B I H", "dtype", "`elman_np`, ms", *(f"{name} / `elman_np`" for name in names)]
    head += [f"`elman_np` / {name}" for name in floors]
    body = [
        [
            str(row.shape),
            row.dtype,
            f"{row.milliseconds:.3g}",
            *(str(row.peers.get(name, "")) for name in names),
            *(str(row.over_floor.get(name, "")).replace("**", "") for name in floors),
        ]
        for row in rows
    ]
    means = ["geometric mean", "", "", *(f"{geometric_mean(rows, name):.2f}" for name in names)]
    return markdown(head, [*body, [*means, *("" for _ in floors)]], left=2)


def tasks_table(rows: Sequence[Row]) -> str:
    """Return forward alone, and a whole training step, against everyone, in Markdown."""
    columns = [(task, name) for task in TASKS[1:] for name in _names(rows)]
    found = {(row.task, row.shape, row.dtype): row for row in rows}
    problems = dict.fromkeys((row.shape, row.dtype) for row in rows)
    body = [
        [str(shape), dtype, *(str(found[task, shape, dtype].peers.get(name, "")) for task, name in columns)]
        for shape, dtype in problems
    ]
    means = [
        f"{geometric_mean([row for row in rows if row.task == task], name):.2f}" for task, name in columns
    ]
    head = ["T B I H", "dtype", *(f"{task}: {name} / `elman_np`" for task, name in columns)]
    return markdown(head, [*body, ["geometric mean", "", *means]], left=2)


def summary(machines: Mapping[str, Sequence[Row]], peers: Sequence[str] = ()) -> str:
    """Return the smallest, mean and largest ratio of each task, peer (all if left out) and machine."""
    body = []
    for task in TASKS:
        for name in peers or _names([row for rows in machines.values() for row in rows]):
            for processor, rows in machines.items():
                chosen = [row for row in rows if row.task == task and name in row.peers]
                if chosen:
                    ratios = [row.peers[name].median for row in chosen]
                    numbers = (min(ratios), geometric_mean(chosen, name), max(ratios))
                    body.append([task, name, processor, *(f"{number:.2f}" for number in numbers)])
    head = ["task", "peer's time / `elman_np`'s", "machine", "least", "geometric mean", "most"]
    return markdown(head, body, left=3)
