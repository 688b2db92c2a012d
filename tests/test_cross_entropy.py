"""The ball for softmax and cross-entropy (chapter 8): every right program is in it, and it is narrow."""

import numpy as np
import pytest
import torch

from elman_np.checking.balls import Ball, Unit
from elman_np.checking.cross_entropy import cross_entropy_ball, exp_ball, log_ball

DTYPES = (np.float64, np.float32)
dtypes = pytest.mark.parametrize("dtype", DTYPES)
SCALES = (1e-3, 1.0, 10.0)


def scores(dtype, scale, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((7, 3, 5)) * scale).astype(dtype), rng.integers(0, 5, (7, 3))


def around(middle, radius, dtype):
    """A ball whose radius is far above rounding, to be filled to its corners."""
    unit = Unit.of(dtype)
    middle = np.asarray(middle, unit.long)
    return Ball(middle, np.full_like(middle, radius), unit)


def shifted(y, target, *, mean):
    power = np.exp(y - y.max(-1, keepdims=True))
    p = power / power.sum(-1, keepdims=True)
    return finish(y, p, -np.log(np.take_along_axis(p, target[..., None], -1)), target, mean=mean)


def plain(y, target, *, mean):
    p = np.exp(y) / np.sum(np.exp(y)[..., ::-1], -1, keepdims=True)
    row = np.log(np.sum(np.exp(y), -1, keepdims=True)) - np.take_along_axis(y, target[..., None], -1)
    return finish(y, p, row, target, mean=mean)


def finish(y, p, row, target, *, mean):
    n = y.dtype.type(target.size if mean else 1)
    dy = p / n - np.eye(y.shape[-1], dtype=y.dtype)[target] / n
    return {"loss": row.sum() / n, "dy": dy, "probabilities": p}


def by_torch(y, target, *, mean):
    z = torch.tensor(y, requires_grad=True)
    loss = torch.nn.functional.cross_entropy(
        z.reshape(-1, y.shape[-1]), torch.tensor(target.ravel()), reduction="mean" if mean else "sum"
    )
    loss.backward()
    return {
        "loss": loss.detach().numpy(),
        "dy": z.grad.numpy(),
        "probabilities": z.softmax(-1).detach().numpy(),
    }


@dtypes
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("mean", [True, False])
@pytest.mark.parametrize("program", [shifted, plain, by_torch])
def test_right_programs_are_in_the_ball(program, mean, scale, dtype):
    for seed in range(20):
        y, target = scores(dtype, scale, seed)
        balls = cross_entropy_ball(Unit.of(dtype).exact(y), target, mean=mean)
        for name, value in program(y, target, mean=mean).items():
            assert np.all(np.abs(value - balls[name].mid) <= balls[name].rad), name


@dtypes
def test_the_ball_is_narrow(dtype):
    """A hundred units in the last place at most, of the largest entry."""
    y, target = scores(dtype, 1.0)
    for ball in cross_entropy_ball(Unit.of(dtype).exact(y), target, mean=True).values():
        assert np.max(ball.rad) <= 100 * np.finfo(dtype).eps * np.max(np.abs(ball.mid))


@pytest.mark.eq("8.30")
@dtypes
def test_exp_of_the_ends_of_a_ball(dtype):
    z = around([-3.0, 0.0, 2.0], 1e-2, dtype)
    ball = exp_ball(z, 1.5)
    for end in (z.mid - z.rad, z.mid + z.rad):
        assert np.all(np.abs(np.exp(end - 1.5) - ball.mid) <= ball.rad)


@pytest.mark.eq("8.31")
@dtypes
def test_log_of_the_ends_of_a_ball(dtype):
    z = around([0.1, 1.0, 20.0], 1e-2, dtype)
    ball = log_ball(z)
    for end in (z.mid - z.rad, z.mid + z.rad):
        assert np.all(np.abs(np.log(end) - ball.mid) <= ball.rad)
    assert log_ball(around(1e-3, 1e-2, dtype)).rad == np.inf


@pytest.mark.eq("8.32", "8.33")
@dtypes
@pytest.mark.parametrize("mean", [True, False])
def test_the_corners_of_a_ball_of_scores_are_in_its_results(dtype, mean):
    """Right class down and the others up, and the other way: the farthest that scores can go."""
    unit = Unit.of(dtype)
    target = np.array([[0], [1]])
    y = around(np.array([[[0.0, 0.0, 0.0]], [[1.0, 0.5, -0.5]]]), 1e-3, dtype)
    balls = cross_entropy_ball(y, target, mean=mean)
    away = np.where(np.eye(3)[target] == 1, -1, 1) * y.rad
    for corner in (y.mid + away, y.mid - away):
        for name, value in shifted(corner.astype(unit.long), target, mean=mean).items():
            assert np.all(np.abs(value - balls[name].mid) <= balls[name].rad), name
