"""Problems that leave a mistake no hiding place, and how a package is made to solve them.

A case is a network with its inputs and upstream gradients. In one of `network_cases` every mistake of the
catalogue shows itself: both activations, truncations, one step and many, an initial state that is not
zero, uneven upstream gradients, prices. `update_cases` are the same for Adam.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

import elman_np as en
from elman_np.arrays import Array
from elman_np.cell import Activation
from elman_np.checking.balls import Ball, Unit
from elman_np.checking.bounds import backward_ball, forward_ball, mse_ball
from elman_np.model import find_layout
from elman_np.parameters import Parameters

SIZES = (1.0, 1e-3, 1e-6, 0.0, 30.0)
"""Of the gradients that Adam is given."""
LARGE = 130
"""Units of a network that Adam updates in two pieces, the second shorter than the first."""


@dataclass(frozen=True)
class Case:
    """A network, its inputs, and upstream gradients: either given, or from targets."""

    model: en.ElmanRNN
    x: Array
    h_0: Array
    dy: Array | None
    dh_n: Array | None
    target: Array | None

    def __repr__(self) -> str:
        """Spell the case out as lines that can be pasted into Python, with every digit."""
        arrays = {"h_0": self.h_0, "dy": self.dy, "dh_n": self.dh_n, "target": self.target}
        with np.printoptions(floatmode="unique", precision=17, threshold=sys.maxsize):
            lines = [
                "import numpy as np, elman_np as en, elman_torch as et",
                "from numpy import array, float32, float64, nan, inf",
                f"params = en.Parameters(*{list(self.model.params)!r})",
                f"model = en.ElmanRNN.from_params(params, **{vars(self.model.recurrence)!r})",
                f"x = {self.x!r}",
                f"print(et.compare(model, x, {', '.join(f'{k}={v!r}' for k, v in arrays.items())}))",
            ]
        return "\n" + "\n".join(lines) + "\n"

    @property
    def given(self) -> dict[str, Array | None]:
        """Keyword arguments of `elman_torch.compare`."""
        return {"target": self.target, "h_0": self.h_0, "dy": self.dy, "dh_n": self.dh_n}

    def moved_to(self, package: ModuleType) -> Case:
        """Return the same case with a network of another package, which may write into its arguments."""
        model = package.ElmanRNN.from_params(
            package.Parameters(*self.model.params), **vars(self.model.recurrence)
        )
        arrays = (self.x, self.h_0, self.dy, self.dh_n, self.target)
        return Case(model, *(None if z is None else z.copy(order="K") for z in arrays))  # type: ignore[arg-type]


@dataclass(frozen=True)
class UpdateCase:
    """Options of Adam, parameters, and the gradients of some updates in a row."""

    options: Mapping[str, Any]
    params: Parameters
    grads: tuple[Parameters, ...]


# ---------------------------------------------------------------- how a package solves them


class Solution(NamedTuple):
    """What one program makes of a case, all of it in one pass."""

    tensors: dict[str, Array]
    """`y h_n loss dw_x dw_h db_h dw_y db_y dx dh_0`, in the layout of the case."""
    steps: dict[str, Array]
    """What it found on the way: `h` and `da` (T, B, H), `dy` (T, B, O)."""


def numpy_solution(case: Case, package: ModuleType = en) -> Solution:
    """Solve a case by the hand-written backward pass of its own network; the loss is `package`'s."""
    model, dy = case.model, case.dy
    y, h_n, tape = model.forward(case.x, case.h_0)
    tensors = {"y": y, "h_n": h_n}
    if case.target is not None:
        loss, dy = package.mse_loss(y, case.target)
        tensors["loss"] = np.asarray(loss)
    dy = np.asarray(dy)
    grads, dx, dh_0 = model.backward(tape, dy, case.dh_n)
    tensors |= {f"d{name}": value for name, value in grads.items()} | {"dx": dx, "dh_0": dh_0}
    da, _ = model.state_gradients(tape, dy, case.dh_n)
    shape = (len(dy), tape.layout.batch_size, model.output_size)
    return Solution(tensors, {"h": tape.bptt.h, "da": da, "dy": dy.reshape(shape)})


