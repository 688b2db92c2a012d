"""A ball for softmax with cross-entropy, as learners put it on top of a network (chapter 8).

The network itself knows the squared error alone; this is for judging other people's programs.
"""

from __future__ import annotations

from typing import Annotated as Int

import numpy as np

from elman_np.arrays import Array
from elman_np.checking.balls import GROWTH, Ball, dot

ULPS = 4
"""Error allowed to a library's exp and log, in units in the last place."""


def exp_ball(z: Ball, shift: Array | float = 0.0) -> Ball:
    """Follow exp(z), where a program may first have taken away `shift` and rounded.

    The middle is that of exp(z - shift); the shift itself need not be exact, for it cancels in a quotient.
    """
    unit = z.unit
    # (8.30)
    error = z.rad + unit.rounding(z.mag + np.abs(shift), 1)
    mid = np.exp(z.mid - shift)
    rad = mid * np.expm1(error)

    return unit.rounded(mid, rad, 2 * ULPS)


def log_ball(z: Ball) -> Ball:
    """Follow log(z) of a quantity that is above zero."""
    # (8.31)
    least = z.mid - z.rad
    rad = z.rad / np.where(least > 0, least, np.nan)
    mid = np.log(z.mid)

    return z.unit.rounded(mid, rad, 2 * ULPS)


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def cross_entropy_ball(y: Ball, target: Int[Array, "T B"], *, mean: bool) -> dict[str, Ball]:
    """Follow softmax and cross-entropy on outputs (T, B, O), and the gradient with respect to them.

    Parameters
    ----------
    y : Ball (T, B, O)
        Scores.
    target : integers (T, B)
        The right class of each row.
    mean : bool
        Whether the loss is the mean over all rows, or their sum.

    Returns
    -------
    dict of Ball
        `loss`, `dy` and `probabilities`.
    """
    unit, rows, outputs = y.unit, target.size, y.mid.shape[-1]
    z, hit = y.reshape(rows, outputs), np.eye(outputs)[target.reshape(rows)]
    top = np.max(z.mid, axis=-1, keepdims=True)
    # (8.32)
    power = exp_ball(z, top)
    total = dot([(power, unit.exact(np.ones((outputs, 1))))])
    p = power / total
    residual = p - unit.exact(hit)
    dy = unit.rounded(residual.mid, residual.rad, 2, p.mag + hit) * (1 / rows if mean else 1.0)

    # (8.33)
    log, ones = log_ball(total), np.ones((outputs, 1))
    score, rad, size = (hit * part @ ones for part in (z.mid, z.rad, z.mag))
    steps = unit.rounding(1 + size + np.abs(top) + log.mag, 2 * ULPS + 3)
    row = Ball(log.mid + top - score, (log.rad + rad + steps) * GROWTH, unit)

    loss = dot([(unit.exact(np.ones((1, rows))), row)]) * (1 / rows if mean else 1.0)
    shape = y.mid.shape
    return {"loss": loss[0, 0], "dy": dy.reshape(*shape), "probabilities": p.reshape(*shape)}
