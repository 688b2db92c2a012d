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
from strategies import CLOSES, Case
from torch import nn

import elman_np as en
import elman_torch as et
from elman_np.bounds import AdamBall, Unit, adam_ball
from elman_np.parameters import Array, Parameters
from elman_torch.parity import ball_tensors, torch_tensors

DTYPES = (np.dtype(np.float64), np.dtype(np.float32))
SIZES = (1.0, 1e-3, 1e-6, 0.0, 30.0)


class Problem(NamedTuple):
    """A problem, PyTorch's answer to it, and how far from that a right answer may be."""

    case: Case
    answer: dict[str, Array]
    bounds: dict[str, Array]


@dataclass(frozen=True)
class Trajectory:
    """Updates of Adam in a row: where PyTorch comes to after each of them, and the bounds."""

    options: dict[str, object]
    params: Parameters
    grads: tuple[Parameters, ...]
    answer: list[dict[str, Array]]
    bounds: list[dict[str, Array]]


def complaints_about_network(package: ModuleType, dtype: np.dtype) -> Iterator[str]:
    """Judge the network, the loss, and what prepares its data."""
    for problem in problems(dtype):
        yield from _differences(network_tensors(package, problem.case), problem)
        yield from _side_effects(package, problem.case)
        if problem.case.target is None and _plain(problem.case):
            yield from _differences(cell_tensors(package, problem.case), problem)
    yield from _tanh(package, dtype)
    yield from _data(package, dtype)


def complaints_about_adam(package: ModuleType, dtype: np.dtype) -> Iterator[str]:
    """Judge Adam and clipping."""
    for trajectory in trajectories(dtype):
        steps = zip(adam_tensors(package, trajectory), trajectory.answer, trajectory.bounds, strict=True)
        for t, (ours, answer, bounds) in enumerate(steps, 1):
            for name in bounds:
                if not within(ours[name], answer[name], bounds[name]):
                    yield f"{name} after update {t} with {trajectory.options}"
    yield from _clipping(package, dtype)


def within(ours: Array, answer: Array, bound: Array) -> bool:
    """Whether two arrays are of one kind and agree: equal, both NaN, or no farther apart than the bound."""
    if ours.shape != answer.shape or ours.dtype != answer.dtype:
        return False
    same = (ours == answer) | (np.isnan(ours) & np.isnan(answer))
    return bool(np.all(same | (np.abs(ours.astype(bound.dtype) - answer) <= bound)))


def network_tensors(package: ModuleType, case: Case) -> dict[str, Array]:
    """Every tensor of a problem, by the package's `ElmanRNN`."""
    case = _copied(case)
    model, dy = _model(package, case), case.dy
    y, h_n, tape = model.forward(case.x, case.h_0)
    tensors = {"y": y, "h_n": h_n}
    if case.target is not None:
        loss, dy = package.mse_loss(y, case.target)
        tensors["loss"] = np.asarray(loss)
    grads, dx, dh_0 = model.backward(tape, dy, case.dh_n)
    return tensors | {f"d{name}": value for name, value in grads.items()} | {"dx": dx, "dh_0": dh_0}


def cell_tensors(package: ModuleType, case: Case) -> dict[str, Array]:
    """Every tensor of a problem, a step of the package's cell at a time."""
    case = _copied(case)
    params, activation, h = package.Parameters(*case.model.params), case.model.activation, case.h_0
    before, states, outputs = [], [], []
    for x in case.x:
        before.append(h)
        y, h = package.step(params, x, h, activation)
        states.append(h)
        outputs.append(y)
    dh = np.zeros_like(h) if case.dh_n is None else case.dh_n
    grads, dxs = params.map(np.zeros_like), []
    for x, h_before, h_t, dy in list(zip(case.x, before, states, case.dy, strict=True))[::-1]:
        back = package.step_backward(params, x, h_before, h_t, dy, dh, activation)
        grads, dh = grads.map(np.add, back.grads), back.dh_before
        dxs.append(back.dx)
    tensors = {"y": np.stack(outputs), "h_n": h, "dx": np.stack(dxs[::-1]), "dh_0": dh}
    return tensors | {f"d{name}": value for name, value in grads.items()}


def adam_tensors(package: ModuleType, trajectory: Trajectory) -> Iterator[dict[str, Array]]:
    """Parameters, m and v after each update, by the package's `Adam`."""
    optimiser = package.Adam(**trajectory.options)
    params = package.Parameters(*trajectory.params)
    for grads in trajectory.grads:
        params = optimiser.step(params, package.Parameters(*grads))
        yield _flat(params, optimiser.state.m, optimiser.state.v)


