"""A ball of one operation, and of a sum in any order, is never too small and seldom too large."""

import math

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from elman_np.checking.balls import GROWTH, Ball, Unit, count, dot, hull, join, stack
from tests.support.rounding import (
    DTYPES,
    ROOM,
    corners,
    fused,
    half_ulp,
    in_halves,
    in_radii,
    one_after_the_other,
    simulated,
    some_balls,
)
from tests.support.strategies import dtypes, seeds


@pytest.mark.eq("8.1")
@given(dtypes, st.integers(1, 100_000))
def test_n_roundings_are_within_gamma_n(dtype, n):
    """All of them in one direction, or divided out: the two worst cases, in exact arithmetic."""
    unit, u = Unit.of(dtype), mpmath.mpf(half_ulp(dtype))
    bound = mpmath.mpf(float(unit.rounding(np.ones((), unit.long), n))) * (1 + mpmath.mpf(2) ** -40)
    for error in ((1 + u) ** n - 1, 1 - (1 - u) ** n, (1 - u) ** -n - 1):
        assert error <= bound
    assert bound <= n * u * 1.01 / (1 - n * u) + n * mpmath.mpf(unit.tiny) or dtype == np.float64
    assert unit.rounding(np.zeros((), unit.long), n) == 0


@pytest.mark.eq("8.1")
@given(dtypes, seeds)
def test_products_too_small_for_a_relative_error_are_within_the_absolute_one(dtype, seed):
    rng, unit = np.random.default_rng(seed), Unit.of(dtype)
    least = np.finfo(dtype).smallest_subnormal
    a, b = (np.sqrt(least) * 10.0 ** rng.uniform(-2, 2, (2, 50))).astype(dtype)
    ball = unit.exact(a) * unit.exact(b)
    assert np.all(np.abs((a * b).astype(unit.long) - ball.mid) <= ball.rad)


@pytest.mark.eq("8.2", "8.3", "8.4", "8.5")
@pytest.mark.parametrize("operation", ["+", "-", "*", "/", "sqrt"])
@given(simulated, seeds)
def test_the_ball_of_one_operation_is_the_smallest(operation, dtype, seed):
    """At the worst corner, and rounded in the worse direction, a program is just inside."""
    rng, unit = np.random.default_rng(seed), Unit.of(dtype)
    a = some_balls(rng, unit, 20, positive=operation == "sqrt")
    b = some_balls(rng, unit, 20)
    compute = {
        "+": lambda a, b: a + b,
        "-": lambda a, b: a - b,
        "*": lambda a, b: a * b,
        "/": lambda a, b: a / b,
        "sqrt": lambda a, _: a.sqrt() if isinstance(a, Ball) else np.sqrt(a),
    }[operation]
    u = half_ulp(dtype) * (2 if operation == "sqrt" else 1)
    ball = compute(a, b)
    values = [compute(*ends) * (1 + sign * u) for ends in corners(a, b) for sign in (-1, 1)]
    worst = np.max([in_radii(value, ball) for value in values], axis=0)
    assert np.all(worst <= ROOM)
    assert np.all(worst >= 0.99)


@pytest.mark.eq("8.2", "8.3", "8.4", "8.5")
@given(dtypes, seeds)
def test_numpy_and_torch_land_in_the_ball_of_one_operation(dtype, seed):
    rng, unit = np.random.default_rng(seed), Unit.of(dtype)
    a, b = (rng.standard_normal((2, 50)) * 10.0 ** rng.uniform(-9, 9, (2, 50))).astype(dtype)
    x, y = unit.exact(a), unit.exact(b)
    balls = [x + y, x - y, x * y, x / y, unit.exact(np.abs(a)).sqrt(), x * 0.1, x + 0.1]
    ours = [a + b, a - b, a * b, a / b, np.sqrt(np.abs(a)), a * 0.1, a + 0.1]
    s, t = torch.tensor(a), torch.tensor(b)
    theirs = [s + t, s - t, s * t, s / t, s.abs().sqrt(), s * 0.1, s + 0.1]
    for ball, left, right in zip(balls, ours, theirs, strict=True):
        assert np.all(in_radii(left.astype(unit.long), ball) <= 1)
        assert np.all(in_radii(right.numpy().astype(unit.long), ball) <= 1)


