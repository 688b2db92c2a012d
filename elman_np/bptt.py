"""A whole sequence, forward and backward: the only loop over time.

`cell.py` says what is computed; here the same sums are taken in another order (chapter 9): whatever does
not depend on the state before is one product over all steps, outside the loop, and stretches between
resets run side by side. `FAST` has the activations' derivatives in the form that this needs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated as Shaped
from typing import NamedTuple

import numpy as np

from elman_np.arrays import Array, check_array, check_dtype, check_kind, freeze, frozen
from elman_np.cell import ACTIVATIONS, Activation
from elman_np.parameters import Parameters, flatten
from elman_np.recurrence import Recurrence


@dataclass(frozen=True, eq=False, repr=False)
class Block:
    """N stretches of S steps that do not depend on each other, side by side (9.4)."""

    x: Shaped[Array, "S N B I"]
    h: Shaped[Array, "S+1 N B H"]  # the first state in front

    def __repr__(self) -> str:
        return f"Block(x {self.x.shape}, h {self.h.shape})"


@dataclass(frozen=True, eq=False, repr=False)
class Tape:
    """All that `backward` needs from `forward`: read-only arrays, good for any number of calls.

    Without resets there is one block of one stretch. With resets there is a block of all whole
    stretches, and another for the steps that are left at the end, if any.
    """

    params: Parameters
    recurrence: Recurrence
    blocks: tuple[Block, ...]

    @property
    def h(self) -> Shaped[Array, "T B H"]:
        """Hidden states h_1 ... h_T in the order of time."""
        return _unfold([block.h[1:] for block in self.blocks])

    def __repr__(self) -> str:
        steps, batch_size = _extent(self)
        return f"Tape({steps} steps, batch of {batch_size}, {self.recurrence}, {self.params})"


def forward(
    params: Parameters,
    x: Shaped[Array, "T B I"],
    h_0: Shaped[Array, "B H"],
    *,
    activation: Activation = "tanh",
    reset_every: int | None = None,
    chunk: int | None = None,
) -> tuple[Shaped[Array, "T B O"], Shaped[Array, "B H"], Tape]:
    """Run the network over a batch of sequences.

    Parameters
    ----------
    params : Parameters
    x : array (T, B, I)
        T = 0 and B = 0 are allowed: no steps give back `h_0`.
    h_0 : array (B, H)
        State before the first step.
    activation : {"tanh", "relu"}
    reset_every : int, optional
        The state goes back to `h_0` after every so many steps (5.1).
    chunk : int, optional
        The state is carried, but the gradient is cut after every so many steps (5.3): only `backward`
        differs.

    Returns
    -------
    y : array (T, B, O)
        y_1 ... y_T.
    h_n : array (B, H)
        h_T, the state after the last step, whether or not a reset is due there.
    tape : Tape
        For `backward`.

    Raises
    ------
    ValueError
        If a shape does not fit, the activation is unknown, or both truncations are asked for.
    TypeError
        If an array is not floating point, or its dtype is not that of the parameters.
    """
    return run(params, x, h_0, Recurrence(activation, reset_every, chunk))


def run(
    params: Parameters, x: Shaped[Array, "T B I"], h_0: Shaped[Array, "B H"], recurrence: Recurrence
) -> tuple[Shaped[Array, "T B O"], Shaped[Array, "B H"], Tape]:
    """Do what `forward` does, with its three options as one value."""
    check_kind("params", params, Parameters)
    check_kind("x", x, np.ndarray)
    check_dtype("x", x, params.dtype)
    if x.ndim != 3 or x.shape[2] != params.input_size:
        raise ValueError(f"x: expected shape (T, B, {params.input_size}), got {x.shape}")
    check_array("h_0", h_0, params.dtype, (x.shape[1], params.hidden_size))

    blocks = tuple(
        Block(part, _states(params, part, h_0, recurrence.activation))
        for part in _fold(frozen(x), recurrence.reset_every or len(x))
    )

    # (1.3)
    y = _unfold([_product(block.h[1:], params.w_y.T) + params.b_y for block in blocks])

    return y, blocks[-1].h[-1, -1].copy(), Tape(params, recurrence, blocks)


def backward(
    tape: Tape, dy: Shaped[Array, "T B O"], dh_n: Shaped[Array, "B H"] | None = None
) -> tuple[Parameters, Shaped[Array, "T B I"], Shaped[Array, "B H"]]:
    """Back-propagation through time.

    Parameters
    ----------
    tape : Tape
        From `forward`; it is not used up.
    dy : array (T, B, O)
        Upstream gradient: of the loss with respect to every y_t.
    dh_n : array (B, H), optional
        Upstream gradient of the loss with respect to the returned `h_n`; zero if left out.

    Returns
    -------
    grads : Parameters
        Gradients of the five arrays, summed over steps and batch.
    dx : array (T, B, I)
    dh_0 : array (B, H)

    Raises
    ------
    ValueError
        If an upstream gradient does not have the shape of what it belongs to.
    TypeError
        If its dtype is another.
    """
    das, dh_0 = _through_time(tape, dy, dh_n)
    # (3.7)
    dx = _unfold([_product(da, tape.params.w_x) for da in das])

    return _sums(tape, dy, das), dx, dh_0


def parameter_gradients(
    tape: Tape, dy: Shaped[Array, "T B O"], dh_n: Shaped[Array, "B H"] | None = None
) -> Parameters:
    """Return the first result of `backward` alone, without the work for `dx`: what training needs."""
    return _sums(tape, dy, _through_time(tape, dy, dh_n)[0])


def state_gradients(
    tape: Tape, dy: Shaped[Array, "T B O"], dh_n: Shaped[Array, "B H"] | None = None
) -> tuple[Shaped[Array, "T B H"], Shaped[Array, "B H"]]:
    """Return da_1 ... da_T in the order of time, and dh_0: what the results of `backward` are made of."""
    das, dh_0 = _through_time(tape, dy, dh_n)
    return _unfold(das), dh_0


def _through_time(
    tape: Tape, dy: Shaped[Array, "T B O"], dh_n: Shaped[Array, "B H"] | None
) -> tuple[list[Shaped[Array, "S N B H"]], Shaped[Array, "B H"]]:
    """Check the upstream gradients; return da of each block, and dh_0."""
    check_kind("tape", tape, Tape)
    params, (first, *_) = tape.params, tape.blocks
    steps, batch_size = _extent(tape)
    if dh_n is None:
        dh_n = np.zeros((batch_size, params.hidden_size), params.dtype)
    check_array("dy", dy, params.dtype, (steps, batch_size, params.output_size))
    check_array("dh_n", dh_n, params.dtype, (batch_size, params.hidden_size))

    das, dh_0 = [], np.zeros(dh_n.shape, params.dtype)
    for block, dy_part in zip(tape.blocks, _fold(dy, len(first.x)), strict=True):
        dh_last = np.zeros(block.h.shape[1:], params.dtype)
        if block is tape.blocks[-1]:
            dh_last[-1] = dh_n
        da, dh_first = _block_backward(tape, block, dy_part, dh_last)
        das.append(da)
        # (5.2)
        dh_0 += dh_first.sum(axis=0)

    return das, dh_0


def _sums(tape: Tape, dy: Shaped[Array, "T B O"], das: Sequence[Shaped[Array, "S N B H"]]) -> Parameters:
    """Sum over all blocks."""
    parts = zip(tape.blocks, _fold(dy, len(tape.blocks[0].x)), das, strict=True)
    grads = [_block_sums(*part) for part in parts]
    return tape.params.like(grads[0] if len(grads) == 1 else freeze(grads[0] + grads[1]))


def _extent(tape: Tape) -> tuple[int, int]:
    """Return T and B."""
    return sum(block.x.shape[0] * block.x.shape[1] for block in tape.blocks), tape.blocks[0].x.shape[2]


def _states(
    params: Parameters, x: Shaped[Array, "S N B I"], h_0: Shaped[Array, "B H"], activation: Activation
) -> Shaped[Array, "S+1 N B H"]:
    h = np.empty((len(x) + 1, *x.shape[1:3], params.hidden_size), params.dtype)
    # (5.1)
    h[0] = h_0

    # (9.1)
    _dot(_flat(x), params.w_x.T, out=_flat(h[1:]))
    h[1:] += params.b_h

    rows = _steps(h)
    w_h_t = np.ascontiguousarray(params.w_h.T)  # once: every step reads it
    dot, w_h_t = _dot_for(rows[0], w_h_t)
    carried, a = np.empty((2, *rows[0].shape), params.dtype)
    activate = ACTIVATIONS[activation].forward
    for before, now in pairwise(rows):
        # (9.2)
        dot(before, w_h_t, carried)
        np.add(now, carried, out=a)
        activate(a, now)

    h.flags.writeable = False
    return h


def _tanh_slopes(h: Array, out: Array) -> Array:
    # (3.4)
    np.multiply(h, h, out=out)
    np.subtract(1, out, out=out)

    return out


def _relu_slopes(h: Array, out: Array) -> Array:
    """Tell where relu's slope is 0; `out` is not needed."""
    return np.asarray(h.real <= 0)


