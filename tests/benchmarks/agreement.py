"""Before anything is timed: everyone computes the same, within the rounding-error bound of the problem.

The bound follows every number in longer arithmetic, which takes minutes at the largest shapes. There, the
upstream gradient is set to zero but for some rows of the batch, which the seed chooses. Rows do not mix
before they are summed, and adding exact zeros rounds nothing; so the gradients must be those of the few rows
alone, within the bound of the few rows, and exactly zero for all others. A difference stops the benchmark;
where the bound is too wide to tell, that is printed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch

import elman_np as en
from elman_np.arrays import Array
from elman_np.checking.bounds import AdamBall, Unit, adam_ball, mse_ball
from elman_np.checking.problems import ball_tensors
from elman_torch.parity import Comparison

from .peers import Ours, Peer, Torch
from .problems import Problem

AFFORDABLE = 100_000_000  # multiplications in one pass of longer arithmetic


def rows_followed(problem: Problem) -> int:
    """How many rows of the batch the bound can follow."""
    steps, batch, inputs, hidden = problem.shape
    return min(batch, max(1, AFFORDABLE // (steps * hidden * (hidden + inputs))))


class Agreement(NamedTuple):
    """How well all agree: the largest observed / bound, and the widest bound as a part of its tensor."""

    ratio: float
    width: float
    undecided: tuple[str, ...]
    """Tensors whose bound is too wide to tell: others' programs do not show what they find at each step."""

    @classmethod
    def of(cls, comparisons: Iterable[Comparison]) -> Agreement:
        """Take the worst of all tensors, or raise Disagreement."""
        rows = []
        for comparison in comparisons:
            if comparison.verdict == "differs":
                comparison.check()
            rows += comparison.rows
        doubtful = sorted({row.tensor for row in rows if row.verdict == "undecided"})
        largest = (max((getattr(row, name) for row in rows), default=0.0) for name in ("ratio", "width"))
        return cls(*largest, tuple(doubtful))


def check_gradients(problem: Problem, peers: Iterable[Peer]) -> Agreement:
    """Compare everyone with `elman_np`."""
    batch = problem.shape.B
    few = np.sort(np.random.default_rng(7).choice(batch, rows_followed(problem), replace=False))
    dy = problem.dy * np.isin(np.arange(batch), few)[:, None]
    balls = ball_tensors(problem.model, problem.x[:, few], problem.h_0[few], None, dy[:, few], None)
    ours = _few_rows(Ours(problem).tensors(dy), few)
    found = (_few_rows(peer.tensors(dy), few) for peer in peers)
    return Agreement.of(Comparison.of(ours, z, {name: balls[name] for name in z}) for z in found)


def _few_rows(tensors: dict[str, Array], few: Array) -> dict[str, Array]:
    """Keep the rows that are followed; those of the others' gradients must be zero."""
    for name in ("dx", "dh_0"):
        if np.delete(tensors[name], few, axis=-2).any():
            raise AssertionError(f"{name}: expected zeros where the upstream gradient is zero")
    batched = ("y", "h_n", "dx", "dh_0")
    return {name: z[..., few, :] if name in batched else z for name, z in tensors.items()}


def check_training_step(problem: Problem) -> Agreement:
    """Compare what a training step adds to the gradients: the loss with its gradient, and Adam's update.

    Both from the same arrays, `elman_np` against the optimiser that is timed.
    """
    y = problem.model(problem.x, problem.h_0)[0]
    ours = dict(zip(("loss", "dy"), map(np.asarray, en.mse_loss(y, problem.target)), strict=True))
    outputs = torch.tensor(y, requires_grad=True)
    loss = torch.nn.functional.mse_loss(outputs, torch.tensor(problem.target))
    loss.backward()
    theirs = {"loss": loss.detach().numpy(), "dy": outputs.grad.numpy()}
    unit = Unit.of(problem.dtype)
    balls = dict(zip(("loss", "dy"), mse_ball(unit.exact(y), problem.target), strict=True))

    params = problem.model.params
    grads = params.map(lambda p: np.random.default_rng(6).standard_normal(p.shape).astype(p.dtype))
    ours |= dict(en.Adam().step(params, grads).items())
    peer = Torch(problem)
    rnn, linear = peer.trained
    moving = (rnn.weight_ih_l0, rnn.weight_hh_l0, rnn.bias_ih_l0, linear.weight, linear.bias)
    for parameter, (name, g) in zip(moving, grads.items(), strict=True):
        parameter.grad = torch.tensor(g)
        start = AdamBall.start(getattr(params, name))
        balls[name] = adam_ball(start, unit.exact(g), 1, en.AdamOptions()).p
    peer.optimiser.step()
    theirs |= {name: p.detach().numpy() for (name, _), p in zip(grads.items(), moving, strict=True)}
    return Agreement.of([Comparison.of(ours, theirs, balls)])
