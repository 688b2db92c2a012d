"""How a learner's program is laid out, as plain data: the words that a declaration may have.

Nothing here computes a gradient. `Style` says which axes, transposes and biases a program has; `axes.py`
brings arrays from the book's layout to the program's and back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, get_args

import numpy as np

from elman_np.cell import Activation
from elman_np.checking.learner.losses import Loss
from elman_np.recurrence import Recurrence


class CannotRunError(Exception):
    """The learner's program could not be judged; the message says why, and what to do."""


CHOICES: dict[str, tuple[object, ...]] = {
    "steps": ("array", "list"),
    "weights": ("out in", "in out"),
    "bias": ("F", "F1", "1F"),
    "hidden_bias": ("one", "two", "none"),
    "output_bias": (True, False),
    "joined": (None, "hx", "xh"),
    "output": ("every step", "last step", "none"),
    "h_0": ("given", "zero"),
    "dh_n": ("none", "given"),
    "inputs": ("vectors", "numbers"),
    "loss": get_args(Loss),
    "activation": ("tanh", "relu", "both"),
    "dtype": ("float64", "float32"),
}

SIZES = ("T", "B", "I", "H", "O")


@dataclass(frozen=True, kw_only=True)
class Style:
    """What a declaration says; each word's default is this book's own layout.

    Parameters
    ----------
    axes : str
        Order of the axes of sequences (`x`, `y`, `dy`, `dx`): T steps, B batch, F features, and 1 for an
        axis of length one. Without B the program takes one series at a time, without F one number a step.
    state : str
        The same for one state (`h_0`, `h_n`, `dh_0`); if left out, `axes` without T.
    steps : {"array", "list"}
        Whether sequences are given as one array or as a list of steps.
    weights : {"out in", "in out"}
        `w_x` is (H, I) or (I, H), and so on.
    bias : {"F", "F1", "1F"}
        Shape of a bias: (H,), (H, 1) or (1, H).
    hidden_bias : {"one", "two", "none"}
        Two are `b_ih` and `b_hh`, which add up.
    output_bias : bool
    joined : {None, "hx", "xh"}
        One matrix `w` over state and input, in this order.
    output : {"every step", "last step", "none"}
        Without an output layer `y` is the states, and `dy` the gradient of every state.
    h_0 : {"given", "zero"}
    dh_n : {"none", "given"}
        Whether an upstream gradient of the last state is taken, besides `dy`.
    rate : float, optional
        The program updates its weights by this learning rate; it returns the new ones, not gradients.
    loss : str
        "given": the program takes `dy`. Else it takes `target` and has this loss on top.
    inputs : {"vectors", "numbers"}
        Numbers 0 ... I-1 stand for one-hot vectors.
    activation : {"tanh", "relu", "both"}
        With "both", `activation` says which one is meant.
    reset_every, chunk : int, optional
        It is truncated on purpose, in one of the two ways of chapter 5.
    dtype : {"float64", "float32"}
    sizes : dict
        What is fixed in the program: `T` (a number, or the least and the most), `B`, `I`, `H`, `O`.
    """

    axes: str = "TBF"
    state: str = ""
    steps: str = "array"
    weights: str = "out in"
    bias: str = "F"
    hidden_bias: str = "one"
    output_bias: bool = True
    joined: str | None = None
    output: str = "every step"
    h_0: str = "given"
    dh_n: str = "none"
    rate: float | None = None
    loss: Loss = "given"
    inputs: str = "vectors"
    activation: str = "tanh"
    reset_every: int | None = None
    chunk: int | None = None
    dtype: str = "float64"
    sizes: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, words: Mapping[str, Any]) -> Style:
        """Read a declaration.

        Raises
        ------
        CannotRunError
            If a word or what it says is unknown; the message lists what is known.
        """
        known = [f.name for f in fields(cls)]
        for word in words:
            if word not in known:
                raise CannotRunError(f"STYLE: the word {word!r} is unknown; known are {', '.join(known)}")
        style = cls(**words)
        for word, choices in CHOICES.items():
            if (value := getattr(style, word)) not in choices:
                raise CannotRunError(f"STYLE: {word} is {value!r}; expected one of {list(choices)}")
        style._check()
        return style

    def _check(self) -> None:
        axes, state = self.axes, self.state
        letters = isinstance(axes, str) and not set(axes) - set("TBF1")
        if not letters or axes.count("T") != 1 or axes.count("B") > 1 or axes.count("F") > 1:
            raise CannotRunError(
                f"STYLE: axes is {axes!r}; expected the letters T (steps), B (batch), F (features) and 1 "
                "in the order of your arrays, for example 'TBF', 'BTF', 'FBT', 'TF1' or 'T'"
            )
        letters = isinstance(state, str) and not set(state) - set("BF1")
        if not letters or (state and (state.count("F") != 1 or state.count("B") > 1)):
            raise CannotRunError(f"STYLE: state is {state!r}; expected F, and B or 1, as in 'BF' or 'F1'")
        if state and self.batch and "B" not in state:
            raise CannotRunError(f"STYLE: state is {state!r}; expected a B in it, since axes has one")
        if isinstance(self.rate, bool) or not (
            self.rate is None or (isinstance(self.rate, int | float) and 0 < self.rate < np.inf)
        ):
            raise CannotRunError(f"STYLE: rate is {self.rate!r}; expected the learning rate of the update")
        self._check_sizes()
        outputs = "H" if self.output == "none" else "O"
        if self.loss.startswith("cross-entropy") and self.sizes.get(outputs) == 1:
            raise CannotRunError(f"STYLE: cross-entropy needs several outputs, and sizes has {outputs}=1")
        several = {
            "cross-entropy needs several outputs": self.loss.startswith("cross-entropy"),
            "inputs='numbers' stand for vectors": self.inputs == "numbers",
        }
        for why, holds in several.items():
            if holds and not self.features:
                raise CannotRunError(f"STYLE: {why}, so an F in axes")
        try:
            self.recurrence("tanh")
        except (TypeError, ValueError) as error:
            raise CannotRunError(f"STYLE: {error}") from error

    def _check_sizes(self) -> None:
        sizes = self.sizes
        if not isinstance(sizes, Mapping) or set(sizes) - set(SIZES):
            raise CannotRunError(f"STYLE: sizes is {sizes!r}; expected a dict with some of {list(SIZES)}")
        for name, size in sizes.items():
            pair = isinstance(size, tuple | list) and len(size) == 2 and name == "T"
            numbers = list(size) if pair else [size]
            whole = all(type(n) is int and n > 0 for n in numbers)
            if not whole or numbers != sorted(numbers):
                expected = "a number, or the least and the most" if name == "T" else "a number"
                raise CannotRunError(f"STYLE: sizes has {name}={size!r}; expected {expected}, 1 or more")
        axes = {"B": self.batch, "I": self.features, "O": self.features}
        for name, there in axes.items():
            if not there and sizes.get(name, 1) != 1:
                letter = "B" if name == "B" else "F"
                raise CannotRunError(f"STYLE: sizes has {name}={sizes[name]}, so {letter} in axes")

    def recurrence(self, activation: Activation) -> Recurrence:
        """Return what is computed at all: an activation, and where it is truncated."""
        return Recurrence(activation, self.reset_every, self.chunk)

    @property
    def features(self) -> bool:
        """Whether a step has a vector, not a number."""
        return "F" in self.axes

    @property
    def batch(self) -> bool:
        """Whether it takes several series at once."""
        return "B" in self.axes

    @property
    def state_axes(self) -> str:
        """Axes of one state."""
        axes = self.axes.replace("T", "")
        return self.state or (axes if self.features else axes + "F")

    @property
    def real(self) -> np.dtype[Any]:
        """The dtype of its arrays."""
        return np.dtype(self.dtype)

    @property
    def hides_small(self) -> bool:
        """Whether gradients near zero cannot be seen: a float32 weight does not move by them."""
        return self.rate is not None and self.dtype == "float32"

    def steps_allowed(self, count: int) -> bool:
        """Whether the program can do so many steps."""
        least, most = self._steps
        return least <= count <= most

    @property
    def _steps(self) -> tuple[int, int]:
        fixed = self.sizes.get("T", (1, 10**6))
        return (fixed, fixed) if isinstance(fixed, int) else (fixed[0], fixed[1])

    def nearest(self, count: int) -> int:
        """Return the number of steps nearest to `count` that the program can do."""
        least, most = self._steps
        return min(max(count, least), most)

    @property
    def restrictions(self) -> list[str]:
        """What cannot be checked because of what is declared, a phrase each."""
        said = {
            "the sum over a batch (one series at a time)": not self.batch or self.sizes.get("B") == 1,
            "several inputs and outputs (one number a step)": not self.features,
            "an initial state that is not zero": self.h_0 == "zero",
            "the upstream gradient of the last state": self.dh_n == "none" and self.loss == "given",
            "upstream gradients before the last step": self.output == "last step",
            "an output layer": self.output == "none",
            "the hidden bias": self.hidden_bias == "none",
            "the output bias": self.output != "none" and not self.output_bias,
            "the input's gradient (inputs are numbers)": self.inputs == "numbers",
            "the gradients of x and h_0 (only updates are seen)": self.rate is not None,
            "gradients near zero (an update in float32 does not show them)": self.hides_small,
            "other upstream gradients than its own loss's": self.loss != "given",
            f"other numbers of steps than {self.sizes.get('T')}": "T" in self.sizes,
        }
        return [phrase for phrase, holds in said.items() if holds]
