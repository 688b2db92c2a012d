"""The other road to a verdict: each program's own states and gradients, put through one exact step.

Where a problem amplifies, the bound of the whole problem says nothing: two right programs may end far apart.
But a right program lands within one step's rounding of its own next state, however far it has come, and its
sums are within their rounding of its own terms. So each side is judged by itself, one step at a time (8.18,
8.19), and a tensor agrees if on both sides it and all that it is made of do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from elman_np.checking.bounds import Unit, mse_ball
from elman_np.checking.comparison import WIDEST, Comparison, Row, Verdict, width_of
from elman_np.checking.problems import Case, Solution
from elman_np.checking.step_bounds import largest_distance, step_balls
from elman_np.model import find_layout

UPSTREAM = ("h", "y", "dy")
NEEDS: dict[str, tuple[str, ...]] = {
    "y": ("h",),
    "h_n": ("h",),
    "loss": ("h", "y"),
    "dw_y": UPSTREAM,
    "db_y": UPSTREAM,
    **dict.fromkeys(("dw_x", "dw_h", "db_h", "dx", "dh_0"), (*UPSTREAM, "da")),
}
"""What each tensor is made of: it can only be right if these are."""


def decide_by_steps(
    whole: Comparison, case: Case, sides: Sequence[Solution], *, widest: float = WIDEST
) -> Comparison:
    """Judge the undecided rows of a comparison one step at a time; the other rows stay as they are."""
    if not any(row.verdict == "undecided" for row in whole.rows):
        return whole
    found = [dict(_judge(case, side)) for side in sides]
    return replace(whole, rows=tuple(_decide(row, found, whole.names, widest) for row in whole.rows))


def _decide(
    row: Row, found: Sequence[dict[str, tuple[float, float]]], names: Sequence[str], widest: float
) -> Row:
    """Take the worst of what a tensor is made of, on both sides."""
    if row.verdict != "undecided":
        return row
    parts = [
        (*side[part], f"{part} of {name}")
        for side, name in zip(found, names, strict=True)
        for part in (*NEEDS[row.tensor], row.tensor)
    ]
    ratio, _, where = max(parts)
    width = max(width for _, width, _ in parts)
    verdict: Verdict = "differs" if ratio > 1 else "agrees" if width <= widest else "undecided"
    road = f"one step, {where}" if verdict == "differs" else "one step"
    return replace(row, verdict=verdict, ratio=ratio, width=width, road=road)


def _judge(case: Case, side: Solution) -> Iterator[tuple[str, tuple[float, float]]]:
    """Go through what one program found: the largest distance from one exact step, and the bound's width."""
    model, unit, steps = case.model, Unit.of(case.model.dtype), len(case.x)
    inputs, hidden, outputs = model.input_size, model.hidden_size, model.output_size
    batch = find_layout(case.x.shape, inputs, hidden, outputs).batch_size
    every, state = {"x": (steps, batch, inputs), "y": (steps, batch, outputs)}, (batch, hidden)
    shapes = {"y": every["y"], "dx": every["x"], "h_n": state, "dh_0": state}
    own = {name: value.reshape(shapes.get(name, value.shape)) for name, value in side.tensors.items()}
    own |= side.steps
    dh_n = np.zeros(state, model.dtype) if case.dh_n is None else case.dh_n.reshape(state)
    given = (model.params, case.x.reshape(every["x"]), case.h_0.reshape(state), model.recurrence, dh_n)
    balls = step_balls(*given, own["h"], own["da"], own["dy"])
    if case.target is None:
        balls["dy"] = unit.exact(np.asarray(case.dy).reshape(every["y"]))
    else:
        balls["loss"], balls["dy"] = mse_ball(unit.exact(own["y"]), case.target.reshape(every["y"]))
    if largest_distance(own["da"], balls["da"]) > 1:
        balls["da"] = balls["da, any form"]
    del balls["da, any form"]
    for name, ball in balls.items():
        yield name, (largest_distance(own[name], ball), width_of(ball, own[name]))
