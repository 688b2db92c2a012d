"""How far two correct programs may differ: rounding-error bounds that are computed with the problem.

Every quantity of the forward pass, of back-propagation and of Adam is followed as a `Ball` (`balls.py`):
its value in longer arithmetic, and a radius within which every program lies that computes it in the given
dtype, in whatever order it adds. Two such programs differ by at most twice the radius.
`docs/floating_point.md` derives the rules. Nothing here calls the code that it judges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from elman_np.adam import AdamOptions
from elman_np.arrays import Array
from elman_np.cell import Activation
from elman_np.checking.balls import GROWTH, Ball, Terms, Unit, count, dot, stack
from elman_np.parameters import Parameters
from elman_np.recurrence import Recurrence

if TYPE_CHECKING:
    from jaxtyping import Shaped

__all__ = [
    "AdamBall",
    "Ball",
    "ForwardBall",
    "Unit",
    "adam_ball",
    "backward_ball",
    "forward_ball",
    "mse_ball",
    "step_balls",
]

TANH_ULPS = 4
"""Error allowed to a library's tanh, in units in the last place; the best known are below 2."""

KEPT = 2**18
"""Entries of signed products that a `Chain` keeps: the memory and the time that a sharper radius may cost."""

quietly = np.errstate(over="ignore", invalid="ignore", divide="ignore")


class Chain:
    """The error of a state that each step multiplies by one matrix and then by a slope.

    Seen from a step, every step before it has added an error of its own, and a product of matrices has
    brought it here. The signs in these products are kept, so that what contracts is seen to contract;
    absolute values are taken at the end.

    Parameters
    ----------
    matrix : Ball (H, H)
        What the rows of the state are multiplied by, exact.
    start : Ball (B, H)
        State before the first step, exact.
    kept : int
        How many entries of products to keep. Older ones are folded into one new error; if not even one
        step's fit in, the error is carried without signs.
    """

    def __init__(self, matrix: Ball, start: Ball, kept: int) -> None:
        self.matrix, self.zero = matrix, start.rad
        self.rows = kept // max(start.rad.size, 1)
        self.signed = self.rows >= len(matrix.mid)
        self.clear()

    def clear(self) -> None:
        """Forget all errors: the state is exact again."""
        batch, hidden = self.zero.shape
        self.products = np.zeros((batch, 0, hidden))
        self.sizes = np.zeros((batch, 0))
        self.total = self.carried = self.fresh = self.zero

    def product(self, state: Ball, terms: Terms = (), plus: Sequence[Ball] = (), more: int = 0) -> Ball:
        """Return `state @ matrix + terms + plus` as `dot` does, with the smaller of two radii."""
        whole = [*terms, (state, self.matrix)]
        if not self.signed:
            return dot(whole, plus, more)
        matrix, unit = np.abs(self.matrix.mid), state.unit
        fixed = dot([*terms, (state.middle, self.matrix)], plus, more)
        # (8.12)
        plain = state.rad @ matrix
        fresh = fixed.rad + unit.rounding(plain, count(whole, plus, more))

        # (8.13)
        self.products = self.products @ self.matrix.mid.astype(np.float64)
        self.carried = _folded(self.sizes, self.products)
        lost = unit.rounding(self.total @ matrix, len(matrix) + 2)

        # (8.14)
        rad = fresh + np.fmin(plain, self.carried + lost)
        self.fresh = fresh + lost

        return unit.rounded(fixed.mid, rad, n=0)

    def pass_slope(self, slope: Array, own: Array) -> None:
        """Go through the slope, which adds an error of its own."""
        if not self.signed:
            return
        # (8.15)
        new = slope * self.fresh + own
        self.total = slope * self.carried + new
        self.products = self.products * slope[:, None].astype(np.float64)

        batch, rows, hidden = self.products.shape
        old = max(rows + hidden - self.rows, 0)
        new = new + _folded(self.sizes[:, :old], self.products[:, :old])
        unity = np.broadcast_to(np.eye(hidden), (batch, hidden, hidden))
        self.products = np.concatenate([self.products[:, old:], unity], axis=1)
        rounded_up = np.nextafter(new.astype(np.float64), np.inf)
        self.sizes = np.concatenate([self.sizes[:, old:], rounded_up], axis=1)