def _relu_backward(dh: Array, off: Array, da: Array) -> None:
    # (3.5)
    np.copyto(da, dh)
    np.copyto(da, 0, where=off)


class FastRow(NamedTuple):
    """An activation's derivative in two parts: of all steps at once, and what is left to do at a step."""

    slopes: Callable[[Array, Array], Array]
    backward: Callable[[Array, Array, Array], object]  # (dh_t, slope_t, where da_t is written)


FAST = {"tanh": FastRow(_tanh_slopes, np.multiply), "relu": FastRow(_relu_slopes, _relu_backward)}


def _block_backward(
    tape: Tape, block: Block, dy: Shaped[Array, "S N B O"], dh_last: Shaped[Array, "N B H"]
) -> tuple[Shaped[Array, "S N B H"], Shaped[Array, "N B H"]]:
    """Walk back through the steps: da_t for all of them, and the gradient of the first state."""
    h, w_h, chunk = _steps(block.h[1:]), tape.params.w_h, tape.recurrence.chunk
    activation = FAST[tape.recurrence.activation]
    da, spare = np.empty((2, *h.shape), h.dtype)  # one array, which malloc keeps (chapter 9)
    slope = activation.slopes(h, spare)

    # (9.3)
    _dot(_flat(dy), tape.params.w_y, out=_flat(da))

    dh_next = _flat(dh_last)
    dh = np.empty_like(dh_next)
    dot, w_h = _dot_for(dh, w_h)
    for t, da_t, slope_t in zip(reversed(range(len(h))), da[::-1], slope[::-1], strict=True):
        # (3.2)
        np.add(da_t, dh_next, out=dh)

        # (3.3)
        activation.backward(dh, slope_t, da_t)

        # (3.6)
        dot(da_t, w_h, dh_next)

        # (5.3)
        if chunk is not None and t > 0 and t % chunk == 0:
            dh_next[:] = 0

    return da.reshape(block.h[1:].shape), dh_next.reshape(dh_last.shape)


