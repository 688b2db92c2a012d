"""The bound is never below what a program can do wrong by rounding alone, and seldom far above it."""

import itertools
import math

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import elman_np as en
import elman_torch as et
from elman_np.checking.balls import Ball, Unit, dot
from elman_np.checking.bounds import (
    TANH_ULPS,
    AdamBall,
    Chain,
    _correction,
    adam_ball,
    backward_ball,
    forward_ball,
    mse_ball,
    phi_ball,
    residuals,
)
from elman_np.checking.problems import ball_tensors, numpy_tensors
from elman_torch.parity import torch_tensors
from elman_torch.training import torch_adam
from tests.support.strategies import activations, cases, dtypes, parameters, seeds

DTYPES = [np.dtype(np.float64), np.dtype(np.float32)]
KEPT = [0, 40, 100, 2**18]  # entries of signed products: none, a step or a few, all
mpmath.mp.dps = 50

# The worst program is simulated in the longer arithmetic, whose own rounding is 1/2048 of what it simulates.
ROOM = 1.004
longer = np.finfo(np.longdouble).eps < np.finfo(np.float64).eps
simulated = st.sampled_from(DTYPES if longer else DTYPES[1:])


def half_ulp(dtype):
    return float(np.finfo(dtype).eps) / 2


def some_balls(rng, unit, shape, *, positive=False):
    """Draw values of many sizes, each with a radius from nothing to a third of it."""
    mid = rng.standard_normal(shape) * 10.0 ** rng.uniform(-3, 3, shape)
    mid = np.abs(mid) if positive else mid
    rad = np.abs(mid) * 10.0 ** rng.uniform(-12, -0.5, shape) * rng.integers(0, 2, shape)
    return Ball(mid.astype(unit.long), rad.astype(unit.long), unit)


def corners(*balls):
    """Every choice of the lower or the upper end of each ball."""
    return itertools.product(*((ball.mid - ball.rad, ball.mid + ball.rad) for ball in balls))


def in_radii(value, ball):
    """Distance from the middle in radii; 0 where there is none."""
    distance = np.abs(value - ball.mid)
    return np.where(
        distance == 0, 0, distance / np.where(ball.rad > 0, ball.rad, np.finfo(ball.unit.long).tiny)
    )


# ---------------------------------------------------------------- one operation


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
    assert np.all(in_radii((a * b).astype(unit.long), ball) <= 1)


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


@pytest.mark.eq("8.4", "8.5")
def test_division_by_what_may_be_zero_is_unbounded_and_a_root_of_it_is_not():
    unit = Unit.of(np.float32)
    near_zero = Ball(np.array([1e-9]), np.array([1e-8]), unit)
    assert (unit.exact(np.ones(1)) / near_zero).rad == np.inf
    assert 0.9e-4 < near_zero.sqrt().rad.item() < 1.1e-4


# ---------------------------------------------------------------- a sum


def one_after_the_other(products):
    total = products.dtype.type(0)
    for value in products:
        total = total + value
    return total


def in_halves(products):
    half = len(products) // 2
    return products[0] if half == 0 else in_halves(products[:half]) + in_halves(products[half:])


def fused(a, b):
    """Multiply and add, with one rounding where the longer arithmetic holds the product exactly."""
    total = a.dtype.type(0)
    long = Unit.of(a.dtype).long
    for x, y in zip(a.astype(long), b.astype(long), strict=True):
        total = (x * y + long.type(total)).astype(a.dtype)
    return total


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


# ---------------------------------------------------------------- the activation


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


def ends_of(a):
    return [a.mid + share * a.rad for share in (-1, -0.7, -0.2, 0, 0.3, 0.9, 1)]


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


# ---------------------------------------------------------------- whole problems


@given(cases(max_steps=20))
def test_both_libraries_are_within_one_radius_of_the_middle(case):
    problem = (case.model, case.x, case.h_0, case.target, case.dy, case.dh_n)
    ours = numpy_tensors(*problem)
    theirs = torch_tensors(et.ElmanRNN.from_numpy(case.model), *problem[1:])
    for name, ball in ball_tensors(*problem).items():
        assert np.all(in_radii(ours[name].astype(ball.unit.long), ball) <= 1), name
        assert np.all(in_radii(theirs[name].astype(ball.unit.long), ball) <= 1), name


