"""What tanh and relu do to an error is bounded, and sharply."""

import numpy as np
import pytest
import torch
from hypothesis import given

from elman_np.checking.balls import Ball, Unit
from elman_np.checking.bounds import (
    TANH_ULPS,
    phi_ball,
)
from tests.support.rounding import (
    DTYPES,
    ROOM,
    ends_of,
    half_ulp,
    in_radii,
    simulated,
)
from tests.support.strategies import activations, dtypes, seeds


@pytest.mark.eq("8.9")
@pytest.mark.parametrize("dtype", DTYPES)
def test_tanh_of_both_libraries_is_good_to_four_units_in_the_last_place(dtype):
    rng = np.random.default_rng(0)
    a = np.concatenate([10.0 ** rng.uniform(-30, np.log10(20), 40_000), rng.uniform(0, 10, 40_000)])
    a = (a * rng.choice([-1, 1], a.size)).astype(dtype)
    exact = np.tanh(a.astype(Unit.of(dtype).long))
    ulp = np.spacing(np.abs(exact.astype(dtype)))
    for values in (np.tanh(a), torch.tanh(torch.tensor(a)).numpy()):
        assert np.max(np.abs(values - exact) / ulp) <= TANH_ULPS
    ball, _, _ = phi_ball(Unit.of(dtype).exact(a), "tanh")
    for values in (np.tanh(a), torch.tanh(torch.tensor(a)).numpy()):
        assert np.all(in_radii(values.astype(exact.dtype), ball) <= 1)


@pytest.mark.eq("8.7", "8.8", "8.9", "8.10", "8.11")
@given(activations, simulated, seeds)
def test_what_the_activation_does_to_an_error_is_bounded(activation, dtype, seed):
    rng, unit = np.random.default_rng(seed), Unit.of(dtype)
    mid = rng.uniform(-6, 6, 60) * rng.choice([1, 1e-3], 60)
    a = Ball(mid.astype(unit.long), (10.0 ** rng.uniform(-9, 0.7, 60)).astype(unit.long), unit)
    h, slope, own = phi_ball(a, activation)
    u = half_ulp(dtype)
    for value in ends_of(a):
        for sign in (-1, 1):
            if activation == "tanh":
                state = np.tanh(value) * (1 + sign * 2 * TANH_ULPS * u)
                steepness = (1 - state**2 * (1 - sign * u)) * (1 + sign * u)
            else:
                state = np.maximum(value, 0)
                steepness = (value > 0).astype(unit.long)
            assert np.all(in_radii(state, h) <= ROOM)
            assert np.all(in_radii(steepness, slope) <= ROOM)
            added = np.abs(state - h.mid - slope.mid * (value - a.mid))
            assert np.all(added <= own * (1 + 1e-4))


@pytest.mark.eq("8.7", "8.9")
@given(dtypes, seeds)
def test_the_radius_behind_tanh_is_sharp_for_small_errors(dtype, seed):
    rng, unit = np.random.default_rng(seed), Unit.of(dtype)
    a = Ball(rng.uniform(-2, 2, 60).astype(unit.long), np.full(60, 1e-3, unit.long), unit)
    h, _, _ = phi_ball(a, "tanh")
    worst = np.max([in_radii(np.tanh(value), h) for value in ends_of(a)], axis=0)
    assert np.all(worst > 0.98)


@pytest.mark.eq("8.8", "8.11")
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_certain_sign_gives_a_certain_slope(dtype):
    unit = Unit.of(dtype)
    a = Ball(np.array([-1, -1e-9, 0, 0, 1e-9, 1], unit.long), np.array([0.1, 1e-8, 0, 1e-8, 1e-8, 0.1]), unit)
    h, slope, _ = phi_ball(a, "relu")
    np.testing.assert_array_equal(slope.mid, [0, 0, 0, 0, 1, 1])
    np.testing.assert_array_equal(slope.rad, [0, 1, 0, 1, 1, 0])
    np.testing.assert_allclose(h.rad.astype(float), [0, 0.9e-8, 0, 1e-8, 1e-8, 0.1], rtol=1e-5)
