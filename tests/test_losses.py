"""The mean squared error refuses what broadcasting would hide."""

import re
from datetime import datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import elman_np as en
from elman_np.checking.bounds import Unit, mse_ball
from tests.support.strategies import dtypes, seeds

shapes = st.lists(st.integers(1, 5), min_size=1, max_size=3) | st.tuples(
    st.integers(1, 300), st.integers(1, 64), st.integers(1, 10)
)


@pytest.mark.eq("2.1", "2.2")
@given(shapes, dtypes, seeds, st.floats(-1, 1))
def test_loss_and_gradient_lie_within_their_bound(shape, dtype, seed, power):
    """The ball is computed from the definition, in longer arithmetic; errors from 1e-150 to 1e150."""
    scale = 10.0 ** (power * (150 if dtype == np.float64 else 16))
    y, target = (np.random.default_rng(seed).standard_normal((2, *shape)) * scale).astype(dtype)
    loss, dy = en.mse_loss(y, target)
    loss_ball, dy_ball = mse_ball(Unit.of(dtype).exact(y), target)
    assert abs(loss - loss_ball.mid) <= loss_ball.rad, f"the loss of {y.size} errors"
    assert np.all(np.abs(dy - dy_ball.mid) <= dy_ball.rad), f"dy of {y.size} errors"
    assert loss.dtype == dy.dtype == dtype


def test_a_target_that_would_broadcast_is_refused_with_the_reason():
    words = (
        "target: expected shape (5, 1) as y, got (5,); broadcasting would have compared every output with "
        "every target, as an array of shape (5, 5), whose mean is least where all outputs are the mean of "
        "the targets: reshape one of the two"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(words)}$"):
        en.mse_loss(np.zeros((5, 1)), np.zeros(5))


def test_other_bad_input_is_named():
    with pytest.raises(ValueError, match=r"target: expected shape \(5,\) as y, got \(4,\)$"):
        en.mse_loss(np.zeros(5), np.zeros(4))
    with pytest.raises(TypeError, match="target: expected dtype float64"):
        en.mse_loss(np.zeros(5), np.zeros(5, np.float32))
    with pytest.raises(TypeError, match="y: expected a floating-point array"):
        en.mse_loss(np.zeros(5, int), np.zeros(5, int))
    with pytest.raises(ValueError, match="y: expected at least one element"):
        en.mse_loss(np.zeros(0), np.zeros(0))


@pytest.mark.parametrize("dtypes", [("f4", "f8"), ("f8", "f4")])
def test_rmse_does_not_mix_dtypes(dtypes):
    y, target = (np.ones(3, dtype) for dtype in dtypes)
    with pytest.raises(TypeError, match=f"target: expected dtype {y.dtype} as the rest, got {target.dtype}"):
        en.rmse(y, target)


@pytest.mark.parametrize("name", ["y", "target"])
@pytest.mark.parametrize("wrong", [["a"], [1.0, np.nan], {1.0}])
def test_rmse_names_which_of_the_two_is_no_series(name, wrong):
    given = {"y": [1.0, 2.0], "target": [1.0, 2.0]}
    with pytest.raises((TypeError, ValueError), match=rf"^{name}: expected "):
        en.rmse(**given | {name: wrong})


def test_dates_with_a_time_zone_are_not_those_without_one():
    """What is compared of the first is UTC, and of the second what its clocks showed."""
    hours = [datetime(2024, 1, 1, n) for n in range(3)]
    bare = pl.DataFrame({"Date": hours, "x": [1.0, 2.0, 3.0]})
    zoned = bare.with_columns(pl.col("Date").dt.offset_by("1h").dt.replace_time_zone("Europe/Berlin"))
    assert en.rmse(bare, bare) == en.rmse(zoned, zoned) == 0
    with pytest.raises(ValueError, match=r"^target: expected dates without a time zone, as y has them$"):
        en.rmse(bare, zoned)
    with pytest.raises(ValueError, match=r"^target: expected dates with a time zone, as y has them$"):
        en.rmse(zoned, bare)
