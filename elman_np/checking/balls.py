"""Balls: a value in longer arithmetic, and how far from it every right program may be.

`docs/floating_point.md` derives the rules (8.1) to (8.6); `bounds.py` applies them to the network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from elman_np.arrays import Array

Number: TypeAlias = float | np.floating[Any] | Array

GROWTH = 1 + 2**-20
"""Every radius is made larger by a millionth: it is a sum of positive terms, and is rounded itself."""

quietly = np.errstate(over="ignore", invalid="ignore", divide="ignore")
"""An overflow makes a radius infinite, or not a number, which counts as infinite: no warning is needed."""


@dataclass(frozen=True)
class Unit:
    """Rounding in one dtype, seen from the longer dtype that the balls are computed in.

    `u` is the largest relative error of one operation. That of the longer arithmetic is added, so that a
    radius reaches from the computed middle. `tiny` is the largest absolute error where a result is too
    small for the relative one: the program's, the middle's, and that of the radius itself. What is not
    above `largest` overflows in no order of its terms. `long` is the dtype of a middle; a radius is
    float64.
    """

    u: float
    tiny: float
    largest: float
    long: np.dtype[Any]

    @classmethod
    def of(cls, dtype: DTypeLike) -> Unit:
        """Take float64 as the longer arithmetic of float32, and long double as that of float64.

        Where long double is float64 again (Windows, Apple silicon), the middle is one more right program:
        its unit counts like any other's, and the radius is about twice as large.

        Raises
        ------
        TypeError
            For any other dtype: nothing here is derived for it.
        """
        if dtype == np.float32:
            return cls._between(np.finfo(np.float32), np.finfo(np.float64))
        if dtype == np.float64:
            return cls._between(np.finfo(np.float64), np.finfo(np.longdouble))
        raise TypeError(f"dtype: expected float32 or float64, got {np.dtype(dtype)}")

    @classmethod
    def _between(cls, short: Any, long: Any) -> Unit:  # noqa: ANN401 (finfo, which is generic in new NumPy)
        tiny, largest = 4 * float(short.smallest_subnormal), float(short.max) / 2
        return cls(float(short.eps + long.eps) / 2, tiny, largest, long.dtype)

    def rounding(self, magnitude: Number, n: int) -> Array:
        """Error of `n` roundings in a row of something of at most `magnitude`; inf if that may overflow."""
        # (8.1)
        gamma = n * self.u / (1 - n * self.u) if n * self.u < 1 else np.inf
        error: Array = np.where(magnitude == 0, 0, gamma * magnitude + n * self.tiny)
        error[magnitude + error > self.largest] = np.inf

        return error

    def exact(self, value: Number) -> Ball:
        """Return a given number, which every program has exactly."""
        mid = np.asarray(value, self.long)
        return Ball(mid, np.zeros(mid.shape), self)

    def rounded(self, mid: Number, rad: Number, n: int, magnitude: Number | None = None) -> Ball:
        """Return what is within `rad` of `mid` before it is rounded `n` times."""
        magnitude = np.abs(mid) + rad if magnitude is None else magnitude
        rad = (rad + self.rounding(magnitude, n)) * GROWTH
        rad = np.where(np.isnan(rad), np.inf, rad).astype(np.float64)
        with np.errstate(over="ignore"):
            return Ball(np.asarray(mid), rad, self, np.asarray(magnitude).astype(np.float64))


@dataclass(frozen=True, eq=False)
class Ball:
    """Every program's value of a quantity is within `rad` of `mid`.

    The operators add the error of one rounding, and so does a plain number beside them, which a program
    must first bring into its dtype.
    """

    mid: Array
    rad: Array
    unit: Unit
    summed: Array | None = None
    """Of a sum, the sum of its absolute terms."""

    @property
    def terms(self) -> Array:
        """How large the terms were that came together here: more than the magnitude where they cancelled."""
        return self.mag if self.summed is None else self.summed

    def _each(self, change: Callable[[Array], Array]) -> Ball:
        summed = None if self.summed is None else np.asarray(change(self.summed))
        return Ball(np.asarray(change(self.mid)), np.asarray(change(self.rad)), self.unit, summed)

    @property
    def mag(self) -> Array:
        """The largest magnitude that a program may have here."""
        return np.asarray(self.size + self.rad)

    @property
    def size(self) -> Array:
        """The magnitude of the middle."""
        return np.asarray(np.abs(self.mid), np.float64)

    @property
    def middle(self) -> Ball:
        """The middle alone, as if every program had it."""
        return Ball(self.mid, np.zeros_like(self.rad), self.unit)

    def _ball(self, other: Ball | Number) -> Ball:
        if isinstance(other, Ball):
            return other
        mid = np.asarray(other, self.unit.long)
        return self.unit.rounded(mid, np.zeros(mid.shape), 1)

    def __neg__(self) -> Ball:
        return Ball(np.asarray(-self.mid), self.rad, self.unit)

    def __add__(self, other: Ball | Number) -> Ball:
        # (8.2)
        other = self._ball(other)
        return self.unit.rounded(self.mid + other.mid, self.rad + other.rad, n=1)

    def __sub__(self, other: Ball | Number) -> Ball:
        return self + -self._ball(other)

    def __mul__(self, other: Ball | Number) -> Ball:
        # (8.3)
        other = self._ball(other)
        rad = np.abs(self.mid) * other.rad + self.rad * other.mag
        return self.unit.rounded(self.mid * other.mid, rad, n=1)

    def __truediv__(self, other: Ball | Number) -> Ball:
        # (8.4)
        other = self._ball(other)
        least = np.abs(other.mid) - other.rad
        quotient = self.mid / other.mid
        least = np.where(least > 0, least, np.nan)
        rad = self.rad / least + np.abs(quotient) * (other.rad / least)
        return self.unit.rounded(quotient, rad, n=1)

    def sqrt(self) -> Ball:
        """Root of a quantity that is never negative; some libraries miss it by a unit in the last place."""
        # (8.5)
        root = np.sqrt(self.mid)
        least = root + np.sqrt(np.maximum(self.mid - self.rad, 0))
        rad = np.fmin(self.rad / np.where(least > 0, least, np.nan), np.sqrt(self.rad))
        return self.unit.rounded(root, rad, n=2)

    def maximum(self, other: Ball) -> Ball:
        """Elementwise maximum; nothing is rounded."""
        mid, rad = np.maximum(self.mid, other.mid), np.maximum(self.rad, other.rad)
        return Ball(np.asarray(mid), np.asarray(rad), self.unit)

    def __getitem__(self, index: int | tuple[int | slice, int | slice] | slice | None) -> Ball:
        return self._each(lambda z: z[index])

    def reshape(self, *shape: int) -> Ball:
        """Return the same ball in another shape."""
        return self._each(lambda z: z.reshape(shape))

    @property
    def T(self) -> Ball:
        """The transpose."""
        return self._each(lambda z: z.T)


Terms: TypeAlias = Sequence[tuple[Ball, Ball]]


def count(terms: Terms, plus: Sequence[Ball] = (), more: int = 0) -> int:
    """Count the roundings that one product may pass through in a sum, whatever the order."""
    return sum(len(b.mid) for _, b in terms) + len(plus) + more


def dot(terms: Terms, plus: Sequence[Ball] = (), more: int = 0) -> Ball:
    """Sum of matrix products and of further terms, added in any order, fused or not.

    Parameters
    ----------
    terms : pairs of balls (..., K), (K, M)
    plus : balls that broadcast to (..., M)
    more : int
        Further additions that some program needs: a second bias, say.
    """
    unit = (terms[0][0] if terms else plus[0]).unit
    zero = unit.long.type(0)
    # (8.6)
    mid = sum((a.mid @ b.mid for a, b in terms), zero) + sum((c.mid for c in plus), zero)
    rad = sum((a.size @ b.rad + a.rad @ b.mag for a, b in terms), 0.0)
    rad = rad + sum((c.rad for c in plus), 0.0)
    magnitude = sum((a.mag @ b.mag for a, b in terms), 0.0) + sum((c.mag for c in plus), 0.0)
    n = count(terms, plus, more)

    return unit.rounded(np.asarray(mid), np.asarray(rad), n, np.maximum(magnitude, np.abs(mid)))


def in_bounds(a: Array, b: Array, bound: Array) -> Array:
    """Return the distance between `a` and `b`, in bounds: at most 1 where they agree.

    It is 0 where both are the same infinity or both NaN, and infinite where one alone is not finite, or where
    they differ although nothing may.
    """
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        ratio = np.where(same, 0, np.abs(a - b) / bound)
    return np.where(np.isnan(ratio), np.inf, ratio)


def stack(balls: Sequence[Ball], like: Ball) -> Ball:
    """Stack balls along a new first axis; none of them gives an empty one of `like`'s shape."""
    if not balls:
        return like[None][:0]
    return Ball(np.stack([b.mid for b in balls]), np.stack([b.rad for b in balls]), balls[0].unit)


def join(balls: Sequence[Ball], axis: int) -> Ball:
    """Join balls, at least one, along an axis."""
    mid, rad = (np.concatenate([getattr(b, name) for b in balls], axis) for name in ("mid", "rad"))
    return Ball(mid, rad, balls[0].unit)


def hull(balls: Sequence[Ball]) -> Ball:
    """Return a ball around the middle of the first that holds them all."""
    mid = balls[0].mid
    rad = np.max([np.abs(b.mid - mid) + b.rad for b in balls], axis=0)
    return balls[0].unit.rounded(mid, rad, n=0)
