"""How far two correct programs may differ: rounding-error bounds that are computed with the problem.

Every quantity of the forward pass, of back-propagation and of Adam is followed as a `Ball`: its value in
longer arithmetic, and a radius within which every program lies that computes it in the given dtype, in
whatever order it adds. Two such programs differ by at most twice the radius (8.1). `docs/floating_point.md`
derives the rules. Nothing here calls the code that it judges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from elman_np.adam import AdamOptions
from elman_np.cell import Activation
from elman_np.parameters import Array, Parameters

if TYPE_CHECKING:
    from jaxtyping import Shaped
    from numpy.typing import DTypeLike

Number: TypeAlias = float | np.floating[Any] | Array

TANH_ULPS = 4
"""Error allowed to a library's tanh, in units in the last place; the best known are below 2."""


@dataclass(frozen=True)
class Unit:
    """Rounding in one dtype, seen from the longer dtype that the balls are computed in.

    `u` is the largest relative error of one operation; that of the longer arithmetic is added, so that
    what is said of exact values holds for the computed middles. `tiny` is the largest absolute error where
    a result is too small for the relative one.
    """

    u: float
    tiny: float
    long: np.dtype[Any]

    @classmethod
    def of(cls, dtype: DTypeLike) -> Unit:
        """Take float64 as the longer arithmetic of float32, and long double as that of float64."""
        if dtype == np.float32:
            return cls._between(np.finfo(np.float32), np.finfo(np.float64))
        return cls._between(np.finfo(np.float64), np.finfo(np.longdouble))

    @classmethod
    def _between(cls, short: np.finfo[Any], long: np.finfo[Any]) -> Unit:
        return cls(float(short.eps + long.eps) / 2, float(short.smallest_subnormal), long.dtype)

    def rounding(self, magnitude: Array, n: int) -> Array:
        """Error of `n` roundings in a row of something at most as large as `magnitude`."""
        # (8.2)
        gamma = n * self.u / (1 - n * self.u)
        error: Array = gamma * magnitude + n * self.tiny * (magnitude > 0)

        return error

    def exact(self, value: Number) -> Ball:
        """Return a given number, which every program has exactly."""
        mid = np.asarray(value, self.long)
        return Ball(mid, np.zeros_like(mid), self)


@dataclass(frozen=True, eq=False)
class Ball:
    """Every program's value of a quantity is within `rad` of `mid`.

    The operators add the error of one rounding, and so does a plain number beside them, which a program
    must first bring into its dtype.
    """

    mid: Array
    rad: Array
    unit: Unit

    @property
    def mag(self) -> Array:
        """The largest magnitude that a program may have here."""
        magnitude: Array = np.abs(self.mid) + self.rad
        return magnitude

    def _rounded(self, mid: Array, rad: Array, n: int = 1) -> Ball:
        return Ball(mid, rad + self.unit.rounding(np.abs(mid) + rad, n), self.unit)

    def _ball(self, other: Ball | float) -> Ball:
        if isinstance(other, Ball):
            return other
        mid = np.asarray(other, self.unit.long)
        return self._rounded(mid, np.zeros_like(mid))

    def __neg__(self) -> Ball:
        return Ball(-self.mid, self.rad, self.unit)

    def __add__(self, other: Ball | float) -> Ball:
        # (8.3)
        other = self._ball(other)
        return self._rounded(self.mid + other.mid, self.rad + other.rad)

    def __sub__(self, other: Ball | float) -> Ball:
        return self + -self._ball(other)

    def __mul__(self, other: Ball | float) -> Ball:
        # (8.4)
        other = self._ball(other)
        rad = np.abs(self.mid) * other.rad + self.rad * other.mag
        return self._rounded(self.mid * other.mid, rad)

    def __truediv__(self, other: Ball | float) -> Ball:
        # (8.5)
        other = self._ball(other)
        least = np.abs(other.mid) - other.rad
        quotient = self.mid / other.mid
        rad = (self.rad + np.abs(quotient) * other.rad) / np.where(least > 0, least, np.nan)
        return self._rounded(quotient, np.where(np.isnan(rad), np.inf, rad))

    def sqrt(self) -> Ball:
        """Root of a quantity that is never negative; some libraries round it twice."""
        # (8.6)
        root = np.sqrt(self.mid)
        rad = np.minimum(np.sqrt(self.rad), self.rad / np.where(root > 0, root, 1))
        rad = np.where(root > 0, rad, np.sqrt(self.rad))
        return self._rounded(root, rad, n=2)

    def maximum(self, other: Ball) -> Ball:
        """Elementwise maximum; nothing is rounded."""
        return Ball(np.maximum(self.mid, other.mid), np.maximum(self.rad, other.rad), self.unit)

    def __getitem__(self, index: int | tuple[int, int] | slice | None) -> Ball:
        return Ball(self.mid[index], self.rad[index], self.unit)

    def reshape(self, *shape: int) -> Ball:
        """Return the same ball in another shape."""
        return Ball(self.mid.reshape(shape), self.rad.reshape(shape), self.unit)

    @property
    def T(self) -> Ball:
        """The transpose."""
        return Ball(self.mid.T, self.rad.T, self.unit)