def adversary(params, x, h_0, dy, dh_n, activation, direction):
    """Run a program that makes, at every place, the largest error that rounding allows.

    `direction(shape)` gives the signs. It computes in the longer arithmetic.
    """
    unit = Unit.of(params.dtype)
    u = half_ulp(params.dtype)
    x, h, dy, dh_n, *p = (z.astype(unit.long) for z in (x, h_0, dy, dh_n, *params))
    w_x, w_h, b_h, w_y, b_y = p

    def wrong(value, magnitude, n):
        return value + direction(value.shape) * magnitude * (n * u)

    def linear(*terms, plus=0, more=0):
        n = sum(len(b) for _, b in terms) + more
        value = sum(a @ b for a, b in terms) + plus
        return wrong(value, sum(np.abs(a) @ np.abs(b) for a, b in terms) + np.abs(plus), n)

    before, states = [], []
    for x_t in x:
        before.append(h)
        a = linear((x_t, w_x.T), (h, w_h.T), plus=b_h, more=2)
        h = wrong(np.tanh(a), np.abs(np.tanh(a)), 2 * TANH_ULPS) if activation == "tanh" else np.maximum(a, 0)
        states.append(h)
    y = linear((np.array(states), w_y.T), plus=b_y, more=1)
    da, das = np.zeros_like(h), []
    for t in reversed(range(len(x))):
        last = t == len(x) - 1
        dh = linear((dy[t], w_y), (da, w_h), plus=dh_n if last else 0, more=int(last))
        if activation == "tanh":
            square = wrong(states[t] ** 2, states[t] ** 2, 1)
            slope = wrong(1 - square, np.abs(1 - square), 1)
        else:
            slope = states[t] > 0
        da = wrong(dh * slope, np.abs(dh * slope), 1)
        das.append(da)
    da, before, h = (z.reshape(-1, z.shape[-1]) for z in map(np.array, (das[::-1], before, states)))
    flat_x, flat_dy, ones = x.reshape(len(da), -1), dy.reshape(len(da), -1), np.ones((1, len(da)), unit.long)
    return {
        "y": y,
        "h_n": states[-1],
        "w_x": linear((da.T, flat_x)),
        "w_h": linear((da.T, before)),
        "b_h": linear((ones, da))[0],
        "w_y": linear((flat_dy.T, h)),
        "b_y": linear((ones, flat_dy))[0],
        "x": linear((da, w_x)).reshape(x.shape),
        "h_0": linear((das[-1], w_h)),
    }


def problem_of(params, steps, batch, rng):
    def normal(*shape):
        return rng.standard_normal(shape).astype(params.dtype)

    x, h_0 = normal(steps, batch, params.input_size), normal(batch, params.hidden_size)
    return x, h_0, normal(steps, batch, params.output_size), normal(batch, params.hidden_size)


def balls_of(params, x, h_0, dy, dh_n, activation, kept):
    forward = forward_ball(params, x, h_0, activation=activation, kept=kept)
    upstream = Unit.of(params.dtype).exact(dy)
    return {"y": forward.y, "h_n": forward.h_n} | backward_ball(forward, upstream, dh_n)


NETWORK = ("8.6", "8.7", "8.8", "8.9", "8.10", "8.11", "8.12", "8.13", "8.14", "8.15", "8.16")


@pytest.mark.eq(*NETWORK)
@given(
    simulated.flatmap(lambda dtype: parameters(dtype=dtype, scales=(0.3, 1.0, 2.0))),
    activations,
    seeds,
    st.integers(1, 25),
    st.sampled_from(KEPT),
    st.booleans(),
)
def test_not_even_the_worst_program_leaves_the_ball(params, activation, seed, steps, kept, one_sided):
    rng = np.random.default_rng(seed)
    problem = problem_of(params, steps, 2, rng)

    def direction(shape):
        return 1 if one_sided else rng.choice([-1, 1], shape)

    balls = balls_of(*(params, *problem, activation), kept)
    for name, value in adversary(params, *problem, activation, direction).items():
        assert np.all(in_radii(value, balls[name]) <= ROOM), name


