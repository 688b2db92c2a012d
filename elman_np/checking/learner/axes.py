"""From this book's layout to the learner's program, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from elman_np.arrays import Array
from elman_np.checking.learner.posing import Problem
from elman_np.checking.learner.style import CannotRunError, Style

SEQUENCES, STATES = ("x", "y", "h", "probabilities"), ("h_0", "h_n")
MATRICES = {"w_x": "HI", "w_h": "HK", "w_y": "OH"}
BIASES = {"b_h": "H", "b_ih": "H", "b_hh": "H", "b_y": "O"}


class Given:
    """What `solve` is given: arrays under this book's names, as its declaration has them laid out."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__.update(values)

    def __getattr__(self, name: str) -> object:
        raise AttributeError(
            f"this problem has no {name!r}; by its declaration it has {', '.join(self.__dict__)}"
        )


def arrange(z: Array, have: str, want: str) -> Array:
    """Order the axes named `have` as `want` names them; what `want` lacks has length one."""
    gone = tuple(i for i, letter in enumerate(have) if letter not in want)
    kept = [letter for letter in have if letter in want]
    z = z.squeeze(gone).transpose([kept.index(letter) for letter in want if letter != "1"])
    return z[tuple(None if letter == "1" else slice(None) for letter in want)].copy()


def restore(z: Array, have: str, want: str) -> Array:
    """Undo `arrange(z, want, have)`."""
    z = z.squeeze(tuple(i for i, letter in enumerate(have) if letter == "1"))
    kept = have.replace("1", "")
    z = z.transpose([kept.index(letter) for letter in want if letter in kept])
    return z[tuple(slice(None) if letter in kept else None for letter in want)]


class Layout:
    """The axes of every tensor of one problem in one style."""

    def __init__(self, style: Style, problem: Problem) -> None:
        self.style = style
        steps, batch, inputs = problem.x.shape
        hidden, outputs = problem.params.hidden_size, problem.params.output_size
        self.sizes = {"T": steps, "B": batch, "I": inputs, "H": hidden, "O": outputs, "K": hidden, "1": 1}

    def axes(self, name: str) -> tuple[str, str, dict[str, int]]:
        """Tell the axes in the book and in the program, and how long each is."""
        style, turned = self.style, self.style.weights == "in out"
        bare = name.removeprefix("d")
        if bare in MATRICES:
            letters = MATRICES[bare]
            return letters, letters[::-1] if turned else letters, self.sizes
        if bare in BIASES:
            return "F", style.bias, self.sizes | {"F": self.sizes[BIASES[bare]]}
        if bare in STATES:
            return "BF", style.state_axes, self.sizes | {"F": self.sizes["H"]}
        width = {"x": "I", "h": "H"}.get(bare, "O")
        sizes = self.sizes | {"F": self.sizes[width]}
        states = width == "H" or (bare == "y" and style.output == "none")
        axes = style.axes + "F" if states and not style.features else style.axes
        if style.output == "last step" and bare in ("y", "probabilities"):
            return "TBF", axes.replace("T", ""), sizes | {"T": 1}
        return "TBF", axes, sizes

    def give(self, name: str, z: Array) -> Array | list[Array]:
        """Lay an array out for the program; it is a copy."""
        have, want, _ = self.axes(name)
        arranged = arrange(z, have, want)
        if self.style.steps == "list" and "T" in want:
            return [step.copy() for step in np.moveaxis(arranged, want.index("T"), 0)]
        return arranged

    def take(self, name: str, z: Array) -> Array:
        """Bring what the program returned into the book's layout.

        Raises
        ------
        CannotRunError
            If its shape is not what the declaration says.
        """
        if name == "loss":
            if z.size != 1:
                raise CannotRunError(f"loss: expected one number, got an array of shape {z.shape}")
            return z.reshape(())
        want, have, sizes = self.axes(name)
        expected = tuple(sizes[letter] for letter in have)
        bare = name.removeprefix("d")
        in_steps = self.style.steps == "list" and "T" in have and bare in SEQUENCES
        if in_steps and z.ndim == len(expected):
            have = "T" + have.replace("T", "")
            expected = tuple(sizes[letter] for letter in have)
        if want == "F" and z.size == expected[have.index("F")]:
            return z.reshape(-1)
        if bare in (*SEQUENCES, *STATES) and z.shape != expected:
            z, have = self._looser(z, have, expected, sizes)
        if z.shape != expected:
            raise CannotRunError(
                f"{name}: expected shape {expected}, got {z.shape}{_advice(name, z, expected)}"
            )
        return restore(z, have, want)

    @staticmethod
    def _looser(
        z: Array, have: str, expected: tuple[int, ...], sizes: Mapping[str, int]
    ) -> tuple[Array, str]:
        """Take axes of length one as there or not, as long as nothing else differs."""
        long = [letter for letter in have if sizes[letter] != 1]
        if [n for n in z.shape if n != 1] == [sizes[letter] for letter in long]:
            return z.reshape(expected), have
        return z, have