def dot(terms: Sequence[tuple[Ball, Ball]], plus: Sequence[Ball] = (), more: int = 0) -> Ball:
    """Sum of matrix products and of further terms, added in any order, fused or not.

    Parameters
    ----------
    terms : pairs of balls (..., K), (K, M)
    plus : balls that broadcast to (..., M)
    more : int
        Further additions that some program needs: a second bias, say.
    """
    n = sum(len(b.mid) for _, b in terms) + len(plus) + more
    unit = (terms[0][0] if terms else plus[0]).unit
    zero = unit.long.type(0)
    # (8.7)
    mid = sum((a.mid @ b.mid for a, b in terms), zero) + sum((c.mid for c in plus), zero)
    rad = sum((np.abs(a.mid) @ b.rad + a.rad @ b.mag for a, b in terms), zero) + sum(
        (c.rad for c in plus), zero
    )
    magnitude = sum((a.mag @ b.mag for a, b in terms), zero) + sum((c.mag for c in plus), zero)

    return Ball(np.asarray(mid), rad + unit.rounding(np.asarray(magnitude), n), unit)


def stack(balls: Sequence[Ball], like: Ball) -> Ball:
    """Stack balls along a new first axis; none of them gives an empty one of `like`'s shape."""
    if not balls:
        return like[None][:0]
    return Ball(np.stack([b.mid for b in balls]), np.stack([b.rad for b in balls]), balls[0].unit)


def phi_ball(a: Ball, activation: Activation) -> tuple[Ball, Ball]:
    """Follow the activation, and its derivative as programs compute it: h and phi'(a)."""
    unit = a.unit
    if activation == "tanh":
        h = np.tanh(a.mid)
        # (8.8)
        least = np.maximum(np.abs(h) - a.rad, 0)
        steepest = (1 - least) * (1 + least)
        rad = np.minimum(steepest * a.rad, 2)
        rad = rad + unit.rounding(np.abs(h) + rad, 2 * TANH_ULPS)

        # (8.9)
        squared = 2 * np.abs(h) * rad + rad * rad
        squared = squared + unit.rounding(h * h + squared, 1)
        slope = (1 - h) * (1 + h)
        slope_rad = squared + unit.rounding(np.abs(slope) + squared, 1)

    else:
        # (8.10)
        h = np.maximum(a.mid, 0)
        rad = np.where(a.mid > -a.rad, a.rad, 0)
        slope = np.asarray(a.mid > 0, unit.long)
        slope_rad = np.asarray((np.abs(a.mid) <= a.rad) & (a.rad > 0), unit.long)

    return Ball(h, rad, unit), Ball(slope, slope_rad, unit)


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


