"""A series made ready for a network: split in the order of time, windows, scaling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated as Float

import numpy as np

from elman_np.arrays import Array, check_count, check_number
from elman_np.data.conversion import SeriesLike, to_array


@dataclass(frozen=True)
class Scaler:
    """Standardises a series, or each column of a table by itself: z = (x - mean) / std (2.3).

    An immutable value: it can be compared, hashed and pickled.

    Parameters
    ----------
    mean, std : float, or C floats
        In the units of the series; finite, and `std` above 0. One float each is for every value of an array
        of any shape. C floats each, kept as a tuple, are for arrays of C columns, (..., C): one a column.

    Raises
    ------
    TypeError
        If either is no number.
    ValueError
        If either is not finite, a `std` is not above 0, or there are not as many of both.
    """

    mean: float | tuple[float, ...]
    std: float | tuple[float, ...]

    def __post_init__(self) -> None:
        for name in ("mean", "std"):
            object.__setattr__(self, name, _floats(name, getattr(self, name)))
        if np.shape(self.mean) != np.shape(self.std):
            raise ValueError(f"mean, std: expected as many of both, got {self.mean} and {self.std}")
        if not np.all(np.asarray(self.std) > 0):
            raise ValueError(f"std: expected above 0, got {self.std}")

    @classmethod
    def fit(cls, series: SeriesLike) -> Scaler:
        """Take mean and standard deviation from the training part, and from nothing else.

        Parameters
        ----------
        series : array (T,) or (T, C), or what else `SeriesLike` says
            Of (T, C) each column is taken by itself, as it would be alone. The sums are taken in its dtype.

        Raises
        ------
        TypeError
            If it is no series of floats.
        ValueError
            If the series is empty, not finite, or constant, or a column of it is.
        """
        values = to_array("series", series)
        if values.ndim == 1:
            return cls(*_mean_and_std("series", values))
        check_table("series", values)
        both = [_mean_and_std(f"series[:, {c}]", column) for c, column in enumerate(values.T)]
        return cls(*zip(*both, strict=True))

    def transform(self, series: SeriesLike) -> Float[Array, "..."]:
        """Return the series in standard units, in its own dtype.

        Raises
        ------
        TypeError
            If it is no series of floats.
        ValueError
            If it is empty, not finite, or has not as many columns as the scaler; or if its dtype makes the
            scaler's numbers infinite or its `std` 0.
        """
        series, mean, std = self._beside("series", series)
        # (2.3)
        return (series - mean) / std

    def inverse(self, scaled: SeriesLike) -> Float[Array, "..."]:
        """Return a scaled series in its own units; errors as in `transform`."""
        scaled, mean, std = self._beside("scaled", scaled)
        # (2.4)
        return scaled * std + mean

    def columns(self, chosen: Sequence[int]) -> Scaler:
        """Return the scaler of some of the columns, in the order given, from 0.

        A scaler of one mean for every value is that of any column.

        Raises
        ------
        TypeError, ValueError
            If these are not the numbers of different columns.
        """
        if not isinstance(self.mean, tuple) or not isinstance(self.std, tuple):
            return self
        check_columns("chosen", chosen, len(self.mean))
        return Scaler(tuple(self.mean[c] for c in chosen), tuple(self.std[c] for c in chosen))

    def _beside(self, name: str, series: SeriesLike) -> tuple[Array, Array, Array]:
        """Give the series with mean and std in its dtype, or raise unless its columns are the scaler's."""
        values = to_array(name, series)
        if isinstance(self.mean, tuple) and values.shape[1:][-1:] != (len(self.mean),):
            raise ValueError(
                f"{name}: expected {len(self.mean)} columns as the scaler, got shape {values.shape}"
            )
        with np.errstate(over="ignore", under="ignore"):
            mean, std = np.asarray(self.mean, values.dtype), np.asarray(self.std, values.dtype)
        if not (np.isfinite(mean) & np.isfinite(std) & (std > 0)).all():
            raise ValueError(
                f"{name}: expected a dtype that can hold the scaler's mean and std, "
                f"{self.mean} and {self.std}, got {values.dtype}"
            )
        return values, mean, std


def _floats(name: str, value: object) -> float | tuple[float, ...]:
    """Return a number as a float and several as a tuple of them, or raise unless they are finite."""
    try:
        array = np.asarray(value)
    except ValueError:  # numbers beside lists of them
        array = np.array(None)
    if array.dtype.kind not in "iuf" or array.ndim > 1 or array.size == 0:
        raise TypeError(f"{name}: expected a number, or one for each column, got {value!r}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: expected finite, got {value}")
    return tuple(map(float, array)) if array.ndim else float(array)