@given(dtypes, seeds)
def test_the_ball_of_a_maximum_holds_that_of_any_two_values(dtype, seed):
    """Nearly equal ones too, of which either may turn out to be the larger."""
    rng, unit = np.random.default_rng(seed), Unit.of(dtype)
    a, away = some_balls(rng, unit, 20), rng.standard_normal(20)
    b = Ball(a.mid + away * a.rad, a.rad * 10.0 ** rng.uniform(-2, 2, 20), unit)
    for one, other in ((a, b), (b, a), (a, some_balls(rng, unit, 20))):
        ball = one.maximum(other)
        for ends in corners(one, other):
            assert np.all(in_radii(np.maximum(*ends), ball) <= ROOM)
        np.testing.assert_array_equal(ball.mid, np.maximum(one.mid, other.mid))
        assert np.all(ball.rad <= np.maximum(one.rad, other.rad))


@pytest.mark.eq("8.4", "8.5")
def test_division_by_what_may_be_zero_is_unbounded_and_a_root_of_it_is_not():
    unit = Unit.of(np.float32)
    near_zero = Ball(np.array([1e-9]), np.array([1e-8]), unit)
    assert (unit.exact(np.ones(1)) / near_zero).rad == np.inf
    assert 0.9e-4 < near_zero.sqrt().rad.item() < 1.1e-4


