"""What cannot be avoided: the bare BLAS and tanh calls of forward and backward, and nothing around them.

Ten kinds of calls, on arrays of the right shapes that are there already. No bias is added, no derivative
multiplied, no gradient summed over time, no result allocated. So no program that makes these calls through
NumPy can be faster than they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .peers import seconds
from .problems import OUTPUTS, Problem


@dataclass(frozen=True)
class BareCall:
    """One of the calls that must be made, as often as it must be made."""

    formula: str
    count: int
    flops: int
    """Of all of them: a multiplication and an addition are two. For tanh, its values."""
    run: Callable[[], object]


def bare_calls(problem: Problem) -> list[BareCall]:
    """List the calls of one forward and backward pass, in the order in which they are made."""
    steps, batch, inputs, hidden = problem.shape
    rows, model = steps * batch, problem.model
    w_x, w_h, _, w_y, _ = model.params
    w_h_t = np.ascontiguousarray(w_h.T)
    x, dy = problem.x.reshape(rows, inputs), problem.dy.reshape(rows, OUTPUTS)
    _, _, tape = model.forward(problem.x, problem.h_0)
    h = np.concatenate([problem.h_0[None], tape.tape.h])
    before, now = h[:-1].reshape(rows, hidden), h[1:].reshape(rows, hidden)
    a = np.arctanh(np.clip(h[1:], -0.999, 0.999))
    da = np.random.default_rng(5).standard_normal(a.shape).astype(problem.dtype)
    da_rows = da.reshape(rows, hidden)
    states, step, out = np.empty_like(a), np.empty_like(a[0]), np.empty_like(a[0])
    wide, narrow, y = np.empty_like(now), np.empty_like(x), np.empty_like(dy)
    dw_x, dw_h, dw_y = (np.empty_like(w) for w in (w_x, w_h, w_y))

    def forward_steps() -> None:
        for h_before in h[:-1]:
            np.dot(h_before, w_h_t, out=step)

    def tanh_steps() -> None:
        for a_t, h_t in zip(a, states, strict=True):
            np.tanh(a_t, out=h_t)

    def backward_steps() -> None:
        for da_t in da[::-1]:
            np.dot(da_t, w_h, out=out)

    product, square = 2 * rows * hidden, 2 * rows * hidden * hidden
    return [
        BareCall("x w_x^T", 1, product * inputs, lambda: np.dot(x, w_x.T, out=wide)),
        BareCall("h_{t-1} w_h^T", steps, square, forward_steps),
        BareCall("tanh", steps, rows * hidden, tanh_steps),
        BareCall("h w_y^T", 1, product * OUTPUTS, lambda: np.dot(now, w_y.T, out=y)),
        BareCall("dy w_y", 1, product * OUTPUTS, lambda: np.dot(dy, w_y, out=wide)),
        BareCall("da_t w_h", steps, square, backward_steps),
        BareCall("da^T x", 1, product * inputs, lambda: np.dot(da_rows.T, x, out=dw_x)),
        BareCall("da^T h_before", 1, square, lambda: np.dot(da_rows.T, before, out=dw_h)),
        BareCall("dy^T h", 1, product * OUTPUTS, lambda: np.dot(dy.T, now, out=dw_y)),
        BareCall("da w_x", 1, product * inputs, lambda: np.dot(da_rows, w_x, out=narrow)),
    ]


class Floor:
    """All of the calls, one after the other; each one's time is kept."""

    name = "bare calls"

    def __init__(self, problem: Problem) -> None:
        self.calls = bare_calls(problem)
        self.times: list[list[float]] = []

    def run(self) -> None:
        """Make them."""
        self.times.append([seconds(call.run) for call in self.calls])

    def table(self) -> str:
        """Return each call's median time, in Markdown."""
        medians = np.median(self.times, axis=0)
        rows = [
            f"| `{call.formula}` | {call.count} | {1e3 * t:.3g} | {call.flops / t / 1e9:.3g} |"
            for call, t in zip(self.calls, medians, strict=True)
        ]
        total = f"| together | | {1e3 * np.median(np.sum(self.times, axis=1)):.3g} | |"
        head = ["| call | times | ms | 10⁹ flop/s (tanh: values/s) |", "| --- | ---: | ---: | ---: |"]
        return "\n".join([*head, *rows, total])
