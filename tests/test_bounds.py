"""The bound of a whole problem is never below what rounding alone can do, and seldom far above it."""

import itertools
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import elman_np as en
import elman_torch as et
from elman_np.checking.balls import Ball, Unit
from elman_np.checking.bounds import (
    backward_ball,
    forward_ball,
    mse_ball,
    phi_ball,
)
from elman_np.checking.problems import ball_tensors, numpy_tensors
from elman_np.recurrence import Recurrence
from elman_torch.parity import torch_tensors
from tests.support.rounding import (
    DTYPES,
    FORMS,
    KEPT,
    ROOM,
    adversary,
    balls_of,
    corners,
    digits,
    fifty_digits,
    half_ulp,
    in_radii,
    longer,
    problem_of,
    simulated,
    some_balls,
)
from tests.support.strategies import activations, cases, parameters, seeds


@given(cases(max_steps=20))
def test_both_libraries_are_within_one_radius_of_the_middle(case):
    problem = (case.model, case.x, case.h_0, case.target, case.dy, case.dh_n)
    ours = numpy_tensors(*problem)
    theirs = torch_tensors(et.ElmanRNN.from_numpy(case.model), *problem[1:])
    for name, ball in ball_tensors(*problem).items():
        assert np.all(in_radii(ours[name].astype(ball.unit.long), ball) <= 1), name
        assert np.all(in_radii(theirs[name].astype(ball.unit.long), ball) <= 1), name


NETWORK = ("8.6", "8.7", "8.8", "8.9", "8.10", "8.11", "8.12", "8.13", "8.13a", "8.14", "8.15", "8.16")


@pytest.mark.eq(*NETWORK)
@given(
    simulated.flatmap(lambda dtype: parameters(dtype=dtype, scales=(0.3, 1.0, 2.0))),
    activations,
    seeds,
    st.integers(1, 25),
    st.sampled_from(KEPT),
    st.booleans(),
    st.sampled_from(FORMS),
)
def test_not_even_the_worst_program_leaves_the_ball(params, activation, seed, steps, kept, one_sided, form):
    rng = np.random.default_rng(seed)
    problem = problem_of(params, steps, 2, rng)

    def direction(shape):
        return 1 if one_sided else rng.choice([-1, 1], shape)

    balls = balls_of(*(params, *problem, activation), kept)
    for name, value in adversary(params, *problem, activation, direction, form).items():
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
    reset = forward_ball(params, x, h_0, Recurrence(activation, reset_every=5))
    first, second = (forward_ball(params, part, h_0, Recurrence(activation)) for part in (x[:5], x[5:]))
    np.testing.assert_array_equal(reset.y.rad, np.concatenate([first.y.rad, second.y.rad]))
    dx = backward_ball(reset, upstream(dy), dh_n)["x"]
    expected = [backward_ball(first, upstream(dy[:5])), backward_ball(second, upstream(dy[5:]), dh_n)]
    assert_nearly_equal(dx.rad, np.concatenate([part["x"].rad for part in expected]))
    cut = forward_ball(params, x, h_0, Recurrence(activation, chunk=5))
    whole = forward_ball(params, x, h_0, Recurrence(activation))
    np.testing.assert_array_equal(cut.y.rad, whole.y.rad)
    dx = backward_ball(cut, upstream(dy), dh_n)["x"]
    assert_nearly_equal(dx.rad[:5], expected[0]["x"].rad)


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
    plain, kept = (forward_ball(params, x, h_0, Recurrence("relu"), kept=k).h_n for k in (0, 2**18))
    size = np.abs(kept.mid).max()
    assert plain.rad.max() / size > 1e6 * half_ulp(dtype)
    assert kept.rad.max() / size < 1e4 * half_ulp(dtype)
    dy, dh_n = Unit.of(dtype).exact(np.zeros((60, 1, 2))), np.array([[0.8, -0.6]], dtype)
    forward = forward_ball(params, x, h_0, Recurrence("relu"))
    plain, kept = (backward_ball(replace(forward, kept=k), dy, dh_n)["h_0"] for k in (0, 2**18))
    assert plain.rad.max() > 1e6 * half_ulp(dtype)
    assert kept.rad.max() < 1e4 * half_ulp(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_without_steps_nothing_is_rounded_and_all_has_its_shape(dtype):
    params = en.init_parameters(2, 4, 3, dtype=dtype, rng=0)
    dh_n = np.random.default_rng(1).standard_normal((5, 4)).astype(dtype)
    forward = forward_ball(params, np.zeros((0, 5, 2), dtype), dh_n)
    back = backward_ball(forward, Unit.of(dtype).exact(np.zeros((0, 5, 3))), dh_n)
    assert (forward.y.rad.shape, back["x"].rad.shape) == ((0, 5, 3), (0, 5, 2))
    np.testing.assert_array_equal(forward.h_n.mid, dh_n)
    np.testing.assert_array_equal(forward.h_n.rad, 0)
    np.testing.assert_array_equal(back["h_0"].mid, dh_n)
    for name, p in params.items():
        np.testing.assert_array_equal(back[name].mid, np.zeros(p.shape))
        np.testing.assert_array_equal(back[name].rad, 0)


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


@pytest.mark.eq("8.11")
@pytest.mark.parametrize("dtype", DTYPES)
def test_relus_slope_is_known_beyond_the_edge_of_the_ball_alone(dtype):
    """At the edge a right program may have 0, where the slope is 0, or more, where it is 1."""
    unit = Unit.of(dtype)
    mid, rad = [1.0, 1.0, -1.0, -1.0, 0.0, 0.0], [0.5, 1.0, 0.5, 1.0, 0.0, 1e-3]
    a = Ball(np.array(mid, unit.long), np.array(rad), unit)
    _, slope, _ = phi_ball(a, "relu")
    assert slope.mid.dtype == unit.long
    np.testing.assert_array_equal(slope.mid, [1, 1, 0, 0, 0, 0])
    np.testing.assert_array_equal(slope.rad, [0, 1, 0, 1, 0, 1])


def test_an_activation_without_a_rule_is_named():
    words = "activation: expected 'tanh' or 'relu', got 'gelu'"
    with pytest.raises(ValueError, match=f"^{re.escape(words)}$"):
        phi_ball(Unit.of(np.float64).exact(np.ones(1)), "gelu")
