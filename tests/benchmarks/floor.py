"""What cannot be avoided: the bare BLAS and tanh calls of forward and backward, and nothing around them.

Ten kinds of calls, on arrays of the right shapes that are there already. No bias is added, no derivative
multiplied, no gradient summed over time, no result allocated. So a program that makes these calls through
NumPy can hardly be faster than they are. (It can be, by a little: here each kind of call is made for all
steps before the next kind begins, and its arrays have left the cache by then.) Six more kinds do what is
missing to the elements, since NumPy has no call that adds to a product or multiplies a sum: they are listed,
and timed, apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .pages import markdown
from .problems import OUTPUTS, Problem
from .timing import seconds


@dataclass(frozen=True)
class NumPyCall:
    """One of the calls, as often as it must be made."""

    formula: str
    count: int
    flops: int
    """Of all of them: a multiplication and an addition are two. For what goes by elements, their number."""
    run: Callable[[], object]


def bare_calls(problem: Problem) -> list[NumPyCall]:
    """List the bare calls of one forward and backward pass, in the order in which they are made."""
    steps, batch, inputs, hidden = problem.shape
    rows, model = steps * batch, problem.model
    w_x, w_h, _, w_y, _ = model.params
    w_h_t = np.ascontiguousarray(w_h.T)
    x, dy = problem.x.reshape(rows, inputs), problem.dy.reshape(rows, OUTPUTS)
    _, _, tape = model.forward(problem.x, problem.h_0)
    h = np.concatenate([problem.h_0[None], tape.bptt.h])
    before, now = h[:-1].reshape(rows, hidden), h[1:].reshape(rows, hidden)
    a = np.arctanh(np.clip(h[1:], -0.999, 0.999))
    da = np.random.default_rng(5).standard_normal(a.shape).astype(problem.dtype)
    da_rows = da.reshape(rows, hidden)
    states, step, out = np.empty_like(a), np.empty_like(a[0]), np.empty_like(a[0])
    wide, narrow, y = np.empty_like(now), np.empty_like(x), np.empty_like(dy)
    dw_x, dw_h, dw_y = (np.empty_like(w) for w in (w_x, w_h, w_y))

    def forward_steps() -> None:
        for h_before in h[:-1]:
            h_before.dot(w_h_t, out=step)

    def tanh_steps() -> None:
        for a_t, h_t in zip(a, states, strict=True):
            np.tanh(a_t, out=h_t)

    def backward_steps() -> None:
        for da_t in da[::-1]:
            da_t.dot(w_h, out=out)

    product, square = 2 * rows * hidden, 2 * rows * hidden * hidden
    return [
        NumPyCall("x w_x^T", 1, product * inputs, lambda: np.dot(x, w_x.T, out=wide)),
        NumPyCall("h_{t-1} w_h^T", steps, square, forward_steps),
        NumPyCall("tanh", steps, rows * hidden, tanh_steps),
        NumPyCall("h w_y^T", 1, product * OUTPUTS, lambda: np.dot(now, w_y.T, out=y)),
        NumPyCall("dy w_y", 1, product * OUTPUTS, lambda: np.dot(dy, w_y, out=wide)),
        NumPyCall("da_t w_h", steps, square, backward_steps),
        NumPyCall("da^T x", 1, product * inputs, lambda: np.dot(da_rows.T, x, out=dw_x)),
        NumPyCall("da^T h_before", 1, square, lambda: np.dot(da_rows.T, before, out=dw_h)),
        NumPyCall("dy^T h", 1, product * OUTPUTS, lambda: np.dot(dy.T, now, out=dw_y)),
        NumPyCall("da w_x", 1, product * inputs, lambda: np.dot(da_rows, w_x, out=narrow)),
    ]


def calls_by_elements(problem: Problem) -> list[NumPyCall]:
    """List what else is done to all elements, each in the fewest calls that NumPy has for it."""
    steps, batch, _, hidden = problem.shape
    b_h, rng = problem.model.params.b_h, np.random.default_rng(6)
    h, da, slope = rng.standard_normal((3, steps, batch, hidden)).astype(problem.dtype)
    step, out, ones = np.zeros_like(h[0]), np.empty_like(h[0]), np.ones(steps * batch, problem.dtype)
    rows = da.reshape(steps * batch, hidden)

    def add_steps() -> None:
        for z_t in h:
            np.add(z_t, step, out=out)

    def multiply_steps() -> None:
        for da_t, slope_t in zip(da, slope, strict=True):
            np.multiply(step, slope_t, out=da_t)

    def slopes() -> None:
        np.multiply(h, h, out=slope)
        np.subtract(1, slope, out=slope)

    return [
        NumPyCall("x w_x^T + b_h", 1, h.size, lambda: np.add(h, b_h, out=h)),
        NumPyCall("z_t + h_{t-1} w_h^T", steps, h.size, add_steps),
        NumPyCall("dh_out + dh_next", steps, h.size, add_steps),
        NumPyCall("dh * slope", steps, h.size, multiply_steps),
        NumPyCall("1 - h^2", 1, h.size, slopes),
        NumPyCall("sum of da", 1, h.size, lambda: ones @ rows),
    ]


class Calls:
    """Calls that are made one after the other; each one's time is kept, those of warming up too."""

    def __init__(self, name: str, calls: Sequence[NumPyCall]) -> None:
        self.name = name
        self.calls = calls
        self.times: list[list[float]] = []

    def run(self) -> None:
        """Make them."""
        self.times.append([seconds(call.run) for call in self.calls])

    def rows(self) -> list[list[str]]:
        """Return each call's median time, and that of all together, as rows of a table."""
        medians = np.median(self.times, axis=0)
        rows = [
            [f"`{call.formula}`", str(call.count), f"{1e3 * t:.3g}", f"{call.flops / t / 1e9:.3g}"]
            for call, t in zip(self.calls, medians, strict=True)
        ]
        return [*rows, [self.name, "", f"{1e3 * np.median(np.sum(self.times, axis=1)):.3g}", ""]]


@dataclass(frozen=True)
class Floor:
    """Both lists, timed apart."""

    bare: Calls
    by_elements: Calls

    @classmethod
    def of(cls, problem: Problem) -> Floor:
        """Make the calls of a problem."""
        return cls(
            Calls("the bare calls", bare_calls(problem)),
            Calls("by elements", calls_by_elements(problem)),
        )

    def run_all(self) -> None:
        """Make the calls of both lists."""
        self.bare.run()
        self.by_elements.run()

    def table(self) -> str:
        """Return all times, in Markdown."""
        head = ["call", "times", "ms", "10⁹ flop/s (by elements: values/s)"]
        return markdown(head, [*self.bare.rows(), *self.by_elements.rows()])
