"""The suite in short: a fixed set of problems, which tells in a tenth of a second whether a package is right.

PyTorch's answers and the bounds are computed once. The package that is judged, ours or a copy of it with a
mistake, need only compute its own side. Each generator yields complaints; none means that all is well.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

import elman_np as en
import elman_torch as et
from elman_np.arrays import Array
from elman_np.checking.balls import in_bounds
from elman_np.checking.bounds import AdamBall, Unit, adam_ball
from elman_np.checking.problems import (
    Case,
    UpdateCase,
    adam_tensors,
    ball_tensors,
    cell_tensors,
    integer_cases,
    network_cases,
    network_tensors,
    side_effects,
    update_cases,
    update_tensors,
)
from elman_np.parameters import Parameters
from elman_torch.parity import torch_tensors
from elman_torch.training import torch_adam
from tests.support.prices import CLOSES

DTYPES = (np.dtype(np.float64), np.dtype(np.float32))


class Problem(NamedTuple):
    """A problem, PyTorch's answer to it, and how far from that a right answer may be."""

    case: Case
    answer: dict[str, Array]
    bounds: dict[str, Array]


@dataclass(frozen=True)
class Trajectory:
    """Updates of Adam in a row: where PyTorch comes to after each of them, and the bounds."""

    case: UpdateCase
    answer: list[dict[str, Array]]
    bounds: list[dict[str, Array]]


def complaints_about_network(package: ModuleType, dtype: np.dtype) -> Iterator[str]:
    """Judge the network, the loss, and what prepares its data."""
    for problem in problems(dtype):
        yield from _differences(network_tensors(package, problem.case), problem)
        yield from side_effects(package, problem.case)
        if problem.case.dy is not None and problem.case.x.ndim == 3:
            yield from _differences(cell_tensors(package, problem.case), problem)
    yield from _tanh(package, dtype)
    yield from _data(package, dtype)
    yield from _training(package, dtype)


def complaints_about_adam(package: ModuleType, dtype: np.dtype) -> Iterator[str]:
    """Judge Adam and clipping."""
    for trajectory in trajectories(dtype):
        steps = zip(adam_tensors(package, trajectory.case), trajectory.answer, trajectory.bounds, strict=True)
        for t, (ours, answer, bounds) in enumerate(steps, 1):
            for name in bounds:
                if not within(ours[name], answer[name], bounds[name]):
                    yield f"{name} after update {t} with {trajectory.case.options}"
    yield from _clipping(package, dtype)


def within(ours: Array, answer: Array, bound: Array) -> bool:
    """Whether two arrays are of one kind and agree: equal, both NaN, or no farther apart than the bound."""
    if ours.shape != answer.shape or ours.dtype != answer.dtype:
        return False
    long = np.promote_types(bound.dtype, np.longdouble)
    return bool(np.all(in_bounds(ours.astype(long), answer.astype(long), bound) <= 1))


@cache
def problems(dtype: np.dtype) -> list[Problem]:
    """All problems with their answers; where sums are exact in any order, nothing may differ."""
    return [
        *(_problem(case, exact=False) for case in network_cases(dtype)),
        *(_problem(case, exact=True) for case in integer_cases(dtype)),
    ]


def _problem(case: Case, *, exact: bool) -> Problem:
    given = (case.x, case.h_0, case.target, case.dy, case.dh_n)
    answer = torch_tensors(et.ElmanRNN.from_numpy(case.model), *given)
    if exact:
        return Problem(case, answer, {name: np.zeros_like(value) for name, value in answer.items()})
    balls = ball_tensors(case.model, *given)
    return Problem(case, answer, {name: 2 * ball.rad for name, ball in balls.items()})


@cache
def trajectories(dtype: np.dtype) -> list[Trajectory]:
    """All runs of Adam with their answers."""
    return list(map(_trajectory, update_cases(dtype)))


def _trajectory(case: UpdateCase) -> Trajectory:
    unit, bounds = Unit.of(case.params.dtype), []
    balls = {name: AdamBall.start(p) for name, p in case.params.items()}
    for step, grads in enumerate(case.grads, 1):
        balls = {
            name: adam_ball(balls[name], unit.exact(g), step, en.AdamOptions(**case.options))
            for name, g in grads.items()
        }
        bounds.append(
            {
                f"{label}{name}": 2 * getattr(ball, part).rad
                for label, part in (("", "p"), ("m of ", "m"), ("v of ", "v"))
                for name, ball in balls.items()
            }
        )
    return Trajectory(case, list(_torch_trajectory(case)), bounds)


def _torch_trajectory(case: UpdateCase) -> Iterator[dict[str, Array]]:
    tensors = {name: nn.Parameter(torch.tensor(p)) for name, p in case.params.items()}
    optimiser = torch_adam(tensors.values(), en.AdamOptions(**case.options))
    for grads in case.grads:
        for name, tensor in tensors.items():
            tensor.grad = torch.tensor(getattr(grads, name))
        optimiser.step()
        moments = [
            {name: optimiser.state[tensor][key].numpy().copy() for name, tensor in tensors.items()}
            for key in ("exp_avg", "exp_avg_sq")
        ]
        values = {name: tensor.detach().numpy().copy() for name, tensor in tensors.items()}
        yield update_tensors(*(Parameters(**arrays) for arrays in (values, *moments)))


