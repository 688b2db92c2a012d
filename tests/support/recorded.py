"""How wide each radius is, on fixed problems and on every path: numbers that are recorded and may not move.

    python -m tests.support.recorded

writes them anew. A radius that is too small is found by tests that look for programs outside of it. One that
is twice as wide as it has to be would let mistakes pass, and only this says so.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np

import elman_np as en
from elman_np.checking.adam_bounds import AdamBall, adam_ball
from elman_np.checking.balls import Ball, Unit
from elman_np.checking.bounds import backward_ball, forward_ball, mse_ball
from elman_np.checking.cross_entropy import cross_entropy_ball, exp_ball, log_ball
from elman_np.checking.learner import Style
from elman_np.checking.learner.calling import attempt
from elman_np.checking.learner.posing import problems
from elman_np.checking.step_bounds import step_balls
from elman_np.recurrence import Recurrence

PATH = Path(__file__).with_name("recorded.json")
DTYPES = ("float64", "float32")
TRUNCATIONS = ({}, {"reset_every": 6}, {"chunk": 6})
FLAGS = (
    {},
    {"weight_decay": 0.1},
    {"weight_decay": 0.1, "decoupled": True},
    {"amsgrad": True},
    {"maximize": True},
    {"eps": 0.0},
    {"betas": (0.5, 0.9), "lr": 0.1},
    {"betas": (0.0, 0.0)},
)
STYLES = (
    {},
    {"chunk": 3},
    {"reset_every": 3, "dh_n": "given"},
    {"rate": 0.1},
    {"rate": 1e-6},
    {"output": "last step", "loss": "mean of squares"},
    {"output": "last step", "loss": "cross-entropy sum"},
    {"loss": "half sum of squares"},
    {"loss": "sum of squares"},
    {"loss": "half mean of squares"},
)


def widths(balls):
    """Divide the sum of each ball's radii by that of its magnitudes: every entry counts."""
    return {name: float(np.sum(ball.rad) / np.sum(np.abs(ball.mid))) for name, ball in balls.items()}


def network(activation, truncation, dtype):
    """Six windows of 20 days, H = 5: the whole problem, and one step at a time."""
    close = en.load_splg()["Close"].to_numpy()
    series = en.Scaler.fit(close).transform(close).astype(dtype)
    x, target = (z[:, ::40] for z in en.windows(series, 20))
    recurrence = Recurrence(activation, **truncation)
    model = en.ElmanRNN(1, 5, 1, dtype=dtype, rng=0, **vars(recurrence))
    rng = np.random.default_rng(0)
    h_0, dh_n = rng.standard_normal((2, x.shape[1], 5)).astype(dtype)
    forward = forward_ball(model.params, x, h_0, recurrence)
    loss, dy = mse_ball(forward.y, target)
    whole = {"y": forward.y, "h_n": forward.h_n, "loss": loss, "dy": dy} | backward_ball(forward, dy, dh_n)
    y, _, tape = model.forward(x, h_0)
    upstream = en.mse_loss(y, target)[1]
    da, _ = model.state_gradients(tape, upstream, dh_n)
    steps = step_balls(model.params, x, h_0, recurrence, dh_n, tape.bptt.h, da, upstream)
    return widths(whole), widths(steps)


def smallest(activation, steps, dtype):
    """A step or two of one unit: sums are so short that each rounding beside them counts."""
    numbers = ([[0.7]], [[0.6]], [0.1], [[0.9]], [0.2])
    params = en.Parameters(*(np.array(value, dtype) for value in numbers))
    x, dy = np.array([[0.5, 0.8], [0.3, 0.4]], dtype)[:, :steps, None, None]
    h_0, recurrence = np.array([[0.3]], dtype), Recurrence(activation)
    forward = forward_ball(params, x, h_0, recurrence)
    found = {"y": forward.y, "h": forward.h, "slope": forward.slope}
    return widths(found | backward_ball(forward, Unit.of(np.dtype(dtype)).exact(dy)))


def cross_entropy(dtype):
    """Scores of four classes, exact; an exponential and a logarithm of numbers exact and not."""
    rng, unit = np.random.default_rng(2), Unit.of(np.dtype(dtype))
    y = unit.exact(rng.standard_normal((6, 2, 4)).astype(dtype))
    z = np.array([0.125, 0.5, 2.0, 8.0])
    known, moved = unit.exact(z), Ball(z.astype(unit.long), 2 * unit.u * z, unit)
    found = {"exp": exp_ball(known), "exp of a ball": exp_ball(moved), "shifted": exp_ball(known, 9.0)}
    found |= {"log": log_ball(known), "log of a ball": log_ball(moved)}
    for mean in (True, False):
        balls = cross_entropy_ball(y, rng.integers(0, 4, (6, 2)), mean=mean)
        found |= {f"{name}, mean={mean}": ball for name, ball in balls.items()}
    return widths(found)


def adam(options, dtype):
    """Ten updates of forty numbers with gradients of all sizes, the ball running on."""
    rng, unit = np.random.default_rng(1), Unit.of(np.dtype(dtype))
    ball = AdamBall.start(rng.standard_normal(40).astype(dtype))
    for step in range(1, 11):
        g = (rng.standard_normal(40) * 10.0 ** rng.integers(-6, 2, 40)).astype(dtype)
        ball = adam_ball(ball, unit.exact(g), step, en.AdamOptions(**options))
    return widths(vars(ball))


def learner(words, dtype):
    """What is right for a learner's program, in the style of `words`; by a rate, from its new weights."""
    style = Style.of(words | {"dtype": dtype})
    problem = problems(style)[2]
    params = dict(problem.params.items())
    returned = params if style.rate else {f"d{name}": p for name, p in params.items()}
    return widths(attempt(lambda p: returned, style, problem).balls)


def measure():
    """All widths, by a path that says what was measured."""
    found = {}
    for dtype, activation, truncation in itertools.product(DTYPES, ("tanh", "relu"), TRUNCATIONS):
        names = ("whole problem", "one step")
        for name, sizes in zip(names, network(activation, truncation, dtype), strict=True):
            found |= {f"{dtype}, {activation}, {truncation}, {name}, {k}": v for k, v in sizes.items()}
    for dtype, activation, steps in itertools.product(DTYPES, ("tanh", "relu"), (1, 2)):
        sizes = smallest(activation, steps, dtype)
        found |= {f"{dtype}, {activation}, {steps} steps of one unit, {k}": v for k, v in sizes.items()}
    for dtype in DTYPES:
        found |= {f"{dtype}, cross-entropy, {k}": v for k, v in cross_entropy(dtype).items()}
    for dtype, options in itertools.product(DTYPES, FLAGS):
        found |= {f"{dtype}, Adam {options}, {k}": v for k, v in adam(options, dtype).items()}
    for dtype, words in itertools.product(DTYPES, STYLES):
        found |= {f"{dtype}, learner {words}, {k}": v for k, v in learner(words, dtype).items()}
    return found


if __name__ == "__main__":
    PATH.write_text(json.dumps(measure(), indent=0) + "\n")
