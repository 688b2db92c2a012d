"""The five arrays of an Elman network, as one immutable value.

The rest of the network takes its parameters from here. `docs/cell.md` introduces the names and the shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from elman_np.arrays import REAL, Array, Rng, check_count, check_dtype, check_shape, frozen

if TYPE_CHECKING:
    from jaxtyping import Shaped
    from numpy.typing import DTypeLike

Init: TypeAlias = Literal["uniform", "normal"]

NAMES = ("w_x", "w_h", "b_h", "w_y", "b_y")


@dataclass(frozen=True, eq=False)
class Parameters:
    """The parameters of an Elman network, or anything of their shapes: gradients, moments, bounds.

    The arrays are read-only. An update makes a new value and replaces the old one, so that whatever
    still holds the old one (the tape of a forward pass, say) stays true.

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
        Output bias.

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

    def __post_init__(self) -> None:
        for name, value in self.items():
            own = frozen(value)
            object.__setattr__(self, name, own)
            check_dtype(name, own, self.dtype)
        if self.w_x.ndim != 2:
            raise ValueError(f"w_x: expected shape (hidden_size, input_size), got {self.w_x.shape}")
        if self.w_y.ndim != 2:
            raise ValueError(f"w_y: expected shape (output_size, hidden_size), got {self.w_y.shape}")
        expected = shapes(self.input_size, self.hidden_size, self.output_size)
        for (name, value), shape in zip(self.items(), expected.values(), strict=True):
            check_shape(name, value.shape, shape)

    @property
    def input_size(self) -> int:
        """I, the number of inputs."""
        return int(self.w_x.shape[1])

    @property
    def hidden_size(self) -> int:
        """H, the number of hidden units."""
        return int(self.w_x.shape[0])

    @property
    def output_size(self) -> int:
        """O, the number of outputs."""
        return int(self.w_y.shape[0])

    @property
    def dtype(self) -> np.dtype[Any]:
        """The one dtype of all five arrays."""
        return self.w_x.dtype

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
        return self.map(lambda value: value.astype(dtype))

    def __repr__(self) -> str:
        sizes = (
            f"input_size={self.input_size}, hidden_size={self.hidden_size}, output_size={self.output_size}"
        )
        return f"Parameters({sizes}, dtype={self.dtype})"


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
        If a size is below 1 or `init` is unknown.
    TypeError
        If a size is not an integer or `dtype` is not float64 or float32.
    """
    for name, size in {
        "input_size": input_size,
        "hidden_size": hidden_size,
        "output_size": output_size,
    }.items():
        check_count(name, size)
    kind = np.dtype(dtype)
    if kind not in REAL:
        raise TypeError(f"dtype: expected float64 or float32, got {kind}")
    generator = np.random.default_rng(rng)
    match init:
        case "uniform":
            # (1.6)
            bound = 1 / np.sqrt(hidden_size)
            arrays = [
                generator.uniform(-bound, bound, shape)
                for shape in shapes(input_size, hidden_size, output_size).values()
            ]

        case "normal":
            # (1.7)
            arrays = [
                generator.standard_normal(shape)
                for shape in shapes(input_size, hidden_size, output_size).values()
            ]

        case _:
            raise ValueError(f"init: expected 'uniform' or 'normal', got {init!r}")
    return Parameters(*(array.astype(kind) for array in arrays))
