"""The problems that a learner's program is given: none leaves a mistake a hiding place.

One step and many, more than people truncate after; an initial state that is not zero, more than one row and
unit, uneven upstream gradients, some large enough to show a clip and some small enough to show a threshold.
The problem sets the weights, for small ones hide most mistakes. All problems are small: the ball decides
them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from elman_np.arrays import Array
from elman_np.bptt import forward
from elman_np.cell import Activation
from elman_np.checking.learner.losses import Loss
from elman_np.checking.learner.style import Style
from elman_np.parameters import Parameters
from elman_np.recurrence import PLAIN, Recurrence

MANY = 40
"""Steps of the longest problem."""
GRID = 2.0**-16
"""The hidden bias is a multiple of this, so that it is the exact sum of two."""


@dataclass(frozen=True, eq=False)
class Problem:
    """A network, its inputs, and either upstream gradients or targets under a loss, in the book's layout."""

    name: str
    params: Parameters
    x: Array
    h_0: Array
    dy: Array | None
    target: Array | None
    dh_n: Array
    b_hh: Array
    loss: Loss
    recurrence: Recurrence = PLAIN
    last_only: bool = False

    @property
    def activation(self) -> Activation:
        """Name of the activation."""
        return self.recurrence.activation

    def __str__(self) -> str:
        steps, batch, inputs = self.x.shape
        sizes = f"T={steps} B={batch} I={inputs} H={self.params.hidden_size} O={self.params.output_size}"
        return f"{self.name} ({sizes}, {self.activation})"


@dataclass
class Draw:
    """Draws problems in one style, always the same ones."""

    style: Style
    seed: int = 2023

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)

    def normal(self, *shape: int) -> Array:
        """Draw standard normal numbers."""
        return self.rng.standard_normal(shape).astype(self.style.real)

    def sizes(self, batch: int, inputs: int, hidden: int, outputs: int) -> tuple[int, int, int, int]:
        """Fit the sizes to what the program can do."""
        style = self.style
        if not style.features:
            inputs = outputs = 1
        if style.inputs == "numbers":
            inputs = outputs = max(inputs, outputs, 3)
        if not style.batch:
            batch = 1
        fixed = style.sizes
        hidden = fixed.get("H", hidden)
        outputs = hidden if style.output == "none" else fixed.get("O", outputs)
        return fixed.get("B", batch), fixed.get("I", inputs), hidden, outputs

    def biases(self, hidden: int) -> tuple[Array, Array]:
        """Two halves of the hidden bias with one sign, whose sum is exact."""
        sign = self.rng.choice([-1, 1], hidden)
        halves = self.rng.integers(2**12, 2**15, (2, hidden)) * sign * GRID
        first, second = halves.astype(self.style.real) * (self.style.hidden_bias != "none")
        return first, second

    def params(self, inputs: int, hidden: int, outputs: int, scale: float) -> tuple[Parameters, Array]:
        """Weights that carry a state on without letting it explode."""
        style, real = self.style, self.style.real
        w_x, w_h = self.normal(hidden, inputs), self.normal(hidden, hidden)
        norm = np.linalg.norm(w_h, 2)
        first, second = self.biases(hidden)
        w_y, b_y = self.normal(outputs, hidden), self.normal(outputs)
        if style.output == "none":
            w_y, b_y = np.eye(hidden, dtype=real), np.zeros(hidden, real)
        if not style.output_bias:
            b_y = np.zeros_like(b_y)
        c = real.type(scale)
        w_h = (w_h * (0.9 / norm)).astype(real)
        b_h = (first + second) * c
        return Parameters(w_x * c * real.type(0.5), w_h * c, b_h, w_y, b_y), second * c

    def problem(
        self,
        name: str,
        steps: int,
        sizes: tuple[int, int, int, int],
        activation: Activation,
        *,
        scale: float = 1.0,
        upstream: float = 1.0,
    ) -> Problem:
        """Draw one; `upstream` makes gradients large or small, `scale` the weights of the hidden layer."""
        style, real = self.style, self.style.real
        batch, inputs, hidden, outputs = self.sizes(*sizes)
        steps = style.nearest(steps)
        params, b_hh = self.params(inputs, hidden, outputs, scale)
        x = self.normal(steps, batch, inputs)
        if style.inputs == "numbers":
            x = np.eye(inputs, dtype=real)[self.rng.integers(0, inputs, (steps, batch))]
        h_0 = self.normal(batch, hidden) * real.type(style.h_0 == "given")
        dh_n = self.normal(batch, hidden) * real.type(upstream if style.dh_n == "given" else 0)
        seen = 1 if style.output == "last step" else steps
        dy = target = None
        if style.loss == "given":
            dy = self.normal(seen, batch, outputs) * real.type(upstream)
        elif style.loss.startswith("cross-entropy"):
            target = self.rng.integers(0, outputs, (seen, batch))
        else:
            target = self.normal(seen, batch, outputs) * real.type(max(upstream, 1))
        by_weights = upstream < 1 or style.loss.startswith("cross-entropy")
        if style.loss != "given" and style.output != "none" and by_weights:
            params = replace_w_y(params, params.w_y * real.type(upstream))
        made = Problem(name, params, x, h_0, dy, target, dh_n, b_hh, style.loss, style.recurrence(activation))
        made = replace(made, last_only=style.output == "last step")
        return least_likely(made) if upstream > 1 and style.loss.startswith("cross-entropy") else made


