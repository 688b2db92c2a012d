"""What an array is here: its dtypes, read-only copies, and the checks of arguments that all else shares."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Rng: TypeAlias = int | np.random.Generator | None

REAL = (np.dtype(np.float64), np.dtype(np.float32))
# The complex step (chapter 4) sends complex parameters through the same functions.
DTYPES = (*REAL, np.dtype(np.complex128), np.dtype(np.complex64))


# What people pass, what is expected, and what makes one of it.
WAYS = {
    ("torch.Tensor", "numpy.ndarray"): "{}.numpy(force=True) is one",
    ("list", "numpy.ndarray"): "numpy.array({}, float) is one",
    ("tuple", "numpy.ndarray"): "numpy.array({}, float) is one",
    ("numpy.ndarray", "torch.Tensor"): "torch.as_tensor({}) is one",
    ("elman_np.ElmanRNN", "elman_torch.ElmanRNN"): "elman_torch.ElmanRNN.from_numpy({}) is one",
    ("dict", "elman_np.Parameters"): "elman_np.Parameters(**{}) is one",
    ("elman_np.ElmanRNN", "elman_np.Parameters"): "{}.params are",
    ("elman_np.model.ModelTape", "elman_np.Tape"): "model.backward takes it, and {}.bptt is one",
    ("elman_np.Tape", "elman_np.model.ModelTape"): "elman_np.backward takes it",
}


def check_kind(name: str, value: object, kind: type) -> None:
    """Raise TypeError unless `value` is a `kind`; the message says what would be one, if it is known."""
    if isinstance(value, kind) and not isinstance(value, np.ma.MaskedArray):  # nobody here sees its mask
        return
    got = spell_kind(value)
    way = WAYS.get((got, spell(kind)))
    if way is None and hasattr(value, "to_numpy"):
        way = "{}.to_numpy() is one"
    hint = "" if way is None else f"; {way.format(name)}"
    raise TypeError(f"{name}: expected {spell(kind)}, got {got}{hint}")


def spell_kind(value: object) -> str:
    """Say what `value` is an instance of, or that it is a class, or None."""
    if isinstance(value, type):
        return f"the class {spell(value)} itself"
    return "None" if value is None else spell(type(value))


def spell(kind: type) -> str:
    """Name a class as its package has it, or else with the public part of its module."""
    package = kind.__module__.partition(".")[0]
    if getattr(sys.modules.get(package), kind.__name__, None) is kind:
        return f"{package}.{kind.__name__}".removeprefix("builtins.")
    module = [part for part in kind.__module__.split(".") if not part.startswith("_")]
    return ".".join([*module, kind.__qualname__]).removeprefix("builtins.")


def check_shape(name: str, shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    """Raise ValueError unless the shape is exactly the expected one."""
    if tuple(shape) != expected:
        raise ValueError(f"{name}: expected shape {expected}, got {tuple(shape)}")


def check_array(name: str, value: Array, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    """Raise unless `value` is an array of this dtype and this shape."""
    check_kind(name, value, np.ndarray)
    check_dtype(name, value, dtype)
    check_shape(name, value.shape, shape)


def check_dtype(name: str, value: Array, expected: np.dtype[Any]) -> None:
    """Raise TypeError unless `value` is floating point and of the expected dtype."""
    if value.dtype not in DTYPES:
        raise TypeError(
            f"{name}: expected a floating-point array (float64 or float32), got {value.dtype}; "
            f"convert it yourself, for example {name}.astype(numpy.float64)"
        )
    if value.dtype != expected:
        raise TypeError(f"{name}: expected dtype {expected} as the rest, got {value.dtype}")


def check_count(name: str, value: int, least: int = 1) -> int:
    """Return an integer of at least `least` as one of Python, which no sum overflows, or raise."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name}: expected an integer, got {value!r}")
    if value < least:
        raise ValueError(f"{name}: expected {least} or more, got {value}")
    return int(value)


def check_number(name: str, value: float, expected: str, fits: Callable[[float], bool]) -> float:
    """Return a number that fits as one of Python, which leaves the dtype of arrays alone, or raise."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name}: expected {expected}, got {value!r}")
    try:
        number = float(value)
    except OverflowError:
        raise ValueError(f"{name}: expected {expected}, got an integer that no float can hold") from None
    if not fits(number):
        raise ValueError(f"{name}: expected {expected}, got {value}")
    return number


def check_flag(name: str, value: bool) -> None:
    """Raise TypeError unless `value` is True or False."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name}: expected True or False, got {value!r}")


def check_choice(name: str, value: str, choices: Iterable[str]) -> None:
    """Raise ValueError unless `value` is one of the choices."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name}: expected {' or '.join(map(repr, choices))}, got {value!r}")


def real_dtype(dtype: DTypeLike, known: Sequence[np.dtype[Any]] = REAL) -> np.dtype[Any]:
    """Return float64 or float32, or what else is known, or raise TypeError."""
    try:
        found: object = np.dtype(dtype)
    except (TypeError, ValueError):
        found = repr(dtype)
    if found not in known:
        raise TypeError(f"dtype: expected float64 or float32, got {found}")
    return np.dtype(dtype)


def check_rng(rng: Rng) -> np.random.Generator:
    """Return the generator that a seed makes, or the one that is given, or raise."""
    if rng is None or isinstance(rng, np.random.Generator):
        return np.random.default_rng(rng)
    expected = "None, a whole number of 0 or more, or a numpy.random.Generator"
    if isinstance(rng, bool | np.bool_) or not isinstance(rng, int | np.integer):
        raise TypeError(f"rng: expected {expected}, got {rng!r}")
    if rng < 0:
        raise ValueError(f"rng: expected {expected}, got {rng}")
    return np.random.default_rng(rng)


def freeze(array: Array) -> Array:
    """Make an array read-only that nobody else holds, and give it back: `Parameters` need not copy it."""
    array.setflags(write=False)
    return array


def frozen(value: Array) -> Array:
    """Return a read-only copy, or the array itself if it is read-only and owns its memory.

    A view that was taken while it could be written can write still; NumPy does not tell.
    """
    array = np.asarray(value)
    if array.flags.writeable or array.base is not None:
        array = freeze(array.copy())
    return array
