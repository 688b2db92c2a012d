"""What forward and backward hold, in bytes: derived in chapter 9, and measured."""

import tracemalloc

import numpy as np
import pytest

import elman_np as en
from elman_np.checking.problems import ball_tensors, numpy_tensors
from elman_torch.parity import Comparison

SLACK = 32 * 1024  # Python's own objects, and NumPy's buffers of a few kilobytes


def peak(run):
    """Bytes that `run` holds at its worst moment, beyond what was there before; and its result."""
    run()  # what is loaded or kept at the first call is no part of it
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        result = run()
        return tracemalloc.get_traced_memory()[1] - before, result
    finally:
        tracemalloc.stop()


def size(*arrays):
    return sum(array.nbytes for array in arrays)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("truncation", [{}, {"chunk": 7}, {"reset_every": 8}, {"reset_every": 7}])
def test_at_most_three_arrays_of_states_are_held(truncation, activation, dtype):
    """The states, their gradients and their slopes; all else has the size of what comes in or goes out."""
    steps, batch, hidden = 64, 16, 64
    model = en.ElmanRNN(2, hidden, 2, activation=activation, dtype=dtype, rng=0, **truncation)
    x, dy = np.random.default_rng(0).standard_normal((2, steps, batch, 2)).astype(dtype)

    def run():
        y, h_n, tape = model.forward(x)
        return y, h_n, *model.backward(tape, dy)

    held, (y, h_n, grads, dx, dh_0) = peak(run)
    states = steps * batch * hidden * np.dtype(dtype).itemsize
    first_states = states // steps * len(range(0, steps, truncation.get("reset_every", steps)))
    around = size(x, y, dy, dx, *grads) + 4 * size(h_n, dh_0) + size(model.params.w_h)
    assert held > states
    assert held <= 3 * states + 2 * first_states + 2 * around + SLACK


def test_a_forward_pass_holds_the_states_once():
    model = en.ElmanRNN(2, 64, 2, rng=0)
    x = np.random.default_rng(0).standard_normal((64, 16, 2))
    held, (y, h_n) = peak(lambda: model(x))
    states = 64 * 16 * 64 * 8
    assert held <= states + 2 * size(x, y) + 4 * size(h_n) + 2 * size(model.params.w_h) + SLACK


def by_pieces(model, series, upstream, length):
    """Feed a long series piece by piece: the state goes on, and no gradient comes back over a border.

    `upstream(y, piece)` is the gradient of the loss with respect to the outputs of a piece. Returns the
    gradients of the whole, h_n and dh_0.
    """
    h, total, dh_0 = np.zeros(model.hidden_size, model.dtype), model.params.map(np.zeros_like), None
    for start in range(0, len(series), length):
        piece = slice(start, start + length)
        y, h, tape = model.forward(series[piece], h)
        grads, _, dh_first = model.backward(tape, upstream(y, piece))
        total = total.map(np.add, grads)
        dh_0 = dh_first if dh_0 is None else dh_0
    return total, h, dh_0


def mean_squared_error(series, target):
    """The upstream gradient of the mean over the whole series: a piece counts for its share of the days."""
    return lambda y, piece: en.mse_loss(y, target[piece])[1] * (len(y) / len(series))


@pytest.mark.eq("5.3")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize(("steps", "length"), [(60, 10), (61, 10), (9, 10), (12, 1)])
def test_pieces_give_the_gradient_that_chunk_gives(steps, length, activation, dtype):
    model = en.ElmanRNN(1, 4, 1, activation=activation, dtype=dtype, rng=0)
    whole = en.ElmanRNN.from_params(model.params, activation=activation, chunk=length)
    series, dy = np.random.default_rng(1).standard_normal((2, steps)).astype(dtype)
    grads, h_n, dh_0 = by_pieces(model, series, lambda y, piece: dy[piece], length)
    problem = (whole, series, np.zeros(4, dtype), None, dy, None)
    ours = numpy_tensors(*problem)
    theirs = {"h_n": h_n, "dh_0": dh_0} | {f"d{name}": g for name, g in grads.items()}
    balls = {name: ball for name, ball in ball_tensors(*problem).items() if name in theirs}
    Comparison.of(ours, theirs, balls).check()


@pytest.mark.eq("5.3")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("length", [1, 3, 4, 12])
def test_pieces_give_it_bit_for_bit_where_sums_are_exact(length, dtype):
    """Small integers and relu: no sum rounds, in whatever order it is taken."""
    w_x, w_h = np.array([[1], [-1], [1]]), np.array([[0, 1, 0], [1, 0, 0], [0, -1, 1]])
    arrays = (w_x, w_h, np.array([0, 1, 1]), np.array([[1, -1, 2]]), np.array([-1]))
    model = en.ElmanRNN.from_params(en.Parameters(*(a.astype(dtype) for a in arrays)), activation="relu")
    whole = en.ElmanRNN.from_params(model.params, activation="relu", chunk=length)
    series, dy = np.random.default_rng(2).integers(-2, 3, (2, 12)).astype(dtype)
    _, h_n, tape = whole.forward(series)
    expected, _, dh_0 = whole.backward(tape, dy)
    assert all(0 < np.abs(g).max() < 10_000 for g in expected)  # far from where integers round
    grads, *states = by_pieces(model, series, lambda y, piece: dy[piece], length)
    for ours, theirs in zip((*grads, *states), (*expected, h_n, dh_0), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def piece_bound(model, length):
    """Bytes for a piece of a series: three arrays of states; x, y, dy, dx and temporaries of their size."""
    item = np.dtype(model.dtype).itemsize
    weights = sum(p.nbytes for p in model.params)
    return 3 * (length + 1) * model.hidden_size * item + 12 * length * item + 8 * weights + SLACK


@pytest.mark.parametrize("pieces", [2, 20])
def test_the_number_of_pieces_does_not_show_in_memory(pieces):
    length = 500
    model = en.ElmanRNN(1, 16, 1, rng=0)
    series, target = np.random.default_rng(0).standard_normal((2, pieces * length))
    held, _ = peak(lambda: by_pieces(model, series, mean_squared_error(series, target), length))
    assert held <= piece_bound(model, length)


@pytest.mark.slow
def test_a_million_steps_in_the_memory_of_a_thousand():
    steps, length = 1_000_000, 1_000
    model = en.ElmanRNN(1, 16, 1, rng=0)
    series, target = np.random.default_rng(0).standard_normal((2, steps))
    held, (grads, h_n, _) = peak(lambda: by_pieces(model, series, mean_squared_error(series, target), length))
    assert held <= piece_bound(model, length)
    assert held < 1_000_000  # bytes; the states of the whole series are 128 million
    assert all(np.isfinite(z).all() for z in (*grads, h_n))
