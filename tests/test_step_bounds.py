"""One step from its own state and gradient, a right program is within one step's rounding."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import elman_np as en
import elman_torch as et
from elman_np.checking.balls import Unit
from elman_np.checking.bounds import rule_of
from elman_np.checking.one_step import _judge
from elman_np.checking.problems import network_cases, numpy_solution
from elman_np.checking.step_bounds import known_slope, residuals, rounded_square, step_balls
from elman_np.recurrence import Recurrence
from tests.support.rounding import (
    DTYPES,
    amplifying,
    balls_of,
    half_ulp,
    in_radii,
    own_tensors,
    problem_of,
)
from tests.support.strategies import activations, dtypes, parameters, seeds


@pytest.mark.eq("8.18", "8.19")
@pytest.mark.parametrize("kind", ["exploding", "chaotic"])
@given(dtypes, seeds)
def test_one_step_from_its_own_state_a_program_is_within_one_steps_rounding(kind, dtype, seed):
    params, x, h_0, dy, dh_n, activation = amplifying(kind, dtype, seed, steps=25)
    for own in own_tensors(params, x, h_0, dy, dh_n, activation):
        found = residuals(params, x, h_0, dy, own, Recurrence(activation), dh_n)
        assert found.keys() == own.keys()
        assert max(found.values()) <= 1, found


def test_that_holds_where_the_whole_problem_can_no_longer_be_judged():
    """Chaos doubles an error until it fills the ball; growth alone does so only without signs."""
    for kind, kept, judged in (
        ("exploding", 0, False),
        ("exploding", 2**18, True),
        ("chaotic", 2**18, False),
    ):
        params, *problem, activation = amplifying(kind, np.dtype(np.float32), 3)
        dx = balls_of(params, *problem, activation, kept)["x"]
        assert (dx.rad.max() < 1e-2 * np.abs(dx.mid).max()) == judged
    x, h_0, dy, dh_n = problem
    for own in own_tensors(params, *problem, activation):
        found = residuals(params, x, h_0, dy, own, Recurrence(activation), dh_n)
        assert max(found.values()) <= 1


@pytest.mark.eq("8.18", "8.19")
@given(parameters(), activations, seeds, st.integers(0, 6))
def test_ordinary_problems_pass_one_step_at_a_time_too(params, activation, seed, steps):
    problem = problem_of(params, steps, 2, np.random.default_rng(seed))
    x, h_0, dy, dh_n = problem
    for own in own_tensors(params, *problem, activation):
        found = residuals(params, x, h_0, dy, own, Recurrence(activation), dh_n)
        assert max(found.values()) <= 1, found


@pytest.mark.eq("8.18", "8.19")
@pytest.mark.parametrize("name", ["h", "da", "y", "dx", "dh_0", "dw_x", "dw_h", "db_h", "dw_y", "db_y"])
@pytest.mark.parametrize("kind", ["exploding", "chaotic"])
def test_a_hundred_thousandth_too_much_at_one_place_is_noticed(name, kind):
    params, x, h_0, dy, dh_n, activation = amplifying(kind, np.dtype(np.float64), 5)
    own, _ = own_tensors(params, x, h_0, dy, dh_n, activation)
    own[name] = own[name].copy()
    place = np.unravel_index(np.argmax(np.abs(own[name])), own[name].shape)
    own[name][place] *= 1 + 1e-5
    found = residuals(params, x, h_0, dy, own, Recurrence(activation), dh_n)
    assert found[name] > 1
    assert name in ("h", "da") or [key for key, value in found.items() if value > 1] == [name]


def test_what_is_exact_is_no_distance_away_and_no_gradient_of_the_last_state_is_zeros():
    params, x, h_0, dy, dh_n, activation = amplifying("chaotic", np.dtype(np.float64), 5, steps=4)
    own, _ = own_tensors(params, x, h_0, dy, 0 * dh_n, activation)
    own["h_n"] = own["h"][-1]
    found = residuals(params, x, h_0, dy, own, Recurrence(activation))
    assert found == residuals(params, x, h_0, dy, own, Recurrence(activation), 0 * dh_n)
    assert found["h_n"] == 0
    assert 0 < max(found.values()) < 1


def test_what_is_not_a_number_is_infinitely_far():
    params, x, h_0, dy, dh_n, activation = amplifying("chaotic", np.dtype(np.float64), 5, steps=4)
    own, _ = own_tensors(params, x, h_0, dy, dh_n, activation)
    own["y"] = own["y"] * np.nan
    assert residuals(params, x, h_0, dy, own, Recurrence(activation), dh_n)["y"] == np.inf


@pytest.mark.eq("8.19b")
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_slope_of_a_known_state_is_known_even_where_tanh_is_flat(dtype):
    """States from the middle to the last few below 1, in the forms that take the slope from h alone."""
    unit, near = Unit.of(dtype), np.arange(1, 500) * half_ulp(dtype)
    h = np.concatenate([np.linspace(0, 0.999, 300), 1 - near, near - 1, [1, -1, 0]]).astype(dtype)
    ball, wide = known_slope(h, "tanh"), rule_of("tanh").slope(unit.exact(h), unit.exact(h))
    fused = (1 - h.astype(unit.long) ** 2).astype(dtype)
    for slope in (1 - h * h, (1 - h) * (1 + h), fused):
        assert np.all(in_radii(slope.astype(unit.long), ball) <= 1)
    part = np.where(ball.mid > 0, ball.rad / np.where(ball.mid > 0, ball.mid, 1), ball.rad)
    assert np.all(ball.rad <= wide.rad)
    lost = np.abs(h.astype(unit.long) ** 2 - (h * h))
    meant = (lost + 3 * unit.u * np.abs(ball.mid)).astype(float)
    np.testing.assert_allclose(ball.rad, meant, rtol=0.01, atol=2.0**-62)  # the middle is rounded, too
    assert np.max(part) < 1e-3
    assert ball.rad[np.abs(h) == 1].max() == 0
    assert np.max(wide.rad[ball.mid > 0] / ball.mid[ball.mid > 0]) > 0.2


@pytest.mark.eq("8.19c")
@given(st.floats(-1, 1), st.integers(0, 60))
def test_what_a_square_loses_is_known_exactly(h, power):
    for dtype in DTYPES:
        value = np.asarray(h * 2.0**-power, dtype)
        square, lost = rounded_square(value)
        if abs(value) > 2**-400:
            assert Fraction(float(value)) ** 2 == Fraction(float(square)) + Fraction(float(lost))


@pytest.mark.eq("8.19b")
@pytest.mark.parametrize("dtype", DTYPES)
def test_saturated_networks_are_decided_one_step_at_a_time(dtype):
    """Raw dollars under tanh: all that is left of a slope is rounding, and still two programs agree."""
    x = np.full((6, 2, 1), 40.0, dtype)
    params = en.init_parameters(1, 5, 1, dtype=dtype, rng=0).map(lambda p: p * p.dtype.type(0.6))
    comparison = et.compare(en.ElmanRNN.from_params(params), x, dy=np.ones_like(x))
    assert comparison.verdict == "agrees"


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("share", "right"), [(0.9, True), (1.5, True), (2.4, True), (None, False)])
def test_a_program_whose_slope_is_of_another_form_is_judged_by_the_wider_ball(dtype, share, right):
    """Off by so many radii of the form that is known, and within that of any form; or beyond both."""
    case = network_cases(np.dtype(dtype))[18]
    found = numpy_solution(case)
    dh_n = np.zeros_like(case.h_0) if case.dh_n is None else case.dh_n
    own = found.steps["h"], found.steps["da"], found.steps["dy"]
    balls = step_balls(case.model.params, case.x, case.h_0, case.model.recurrence, dh_n, *own)
    known, widest = balls["da"], balls["da, any form"]
    ratio = widest.rad[0] / known.rad[0]
    place = np.unravel_index(int(np.argmax(ratio)), ratio.shape)
    assert ratio[place] > 2.5
    da = own[1].copy()
    radius = known.rad[0][place] if share else widest.rad[0][place]
    da[0][place] = known.mid[0][place] + (share or 1.5) * radius
    judged = dict(_judge(case, found._replace(steps=found.steps | {"da": da})))
    assert (judged["da"][0] <= 1) == right


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_program_is_held_to_the_upstream_gradient_that_it_was_given(dtype):
    """One that goes on with another is not right for being consistent."""
    case = next(case for case in network_cases(np.dtype(dtype)) if case.dy is not None and case.dy.any())
    found = numpy_solution(case)
    assert dict(_judge(case, found))["dy"][0] == 0
    other = found._replace(steps=found.steps | {"dy": found.steps["dy"] * dtype(2)})
    assert dict(_judge(case, other))["dy"][0] > 1
