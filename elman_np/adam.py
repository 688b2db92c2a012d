"""Adam, and clipping by the global norm (chapter 7)."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Annotated as Shaped
from typing import Any

import numpy as np

from elman_np.arrays import Array, check_count, check_flag, check_kind, check_number, check_shape, freeze
from elman_np.parameters import Parameters

PIECE = 1 << 16
"""Bytes of each vector that are updated at a time: what one piece needs stays in the cache (chapter 9)."""


@dataclass(frozen=True, eq=False)
class AdamState:
    """What Adam remembers of the gradients so far."""

    step: int
    """How many updates there were."""
    m: Parameters
    """Running mean of the gradients, not yet corrected for its start at zero (7.1)."""
    v: Parameters
    """Running mean of their squares, not yet corrected (7.2)."""
    v_max: Parameters
    """The largest `v` so far (7.9); equal to `v` unless `amsgrad` is on."""


@dataclass(frozen=True, kw_only=True)
class AdamOptions:
    """Adam's constants, with `torch.optim.Adam`'s names and defaults, as plain numbers of Python.

    Parameters
    ----------
    lr : float
        Learning rate, 0 or more.
    betas : pair of floats in [0, 1)
        Decay of the two running means.
    eps : float
        Added to the root, outside it and after the bias correction (7.5); 0 or more.
    weight_decay : float
        Pull towards zero; 0 or more.
    decoupled : bool
        False adds the decay to the gradient, as `torch.optim.Adam` does (7.6); True shrinks the
        parameters, as `torch.optim.AdamW` does (7.7).
    amsgrad : bool
        Divide by the largest `v` so far (7.9).
    maximize : bool
        Go up in place of down (7.8).

    Raises
    ------
    ValueError
        If a number is out of its range.
    TypeError
        If something is no number, no pair of numbers, or neither True nor False.
    """

    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0
    decoupled: bool = False
    amsgrad: bool = False
    maximize: bool = False

    def __post_init__(self) -> None:
        for name in ("lr", "eps", "weight_decay"):
            value = getattr(self, name)
            number = check_number(name, value, "a finite number, 0 or more", lambda z: 0 <= z < np.inf)
            object.__setattr__(self, name, number)
        if not isinstance(self.betas, tuple | list):
            raise TypeError(f"betas: expected two numbers in [0, 1), got {self.betas!r}")
        if len(self.betas) != 2:
            raise ValueError(f"betas: expected two numbers in [0, 1), got {self.betas}")
        betas = (check_number("betas", z, "two numbers in [0, 1)", lambda z: 0 <= z < 1) for z in self.betas)
        object.__setattr__(self, "betas", tuple(betas))
        for name in ("decoupled", "amsgrad", "maximize"):
            check_flag(name, getattr(self, name))
            object.__setattr__(self, name, bool(getattr(self, name)))


OPTIONS = tuple(field.name for field in fields(AdamOptions))


def adam_step(
    p: Shaped[Array, "..."],
    g: Shaped[Array, "..."],
    m: Shaped[Array, "..."],
    v: Shaped[Array, "..."],
    v_max: Shaped[Array, "..."],
    step: int,
    options: AdamOptions,
) -> tuple[Shaped[Array, "..."], ...]:
    """Update one array; nothing that is passed in is changed.

    Parameters
    ----------
    p, g, m, v, v_max : arrays of one shape
        The parameter, its gradient, and Adam's state of it.
    step : int
        Number of this update, from 1.
    options : AdamOptions

    Returns
    -------
    p, m, v, v_max : arrays
        New values. The order of operations is Kingma and Ba's algorithm 1, as in `torch.optim.Adam`.

    Raises
    ------
    ValueError
        If the shapes differ, even where NumPy could broadcast them, or `step` is below 1.
    TypeError
        If an argument is of another kind. Dtypes are not compared: they are those of `params` in `Adam`.
    """
    check_kind("options", options, AdamOptions)
    step = check_count("step", step)
    arrays = (p, g, m, v, v_max)
    if {*map(type, arrays)} != {np.ndarray} or len({z.shape for z in arrays}) > 1:
        _check_shapes(p=p, g=g, m=m, v=v, v_max=v_max)
    lr, (beta_1, beta_2), decay = options.lr, options.betas, options.weight_decay
    if options.maximize:
        # (7.8)
        g = -g

    if decay and not options.decoupled:
        # (7.6)
        g = g + decay * p

    elif decay:
        # (7.7)
        p = p * (1 - lr * decay)

    # (7.1)
    m = beta_1 * m + (1 - beta_1) * g

    # (7.2)
    v = beta_2 * v + (1 - beta_2) * (g * g)

    # (7.9)
    v_max = np.maximum(v_max, v) if options.amsgrad else v

    # (7.3)
    m_hat = m / (1 - beta_1**step)

    # (7.4)
    root_v_hat = np.sqrt(v_max) / math.sqrt(1 - beta_2**step)

    # (7.5)
    p = p - lr * m_hat / (root_v_hat + options.eps)

    return p, m, v, v_max


def _check_shapes(**arrays: Array) -> None:
    """Raise unless all are arrays of one shape; what NumPy makes of an array without axes is one, too."""
    for name, value in arrays.items():
        if not isinstance(value, np.generic):
            check_kind(name, value, np.ndarray)
        check_shape(name, value.shape, arrays["p"].shape)


class Adam:
    """Adam on the five arrays of a network: `params = optimiser.step(params, grads)`.

    Parameters
    ----------
    options : AdamOptions, optional
        Its defaults if left out.
    **changes
        Options by name, in place of those in `options`: `lr`, `betas`, `eps`, `weight_decay`,
        `decoupled`, `amsgrad`, `maximize`.

    Attributes
    ----------
    options : AdamOptions
        May be replaced between steps.
    lr : float
        The learning rate in `options`. To set it, as a schedule does, replaces `options` and keeps `state`.
    state : AdamState or None
        None before the first step. An immutable value: keep it, look at it, or put it back.

    Raises
    ------
    ValueError, TypeError
        As `AdamOptions`.
    """

    __slots__ = ("options", "state")  # so that a misspelt option is an error

    def __init__(self, options: AdamOptions | None = None, /, **changes: Any) -> None:  # noqa: ANN401
        if not isinstance(options, AdamOptions | None):
            raise TypeError(f"options: expected AdamOptions, got {options!r}; a rate is Adam(lr=...)")
        for name in changes:
            if name not in OPTIONS:
                raise TypeError(f"{name}: expected an option of Adam, {', '.join(OPTIONS)}")
        self.options = replace(options or AdamOptions(), **changes)
        self.state: AdamState | None = None

    @property
    def lr(self) -> float:
        """The learning rate."""
        return self.options.lr

    @lr.setter
    def lr(self, lr: float) -> None:
        self.options = replace(self.options, lr=lr)

    def step(self, params: Parameters, grads: Parameters) -> Parameters:
        """Return the updated parameters; `params` and `grads` stay as they are.

        Raises
        ------
        ValueError
            If `grads`, or a state that was put back, has other shapes.
        TypeError
            If it has another dtype.
        """
        check_kind("options", self.options, AdamOptions)
        check_kind("params", params, Parameters)
        check_alike("grads", grads, params)
        check_state("state", self.state, params)
        state = self.state or AdamState(0, *[params.like(freeze(np.zeros_like(params.flat)))] * 3)
        step = int(state.step) + 1

        old = [value.flat for value in (params, grads, state.m, state.v, state.v_max)]
        new = [np.empty_like(params.flat) for _ in range(4 if self.options.amsgrad else 3)]
        length = PIECE // params.dtype.itemsize
        for first in range(0, len(params.flat), length):
            piece = slice(first, first + length)
            p, g, m, v, v_max = (vector[piece] for vector in old)
            updated = adam_step(p, g, m, v, v_max, step, self.options)
            for vector, part in zip(new, updated, strict=False):  # without amsgrad v_max is v, and not kept
                vector[piece] = part

        params, *moments = (params.like(freeze(vector)) for vector in new)
        self.state = AdamState(step, moments[0], moments[1], moments[-1])
        return params

    def __repr__(self) -> str:
        return repr(self.options).replace("AdamOptions", "Adam")


def check_state(name: str, state: AdamState | None, params: Parameters) -> None:
    """Raise unless `state` is None, or what Adam remembers of the gradients of `params`."""
    if state is not None:
        check_kind(name, state, AdamState)
        check_count(f"{name}.step", state.step, least=0)
        for moment in ("m", "v", "v_max"):
            check_alike(f"{name}.{moment}", getattr(state, moment), params)


def check_alike(name: str, value: Parameters, params: Parameters) -> None:
    """Raise unless `value` has the dtype and the shapes of `params`."""
    check_kind(name, value, Parameters)
    if value.dtype != params.dtype:
        raise TypeError(f"{name}: expected dtype {params.dtype} as params, got {value.dtype}")
    if value.sizes != params.sizes:
        for (array, p), z in zip(params.items(), value, strict=True):
            if z.shape != p.shape:
                raise ValueError(f"{name}.{array}: expected shape {p.shape} as in params, got {z.shape}")


def clip_grad_norm(grads: Parameters, max_norm: float) -> tuple[Parameters, float]:
    """Scale the gradients so that their global norm is at most `max_norm` (7.10).

    As `torch.nn.utils.clip_grad_norm_`, 1e-6 in the denominator included, but a new value is returned. The
    squares are summed in the gradients' dtype. Where their sum overflows (a norm above 1.8e19 in float32),
    the norm is infinite and the clipped gradients are zero; where a square underflows (that of an entry
    below 1e-23), it counts for nothing.

    Parameters
    ----------
    grads : Parameters
    max_norm : float
        Largest Euclidean norm of all gradients taken as one vector; above 0.

    Returns
    -------
    grads : Parameters
        Scaled, or as they were where the norm is small enough.
    norm : float
        The norm before clipping.

    Raises
    ------
    ValueError
        If `max_norm` is not above 0.
    """
    check_kind("grads", grads, Parameters)
    max_norm = check_number("max_norm", max_norm, "a number above 0", lambda z: z > 0)
    g = grads.flat
    # (7.10)
    norm = math.sqrt(np.vdot(g, g).real)
    scale = min(max_norm / (norm + 1e-6), 1.0)
    clipped = g * g.dtype.type(scale) if scale != 1 else g

    return grads.like(freeze(clipped)), norm
