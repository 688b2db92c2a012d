"""How far two right programs may differ after an update of Adam (chapter 8).

Right are the forms of `adam_step` and of PyTorch (one tensor at a time, many at once, fused): the running
mean as a sum of two products or with one; the step multiplied by the rate before or after it is divided; the
shrinking by `decoupled` as a factor or as a difference; a root within a unit in the last place. The
corrections are float64 in all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from elman_np.adam import AdamOptions
from elman_np.arrays import Array
from elman_np.checking.balls import Ball, Unit, hull, quietly


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


@quietly
def adam_ball(state: AdamBall, g: Ball, step: int, options: AdamOptions) -> AdamBall:
    """Follow one update of Adam, computed as `adam_step` writes it or as PyTorch's three forms do."""
    p, unit, (beta_1, beta_2) = state.p, g.unit, options.betas
    if options.maximize:
        g = -g
    if options.weight_decay and options.decoupled:
        shrunk, part = p * (1 - options.lr * options.weight_decay), options.lr * options.weight_decay * p.mag
        # (8.19a)
        p = unit.rounded(shrunk.mid, shrunk.rad, 3, part)

    elif options.weight_decay:
        g = g + p * options.weight_decay
    # (8.20)
    m = state.m * beta_1 + g * (1 - beta_1)
    m = unit.rounded(m.mid, m.rad, 3, (1 - beta_1) * (g.mag + state.m.mag))

    # (8.21)
    v = state.v * beta_2 + g * g * (1 - beta_2)
    v_max = state.v_max.maximum(v) if options.amsgrad else v

    # (8.22)
    root = v_max.sqrt() / _correction(beta_2, step, unit).sqrt() + options.eps
    corrected, rate = _correction(beta_1, step, unit), unit.exact(options.lr)
    orders = [m / corrected * options.lr / root, m * (rate / corrected) / root, m / root * (rate / corrected)]

    return AdamBall(p - hull(orders), m, v, v_max)


def _correction(beta: float, step: int, unit: Unit) -> Ball:
    """1 - beta^step, which every program computes in float64, and then brings into its dtype."""
    # (8.23)
    power = np.power(unit.long.type(beta), step)
    value = np.asarray(1 - power, unit.long)
    rad = np.finfo(np.float64).eps * (2 * power + value)

    return unit.rounded(value, np.asarray(rad, unit.long), n=1)
