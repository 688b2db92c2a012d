"""`python -m tests.benchmarks.ladder`: what each step of chapter 9 brings.

The first form calls the cell once a step, forward and backward. Each further one changes one thing, and the
last is `elman_np.forward` and `elman_np.backward`. All must compute the same; their times are taken in turn.
Read beside `docs/speed.md`. None of these forms is used anywhere else.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

import elman_np as en
from elman_np.arrays import Array
from elman_np.bptt import Tape, _flat, _product
from elman_np.parameters import Parameters

from . import machine
from .pages import keep, markdown
from .problems import Problem, Shape
from .timing import in_turn

SHAPES = (Shape(50, 1, 1, 16), Shape(50, 32, 8, 64), Shape(50, 32, 32, 128), Shape(100, 64, 64, 256))
STRETCH = 5


class States(NamedTuple):
    """What a forward pass hands to a backward pass here."""

    y: Array
    h: Array
    """h_0 ... h_T, (T + 1, B, H)."""
    tape: Tape | None = None


Gradients = tuple[Parameters, Array, Array]
Forward = Callable[[Problem], States]
Backward = Callable[[Problem, States], Gradients]


def cell_forward(problem: Problem) -> States:
    """Call the cell once a step."""
    h, states, outputs = problem.h_0, [problem.h_0], []
    for x_t in problem.x:
        y_t, h = en.step(problem.model.params, x_t, h, "tanh")
        states.append(h)
        outputs.append(y_t)
    return States(np.stack(outputs), np.stack(states))


def one_product_forward(problem: Problem) -> States:
    """(9.1): all inputs in one product before the loop, and all outputs in one after it."""
    w_x, w_h, b_h, w_y, b_y = problem.model.params
    h, states = problem.h_0, [problem.h_0]
    for z_t in _product(problem.x, w_x.T) + b_h:
        h = np.tanh(z_t + h @ w_h.T)
        states.append(h)
    h = np.stack(states)
    return States(_product(h[1:], w_y.T) + b_y, h)


def package_forward(problem: Problem) -> States:
    """(9.2): into arrays that are there already, w_h^T copied once."""
    y, _, tape = en.forward(problem.model.params, problem.x, problem.h_0)
    return States(y, tape.states, tape)


def cell_backward(problem: Problem, states: States) -> Gradients:
    """Call the cell's backward once a step, and add."""
    params, x, dy, h = problem.model.params, problem.x, problem.dy, states.h
    total, dx, dh_next = params.map(np.zeros_like), np.empty_like(x), np.zeros_like(h[0])
    for t in reversed(range(len(x))):
        grads, dx[t], dh_next = en.step_backward(params, x[t], h[t], h[t + 1], dy[t], dh_next, "tanh")
        total = total.map(np.add, grads)
    return total, dx, dh_next


def plain_backward(problem: Problem, states: States) -> Gradients:
    """Write the cell's lines out, without `Parameters`, which checks and copies its arrays at each step."""
    params, x, dy, h = problem.model.params, problem.x, problem.dy, states.h
    sums, dx, dh_next = [np.zeros_like(p) for p in params], np.empty_like(x), np.zeros_like(h[0])
    for t in reversed(range(len(x))):
        dh = dy[t] @ params.w_y + dh_next
        da = dh * (1 - h[t + 1] * h[t + 1])
        dh_next, dx[t] = da @ params.w_h, da @ params.w_x
        parts = (da.T @ x[t], da.T @ h[t], da.sum(axis=0), dy[t].T @ h[t + 1], dy[t].sum(axis=0))
        for total, part in zip(sums, parts, strict=True):
            total += part
    return Parameters(*sums), dx, dh_next


def one_product_backward(problem: Problem, states: States) -> Gradients:
    """(3.7) to (3.12): keep all da, and take one product for each gradient after the loop."""
    params, dy, h = problem.model.params, problem.dy, states.h
    da, dh_next = np.empty_like(h[1:]), np.zeros_like(h[0])
    for t in reversed(range(len(dy))):
        dh = dy[t] @ params.w_y + dh_next
        da[t] = dh * (1 - h[t + 1] * h[t + 1])
        dh_next = da[t] @ params.w_h
    return *_sums(problem, h, da), dh_next


def hoisted_backward(problem: Problem, states: States) -> Gradients:
    """(9.3): dh_out and the slopes of all steps before the loop."""
    params, dy, h = problem.model.params, problem.dy, states.h
    da, slope, dh_next = _product(dy, params.w_y), 1 - h[1:] * h[1:], np.zeros_like(h[0])
    for t in reversed(range(len(dy))):
        da[t] = (da[t] + dh_next) * slope[t]
        dh_next = da[t] @ params.w_h
    return *_sums(problem, h, da), dh_next


def package_backward(problem: Problem, states: States) -> Gradients:
    """Into arrays that are there already."""
    return en.backward(states.tape, problem.dy)


