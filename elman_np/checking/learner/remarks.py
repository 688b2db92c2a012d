"""Differences that are no mistakes: a clip of the result, and the factor of another loss."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from elman_np.arrays import Array
from elman_np.checking.balls import Ball
from elman_np.checking.comparison import WIDEST, width_of
from elman_np.checking.learner.calling import Attempt
from elman_np.checking.learner.naming import Key
from elman_np.checking.learner.narrowing import factor_phrase, scale_of
from elman_np.checking.learner.style import Style

PARAMETERS = ("dw_x", "dw_h", "db_h", "db_ih", "db_hh", "dw_y", "db_y")


def remark(style: Style, attempts: Sequence[Attempt], wrong: Collection[Key]) -> str | None:
    """Return what explains all that differs without a mistake, or None."""
    if not wrong:
        return None
    return _clipped(attempts, wrong) or _scaled(attempts, wrong) or _other_loss(style, attempts)


def _within(z: Array, mid: Array, ball: Ball) -> bool:
    return bool(np.all(np.abs(z - mid) <= 2 * ball.rad))


def _clipped(attempts: Sequence[Attempt], wrong: Collection[Key]) -> str | None:
    """Look for one limit that cuts every entry of the parameters' gradients."""
    if any(tensor not in PARAMETERS for _, tensor in wrong):
        return None
    limits = {float(np.max(np.abs(attempts[i].tensors[tensor]))) for i, tensor in wrong}
    limit = max(limits)
    if not 0 < limit < np.inf or max(limits) - min(limits) > 1e-9 * limit:
        return None
    clipped = {tensor for _, tensor in wrong}
    if any(np.max(np.abs(a.tensors[n])) > limit * (1 + 1e-9) for a in attempts for n in clipped):
        return None
    for i, tensor in wrong:
        ball = attempts[i].balls[tensor]
        if not _within(attempts[i].tensors[tensor], np.clip(ball.mid, -limit, limit), ball):
            return None
    tensors = ", ".join(sorted(clipped))
    return (
        f"the gradients are clipped: no entry of {tensors} is above {limit:.6g}. Below that they are right. "
        "A clip belongs outside of the gradient, where one can see it"
    )


def _scaled(attempts: Sequence[Attempt], wrong: Collection[Key]) -> str | None:
    """Look for a scaling of the parameters' gradients to one norm, where that was larger."""
    if any(tensor not in PARAMETERS for _, tensor in wrong):
        return None
    norms, scaled = [], {i for i, _ in wrong}
    for i in scaled:
        a = attempts[i]
        given = [n for n in PARAMETERS if n in a.tensors]
        scales = [scale_of(a.tensors[n], a.balls[n]) for n in given]
        known = [s for s in scales if s is not None]
        if len(known) < len(scales) or not max(known) < 1 or not np.allclose(known, known[0], rtol=1e-9):
            return None
        norms.append(_norm(a))
    if not np.allclose(norms, norms[0], rtol=1e-5):
        return None
    if any(_norm(a) > norms[0] * (1 + 1e-5) for i, a in enumerate(attempts) if i not in scaled):
        return None
    return (
        f"the gradients are scaled down to a norm of {norms[0]:.6g} where that is larger. Below that they "
        "are right. A clip belongs outside of the gradient, where one can see it"
    )


def _norm(a: Attempt) -> float:
    """Take the norm of all parameters' gradients together."""
    return float(np.sqrt(sum(np.sum(a.tensors[n] ** 2) for n in PARAMETERS if n in a.tensors)))


def few_digits(attempts: Sequence[Attempt], wrong: Collection[Key]) -> bool:
    """Whether all that differs is as far off as float32 may be, and in no simple relation to what is right.

    The radius is proportional to the unit of rounding, which is 2^29 times as large in float32.
    """
    for i, tensor in wrong:
        z, ball = attempts[i].tensors[tensor], attempts[i].balls[tensor]
        wide = Ball(ball.mid, ball.rad * 2**29, ball.unit, ball.summed)
        if not np.all(np.abs(z - ball.mid) <= wide.rad) or width_of(wide, z) > WIDEST:
            return False
        if z.size > 1 and scale_of(z, ball) is not None:
            return False
    return True


def _other_loss(style: Style, attempts: Sequence[Attempt]) -> str | None:
    """Look for one factor of the loss and of every gradient."""
    if style.loss == "given":
        return None
    outputs = ("y", "h", "h_n", "probabilities")
    factors = []
    for a in attempts:
        if any(n in outputs for n in a.wrong):
            return None
        judged = [n for n in a.rows if n not in outputs]
        if "dy" in judged:  # the other gradients were judged from it, and no loss excuses them
            if any(n not in ("loss", "dy") for n in a.wrong):
                return None
            judged = [n for n in ("loss", "dy") if n in judged]
        zero = [n for n in judged if not np.any(a.tensors[n]) and not np.any(a.balls[n].mid)]
        scales = [scale_of(a.tensors[n], a.balls[n]) for n in judged if n not in zero]
        known = [s for s in scales if s is not None]
        if not known or len(known) < len(scales) or not np.allclose(known, known[0], rtol=1e-6):
            return None
        factors.append(known[0])
    phrase = factor_phrase(attempts, factors)
    if not phrase or factors[0] < 0:
        return None
    return (
        f"everything belongs to another loss than '{style.loss}': {phrase}, loss and gradients alike. "
        "Say in STYLE which loss is meant"
    )
