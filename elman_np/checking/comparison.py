"""Two programs' tensors side by side, and what the bound says: they agree, they differ, or nobody can tell.

A bound that is as wide as the tensor itself would let everything pass. So a tensor agrees only where the
bound is narrow enough to show a mistake (8.24); where it is wider, the answer is 'undecided'.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from elman_np.arrays import Array
from elman_np.checking.balls import Ball, in_bounds
from elman_np.later import Later
from elman_np.tables import html_table

if TYPE_CHECKING:
    import polars as pl
else:
    pl = Later("polars")

Tensors: TypeAlias = Mapping[str, Array]
Verdict: TypeAlias = Literal["agrees", "differs", "undecided", "not finite"]

VERDICTS: tuple[Verdict, ...] = ("not finite", "agrees", "undecided", "differs")
"""From what says least against two programs to what says most."""

WIDEST = 0.1
"""The widest bound that decides, as a part of the tensor's own size.

People's mistakes change a tensor by about its own size: a sign, a factor of two, a transpose, a step that is
left out. With a tenth, each of them is at least ten bounds away from passing.
"""


class Disagreement(AssertionError):
    """Two programs differ by more than rounding can explain."""


class Undecided(AssertionError):
    """The bound of some tensor is too wide to tell whether two programs agree."""


@dataclass(frozen=True)
class Row:
    """One tensor of both programs."""

    tensor: str
    shape: tuple[int, ...]
    verdict: Verdict
    difference: float
    """Largest distance between the two."""
    ulps: float
    """The same, in units in the last place of the tensor's largest entry."""
    ratio: float
    """Largest distance / (2 x radius). Above 1, at least one of the two is wrong."""
    sharpness: float
    """Largest 2 x radius, in units of the tensor's largest entry. This much would not have been noticed."""
    width: float
    """Largest 2 x radius, in units of the tensor's size (8.24)."""
    not_finite: int
    """Entries that are NaN, or the same infinity, on both sides: they are not judged."""
    index: tuple[int, ...]
    """Where the ratio is largest, and what is there."""
    left: float
    right: float
    bound: float
    road: str = "whole"
    """How the verdict was reached: by the bound of the whole problem, or one step at a time."""

    @property
    def agreed(self) -> bool:
        """Whether the verdict is 'agrees'."""
        return self.verdict == "agrees"

    @property
    def cancels(self) -> bool:
        """Whether the tensor is so small beside the terms of its sums that its bound is measured by these."""
        return self.agreed and self.road == "whole" and self.sharpness > 1.001 * self.width

    @property
    def remark(self) -> str:
        """Say what is special about the verdict, in a word or two."""
        remarks = [] if self.road == "whole" else [self.road]
        if self.cancels:
            remarks.append("cancels")
        if self.not_finite > 0 and self.verdict != "not finite":
            remarks.append(f"{self.not_finite:,} not finite")
        return ", ".join(remarks)


