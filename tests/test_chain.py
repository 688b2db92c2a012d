"""The matrix of a chain bounds what errors may add up to, along every direction, rounded as it is."""

import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import elman_np as en
import elman_torch as et
from elman_np.checking.balls import Ball, Unit, dot
from elman_np.checking.bounds import forward_ball
from elman_np.checking.chains import Chain, slices
from elman_np.checking.problems import ball_tensors, numpy_tensors
from tests.support.rounding import balls_of, in_radii, problem_of
from tests.support.strategies import dtypes, parameters, seeds

DOUBLE = Unit.of(np.float64)


def followed(weights, steps, rng, *, relu=False):
    """Walk a chain with random slopes and errors; also the errors and their products, in longer arithmetic.

    Returns the chain, and for every step that added an error its size and the product that brought it here.
    """
    hidden = len(weights)
    chain = Chain(DOUBLE.exact(weights), DOUBLE.exact(np.zeros((1, hidden))))
    long, carried = weights.astype(np.longdouble), []
    for _ in range(steps):
        state = Ball(rng.standard_normal((1, hidden)), np.zeros((1, hidden)), DOUBLE)
        chain.product(state)
        slope = rng.integers(0, 2, (1, hidden)) * 1.0 if relu else rng.uniform(0.1, 1, (1, hidden))
        own = 10.0 ** rng.uniform(-3, 0, (1, hidden))
        chain.pass_slope(slope, own)
        carried = [(size, product @ long * slope) for size, product in carried]
        carried.append((slope[0] * chain.fresh[0] + own[0], np.eye(hidden, dtype=np.longdouble)))
    return chain, carried


def largest(carried, direction):
    """How far along a direction the errors may add up to, each with the worst signs."""
    return sum(size @ np.abs(product @ direction) for size, product in carried)


def bounded(chain, direction):
    return chain.scale[0, 0] * np.sqrt(direction @ chain.spread[0] @ direction)


@pytest.mark.eq("8.13", "8.15")
@given(seeds, st.integers(1, 6), st.integers(1, 12), st.sampled_from([0.1, 0.5, 2.0]), st.booleans())
def test_no_errors_add_up_to_more_along_any_direction(seed, hidden, steps, scale, relu):
    rng = np.random.default_rng(seed)
    chain, carried = followed(rng.standard_normal((hidden, hidden)) * scale, steps, rng, relu=relu)
    for direction in [*np.eye(hidden), *rng.standard_normal((20, hidden))]:
        assert largest(carried, direction) <= bounded(chain, direction) * (1 + 1e-9)


@pytest.mark.eq("8.13", "8.15")
@pytest.mark.parametrize("hidden", [8, 32])
def test_the_matrix_says_little_more_than_all_products_kept_apart(hidden):
    """On the way into the next step, with weights as at the start of training: less than twice as much."""
    rng = np.random.default_rng(0)
    weights = en.init_parameters(1, hidden, 1, rng=0).w_h
    chain, carried = followed(weights, 30, rng)
    ratios = [bounded(chain, d) / largest(carried, d) for d in weights.T]
    assert min(ratios) >= 1
    assert max(ratios) < 2


@pytest.mark.eq("8.13a")
@given(seeds, st.integers(1, 8), st.floats(-3, 3), st.booleans())
def test_what_rounding_takes_from_the_matrix_is_given_back(seed, hidden, scale, cancelling):
    """One product of the matrix, in float64 and in fractions, along the directions where it is smallest."""
    rng = np.random.default_rng(seed)
    weights = rng.standard_normal((hidden, hidden)) * 10.0**scale
    if cancelling:
        weights = weights[:, :1] + 1e-7 * weights
    chain, _ = followed(weights, 3, rng)
    before = chain.spread[0]
    chain.product(DOUBLE.exact(np.zeros((1, hidden))))
    exact = np.vectorize(Fraction, otypes=[object])
    turned = exact(weights).T @ exact((before + before.T) / 2) @ exact(weights)
    missing = (turned - exact(chain.spread[0])).astype(float)
    assert np.linalg.eigvalsh((missing + missing.T) / 2).max() <= 1e-12 * np.abs(missing).max()


