"""The losses that a learner's program may have on top: their balls, and plain programs for them.

The network's own loss is the mean squared error alone. Here are its relatives, which differ by a factor, and
softmax with cross-entropy, whose ball chapter 8 derives.
"""

from __future__ import annotations

from types import ModuleType
from typing import Literal, TypeAlias

import numpy as np

from elman_np.arrays import Array
from elman_np.checking.balls import Ball
from elman_np.checking.bounds import mse_ball
from elman_np.checking.cross_entropy import cross_entropy_ball

Loss: TypeAlias = Literal[
    "given",
    "mean of squares",
    "half mean of squares",
    "sum of squares",
    "half sum of squares",
    "cross-entropy sum",
    "cross-entropy mean",
]


def squares_factor(loss: Loss, size: int) -> float:
    """Return how many times the mean of squares a loss is."""
    return (size if "sum" in loss else 1) * (0.5 if "half" in loss else 1)


def loss_balls(loss: Loss, y: Ball, target: Array) -> dict[str, Ball]:
    """Follow a loss on top of `y` (T, B, O): `loss`, `dy`, and the probabilities of a softmax."""
    if loss.startswith("cross-entropy"):
        return cross_entropy_ball(y, target, mean=loss.endswith("mean"))
    value, dy = mse_ball(y, target)
    factor = squares_factor(loss, y.mid.size)
    return {"loss": value, "dy": dy} if factor == 1 else {"loss": value * factor, "dy": dy * factor}


def loss_of(package: ModuleType, loss: Loss, y: Array, target: Array) -> dict[str, Array]:
    """Compute the same in plain NumPy; squares by the package's own `mse_loss`, mistakes included."""
    if not loss.startswith("cross-entropy"):
        value, dy = package.mse_loss(y, target)
        factor = squares_factor(loss, y.size)
        return {"loss": np.asarray(value * factor), "dy": dy * y.dtype.type(factor)}
    shifted = y - y.max(axis=-1, keepdims=True)
    powers = np.exp(shifted)
    p = powers / powers.sum(axis=-1, keepdims=True)
    hit = np.eye(y.shape[-1], dtype=y.dtype)[target]
    rows = target.size if loss.endswith("mean") else 1
    return {
        "loss": np.asarray(-np.log(np.sum(hit * p, axis=-1)).sum() / rows),
        "dy": (p - hit) / y.dtype.type(rows),
        "probabilities": p,
    }