def forward_ball(
    params: Parameters,
    x: Shaped[Array, "T B I"],
    h_0: Shaped[Array, "B H"],
    *,
    activation: Activation = "tanh",
    reset_every: int | None = None,
    chunk: int | None = None,
) -> ForwardBall:
    """Follow the forward pass; arguments as those of `elman_np.forward`."""
    unit = Unit.of(params.dtype)
    w_x, w_h, b_h, w_y, b_y = map(unit.exact, params)
    inputs, first = unit.exact(x), unit.exact(h_0)
    h, states, before, slopes, outputs = first, [], [], [], []
    for t in range(len(x)):
        if reset_every is not None and t % reset_every == 0:
            h = first
        before.append(h)
        a = dot([(inputs[t], w_x.T), (h, w_h.T)], [b_h], more=1)
        h, slope = phi_ball(a, activation)
        states.append(h)
        slopes.append(slope)
        outputs.append(dot([(h, w_y.T)], [b_y]))
    y = stack(outputs, dot([(first, w_y.T)], [b_y]))
    kept = [stack(balls, first) for balls in (before, states, slopes)]
    return ForwardBall(y, h, params, inputs, kept[0], kept[1], kept[2], reset_every, chunk)


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
    w_x, w_h, _, w_y, _ = map(unit.exact, params)
    zero = unit.exact(np.zeros(forward.h_n.mid.shape))
    last = zero if dh_n is None else unit.exact(dh_n)
    da, das, firsts = zero, [], []
    for t in reversed(range(steps)):
        da = dot([(dy[t], w_y), (da, w_h)], [last] if t == steps - 1 else []) * forward.slope[t]
        das.append(da)
        if forward.reset_every is not None and t % forward.reset_every == 0:
            firsts.append(dot([(da, w_h)]))
            da = zero
        elif forward.chunk is not None and t > 0 and t % forward.chunk == 0:
            da = zero
    if steps == 0:
        firsts = [last]
    elif forward.reset_every is None:
        firsts = [dot([(da, w_h)])]
    dh_0 = dot([], firsts)
    da = stack(das[::-1], zero)
    return {**_sums(forward, dy, da), "x": dot([(da, w_x)]), "h_0": dh_0}


def _sums(forward: ForwardBall, dy: Ball, da: Ball) -> dict[str, Ball]:
    rows = len(dy.mid) * dy.mid.shape[1]

    def flat(z: Ball) -> Ball:
        return z.reshape(rows, z.mid.shape[-1])

    ones = dy.unit.exact(np.ones((1, rows)))
    return {
        "w_x": dot([(flat(da).T, flat(forward.x))]),
        "w_h": dot([(flat(da).T, flat(forward.before))]),
        "b_h": dot([(ones, flat(da))])[0],
        "w_y": dot([(flat(dy).T, flat(forward.h))]),
        "b_y": dot([(ones, flat(dy))])[0],
    }


def mse_ball(y: Ball, target: Shaped[Array, "*shape"]) -> tuple[Ball, Ball]:
    """Follow the mean squared error and its gradient."""
    residual = y - y.unit.exact(target)
    n = residual.mid.size
    square = residual * residual
    total = dot([(y.unit.exact(np.ones((1, n))), square.reshape(n, 1))])
    return (total / float(n))[0, 0], residual * (2 / n)


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


def adam_ball(state: AdamBall, g: Ball, step: int, options: AdamOptions) -> AdamBall:
    """Follow one update of Adam, computed as `adam_step` writes it or as PyTorch's three forms do."""
    p, unit, (beta_1, beta_2) = state.p, g.unit, options.betas
    if options.maximize:
        g = -g
    if options.weight_decay and options.decoupled:
        p = p * (1 - options.lr * options.weight_decay)
    elif options.weight_decay:
        g = g + p * options.weight_decay
    m = state.m * beta_1 + g * (1 - beta_1)
    # PyTorch writes m + (1 - beta_1) (g - m): the same sum, in which m is there twice.
    twice = unit.rounding((1 - beta_1) * (g.mag + state.m.mag), 3)
    m = Ball(m.mid, m.rad + twice, unit)
    v = state.v * beta_2 + g * g * (1 - beta_2)
    v_max = state.v_max.maximum(v) if options.amsgrad else v
    root = v_max.sqrt() / _correction(beta_2, step, unit).sqrt()
    update = m / _correction(beta_1, step, unit) * options.lr / (root + options.eps)
    return AdamBall(p - update, m, v, v_max)


def _correction(beta: float, step: int, unit: Unit) -> Ball:
    """1 - beta^step, which every program computes in float64."""
    double = np.finfo(np.float64).eps
    power = np.power(unit.long.type(beta), step)
    value = np.asarray(1 - power, unit.long)
    return Ball(value, np.asarray(double * (power + value), unit.long) + unit.u * value, unit)
