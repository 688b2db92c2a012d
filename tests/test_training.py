"""Split, windows, scaling and training, in both backends."""

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import elman_np as en
import elman_torch as et
from elman_np.training import batches
from tests.support.prices import CLOSES, YEAR
from tests.support.strategies import dtypes


@given(st.integers(10, 300), st.floats(0.2, 0.6), st.floats(0.15, 0.3))
def test_split_keeps_every_day_in_order(days, train, validation):
    series = CLOSES[:days]
    parts = en.split(series, train, validation)
    np.testing.assert_array_equal(np.concatenate(parts), series)
    assert all(len(part) for part in parts)


@given(st.integers(2, 60), st.data())
def test_every_window_is_followed_by_its_targets(days, data):
    length = data.draw(st.integers(1, days - 1))
    x, target = en.windows(CLOSES[:days], length)
    assert x.shape == target.shape == (length, days - length, 1)
    for n in range(days - length):
        np.testing.assert_array_equal(x[:, n, 0], CLOSES[n : n + length])
        np.testing.assert_array_equal(target[:, n, 0], CLOSES[n + 1 : n + length + 1])


@pytest.mark.eq("2.3", "2.4")
@given(st.integers(2, 200), dtypes)
def test_scaling_gives_mean_0_and_std_1_and_can_be_undone(days, dtype):
    """n + 4 roundings of values up to max|series| / std in size, and as many again on the way back."""
    series = CLOSES[:days].astype(dtype)
    scaler = en.Scaler.fit(series)
    scaled = scaler.transform(series)
    unit = np.finfo(dtype).eps * (days + 4)
    size = np.abs(series).max() / scaler.std
    assert abs(np.mean(scaled, dtype=np.float64)) <= unit * size
    assert abs(np.std(scaled, dtype=np.float64) - 1) <= 2 * unit * size**2
    assert np.all(np.abs(scaler.inverse(scaled) - series) <= unit * size * scaler.std)
    assert scaled.dtype == dtype


@pytest.mark.eq("2.5")
def test_rmse_is_in_the_units_of_the_series():
    """Predicting the year's mean is off by the standard deviation; 250 squares are summed."""
    mean = np.full_like(YEAR, YEAR.mean())
    assert en.rmse(mean, YEAR) == pytest.approx(YEAR.std(), rel=300 * np.finfo(np.float64).eps)


def test_the_scaler_sees_the_training_part_only():
    train, _, _ = en.split(YEAR)
    changed = np.concatenate([train, YEAR[len(train) :] * 100])
    assert en.Scaler.fit(en.split(changed)[0]) == en.Scaler.fit(train)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: en.split(np.zeros(0)), ValueError, "series: expected at least one value"),
        (lambda: en.split(YEAR[:3], 0.7, 0.15), ValueError, "enough days for three parts, got 3"),
        (lambda: en.split(YEAR, 0.7, 0.3), ValueError, "sum below 1, got 0.7, 0.3"),
        (lambda: en.windows(YEAR[:5], 5), ValueError, "length: expected at most 4, .* got 5"),
        (lambda: en.windows(YEAR, 0), ValueError, "length: expected 1 or more, got 0"),
        (
            lambda: en.windows(YEAR[:, None, None], 3),
            ValueError,
            r"series: expected shape \(T,\) or \(T, C\)",
        ),
        (
            lambda: en.windows(np.arange(9), 3),
            TypeError,
            "series: expected a float64 or float32 array, got int64",
        ),
        (lambda: en.windows(np.array([1.0, np.nan, 2.0]), 1), ValueError, r"got nan at index \(1,\)"),
        (lambda: en.Scaler.fit(np.full(9, 43.1)), ValueError, "got a constant 43.1"),
        (lambda: en.forecast(en.ElmanRNN(), en.Scaler(0, 1), np.zeros(0)), ValueError, "series: expected at"),
    ],
)
def test_bad_series_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


def problem(dtype=np.float64):
    series = en.Scaler.fit(YEAR).transform(YEAR).astype(dtype)
    return en.windows(series, 10)


def train_either(backend, model, x, target, **options):
    options = {"epochs": 2, "batch_size": 32, "rng": 0} | options
    if backend is en:
        return en.train(model, x, target, optimiser=en.Adam(lr=0.01), **options)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    if options.get("validation"):
        options["validation"] = tuple(torch.from_numpy(value) for value in options["validation"])
    return et.train(model, torch.from_numpy(x), torch.from_numpy(target), optimiser=optimiser, **options)


