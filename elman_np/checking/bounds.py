"""How far two right programs may differ: rounding-error bounds that are computed with the problem.

Every quantity of the forward pass and of back-propagation is followed as a `Ball` (`balls.py`): its value in
longer arithmetic, and a radius within which every right program lies. Two such programs differ by at most
twice the radius. `docs/floating_point.md` derives the rules. Nothing here calls the code that it judges.

A program is right if it computes in the given dtype, rounds each +, -, * and / to nearest, keeps subnormal
numbers, and otherwise does as it likes: any order of a sum, fused or not; a tanh within 4 units in the last
place; tanh's slope as `1 - h*h` or `(1 - h)*(1 + h)`, or da as `(g + g*h)*(1 - h)`; Adam as in
`adam_bounds.py`. What might overflow in some order has an infinite radius.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated as Shaped

import numpy as np

from elman_np.arrays import Array
from elman_np.cell import Activation
from elman_np.checking.adam_bounds import AdamBall, adam_ball
from elman_np.checking.balls import Ball, Unit, dot, join, quietly, stack
from elman_np.checking.chains import KEPT, Chain, slices
from elman_np.parameters import Parameters
from elman_np.recurrence import PLAIN, Recurrence

__all__ = [
    "AdamBall",
    "Ball",
    "ForwardBall",
    "Unit",
    "adam_ball",
    "backward_ball",
    "forward_ball",
    "mse_ball",
]

TANH_ULPS = 4
"""Error allowed to a library's tanh, in units in the last place; the best known are below 2."""


class _Tanh:
    """A library's tanh, and its slope from the state."""

    phi, reach, roundings = np.tanh, 2.0, 2 * TANH_ULPS

    @staticmethod
    def bend(a: Ball) -> Array:
        # (8.7)
        bend = 0.385 * a.rad**2

        return np.asarray(bend)

    @staticmethod
    def slope(a: Ball, h: Ball) -> Ball:
        # (8.10)
        slope = a.unit.exact(1.0) - h * h
        return a.unit.rounded(slope.mid, slope.rad + a.unit.rounding(h.mag, 1), 2)


class _Relu:
    """The larger of a and 0: nothing is rounded, but a sign may be wrong."""

    phi, reach, roundings = staticmethod(lambda a: np.maximum(a, 0)), np.inf, 0

    @staticmethod
    def bend(a: Ball) -> Array:
        # (8.8)
        bend = np.maximum(a.rad - np.abs(a.mid), 0)

        return np.asarray(bend)

    @staticmethod
    def slope(a: Ball, h: Ball) -> Ball:
        # (8.11)
        certain = (np.abs(a.mid) > a.rad) | (a.rad == 0)
        return Ball(np.asarray(~(a.mid <= 0), a.mid.dtype), np.where(certain, 0.0, 1.0), a.unit)


RULES: dict[str, type[_Tanh] | type[_Relu]] = {"tanh": _Tanh, "relu": _Relu}
"""What the bounds know of each activation; nothing of it is taken from the network that they judge."""


def rule_of(activation: str) -> type[_Tanh] | type[_Relu]:
    if activation not in RULES:
        raise ValueError(f"activation: expected {' or '.join(map(repr, RULES))}, got {activation!r}")
    return RULES[activation]


def phi_ball(a: Ball, activation: Activation) -> tuple[Ball, Ball, Array]:
    """Follow the activation, and its derivative as programs compute it.

    Returns
    -------
    h, slope : Ball
        phi(a) and phi'(a).
    own : array
        The part of `h`'s radius that is not `slope.mid` times that of `a`.
    """
    rule = rule_of(activation)
    h, bend, reach, n = rule.phi(a.mid), rule.bend(a), rule.reach, rule.roundings
    slope = rule.slope(a, a.unit.exact(h)).mid
    # (8.9)
    rad = np.fmin(slope * a.rad + bend, np.minimum(a.rad, reach))
    state = a.unit.rounded(h, rad, n)
    own = bend + a.unit.rounding(state.mag, n)

    return state, rule.slope(a, state), own


@dataclass(frozen=True)
class ForwardBall:
    """Balls of a forward pass, and what `backward_ball` needs."""

    y: Ball
    h_n: Ball
    params: Parameters
    x: Ball
    before: Ball
    """h_{t-1} as step t met it, so h_0 after a reset: (T, B, H)."""
    h: Ball
    slope: Ball
    recurrence: Recurrence
    kept: int


@quietly
def forward_ball(
    params: Parameters,
    x: Shaped[Array, "T B I"],
    h_0: Shaped[Array, "B H"],
    recurrence: Recurrence = PLAIN,
    *,
    kept: int = KEPT,
) -> ForwardBall:
    """Follow the forward pass.

    Parameters
    ----------
    params, x, h_0
        As in `elman_np.forward`.
    recurrence : Recurrence
        Activation and truncation.
    kept : int
        How many entries of matrices of errors to keep at once: memory and speed depend on it, the radius
        does not. But 0 keeps no signs: see `Chain`.

    Raises
    ------
    TypeError
        If the dtype is neither float32 nor float64.
    """
    parts = [
        _forward_rows(params, x[:, rows], h_0[rows], recurrence, kept)
        for rows in slices(len(h_0), params.hidden_size, kept)
    ]
    balls = [join(balls, axis=1) for balls in list(zip(*parts, strict=True))[:-1]]
    h_n = join([part[-1] for part in parts], axis=0)
    inputs, (y, before, h, slope) = Unit.of(params.dtype).exact(x), balls
    return ForwardBall(y, h_n, params, inputs, before, h, slope, recurrence, kept)


