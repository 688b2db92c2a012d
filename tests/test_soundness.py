"""Every right program is inside: forms of the slope, resets and chunks, exponents, other machines."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import elman_np as en
import elman_torch as et
from elman_np.checking import oracles
from elman_np.checking.balls import Ball, Unit
from elman_np.checking.bounds import AdamBall, _Tanh, adam_ball, forward_ball, phi_ball
from elman_np.checking.problems import ball_tensors, numpy_tensors
from elman_np.checking.step_bounds import residuals
from elman_np.recurrence import Recurrence
from elman_torch.parity import torch_tensors
from tests.support.rounding import (
    DTYPES,
    FORMS,
    ROOM,
    adversary,
    balls_of,
    digits,
    fifty_digits,
    half_ulp,
    in_radii,
    own_tensors,
    problem_of,
    simulated,
    through_tanh,
)
from tests.support.strategies import cases, parameters, seeds

# ---------------------------------------------------------------- forms of the slope


@pytest.mark.eq("8.10", "8.16")
@pytest.mark.parametrize("form", FORMS)
@given(simulated, seeds)
def test_each_form_of_tanhs_slope_is_in_the_ball_with_the_worst_roundings(form, dtype, seed):
    rng, unit, u = np.random.default_rng(seed), Unit.of(dtype), half_ulp(dtype)
    small = rng.uniform(-1, 1, 30) * 10.0 ** rng.uniform(-9, 0, 30)
    mid = np.concatenate([small, np.sign(small) * (1 - 10.0 ** rng.uniform(-9, 0, 30))]).astype(unit.long)
    h = Ball(mid, np.abs(mid).astype(float) * u * rng.integers(0, 9, 60), unit)
    g = unit.exact(rng.standard_normal(60))
    ball = g * _Tanh.slope(h, h)
    worst = np.zeros(60)
    for end in (h.mid - h.rad, h.mid, h.mid + h.rad):
        for signs in itertools.product((-1, 1), repeat=5):
            left = iter(signs)
            value = through_tanh(
                g.mid, end, form, lambda v, left=left: v * (1 + unit.long.type(next(left) * u))
            )
            worst = np.maximum(worst, in_radii(value, ball))
    assert np.all(worst <= ROOM)
    assert worst.max() > 0.6  # no room for one more rounding


@pytest.mark.eq("8.10")
def test_a_product_of_differences_needs_more_than_one_minus_a_square():
    """For small h, (1 - h)(1 + h) exceeds h^2 and the slope with one rounding each, as float32 shows."""
    h = np.random.default_rng(0).uniform(-0.1, 0.1, 100_000).astype(np.float32)
    exact = 1 - h.astype(np.float64) ** 2
    apart = np.abs((1 - h) * (1 + h) - exact) / (half_ulp(np.float32) * (exact + h.astype(np.float64) ** 2))
    assert apart.max() > 1.2
    unit = Unit.of(np.float32)
    ball = _Tanh.slope(unit.exact(h), unit.exact(h))
    assert np.all(in_radii((1 - h) * (1 + h), ball) <= 1)


@pytest.mark.parametrize("form", FORMS)
@given(parameters(), seeds, st.integers(1, 12))
def test_a_program_with_another_form_of_the_slope_is_in_the_balls(form, params, seed, steps):
    """Nothing is simulated: NumPy in the dtype itself."""
    x, h_0, dy, dh_n = problem_of(params, steps, 2, np.random.default_rng(seed))
    _, _, tape = en.forward(params, x, h_0)
    da, das = np.zeros_like(h_0), []
    for t in reversed(range(steps)):
        dh = dy[t] @ params.w_y + (dh_n if t == steps - 1 else da @ params.w_h)
        da = through_tanh(dh, tape.h[t], form, lambda value: value)
        das.append(da)
    das = np.array(das[::-1])
    before = np.concatenate([h_0[None], tape.h[:-1]])
    found = {
        "x": das @ params.w_x,
        "h_0": das[0] @ params.w_h,
        "b_h": das.sum((0, 1)),
        "w_h": np.einsum("tbi,tbj->ij", das, before),
        "w_x": np.einsum("tbi,tbj->ij", das, x),
    }
    balls = balls_of(params, x, h_0, dy, dh_n, "tanh", 2**18)
    for name, value in found.items():
        assert value.dtype == params.dtype
        assert np.all(in_radii(value.astype(balls[name].unit.long), balls[name]) <= 1), name


# ---------------------------------------------------------------- what is not covered is refused


@pytest.mark.parametrize("dtype", [np.float16, np.int64, np.complex128, np.bool_])
def test_a_dtype_that_nothing_is_derived_for_is_refused(dtype):
    with pytest.raises(TypeError, match=f"dtype: expected float32 or float64, got {np.dtype(dtype)}"):
        Unit.of(dtype)


def test_an_unknown_activation_is_refused_by_every_bound_and_oracle():
    params = en.init_parameters(1, 2, 1, rng=0)
    x, h_0, dy, _ = problem_of(params, 3, 2, np.random.default_rng(0))
    own = {"h": np.zeros((3, 2, 2)), "da": np.zeros((3, 2, 2))}
    calls = [
        lambda name: forward_ball(params, x, h_0, Recurrence(name)),
        lambda name: phi_ball(Unit.of(np.float64).exact(h_0), name),
        lambda name: residuals(params, x, h_0, dy, own, Recurrence(name)),
        lambda name: oracles.forward_mode(params, x, h_0, dy, None, Recurrence(name)),
        lambda name: oracles.complex_step(params, x, h_0, dy, None, Recurrence(name)),
        lambda name: oracles.central_differences(params, x, h_0, dy, None, Recurrence(name)),
    ]
    for call, name in itertools.product(calls, ("sigmoid", "Relu", "")):
        with pytest.raises(ValueError, match=f"activation: expected 'tanh' or 'relu', got '{name}'"):
            call(name)


# ---------------------------------------------------------------- a machine whose long double is float64


@pytest.fixture
def no_long_double(monkeypatch):
    """Let Unit.of find what it finds on Windows and on Apple silicon."""
    ordinary = Unit.of

    def of(dtype):
        return (
            Unit._between(np.finfo(dtype), np.finfo(np.float64)) if dtype == np.float64 else ordinary(dtype)
        )

    monkeypatch.setattr(Unit, "of", of)


def in_float64(seed, activation, scale=1.0):
    rng = np.random.default_rng(seed)
    params = en.init_parameters(2, 5, 2, init="normal", rng=rng).map(lambda p: p * scale)
    return params, *problem_of(params, 10, 3, rng), activation


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", range(5))
def test_a_middle_in_float64_is_one_more_right_program(seed, form, activation, request):
    """Two libraries, fifty digits and the worst of programs are within one radius of it."""
    params, x, h_0, dy, dh_n, _ = in_float64(seed, activation, 0.5)
    found = {"worst": adversary(params, x, h_0, dy, dh_n, activation, lambda _: 1, form)}
    model = en.ElmanRNN.from_params(params, activation=activation)
    problem = (x, h_0, None, dy, dh_n)
    found["NumPy"] = numpy_tensors(model, *problem)
    found["PyTorch"] = torch_tensors(et.ElmanRNN.from_numpy(model), *problem)
    truth = fifty_digits(params, x, h_0, dy, activation)
    request.getfixturevalue("no_long_double")
    assert Unit.of(np.float64).long == np.float64
    balls = balls_of(params, x, h_0, dy, dh_n, activation, 2**18)
    for program, (name, ball) in itertools.product(found.values(), balls.items()):
        value = program[name] if name in program else program[f"d{name}"]
        assert ball.mid.dtype == np.float64
        assert np.all(np.abs(value - ball.mid.astype(np.longdouble)) <= ball.rad), name
    for name, ball in balls_of(params, x, h_0, dy, 0 * dh_n, activation, 2**18).items():
        assert np.all(np.abs(digits(ball.mid) - truth[name]) <= digits(ball.rad)), name


def test_there_the_radius_is_about_twice_as_large(request):
    problem = in_float64(0, "tanh", 0.5)
    here = balls_of(*problem, 2**18)
    request.getfixturevalue("no_long_double")
    for name, ball in balls_of(*problem, 2**18).items():
        assert 1.9 < np.max(ball.rad) / np.max(here[name].rad) < 2.1


# ---------------------------------------------------------------- resets and chunks, one step at a time


TRUNCATIONS = [{}] + [{key: steps} for key in ("reset_every", "chunk") for steps in (1, 3, 4, 10, 11)]


def shorter(truncation):
    """What a truncation does to ten steps: nothing, if it is no shorter."""
    return {key: steps for key, steps in truncation.items() if steps < 10}


@pytest.mark.eq("8.18", "8.19")
@pytest.mark.parametrize("truncation", TRUNCATIONS, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_one_step_at_a_time_knows_where_the_state_and_the_gradient_are_cut(truncation, dtype, activation):
    """Ten steps; also that another truncation of the same lengths is told from this one."""
    params = en.init_parameters(2, 6, 2, init="normal", dtype=dtype, rng=3)
    x, h_0, dy, dh_n = problem_of(params, 10, 2, np.random.default_rng(4))
    for own in own_tensors(params, x, h_0, dy, dh_n, activation, **truncation):
        found = residuals(params, x, h_0, dy, own, Recurrence(activation, **truncation), dh_n)
        assert found.keys() == own.keys()
        assert max(found.values()) <= 1, found
        for other in TRUNCATIONS:
            wrong = residuals(params, x, h_0, dy, own, Recurrence(activation, **other), dh_n)
            assert (max(wrong.values()) <= 1) == (shorter(other) == shorter(truncation)), other


def test_one_step_at_a_time_without_steps_or_rows():
    params = en.init_parameters(2, 3, 2, rng=0)
    for steps, batch, truncation in itertools.product((0, 2), (0, 2), ({}, {"reset_every": 1}, {"chunk": 1})):
        x, h_0, dy, dh_n = problem_of(params, steps, batch, np.random.default_rng(0))
        own = own_tensors(params, x, h_0, dy, dh_n, "tanh", **truncation)[0]
        assert max(residuals(params, x, h_0, dy, own, Recurrence(**truncation), dh_n).values()) <= 1


# ---------------------------------------------------------------- Adam's extremes


@pytest.mark.eq("8.19a", "8.20", "8.21", "8.22")
@pytest.mark.parametrize("dtype", DTYPES)
@given(
    st.integers(-310, 300),
    st.sampled_from([0.0, 1e-3, 1.0, 30.0, 1e10, 1e200]),
    st.sampled_from([0.0, 0.5, 1.0, 50.0, 1e5]),
    st.sampled_from([0.0, 1e-8, 1e3]),
    st.booleans(),
    st.booleans(),
)
def test_numbers_of_any_size_stay_in_adams_ball_or_it_has_no_end(
    dtype, size, lr, decay, eps, decoupled, amsgrad
):
    """Gradients from 1e-310 to 1e300, rates and decays above 1; what may overflow has an infinite radius."""
    unit, flags = Unit.of(dtype), {"lr": lr, "weight_decay": decay, "eps": eps, "amsgrad": amsgrad}
    kind = torch.optim.AdamW if decoupled else torch.optim.Adam
    with np.errstate(all="ignore"):
        g = (np.array([1.0, -0.7, 1e-3]) * 10.0**size).astype(dtype)
    p = np.array([1.0, -1.0, 0.3], dtype)
    if not np.all(np.isfinite(g)) or lr > float(np.finfo(dtype).max):  # PyTorch refuses such a rate
        return
    ball, ours, options = (
        AdamBall.start(p),
        (p, *np.zeros((3, 3), dtype)),
        en.AdamOptions(decoupled=decoupled, **flags),
    )
    tensors = [torch.nn.Parameter(torch.tensor(p)) for _ in range(3)]
    forms = ({"foreach": False}, {"foreach": True}, {"fused": True})
    theirs = [kind([tensor], **form, **flags) for tensor, form in zip(tensors, forms, strict=True)]
    for step in (1, 2, 3):
        ball = adam_ball(ball, unit.exact(g), step, options)
        with np.errstate(all="ignore"):
            ours = en.adam_step(ours[0], g, *ours[1:], step, options)
        found = [ours[:3]]
        for tensor, optimiser in zip(tensors, theirs, strict=True):
            tensor.grad = torch.tensor(g)
            optimiser.step()
            state = optimiser.state[tensor]
            found.append([z.detach().numpy() for z in (tensor, state["exp_avg"], state["exp_avg_sq"])])
        for program, (i, about) in itertools.product(found, enumerate((ball.p, ball.m, ball.v))):
            assert not np.any(np.isnan(about.rad))
            with np.errstate(invalid="ignore"):
                inside = np.abs(program[i].astype(unit.long) - about.mid) <= about.rad
            assert np.all(inside | (about.rad == np.inf))


@pytest.mark.eq("8.19a")
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_parameter_shrunk_by_a_difference_is_in_the_ball_too(dtype):
    """p - (lr decay) p, at lr decay near 1, where the factor alone would say too little."""
    p = np.random.default_rng(0).standard_normal(1000).astype(dtype)
    options = en.AdamOptions(lr=0.1, weight_decay=10 * (1 - 2.0**-20), decoupled=True)
    unit, zero = Unit.of(dtype), np.zeros_like(p)
    ball = adam_ball(AdamBall.start(p), unit.exact(zero), 1, options).p
    found = p - dtype.type(options.lr * options.weight_decay) * p
    assert np.all(in_radii(found.astype(unit.long), ball) <= 1)
    assert np.any(
        in_radii(found.astype(unit.long), unit.exact(p) * (1 - options.lr * options.weight_decay)) > 1
    )


@given(cases(max_steps=8))
@settings(max_examples=settings.default.max_examples // 5)
def test_no_radius_is_ever_not_a_number(case):
    for scale in (1e-300, 1e300):
        dy = np.ones((*case.x.shape[:-1], case.model.output_size)).astype(case.model.dtype)
        with np.errstate(all="ignore"):
            x = (case.x.astype(np.float64) * scale).astype(case.model.dtype)
        if np.all(np.isfinite(x)):
            for ball in ball_tensors(case.model, x, case.h_0, None, dy, None).values():
                assert not np.any(np.isnan(ball.rad))
