"""What is known of a wrong tensor beyond that it is wrong.

From which step on it is wrong, where it is right, and how it is related to what would be right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from elman_np.arrays import Array
from elman_np.checking.balls import Ball
from elman_np.checking.learner.calling import Attempt
from elman_np.checking.learner.naming import distance
from elman_np.checking.learner.posing import (
    Problem,
    longer_and_longer,
    one_row,
    without_future,
    without_start,
)
from elman_np.checking.learner.style import CannotRunError, Style

Attempter: TypeAlias = Callable[[Problem], Attempt]


@dataclass
class Known:
    """Sentences, each with the tensors of which it is true."""

    sentences: dict[str, list[str]] = field(default_factory=dict)
    limits: set[int] = field(default_factory=set)
    """The most steps at which some tensor is right."""

    def add(self, sentence: str, tensor: str) -> None:
        """Say it of one more tensor."""
        self.sentences.setdefault(sentence, []).append(tensor)

    def lines(self) -> list[str]:
        """One line for each sentence."""
        return [f"{', '.join(tensors)}: {sentence}" for sentence, tensors in self.sentences.items()]


def narrow(run: Attempter, style: Style, attempts: Sequence[Attempt], wrong: Sequence[str]) -> Known:
    """Try further problems, and compare the wrong numbers with the right ones."""
    known = Known()
    _from_which_step(run, style, attempts, wrong, known)
    _where_it_is_right(run, style, attempts, wrong, known)
    _which_problems(attempts, wrong, known)
    for tensor in wrong:
        for sentence in relations(attempts, tensor):
            known.add(sentence, tensor)
        if sentence := _which_steps(attempts, tensor):
            known.add(sentence, tensor)
    return known


def _tried(run: Attempter, problem: Problem) -> Attempt | None:
    try:
        return run(problem)
    except CannotRunError:
        return None


def _from_which_step(
    run: Attempter, style: Style, attempts: Sequence[Attempt], wrong: Sequence[str], known: Known
) -> None:
    activation = next((a.problem.activation for a in attempts if a.wrong), attempts[0].problem.activation)
    right, first = dict.fromkeys(wrong, 0), dict[str, int]()
    for problem in longer_and_longer(style, activation):
        done = _tried(run, problem)
        steps = len(problem.x)
        for tensor in wrong:
            if done is not None and tensor in done.rows and tensor not in first:
                if tensor in done.wrong:
                    first[tensor] = steps
                else:
                    right[tensor] = steps
        if len(first) == len(wrong):
            break
    for tensor, steps in first.items():
        if steps == 1:
            known.add("wrong already at one step", tensor)
        elif right[tensor]:
            many = "one step" if right[tensor] == 1 else f"up to {right[tensor]} steps"
            known.add(f"right at {many}, wrong from {steps} on", tensor)
    known.limits = {right[tensor] for tensor in first if right[tensor] > 0}


def _where_it_is_right(
    run: Attempter, style: Style, attempts: Sequence[Attempt], wrong: Sequence[str], known: Known
) -> None:
    base = attempts[0].problem
    probes = []
    if style.h_0 == "given":
        probes.append(("right where h_0 is zero", without_start(base)))
    if style.loss == "given" and style.output != "last step" and len(base.x) > 1:
        probes.append(("right where nothing comes back from later steps", without_future(base)))
    if base.x.shape[1] > 1 and "B" not in style.sizes:
        probes.append(("right with one row, wrong with several", one_row(base)))
    for sentence, problem in probes:
        done = _tried(run, problem)
        for tensor in wrong:
            if done is not None and tensor in attempts[0].wrong and tensor not in done.wrong:
                known.add(sentence, tensor)


def _which_problems(attempts: Sequence[Attempt], wrong: Sequence[str], known: Known) -> None:
    for tensor in wrong:
        spoilt = [a.problem for a in attempts if tensor in a.wrong]
        if len(spoilt) < len(attempts) and not any(p.name == attempts[0].problem.name for p in spoilt):
            names = ", ".join(dict.fromkeys(p.name for p in spoilt))
            known.add(f"wrong only on: {names}", tensor)
        activations = {a.problem.activation for a in attempts}
        if len(activations) > 1 and len(found := {p.activation for p in spoilt}) == 1:
            known.add(f"wrong only under {found.pop()}", tensor)


def _which_steps(attempts: Sequence[Attempt], tensor: str) -> str:
    """Say at which steps a sequence is wrong, if not at all of them."""
    done = attempts[0]
    if tensor not in ("y", "h", "dx", "dy") or tensor not in done.wrong or len(done.problem.x) < 3:
        return ""
    ball, z = done.balls[tensor], done.tensors[tensor]
    off = np.abs(z - ball.mid) > 2 * ball.rad
    steps = [t + 1 for t in range(len(z)) if off[t].any()]
    if len(steps) == len(z) or not steps:
        return ""
    count = len(z)
    if steps == list(range(steps[0], steps[-1] + 1)):
        where = f"step {steps[0]}" if len(steps) == 1 else f"steps {steps[0]} to {steps[-1]}"
        return f"wrong at {where} of {count} alone"
    return ""


def relations(attempts: Sequence[Attempt], tensor: str) -> list[str]:
    """Compare a wrong tensor with the right one turned, scaled or shifted."""
    spoilt = [a for a in attempts if tensor in a.wrong]
    found = []
    for sentence, change in SHAPES.items():
        pairs = [(a.tensors[tensor], change(a.balls[tensor]), a) for a in spoilt]
        if all(
            other is not None and other.mid.shape == z.shape and distance(z, _plain(other), other) <= 1
            for z, other, _ in pairs
        ):
            found.append(sentence)
    return found or _factors(spoilt, tensor)


def _plain(ball: Ball) -> Array:
    return ball.mid.astype(np.float64)


def _moved(ball: Ball, by: int) -> Ball | None:
    if ball.mid.ndim != 3:
        return None
    mid = np.zeros_like(ball.mid)
    mid[max(by, 0) : len(mid) + min(by, 0)] = ball.mid[max(-by, 0) : len(mid) - max(by, 0)]
    return Ball(mid, ball.rad, ball.unit)


SHAPES: dict[str, Callable[[Ball], Ball | None]] = {
    "all zero": lambda ball: Ball(np.zeros_like(ball.mid), ball.rad, ball.unit),
    "the transpose of what is right": lambda ball: ball.T if ball.mid.ndim == 2 else None,
    "right but for its sign": lambda ball: -ball,
    "right, but a step late": lambda ball: _moved(ball, 1),
    "right, but a step early": lambda ball: _moved(ball, -1),
    "right, but in reverse order of time": lambda ball: ball[::-1] if ball.mid.ndim == 3 else None,
}


def scale_of(z: Array, ball: Ball) -> float | None:
    """Return by which factor a tensor is too large, if it is one factor throughout."""
    right = _plain(ball)
    squares = float(np.sum(right * right))
    if not squares or not np.all(np.isfinite(z)):
        return None
    factor = float(np.sum(right * z) / squares)
    scaled = Ball(ball.mid * factor, ball.rad * max(1.0, abs(factor)), ball.unit)
    room = 2 + float(np.max(np.abs(right))) * 2**-50 / max(float(np.max(ball.rad)), 1e-300)
    return factor if factor and distance(z, _plain(scaled), scaled) <= room else None


def counts(a: Attempt) -> dict[str, float]:
    """Numbers that people divide by too often or too seldom."""
    steps, batch, _ = a.problem.x.shape
    seen = 1 if a.problem.last_only else steps
    outputs = a.problem.params.output_size
    named = {"T": seen, "B": batch, "T B": seen * batch, "O": outputs, "T B O": seen * batch * outputs}
    return {"2": 2.0, **{name: float(n) for name, n in named.items()}}


def _factors(spoilt: Sequence[Attempt], tensor: str) -> list[str]:
    scales = [scale_of(a.tensors[tensor], a.balls[tensor]) for a in spoilt]
    if not scales or any(scale is None for scale in scales):
        return []
    found = [scale for scale in scales if scale is not None]
    if phrase := factor_phrase(spoilt, found):
        return [phrase]
    return [f"right but for a factor on each problem ({', '.join(f'{c:.6g}' for c in found[:3])} ...)"]


def factor_phrase(attempts: Sequence[Attempt], factors: Sequence[float]) -> str:
    """Say what the factors are, if it is one number or one of the sizes on every problem."""
    sizes = [counts(a) for a in attempts]
    if np.allclose(factors, factors[0], rtol=1e-9):
        return (
            f"too large by the factor {factors[0]:.10g}"
            if factors[0] > 1
            else f"right times {factors[0]:.10g}"
        )
    for name in sizes[0]:
        n = [s[name] for s in sizes]
        for power, words in (
            (1, f"too large by the factor {name}"),
            (-1, f"divided by {name}: a mean for a sum"),
        ):
            if np.allclose(factors, np.power(n, power), rtol=1e-9):
                return words
        for power, words in ((1, f"{name} / 2"), (-1, f"2 / ({name})")):
            if np.allclose(factors, np.power(np.divide(n, 2), power), rtol=1e-9):
                return f"right times {words}"
    return ""