def _forward_rows(
    params: Parameters, x: Array, h_0: Array, recurrence: Recurrence, kept: int
) -> tuple[Ball, ...]:
    """Follow some rows of the batch forward: `y`, `before`, `h`, `slope`, and `h_n`."""
    unit, every = Unit.of(params.dtype), recurrence.reset_every or max(len(x), 1)
    w_x, w_h, b_h, w_y, b_y = map(unit.exact, params)
    inputs, first = unit.exact(x), unit.exact(h_0)
    chain = Chain(w_h.T, first, signed=kept > 0)
    h, states, before, slopes, outputs = first, [], [], [], []
    for t in range(len(x)):
        if t % every == 0:
            h = first
            chain.clear()
        before.append(h)
        a = chain.product(h, [(inputs[t], w_x.T)], [b_h], more=1)
        h, slope, own = phi_ball(a, recurrence.activation)
        chain.pass_slope(slope.mid, own)
        states.append(h)
        slopes.append(slope)
        outputs.append(dot([(h, w_y.T)], [b_y]))
    y = stack(outputs, dot([(first, w_y.T)], [b_y]))
    return (y, *(stack(balls, first) for balls in (before, states, slopes)), h)


@quietly
def backward_ball(
    forward: ForwardBall, dy: Ball, dh_n: Shaped[Array, "B H"] | None = None
) -> dict[str, Ball]:
    """Follow back-propagation: balls of the five parameters' gradients, of `x` and of `h_0`.

    Parameters
    ----------
    forward : ForwardBall
    dy : Ball (T, B, O)
        Upstream gradient: `Unit.exact` of a given one, or from `mse_ball`.
    dh_n : array (B, H), optional
    """
    unit, batch = dy.unit, dy.mid.shape[1]
    last = unit.exact(np.zeros(forward.h_n.mid.shape) if dh_n is None else dh_n)
    parts = [
        _backward_rows(forward, dy[:, rows], last[rows], forward.slope[:, rows])
        for rows in slices(batch, last.mid.shape[1], forward.kept)
    ]
    da, dh_0 = join([da for da, _ in parts], axis=1), join([dh_0 for _, dh_0 in parts], axis=0)
    return sums(forward.params, forward.x, forward.before, forward.h, dy, da) | {"h_0": dh_0}


def _backward_rows(forward: ForwardBall, dy: Ball, last: Ball, slope: Ball) -> tuple[Ball, Ball]:
    """Follow some rows of the batch back: `da` and `dh_0`."""
    unit, steps, reset_every = dy.unit, len(dy.mid), forward.recurrence.reset_every
    every = reset_every or forward.recurrence.chunk or max(steps, 1)
    _, w_h, _, w_y, _ = map(unit.exact, forward.params)
    da = zero = unit.exact(np.zeros(last.mid.shape))
    chain = Chain(w_h, zero, signed=forward.kept > 0)
    das, firsts = [], []
    for t in reversed(range(steps)):
        dh = chain.product(da, [(dy[t], w_y)], [last] if t == steps - 1 else [])
        # (8.16)
        da = dh * slope[t]
        own = dh.mag * slope[t].rad + unit.rounding(da.mag, 1)

        chain.pass_slope(slope[t].mid, own)
        das.append(da)
        if t == 0 or (reset_every is not None and t % every == 0):
            firsts.append(chain.product(da))
        if t % every == 0:
            da = zero
            chain.clear()
    return stack(das[::-1], zero), dot([], firsts or [last])


def sums(params: Parameters, x: Ball, before: Ball, h: Ball, dy: Ball, da: Ball) -> dict[str, Ball]:
    """Follow the sums over steps and batch, and the gradient of `x`."""
    rows = len(dy.mid) * dy.mid.shape[1]

    def flat(z: Ball) -> Ball:
        return z.reshape(rows, z.mid.shape[-1])

    ones = dy.unit.exact(np.ones((1, rows)))
    return {
        "w_x": dot([(flat(da).T, flat(x))]),
        "w_h": dot([(flat(da).T, flat(before))]),
        "b_h": dot([(ones, flat(da))])[0],
        "w_y": dot([(flat(dy).T, flat(h))]),
        "b_y": dot([(ones, flat(dy))])[0],
        "x": dot([(da, dy.unit.exact(params.w_x))]),
    }


@quietly
def mse_ball(y: Ball, target: Shaped[Array, "*shape"]) -> tuple[Ball, Ball]:
    """Follow the mean squared error and its gradient."""
    n = y.mid.size
    # (8.17)
    residual = y - y.unit.exact(target)
    square = residual * residual
    total = dot([(y.unit.exact(np.ones((1, n))), square.reshape(n, 1))])
    loss, dy = total / float(n), residual * (y.unit.long.type(2) / n)

    return loss[0, 0], dy