def test_both_backends_train_alike():
    """The noise is measured: a start that is moved by one unit in the last place.

    Each of the updates rounds anew, by about as much as the start was moved: so many times the noise.
    """
    x, target = problem()
    options = {"epochs": 10, "clip_norm": 0.5, "validation": (x[:, :9], target[:, :9])}
    ours, theirs, moved = (
        en.ElmanRNN(1, 4, 1, rng=0),
        et.ElmanRNN(1, 4, 1, rng=0),
        en.ElmanRNN(1, 4, 1, rng=0),
    )
    moved.params = moved.params.map(lambda p: np.nextafter(p, np.inf))
    runs = {
        "NumPy": train_either(en, ours, x, target, **options),
        "PyTorch": train_either(et, theirs, x, target, **options),
        "moved": train_either(en, moved, x, target, **options),
    }
    updates = 10 * len(list(batches(x.shape[1], 32, shuffle=False, rng=np.random.default_rng())))
    ends = np.concatenate([p.ravel() for p in ours.params])
    others = [np.concatenate([p.ravel() for p in m.params]) for m in (theirs.to_numpy(), moved)]
    assert np.abs(ends - others[0]).max() <= updates * np.abs(ends - others[1]).max()
    for name in ("loss", "grad_norm", "validation_loss"):
        a, b, c = (np.array([getattr(epoch, name) for epoch in run]) for run in runs.values())
        assert np.abs(a - b).max() <= updates * np.abs(a - c).max()
    assert runs["NumPy"][-1].loss < runs["NumPy"][0].loss / 2


@pytest.mark.parametrize("backend", [en, et])
def test_the_same_seed_gives_the_same_bits(backend):
    x, target = problem()
    runs = [backend.ElmanRNN(1, 3, 1, rng=1) for _ in range(2)]
    histories = [train_either(backend, model, x, target) for model in runs]
    assert histories[0] == histories[1]
    other = train_either(backend, backend.ElmanRNN(1, 3, 1, rng=1), x, target, rng=1)
    assert other != histories[0]


@given(st.integers(1, 40), st.none() | st.integers(1, 50), st.booleans(), st.integers(0, 9))
def test_an_epoch_sees_every_window_once(count, size, shuffle, seed):
    drawn = list(batches(count, size, shuffle=shuffle, rng=np.random.default_rng(seed)))
    assert sorted(np.concatenate(drawn)) == list(range(count))
    assert {len(batch) for batch in drawn[:-1]} <= {size}
    if not shuffle:
        assert np.concatenate(drawn).tolist() == list(range(count))


@pytest.mark.parametrize("backend", [en, et])
def test_history_and_callback_tell_the_same(backend):
    x, target = problem()
    seen = []
    history = train_either(
        backend, backend.ElmanRNN(1, 3, 1, rng=0), x, target, epochs=3, callback=seen.append
    )
    assert seen == list(history)
    frame = history.frame
    assert frame["epoch"].to_list() == [1, 2, 3]
    assert frame["validation_loss"].dtype == pl.Null or frame["validation_loss"].is_null().all()


@pytest.mark.parametrize("backend", [en, et])
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"x": np.zeros((10, 0, 1))}, ValueError, "x: expected at least one value"),
        (
            {"x": np.zeros((10, 240))},
            ValueError,
            r"x: expected windows of shape \(T, N, 1\), got \(10, 240\)",
        ),
        ({"target": np.zeros((10, 240, 2))}, ValueError, r"target: expected windows of shape \(T, N, 1\)"),
        (
            {"target": np.zeros((9, 240, 1))},
            ValueError,
            "target: expected 10 steps of 240 windows as x, got 9",
        ),
        ({"target": np.full((10, 240, 1), np.inf)}, ValueError, r"target: expected finite values, got inf"),
        ({"x": np.zeros((10, 240, 1), np.float32)}, TypeError, "expected dtype"),
        ({"epochs": 0}, ValueError, "epochs: expected 1 or more, got 0"),
        ({"batch_size": 0}, ValueError, "batch_size: expected 1 or more, got 0"),
        ({"clip_norm": -1.0}, ValueError, "clip_norm: expected a number above 0, got -1.0"),
        (
            {"validation": (np.zeros((3, 2, 1)), np.zeros((3, 1, 1)))},
            ValueError,
            r"validation\[1\]: expected 3",
        ),
    ],
)
def test_bad_training_data_is_refused_before_anything_changes(backend, change, error, message):
    x, target = problem()
    model = backend.ElmanRNN(1, 3, 1, rng=0)
    before = model.params if backend is en else model.to_numpy().params
    with pytest.raises(error, match=message):
        train_either(backend, model, **{"x": x, "target": target} | change)
    after = model.params if backend is en else model.to_numpy().params
    assert all(np.array_equal(p, q) for p, q in zip(before, after, strict=True))


