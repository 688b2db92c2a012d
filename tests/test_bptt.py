"""`forward` and `backward` by themselves: what `ElmanRNN` never leaves to them, defaults and refusals."""

import dataclasses
import re

import numpy as np
import pytest

import elman_np as en
from elman_np.bptt import parameter_gradients, state_gradients

PARAMS = en.init_parameters(2, 3, 1, rng=0)
X, H_0, DY = np.ones((5, 4, 2)), np.ones((4, 3)), np.ones((5, 4, 1))


def test_tanh_is_the_default():
    default, tanh = en.forward(PARAMS, X, H_0)[0], en.forward(PARAMS, X, H_0, activation="tanh")[0]
    np.testing.assert_array_equal(default, tanh)


@pytest.mark.parametrize(
    ("x", "h_0", "options", "message"),
    [
        (X[0], H_0, {}, "x: expected shape (T, B, 2), got (4, 2)"),
        (X[..., :1], H_0, {}, "x: expected shape (T, B, 2), got (5, 4, 1)"),
        (X, H_0[:1], {}, "h_0: expected shape (4, 3), got (1, 3)"),
        (X, H_0, {"activation": "sigmoid"}, "activation: expected 'tanh' or 'relu', got 'sigmoid'"),
        (X, H_0, {"reset_every": 0}, "reset_every: expected 1 or more, got 0"),
        (X, H_0, {"chunk": 0}, "chunk: expected 1 or more, got 0"),
        (
            X,
            H_0,
            {"reset_every": 2, "chunk": 3},
            "reset_every and chunk: expected at most one of them, got 2 and 3; "
            "a reset already cuts the gradient",
        ),
    ],
)
def test_forward_names_what_it_refuses(x, h_0, options, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        en.forward(PARAMS, x, h_0, **options)


@pytest.mark.parametrize(
    ("dy", "dh_n", "error", "message"),
    [
        (DY[:4], None, ValueError, "dy: expected shape (5, 4, 1), got (4, 4, 1)"),
        (DY, H_0[:3], ValueError, "dh_n: expected shape (4, 3), got (3, 3)"),
        (DY.astype(np.float32), None, TypeError, "dy: expected dtype float64 as the rest, got float32"),
        (DY, H_0.astype(np.float32), TypeError, "dh_n: expected dtype float64 as the rest, got float32"),
    ],
)
def test_backward_names_what_it_refuses(dy, dh_n, error, message):
    _, _, tape = en.forward(PARAMS, X, H_0)
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        en.backward(tape, dy, dh_n)


def test_a_tape_cannot_be_written_into():
    _, _, tape = en.forward(PARAMS, X, H_0, reset_every=2)
    for array in (*tape.params, tape.x, tape.states, tape.h):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_an_infinite_learning_rate_is_refused_and_betas_of_0_are_not():
    with pytest.raises(ValueError, match="lr: expected a finite number, 0 or more, got inf"):
        en.Adam(lr=np.inf)
    assert en.Adam(betas=(0.0, 0.0)).options.betas == (0.0, 0.0)


@pytest.mark.parametrize("dh_n", [None, np.ones((4, 3))])
@pytest.mark.parametrize("options", [{}, {"reset_every": 2}, {"chunk": 2}])
def test_a_part_of_the_gradients_is_what_backward_has_of_it(options, dh_n):
    tape = en.forward(PARAMS, X, H_0, **options)[2]
    grads, dx, dh_0 = en.backward(tape, DY, dh_n)
    np.testing.assert_array_equal(parameter_gradients(tape, DY, dh_n).flat, grads.flat)
    da, of_state = state_gradients(tape, DY, dh_n)
    np.testing.assert_array_equal(da @ PARAMS.w_x, dx)
    np.testing.assert_array_equal(of_state, dh_0)


@pytest.mark.parametrize("reset_every", [1, 2, 3, 7, 150, 299])
def test_many_stretches_are_those_one_by_one(reset_every):
    """Up to 300 of them; small integers, so that every order of the sums gives the same bits."""
    rng = np.random.default_rng(reset_every)
    params = en.Parameters(*(rng.integers(-1, 2, p.shape).astype(float) for p in en.init_parameters(2, 1, 2)))
    params = params.like(np.where(np.arange(len(params.flat)) == 2, 1.0, params.flat))  # w_h is 1: no growth
    x, dy = rng.integers(-2, 3, (2, 300, 3, 2)).astype(float)
    h_0, dh_n = rng.integers(0, 3, (2, 3, 1)).astype(float)
    y, h_n, tape = en.forward(params, x, h_0, activation="relu", reset_every=reset_every)
    grads, dx, dh_0 = en.backward(tape, dy, dh_n)
    total, ys, dxs, firsts = 0 * params.flat, [], [], 0 * h_0
    for first in range(0, 300, reset_every):
        part = slice(first, first + reset_every)
        y_part, last, one = en.forward(params, x[part], h_0, activation="relu")
        g, dx_part, dh_first = en.backward(one, dy[part], dh_n if first + reset_every >= 300 else 0 * dh_n)
        ys.append(y_part)
        dxs.append(dx_part)
        total, firsts = total + g.flat, firsts + dh_first
    np.testing.assert_array_equal(y, np.concatenate(ys))
    np.testing.assert_array_equal(dx, np.concatenate(dxs))
    np.testing.assert_array_equal(h_n, last)
    np.testing.assert_array_equal(dh_0, firsts)
    np.testing.assert_array_equal(grads.flat, total)


@pytest.mark.parametrize("options", [{"reset_every": 50}, {"reset_every": 33_000}, {"chunk": 50}, {}])
def test_a_sequence_of_70_000_steps_is_its_parts(options):
    """More than a 16-bit number counts. The last steps alone, and what goes back through them."""
    rng = np.random.default_rng(0)
    params = en.init_parameters(1, 2, 1, rng=rng)
    x, dy = rng.standard_normal((2, 70_000, 1, 1))
    zeros = np.zeros((1, 2))
    y, h_n, tape = en.forward(params, x, zeros, **options)
    da, _ = state_gradients(tape, dy)
    last = slice(66_000, 70_000)  # whole stretches of 50 and 33 000, and chunks of 50
    h_0 = zeros if "reset_every" in options else tape.h[65_999]
    y_last, h_last, tape_last = en.forward(params, x[last], h_0, **options)
    da_last, _ = state_gradients(tape_last, dy[last])
    np.testing.assert_allclose(y[last], y_last, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(h_n, h_last, rtol=1e-12)
    np.testing.assert_allclose(da[last], da_last, rtol=1e-9, atol=1e-15)
    first = slice(0, 100 if options != {"reset_every": 33_000} else 33_000)
    da_first, _ = state_gradients(en.forward(params, x[:66_000], zeros, **options)[2], dy[:66_000])
    np.testing.assert_allclose(da[first], da_first[first], rtol=1e-9, atol=1e-15)


@pytest.mark.eq("1.5")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_relu_of_what_overflowed_below_is_0(dtype):
    largest = np.finfo(dtype).max
    params = en.Parameters(*(np.full(p.shape, -largest, dtype) for p in en.init_parameters(1, 2, 1)))
    params = dataclasses.replace(params, w_h=0 * params.w_h, w_y=params.w_y / largest, b_y=0 * params.b_y)
    with np.errstate(over="ignore"):
        y, h_n, tape = en.forward(
            params, np.full((3, 1, 1), 2, dtype), np.zeros((1, 2), dtype), activation="relu"
        )
    for z in (h_n, tape.h):
        assert not z.any()
        assert not np.signbit(z).any()
    assert not y.any()


@pytest.mark.eq("3.6", "5.1", "5.3", "9.4")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("truncation", ["chunk", "reset_every"])
def test_a_long_sequence_is_cut_at_every_place_and_nowhere_else(truncation, dtype):
    """All weights 1: the gradient at a step is the number of steps from there to the next cut, exactly."""
    steps, one = 300, np.ones((1, 1), dtype)
    params, x = en.Parameters(one, one, one[0], one, one[0]), np.ones((steps, 1, 1), dtype)
    t = np.arange(steps)
    for length in range(1, steps + 2):
        tape = en.bptt.forward(params, x, one, activation="relu", **{truncation: length})[2]
        da, dh_0 = en.bptt.state_gradients(tape, x)
        ends = np.minimum((t // length + 1) * length, steps)
        np.testing.assert_array_equal(da[:, 0, 0], ends - t)
        starts = t[::length] if truncation == "reset_every" else t[:1]
        assert dh_0.item() == (ends - t)[starts].sum()