def _folded(sizes: Array, products: Array) -> Array:
    folded: Array = (sizes[:, None] @ np.abs(products))[:, 0] * GROWTH
    return folded


def phi_ball(a: Ball, activation: Activation) -> tuple[Ball, Ball, Array]:
    """Follow the activation, and its derivative as programs compute it.

    Returns
    -------
    h, slope : Ball
        phi(a) and phi'(a).
    own : array
        The part of `h`'s radius that is not `slope.mid` times that of `a`.
    """
    if activation == "tanh":
        h, reach = np.tanh(a.mid), 2.0
        slope, n = 1 - h * h, 2 * TANH_ULPS
        # (8.7)
        bend = 0.385 * a.rad**2

    else:
        h, reach = np.maximum(a.mid, 0), np.inf
        slope, n = np.asarray(~(a.mid <= 0), a.mid.dtype), 0
        # (8.8)
        bend = np.maximum(a.rad - np.abs(a.mid), 0)

    # (8.9)
    rad = np.fmin(slope * a.rad + bend, np.minimum(a.rad, reach))
    state = a.unit.rounded(h, rad, n)
    own = bend + a.unit.rounding(state.mag, n)

    return state, slope_ball(a, state, activation), own


def slope_ball(a: Ball, h: Ball, activation: Activation) -> Ball:
    """Follow the derivative of the activation, as programs compute it from `h`."""
    if activation == "tanh":
        # (8.10)
        slope = a.unit.exact(1.0) - h * h

    else:
        # (8.11)
        uncertain = (np.abs(a.mid) <= a.rad) & (a.rad > 0)
        slope = Ball(np.asarray(~(a.mid <= 0), a.mid.dtype), np.asarray(uncertain, a.mid.dtype), a.unit)

    return slope


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
    reset_every: int | None
    chunk: int | None
    kept: int


@quietly
def forward_ball(
    params: Parameters,
    x: Shaped[Array, "T B I"],
    h_0: Shaped[Array, "B H"],
    *,
    activation: Activation = "tanh",
    reset_every: int | None = None,
    chunk: int | None = None,
    kept: int = KEPT,
) -> ForwardBall:
    """Follow the forward pass; arguments as those of `elman_np.forward`, and `Chain`'s `kept`."""
    unit = Unit.of(params.dtype)
    w_x, w_h, b_h, w_y, b_y = map(unit.exact, params)
    inputs, first = unit.exact(x), unit.exact(h_0)
    chain = Chain(w_h.T, first, kept)
    h, states, before, slopes, outputs = first, [], [], [], []
    for t in range(len(x)):
        if reset_every is not None and t % reset_every == 0:
            h = first
            chain.clear()
        before.append(h)
        a = chain.product(h, [(inputs[t], w_x.T)], [b_h], more=1)
        h, slope, own = phi_ball(a, activation)
        chain.pass_slope(slope.mid, own)
        states.append(h)
        slopes.append(slope)
        outputs.append(dot([(h, w_y.T)], [b_y]))
    y = stack(outputs, dot([(first, w_y.T)], [b_y]))
    taped = [stack(balls, first) for balls in (before, states, slopes)]
    return ForwardBall(y, h, params, inputs, taped[0], taped[1], taped[2], reset_every, chunk, kept)


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
    unit, params, steps = dy.unit, forward.params, len(dy.mid)
    _, w_h, _, w_y, _ = map(unit.exact, params)
    zero = unit.exact(np.zeros(forward.h_n.mid.shape))
    last = zero if dh_n is None else unit.exact(dh_n)
    chain = Chain(w_h, zero, forward.kept)
    da, das, firsts = zero, [], []
    for t in reversed(range(steps)):
        dh = chain.product(da, [(dy[t], w_y)], [last] if t == steps - 1 else [])
        # (8.16)
        da = dh * forward.slope[t]
        own = dh.mag * forward.slope[t].rad + unit.rounding(da.mag, 1)

        chain.pass_slope(forward.slope[t].mid, own)
        das.append(da)
        starts = forward.reset_every is not None and t % forward.reset_every == 0
        if starts or (forward.reset_every is None and t == 0):
            firsts.append(chain.product(da))
        if starts or (forward.chunk is not None and t % forward.chunk == 0):
            da = zero
            chain.clear()
    dh_0 = dot([], firsts or [last])
    return _sums(params, forward.x, forward.before, forward.h, dy, stack(das[::-1], zero)) | {"h_0": dh_0}


