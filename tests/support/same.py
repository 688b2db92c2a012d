"""Tensors that must not differ by one bit: a failure's first line names the tensor and the place."""

import numpy as np


def difference(name, found, expected):
    """Say where two arrays differ; None if they do not. NaN equals NaN."""
    if found.shape != expected.shape:
        return f"{name} has shape {found.shape}, not {expected.shape}"
    as_found = expected.astype(found.dtype)
    wrong = np.argwhere((found != as_found) & ~(np.isnan(found) & np.isnan(as_found)))
    if not len(wrong):
        return None
    index = tuple(wrong[0].tolist())
    return f"{name}{list(index)} is {found[index]}, not {expected[index]}; {len(wrong)} differ"


def first_difference(ours, theirs):
    """Name the first tensor and place where two answers differ; None if they do not."""
    return next(filter(None, (difference(name, ours[name], value) for name, value in theirs.items())), None)


def assert_same(ours, theirs):
    """Raise unless all that `theirs` names is the same."""
    wrong = first_difference(ours, theirs)
    assert not wrong, wrong
