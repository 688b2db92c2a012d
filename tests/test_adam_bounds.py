"""Adam in all its right forms stays in its ball, and the ball stays small."""

import itertools

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import elman_np as en
from elman_np.checking.adam_bounds import _correction
from elman_np.checking.balls import Unit
from elman_np.checking.bounds import (
    AdamBall,
    adam_ball,
)
from elman_torch.training import torch_adam
from tests.support.rounding import (
    DTYPES,
    ROOM,
    corners,
    digits,
    half_ulp,
    in_radii,
    simulated,
    some_balls,
)
from tests.support.strategies import dtypes, seeds


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


@pytest.mark.eq("8.19a", "8.20", "8.21", "8.22", "8.23")
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