@dataclass(frozen=True, repr=False)
class Comparison:
    """Every tensor of one problem in both programs.

    `print` shows the table; `frame` is the same for programs.
    """

    rows: tuple[Row, ...]
    names: tuple[str, str] = ("NumPy", "PyTorch")

    @classmethod
    def of(
        cls,
        ours: Tensors,
        theirs: Tensors,
        balls: Mapping[str, Ball],
        *,
        widest: float = WIDEST,
        sizes: Mapping[str, float] | None = None,
    ) -> Comparison:
        """Compare arrays of the same names, each pair within twice the radius of the ball of its name.

        Parameters
        ----------
        ours, theirs : mapping of arrays
            At least those that `balls` names.
        balls : mapping of Ball
            Around what every right program finds.
        widest : float
            The widest bound that decides, as a part of the tensor's size.
        sizes : mapping of float, optional
            A tensor's size by which its bound is measured, where it is not to be that of (8.24).

        Raises
        ------
        Disagreement
            If the shapes or the dtypes of a pair differ.
        """
        given = sizes or {}
        return cls(
            tuple(
                compare_tensor(name, ours[name], theirs[name], ball, widest, given.get(name))
                for name, ball in balls.items()
            )
        )

    @property
    def verdict(self) -> Verdict:
        """'differs' if a tensor differs, else 'undecided' if one is or none is judged, else 'agrees'."""
        verdicts = {row.verdict for row in self.rows}
        if "differs" in verdicts:
            return "differs"
        return "agrees" if "agrees" in verdicts and "undecided" not in verdicts else "undecided"

    @property
    def agreed(self) -> bool:
        """Whether all tensors that are finite agree, by bounds that are narrow enough to tell."""
        return self.verdict == "agrees"

    @property
    def worst(self) -> Row:
        """The row that says most against the two, by its verdict and then by its ratio."""
        return max(self.rows, key=lambda row: (VERDICTS.index(row.verdict), row.ratio))

    @property
    def frame(self) -> pl.DataFrame:
        """One row a tensor."""
        return pl.DataFrame(
            {
                "tensor": [row.tensor for row in self.rows],
                "shape": [" x ".join(map(str, row.shape)) or "scalar" for row in self.rows],
                "difference": [row.difference for row in self.rows],
                "ulps": [row.ulps for row in self.rows],
                "observed / bound": [row.ratio for row in self.rows],
                "bound / largest": [row.sharpness for row in self.rows],
                "width": [row.width for row in self.rows],
                "verdict": [row.verdict for row in self.rows],
                "road": [row.road for row in self.rows],
            }
        )

    def check(self) -> None:
        """Raise unless all agree.

        Raises
        ------
        Disagreement
            If a tensor differs; the message says which, where, and by how much.
        Undecided
            If none differs and one cannot be judged; the message says which, how wide its bound is, and
            what to do.
        """
        if self.verdict == "differs":
            raise Disagreement(self._difference())
        if self.verdict == "undecided":
            raise Undecided(self._doubt())

    def _difference(self) -> str:
        row, (left, right) = self.worst, self.names
        differing = ", ".join(row.tensor for row in self.rows if row.verdict == "differs")
        by = "" if row.road == "whole" else f", judged by {row.road}"
        return (
            f"{differing}: beyond what rounding explains{by}. Worst at {row.tensor}{list(row.index)}: "
            f"{left} {row.left!r}, {right} {row.right!r}; they differ by "
            f"{abs(row.left - row.right):.3g}, {row.ratio:.3g} times the bound of {row.bound:.3g}"
        )

    def _doubt(self) -> str:
        doubtful = [row for row in self.rows if row.verdict == "undecided"]
        if not doubtful:
            return "no tensor has a finite entry: nothing can be judged; start from smaller weights or inputs"
        widths = ", ".join(f"{row.tensor} (bound {row.width:.2g} of its size)" for row in doubtful)
        return (
            f"undecided: the bound is too wide to tell whether {' and '.join(self.names)} agree in {widths}. "
            "Use float64, fewer steps or smaller weights; or let a wider bound decide (`widest`)"
        )

    def __repr__(self) -> str:
        what = f"{' and '.join(self.names)}, {len(self.rows)} tensors: {self.verdict}"
        return f"Comparison({what}, worst obs./bound {self.worst.ratio:.3g} at {self.worst.tensor})"

    def _repr_html_(self) -> str:
        """Show the table in notebooks."""
        headings, *rows = self._cells()
        return html_table(repr(self), headings, rows)

    def _cells(self) -> list[tuple[str, ...]]:
        """Spell out the table, its headings first."""
        lines: list[tuple[str, ...]] = [
            ("tensor", "shape", "difference", "ulps", "obs./bound", "bound/largest", "verdict")
        ]
        for row, shape in zip(self.rows, self.frame["shape"], strict=True):
            numbers = (f"{row.difference:.1e}", f"{row.ulps:.1f}", f"{row.ratio:.4f}", f"{row.sharpness:.1e}")
            verdict = row.verdict + (f" ({row.remark})" if row.remark else "")
            lines.append((row.tensor, shape, *numbers, verdict))
        return lines

    def __str__(self) -> str:
        lines = self._cells()
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        left = (0, 1, 6)
        return "\n".join(
            "  ".join(
                f"{cell:<{w}}" if i in left else f"{cell:>{w}}"
                for i, (cell, w) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        )


def width_of(ball: Ball, value: Array, scale: float = 1.0, size: float | None = None) -> float:
    """Return the largest radius times `scale`, as a part of the tensor's size: 0 if there is no error at all.

    Unless it is given, the size is the largest entry, or a tenth of the largest sum of absolute terms if
    that is more: what is smaller than a tenth of its terms has cancelled, and no bound can be a small part
    of it. Nor can it be of what is below the smallest normal number, which counts as that.
    """
    judged = np.isfinite(value)
    radius = scale * float(np.max(ball.rad, where=judged, initial=0))
    if size is None:
        # (8.24)
        size = max(_largest(value), 0.1 * _largest(ball.terms), float(np.finfo(value.dtype).tiny))

    return radius / size if radius and size else np.inf if radius else 0.0


def _largest(value: Array) -> float:
    """Return the largest magnitude among what is finite."""
    return float(np.max(np.abs(value), where=np.isfinite(value), initial=0))


def compare_tensor(
    name: str,
    ours: Array,
    theirs: Array,
    ball: Ball,
    widest: float = WIDEST,
    size: float | None = None,
) -> Row:
    """Compare one tensor of two programs; the arguments are those of `Comparison.of`."""
    if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
        raise Disagreement(
            f"{name}: expected one shape and one dtype, got {ours.shape} and {ours.dtype} on the left, "
            f"{theirs.shape} and {theirs.dtype} on the right"
        )
    if ours.size == 0:
        return Row(name, ours.shape, "agrees", 0.0, 0.0, 0.0, 0.0, 0.0, 0, (), 0.0, 0.0, 0.0)
    a, b, bound = ours.astype(ball.unit.long), theirs.astype(ball.unit.long), np.asarray(2 * ball.rad)
    ratio = in_bounds(a, b, bound)
    judged = ~((np.isnan(a) & np.isnan(b)) | (np.isinf(a) & (a == b)))
    worst = np.unravel_index(int(np.argmax(ratio)), ratio.shape)
    with np.errstate(invalid="ignore", over="ignore"):
        difference = float(np.max(np.abs(a - b), where=judged, initial=0))
    largest = _largest(a)
    widest_bound = float(np.max(bound, where=judged, initial=0))
    width = width_of(ball, ours, scale=2.0, size=size)
    verdict: Verdict = "agrees"
    if not judged.any():
        verdict = "not finite"
    elif not np.all(ratio <= 1):
        verdict = "differs"
    elif not width <= widest:
        verdict = "undecided"
    return Row(
        tensor=name,
        shape=ours.shape,
        verdict=verdict,
        difference=difference,
        ulps=difference / float(np.spacing(np.asarray(largest, ours.dtype))),
        ratio=float(ratio[worst]),
        sharpness=widest_bound / largest if widest_bound and largest else np.inf if widest_bound else 0.0,
        width=width,
        not_finite=int(np.sum(~judged)),
        index=tuple(int(i) for i in worst),
        left=float(ours[worst]),
        right=float(theirs[worst]),
        bound=float(bound[worst]),
    )
