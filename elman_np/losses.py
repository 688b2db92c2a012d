"""The mean squared error, its gradient and its root (chapter 2)."""

from __future__ import annotations

from typing import Annotated as Shaped

import numpy as np

from elman_np.arrays import Array, check_dtype, check_kind
from elman_np.data.conversion import SeriesLike, check_zone, read_series


def mse_loss(
    y: Shaped[Array, "*shape"], target: Shaped[Array, "*shape"]
) -> tuple[np.inexact, Shaped[Array, "*shape"]]:
    """Mean of the squared differences, and its gradient with respect to `y`.

    Parameters
    ----------
    y, target : arrays of one shape and one dtype
        Outputs, and what they should have been.

    Returns
    -------
    loss : scalar of their dtype
        (2.1); in squared units of `y`.
    dy : array of their shape
        (2.2), the upstream gradient that `backward` takes.

    Raises
    ------
    ValueError
        If the shapes differ, even where NumPy or PyTorch could broadcast them, or if there is nothing to
        average.
    TypeError
        If the dtypes differ or are not floating point.
    """
    check_kind("y", y, np.ndarray)
    check_kind("target", target, np.ndarray)
    if y.shape != target.shape:
        raise ValueError(f"target: expected shape {y.shape} as y, got {target.shape}{_broadcast(y, target)}")
    check_dtype("y", y, y.dtype)
    check_dtype("target", target, y.dtype)
    if y.size == 0:
        raise ValueError(f"y: expected at least one element to average, got shape {y.shape}")
    # (2.1)
    residual = y - target
    loss = np.mean(residual * residual)

    # (2.2)
    dy = residual * (2 / y.size)

    return loss, dy


def rmse(y: SeriesLike, target: SeriesLike) -> float:
    """Root of the mean squared error, in the units of the series (2.5).

    Parameters
    ----------
    y, target : arrays of one shape and one dtype, or what else `SeriesLike` says

    Raises
    ------
    TypeError, ValueError
        As `mse_loss`, where either is no series of finite floats, and where both have dates that differ, or
        only one of them has a time zone.
    """
    left, right = read_series("y", y), read_series("target", target)
    if left.dates is not None and right.dates is not None and left.values.shape == right.values.shape:
        check_zone("target", right, left, "y has them")
        for index in np.flatnonzero(left.dates != right.dates):
            raise ValueError(
                f"target: expected the dates of y, got {right.dates[index]} beside {left.dates[index]} "
                f"at index ({index},)"
            )
    y, target = left.values, right.values
    # (2.5)
    return float(np.sqrt(mse_loss(y, target)[0]))


def _broadcast(y: Array, target: Array) -> str:
    try:
        shape = np.broadcast_shapes(y.shape, target.shape)
    except ValueError:
        return ""
    return (
        f"; broadcasting would have compared every output with every target, as an array of shape {shape}, "
        "whose mean is least where all outputs are the mean of the targets: reshape one of the two"
    )