def numpy_tensors(
    model: en.ElmanRNN, x: Array, h_0: Array, target: Array | None, dy: Array | None, dh_n: Array | None
) -> dict[str, Array]:
    """Every tensor of a case, by the hand-written backward pass."""
    return numpy_solution(Case(model, x, h_0, dy, dh_n, target)).tensors


def network_tensors(package: ModuleType, case: Case) -> dict[str, Array]:
    """Every tensor of a case, by the package's `ElmanRNN`."""
    return numpy_solution(case.moved_to(package), package).tensors


def cell_tensors(package: ModuleType, case: Case) -> dict[str, Array]:
    """Every tensor of a case with a given `dy`, by the package's `step` and `step_backward` alone."""
    case = case.moved_to(package)
    model, x, h_0, dy, dh_n = case.model, case.x, case.h_0, np.asarray(case.dy), case.dh_n
    params, activation = model.params, model.activation
    h, befores, states, outputs = h_0, [], [], [np.zeros((0, *dy.shape[1:]), params.dtype)]
    for t in range(len(x)):
        h = h_0 if model.reset_every and t % model.reset_every == 0 else h
        befores.append(h)
        y, h = package.step(params, x[t], h, activation)
        states.append(h)
        outputs.append(y[None])
    zero = np.zeros_like(h_0)
    dh_next, dh_0, total, dx = (
        zero if dh_n is None else dh_n,
        zero,
        params.map(np.zeros_like),
        np.zeros_like(x),
    )
    for t in reversed(range(len(x))):
        sent = package.step_backward(params, x[t], befores[t], states[t], dy[t], dh_next, activation)
        total, dx[t], dh_next = total.map(np.add, sent.grads), sent.dx, sent.dh_before
        if model.reset_every and t % model.reset_every == 0:
            dh_0, dh_next = dh_0 + dh_next, zero
        elif model.chunk and t > 0 and t % model.chunk == 0:
            dh_next = zero
    tensors = {"y": np.concatenate(outputs), "h_n": h, "dx": dx, "dh_0": dh_0 + dh_next}
    return tensors | {f"d{name}": value for name, value in total.items()}


def adam_tensors(package: ModuleType, case: UpdateCase) -> Iterator[dict[str, Array]]:
    """Parameters, m and v after each update, by the package's `Adam`."""
    optimiser = package.Adam(**case.options)
    params = package.Parameters(*case.params)
    for grads in case.grads:
        params = optimiser.step(params, package.Parameters(*grads))
        yield update_tensors(params, optimiser.state.m, optimiser.state.v)


def update_tensors(params: Parameters, m: Parameters, v: Parameters) -> dict[str, Array]:
    """All that an update leaves, by name."""
    return {
        f"{label}{name}": value
        for label, arrays in (("", params), ("m of ", m), ("v of ", v))
        for name, value in arrays.items()
    }


def side_effects(package: ModuleType, case: Case) -> Iterator[str]:
    """Complain unless a second call gives the same bits, no h_0 means zeros, and no argument is changed."""
    case = case.moved_to(package)
    model = case.model
    params = [p.copy() for p in model.params]
    before = [case.x.copy(), case.h_0.copy()]
    y, _, tape = model.forward(case.x, case.h_0)
    dy = np.ones_like(y) if case.dy is None else case.dy
    dh_n = np.ones_like(case.h_0) if case.dh_n is None else case.dh_n
    target = np.zeros_like(y)
    given = (case.x, case.h_0, y, dy, dh_n, target)
    copies = [*before, *(z.copy() for z in given[2:])]
    from_zeros, *without = (model(case.x, *h_0) for h_0 in ([np.zeros_like(case.h_0)], [], []))
    if not all(np.array_equal(a, b) for found in without for a, b in zip(from_zeros, found, strict=True)):
        yield "without h_0 it is not as from zeros"
    package.mse_loss(y, target)
    first, again = (model.backward(tape, dy, dh_n) for _ in range(2))
    if not all(map(np.array_equal, given, copies)):
        yield "an argument was changed"
    if not all(map(np.array_equal, model.params, params)):
        yield "the parameters were changed"
    if not all(map(np.array_equal, [*first[0], *first[1:]], [*again[0], *again[1:]])):
        yield "the second call differs from the first"
    yield from _can_be_written(model.params)