def test_without_the_lost_digits_it_would_not_hold():
    """The test above can fail: with nothing given back, rounding takes from the matrix."""
    rng = np.random.default_rng(1)
    weights = rng.standard_normal((8, 1)) + 1e-7 * rng.standard_normal((8, 8))
    chain, _ = followed(weights, 3, rng)
    chain.lost, chain.least = 0.0, 0 * chain.least
    before = chain.spread[0]
    chain.product(DOUBLE.exact(np.zeros((1, 8))))
    exact = np.vectorize(Fraction, otypes=[object])
    turned = exact(weights).T @ exact((before + before.T) / 2) @ exact(weights)
    missing = (turned - exact(chain.spread[0])).astype(float)
    assert np.linalg.eigvalsh((missing + missing.T) / 2).max() > 1e-3 * np.abs(missing).max()


@pytest.mark.eq("8.13a")
@pytest.mark.parametrize("hidden", [1, 2, 5, 130])
def test_what_is_given_back_is_what_the_page_says(hidden):
    """In fractions: far too little to be seen in a radius, and all that holds where a row cancels."""
    weights = np.random.default_rng(hidden).standard_normal((hidden, hidden)) * 10
    chain = Chain(DOUBLE.exact(weights), DOUBLE.exact(np.zeros((1, hidden))))
    n, u, four_omega = 2 * hidden + 8, Fraction(DOUBLE.u), Fraction(DOUBLE.tiny)
    assert float(Fraction(chain.lost.item()) ** 2 / (2 * n * u / (1 - n * u))) == pytest.approx(1, rel=1e-15)
    for column, least in zip(weights.T, chain.least.tolist(), strict=True):
        share = 1 + sum(abs(Fraction(w)) for w in column.tolist())
        expected = n * four_omega * share**2
        assert float(Fraction(least) ** 2 / expected) == pytest.approx(1, rel=1e-14 * hidden)


def test_what_is_given_back_to_a_row_is_its_own():
    """Where a product cancels it is all that there is: a row beside a far larger one has it alone."""
    rng = np.random.default_rng(3)
    weights = rng.standard_normal((4, 1)) * np.ones((1, 4))
    spread, state = np.zeros((2, 4, 4)), np.zeros((2, 4))
    spread[:, 0, 0], spread[:, 1, 1], spread[1] = 1, 2, 1e6 * np.eye(4)
    both, alone = (Chain(DOUBLE.exact(weights), DOUBLE.exact(state[:rows])) for rows in (2, 1))
    lost = []
    for chain in (both, alone):
        chain.spread[:] = spread[: len(chain.spread)]
        turned = weights.T @ chain.spread[0] @ weights
        chain.product(DOUBLE.exact(state[: len(chain.spread)]))
        lost.append(np.diagonal(chain.spread[0] - turned))
    assert lost[1].min() > 0
    np.testing.assert_allclose(lost[0], lost[1], rtol=0.5)


def test_rounding_is_counted_where_only_the_radius_is_large():
    """A state of zeros in a ball of radius 1: the product is rounded by as much as anything inside it."""
    chain = Chain(DOUBLE.exact(np.ones((3, 3))), DOUBLE.exact(np.zeros((2, 3))))
    wide, fresh = Ball(np.zeros((2, 3)), np.ones((2, 3)), DOUBLE), []
    for more in (0, 1000):
        chain.product(wide, more=more)
        fresh.append(chain.fresh.copy())
        # each sum has three terms and `more` that are rounded on the way, of 3 in absolute value together
        assert np.all(fresh[-1] >= 3 * DOUBLE.u * (2 + more))
        assert np.all(fresh[-1] <= 3 * DOUBLE.u * 2 * (5 + more))


def test_what_underflows_in_the_matrix_is_still_in_the_radius():
    chain = Chain(DOUBLE.exact(np.full((3, 3), 0.5)), DOUBLE.exact(np.zeros((2, 3))))
    chain.scale[:], chain.least = 8, np.array([1.0, 2, 3])
    carried = chain.product(Ball(np.zeros((2, 3)), np.full((2, 3), 100.0), DOUBLE)).rad - chain.fresh
    assert np.all(carried >= [[8, 16, 24]] * 2)
    np.testing.assert_allclose(carried, [[8, 16, 24]] * 2, rtol=1e-5)  # rounded up