def _sums(problem: Problem, h: Array, da: Array) -> tuple[Parameters, Array]:
    rows, dy = _flat(da), _flat(problem.dy)
    sums = (
        rows.T @ _flat(problem.x),
        rows.T @ _flat(h[:-1]),
        np.ones(len(rows), rows.dtype) @ rows,
        dy.T @ _flat(h[1:]),
        dy.sum(axis=0),
    )
    return Parameters(*sums), _product(da, problem.model.params.w_x)


class Rung(NamedTuple):
    """One form of the computation, and what is new in it."""

    new: str
    forward: Forward
    backward: Backward

    def run(self, problem: Problem) -> Gradients:
        """Compute all gradients."""
        return self.backward(problem, self.forward(problem))


RUNGS = (
    Rung("the cell, once a step", cell_forward, cell_backward),
    Rung("the same lines, without `Parameters` at each step", cell_forward, plain_backward),
    Rung("all inputs in one product (9.1), all outputs too", one_product_forward, plain_backward),
    Rung("the forward loop in place (9.2)", package_forward, plain_backward),
    Rung("one product for each gradient, (3.7) to (3.12)", package_forward, one_product_backward),
    Rung("all `dh_out` in one product (9.3), all slopes too", package_forward, hoisted_backward),
    Rung("the backward loop in place: `elman_np`", package_forward, package_backward),
)


def resets(problem: Problem, *, side_by_side: bool) -> list[Array]:
    """(9.4): outputs and dh_0 with a reset every few steps, in one pass or stretch by stretch."""
    params, x, h_0, dy = problem.model.params, problem.x, problem.h_0, problem.dy
    if side_by_side:
        y, _, tape = en.forward(params, x, h_0, reset_every=STRETCH)
        grads, dx, dh_0 = en.backward(tape, dy)
        return [y, *grads, dx, dh_0]
    parts = []
    for start in range(0, len(x), STRETCH):
        stretch = slice(start, start + STRETCH)
        y, _, tape = en.forward(params, x[stretch], h_0)
        parts.append((y, *en.backward(tape, dy[stretch])))
    y, grads, dx, dh_0 = zip(*parts, strict=True)
    sums = [sum(arrays) for arrays in zip(*grads, strict=True)]
    return [np.concatenate(y), *sums, np.concatenate(dx), sum(dh_0)]


def check(problem: Problem) -> None:
    """All forms must compute the same."""
    for forms in (
        [[*grads, dx, dh_0] for grads, dx, dh_0 in (rung.run(problem) for rung in RUNGS)],
        [resets(problem, side_by_side=side_by_side) for side_by_side in (False, True)],
    ):
        tolerance = 1e3 * np.finfo(problem.dtype).eps
        for form in forms[1:]:
            for ours, first in zip(form, forms[0], strict=True):
                np.testing.assert_allclose(ours, first, rtol=0, atol=tolerance * np.abs(first).max())


def table(shapes: Sequence[Shape], dtype: np.dtype, budget: float, least: int) -> str:
    """Time all forms at each shape; return ratios to the package, in Markdown."""
    columns = []
    for shape in shapes:
        problem = Problem(shape, dtype)
        check(problem)
        sides = {rung.new: partial(rung.run, problem) for rung in RUNGS}
        times = in_turn(sides, budget=budget, least=least)
        columns.append([f"{times.ratio(rung.new, RUNGS[-1].new)[0]:.2f}" for rung in RUNGS])
        sides = {name: partial(resets, problem, side_by_side=name == "side") for name in ("apart", "side")}
        columns[-1].append(f"{in_turn(sides, budget=budget, least=least).ratio('apart', 'side')[0]:.2f}")
        print(f"{shape}: {', '.join(columns[-1])}", flush=True)
    head = ["form", *map(str, shapes)]
    last = f"stretches of {STRETCH} steps one by one, over side by side (9.4)"
    names = [*(rung.new for rung in RUNGS), last]
    return markdown(head, list(zip(names, *columns, strict=True)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it."""
    line = argparse.ArgumentParser(prog="python -m tests.benchmarks.ladder", description=__doc__)
    line.add_argument("--dtype", choices=("float32", "float64"), default="float64")
    line.add_argument("--seconds", type=float, default=10, help="for each shape")
    line.add_argument("--write", action="store_true", help="put the table into docs/speed.md")
    line.add_argument("--smoke", action="store_true", help="does it run? the numbers mean nothing")
    options = line.parse_args(arguments)
    print(machine.describe())
    shapes, budget, least = SHAPES, options.seconds, 5
    if options.smoke:
        shapes, budget, least = (Shape(10, 2, 1, 4),), 0.0, 2
    text = table(shapes, np.dtype(options.dtype), budget, least)
    print(f"\n{text}")
    if options.write:
        keep(machine.processor(), {"ladder": text})
    return 0


if __name__ == "__main__":
    sys.exit(main())