@pytest.mark.eq(*NETWORK)
@pytest.mark.parametrize("kept", KEPT)
@given(simulated, seeds, st.integers(1, 8))
def test_without_cancellation_the_worst_program_reaches_the_edge(kept, dtype, seed, steps):
    """Positive numbers under relu, all errors upwards: the ball could not be smaller."""
    rng = np.random.default_rng(seed)
    params = en.init_parameters(2, 3, 2, dtype=dtype, rng=rng).map(np.abs)
    problem = [np.abs(z) for z in problem_of(params, steps, 2, rng)]
    balls = balls_of(params, *problem, "relu", kept)
    for name, value in adversary(params, *problem, "relu", lambda _: 1).items():
        worst = in_radii(value, balls[name])
        assert np.all((worst > 0.5) & (worst <= ROOM)), name


@pytest.mark.eq("8.12", "8.13", "8.14", "8.15")
@given(parameters(), activations, seeds, st.integers(1, 20))
def test_keeping_signs_never_makes_a_radius_larger(params, activation, seed, steps):
    problem = problem_of(params, steps, 2, np.random.default_rng(seed))
    plain, *others = (balls_of(*(params, *problem, activation), kept) for kept in KEPT)
    for balls, name in itertools.product(others, plain):
        assert np.all(balls[name].rad <= plain[name].rad * 1.001), name


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_no_error_goes_on_where_the_state_or_the_gradient_is_cut(dtype, activation):
    """The balls are those of a problem that begins or ends there; alone, its end counts one more rounding."""

    def assert_nearly_equal(rad, alone):
        assert np.all((rad <= alone) & (rad >= 0.8 * alone))

    params = en.init_parameters(2, 4, 2, dtype=dtype, rng=0)
    x, h_0, dy, dh_n = problem_of(params, 10, 2, np.random.default_rng(1))
    upstream = Unit.of(dtype).exact
    reset = forward_ball(params, x, h_0, activation=activation, reset_every=5)
    first, second = (forward_ball(params, part, h_0, activation=activation) for part in (x[:5], x[5:]))
    np.testing.assert_array_equal(reset.y.rad, np.concatenate([first.y.rad, second.y.rad]))
    dx = backward_ball(reset, upstream(dy), dh_n)["x"]
    expected = [backward_ball(first, upstream(dy[:5])), backward_ball(second, upstream(dy[5:]), dh_n)]
    assert_nearly_equal(dx.rad, np.concatenate([part["x"].rad for part in expected]))
    cut = forward_ball(params, x, h_0, activation=activation, chunk=5)
    whole = forward_ball(params, x, h_0, activation=activation)
    np.testing.assert_array_equal(cut.y.rad, whole.y.rad)
    dx = backward_ball(cut, upstream(dy), dh_n)["x"]
    assert_nearly_equal(dx.rad[:5], expected[0]["x"].rad)


def test_no_more_products_are_kept_than_asked_for():
    """Here two steps' of the four: 2 rows of the batch, 3 x 3 entries each."""
    unit = Unit.of(np.float64)
    ball = unit.exact(np.ones((2, 3)))
    chain = Chain(unit.exact(np.eye(3)), ball, kept=36)
    for _ in range(4):
        chain.product(ball)
        chain.pass_slope(np.ones((2, 3)), np.ones((2, 3)))
    assert chain.products.size == 36
    chain.product(ball)
    np.testing.assert_allclose(chain.carried, 4, rtol=1e-5)


@pytest.mark.eq("8.13", "8.14", "8.15")
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_rotation_does_not_make_errors_grow_without_end(dtype):
    """Signs in use: w_h keeps lengths, so T errors add up; by absolute values each step doubles them."""
    angle = 0.7
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = np.array([100.0, 100.0])
    bias = centre - centre @ turn.T  # the state turns round the centre, and relu is never off
    params = en.Parameters(np.eye(2), turn, bias, np.eye(2), np.zeros(2)).astype(dtype)
    x, h_0 = np.zeros((60, 1, 2), dtype), (centre + 1).astype(dtype)[None]
    plain, kept = (forward_ball(params, x, h_0, activation="relu", kept=k).h_n for k in (0, 2**18))
    size = np.abs(kept.mid).max()
    assert plain.rad.max() / size > 1e6 * half_ulp(dtype)
    assert kept.rad.max() / size < 1e4 * half_ulp(dtype)