@pytest.mark.parametrize("backend", [en, et])
def test_training_stops_clearly_when_the_loss_is_no_longer_finite(backend):
    """relu, a step far too large: the states overflow after a few epochs."""
    x, target = problem()
    model = backend.ElmanRNN(1, 3, 1, activation="relu", rng=0)
    if backend is en:
        model.params = model.params.map(lambda p: p * 1e40)
    else:
        model.load_params(model.to_numpy().params.map(lambda p: p * 1e40))
    with (
        np.errstate(all="ignore"),
        pytest.raises(en.TrainingDiverged, match=r"epoch 1: the loss is (inf|nan)") as stop,
    ):
        train_either(backend, model, x, target)
    assert list(stop.value.history) == []


@pytest.mark.parametrize("backend", [en, et])
@pytest.mark.parametrize("windows", [2, 5])
def test_it_stops_where_the_last_batch_alone_has_no_finite_loss(backend, windows):
    """The last update is judged by the batch that it was made from; of zeros there is nothing to learn."""
    x = np.zeros((2, windows, 1))
    x[:, -1] = 1e60
    model = backend.ElmanRNN(1, 1, 1, activation="relu", rng=0)
    params = en.Parameters(*map(np.array, ([[1.0]], [[0.0]], [0.0], [[1.0]], [0.0])))
    if backend is en:
        model.params, optimiser = params, en.Adam(lr=1e50)
    else:
        model.load_params(params)
        x, optimiser = torch.from_numpy(x), torch.optim.Adam(model.parameters(), lr=1e50)
    options = {"epochs": 1, "batch_size": 1, "shuffle": False, "optimiser": optimiser}
    with np.errstate(all="ignore"), pytest.raises(en.TrainingDiverged, match=r"the loss is (inf|nan)"):
        backend.train(model, x, 2 * x, **options)


@pytest.mark.parametrize("backend", [en, et])
@pytest.mark.parametrize("size", [None, 1, 7, 239, 240, 1000])
def test_the_generator_draws_one_order_an_epoch_and_no_more(backend, size):
    x, target = problem()
    ours, rng = np.random.default_rng(5), np.random.default_rng(5)
    train_either(backend, backend.ElmanRNN(1, 1, 1, rng=0), x, target, epochs=2, batch_size=size, rng=ours)
    for _ in range(2):
        rng.permutation(x.shape[1])
    assert ours.bit_generator.state == rng.bit_generator.state


def test_a_forecast_knows_nothing_of_the_future():
    model, scaler = en.ElmanRNN(1, 4, 1, rng=0), en.Scaler.fit(YEAR)
    changed = YEAR.copy()
    changed[100:] += 1
    a, b = en.forecast(model, scaler, YEAR), en.forecast(model, scaler, changed)
    np.testing.assert_array_equal(a[:100], b[:100])
    assert np.all(a[100:] != b[100:])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_pytorch_trains_in_dtypes_that_numpy_knows_little_of(dtype):
    """To the bit as the loop that everybody writes."""
    pair = [torch.linspace(first, 1 - first, 24).reshape(6, 4, 1).to(dtype) for first in (0, 1)]
    ours, theirs = (et.ElmanRNN(1, 3, 1, dtype=dtype, rng=0) for _ in range(2))
    first, second = (torch.optim.SGD(module.parameters(), lr=0.1) for module in (ours, theirs))
    history = et.train(ours, *pair, optimiser=first, epochs=5, shuffle=False)
    losses = []
    for _ in range(5):
        second.zero_grad()
        loss = torch.nn.functional.mse_loss(theirs(pair[0])[0], pair[1])
        loss.backward()
        second.step()
        losses.append(loss.item())
    assert [epoch.loss for epoch in history] == losses
    assert all(torch.equal(p, q) for p, q in zip(ours.parameters(), theirs.parameters(), strict=True))