@cache
def problems(dtype: np.dtype) -> list[Problem]:
    """Both activations, truncations, one step and many, h_0 not 0, uneven upstream gradients, prices."""
    found = []
    for activation in ("tanh", "relu"):
        draw = _Draw(dtype, activation)
        found += [draw.case(1, 1, (1, 1, 1)), draw.case(1, 3, (2, 4, 2)), draw.case(7, 2, (3, 5, 2))]
        for options in (
            {"reset_every": 3},
            {"reset_every": 2},
            {"reset_every": 7},
            {"chunk": 3},
            {"chunk": 1},
        ):
            found.append(draw.case(7, 2, (2, 4, 2), **options))
        found += [draw.case(6, 2, (2, 4, 1), reset_every=2), draw.case(60, 1, (1, 3, 1), scale=0.7)]
        found += [draw.case(9, 2, (2, 3, 2), upstream=size) for size in (1e3, 1e-9)]
        found += [draw.case(5, 1, (2, 6, 2), scale=scale) for scale in (1e-3, 4.0)]
        found += [draw.prices(20, 3, dollars=False), draw.prices(9, 3, dollars=True), draw.series(8)]
    given = [(case.model, case.x, case.h_0, case.target, case.dy, case.dh_n) for case in found]
    answers = [torch_tensors(et.ElmanRNN.from_numpy(model), *rest) for model, *rest in given]
    bounds = [{name: 2 * ball.rad for name, ball in ball_tensors(*problem).items()} for problem in given]
    return list(map(Problem, found, answers, bounds)) + _integer_problems(dtype)


def _integer_problems(dtype: np.dtype) -> list[Problem]:
    """Sums that are exact in any order: nothing may differ, not by a bit."""
    found = []
    for seed, options in enumerate(({}, {"reset_every": 2}, {"chunk": 2})):
        rng = np.random.default_rng(seed)

        def integers(*shape, rng=rng):
            return rng.integers(-2, 3, shape).astype(dtype)

        params = en.Parameters(integers(3, 2), integers(3, 3), integers(3), integers(2, 3), integers(2))
        model = en.ElmanRNN.from_params(params, activation="relu", **options)
        case = Case(model, integers(5, 2, 2), integers(2, 3), integers(5, 2, 2), integers(2, 3), None)
        answer = torch_tensors(et.ElmanRNN.from_numpy(model), case.x, case.h_0, None, case.dy, case.dh_n)
        found.append(Problem(case, answer, {name: np.zeros_like(value) for name, value in answer.items()}))
    return found


@dataclass
class _Draw:
    """Draws problems of one dtype and activation, always the same ones."""

    dtype: np.dtype
    activation: str

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(2023)

    def normal(self, *shape: int) -> Array:
        return self.rng.standard_normal(shape).astype(self.dtype)

    def model(self, sizes: tuple[int, int, int], scale: float = 1.0, **options: int) -> en.ElmanRNN:
        params = en.init_parameters(*sizes, dtype=self.dtype, rng=self.rng)
        params = params.map(lambda p: p * p.dtype.type(scale))
        return en.ElmanRNN.from_params(params, activation=self.activation, **options)

    def case(self, steps, batch, sizes, *, scale=1.0, upstream=1.0, **options) -> Case:
        inputs, hidden, outputs = sizes
        dy, dh_n = (
            z * self.dtype.type(upstream)
            for z in (self.normal(steps, batch, outputs), self.normal(batch, hidden))
        )
        x, h_0 = self.normal(steps, batch, inputs), self.normal(batch, hidden)
        return Case(self.model(sizes, scale, **options), x, h_0, dy, dh_n, None)

    def prices(self, steps, batch, *, dollars) -> Case:
        series = CLOSES if dollars else en.Scaler.fit(CLOSES).transform(CLOSES)
        windows = np.stack([series[i : i + steps + 1] for i in range(0, 300 * batch, 300)], axis=1)
        x, target = windows[:-1, :, None].astype(self.dtype), windows[1:, :, None].astype(self.dtype)
        return Case(self.model((1, 4, 1)), x, self.normal(batch, 4), None, None, target)

    def series(self, steps) -> Case:
        return Case(
            self.model((1, 3, 1)),
            self.normal(steps),
            self.normal(3),
            self.normal(steps),
            self.normal(3),
            None,
        )


@cache
def trajectories(dtype: np.dtype) -> list[Trajectory]:
    """Gradients of 1, 1e-3, 1e-6, 0 and 30, by entry and by turns, under every flag."""
    every = {"weight_decay": 0.1, "amsgrad": True, "maximize": True}
    flags = [
        {},
        {"lr": 0.1, "betas": (0.5, 0.9), "eps": 1e-3},
        {"betas": (0.0, 0.0)},
        {"weight_decay": 0.1},
        {"weight_decay": 0.1, "decoupled": True},
        {"amsgrad": True},
        {"maximize": True},
        {**every},
        {**every, "decoupled": True, "lr": 0.01},
    ]
    return [_trajectory(dtype, options, seed) for seed, options in enumerate(flags)]