def _mean_and_std(name: str, column: Float[Array, "T"]) -> tuple[float, float]:
    with np.errstate(over="ignore", invalid="ignore"):
        mean, std = float(np.mean(column)), float(np.std(column))
    if not np.isfinite(std):
        raise ValueError(f"{name}: expected values whose squares are finite in {column.dtype}")
    if std <= 8 * np.finfo(column.dtype).eps * abs(mean):
        raise ValueError(f"{name}: expected values that differ, got a constant {mean}")
    return mean, std


def split(
    series: SeriesLike, train: float = 0.7, validation: float = 0.15
) -> tuple[Float[Array, "..."], Float[Array, "..."], Float[Array, "..."]]:
    """Cut a series into training, validation and test parts, in the order of time.

    Parameters
    ----------
    series : array (T, ...), or what else `SeriesLike` says
    train, validation : float
        Fractions of T; the test part is what is left.

    Returns
    -------
    train, validation, test : arrays
        Copies of the numbers: names and dates stay behind.

    Raises
    ------
    TypeError
        If it is no series of floats.
    ValueError
        If the series is empty or not finite, or the fractions leave a part without a day.
    """
    values = to_array("series", series)
    train, validation = (
        check_number(name, value, "a fraction above 0 and below 1", lambda z: 0 < z < 1)
        for name, value in {"train": train, "validation": validation}.items()
    )
    if train + validation >= 1:
        raise ValueError(
            f"train, validation: expected positive fractions with a sum below 1, got {train}, {validation}"
        )
    first, second = round(len(values) * train), round(len(values) * (train + validation))
    parts = values[:first].copy(), values[first:second].copy(), values[second:].copy()
    if not all(map(len, parts)):
        raise ValueError(
            f"series: expected enough days for three parts, got {len(values)}, which gives "
            f"{', '.join(str(len(part)) for part in parts)}"
        )
    return parts


def windows(
    series: SeriesLike,
    length: int,
    *,
    inputs: Sequence[int] | None = None,
    targets: Sequence[int] | None = None,
    horizon: int = 1,
) -> tuple[Float[Array, "L N I"], Float[Array, "L N O"]]:
    """All windows of a series, each with its targets, `horizon` days on.

    Parameters
    ----------
    series : array (T,) or (T, C), or what else `SeriesLike` says
    length : int
        Days in a window.
    inputs, targets : list of int, optional
        Which columns go into the network, and which come out of it, from 0; all if left out.
    horizon : int
        How many days after its input a target lies.

    Returns
    -------
    x, target : arrays (length, N, I), (length, N, O)
        N = T - length - horizon + 1; `target[t, n]` is `horizon` days after `x[t, n]`.

    Raises
    ------
    TypeError
        If it is no series of floats, or the columns are no list of numbers.
    ValueError
        If the series is empty, not (T,) or (T, C), or not finite, a column is not there, or the window does
        not fit.
    """
    values = to_array("series", series)
    check_table("series", values)
    table = values.reshape(len(values), -1)
    inputs, targets = find_columns(table.shape[1], inputs, targets)
    length, horizon = check_count("length", length), check_count("horizon", horizon)
    if horizon >= len(table):
        raise ValueError(
            f"horizon: expected at most {len(table) - 1}, a day less than the series, got {horizon}"
        )
    if length + horizon > len(table):
        less = "a day" if horizon == 1 else f"{horizon} days"
        raise ValueError(
            f"length: expected at most {len(table) - horizon}, {less} less than the series, got {length}"
        )
    view = np.lib.stride_tricks.sliding_window_view(table, length, axis=0).transpose(2, 0, 1)
    x, target = view[:, :-horizon, inputs], view[:, horizon:, targets]
    return np.ascontiguousarray(x), np.ascontiguousarray(target)


def find_columns(
    count: int, inputs: Sequence[int] | None, targets: Sequence[int] | None
) -> tuple[list[int], list[int]]:
    """Return both lists of columns, all of the `count` for None, or raise where one is not there."""
    for name, chosen in {"inputs": inputs, "targets": targets}.items():
        if chosen is not None:
            check_columns(name, chosen, count)
    everything = range(count)
    return list(everything if inputs is None else inputs), list(everything if targets is None else targets)


def check_table(name: str, values: Array) -> None:
    """Raise unless an array is a series (T,), or a table of several (T, C)."""
    if values.ndim not in (1, 2):
        raise ValueError(f"{name}: expected shape (T,) or (T, C), got {values.shape}")


def check_columns(name: str, chosen: Sequence[int], count: int) -> None:
    """Raise unless `chosen` has the numbers of different columns out of `count`."""
    if not isinstance(chosen, list | tuple) or not chosen:
        raise TypeError(f"{name}: expected a list of column numbers, got {chosen!r}")
    for column in chosen:
        check_count(name, column, 0)
        if column >= count:
            raise ValueError(f"{name}: expected at most {count - 1}, the last column, got {column}")
    if len(set(chosen)) < len(chosen):
        raise ValueError(f"{name}: expected different columns, got {list(chosen)}")
