"""The error of a state that travels from step to step with its signs kept (chapter 8).

`Chain` serves the way forward and the way back. Its matrices are float64, in which BLAS is fast; what their
own rounding may lose is counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from elman_np.arrays import Array
from elman_np.checking.balls import GROWTH, Ball, Terms, Unit, count, dot

KEPT = 2**18
"""Entries of all matrices that are kept at once: 2 MiB, which fits a processor's cache."""


def slices(batch: int, hidden: int, kept: int) -> Iterator[slice]:
    """Cut the rows of a batch, which do not see each other, into slices whose matrices fit into `kept`.

    One row at least is in each: its matrix is no larger than `w_h`. Without rows there is one empty slice,
    and if nothing is kept, one of all rows.
    """
    rows = max(kept // hidden**2, 1) if kept else max(batch, 1)
    for first in range(0, max(batch, 1), rows):
        yield slice(first, first + rows)


class Chain:
    """The error of a state that each step multiplies by one matrix and then by a slope.

    By absolute values alone it would seem to grow where it contracts. So each row of the batch has a
    matrix C and a scale, of which (8.13) is true: the error's component along *any* direction psi is at most
    scale * sqrt(psi @ C @ psi). A matrix product turns C exactly, signs and all; absolute values are taken at
    the end.

    Parameters
    ----------
    matrix : Ball (H, H)
        What the rows of the state are multiplied by, exact.
    start : Ball (B, H)
        State before the first step, exact.
    signed : bool
        False carries the error by absolute values.
    """

    def __init__(self, matrix: Ball, start: Ball, *, signed: bool = True) -> None:
        self.matrix, self.weights, self.zero = matrix, matrix.mid.astype(np.float64), start.rad
        self.signed, self.sizes, hidden = signed, np.abs(self.weights), len(matrix.mid)
        n, double = 2 * hidden + 8, Unit.of(np.float64)
        # (8.13a)
        self.lost = np.sqrt(2 * n * double.u / (1 - n * double.u))
        self.least = np.sqrt(n * double.tiny) * (1 + self.sizes.sum(axis=0))

        self.clear()

    def clear(self) -> None:
        """Forget all errors: the state is exact again."""
        batch, hidden = self.zero.shape
        self.spread = np.zeros((batch * self.signed, hidden, hidden))
        self.scale = np.zeros((batch, 1))
        self.fresh = self.zero

    def product(self, state: Ball, terms: Terms = (), plus: Sequence[Ball] = (), more: int = 0) -> Ball:
        """Return `state @ matrix + terms + plus` as `dot` does, with the smaller of two radii."""
        whole = [*terms, (state, self.matrix)]
        if not self.signed:
            return dot(whole, plus, more)
        unit = state.unit
        fixed = dot([*terms, (state.middle, self.matrix)], plus, more)
        # (8.12)
        plain = state.rad @ self.sizes
        self.fresh = fixed.rad + unit.rounding(plain, count(whole, plus, more))

        lost = self.lost * (np.sqrt(_diagonal(self.spread)) @ self.sizes)
        # (8.13)
        self.spread = _turned(_turned(self.spread, self.weights), self.weights)
        _diagonal(self.spread)[:] += lost * lost.sum(axis=1, keepdims=True)
        carried = self.scale * (np.sqrt(np.maximum(_diagonal(self.spread), 0)) + self.least)

        # (8.14)
        rad = self.fresh + np.fmin(plain, carried * GROWTH)

        return unit.rounded(fixed.mid, rad, n=0)

    def pass_slope(self, slope: Array, own: Array) -> None:
        """Go through the slope, which adds an error of its own."""
        if not self.signed:
            return
        slope, own = slope.astype(np.float64), own.astype(np.float64)
        self.spread *= slope[:, :, None]
        self.spread *= slope[:, None, :]
        # (8.15)
        new = slope * self.fresh + own + self.scale * self.least
        root = np.sqrt(_diagonal(self.spread).sum(axis=1, keepdims=True))
        scale = self.scale * root + new.sum(axis=1, keepdims=True)
        self.spread *= _share(self.scale, root * scale)[..., None]
        _diagonal(self.spread)[:] += _share(new, scale)
        self.scale = scale * GROWTH


def _turned(spread: Array, matrix: Array) -> Array:
    """Transpose, and multiply by the matrix, all rows of all spreads in one product."""
    rows = spread.swapaxes(1, 2).reshape(-1, len(matrix))
    turned: Array = (rows @ matrix).reshape(spread.shape)
    return turned


def _diagonal(spread: Array) -> Array:
    """View the diagonals (B, H)."""
    diagonal: Array = np.einsum("bii->bi", spread)
    return diagonal


def _share(part: Array, whole: Array) -> Array:
    """Divide; nothing is a share of nothing."""
    share: Array = part / np.where(whole == 0, 1, whole)
    return share
