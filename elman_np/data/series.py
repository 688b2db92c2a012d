"""A series made ready for a network: split in the order of time, windows, scaling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from elman_np.arrays import REAL, Array, check_count

if TYPE_CHECKING:
    from jaxtyping import Float


@dataclass(frozen=True)
class Scaler:
    """Standardises a series: z = (x - mean) / std (2.3).

    Parameters
    ----------
    mean, std : float
        In the units of the series. `std` is above 0.
    """

    mean: float
    std: float

    @classmethod
    def fit(cls, series: Float[Array, "..."]) -> Scaler:
        """Take mean and standard deviation from the training part, and from nothing else.

        Raises
        ------
        ValueError
            If the series is empty, not finite, or constant.
        """
        check_series("series", series)
        mean, std = float(np.mean(series)), float(np.std(series))
        if std <= 8 * np.finfo(series.dtype).eps * abs(mean):
            raise ValueError(f"series: expected values that differ, got a constant {mean}")
        return cls(mean, std)

    def transform(self, series: Float[Array, "..."]) -> Float[Array, "..."]:
        """Return the series in standard units."""
        # (2.3)
        return (series - self.mean) / self.std

    def inverse(self, scaled: Float[Array, "..."]) -> Float[Array, "..."]:
        """Return a scaled series in its own units."""
        # (2.4)
        return scaled * self.std + self.mean


def split(
    series: Float[Array, "T ..."], train: float = 0.7, validation: float = 0.15
) -> tuple[Float[Array, "..."], Float[Array, "..."], Float[Array, "..."]]:
    """Cut a series into training, validation and test parts, in the order of time.

    Parameters
    ----------
    series : array (T, ...)
    train, validation : float
        Fractions of T; the test part is what is left.

    Raises
    ------
    ValueError
        If the series is empty or not finite, or the fractions leave a part without a day.
    """
    check_series("series", series)
    if not (0 < train < 1 and 0 < validation < 1 and train + validation < 1):
        raise ValueError(
            f"train, validation: expected positive fractions with a sum below 1, got {train}, {validation}"
        )
    first, second = round(len(series) * train), round(len(series) * (train + validation))
    parts = series[:first], series[first:second], series[second:]
    if not all(map(len, parts)):
        raise ValueError(
            f"series: expected enough days for three parts, got {len(series)}, which gives "
            f"{', '.join(str(len(part)) for part in parts)}"
        )
    return parts


def windows(series: Float[Array, "T"], length: int) -> tuple[Float[Array, "L N 1"], Float[Array, "L N 1"]]:
    """All windows of a series, each with its targets one day on.

    Parameters
    ----------
    series : array (T,)
    length : int
        Days in a window.

    Returns
    -------
    x, target : arrays (length, N, 1)
        N = T - length; `target[t, n]` is the day after `x[t, n]`.

    Raises
    ------
    ValueError
        If the series is empty, not one-dimensional or not finite, or the window does not fit.
    """
    check_series("series", series)
    if series.ndim != 1:
        raise ValueError(f"series: expected shape (T,), got {series.shape}")
    check_count("length", length)
    if length >= len(series):
        raise ValueError(
            f"length: expected at most {len(series) - 1}, a day less than the series, got {length}"
        )
    view = np.lib.stride_tricks.sliding_window_view(series, length).T[..., None]
    return view[:, :-1].copy(), view[:, 1:].copy()


def check_series(name: str, value: Array) -> None:
    """Raise unless `value` is floating point, not empty, and finite; the message says where not."""
    if value.dtype not in REAL:
        raise TypeError(f"{name}: expected a float64 or float32 array, got {value.dtype}")
    if value.size == 0:
        raise ValueError(f"{name}: expected at least one value, got shape {value.shape}")
    finite = np.isfinite(value)
    if not finite.all():
        where = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise ValueError(f"{name}: expected finite values, got {value[where]} at index {where}")