def least_likely(problem: Problem) -> Problem:
    """Let the right class be the least likely one, so that the gradient is large, and sure."""
    y, _, _ = forward(problem.params, problem.x, problem.h_0, **vars(problem.recurrence))
    seen = y[-1:] if problem.last_only else y
    return replace(problem, target=seen.argmin(axis=-1))


def replace_w_y(params: Parameters, w_y: Array) -> Parameters:
    """Return the same parameters with another output matrix."""
    return Parameters(params.w_x, params.w_h, params.b_h, w_y, params.b_y)


def problems(style: Style) -> list[Problem]:
    """All that a program in this style is asked."""
    activations: tuple[Activation, ...] = ("tanh", "relu")
    wanted = [a for a in activations if style.activation in (a, "both")]
    large = 1e2 if style.loss.startswith("cross-entropy") else 1e3
    found: list[Problem] = []
    for activation in wanted:
        draw, size = Draw(style), (2, 3, 4, 2)
        found += [
            draw.problem("one step", 1, (2, 2, 3, 2), activation),
            draw.problem("two steps", 2, (2, 2, 3, 2), activation),
            draw.problem("seven steps", 7, size, activation),
            draw.problem(f"{MANY} steps", MANY, (1, 2, 3, 2), activation),
            draw.problem("large gradients", 6, size, activation, upstream=large),
            draw.problem("small gradients", 6, size, activation, upstream=1e-9),
            draw.problem("small weights", 5, (1, 2, 3, 2), activation, scale=2.0**-10),
            draw.problem("large weights", 5, (2, 2, 3, 2), activation, scale=4.0),
            draw.problem("many rows and units", 3, (66, 2, 36, 2), activation),
        ]
    return [one for one in found if not (style.hides_small and one.name == "small gradients")]


def longer_and_longer(style: Style, activation: Activation) -> Iterator[Problem]:
    """Problems of 1, 2, 3 ... steps, to see from which one on a program is wrong."""
    for steps in (*range(1, 13), 16, 17, 20, 21, 24, 25, 32, 33, MANY):
        if style.steps_allowed(steps):
            yield Draw(style, seed=steps).problem(f"{steps} steps", steps, (1, 2, 3, 2), activation)


def without_start(problem: Problem) -> Problem:
    """Start from zero."""
    return replace(problem, h_0=np.zeros_like(problem.h_0))


def without_future(problem: Problem) -> Problem:
    """Let the loss see the first step alone, so that nothing comes back from later ones."""
    dy: Any = np.zeros_like(problem.dy)
    assert problem.dy is not None
    dy[0] = problem.dy[0]
    return replace(problem, dy=dy, dh_n=np.zeros_like(problem.dh_n))


def one_row(problem: Problem) -> Problem:
    """Keep the first row of the batch."""

    def cut(z: Array | None) -> Array | None:
        return None if z is None else z[:, :1].copy()

    parts: dict[str, Any] = {"x": cut(problem.x), "dy": cut(problem.dy), "target": cut(problem.target)}
    return replace(problem, h_0=problem.h_0[:1], dh_n=problem.dh_n[:1], **parts)
