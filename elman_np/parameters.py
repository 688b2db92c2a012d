"""The five arrays of an Elman network, as one immutable value.

The rest of the network takes its parameters from here. `docs/cell.md` introduces the names and the shapes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate, pairwise
from math import prod
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias
from typing import Annotated as Shaped

import numpy as np
from numpy.typing import DTypeLike

from elman_np.arrays import (
    DTYPES,
    Array,
    Rng,
    check_choice,
    check_count,
    check_dtype,
    check_kind,
    check_rng,
    check_shape,
    freeze,
    frozen,
    real_dtype,
)
from elman_np.tables import html_table

Init: TypeAlias = Literal["uniform", "normal"]

NAMES = ("w_x", "w_h", "b_h", "w_y", "b_y")
Sizes: TypeAlias = tuple[int, int, int]
"""I, H and O."""


@dataclass(frozen=True, eq=False)
class Parameters:
    """The parameters of an Elman network, or anything of their shapes: gradients, moments, bounds.

    One vector holds all numbers, and the five arrays are views of it, all of them read-only. An update
    makes a new value and replaces the old one, so that whatever still holds the old one (the tape of a
    forward pass, say) stays true. Copies and pickles are read-only, too.

    Parameters
    ----------
    w_x : array (H, I)
        Input to hidden.
    w_h : array (H, H)
        Hidden to hidden.
    b_h : array (H,)
        Hidden bias; PyTorch splits it into `bias_ih_l0 + bias_hh_l0`.
    w_y : array (O, H)
        Hidden to output.
    b_y : array (O,)
        Output bias. All five are copied.

    Attributes
    ----------
    flat : numpy.ndarray
        All P numbers: the five arrays row by row, one behind the other, in the order `w_x w_h b_h w_y b_y`.
        For what is done to each entry by itself, or to all of them.
    sizes : tuple of int
        I, H and O.

    Raises
    ------
    ValueError
        If a shape does not fit the others; the message names the array.
    TypeError
        If an array is not floating point (integers are not converted in silence), or if the dtypes
        differ.
    """

    w_x: Shaped[Array, "H I"]
    w_h: Shaped[Array, "H H"]
    b_h: Shaped[Array, "H"]
    w_y: Shaped[Array, "O H"]
    b_y: Shaped[Array, "O"]

    flat: Shaped[Array, "P"] = field(init=False)
    sizes: Sizes = field(init=False)

    def __post_init__(self) -> None:
        for name, value in self.items():
            check_kind(name, value, np.ndarray)
        arrays = dict(self.items())
        w_x, w_y = arrays["w_x"], arrays["w_y"]
        for name, value in arrays.items():
            check_dtype(name, value, w_x.dtype)
        if w_x.ndim != 2:
            raise ValueError(f"w_x: expected shape (hidden_size, input_size), got {w_x.shape}")
        if w_y.ndim != 2:
            raise ValueError(f"w_y: expected shape (output_size, hidden_size), got {w_y.shape}")
        sizes = (w_x.shape[1], w_x.shape[0], w_y.shape[0])
        for name, shape in shapes(*sizes).items():
            check_shape(name, arrays[name].shape, shape)
        self._hold(flatten(arrays.values()), sizes)

    def _hold(self, flat: Shaped[Array, "P"], sizes: Sizes) -> None:
        vars(self).clear()
        vars(self).update(flat=flat, sizes=sizes)

    if not TYPE_CHECKING:  # to mypy a name that is not there stays an error

        def __getattr__(self, name: str) -> Array:
            """Make the five views when one of them is asked for: of gradients and moments few are."""
            if name not in NAMES:
                raise AttributeError(f"Parameters has no {name!r}")
            views = {name: self.flat[place].reshape(shape) for name, place, shape in _places(*self.sizes)}
            vars(self).update(views)
            return views[name]

    def like(self, flat: Shaped[Array, "P"]) -> Parameters:
        """Return a value of the same shapes that holds `flat`.

        The vector is copied, unless it is read-only and owns its memory.

        Raises
        ------
        ValueError
            If the vector has another length.
        TypeError
            If it is not floating point.
        """
        return _from_flat(flat, self.sizes)

    def __reduce__(self) -> tuple[Callable[..., Parameters], tuple[Array, Sizes]]:
        """Say how to copy and to unpickle: NumPy forgets which arrays were views, and which read-only."""
        return _from_flat, (self.flat, self.sizes)

    @property
    def input_size(self) -> int:
        """I, the number of inputs."""
        return self.sizes[0]

    @property
    def hidden_size(self) -> int:
        """H, the number of hidden units."""
        return self.sizes[1]

    @property
    def output_size(self) -> int:
        """O, the number of outputs."""
        return self.sizes[2]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The one dtype of all five arrays."""
        return self.flat.dtype

    def items(self) -> Iterator[tuple[str, Array]]:
        """Name and array, in the order `w_x w_h b_h w_y b_y`."""
        return zip(NAMES, self, strict=True)

    def __iter__(self) -> Iterator[Array]:
        return iter((self.w_x, self.w_h, self.b_h, self.w_y, self.b_y))

    def map(self, function: Callable[..., Array], *others: Parameters) -> Parameters:
        """Apply `function` to each array, with the arrays of the same name in `others`."""
        return Parameters(*map(function, self, *others))

    def astype(self, dtype: DTypeLike) -> Parameters:
        """Return the same numbers in another dtype."""
        known = real_dtype(dtype, DTYPES)
        return self.map(lambda value: value.astype(known))

    def _repr_html_(self) -> str:
        """Show shape and range of each array, for notebooks."""
        rows = [
            (name, " x ".join(map(str, value.shape)), f"{np.min(value):.4g}", f"{np.max(value):.4g}")
            for name, value in self.items()
        ]
        return html_table(repr(self), ("array", "shape", "smallest", "largest"), rows)

    def __repr__(self) -> str:
        sizes = (
            f"input_size={self.input_size}, hidden_size={self.hidden_size}, output_size={self.output_size}"
        )
        return f"Parameters({sizes}, dtype={self.dtype})"


