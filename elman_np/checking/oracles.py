"""The same gradient by other roads: forward mode, complex step, central differences (chapter 4).

Slow, short, and without a line in common with `bptt.backward`, which they are there to check. Each takes
what `forward` and `backward` take and returns what `backward` returns, always computed in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated as Shaped
from typing import Any, TypeAlias

import numpy as np

from elman_np.arrays import Array
from elman_np.bptt import forward
from elman_np.cell import Activation
from elman_np.parameters import Parameters
from elman_np.recurrence import PLAIN, Recurrence

Gradients: TypeAlias = tuple[Parameters, Array, Array]
"""What `backward` returns: `grads`, `dx` and `dh_0`."""

COMPLEX_STEP = 2.0**-600
"""About 2e-181: its square is 0 in float64, even at relu's kink; a power of two, to divide by exactly."""

PHI: dict[Activation, tuple[Callable[[Array], Array], Callable[[Array, Array], Array]]] = {
    "tanh": (np.tanh, lambda a, h: (1 - h) * (1 + h)),
    "relu": (lambda a: np.maximum(a, 0), lambda a, h: a > 0),
}
"""phi(a), and its slope from a and h = phi(a); nothing of it is taken from the network."""

RELATIVE_STEP = float(np.cbrt(np.finfo(np.float64).eps))
"""About 6e-6, where a central difference loses as much by rounding as by its own truncation (4.8)."""


def forward_mode(
    params: Parameters,
    x: Shaped[Array, "T B I"],
    h_0: Shaped[Array, "B H"],
    dy: Shaped[Array, "T B O"],
    dh_n: Shaped[Array, "B H"] | None = None,
    recurrence: Recurrence = PLAIN,
) -> Gradients:
    """Real-time recurrent learning: carry the derivatives of the state along with the state.

    Names that end in `_dot` are derivatives along P directions at once. There is a direction for each
    entry of the five parameters, of one row of `x` and of one row of `h_0`; the rows of the batch do not
    see each other, and share their directions.

    Parameters
    ----------
    params, x, h_0
        As in `forward`.
    dy, dh_n
        As in `backward`.
    recurrence : Recurrence
        Activation and truncation.

    Returns
    -------
    grads, dx, dh_0
        As from `backward`.
    """
    w_x, w_h, b_h, w_y, _, x, h_0 = arrays = _doubles(params, x, h_0)
    w_x_dot, w_h_dot, b_h_dot, w_y_dot, b_y_dot, x_dot, h_0_dot = unit_directions(arrays)
    phi, slope = PHI[recurrence.activation]
    reset_every, chunk = recurrence.reset_every, recurrence.chunk
    h, h_dot = h_0, np.broadcast_to(h_0_dot, (len(h_0_dot), *h_0.shape))
    loss_dot = np.zeros(h_dot.shape[:2])
    for t in range(len(x)):
        if reset_every is not None and t % reset_every == 0:
            h, h_dot = h_0, h_0_dot
        if chunk is not None and t > 0 and t % chunk == 0:
            h_dot = np.zeros_like(h_dot)
        # (4.2)
        a_dot = x_dot[:, t] @ w_x.T + x[t] @ w_x_dot.mT
        a_dot = a_dot + h_dot @ w_h.T + h @ w_h_dot.mT + b_h_dot

        a = x[t] @ w_x.T + h @ w_h.T + b_h
        h = phi(a)
        # (4.3)
        h_dot = a_dot * slope(a, h)

        # (4.4)
        y_dot = h_dot @ w_y.T + h @ w_y_dot.mT + b_y_dot

        # (4.5)
        loss_dot += (dy[t] * y_dot).sum(axis=-1)

    if dh_n is not None:
        loss_dot += (dh_n * h_dot).sum(axis=-1)
    return _as_gradients(loss_dot, arrays)


def complex_step(
    params: Parameters,
    x: Shaped[Array, "T B I"],
    h_0: Shaped[Array, "B H"],
    dy: Shaped[Array, "T B O"],
    dh_n: Shaped[Array, "B H"] | None = None,
    recurrence: Recurrence = PLAIN,
    *,
    step: float = COMPLEX_STEP,
) -> Gradients:
    """Move each number by `step` in the imaginary direction, and read the derivative off the imaginary part.

    Parameters and results are those of `forward_mode`; `step` is as small as the exponent allows.
    """
    arrays = _doubles(params, x, h_0)
    loss = upstream_loss(arrays, dy, dh_n, recurrence)

    def derivative(moved: Callable[[complex], list[Array]], _: float) -> float:
        # (4.6)
        slope = loss(moved(step * 1j)).imag / step

        return float(slope)

    return _entry_by_entry([array.astype(np.complex128) for array in arrays], derivative)