def _differences(ours: dict[str, Array], problem: Problem) -> Iterator[str]:
    for name, value in ours.items():
        if not within(value, problem.answer[name], problem.bounds[name]):
            yield f"{name} of {problem.case.model!r} on x of shape {problem.case.x.shape}"


def _tanh(package: ModuleType, dtype: np.dtype) -> Iterator[str]:
    """Four units in the last place, from the tiniest to those where tanh is 1."""
    a = np.concatenate([np.geomspace(1e-30, 1e3, 400), [0.0]]).astype(dtype)
    with np.errstate(all="ignore"):
        h = package.cell.phi(a, "tanh")
    exact = np.tanh(a.astype(np.longdouble))
    if not np.all(np.abs(h - exact) <= 4 * np.spacing(exact.astype(dtype))):
        yield "tanh is off by more than 4 units in the last place"


def _data(package: ModuleType, dtype: np.dtype) -> Iterator[str]:
    """What surrounds the network: the refusal to broadcast, first weights, scaling, windows."""
    try:
        package.mse_loss(np.zeros((5, 1), dtype), np.zeros(5, dtype))
        yield "targets of another shape are accepted"
    except ValueError:
        pass
    uniform, normal = (
        package.init_parameters(1, 100, 1, init=init, dtype=dtype, rng=0).w_h
        for init in ("uniform", "normal")
    )
    if not 0.099 < np.max(np.abs(uniform)) <= 0.1 + np.finfo(dtype).eps:
        yield "first weights do not fill +-1/sqrt(H)"
    if abs(np.var(normal) - 1) > 6 * math.sqrt(2 / normal.size):
        yield "normal first weights have another variance than 1"
    series = CLOSES.astype(dtype)
    scaler = package.Scaler.fit(series)
    tolerance = len(series) * np.finfo(dtype).eps
    if abs(np.std(scaler.transform(series)) - 1) > tolerance:
        yield "scaled prices have another standard deviation than 1"
    if not np.allclose(scaler.inverse(scaler.transform(series)), series, rtol=tolerance, atol=0):
        yield "scaling cannot be undone"
    if not math.isclose(package.rmse(series + 2, series), 2, rel_tol=tolerance):
        yield "the RMSE of forecasts that are $2 off is not $2"
    x, target = package.windows(series, 5)
    if not np.array_equal(x[1:], target[:-1]):
        yield "a target is not the next day's input"


def _training(package: ModuleType, dtype: np.dtype) -> Iterator[str]:
    """Two epochs of seven windows in batches of three, written out with the package's own parts."""
    rng = np.random.default_rng(0)
    x, target = rng.standard_normal((2, 4, 7, 1)).astype(dtype)
    trained, by_hand = (package.ElmanRNN(1, 3, 1, dtype=dtype, rng=1) for _ in range(2))
    optimiser = package.Adam(lr=0.1)
    history = package.train(trained, x, target, optimiser=package.Adam(lr=0.1), epochs=2, batch_size=3, rng=5)
    order = np.random.default_rng(5)
    for epoch in history:
        shuffled, losses = order.permutation(7), []
        for batch in (shuffled[:3], shuffled[3:6], shuffled[6:]):
            y, _, tape = by_hand.forward(x[:, batch])
            loss, dy = package.mse_loss(y, target[:, batch])
            grads, _, _ = by_hand.backward(tape, dy)
            by_hand.params = optimiser.step(by_hand.params, grads)
            losses += [float(loss)] * len(batch)
        if not math.isclose(epoch.loss, sum(losses) / 7, rel_tol=1e-14):
            yield "the loss of an epoch is not the mean over its windows"
    if not all(map(np.array_equal, trained.params, by_hand.params)):
        yield "training is not its batches in a row"


def _clipping(package: ModuleType, dtype: np.dtype) -> Iterator[str]:
    grads = en.init_parameters(3, 4, 2, dtype=dtype, rng=0)
    tolerance = (sum(g.size for g in grads) + 4) * np.finfo(dtype).eps
    for max_norm in (1.0, 100.0):
        clipped, norm = package.clip_grad_norm(package.Parameters(*grads), max_norm)
        tensors = [nn.Parameter(torch.tensor(g)) for g in grads]
        for tensor in tensors:
            tensor.grad = tensor.detach().clone()
        expected = nn.utils.clip_grad_norm_(tensors, max_norm).item()
        pairs = zip([norm, *clipped], [expected, *(tensor.grad.numpy() for tensor in tensors)], strict=True)
        if not all(np.allclose(ours, theirs, rtol=tolerance, atol=0) for ours, theirs in pairs):
            yield f"clipping to a norm of {max_norm}"
