"""What is right for a problem: balls of every tensor; and what a package computes for it.

A package is ours, or a copy with a mistake in it: its numbers are compared with the learner's.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TypeAlias

import numpy as np

from elman_np.arrays import Array
from elman_np.checking.balls import Ball, Unit
from elman_np.checking.bounds import backward_ball, forward_ball
from elman_np.checking.learner.losses import loss_balls, loss_of
from elman_np.checking.learner.posing import Problem
from elman_np.parameters import Parameters

Upstream: TypeAlias = Callable[[Array], Array]
"""From all outputs to their gradient."""

CELL = "cell: "
"""How the names of mistakes begin that are in one step by itself."""


def right_balls(problem: Problem, own_dy: Array | None = None) -> dict[str, Ball]:
    """Balls of all that a program may return, by its name in the book.

    Parameters
    ----------
    problem : Problem
    own_dy : array, optional
        The program's own gradient of the loss, from which its other gradients are judged.
    """
    unit = Unit.of(problem.params.dtype)
    forward = forward_ball(problem.params, problem.x, problem.h_0, problem.recurrence)
    seen = forward.y[-1:] if problem.last_only else forward.y
    balls = {"y": seen, "h": forward.h, "h_n": forward.h_n}
    if problem.dy is not None:
        dy = unit.exact(problem.dy)
    else:
        assert problem.target is not None
        balls |= loss_balls(problem.loss, seen, problem.target)
        dy = balls["dy"] if own_dy is None else unit.exact(own_dy)
    grads = backward_ball(forward, _whole_ball(dy, forward.y), problem.dh_n)
    return balls | {f"d{name}": ball for name, ball in grads.items()}


def _whole_ball(dy: Ball, y: Ball) -> Ball:
    """Put zeros before the last step, if the loss sees that alone."""
    if dy.mid.shape == y.mid.shape:
        return dy
    mid, rad = np.zeros_like(y.mid), np.zeros_like(y.rad)
    mid[-1:], rad[-1:] = dy.mid, dy.rad
    return Ball(mid, rad, dy.unit)


def package_tensors(
    package: ModuleType, problem: Problem, own_dy: Array | None = None, *, by_cell: bool = False
) -> dict[str, Array]:
    """Compute the same tensors by a package's network, or by its single steps alone."""
    params = package.Parameters(*problem.params)
    run = _by_cell if by_cell else _by_sequence
    tensors: dict[str, Array] = {}

    def upstream(y: Array) -> Array:
        seen = y[-1:] if problem.last_only else y
        tensors["y"] = seen
        dy = problem.dy
        if dy is None:
            assert problem.target is not None
            tensors.update(loss_of(package, problem.loss, seen, problem.target))
            dy = tensors["dy"] if own_dy is None else own_dy
        whole = np.zeros_like(y)
        whole[-len(seen) :] = dy
        return whole

    return tensors | run(package, problem, params, upstream) | tensors


def _by_sequence(
    package: ModuleType, problem: Problem, params: Parameters, upstream: Upstream
) -> dict[str, Array]:
    model = package.ElmanRNN.from_params(params, **vars(problem.recurrence))
    y, h_n, tape = model.forward(problem.x.copy(), problem.h_0.copy())
    grads, dx, dh_0 = model.backward(tape, upstream(y), problem.dh_n.copy())
    named = {f"d{name}": value for name, value in grads.items()}
    return {"h": tape.bptt.h, "h_n": h_n, "dx": dx, "dh_0": dh_0} | named


def _by_cell(
    package: ModuleType, problem: Problem, params: Parameters, upstream: Upstream
) -> dict[str, Array]:
    activation, recurrence = problem.activation, problem.recurrence
    reset, chunk = recurrence.reset_every, recurrence.chunk
    before, after, outputs, h = [], [], [], problem.h_0
    for t, x_t in enumerate(problem.x):
        before.append(problem.h_0 if reset and t % reset == 0 else h)
        y_t, h = package.step(params, x_t, before[t], activation)
        after.append(h)
        outputs.append(y_t)
    dy, dx, dh_0 = upstream(np.stack(outputs)), np.zeros_like(problem.x), np.zeros_like(problem.h_0)
    dh, total = problem.dh_n, params.map(np.zeros_like)
    for t in reversed(range(len(dy))):
        sent = package.step_backward(params, problem.x[t], before[t], after[t], dy[t], dh, activation)
        total, dx[t], dh = total.map(np.add, sent.grads), sent.dx, sent.dh_before
        if t == 0 or (reset and t % reset == 0):
            dh_0 = dh_0 + dh
        if t % (reset or chunk or len(dy)) == 0:
            dh = np.zeros_like(dh)
    named = {f"d{name}": value for name, value in total.items()}
    return {"h": np.stack(after), "h_n": h, "dx": dx, "dh_0": dh_0} | named