@pytest.mark.eq("8.6")
@given(dtypes, seeds, st.integers(1, 60))
def test_a_dot_product_in_any_order_is_in_its_ball(dtype, seed, length):
    rng, unit = np.random.default_rng(seed), Unit.of(dtype)
    a, b = (rng.standard_normal((2, length)) * 10.0 ** rng.uniform(-2, 2, (2, length))).astype(dtype)
    ball = dot([(unit.exact(a[None]), unit.exact(b[:, None]))])[0, 0]
    mixed = rng.permutation(length)
    block = max(length // 4, 1)
    found = [
        one_after_the_other(a * b),
        one_after_the_other((a * b)[::-1]),
        one_after_the_other((a * b)[mixed]),
        in_halves(a * b),
        in_halves((a * b)[mixed]),
        one_after_the_other(
            np.array([fused(a[i : i + block], b[i : i + block]) for i in range(0, length, block)])
        ),
        fused(a, b),
        dtype.type(math.fsum((a * b).tolist())),
        a @ b,
        (torch.tensor(a) @ torch.tensor(b)).numpy(),
        np.einsum("i,i", a, b),
    ]
    for value in found:
        assert in_radii(unit.long.type(value), ball) <= 1


@pytest.mark.eq("8.1", "8.6")
@pytest.mark.parametrize("length", [1, 30, 3000])
@pytest.mark.parametrize("dtype", DTYPES)
def test_each_product_of_a_sum_may_lose_all_that_it_is(dtype, length):
    """Products just below half of the smallest number, of one sign: the sum is 0, and truly that many."""
    unit, least = Unit.of(dtype), np.finfo(dtype).smallest_subnormal
    a, b = np.full((1, length), least), np.full((length, 1), dtype.type(0.49))
    ball = dot([(unit.exact(a), unit.exact(b))])
    for value in (one_after_the_other(a[0] * b[:, 0]), (a @ b).item()):
        assert value == 0
        assert np.all(in_radii(unit.long.type(value), ball) <= 1)
    assert np.all(ball.rad <= 20 * length * least)


@pytest.mark.eq("8.6")
@given(simulated, seeds, st.integers(1, 6), st.integers(1, 3))
def test_a_sum_of_products_of_balls_is_the_smallest(dtype, seed, length, addends):
    """Every operand at its worst end, all of n roundings in the worse direction."""
    rng, unit = np.random.default_rng(seed), Unit.of(dtype)
    a, b = some_balls(rng, unit, (1, length)), some_balls(rng, unit, (length, 1))
    plus = [some_balls(rng, unit, (1, 1)) for _ in range(addends)]
    a, b = (Ball(np.abs(z.mid), z.rad, unit) for z in (a, b))
    plus = [Ball(np.abs(z.mid), z.rad, unit) for z in plus]
    ball = dot([(a, b)], plus)
    highest = a.mag @ b.mag + sum(z.mag for z in plus)
    n, u = length + addends, half_ulp(dtype)
    assert 0.99 <= in_radii(highest * (1 + unit.long.type(u)) ** n, ball).item() <= ROOM


def test_parts_and_shapes_of_a_ball_keep_all_four_of_its_arrays():
    """Of a sum, the sum of its terms, too: what has cancelled still has where it is cut or turned."""
    unit = Unit.of(np.float64)
    mid, rad, summed = np.arange(18.0).reshape(3, 2, 3)
    whole = Ball(mid.astype(unit.long), rad, unit, summed)
    for part, cut in (
        (whole[1], lambda z: z[1]),
        (whole[:, 1:], lambda z: z[:, 1:]),
        (whole[None], lambda z: z[None]),
        (whole.reshape(6), lambda z: z.reshape(6)),
        (whole.T, lambda z: z.T),
    ):
        for ours, expected in zip(
            (part.mid, part.rad, part.terms), map(cut, (mid, rad, summed)), strict=True
        ):
            np.testing.assert_array_equal(ours, expected)
        assert part.unit is unit
    np.testing.assert_array_equal(whole.middle.rad, np.zeros((2, 3)))


def test_balls_are_stacked_joined_and_held_by_one():
    unit = Unit.of(np.float64)
    one, other = (
        Ball(np.array(mid, unit.long), np.array(rad), unit)
        for mid, rad in (([1.0, 5.0], [0.5, 0.25]), ([3.0, 4.0], [0.125, 2.0]))
    )
    stacked, joined = stack([one, other], one), join([one, other], 0)
    np.testing.assert_array_equal(stacked.mid, [[1, 5], [3, 4]])
    np.testing.assert_array_equal(stacked.rad, [[0.5, 0.25], [0.125, 2]])
    np.testing.assert_array_equal(joined.mid, [1, 5, 3, 4])
    np.testing.assert_array_equal(joined.rad, [0.5, 0.25, 0.125, 2])
    none = stack([], one)
    assert none.mid.shape == none.rad.shape == (0, 2)
    held = hull([one, other])
    np.testing.assert_array_equal(held.mid, one.mid)
    np.testing.assert_array_equal(held.rad, np.array([2.125, 3.0]) * GROWTH)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_rounding_where_it_is_largest_smallest_and_unbounded(dtype):
    unit, info = Unit.of(dtype), np.finfo(dtype)
    assert (unit.tiny, unit.largest) == (4 * float(info.smallest_subnormal), float(info.max) / 2)
    magnitudes = np.array([0, info.smallest_subnormal, unit.largest, 1.5 * unit.largest], unit.long)
    none, one = unit.rounding(magnitudes, 0), unit.rounding(magnitudes, 1)
    np.testing.assert_array_equal(none, [0, 0, 0, np.inf])
    assert one[0] == 0
    assert one[1] >= unit.tiny
    assert np.all(one[2:] == np.inf)
    almost = int(0.9 / unit.u)
    assert 8 < unit.rounding(np.ones((), unit.long), almost) < 10
    for n in (math.ceil(1 / unit.u), int(1.5 / unit.u), int(3 / unit.u)):
        assert unit.rounding(np.ones((), unit.long), n) == np.inf


def test_what_is_no_dtype_of_a_network_is_named():
    with pytest.raises(TypeError, match=r"^dtype: expected float32 or float64, got float16$"):
        Unit.of(np.float16)


def test_a_sum_knows_its_terms_and_its_roundings():
    unit = Unit.of(np.float64)
    row, column = unit.exact([[3.0, -2.0, 1.0]]), unit.exact([[1.0], [1.5], [-1.0]])
    whole = dot([(row, column)], [unit.exact([5.0])])
    assert (float(whole.mid[0, 0]), whole.terms[0, 0]) == (4.0, 12.0)
    assert (count([(row, column)]), count([(row, column)], [row, row], more=2)) == (3, 7)


@pytest.mark.eq("8.1", "8.6")
@pytest.mark.parametrize("length", [1_000, 10_000, 100_000, 1_000_000])
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_radius_of_a_sum_grows_with_its_terms_at_every_length(dtype, length):
    """n u / (1 - n u) of the sum of absolute terms, for n roundings."""
    unit = Unit.of(dtype)
    ones = unit.exact(np.ones((1, length), dtype))
    ball = dot([(ones, Ball(*(z.T for z in (ones.mid, ones.rad)), unit))])
    n = length * float(unit.u)
    assert float(ball.rad[0, 0]) == pytest.approx(length * n / (1 - n), rel=0.01)