@pytest.mark.eq("8.17")
@given(simulated, seeds, st.integers(1, 40))
def test_the_loss_and_its_gradient_are_in_their_balls(dtype, seed, n):
    rng, unit = np.random.default_rng(seed), Unit.of(dtype)
    y = some_balls(rng, unit, (n, 1, 1))
    target = rng.standard_normal((n, 1, 1)).astype(dtype)
    loss_ball, dy_ball = mse_ball(y, target)
    u = unit.long.type(half_ulp(dtype))
    for end in corners(y):
        for sign in (-1, 1):
            residual = (end[0] - target) * (1 + sign * u)
            loss = np.sum(residual**2) / n * (1 + sign * u) ** (n + 3)
            assert in_radii(loss, loss_ball) <= ROOM
            assert np.all(in_radii(residual * 2 / n * (1 + sign * u) ** 2, dy_ball) <= ROOM)
    given_y = y.mid.astype(dtype)
    balls = mse_ball(unit.exact(given_y), target)
    tensor = torch.tensor(given_y, requires_grad=True)
    their_loss = torch.nn.functional.mse_loss(tensor, torch.tensor(target))
    their_loss.backward()
    for ours, theirs, ball in zip(
        en.mse_loss(given_y, target), (their_loss.detach(), tensor.grad), balls, strict=True
    ):
        assert np.all(in_radii(np.asarray(ours, unit.long), ball) <= ROOM)
        assert np.all(in_radii(theirs.numpy().astype(unit.long), ball) <= ROOM)


# ---------------------------------------------------------------- the middle, against fifty digits


def digits(value):
    """Take numbers into fifty digits exactly; a long double is the sum of two float64."""
    value = np.asarray(value)
    high = value.astype(np.float64)
    low = (value - high).astype(np.float64)
    return np.vectorize(lambda a, b: mpmath.mpf(a) + mpmath.mpf(b), otypes=[object])(high, low)


def fifty_digits(params, x, h_0, dy, activation):
    """Every tensor with fifty digits, from the equations."""
    w_x, w_h, b_h, w_y, b_y = map(digits, params)
    x, h, dy = map(digits, (x, h_0, dy))
    phi = {"tanh": np.vectorize(mpmath.tanh, otypes=[object]), "relu": lambda a: np.where(a > 0, a, 0 * a)}[
        activation
    ]
    before, states = [], []
    for x_t in x:
        before.append(h)
        h = phi(x_t @ w_x.T + h @ w_h.T + b_h)
        states.append(h)
    da, found = 0 * h, {"w_x": 0, "w_h": 0, "b_h": 0, "w_y": 0, "b_y": 0}
    dxs = []
    for t in reversed(range(len(x))):
        slope = 1 - states[t] ** 2 if activation == "tanh" else (states[t] > 0) * 1
        da = (dy[t] @ w_y + da @ w_h) * slope
        step = {"w_x": da.T @ x[t], "w_h": da.T @ before[t], "b_h": da.sum(0)}
        step |= {"w_y": dy[t].T @ states[t], "b_y": dy[t].sum(0)}
        found = {name: value + step[name] for name, value in found.items()}
        dxs.append(da @ w_x)
    return {"y": np.array(states) @ w_y.T + b_y, "h_n": h, "x": np.array(dxs[::-1]), "h_0": da @ w_h} | found


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize(("steps", "hidden", "scale"), [(1, 1, 1), (6, 3, 1), (12, 4, 3)])
def test_the_middle_is_far_nearer_the_truth_than_the_radius(steps, hidden, scale, activation, dtype):
    params = en.init_parameters(2, hidden, 2, dtype=dtype, rng=steps).map(lambda p: p * dtype.type(scale))
    x, h_0, dy, dh_n = problem_of(params, steps, 2, np.random.default_rng(hidden))
    truth = fifty_digits(params, x, h_0, dy, activation)
    balls = balls_of(params, x, h_0, dy, 0 * dh_n, activation, 2**18)
    share = 1e-2 if longer or dtype == np.float32 else 1
    assert balls.keys() == truth.keys()
    for name, ball in balls.items():
        distance = np.abs(digits(ball.mid) - truth[name])
        assert np.all(distance <= share * digits(ball.rad)), name


