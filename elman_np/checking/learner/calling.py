"""One call of a learner's function: what it returns in this book's layout, and what it changed."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from elman_np.arrays import Array
from elman_np.checking.balls import Ball
from elman_np.checking.comparison import Row, compare_tensor
from elman_np.checking.learner.answers import right_balls
from elman_np.checking.learner.axes import Given, Layout, given, split_joined
from elman_np.checking.learner.posing import Problem
from elman_np.checking.learner.style import CannotRunError, Style

OUTPUTS = ("y", "h", "h_n", "loss", "probabilities", "dy")
GRADIENTS = ("dw_x", "dw_h", "dw", "db_h", "db_ih", "db_hh", "dw_y", "db_y", "dx", "dh_0")
WEIGHTS = ("w_x", "w_h", "w", "b_h", "b_ih", "b_hh", "w_y", "b_y")
SHOWN = 6
"""Lines of a traceback that are shown, the last ones."""


@dataclass(frozen=True)
class Attempt:
    """What a program made of one problem."""

    problem: Problem
    tensors: dict[str, Array]
    """In the book's layout."""
    indices: dict[str, Array]
    """Of each entry, where it stands in the program's own array, as a flat index."""
    own_shapes: dict[str, tuple[int, ...]]
    changed: tuple[str, ...]
    """Names of arguments that were changed."""
    single: bool
    """Whether all that it returned is float32."""
    balls: dict[str, Ball]
    rows: dict[str, Row]

    @property
    def wrong(self) -> set[str]:
        """Names of the tensors that differ by more than rounding explains."""
        return {name for name, row in self.rows.items() if row.verdict == "differs"}


def attempt(solve: Callable[[Given], Any], style: Style, problem: Problem) -> Attempt:
    """Give a program one problem, and compare all that it returns.

    Raises
    ------
    CannotRunError
        If the program raises, or returns something else than arrays of the right names and shapes.
    """
    p = given(problem, style)
    before = {name: _copy(value) for name, value in vars(p).items()}
    returned = _returned(solve, p, problem, style)
    own = set(WEIGHTS) if style.rate is not None else set()
    changed = [n for n, value in vars(p).items() if n not in own and not _same(value, before.get(n))]
    tensors, indices, shapes, single = {}, {}, {}, []
    layout = Layout(style, problem)
    for name, value in returned.items():
        array = _as_array(name, value)
        single.append(array.dtype == np.float32)
        places = np.arange(array.size).reshape(array.shape)
        shapes[name] = array.shape
        for part, z, index in _in_the_book(name, array, places, layout, problem):
            tensors[part], indices[part] = z.astype(style.real), index
            shapes[part] = array.shape
    balls = right_balls(problem, tensors.get("dy") if style.loss != "given" else None)
    gradients = _gradients(tensors, balls, problem, style)
    tensors = {f"d{n}" if n in WEIGHTS else n: z for n, z in tensors.items()} | gradients
    indices = {f"d{n}" if n in WEIGHTS else n: z for n, z in indices.items()}
    shapes = {f"d{n}" if n in WEIGHTS else n: z for n, z in shapes.items()}
    largest = max((float(np.max(np.abs(balls[n].mid), initial=0)) for n in gradients), default=0.0)
    rows = {n: _compare(n, z, balls[n], largest if n in gradients else 0.0) for n, z in tensors.items()}
    return Attempt(problem, tensors, indices, shapes, tuple(changed), all(single), balls, rows)


def _compare(name: str, theirs: Array, ball: Ball, largest: float) -> Row:
    """Compare with the middle; a gradient of exactly zero that an update shows is measured by the largest."""
    with np.errstate(over="ignore"):
        right = ball.mid.astype(theirs.dtype)
    return compare_tensor(name, right, theirs, ball, size=largest if largest and not np.any(right) else None)