def _trajectory(dtype: np.dtype, options: dict, seed: int) -> Trajectory:
    rng = np.random.default_rng(seed)
    params = en.init_parameters(3, 4, 2, dtype=dtype, rng=rng)
    fixed = params.map(lambda p: rng.choice(SIZES, p.shape).astype(dtype))
    turns = [30.0, 1.0, 1e-3, 0.0, 1e-6, 1.0, 0.0, 0.0, 1e-3, 1.0]
    grads = tuple(
        fixed.map(lambda s, turn=turn: (s * turn * rng.standard_normal(s.shape)).astype(dtype))
        if seed % 2
        else fixed.map(lambda s: (s * rng.standard_normal(s.shape)).astype(dtype))
        for turn in turns
    )
    answer, bounds = _torch_trajectory(options, params, grads), []
    balls = {name: AdamBall.start(p) for name, p in params.items()}
    for step, g in enumerate(grads, 1):
        balls = {
            name: adam_ball(ball, Unit.of(dtype).exact(getattr(g, name)), step, en.AdamOptions(**options))
            for name, ball in balls.items()
        }
        bounds.append(
            {
                f"{label}{name}": 2 * getattr(ball, field).rad
                for label, field in (("", "p"), ("m of ", "m"), ("v of ", "v"))
                for name, ball in balls.items()
            }
        )
    return Trajectory(options, params, grads, answer, bounds)


def _torch_trajectory(options: dict, params: Parameters, grads: tuple) -> list[dict[str, Array]]:
    options = dict(options)
    kind = torch.optim.AdamW if options.pop("decoupled", False) else torch.optim.Adam
    tensors = {name: nn.Parameter(torch.tensor(p)) for name, p in params.items()}
    optimiser = kind(tensors.values(), **({"weight_decay": 0.0} | options))
    found = []
    for g in grads:
        for name, tensor in tensors.items():
            tensor.grad = torch.tensor(getattr(g, name))
        optimiser.step()
        moments = [
            {name: optimiser.state[tensor][key].numpy().copy() for name, tensor in tensors.items()}
            for key in ("exp_avg", "exp_avg_sq")
        ]
        values = {name: tensor.detach().numpy().copy() for name, tensor in tensors.items()}
        found.append(_flat(*(Parameters(**arrays) for arrays in (values, *moments))))
    return found


def _flat(params: Parameters, m: Parameters, v: Parameters) -> dict[str, Array]:
    return {
        f"{label}{name}": value
        for label, arrays in (("", params), ("m of ", m), ("v of ", v))
        for name, value in arrays.items()
    }


def _model(package: ModuleType, case: Case):
    options = {key: getattr(case.model, key) for key in ("activation", "reset_every", "chunk")}
    return package.ElmanRNN.from_params(package.Parameters(*case.model.params), **options)


def _copied(case: Case) -> Case:
    """The same problem, for a package that may write into its arguments."""
    arrays = (case.x, case.h_0, case.dy, case.dh_n, case.target)
    return Case(case.model, *(None if z is None else z.copy() for z in arrays))


def _plain(case: Case) -> bool:
    """A batch of sequences without truncation: what a loop over the cell can say."""
    return case.x.ndim == 3 and case.model.reset_every is None and case.model.chunk is None


def _differences(ours: dict[str, Array], problem: Problem) -> Iterator[str]:
    for name, value in ours.items():
        if not within(value, problem.answer[name], problem.bounds[name]):
            yield f"{name} of {problem.case.model!r} on x of shape {problem.case.x.shape}"


def _side_effects(package: ModuleType, case: Case) -> Iterator[str]:
    """A second call must give the same bits, and no argument may change."""
    case = _copied(case)
    model = _model(package, case)
    params = [p.copy() for p in model.params]
    y, _, tape = model.forward(case.x, case.h_0)
    dy = np.ones_like(y) if case.dy is None else case.dy
    dh_n = np.ones_like(case.h_0) if case.dh_n is None else case.dh_n
    target = np.zeros_like(y)
    given = (case.x, case.h_0, y, dy, dh_n, target)
    copies = [z.copy() for z in given]
    package.mse_loss(y, target)
    first, again = (model.backward(tape, dy, dh_n) for _ in range(2))
    if not all(map(np.array_equal, given, copies)):
        yield "an argument was changed"
    if not all(map(np.array_equal, model.params, params)):
        yield "the parameters were changed"
    if not all(map(np.array_equal, [*first[0], *first[1:]], [*again[0], *again[1:]])):
        yield "the second call differs from the first"


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