# ---------------------------------------------------------------- Adam


@pytest.mark.eq("8.20")
@given(simulated, seeds, st.sampled_from([0.0, 0.3, 0.5, 0.9]))
def test_both_ways_to_write_a_running_mean_are_in_its_ball(dtype, seed, beta):
    """Each operation rounded in the worse direction: beta m + (1 - beta) g, and m + (1 - beta) (g - m)."""
    rng, unit = np.random.default_rng(seed), Unit.of(dtype)
    m, g = some_balls(rng, unit, 30), some_balls(rng, unit, 30)
    state = AdamBall(unit.exact(np.zeros(30)), m, unit.exact(np.zeros(30)), unit.exact(np.zeros(30)))
    ball = adam_ball(state, g, 1, en.AdamOptions(betas=(beta, 0.9))).m
    u, w = half_ulp(dtype), unit.long.type(1 - beta)
    for (m_end, g_end), signs in itertools.product(
        corners(m, g), itertools.product((1 - u, 1 + u), repeat=4)
    ):
        d0, d1, d2, d3 = signs
        two_products = (m_end * beta * d0 * d1 + g_end * w * d2 * d1) * d3
        one_product = (m_end + (g_end - m_end) * d0 * w * d1 * d2) * d3
        from_the_other_end = (g_end - (g_end - m_end) * d0 * (1 - w * d1) * d2) * d3
        assert np.all(in_radii(two_products, ball) <= ROOM)
        assert np.all(in_radii(one_product, ball) <= ROOM)
        if beta <= 0.5:
            assert np.all(in_radii(from_the_other_end, ball) <= ROOM)


@pytest.mark.eq("8.21", "8.22")
@given(simulated, seeds, st.booleans(), st.booleans())
def test_an_error_of_adams_state_reaches_the_parameter(dtype, seed, amsgrad, maximize):
    """Every end of the balls of p, m, v and its maximum, through the equations without any rounding."""
    rng, unit = np.random.default_rng(seed), Unit.of(dtype)
    p, m = some_balls(rng, unit, 30), some_balls(rng, unit, 30)
    v, v_max = some_balls(rng, unit, 30, positive=True), some_balls(rng, unit, 30, positive=True)
    g = unit.exact(rng.standard_normal(30))
    options = en.AdamOptions(lr=0.1, amsgrad=amsgrad, maximize=maximize)
    balls = adam_ball(AdamBall(p, m, v, v_max), g, 3, options)
    found = [en.adam_step(ends[0], g.mid, *ends[1:], 3, options) for ends in corners(p, m, v, v_max)]
    for i, ball in enumerate((balls.p, balls.m, balls.v, balls.v_max)):
        assert np.max([in_radii(ends[i], ball) for ends in found]) <= ROOM


@pytest.mark.eq("8.23")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9, 0.999])
def test_the_bias_correction_is_in_its_ball(beta, dtype):
    unit = Unit.of(dtype)
    for step in (1, 2, 3, 10, 100, 1000):
        ball = _correction(beta, step, unit)
        truth = 1 - mpmath.mpf(beta) ** step
        assert abs(digits(ball.mid).item() - truth) <= digits(ball.rad).item()
        assert in_radii(unit.long.type(dtype.type(1 - beta**step)), ball) <= 1
        assert ball.rad <= 1e-12 + 1.01 * half_ulp(dtype)


flags = st.fixed_dictionaries(
    {
        "lr": st.sampled_from([1e-3, 1e-1]),
        "betas": st.sampled_from([(0.9, 0.999), (0.5, 0.9), (0.0, 0.0)]),
        "eps": st.sampled_from([1e-8, 1e-3]),
        "weight_decay": st.sampled_from([0.0, 0.1]),
        "decoupled": st.booleans(),
        "amsgrad": st.booleans(),
        "maximize": st.booleans(),
    }
)


