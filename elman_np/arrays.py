"""What an array is here: its dtypes, read-only copies, and the checks of arguments that all else shares."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Rng: TypeAlias = int | np.random.Generator | None

REAL = (np.dtype(np.float64), np.dtype(np.float32))
# The complex step (chapter 4) sends complex parameters through the same functions.
DTYPES = (*REAL, np.dtype(np.complex128), np.dtype(np.complex64))


def check_kind(name: str, value: object, kind: type) -> None:
    """Raise TypeError unless `value` is a `kind`."""
    if isinstance(value, kind):
        return
    if isinstance(value, type):
        got = f"the class {spell(value)} itself"
    else:
        got = "None" if value is None else spell(type(value))
    raise TypeError(f"{name}: expected {spell(kind)}, got {got}")


def spell(kind: type) -> str:
    """Name a class with the public part of its module."""
    module = [part for part in kind.__module__.split(".") if not part.startswith("_")]
    return ".".join([*module, kind.__qualname__]).removeprefix("builtins.")


def check_shape(name: str, shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    """Raise ValueError unless the shape is exactly the expected one."""
    if tuple(shape) != expected:
        raise ValueError(f"{name}: expected shape {expected}, got {tuple(shape)}")


def check_dtype(name: str, value: Array, expected: np.dtype[Any]) -> None:
    """Raise TypeError unless `value` is floating point and of the expected dtype."""
    if value.dtype not in DTYPES:
        raise TypeError(
            f"{name}: expected a floating-point array (float64 or float32), got {value.dtype}; "
            f"convert it yourself, for example {name}.astype(numpy.float64)"
        )
    if value.dtype != expected:
        raise TypeError(f"{name}: expected dtype {expected} as the rest, got {value.dtype}")


def check_count(name: str, value: int, least: int = 1) -> None:
    """Raise unless `value` is an integer of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name}: expected an integer, got {value!r}")
    if value < least:
        raise ValueError(f"{name}: expected {least} or more, got {value}")


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