def _returned(
    solve: Callable[[Given], Any], p: Given, problem: Problem, style: Style
) -> Mapping[str, object]:
    """Call the program; whatever it raises is its own."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            returned = solve(p)
    except Exception as error:
        raise CannotRunError(
            f"your program raised an error on the problem {problem}:\n{shown(error)}"
        ) from error
    known = [*OUTPUTS, *(GRADIENTS if style.rate is None else WEIGHTS)]
    if not isinstance(returned, Mapping):
        raise CannotRunError(
            f"solve: expected a dict with some of {', '.join(known)}, got {type(returned).__name__}"
        )
    for name in returned:
        if name not in known:
            raise CannotRunError(f"solve: returned {name!r}; known are {', '.join(known)}")
    alone = f"alone, and STYLE has loss={style.loss!r}"
    loss = f"under a loss {alone}", style.loss != "given"
    entropy = f"under a cross-entropy {alone}", style.loss.startswith("cross-entropy")
    layer = f"with an output layer alone, and STYLE has output={style.output!r}", style.output != "none"
    of = {"loss": loss, "dy": loss, "probabilities": entropy}
    of |= dict.fromkeys(("dw_y", "db_y", "w_y", "b_y"), layer)
    for name in returned:
        said, declared = of.get(name, ("", True))
        if not declared:
            raise CannotRunError(f"solve: returned {name!r}; expected it {said}")
    if not returned:
        raise CannotRunError(f"solve: returned an empty dict; expected some of {', '.join(known)}")
    return returned


def shown(error: BaseException) -> str:
    """Show the lines of a traceback that are the learner's own, the last few of them."""
    here = str(Path(__file__).parent)
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(here)]
    frames = [f for f in frames if "importlib" not in f.filename]
    lines = [f"  {Path(f.filename).name}, line {f.lineno}: {f.line}" for f in frames[-SHOWN:]]
    said = str(error)
    return "\n".join([*lines, f"  {type(error).__name__}: {said[:400]}{' ...' if len(said) > 400 else ''}"])


def _copy(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, list):
        return [_copy(item) for item in value]
    return value.copy() if isinstance(value, np.ndarray) else value


def _same(value: Any, before: Any) -> bool:  # noqa: ANN401
    if isinstance(value, list) and isinstance(before, list):
        return len(value) == len(before) and all(map(_same, value, before))
    if isinstance(value, np.ndarray) and isinstance(before, np.ndarray):
        return np.array_equal(value, before, equal_nan=True)
    return value is before or (type(value) is type(before) and bool(value == before))


def _as_array(name: str, value: object) -> Array:
    try:
        array = np.asarray(value)
        if array.dtype == object:
            if any(item is None for item in array.flat):  # of which NumPy would make NaN
                raise TypeError("an array with None in it")
            array = np.stack([np.asarray(item, float) for item in value])  # type: ignore[attr-defined]
        if array.dtype.kind not in "fiub":
            raise TypeError(f"an array of {array.dtype}")
    except (TypeError, ValueError) as error:
        raise CannotRunError(f"{name}: expected an array of numbers, got {error}") from error
    return array


def _in_the_book(
    name: str, array: Array, places: Array, layout: Layout, problem: Problem
) -> list[tuple[str, Array, Array]]:
    """Bring one returned array into the book's layout, and the places of its entries along."""
    if name not in ("dw", "w"):
        return [(name, layout.take(name, array), layout.take(name, places))]
    hidden, inputs = problem.params.hidden_size, problem.params.input_size
    style, expected = layout.style, (hidden, hidden + inputs)
    expected = expected[::-1] if style.weights == "in out" else expected
    if style.joined is None or array.shape != expected:
        raise CannotRunError(f"{name}: expected shape {expected} and the word joined, got {array.shape}")
    prefix = name.removesuffix("w")
    parts = [split_joined(z, style, hidden) for z in (array, places)]
    return [
        (f"{prefix}{n}", layout.take(n, parts[0][n]), layout.take(n, parts[1][n])) for n in ("w_x", "w_h")
    ]


def _gradients(
    tensors: dict[str, Array], balls: dict[str, Ball], problem: Problem, style: Style
) -> dict[str, Array]:
    """Tell gradients from new weights, and widen their balls by the roundings of the update.

    The balls of the two hidden biases are that of their sum.
    """
    for name in ("b_ih", "b_hh"):
        balls[f"d{name}"] = balls["db_h"]
    if style.rate is None:
        return {}
    found = {}
    olds = dict(problem.params.items()) | {"b_hh": problem.b_hh, "b_ih": problem.params.b_h - problem.b_hh}
    for name, new in tensors.items():
        if name in olds:
            ball, rate = balls[f"d{name}"], style.rate
            long = ball.unit.long
            old = olds[name]
            found[f"d{name}"] = ((old.astype(long) - new) / long.type(rate)).astype(style.real)
            # Two roundings of the step, one of the difference, one of what we make of it.
            step = ball.unit.rounding(ball.mag * rate, 3) + ball.unit.rounding(
                np.abs(old) + ball.mag * rate, 1
            )
            balls[f"d{name}"] = Ball(ball.mid, ball.rad + step / rate, ball.unit, ball.summed)
    return found
