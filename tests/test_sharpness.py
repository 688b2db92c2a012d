"""The bound is a small part of every tensor on the standard problems, at every size."""

import itertools

import numpy as np
import pytest

import elman_np as en
from elman_np.checking.bounds import Unit, backward_ball, forward_ball, mse_ball
from elman_np.recurrence import Recurrence

SHAPES = [(20, 230), (50, 199), (248, 1)]
HIDDEN = [1, 8, 16, 32, 64, 128]
MOST = {"float64": dict.fromkeys(HIDDEN, 1e-9), "float32": dict.fromkeys(HIDDEN, 5e-2) | {128: 0.5}}
TRUNCATIONS = [{}, {"reset_every": 7}, {"chunk": 7}]


def problem(steps, batch, hidden, dtype, seed=0):
    """Windows of the year's closes, or the year as one series; standardised, default start."""
    close = en.load_splg()["Close"].to_numpy()
    series = en.Scaler.fit(close).transform(close).astype(dtype)
    if batch == 1:
        x, target = series[:steps, None, None], series[1 : steps + 1, None, None]
    else:
        x, target = (z[:, :batch] for z in en.windows(series, steps))
    return en.init_parameters(1, hidden, 1, dtype=dtype, rng=seed), x, target


def widths(params, x, target, activation, truncation):
    """Twice the radius, as a part of each tensor's largest entry; or of its largest sum of absolute terms.

    Only the sums over steps and batch can cancel to nothing: that of db_y does at a minimum of the loss.
    Also the number of relu units within their radius of zero: there the slope is 0 or 1.
    """
    h_0 = np.zeros((x.shape[1], params.hidden_size), params.dtype)
    forward = forward_ball(params, x, h_0, Recurrence(activation, **truncation))
    loss, dy = mse_ball(forward.y, target)
    grads = backward_ball(forward, dy)
    balls = {"y": forward.y, "h_n": forward.h_n, "loss": loss} | grads
    sums, found = ("w_x", "w_h", "b_h", "w_y", "b_y"), {}
    for name, ball in balls.items():
        largest = np.max(np.abs(ball.mid))
        if name in sums:
            largest = max(largest, np.max(ball.terms))
        found[name] = float(2 * np.max(ball.rad) / largest) if np.any(ball.rad) else 0.0
    return found, int(np.sum(forward.slope.rad >= 1)) if activation == "relu" else 0


def too_wide(steps, batch, hidden, dtype, activation, seed, truncation):
    """Tensors whose bound is too wide; none are looked at where a relu unit is uncertain."""
    found, uncertain = widths(*problem(steps, batch, hidden, dtype, seed), activation, truncation)
    most = MOST[np.dtype(dtype).name][hidden]
    return {} if uncertain else {name: width for name, width in found.items() if not width <= most}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    ("steps", "batch", "hidden"),
    [
        (20, 230, 8),
        (20, 230, 32),
        (50, 199, 1),
        (248, 1, 64),
        *(
            pytest.param(*sizes, marks=pytest.mark.slow)
            for sizes in ((50, 199, 32), (50, 64, 64), (248, 1, 128))
        ),
    ],
)
def test_every_tensor_is_known_well_enough_to_see_a_mistake(steps, batch, hidden, dtype):
    assert not too_wide(steps, batch, hidden, dtype, "tanh", 0, {})


@pytest.mark.parametrize("truncation", TRUNCATIONS[1:], ids=str)
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_it_is_with_relu_and_where_something_is_cut_too(activation, truncation):
    for dtype in (np.float64, np.float32):
        assert not too_wide(50, 40, 16, dtype, activation, 1, truncation)


def grid(steps, batch, hidden):
    """Starts, and truncations with one of them; fewer of both, and of rows, where a case takes long."""
    starts = range(5) if hidden < 32 else (0, 4) if hidden < 128 else (4,)
    rows = batch if hidden < 128 else min(batch, 40)
    for dtype, activation in itertools.product((np.float64, np.float32), ("tanh", "relu")):
        for seed in starts:
            yield steps, batch, hidden, dtype, activation, seed, {}
        for truncation in TRUNCATIONS[1:]:
            yield steps, rows, hidden, dtype, activation, hidden % 5, truncation


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("hidden", HIDDEN)
def test_at_every_size_and_start(shape, hidden):
    found = [(case, too_wide(*case)) for case in grid(*shape, hidden)]
    assert not [(case, wide) for case, wide in found if wide]


@pytest.mark.slow
@pytest.mark.parametrize(("hidden", "rows"), [(256, 8), (1024, 1)])
def test_a_layer_that_few_rows_of_fit_is_judged(hidden, rows):
    found, _ = widths(*problem(50, rows, hidden, np.float64), "tanh", {})
    assert max(found.values()) < 1e-3


# ---------------------------------------------------------------- numbers to hold


RECORDED = {  # 2 x radius / largest entry, seed 0, tanh; a wider radius must have a reason
    (20, 230, 8, "float32"): {"y": 3.3e-5, "w_h": 6.4e-4, "x": 2.5e-4},
    (50, 199, 32, "float32"): {"y": 8.5e-4, "w_h": 1.9e-3, "x": 4.5e-3},
    (248, 1, 64, "float64"): {"y": 8.5e-12, "w_h": 3.6e-12, "x": 6e-11},
}


@pytest.mark.parametrize("case", RECORDED, ids=str)
def test_the_radius_is_no_wider_than_it_was(case):
    *sizes, dtype = case
    found, _ = widths(*problem(*sizes, np.dtype(dtype).type), "tanh", {})
    for name, width in RECORDED[case].items():
        assert width / 2 < found[name] <= width, name


def test_without_signs_the_same_problem_is_blind():
    """The test above can fail: by absolute values alone the gradient could be anything."""
    params, x, target = problem(50, 8, 32, np.float64)
    forward = forward_ball(params, x, np.zeros((8, 32)), kept=0)
    w_h = backward_ball(forward, Unit.of(np.float64).exact(target))["w_h"]
    assert np.max(w_h.rad) > 1e6 * np.max(np.abs(w_h.mid))


def on_splg(length, activation, dtype, hidden=8):
    """The standard problem: windows of the training part of 2023, or the whole year as one series."""
    close = en.load_splg()["Close"].to_numpy()
    series = close if length is None else en.split(close)[0]
    series = en.Scaler.fit(series).transform(series).astype(dtype)
    x, target = en.windows(series, length) if length else (series[:-1, None, None], series[1:, None, None])
    params = en.init_parameters(1, hidden, 1, dtype=dtype, rng=0)
    h_0 = np.zeros((x.shape[1], hidden), dtype)
    forward = forward_ball(params, x, h_0, Recurrence(activation))
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