def _sums(params: Parameters, x: Ball, before: Ball, h: Ball, dy: Ball, da: Ball) -> dict[str, Ball]:
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
        program's own must lie.
    """
    unit, steps, first = Unit.of(params.dtype), len(x), np.zeros(len(x), bool)
    w_x, w_h, b_h, w_y, b_y = map(unit.exact, params)
    inputs, upstream, state, gradient = (unit.exact(z) for z in (x, dy, h, da))
    first[:: recurrence.reset_every or max(steps, 1)] = True
    # (8.18)
    before = unit.exact(np.where(first[:, None, None], h_0, np.concatenate([h_0[None], h])[:-1]))
    a = dot([(inputs, w_x.T), (before, w_h.T)], [b_h], more=1)
    next_state, _, _ = phi_ball(a, recurrence.activation)

    last = np.roll(first, -1)
    if recurrence.chunk is not None:
        last[recurrence.chunk - 1 :: recurrence.chunk] = True
    zero = np.zeros_like(h_0)
    after = np.where(last[:, None, None], 0, np.concatenate([da, zero[None]])[1:])
    from_end = np.concatenate([np.zeros_like(h), dh_n[None]])[1:]
    # (8.19)
    dh = dot([(upstream, w_y), (unit.exact(after), w_h)], [unit.exact(from_end)])
    before_slope = dh * slope_ball(state, state, recurrence.activation)

    sums = _sums(params, inputs, before, state, upstream, gradient)
    starts = [dot([(gradient[int(t)], w_h)]) for t in np.flatnonzero(first)]
    return {f"d{name}": ball for name, ball in sums.items()} | {
        "h": next_state,
        "y": dot([(state, w_y.T)], [b_y]),
        "h_n": unit.exact(h[-1] if steps else h_0),
        "da": before_slope,
        "dh_0": dot([], starts) if steps else unit.exact(dh_n),
    }


@dataclass(frozen=True)
class AdamBall:
    """Balls of one array under Adam, and of its state."""

    p: Ball
    m: Ball
    v: Ball
    v_max: Ball

    @classmethod
    def start(
        cls, p: Array, m: Array | None = None, v: Array | None = None, v_max: Array | None = None
    ) -> AdamBall:
        """Start from a parameter and a state that every program has exactly; zeros if left out."""
        unit = Unit.of(p.dtype)
        return cls(*(unit.exact(np.zeros_like(p) if z is None else z) for z in (p, m, v, v_max)))


@quietly
def adam_ball(state: AdamBall, g: Ball, step: int, options: AdamOptions) -> AdamBall:
    """Follow one update of Adam, computed as `adam_step` writes it or as PyTorch's three forms do."""
    p, unit, (beta_1, beta_2) = state.p, g.unit, options.betas
    if options.maximize:
        g = -g
    if options.weight_decay and options.decoupled:
        p = p * (1 - options.lr * options.weight_decay)
    elif options.weight_decay:
        g = g + p * options.weight_decay
    # (8.20)
    m = state.m * beta_1 + g * (1 - beta_1)
    m = unit.rounded(m.mid, m.rad, 3, (1 - beta_1) * (g.mag + state.m.mag))

    # (8.21)
    v = state.v * beta_2 + g * g * (1 - beta_2)
    v_max = state.v_max.maximum(v) if options.amsgrad else v

    # (8.22)
    root = v_max.sqrt() / _correction(beta_2, step, unit).sqrt()
    update = m / _correction(beta_1, step, unit) * options.lr / (root + options.eps)

    return AdamBall(p - update, m, v, v_max)


def _correction(beta: float, step: int, unit: Unit) -> Ball:
    """1 - beta^step, which every program computes in float64, and then brings into its dtype."""
    # (8.23)
    power = np.power(unit.long.type(beta), step)
    value = np.asarray(1 - power, unit.long)
    rad = np.finfo(np.float64).eps * (2 * power + value)

    return unit.rounded(value, np.asarray(rad, unit.long), n=1)