def _can_be_written(params: Parameters) -> Iterator[str]:
    """Complain unless five read-only views hold one vector that nobody else can write, copies included."""
    vector = params.flat.copy()
    values = {"parameters": params, "a copy": copy.deepcopy(params), "a value like it": params.like(vector)}
    vector[:] = 0
    for name, value in values.items():
        if any(z.flags.writeable or not np.shares_memory(z, value.flat) for z in value):
            yield f"{name}: not five read-only views of one vector"
        if not np.array_equal(np.concatenate([z.ravel() for z in value]), params.flat):
            yield f"{name}: the vector does not hold the five arrays in their order"


def ball_tensors(
    model: en.ElmanRNN, x: Array, h_0: Array, target: Array | None, dy: Array | None, dh_n: Array | None
) -> dict[str, Ball]:
    """Bound every tensor of a case."""
    layout = find_layout(x.shape, model.input_size, model.hidden_size, model.output_size)
    steps, batch = len(x), layout.batch_size
    forward = forward_ball(
        model.params,
        x.reshape(steps, batch, model.input_size),
        h_0.reshape(batch, model.hidden_size),
        model.recurrence,
    )
    balls = {"y": forward.y.reshape(*layout.y), "h_n": forward.h_n.reshape(*layout.h)}
    if target is not None:
        balls["loss"], upstream = mse_ball(forward.y, target.reshape(forward.y.mid.shape))
    else:
        upstream = Unit.of(model.dtype).exact(np.asarray(dy).reshape(forward.y.mid.shape))
    grads = backward_ball(forward, upstream, None if dh_n is None else dh_n.reshape(batch, model.hidden_size))
    balls |= {f"d{name}": ball for name, ball in grads.items()}
    balls["dx"] = balls["dx"].reshape(*layout.x)
    balls["dh_0"] = balls["dh_0"].reshape(*layout.h)
    return balls


# ---------------------------------------------------------------- the problems


def network_cases(dtype: np.dtype[Any]) -> list[Case]:
    """Both activations, truncations, one step and many, h_0 not 0, uneven upstream gradients, prices."""
    found = []
    activations: tuple[Activation, ...] = ("tanh", "relu")
    for activation in activations:
        draw = _Draw(dtype, activation)
        found += [draw.case(1, 1, (1, 1, 1)), draw.case(1, 3, (2, 4, 2)), draw.case(7, 2, (3, 5, 2))]
        truncations = ("reset_every", 3), ("reset_every", 2), ("reset_every", 7), ("chunk", 3), ("chunk", 1)
        found += [draw.case(7, 2, (2, 4, 2), **{name: steps}) for name, steps in truncations]
        found += [draw.case(6, 2, (2, 4, 1), reset_every=2), draw.case(60, 1, (1, 3, 1), scale=0.7)]
        found += [draw.case(9, 2, (2, 3, 2), upstream=size) for size in (1e3, 1e-9)]
        found += [draw.case(5, 1, (2, 6, 2), scale=scale) for scale in (1e-3, 4.0)]
        found += [draw.prices(20, 3, dollars=False), draw.prices(9, 3, dollars=True), draw.series(8)]
        found += [draw.case(40, 2, (1, 3, 1)), draw.case(3, 70, (2, 3, 1)), draw.case(4, 2, (2, 40, 2))]
        found.append(draw.not_contiguous(draw.case(5, 3, (2, 4, 2))))
    return found


def integer_cases(dtype: np.dtype[Any]) -> list[Case]:
    """Return cases whose sums are exact in any order: nothing may differ, not by a bit."""
    found = []
    for seed, options in enumerate(({}, {"reset_every": 2}, {"chunk": 2})):
        rng = np.random.default_rng(seed)
        shapes = ((3, 2), (3, 3), (3,), (2, 3), (2,), (5, 2, 2), (2, 3), (5, 2, 2), (2, 3))
        *params, x, h_0, dy, dh_n = (rng.integers(-2, 3, shape).astype(dtype) for shape in shapes)
        model = en.ElmanRNN.from_params(Parameters(*params), activation="relu", **options)
        found.append(Case(model, x, h_0, dy, dh_n, None))
    return found