def _block_sums(
    block: Block, dy: Shaped[Array, "S N B O"], da: Shaped[Array, "S N B H"]
) -> Shaped[Array, "P"]:
    """Sum over steps and batch at once: one product for each array, and all of them in one vector."""
    x, h_before, h, dy, da = map(_flat, (block.x, block.h[:-1], block.h[1:], dy, da))
    # (3.8)
    dw_x = da.T @ x

    # (3.9)
    dw_h = da.T @ h_before

    # (3.10)
    db_h = np.ones(len(da), da.dtype) @ da

    # (3.11)
    dw_y = dy.T @ h

    # (3.12)
    db_y = dy.sum(axis=0)

    return flatten((dw_x, dw_h, db_h, dw_y, db_y))


def _flat(z: Shaped[Array, "... K"]) -> Shaped[Array, "R K"]:
    """Put all rows of all steps one below the other: what one product can take at once."""
    return z.reshape(-1, z.shape[-1])


def _dot_for(z: Shaped[Array, "R K"], w: Shaped[Array, "K M"]) -> tuple[Callable[..., Array], Array]:
    """Choose what multiplies rows as many as `z` has by `w`, and give `w` in the form that it takes.

    `np.dot` of a single number with several leaves them out where the number is 0, and with them a NaN.
    """
    single = 1 in (z.size, w.size)
    return (np.multiply, w.squeeze()) if single else (np.ndarray.dot, w)


def _dot(z: Shaped[Array, "R K"], w: Shaped[Array, "K M"], out: Array | None = None) -> Shaped[Array, "R M"]:
    dot, w = _dot_for(z, w)
    return dot(z, w, out)


def _product(z: Shaped[Array, "... K"], w: Shaped[Array, "K M"]) -> Shaped[Array, "... M"]:
    """Multiply all rows of all steps by `w` at once."""
    return _dot(_flat(z), w).reshape(*z.shape[:-1], w.shape[1])


def _steps(z: Shaped[Array, "S N B K"]) -> Shaped[Array, "S R K"]:
    """Keep the steps apart, and put the rows of each one below the other."""
    return z.reshape(len(z), math.prod(z.shape[1:-1]), z.shape[-1])


def _fold(z: Shaped[Array, "T ..."], stretch: int) -> list[Shaped[Array, "S N ..."]]:
    """Cut time into stretches and lay them side by side; what is left at the end comes by itself."""
    count, rest = divmod(len(z), stretch) if stretch else (0, 0)
    # (9.4)
    whole = z[: count * stretch].reshape(count, stretch, *z.shape[1:]).swapaxes(0, 1)
    left = z[count * stretch :, None]

    return [whole, left] if count and rest else [whole] if count else [left]


def _unfold(parts: Sequence[Shaped[Array, "S N ..."]]) -> Shaped[Array, "T ..."]:
    """Put the stretches back into the order of time: the inverse of `_fold`."""
    series = [z.swapaxes(0, 1).reshape(z.shape[0] * z.shape[1], *z.shape[2:]) for z in parts]
    return series[0] if len(series) == 1 else np.concatenate(series)
