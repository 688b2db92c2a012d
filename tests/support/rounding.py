"""What the tests of the bounds share: balls at their edges, the worst right program, and fifty digits."""

import itertools

import mpmath
import numpy as np
from hypothesis import strategies as st

import elman_np as en
import elman_torch as et
from elman_np.checking.balls import Ball, Unit, in_bounds
from elman_np.checking.bounds import (
    TANH_ULPS,
    backward_ball,
    forward_ball,
)
from elman_np.checking.problems import Case, numpy_solution
from elman_np.recurrence import Recurrence
from elman_torch.parity import torch_solution

DTYPES = [np.dtype(np.float64), np.dtype(np.float32)]


KEPT = [0, 1, 2**18]  # entries of matrices of errors: none, one row's at a time, many rows'


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
    """Distance from the middle in radii, at each entry."""
    assert np.all(ball.rad >= 0)
    return in_bounds(np.asarray(value, ball.unit.long), ball.mid, ball.rad)


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


def ends_of(a):
    return [a.mid + share * a.rad for share in (-1, -0.7, -0.2, 0, 0.3, 0.9, 1)]


def through_tanh(dh, h, form, wrong):
    """Multiply by tanh's slope in one of the forms that count as right, each operation rounded by `wrong`."""
    match form:
        case "1 - h h":
            return wrong(dh * wrong(1 - wrong(h * h)))
        case "(1 - h)(1 + h)":
            return wrong(dh * wrong(wrong(1 - h) * wrong(1 + h)))
        case "(g + g h)(1 - h)":
            return wrong(wrong(dh + wrong(dh * h)) * wrong(1 - h))


FORMS = ["1 - h h", "(1 - h)(1 + h)", "(g + g h)(1 - h)"]


def adversary(params, x, h_0, dy, dh_n, activation, direction, form=FORMS[0]):
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
            da = through_tanh(dh, states[t], form, lambda value: wrong(value, np.abs(value), 1))
        else:
            da = wrong(dh * (states[t] > 0), np.abs(dh * (states[t] > 0)), 1)
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
    forward = forward_ball(params, x, h_0, Recurrence(activation), kept=kept)
    upstream = Unit.of(params.dtype).exact(dy)
    return {"y": forward.y, "h_n": forward.h_n} | backward_ball(forward, upstream, dh_n)


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


def own_tensors(params, x, h_0, dy, dh_n, activation, **truncation):
    """What both backends find, their states and gradients at each step included."""
    model = en.ElmanRNN.from_params(params, activation=activation, **truncation)
    case = Case(model, x, h_0, dy, dh_n, None)
    sides = numpy_solution(case), torch_solution(et.ElmanRNN.from_numpy(case.model), case)
    return [side.tensors | {name: side.steps[name] for name in ("h", "da")} for side in sides]


def amplifying(kind, dtype, seed, steps=60, hidden=12):
    """Relu states that grow at each step, or tanh states that forget where they came from."""
    rng = np.random.default_rng(seed)
    params = en.init_parameters(2, hidden, 2, init="normal", dtype=dtype, rng=rng)
    activation = {"exploding": "relu", "chaotic": "tanh"}[kind]
    return params, *problem_of(params, steps, 2, rng), activation