@dataclass
class _Draw:
    """Draws cases of one dtype and activation, always the same ones."""

    dtype: np.dtype[Any]
    activation: Activation

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(2023)

    def normal(self, *shape: int) -> Array:
        return self.rng.standard_normal(shape).astype(self.dtype)

    def model(self, sizes: tuple[int, int, int], scale: float = 1.0, **options: int) -> en.ElmanRNN:
        params = en.init_parameters(*sizes, dtype=self.dtype, rng=self.rng)
        params = params.map(lambda p: p * p.dtype.type(scale))
        return en.ElmanRNN.from_params(params, activation=self.activation, **options)

    def case(
        self,
        steps: int,
        batch: int,
        sizes: tuple[int, int, int],
        *,
        scale: float = 1.0,
        upstream: float = 1.0,
        **options: int,
    ) -> Case:
        inputs, hidden, outputs = sizes
        dy, dh_n = (
            z * self.dtype.type(upstream)
            for z in (self.normal(steps, batch, outputs), self.normal(batch, hidden))
        )
        x, h_0 = self.normal(steps, batch, inputs), self.normal(batch, hidden)
        return Case(self.model(sizes, scale, **options), x, h_0, dy, dh_n, None)

    def prices(self, steps: int, batch: int, *, dollars: bool) -> Case:
        closes = en.load_splg("2019-05-13", "2024-05-11")["Close"].to_numpy()
        series = closes if dollars else en.Scaler.fit(closes).transform(closes)
        windows = np.stack([series[i : i + steps + 1] for i in range(0, 300 * batch, 300)], axis=1)
        x, target = windows[:-1, :, None].astype(self.dtype), windows[1:, :, None].astype(self.dtype)
        return Case(self.model((1, 4, 1)), x, self.normal(batch, 4), None, None, target)

    def not_contiguous(self, case: Case) -> Case:
        """Return the same numbers, in another order of memory."""
        arrays = (case.x, case.h_0, case.dy, case.dh_n, case.target)
        return Case(case.model, *(None if z is None else np.asfortranarray(z) for z in arrays))  # type: ignore[arg-type]

    def series(self, steps: int) -> Case:
        model = self.model((1, 3, 1))
        return Case(model, self.normal(steps), self.normal(3), self.normal(steps), self.normal(3), None)


def update_cases(dtype: np.dtype[Any]) -> list[UpdateCase]:
    """Gradients of 1, 1e-3, 1e-6, 0 and 30, by entry and by turns, under every flag; one case is large."""
    every = {"weight_decay": 0.1, "amsgrad": True, "maximize": True}
    flags: list[dict[str, Any]] = [
        {},
        {"lr": 0.1, "betas": (0.5, 0.9), "eps": 1e-3},
        {"betas": (0.0, 0.0)},
        {"weight_decay": 0.1},
        {"weight_decay": 0.1, "decoupled": True},
        {"amsgrad": True},
        {"maximize": True},
        {**every},
        {**every, "decoupled": True, "lr": 0.01},
        {"lr": 3.0, "weight_decay": 2.0},
        {"lr": 3.0, "weight_decay": 2.0, "decoupled": True},
    ]
    cases = [_update_case(dtype, options, seed) for seed, options in enumerate(flags)]
    huge = float(np.sqrt(np.finfo(dtype).max)) / 1e4
    cases += [_update_case(dtype, flags[k], 50 + k, scale=huge) for k in (0, 5)]
    return [*cases, _update_case(dtype, {"amsgrad": True}, 70, hidden=LARGE)]


def _update_case(
    dtype: np.dtype[Any], options: Mapping[str, Any], seed: int, *, scale: float = 1.0, hidden: int = 4
) -> UpdateCase:
    """Draw the gradients of ten updates, of all sizes up to about a thousand times `scale`."""
    rng = np.random.default_rng(seed)
    params = en.init_parameters(3, hidden, 2, dtype=dtype, rng=rng)
    fixed = params.map(lambda p: rng.choice(SIZES, p.shape).astype(dtype))
    turns = [30.0, 1.0, 1e-3, 0.0, 1e-6, 1.0, 0.0, 0.0, 1e-3, 1.0] if seed % 2 else [1.0] * 10
    grads = tuple(
        fixed.map(lambda s, turn=turn: (s * turn * scale * rng.standard_normal(s.shape)).astype(dtype))
        for turn in turns
    )
    return UpdateCase(options, params, grads)
