"""One step of an Elman network, forward and backward: the specification.

To be read beside `docs/cell.md` (1.x) and `docs/bptt.md` (3.x). `bptt.py` computes the same sums for a
whole sequence in another order, and is tested equal to this.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated as Shaped
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from elman_np.arrays import Array, check_array, check_choice, check_kind
from elman_np.parameters import Parameters

Activation: TypeAlias = Literal["tanh", "relu"]


class StepGradients(NamedTuple):
    """What one step sends back: to the parameters, to its input, and to the step before."""

    grads: Parameters
    dx: Shaped[Array, "B I"]
    dh_before: Shaped[Array, "B H"]


def tanh(a: Shaped[Array, "..."], out: Array | None = None) -> Shaped[Array, "..."]:
    """Apply tanh elementwise, into `out` if given."""
    # (1.4)
    h: Array = np.tanh(a, out=out)

    return h


def tanh_backward(dh: Shaped[Array, "..."], h: Shaped[Array, "..."]) -> Shaped[Array, "..."]:
    """Send `dh` back through tanh, from h = tanh(a) alone."""
    # (3.4)
    da: Array = dh * (1 - h * h)

    return da


def relu(a: Shaped[Array, "..."], out: Array | None = None) -> Shaped[Array, "..."]:
    """Apply relu elementwise, into `out` if given; for complex `a` it goes by the sign of the real part."""
    if a.dtype.kind == "c":
        return np.multiply(a, a.real > 0, out=out)
    # (1.5)
    h: Array = np.maximum(a, 0, out=out)

    return h


def relu_backward(dh: Shaped[Array, "..."], h: Shaped[Array, "..."]) -> Shaped[Array, "..."]:
    """Send `dh` back through relu; the derivative at exactly 0 is 0, and at NaN it is 1, as in PyTorch."""
    # (3.5)
    da: Array = np.where(h.real <= 0, 0, dh)

    return da


class ActivationRow(NamedTuple):
    """An activation: h = forward(a, out), and da = backward(dh, h), which is dh * phi'(a)."""

    forward: Callable[..., Array]
    backward: Callable[[Array, Array], Array]


ACTIVATIONS = {"tanh": ActivationRow(tanh, tanh_backward), "relu": ActivationRow(relu, relu_backward)}


def check_activation(activation: str) -> None:
    """Raise ValueError unless `activation` is a row of the table."""
    check_choice("activation", activation, ACTIVATIONS)


def phi(a: Shaped[Array, "..."], activation: Activation) -> Shaped[Array, "..."]:
    """Apply an activation elementwise; ValueError if it is unknown."""
    check_activation(activation)
    return ACTIVATIONS[activation].forward(a)


def dphi(dh: Shaped[Array, "..."], h: Shaped[Array, "..."], activation: Activation) -> Shaped[Array, "..."]:
    """Send `dh` back through an activation, from h = phi(a) alone; ValueError if it is unknown."""
    check_activation(activation)
    return ACTIVATIONS[activation].backward(dh, h)


def step(
    params: Parameters, x: Shaped[Array, "B I"], h_before: Shaped[Array, "B H"], activation: Activation
) -> tuple[Shaped[Array, "B O"], Shaped[Array, "B H"]]:
    """One step forward: from `x_t` and `h_{t-1}` to `y_t` and `h_t`."""
    _check(params, x=x, h_before=h_before)
    # (1.1)
    a = x @ params.w_x.T + h_before @ params.w_h.T + params.b_h

    # (1.2)
    h = phi(a, activation)

    # (1.3)
    y = h @ params.w_y.T + params.b_y

    return y, h


def step_backward(
    params: Parameters,
    x: Shaped[Array, "B I"],
    h_before: Shaped[Array, "B H"],
    h: Shaped[Array, "B H"],
    dy: Shaped[Array, "B O"],
    dh_next: Shaped[Array, "B H"],
    activation: Activation,
) -> StepGradients:
    """One step backward: from `dL/dy_t` and what the future sends, to every input of the step.

    Parameters
    ----------
    params : Parameters
    x, h_before, h : arrays (B, I), (B, H), (B, H)
        x_t, h_{t-1} and h_t of the forward step.
    dy : array (B, O)
        Gradient of the loss with respect to y_t.
    dh_next : array (B, H)
        Gradient of the loss with respect to h_t by way of step t + 1, and only that: what comes by way
        of y_t is added here. At the last step it is the upstream gradient of h_n.
    activation : {"tanh", "relu"}

    Returns
    -------
    StepGradients
        `grads`, this step's part of each parameter's gradient; `dx`; and `dh_before`, which is `dh_next`
        for step t - 1.
    """
    _check(params, x=x, h_before=h_before, h=h, dy=dy, dh_next=dh_next)
    # (3.1)
    dh_out = dy @ params.w_y

    # (3.2)
    dh = dh_out + dh_next

    # (3.3)
    da = dphi(dh, h, activation)

    # (3.6)
    dh_before = da @ params.w_h

    # (3.7)
    dx = da @ params.w_x

    # (3.8)
    dw_x = da.T @ x

    # (3.9)
    dw_h = da.T @ h_before

    # (3.10)
    db_h = da.sum(axis=0)

    # (3.11)
    dw_y = dy.T @ h

    # (3.12)
    db_y = dy.sum(axis=0)

    return StepGradients(Parameters(dw_x, dw_h, db_h, dw_y, db_y), dx, dh_before)


def _check(params: Parameters, x: Array, **rows: Array) -> None:
    """Raise unless `x` and what comes with it are as many rows, of the sizes of the network."""
    check_kind("params", params, Parameters)
    check_kind("x", x, np.ndarray)
    check_array("x", x, params.dtype, (len(x) if x.ndim else 0, params.input_size))
    for name, value in rows.items():
        size = params.output_size if name == "dy" else params.hidden_size
        check_array(name, value, params.dtype, (len(x), size))