# ---------------------------------------------------------------- rows, slices, memory


def test_slices_cover_all_rows_once_and_hold_what_fits():
    for batch, hidden, kept in ((0, 3, 100), (1, 3, 1), (7, 3, 20), (7, 3, 10**6), (5, 1000, 10), (5, 4, 0)):
        found = list(slices(batch, hidden, kept))
        assert [row for part in found for row in range(batch)[part]] == list(range(batch))
        assert len(found) >= 1
        sizes = [len(range(batch)[part]) for part in found]
        assert kept == 0 or max(sizes) <= max(kept // hidden**2, 1)


@given(parameters(), seeds, st.integers(1, 6), st.sampled_from(["tanh", "relu"]))
def test_the_radius_does_not_depend_on_the_slices(params, seed, batch, activation):
    rng = np.random.default_rng(seed)
    x, _, dy, _ = problem_of(params, 6, batch, rng)
    h_0, dh_n = rng.standard_normal((2, batch, params.hidden_size)).astype(params.dtype)
    alone, together = (balls_of(params, x, h_0, dy, dh_n, activation, kept) for kept in (1, 2**18))
    for name, ball in together.items():
        np.testing.assert_allclose(alone[name].rad, ball.rad, rtol=1e-5, err_msg=name)


def test_a_large_layer_takes_no_more_memory_than_a_few_matrices_of_its_size():
    """512 units: 8 rows would need 16 MiB at once, one matrix 2 MiB."""
    params = en.init_parameters(1, 512, 1, dtype=np.float32, rng=0)
    x, h_0, *_ = problem_of(params, 3, 8, np.random.default_rng(0))
    tracemalloc.start()
    ball = forward_ball(params, x, h_0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.all(np.isfinite(ball.h.rad))
    assert peak < 24 * 2**20


# ---------------------------------------------------------------- exponents


def cancelling(low=1e-200):
    """Two orders of the first sum differ by 1e274; two tiny weights bring that to 1e-126, no subnormal."""
    w_h = np.zeros((3, 3))
    w_h[0, 0], w_h[1, 0], w_h[2, 1] = 1.0, low, low
    w_x, b_h = np.array([[1.0], [0.0], [0.0]]), np.array([-1e290, 0.0, 0.0])
    params = en.Parameters(w_x, w_h, b_h, np.array([[0.0, 0.0, 1.0]]), np.zeros(1))
    x, h_0 = np.zeros((3, 1, 1)), np.array([[1.2345e280, 0.0, 0.0]])
    x[0] = 1e290
    return en.ElmanRNN.from_params(params, activation="relu"), x, np.ones((3, 1, 1)), h_0


def test_products_that_underflow_carry_on():
    model, x, dy, h_0 = cancelling()
    comparison = et.compare(model, x, dy=dy, h_0=h_0)
    assert comparison.agreed
    assert max(row.width for row in comparison.rows) < 1e-3
    ball = ball_tensors(model, x, h_0, None, dy, None)["y"]
    other = numpy_tensors(model, x, h_0, None, dy, None)["y"] * 1.001
    assert in_radii(other, ball)[-1] > 1


@pytest.mark.eq("8.13a", "8.15")
@given(seeds, st.integers(-320, 300), st.integers(-200, 0))
@settings(max_examples=settings.default.max_examples // 2)
def test_errors_of_any_exponent_are_carried_soundly(seed, size, weight):
    """Errors from 1e-320 to 1e300, weights from 1e-200 to 1: against products that cannot underflow."""
    rng, hidden = np.random.default_rng(seed), 3
    weights = rng.standard_normal((hidden, hidden)) * 10.0 ** rng.integers(weight, 1, (hidden, hidden))
    chain, carried = Chain(DOUBLE.exact(weights), DOUBLE.exact(np.zeros((1, hidden)))), []
    exact = np.vectorize(Fraction, otypes=[object])
    for _ in range(4):
        chain.product(DOUBLE.exact(np.zeros((1, hidden))))
        slope, own = rng.uniform(0, 1, (1, hidden)), 10.0 ** rng.uniform(size, size + 3, (1, hidden))
        with np.errstate(all="ignore"):
            chain.pass_slope(slope, own)
        carried = [(n, product @ exact(weights) * exact(slope)) for n, product in carried]
        carried.append((exact(own[0]), exact(np.eye(hidden))))
    last = Ball(np.zeros((1, hidden)), np.full((1, hidden), np.inf), DOUBLE)  # only the chain may say less
    with np.errstate(all="ignore"):
        found = chain.product(last).rad[0]
    for j, radius in enumerate(found):
        true = sum(n @ np.abs(product @ exact(weights[:, j])) for n, product in carried)
        assert radius == np.inf or true <= Fraction(radius)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@given(dtypes, seeds, st.floats(0.3, 1.0))
def test_what_may_overflow_in_some_order_has_no_bound(activation, dtype, seed, share):
    """Never a small radius: where NumPy or a sum in the other order is not finite, it is infinite."""
    rng = np.random.default_rng(seed)
    params = en.init_parameters(1, 4, 1, dtype=dtype, rng=rng)
    params = params.map(lambda p: (p * float(np.finfo(dtype).max) ** (share / 2)).astype(dtype))
    x, h_0, dy, dh_n = problem_of(params, 4, 2, rng)
    balls = balls_of(params, x, h_0, dy, dh_n, activation, 2**18)
    model = en.ElmanRNN.from_params(params, activation=activation)
    with np.errstate(all="ignore"):
        found = numpy_tensors(model, x, h_0, None, dy, dh_n)
    for name, value in found.items():
        ball = balls[name.removeprefix("d") if name != "dh_0" else "h_0"]
        assert not np.any(np.isnan(ball.rad)), name
        with np.errstate(invalid="ignore"):
            inside = np.abs(value.astype(ball.unit.long) - ball.mid) <= ball.rad
        assert np.all(inside | (ball.rad == np.inf)), name
    unit = Unit.of(dtype)
    big = np.asarray([[np.finfo(dtype).max]], dtype)
    both = (unit.exact(big) + unit.exact(big)) - unit.exact(big)
    assert both.rad == np.inf


@pytest.mark.eq("8.14")
def test_where_the_matrix_overflows_the_absolute_values_are_left():
    """Infinity times 0 in the matrix is no number, and still one of two radii is finite."""
    weights = np.array([[1e200, -1e200], [-1e200, 1e200]])
    state = Ball(np.ones((1, 2)), np.full((1, 2), 1e-16), DOUBLE)
    chain = Chain(DOUBLE.exact(weights), DOUBLE.exact(np.zeros((1, 2))))
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(3):
            chain.pass_slope(np.ones((1, 2)), np.full((1, 2), 1e-16))
            found = chain.product(state)
    assert np.isnan(chain.spread).any()
    plain = dot([(state, DOUBLE.exact(weights))])
    np.testing.assert_allclose(found.rad, plain.rad, rtol=1e-6)


@pytest.mark.eq("8.14")
def test_a_square_that_underflows_below_zero_has_a_root():
    """Of the three smallest numbers in a matrix each is rounded by itself: along (1, 1) they sum to -1."""
    least, weights = np.finfo(np.float64).smallest_subnormal, np.array([[1.0, 0.0], [1.0, 0.0]])
    chain = Chain(DOUBLE.exact(weights), DOUBLE.exact(np.zeros((1, 2))))
    chain.spread, chain.scale = least * np.array([[[1.0, -2.0], [-2.0, 2.0]]]), np.ones((1, 1))
    state = Ball(np.zeros((1, 2)), np.ones((1, 2)), DOUBLE)
    with np.errstate(invalid="raise"):
        found = chain.product(state)
    assert chain.spread[0, 0, 0] < 0
    assert found.rad[0, 0] < 1e-15 < 2 == state.rad[0].sum()