def _advice(name: str, z: Array, expected: tuple[int, ...]) -> str:
    if z.shape != expected[::-1]:
        return "; the axes are declared by the words axes, weights and bias"
    other = "is it the transpose? weights='in out' declares that" if "w_" in name else "in reverse order"
    return f"; {other}"


def given(problem: Problem, style: Style) -> Given:
    """Lay a whole problem out for the program; every array is a fresh copy."""
    layout, params = Layout(style, problem), problem.params
    values: dict[str, Any] = {n: layout.give(n, getattr(problem, n)) for n in ("x", "h_0", "dh_n")}
    if style.inputs == "numbers":
        values["x"] = numbers(problem.x.argmax(axis=-1), style.axes)
    weights = {"w_x": params.w_x, "w_h": params.w_h, "w_y": params.w_y}
    if style.joined:
        pair = [weights.pop("w_h"), weights.pop("w_x")]
        joined = np.concatenate(pair if style.joined == "hx" else pair[::-1], axis=1)
        values["w"] = (joined.T if style.weights == "in out" else joined).copy()
    biases = {"b_y": params.b_y} if style.output_bias else {}
    if style.hidden_bias == "two":
        biases |= {"b_ih": params.b_h - problem.b_hh, "b_hh": problem.b_hh}
    elif style.hidden_bias == "one":
        biases["b_h"] = params.b_h
    if style.output == "none":
        weights.pop("w_y")
        biases.pop("b_y", None)
    values |= {name: layout.give(name, z) for name, z in (weights | biases).items()}
    if problem.dy is not None:
        values["dy"] = layout.give("dy", problem.dy)
    if problem.target is not None:
        is_class = problem.target.ndim == 2
        axes = style.axes.replace("T", "") if problem.last_only else style.axes
        values["target"] = numbers(problem.target, axes) if is_class else layout.give("y", problem.target)
    if style.rate is not None:
        values["rate"] = style.rate
    sizes = {letter: layout.sizes[letter] for letter in "TBIHO"}
    cut = {n: k for n in ("reset_every", "chunk") if (k := getattr(style, n)) is not None}
    return Given(values | sizes | cut | {"activation": problem.activation, "dtype": style.dtype})


def numbers(z: Array, axes: str) -> Array:
    """Lay whole numbers (T, B) out: `axes` without features."""
    return arrange(z, "TB", "".join(letter for letter in axes if letter in "TB"))


def split_joined(z: Array, style: Style, hidden: int) -> dict[str, Array]:
    """Take the gradient of one matrix over state and input apart."""
    z = z.T if style.weights == "in out" else z
    first = hidden if style.joined == "hx" else z.shape[1] - hidden
    parts = [z[:, :first], z[:, first:]]
    h, x = parts if style.joined == "hx" else parts[::-1]
    turned = style.weights == "in out"
    return {"w_h": h.T if turned else h, "w_x": x.T if turned else x}