@pytest.mark.eq("8.20", "8.21", "8.22", "8.23")
@settings(max_examples=settings.default.max_examples // 5)
@given(flags, dtypes, seeds)
def test_sixty_updates_stay_in_the_running_ball(options, dtype, seed):
    """Nothing is brought back to the middle on the way; gradients of every size; PyTorch's three forms."""
    rng, unit, chosen = np.random.default_rng(seed), Unit.of(dtype), en.AdamOptions(**options)
    p = rng.standard_normal(12).astype(dtype)
    ball, ours = AdamBall.start(p), (p, *np.zeros((3, 12), dtype))
    theirs = []
    for form in ("single", "foreach", "fused"):
        tensor = torch.nn.Parameter(torch.tensor(p))
        theirs.append((tensor, torch_adam([tensor], chosen, form=form)))
    for step in range(1, 61):
        g = (rng.standard_normal(12) * 10.0 ** rng.integers(-7, 2, 12)).astype(dtype)
        ball = adam_ball(ball, unit.exact(g), step, chosen)
        ours = en.adam_step(ours[0], g, *ours[1:], step, chosen)
        found = [ours[:3]]
        for tensor, optimiser in theirs:
            tensor.grad = torch.tensor(g)
            optimiser.step()
            state = optimiser.state[tensor]
            found.append([z.detach().numpy() for z in (tensor, state["exp_avg"], state["exp_avg_sq"])])
        for program, (i, about) in itertools.product(found, enumerate((ball.p, ball.m, ball.v))):
            assert np.all(in_radii(program[i].astype(unit.long), about) <= 1)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_running_ball_of_adam_stays_small(dtype):
    """After sixty updates with the defaults, a parameter is known to 100 half-units an update, mostly 5."""
    rng, unit = np.random.default_rng(0), Unit.of(dtype)
    p = rng.standard_normal(100).astype(dtype)
    ball = AdamBall.start(p)
    for step in range(1, 61):
        g = unit.exact(rng.standard_normal(100).astype(dtype))
        ball = adam_ball(ball, g, step, en.AdamOptions(lr=0.01))
    per_update = ball.p.rad / (60 * half_ulp(dtype) * np.maximum(np.abs(ball.p.mid), 0.01))
    assert per_update.max() < 100
    assert np.median(per_update) < 5


# ---------------------------------------------------------------- how sharp


def on_splg(length, activation, dtype, hidden=8):
    """The standard problem: windows of the training part of 2023, or the whole year as one series."""
    close = en.load_splg()["Close"].to_numpy()
    series = close if length is None else en.split(close)[0]
    series = en.Scaler.fit(series).transform(series).astype(dtype)
    x, target = en.windows(series, length) if length else (series[:-1, None, None], series[1:, None, None])
    params = en.init_parameters(1, hidden, 1, dtype=dtype, rng=0)
    h_0 = np.zeros((x.shape[1], hidden), dtype)
    forward = forward_ball(params, x, h_0, activation=activation)
    loss, dy = mse_ball(forward.y, target)
    balls = {"y": forward.y, "loss": loss} | backward_ball(forward, dy)
    return {name: float(np.max(ball.rad) / np.max(np.abs(ball.mid))) for name, ball in balls.items()}


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize(("dtype", "most"), [(np.float64, 4e-12), (np.float32, 2e-3)])
@pytest.mark.parametrize(("length", "hidden"), [(20, 8), (None, 16)])
def test_on_splg_the_radius_is_a_small_part_of_every_tensor(length, hidden, activation, dtype, most):
    sharpness = on_splg(length, activation, dtype, hidden)
    assert max(sharpness.values()) < most
    assert all(np.isfinite(list(sharpness.values())))


# ---------------------------------------------------------------- one step at a time


def transparent(params, x, dy):
    """Show a network's h as outputs of their own, and da as the gradients of inputs of their own.

    The further inputs and upstream gradients are zero, and their weights the unit matrix: every sum gets
    exact zeros added, and stays what it was.
    """
    dtype, (inputs, hidden, outputs) = params.dtype, (x.shape[2], params.hidden_size, dy.shape[2])
    unity, zeros = np.eye(hidden, dtype=dtype), np.zeros((*x.shape[:2], hidden), dtype)
    wide = en.Parameters(
        np.hstack([params.w_x, unity]),
        params.w_h,
        params.b_h,
        np.vstack([params.w_y, unity]),
        np.concatenate([params.b_y, np.zeros(hidden, dtype)]),
    )

    def read(found):
        own = {name.removeprefix("d"): value for name, value in found.items() if name != "h_n"}
        own["w_x"] = own["w_x"][:, :inputs]
        own["w_y"], own["b_y"] = own["w_y"][:outputs], own["b_y"][:outputs]
        own["y"], own["h"] = np.split(own["y"], [outputs], axis=2)
        own["x"], own["da"] = np.split(own["x"], [inputs], axis=2)
        return own

    return wide, np.concatenate([x, zeros], axis=2), np.concatenate([dy, zeros], axis=2), read


def own_tensors(params, x, h_0, dy, dh_n, activation):
    """Let both backends solve the problem, and show their states."""
    wide, wide_x, wide_dy, read = transparent(params, x, dy)
    model = en.ElmanRNN.from_params(wide, activation=activation)
    problem = (wide_x, h_0, None, wide_dy, dh_n)
    ours, theirs = numpy_tensors(model, *problem), torch_tensors(et.ElmanRNN.from_numpy(model), *problem)
    return read(ours), read(theirs)


def amplifying(kind, dtype, seed, steps=60, hidden=12):
    """Relu states that grow at each step, or tanh states that forget where they came from."""
    rng = np.random.default_rng(seed)
    params = en.init_parameters(2, hidden, 2, init="normal", dtype=dtype, rng=rng)
    activation = {"exploding": "relu", "chaotic": "tanh"}[kind]
    return params, *problem_of(params, steps, 2, rng), activation


@pytest.mark.eq("8.18", "8.19")
@pytest.mark.parametrize("kind", ["exploding", "chaotic"])
@given(dtypes, seeds)
def test_one_step_from_its_own_state_a_program_is_within_one_steps_rounding(kind, dtype, seed):
    params, x, h_0, dy, dh_n, activation = amplifying(kind, dtype, seed, steps=25)
    for own in own_tensors(params, x, h_0, dy, dh_n, activation):
        found = residuals(params, x, h_0, dy, own, activation=activation, dh_n=dh_n)
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
        found = residuals(params, x, h_0, dy, own, activation=activation, dh_n=dh_n)
        assert max(found.values()) <= 1


@pytest.mark.eq("8.18", "8.19")
@given(parameters(), activations, seeds, st.integers(0, 6))
def test_ordinary_problems_pass_one_step_at_a_time_too(params, activation, seed, steps):
    problem = problem_of(params, steps, 2, np.random.default_rng(seed))
    x, h_0, dy, dh_n = problem
    for own in own_tensors(params, *problem, activation):
        found = residuals(params, x, h_0, dy, own, activation=activation, dh_n=dh_n)
        assert max(found.values()) <= 1, found


@pytest.mark.eq("8.18", "8.19")
@pytest.mark.parametrize("name", ["h", "da", "y", "x", "h_0", "w_x", "w_h", "b_h", "w_y", "b_y"])
@pytest.mark.parametrize("kind", ["exploding", "chaotic"])
def test_a_hundred_thousandth_too_much_at_one_place_is_noticed(name, kind):
    params, x, h_0, dy, dh_n, activation = amplifying(kind, np.dtype(np.float64), 5)
    own, _ = own_tensors(params, x, h_0, dy, dh_n, activation)
    own[name] = own[name].copy()
    place = np.unravel_index(np.argmax(np.abs(own[name])), own[name].shape)
    own[name][place] *= 1 + 1e-5
    found = residuals(params, x, h_0, dy, own, activation=activation, dh_n=dh_n)
    assert found[name] > 1
    assert name in ("h", "da") or [key for key, value in found.items() if value > 1] == [name]


def test_what_is_not_a_number_is_infinitely_far():
    params, x, h_0, dy, dh_n, activation = amplifying("chaotic", np.dtype(np.float64), 5, steps=4)
    own, _ = own_tensors(params, x, h_0, dy, dh_n, activation)
    own["y"] = own["y"] * np.nan
    assert residuals(params, x, h_0, dy, own, activation=activation, dh_n=dh_n)["y"] == np.inf
