"""Options seen at work: called with two values of an option, a function answers as its docstring says.

Each test that observes options says which, so that `test_options.py` can compare what is observed with what
the signatures and the parsers have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from reprlib import repr as short
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

import elman_np as en

OBSERVED: dict[str, set[str]] = {}
"""Options that tests observe, by the name of what has them."""


def observes(owner: str, options: str) -> Callable[[Any], Any]:
    """Mark a test that observes `options`, names apart by spaces, of the function or command `owner`."""
    OBSERVED.setdefault(owner, set()).update(options.split())
    return lambda test: test


class Observation(NamedTuple):
    """A call, another value for each of its options, and a second way to its answer."""

    owner: str
    call: Callable[..., Any]
    base: dict[str, Any]
    other: dict[str, Any]
    second: Callable[..., Any] | None
    """None where the answer is proven elsewhere, and only the difference is looked at here."""
    roundings: float
    """How many units of rounding, of the largest number, may be between the two ways."""


def observed(
    owner: str,
    call: Callable[..., Any],
    base: Mapping[str, Any],
    other: Mapping[str, Any],
    second: Callable[..., Any] | None = None,
    roundings: float = 0,
) -> list[Any]:
    """Register the options in `other`; return a parameter of `check`'s test for each of them."""
    observes(owner, " ".join(other))
    one = Observation(owner, call, dict(base), dict(other), second, roundings)
    return [pytest.param(one, option, id=f"{owner}({option})") for option in other]


def check(one: Observation, option: str) -> None:
    """Raise unless both values of the option give what they should, and not the same."""
    changed = one.base | {option: one.other[option]}
    answers = [one.call(**arguments) for arguments in (one.base, changed)]
    if one.second is not None:
        for arguments, answer in zip((one.base, changed), answers, strict=True):
            expected = one.second(**arguments)
            assert same(answer, expected, one.roundings), (
                f"{one.owner}({option}={short(arguments.get(option))}): "
                f"expected {short(expected)}, got {short(answer)}"
            )
    assert not same(*answers, one.roundings), (
        f"{one.owner}: {option} makes no difference: "
        f"{short(one.base.get(option))} and {short(one.other[option])}"
    )


def same(a: object, b: object, roundings: float = 0) -> bool:
    """Whether two answers are equal, dtypes and shapes too; numbers to so many units of the largest."""
    a, b = plain(a), plain(b)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(p, q, roundings) for p, q in zip(a, b, strict=True))
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        if a.shape != b.shape or a.dtype != b.dtype:
            return False
        if roundings and a.dtype.kind == "f" and np.isfinite(a).all() and np.isfinite(b).all():
            unit = np.finfo(a.dtype).eps / 2
            return bool(np.all(np.abs(a - b) <= roundings * unit * np.max(np.abs(b), initial=0)))
        return bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))
    return type(a) is type(b) and a == b


def plain(value: Any) -> Any:
    """Turn parameters, tensors, records and numbers into lists and arrays."""
    match value:
        case torch.Tensor():
            return value.detach().cpu().numpy()
        case float() | np.floating():
            return np.asarray(value)
        case en.Parameters() | list() | tuple():
            return list(value)
        case dict():
            return [list(value), list(value.values())]
    return value
