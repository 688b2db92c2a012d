"""A whole sequence, forward and backward: the only loop over time.

`cell.py` says what is computed; here the same sums are taken in another order (chapter 9): whatever does
not depend on the state before is one product over all steps, outside the loop, and stretches between
resets run side by side. `FAST` has the activations' derivatives in the form that this needs.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache, reduce
from itertools import pairwise
from typing import Annotated as Int
from typing import Annotated as Shaped
from typing import NamedTuple

import numpy as np

from elman_np.arrays import Array, check_array, check_dtype, check_kind, freeze, frozen
from elman_np.cell import ACTIVATIONS, Activation
from elman_np.parameters import Parameters, flatten
from elman_np.recurrence import Recurrence


class Span(NamedTuple):
    """Steps in a row that all have the same number of stretches side by side."""

    stretches: int
    states: slice
    """Of the N + T states: those before these steps, and those of these steps."""
    steps: slice
    """Of the T steps in the order in which they are computed."""


class Plan(NamedTuple):
    """In which order steps are computed: those of N stretches between resets side by side."""

    stretches: int
    """N. The last stretch, which may be shorter, is in front of the others."""
    last: int
    """How many steps the last stretch has."""
    spans: tuple[Span, ...]
    """All stretches, and then those that go on where the last is over, if any."""
    order: Int[Array, "T"] | None = None
    """Which step of time is computed first, second, ...; None where it is the order of time."""
    place: Int[Array, "T"] | None = None
    """The inverse: where each step of time stands in that order."""


@lru_cache(maxsize=8)
def _plan(steps: int, reset_every: int | None) -> Plan:
    """Lay the stretches of T steps side by side."""
    length = reset_every or steps
    count = -(-steps // length) if steps else 1
    last = steps - (count - 1) * length
    all_go_on = Span(count, slice(0, count * (last + 1)), slice(0, count * last))
    if count == 1:
        return Plan(count, last, (all_go_on,))
    # (9.4)
    side_by_side = np.roll(np.arange(count * length).reshape(count, length), 1, axis=0).T
    order = side_by_side[side_by_side < steps]

    without_the_last = Span(count - 1, slice(count * last + 1, count + steps), slice(count * last, steps))
    spans = (all_go_on, without_the_last) if last < length else (all_go_on,)
    return Plan(count, last, spans, freeze(order), freeze(np.argsort(order)))


@dataclass(frozen=True, eq=False, repr=False)
class Tape:
    """All that `backward` needs from `forward`: read-only arrays, good for any number of calls.

    Inputs and states are in the order in which they were computed: without resets, that of time.
    """

    params: Parameters
    recurrence: Recurrence
    x: Shaped[Array, "T B I"]
    states: Shaped[Array, "N+T B H"]
    """The first states of the N stretches in front."""

    @property
    def plan(self) -> Plan:
        """The order of the steps."""
        return _plan(len(self.x), self.recurrence.reset_every)

    @property
    def h(self) -> Shaped[Array, "T B H"]:
        """Hidden states h_1 ... h_T in the order of time."""
        return freeze(_in_time(self.plan, self.states[self.plan.stretches :]))

    def __repr__(self) -> str:
        steps, batch_size, _ = self.x.shape
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

    plan = _plan(len(x), recurrence.reset_every)
    x = frozen(_side_by_side(plan, x))
    with _without_blas_warnings():
        h = _states(plan, params, x, h_0, recurrence.activation)
        # (1.3)
        y = _in_time(plan, _product(h[plan.stretches :], params.w_y.T) + params.b_y)

    h_n = h[plan.stretches * plan.last].copy()
    return y, h_n, Tape(params, recurrence, x, h)


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
    dy, dh_n = _upstream(tape, dy, dh_n)
    with _without_blas_warnings():
        da, dh_0 = _through_time(tape, dy, dh_n)
        # (3.7)
        dx = _in_time(tape.plan, _product(da, tape.params.w_x))

        return _sums(tape, dy, da), dx, dh_0


def parameter_gradients(
    tape: Tape, dy: Shaped[Array, "T B O"], dh_n: Shaped[Array, "B H"] | None = None
) -> Parameters:
    """Return the first result of `backward` alone, without the work for `dx`: what training needs."""
    dy, dh_n = _upstream(tape, dy, dh_n)
    with _without_blas_warnings():
        return _sums(tape, dy, _through_time(tape, dy, dh_n)[0])


def state_gradients(
    tape: Tape, dy: Shaped[Array, "T B O"], dh_n: Shaped[Array, "B H"] | None = None
) -> tuple[Shaped[Array, "T B H"], Shaped[Array, "B H"]]:
    """Return da_1 ... da_T in the order of time, and dh_0: what the results of `backward` are made of."""
    dy, dh_n = _upstream(tape, dy, dh_n)
    with _without_blas_warnings():
        da, dh_0 = _through_time(tape, dy, dh_n)
    return _in_time(tape.plan, da), dh_0


def _upstream(
    tape: Tape, dy: Shaped[Array, "T B O"], dh_n: Shaped[Array, "B H"] | None
) -> tuple[Shaped[Array, "T B O"], Shaped[Array, "B H"]]:
    """Check the upstream gradients; return them, `dy` in the order in which steps are computed."""
    check_kind("tape", tape, Tape)
    params, (steps, batch_size, _) = tape.params, tape.x.shape
    if dh_n is None:
        dh_n = np.zeros((batch_size, params.hidden_size), params.dtype)
    check_array("dy", dy, params.dtype, (steps, batch_size, params.output_size))
    check_array("dh_n", dh_n, params.dtype, (batch_size, params.hidden_size))
    return _side_by_side(tape.plan, dy), dh_n


def _states(
    plan: Plan,
    params: Parameters,
    x: Shaped[Array, "T B I"],
    h_0: Shaped[Array, "B H"],
    activation: Activation,
) -> Shaped[Array, "N+T B H"]:
    firsts = plan.stretches
    h = np.empty((firsts + len(x), x.shape[1], params.hidden_size), params.dtype)
    # (5.1)
    h[:firsts] = h_0

    # (9.1)
    _dot(_flat(x), params.w_x.T, out=_flat(h[firsts:]))
    h[firsts:] += params.b_h

    w_h_t = np.ascontiguousarray(params.w_h.T)  # once: every step reads it
    dot, w_h_t = _dot_for(h_0, w_h_t)
    activate = ACTIVATIONS[activation].forward
    for span in plan.spans:
        rows = _steps(h[span.states], span.stretches)
        carried, a = np.empty((2, *rows[0].shape), params.dtype)
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


def _through_time(
    tape: Tape, dy: Shaped[Array, "T B O"], dh_n: Shaped[Array, "B H"]
) -> tuple[Shaped[Array, "T B H"], Shaped[Array, "B H"]]:
    """Walk back through the steps: da_t for all of them, and the gradient of the first state."""
    plan, chunk = tape.plan, tape.recurrence.chunk
    dot, w_h = _dot_for(dh_n, tape.params.w_h)
    activation = FAST[tape.recurrence.activation]
    h = tape.states[plan.stretches :]
    da, spare = np.empty((2, *h.shape), h.dtype)  # one array, which malloc keeps (chapter 9)
    slope = activation.slopes(h, spare)

    # (9.3)
    _dot(_flat(dy), tape.params.w_y, out=_flat(da))

    dh_nexts = np.zeros((plan.stretches, *dh_n.shape), h.dtype)
    dh_nexts[0] = dh_n  # the stretch in front is the last
    for span in reversed(plan.spans):
        das, slopes = (_steps(z[span.steps], span.stretches) for z in (da, slope))
        dh_next = _flat(dh_nexts[plan.stretches - span.stretches :])
        dh = np.empty_like(dh_next)
        for t, da_t, slope_t in zip(reversed(range(len(das))), das[::-1], slopes[::-1], strict=True):
            # (3.2)
            np.add(da_t, dh_next, out=dh)

            # (3.3)
            activation.backward(dh, slope_t, da_t)

            # (3.6)
            dot(da_t, w_h, dh_next)

            # (5.3)
            if chunk is not None and t > 0 and t % chunk == 0:
                dh_next[:] = 0

    # (5.2)
    dh_0 = dh_nexts.sum(axis=0)

    return da, dh_0


def _sums(tape: Tape, dy: Shaped[Array, "T B O"], da: Shaped[Array, "T B H"]) -> Parameters:
    """Sum over steps and batch at once: one product for each array, and all of them in one vector."""
    plan, states = tape.plan, tape.states
    pairs = [(_flat(da[s.steps]), _flat(states[s.states][: -s.stretches])) for s in plan.spans]
    x, h, dy, da = map(_flat, (tape.x, states[plan.stretches :], dy, da))
    # (3.8)
    dw_x = da.T @ x

    # (3.9)
    dw_h = reduce(np.add, [da_t.T @ h_before for da_t, h_before in pairs])

    # (3.10)
    db_h = np.ones(len(da), da.dtype) @ da

    # (3.11)
    dw_y = dy.T @ h

    # (3.12)
    db_y = dy.sum(axis=0)

    return tape.params.like(flatten((dw_x, dw_h, db_h, dw_y, db_y)))


def _flat(z: Shaped[Array, "... K"]) -> Shaped[Array, "R K"]:
    """Put all rows of all steps one below the other: what one product can take at once."""
    return z.reshape(-1, z.shape[-1])


def _without_blas_warnings() -> AbstractContextManager[object]:
    """Say nothing of 'invalid values': now and then OpenBLAS meets one in what it leaves unused.

    What is really no number shows in the results, as NaN.
    """
    return np.errstate(invalid="ignore")


def _dot_for(z: Shaped[Array, "R K"], w: Shaped[Array, "K M"]) -> tuple[Callable[..., Array], Array]:
    """Choose what multiplies rows like those of `z` by `w`, and give `w` in the form that it takes.

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


def _steps(z: Shaped[Array, "M B K"], stretches: int) -> Shaped[Array, "S R K"]:
    """Keep the steps apart, and put the rows of each one below the other: S steps, R = stretches * B rows."""
    return z.reshape(len(z) // stretches, stretches * z.shape[1], z.shape[2])


def _side_by_side(plan: Plan, z: Shaped[Array, "T ..."]) -> Shaped[Array, "T ..."]:
    """Put steps into the order in which they are computed."""
    return z if plan.order is None else freeze(z.take(plan.order, axis=0))


def _in_time(plan: Plan, z: Shaped[Array, "T ..."]) -> Shaped[Array, "T ..."]:
    """Put steps back into the order of time."""
    return z if plan.place is None else z.take(plan.place, axis=0)