def central_differences(
    params: Parameters,
    x: Shaped[Array, "T B I"],
    h_0: Shaped[Array, "B H"],
    dy: Shaped[Array, "T B O"],
    dh_n: Shaped[Array, "B H"] | None = None,
    recurrence: Recurrence = PLAIN,
    *,
    step: float = RELATIVE_STEP,
) -> Gradients:
    """Move each number up and down a little, and divide the difference of the losses by the way.

    Parameters and results are those of `forward_mode`; `step` is relative for numbers above 1. About ten
    digits are right, and none where a kink of relu lies between the two.
    """
    arrays = _doubles(params, x, h_0)
    loss = upstream_loss(arrays, dy, dh_n, recurrence)

    def derivative(moved: Callable[[float], list[Array]], value: float) -> float:
        # (4.8)
        small = step * max(1.0, abs(value))

        up, down = value + small, value - small
        # (4.7)
        slope = (loss(moved(up - value)) - loss(moved(down - value))) / (up - down)

        return float(slope)

    return _entry_by_entry(arrays, derivative)


def upstream_loss(
    arrays: Sequence[Array],
    dy: Shaped[Array, "T B O"],
    dh_n: Shaped[Array, "B H"] | None,
    recurrence: Recurrence,
) -> Callable[[Sequence[Array]], Array]:
    """Return a loss whose upstream gradients are the given ones, as a function of the seven arrays.

    With chunks, the state at each border is a constant: the one that the arrays given here lead to.
    """
    steps = max(len(arrays[5]), 1)
    length = recurrence.chunk or steps
    run = partial(forward, activation=recurrence.activation, reset_every=recurrence.reset_every)
    constants = run(Parameters(*arrays[:5]), *arrays[5:])[2].h
    dh_n = np.zeros(arrays[6].shape) if dh_n is None else dh_n

    def loss(arrays: Sequence[Array]) -> Array:
        params, x, h = Parameters(*arrays[:5]), arrays[5], arrays[6]
        outputs = []
        for first in range(0, steps, length):
            if first > 0:
                h = constants[first - 1].astype(params.dtype)
            y, h, _ = run(params, x[first : first + length], h)
            outputs.append(y)
        # (4.1)
        value: Array = np.sum(dy * np.concatenate(outputs)) + np.sum(dh_n * h)

        return value

    return loss


def unit_directions(arrays: Sequence[Array]) -> list[Array]:
    """Directions (P, ...) of the seven arrays: the p-th moves entry p of all of them together by 1."""
    shapes = _direction_shapes(arrays)
    sizes = [int(np.prod(shape)) for shape in shapes]
    parts = np.split(np.eye(sum(sizes)), np.cumsum(sizes)[:-1], axis=1)
    return [part.reshape(len(part), *shape) for part, shape in zip(parts, shapes, strict=True)]


def _direction_shapes(arrays: Sequence[Array]) -> list[tuple[int, ...]]:
    """Shapes of one direction, with an axis of 1 where a vector is added to every row of the batch."""
    w_x, w_h, b_h, w_y, b_y, x, h_0 = (array.shape for array in arrays)
    return [w_x, w_h, (1, *b_h), w_y, (1, *b_y), (x[0], 1, x[2]), (1, h_0[1])]


def _as_gradients(loss_dot: Shaped[Array, "P B"], arrays: Sequence[Array]) -> Gradients:
    """Sum over the batch for the parameters; give each row its own for x and h_0."""
    shapes = _direction_shapes(arrays)
    *parts, dx, dh_0 = np.split(loss_dot, np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1])
    grads = [part.sum(axis=1).reshape(array.shape) for part, array in zip(parts, arrays[:5], strict=True)]
    steps, batch, inputs = arrays[5].shape
    return Parameters(*grads), dx.reshape(steps, inputs, batch).swapaxes(1, 2), dh_0.T


def _doubles(params: Parameters, x: Array, h_0: Array) -> list[Array]:
    return [array.astype(np.float64) for array in (*params, x, h_0)]


def _entry_by_entry(arrays: list[Array], derivative: Callable[[Any, float], float]) -> Gradients:
    """Take one derivative for each entry of the seven arrays, all other entries as they are."""

    def mover(k: int, index: tuple[int, ...]) -> Callable[[complex], list[Array]]:
        def moved(by: complex) -> list[Array]:
            array = arrays[k].copy()
            array[index] += by
            return [*arrays[:k], array, *arrays[k + 1 :]]

        return moved

    gradients = [np.empty(array.shape) for array in arrays]
    for k, gradient in enumerate(gradients):
        for index in np.ndindex(gradient.shape):
            gradient[index] = derivative(mover(k, index), float(arrays[k][index].real))
    return Parameters(*gradients[:5]), gradients[5], gradients[6]
