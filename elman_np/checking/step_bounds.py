"""How far a right program may be from one exact step of its own states and gradients (chapter 8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated as Shaped

import numpy as np

from elman_np.arrays import Array
from elman_np.cell import Activation
from elman_np.checking.balls import Ball, Unit, dot, in_bounds, quietly
from elman_np.checking.bounds import phi_ball, rule_of, sums
from elman_np.parameters import Parameters
from elman_np.recurrence import PLAIN, Recurrence


@quietly
def step_balls(
    params: Parameters,
    x: Shaped[Array, "T B I"],
    h_0: Shaped[Array, "B H"],
    recurrence: Recurrence,
    dh_n: Shaped[Array, "B H"],
    h: Shaped[Array, "T B H"],
    da: Shaped[Array, "T B H"],
    dy: Shaped[Array, "T B O"],
) -> dict[str, Ball]:
    """Put a program's own states, and its own gradients, through one exact step each.

    However much the whole sequence amplifies, one step does not: a right program lands within one
    step's rounding of its own next state.

    Parameters
    ----------
    params, x, h_0, recurrence, dh_n
        The problem.
    h, da, dy
        What the program found: states, gradients of the pre-activations, and upstream gradients.

    Returns
    -------
    dict
        Balls of `h`, `da`, `y`, `h_n`, `dw_x`, `dw_h`, `db_h`, `dw_y`, `db_y`, `dx` and `dh_0`, in which the
        program's own must lie. `da` is for programs that take the slope from h alone, `da, any form` for
        all right ones.
    """
    unit, steps = Unit.of(params.dtype), len(x)
    w_x, w_h, b_h, w_y, b_y = map(unit.exact, params)
    inputs, upstream, state, gradient = (unit.exact(z) for z in (x, dy, h, da))
    every = recurrence.reset_every or max(steps, 1)
    # (8.18)
    before = np.concatenate([h_0[None], h])[:-1]
    before[::every] = h_0
    a = dot([(inputs, w_x.T), (unit.exact(before), w_h.T)], [b_h], more=1)
    following, _, _ = phi_ball(a, recurrence.activation)

    after = np.concatenate([da, np.zeros_like(h_0)[None]])
    after[:: recurrence.chunk or every] = 0
    from_end = np.concatenate([np.zeros_like(h), dh_n[None]])[1:]
    # (8.19)
    dh = dot([(upstream, w_y), (unit.exact(after[1:]), w_h)], [unit.exact(from_end)])
    any_form = dh * rule_of(recurrence.activation).slope(state, state)

    starts = [(gradient[t], w_h) for t in range(0, steps, every)]
    return {
        f"d{name}": ball
        for name, ball in sums(params, inputs, unit.exact(before), state, upstream, gradient).items()
    } | {
        "h": following,
        "y": dot([(state, w_y.T)], [b_y]),
        "h_n": unit.exact(h[-1] if steps else h_0),
        "da": dh * known_slope(h, recurrence.activation),
        "da, any form": any_form,
        "dh_0": dot(starts, [] if steps else [unit.exact(dh_n)]),
    }


def known_slope(h: Shaped[Array, "..."], activation: Activation) -> Ball:
    """Follow the slope of a state that is known, in the forms that take it from h alone.

    Where h is near 1, `1 - h*h` loses nearly all digits to the rounding of the square. But the square of a
    known number is rounded in a known way.
    """
    unit = Unit.of(h.dtype)
    if activation != "tanh":
        state = unit.exact(h)
        return rule_of(activation).slope(state, state)
    square, lost = rounded_square(h)
    # (8.19b)
    mid = (1 - square.astype(unit.long)) - lost
    return unit.rounded(mid, np.abs(lost), 3)


def rounded_square(h: Shaped[Array, "..."]) -> tuple[Shaped[Array, "..."], Shaped[Array, "..."]]:
    """Return the rounded square of each number, and what it lacks of the square, exactly."""
    square = h * h
    if h.dtype == np.float32:
        return square, h.astype(np.float64) ** 2 - square
    # (8.19c)
    shifted = h * (2.0**27 + 1)
    high = shifted - (shifted - h)
    low = h - high
    lost = ((high * high - square) + 2 * high * low) + low * low

    return square, lost


def residuals(
    params: Parameters,
    x: Shaped[Array, "T B I"],
    h_0: Shaped[Array, "B H"],
    dy: Shaped[Array, "T B O"],
    own: Mapping[str, Array],
    recurrence: Recurrence = PLAIN,
    dh_n: Shaped[Array, "B H"] | None = None,
) -> dict[str, float]:
    """Return how far a program is from one exact step of its own states and gradients, in radii.

    Parameters
    ----------
    params, x, h_0, dy, recurrence, dh_n
        The problem; `dy` as the program had it.
    own : mapping
        What the program found, by the names of `step_balls`; `h` and `da` at least.

    Returns
    -------
    dict
        For each entry of `own` the largest distance: above 1, the program is wrong.
    """
    last = np.zeros_like(h_0) if dh_n is None else dh_n
    balls = step_balls(params, x, h_0, recurrence, last, own["h"], own["da"], dy)
    found = {name: largest_distance(value, balls[name]) for name, value in own.items()}
    return found | {"da": min(found["da"], largest_distance(own["da"], balls["da, any form"]))}


def largest_distance(value: Array, ball: Ball) -> float:
    """Return the largest distance of an array from the middle of its ball, in radii."""
    return float(np.max(in_bounds(value.astype(ball.unit.long), ball.mid, ball.rad), initial=0))
