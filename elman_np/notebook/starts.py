"""A thousand starts of the notebook's training at once, with each of its surprises repaired or not."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated as Float
from typing import Any, TypeAlias

import numpy as np

import elman_np as en
from elman_np.arrays import Array, Rng, check_count, check_rng
from elman_np.cell import ACTIVATIONS, Activation
from elman_np.notebook.run import BATCH_SIZE, EPOCHS, LR, RESET_EVERY, SEQUENCE_LENGTH
from elman_np.parameters import Init, Parameters
from elman_np.training import batches


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What the notebook does. Each field but the last is one of its surprises, and has its repair."""

    broadcast: bool = True
    """Every output against every target, or each against its own."""
    shuffle: bool = True
    """Days in random order, or in the order of time."""
    standardise: bool = False
    """Dollars, or closes less their mean over their standard deviation."""
    init: Init = "normal"
    activation: Activation = "relu"
    reset_every: int = RESET_EVERY
    epochs: int = EPOCHS


REPAIRS: dict[str, dict[str, Any]] = {
    "shapes in the loss": {"broadcast": False},
    "days in order": {"shuffle": False},
    "standardised prices": {"standardise": True},
    "uniform start": {"init": "uniform"},
    "tanh": {"activation": "tanh"},
    "reset after 5": {"reset_every": SEQUENCE_LENGTH},
}

Starts: TypeAlias = Array
"""Array (5, S): the five parameters of S networks, in the order `w_x w_h b_h w_y b_y`."""


def draw_starts(count: int, init: Init = "normal") -> Starts:
    """Draw the starts of the seeds 0, 1, ... as `init_parameters` draws them."""
    check_count("count", count)
    starts = (en.init_parameters(1, 1, 1, init=init, rng=seed) for seed in range(count))
    return np.stack([start.flat for start in starts], axis=1)


def one_start(starts: Starts, index: int) -> Parameters:
    """Take one network out of many."""
    w_x, w_h, b_h, w_y, b_y = starts[:, index, None]
    return Parameters(w_x[None], w_h[None], b_h, w_y[None], b_y)


class Ensemble:
    """S networks with one input, one hidden unit and one output each, over the same days, elementwise.

    The stretches between resets lie side by side: `x[k, n]` is day k + 1 of stretch n, and the last stretch
    is filled up. States, outputs and their gradients are (K, N, S), in arrays that the next call uses again.
    """

    def __init__(self, activation: Activation) -> None:
        self.activation: Activation = activation
        self.h: Array = np.zeros((1, 0, 0))
        self.y: Array = np.zeros((0, 0, 0))

    def forward(self, starts: Starts, x: Float[Array, "K N"]) -> Float[Array, "K N S"]:
        """Return all outputs; the states stay in `h`, with the first, 0, in front."""
        w_x, w_h, b_h, w_y, b_y = starts
        if self.h.shape != (len(x) + 1, x.shape[1], starts.shape[1]):
            self.h = np.zeros((len(x) + 1, x.shape[1], starts.shape[1]))
            self.y, self.da, self.slope = np.empty((3, *self.h[1:].shape))
            self.carried = np.empty_like(self.h[0])
        np.multiply(x[..., None], w_x, out=self.h[1:])
        self.h[1:] += b_h
        activate = ACTIVATIONS[self.activation].forward
        for before, now in pairwise(self.h):
            np.multiply(w_h, before, out=self.carried)
            now += self.carried
            activate(now, now)
        np.multiply(w_y, self.h[1:], out=self.y)
        self.y += b_y
        return self.y

    def gradients(
        self, starts: Starts, x: Float[Array, "K N"], target: Array, weight: Float[Array, "K N"]
    ) -> Starts:
        """Gradients of S losses: half the sum of `weight` times squared residual (3.1 to 3.12)."""
        _, w_h, _, w_y, _ = starts
        dy = self.forward(starts, x)
        dy -= target
        dy *= weight[..., None]
        h, da, slope = self.h[1:], self.da, self.slope
        if self.activation == "tanh":
            np.subtract(1, np.multiply(h, h, out=slope), out=slope)
        else:
            np.sign(h, out=slope)
        np.multiply(w_y, dy, out=da)
        da[-1] *= slope[-1]
        for t in reversed(range(len(x) - 1)):
            da[t] += np.multiply(w_h, da[t + 1], out=self.carried)
            da[t] *= slope[t]
        rows = (x.size, starts.shape[1])
        da, dy, before, h = (z.reshape(rows) for z in (da, dy, self.h[:-1], h))
        dw_h, dw_y = np.einsum("ts,ts->s", da, before), np.einsum("ts,ts->s", dy, h)
        return np.array([x.reshape(-1) @ da, dw_h, np.ones(x.size) @ da, dw_y, np.ones(x.size) @ dy])


def stretches(days: Array, reset_every: int, filling: float) -> Array:
    """Lay the stretches between resets side by side, (K, N), and fill up the last one."""
    length = min(reset_every, len(days))
    count = -(-len(days) // length)
    filled = np.full(count * length, filling, days.dtype)
    filled[: len(days)] = days
    side_by_side: Array = filled.reshape(count, length).T
    return side_by_side


def train_starts(
    starts: Starts, recipe: Recipe, x: Float[Array, "T"], target: Float[Array, "T"], *, rng: Rng = 0
) -> Starts:
    """Train S networks at once, all on the same batches; each ends where it would end alone.

    Parameters
    ----------
    starts : array (5, S)
        First values, float64.
    recipe : Recipe
        `standardise` and `init` say how `x`, `target` and `starts` were made, and are not looked at here.
    x, target : arrays (T,)
    rng : None, int or numpy.random.Generator
        Seed or generator of the order of the days.
    """
    ensemble, options = Ensemble(recipe.activation), en.AdamOptions(lr=LR)
    generator, step, m, v = check_rng(rng), 0, np.zeros_like(starts), np.zeros_like(starts)
    x_filled = np.append(x, 0)
    target_filled = np.append(target, 0)[:, None]
    for _ in range(recipe.epochs):
        for days in batches(len(x), BATCH_SIZE, shuffle=recipe.shuffle, rng=generator):
            step += 1
            indices = stretches(days, recipe.reset_every, filling=len(x))
            expected = target[days].mean() if recipe.broadcast else target_filled[indices]
            weight = (indices < len(x)) * (2 / len(days))
            grads = ensemble.gradients(starts, x_filled[indices], expected, weight)
            starts, m, v, _ = en.adam_step(starts, grads, m, v, v, step, options)
    return starts


def predict_starts(
    starts: Starts, recipe: Recipe, x: Float[Array, "T"]
) -> tuple[Float[Array, "T S"], Float[Array, "T S"]]:
    """Run S networks over all days in their order; return states and outputs."""
    ensemble = Ensemble(recipe.activation)
    y = ensemble.forward(starts, stretches(x, recipe.reset_every, filling=0))
    h, y = (z.swapaxes(0, 1).reshape(-1, starts.shape[1])[: len(x)] for z in (ensemble.h[1:], y))
    return h, y