def _from_flat(flat: Shaped[Array, "P"], sizes: Sizes) -> Parameters:
    check_kind("flat", flat, np.ndarray)
    check_shape("flat", flat.shape, (_places(*sizes)[-1].place.stop,))
    check_dtype("flat", flat, flat.dtype)
    params = object.__new__(Parameters)  # without the five arrays, which come from the vector
    params._hold(frozen(flat), sizes)
    return params


def flatten(arrays: Iterable[Array]) -> Shaped[Array, "P"]:
    """Lay arrays row by row and one behind the other into a new vector, which is read-only."""
    return freeze(np.concatenate([array.ravel() for array in arrays]))


class Place(NamedTuple):
    """Where an array lies in the vector."""

    name: str
    place: slice
    shape: tuple[int, ...]


@lru_cache
def _places(input_size: int, hidden_size: int, output_size: int) -> tuple[Place, ...]:
    """Return the places of the five arrays, in their order."""
    by_name = shapes(input_size, hidden_size, output_size)
    borders = pairwise(accumulate(map(prod, by_name.values()), initial=0))
    return tuple(
        Place(name, slice(*border), shape)
        for (name, shape), border in zip(by_name.items(), borders, strict=True)
    )


def shapes(input_size: int, hidden_size: int, output_size: int) -> dict[str, tuple[int, ...]]:
    """Shape of each of the five arrays, by name."""
    return {
        "w_x": (hidden_size, input_size),
        "w_h": (hidden_size, hidden_size),
        "b_h": (hidden_size,),
        "w_y": (output_size, hidden_size),
        "b_y": (output_size,),
    }


def init_parameters(
    input_size: int,
    hidden_size: int,
    output_size: int,
    *,
    init: Init = "uniform",
    dtype: DTypeLike = np.float64,
    rng: Rng = None,
) -> Parameters:
    """Draw first values for the five arrays.

    Numbers are drawn in float64 and rounded, so that a float32 network starts beside its float64 twin.

    Parameters
    ----------
    input_size, hidden_size, output_size : int
        I, H and O, each 1 or more.
    init : {"uniform", "normal"}
        Uniform on +-1/sqrt(H), as `torch.nn.RNN` and, for the output layer's H inputs, `torch.nn.Linear`
        do (1.6); or standard normal, as the notebook does (1.7).
    dtype : float64 or float32
    rng : None, int or numpy.random.Generator
        A seed or a generator; the same seed gives the same bits. None draws a fresh seed.

    Raises
    ------
    ValueError
        If a size is below 1, no address could reach so many numbers, or `init` is unknown.
    TypeError
        If a size is not an integer or `dtype` is not float64 or float32.
    """
    input_size = check_count("input_size", input_size)
    hidden_size = check_count("hidden_size", hidden_size)
    output_size = check_count("output_size", output_size)
    wanted = shapes(input_size, hidden_size, output_size)
    if 8 * sum(map(prod, wanted.values())) > sys.maxsize:
        raise ValueError(
            "input_size, hidden_size, output_size: expected arrays that an address can reach, "
            f"got sizes {input_size}, {hidden_size}, {output_size}"
        )
    kind, generator = real_dtype(dtype), check_rng(rng)
    check_choice("init", init, ("uniform", "normal"))
    match init:
        case "uniform":
            # (1.6)
            bound = 1 / np.sqrt(hidden_size)
            arrays = [generator.uniform(-bound, bound, shape) for shape in wanted.values()]

        case "normal":
            # (1.7)
            arrays = [generator.standard_normal(shape) for shape in wanted.values()]

    return Parameters(*(array.astype(kind) for array in arrays))
