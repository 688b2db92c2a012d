"""Each option of data, training and forecasts, against the docstring written out in plain Python."""

import csv
import math
import statistics
from datetime import date
from fractions import Fraction
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import elman_np as en
import elman_torch as et
from elman_np.data import yahoo
from tests.support.observed import check, observed, observes, same
from tests.support.prices import CLOSES, YEAR
from tests.support.strategies import dtypes, seeds

CSV = Path(en.__file__).parent / "data" / "splg.csv"

# ---------------------------------------------------------------- data


def from_the_file(start="2023-01-01", end="2024-01-01"):
    """The rows of the bundled file, read without Polars."""
    with CSV.open(newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if str(start) <= row["Date"] < str(end)]
    names = ("Close", "High", "Low", "Open")
    return [(row["Date"], *(float(row[name]) for name in names), int(row["Volume"]), "SPLG") for row in rows]


def loaded(**options):
    frame = en.load_splg(**options)
    assert frame.columns == ["Date", "Close", "High", "Low", "Open", "Volume", "Ticker"]
    return frame.with_columns(pl.col("Date").dt.strftime("%Y-%m-%d")).rows()


def by_days(series, train=0.7, validation=0.15):
    """Borders lie at the fractions of the days, in exact arithmetic, rounded to a day (a half to even)."""
    series, train, validation = series.tolist(), Fraction(str(train)), Fraction(str(validation))
    first, second = (round(len(series) * share) for share in (train, train + validation))
    return [np.array(part) for part in (series[:first], series[first:second], series[second:])]


def by_lists(series, length):
    series = series.tolist()
    starts = range(len(series) - length)
    both = [[series[n + shift : n + shift + length] for n in starts] for shift in (0, 1)]
    return [np.array(rows).T[..., None] for rows in both]


def scaler_by_statistics(series):
    values = series.tolist()
    return statistics.fmean(values), statistics.pstdev(values)


DATA = [
    *observed("elman_np.load_splg", loaded, {}, {"start": date(2022, 5, 2), "end": "2023-06-01"},
              from_the_file),
    *observed("elman_np.split", lambda **o: list(en.split(**o)), {"series": YEAR},
              {"series": CLOSES[:101], "train": 0.33, "validation": 0.2}, by_days),
    *observed("elman_np.windows", en.windows, {"series": YEAR, "length": 20},
              {"series": CLOSES[:61], "length": 200}, by_lists),
    *observed("elman_np.Scaler", lambda mean, std: en.Scaler(mean, std).transform(YEAR),
              {"mean": 1.0, "std": 2.0}, {"mean": 3.0, "std": 0.3},
              lambda mean, std: np.array([(value - mean) / std for value in YEAR.tolist()])),
    *observed("elman_np.Scaler.fit", lambda series: list(vars(en.Scaler.fit(series)).values()),
              {"series": YEAR}, {"series": CLOSES}, scaler_by_statistics, 4 * len(CLOSES)),
    *observed("elman_np.Scaler.transform", en.Scaler(40.0, 3.0).transform, {"series": YEAR},
              {"series": CLOSES}, lambda series: np.array([(v - 40) / 3 for v in series.tolist()])),
    *observed("elman_np.Scaler.inverse", en.Scaler(40.0, 3.0).inverse, {"scaled": YEAR},
              {"scaled": CLOSES}, lambda scaled: np.array([v * 3 + 40 for v in scaled.tolist()])),
]  # fmt: skip


@pytest.mark.parametrize(("one", "option"), [p for p in DATA if "length" not in p.id])
def test_each_option_of_the_data_makes_the_difference_that_it_should(one, option):
    check(one, option)


@pytest.mark.parametrize("length", [1, 20, 200, 249])
def test_windows_of_any_length_hold_the_right_days(length):
    assert same(en.windows(YEAR, length), by_lists(YEAR, length))


def test_the_whole_file_is_loaded_as_it_is():
    span = {"start": "2019-05-13", "end": "2024-05-11"}
    assert loaded(**span) == from_the_file(**span)


@observes("elman_np.load_splg", "source cached cache_dir")
def test_the_source_is_asked_for_the_days(monkeypatch):
    asked = []
    for way in ("download", "recall"):
        monkeypatch.setattr(yahoo, way, lambda *question, way=way: asked.append(question) or way)
    span = ("2023-01-01", "2023-02-01")
    assert en.load_splg(*span, source="yahoo") == "download"
    assert en.load_splg(*span, source="yahoo", cached=True) == "recall"
    assert en.load_splg(*span, source="yahoo", cache_dir="here") == "download"
    assert en.load_splg(*span, source="bundled")["Ticker"][0] == "SPLG"
    days = (date(2023, 1, 1), date(2023, 2, 1))
    assert asked == [(*days, None), (*days, None), (*days, "here")]


@given(st.integers(10, 1259), st.floats(0.2, 0.6), st.floats(0.15, 0.3))
def test_each_part_is_the_fraction_asked_for_to_half_a_day(days, train, validation):
    parts = en.split(CLOSES[:days], train, validation)
    ends = np.cumsum([len(part) for part in parts])
    for end, fraction in zip(ends, (train, train + validation, 1), strict=True):
        assert abs(end - days * fraction) <= 0.5


@given(st.integers(2, 1259), dtypes)
def test_the_scaler_is_the_series_own_mean_and_deviation(days, dtype):
    """Means of n numbers have n + 1 roundings, of squares about the mean n + 3, the root one more."""
    series = CLOSES[:days].astype(dtype)
    scaler, (mean, std) = en.Scaler.fit(series), scaler_by_statistics(series)
    unit = np.finfo(dtype).eps / 2
    assert abs(scaler.mean - mean) <= (days + 1) * unit * mean
    moved = (days + 1) * unit * mean  # the mean's own error, which each square sees
    assert abs(scaler.std - std) <= (days + 4) * unit * std + 2 * moved


# ---------------------------------------------------------------- training

SERIES, LONG = (en.Scaler.fit(YEAR).transform(series) for series in (YEAR, CLOSES))
X, TARGET = en.windows(SERIES[:43], 6)  # 37 windows
X_2, TARGET_2 = en.windows(SERIES[100:150], 6)
START, OTHER_START = (en.init_parameters(1, 3, 1, rng=seed) for seed in (0, 1))
OPTIMISER = en.AdamOptions(lr=0.02)


def tensors(*arrays):
    return tuple(map(torch.from_numpy, arrays))


def run(backend, model, x, target, optimiser, validation=None, **options):
    """Train in either backend from parameters `model`; return parameters and history."""
    activation = options.pop("activation", "tanh")
    if backend is en:
        network = en.ElmanRNN.from_params(model, activation=activation)
        pair = validation
        history = en.train(network, x, target, optimiser=en.Adam(optimiser), validation=pair, **options)
        return network.params, history
    network = et.ElmanRNN.from_numpy(en.ElmanRNN.from_params(model, activation=activation))
    pair = validation and tensors(*validation)
    rule = torch.optim.Adam(network.parameters(), lr=optimiser.lr)
    history = et.train(network, *tensors(x, target), optimiser=rule, validation=pair, **options)
    return network.to_numpy().params, history


def answer(backend):
    def call(**options):
        params, history = run(backend, **options)
        return [*params], [[e.epoch, e.loss, e.grad_norm, e.validation_loss or 0.0] for e in history]

    return call


def mean_square(y, target):
    """In the order of nothing: the sum is exact."""
    errors = [(a - b) ** 2 for a, b in zip(y.ravel().tolist(), target.ravel().tolist(), strict=True)]
    return math.fsum(errors) / len(errors)


def updates(backend, params, lr):
    """Return a function from a batch to the windows' losses and the norm; it updates, and gives `params`."""
    if backend is en:
        model, rule = en.ElmanRNN.from_params(params), en.Adam(lr=lr)

        def update(x, target, clip):
            y, _, tape = model.forward(x)
            grads = model.backward(tape, (2 / y.size) * (y - target))[0]
            norm = math.sqrt(math.fsum(g * g for p in grads for g in p.ravel().tolist()))
            factor = min(1.0, clip / (norm + 1e-6)) if clip else 1.0
            model.params = rule.step(model.params, grads.map(lambda g: g * factor))
            return [mean_square(y[:, k], target[:, k]) for k in range(y.shape[1])], norm

        return update, lambda: model.params, lambda x: model(x)[0]
    module = et.ElmanRNN.from_numpy(en.ElmanRNN.from_params(params))
    rule = torch.optim.Adam(module.parameters(), lr=lr)

    def update(x, target, clip):
        rule.zero_grad()
        y, _ = module(torch.from_numpy(x))
        ((y - torch.from_numpy(target)) ** 2).mean().backward()
        grads = [p.grad for p in module.parameters()]
        norm = math.sqrt(math.fsum(g * g for p in grads for g in p.ravel().tolist()))
        for p in grads:
            p.mul_(min(1.0, clip / (norm + 1e-6)) if clip else 1.0)
        rule.step()
        y = y.detach().numpy()
        return [mean_square(y[:, k], target[:, k]) for k in range(y.shape[1])], norm

    return update, lambda: module.to_numpy().params, lambda x: module(torch.from_numpy(x))[0].detach().numpy()


def by_hand(backend):
    """What `train` does, written out from its docstring."""

    def train(model, x, target, optimiser, epochs, batch_size=None, shuffle=True, clip_norm=None,
              validation=None, rng=None):  # fmt: skip
        update, params, predict = updates(backend, model, optimiser.lr)
        generator, count, history = np.random.default_rng(rng), x.shape[1], []
        for epoch in range(1, epochs + 1):
            order = generator.permutation(count).tolist() if shuffle else list(range(count))
            losses, norms = [], []
            while order:
                batch, order = order[: batch_size or count], order[batch_size or count :]
                found, norm = update(x[:, batch], target[:, batch], clip_norm)
                losses, norms = [*losses, *found], [*norms, norm]
            judged = mean_square(predict(validation[0]), validation[1]) if validation else 0.0
            history.append([epoch, math.fsum(losses) / count, max(norms), judged])
        return [*params()], history

    return train


BASE = {
    "model": START, "x": X, "target": TARGET, "optimiser": OPTIMISER, "epochs": 2, "batch_size": 10, "rng": 0,
}  # fmt: skip
OTHER = {
    "model": OTHER_START, "x": X[::-1].copy(), "target": TARGET[::-1].copy(),
    "optimiser": en.AdamOptions(lr=0.5), "epochs": 3, "batch_size": None, "shuffle": False, "clip_norm": 0.01,
    "validation": (X_2, TARGET_2), "rng": 1,
}  # fmt: skip


def noise():
    """How far a start that is moved by one unit in the last place moves the end, in units; measured."""
    moved = START.map(lambda p: np.nextafter(p, np.inf))
    ends = [run(en, **BASE | {"model": start, "epochs": 3})[0] for start in (START, moved)]
    unit = np.finfo(np.float64).eps / 2
    return max(np.abs(p - q).max() / (unit * np.abs(p).max()) for p, q in zip(*ends, strict=True))


# A mean of 6 x 37 squares of 3 roundings each, or a norm of 22 squares, has fewer than 300 roundings. The two
# ways scale gradients in another order: each of 12 updates at most rounds anew, by as much as `noise`.
ROUNDINGS = 300 + 12 * noise()
TRAINING = [
    *observed("elman_np.train", answer(en), BASE, OTHER, by_hand(en), ROUNDINGS),
    *observed("elman_torch.train", answer(et), BASE, OTHER, by_hand(et), ROUNDINGS),
]


@pytest.mark.parametrize(("one", "option"), TRAINING)
def test_each_option_of_training_makes_the_difference_that_it_should(one, option):
    check(one, option)


@pytest.mark.parametrize("backend", [en, et])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("batch_size", [7, 33, 100, 1_000, 1_249, None])
def test_an_epochs_loss_is_the_mean_over_its_windows_whatever_the_batches(backend, dtype, batch_size):
    """With a rate of 0 nothing moves: each window is judged by the same network, and each norm too."""
    x, target = (z.astype(dtype) for z in en.windows(LONG, 10))
    later, after = x[:, 900:], target[:, 900:]
    start = START.astype(dtype)
    options = {"epochs": 1, "batch_size": batch_size, "shuffle": False}
    params, (epoch,) = run(
        backend, start, x, target, en.AdamOptions(lr=0.0), validation=(later, after), **options
    )
    assert same(params, start)
    model = en.ElmanRNN.from_params(start)
    y = model(x)[0]
    unit = float(np.finfo(dtype).eps) * 10 * 1_249
    assert epoch.loss == pytest.approx(mean_square(y, target), rel=unit, abs=0)
    assert epoch.validation_loss == pytest.approx(mean_square(y[:, 900:], after), rel=unit, abs=0)
    size = batch_size or 1_249
    norms = []
    for first in range(0, 1_249, size):
        part = slice(first, first + size)
        y, _, tape = model.forward(x[:, part])
        grads = model.backward(tape, en.mse_loss(y, target[:, part])[1])[0]
        norms.append(en.clip_grad_norm(grads, 1.0)[1])
    assert epoch.grad_norm == pytest.approx(max(norms), rel=unit, abs=0)


@observes("elman_np.train", "callback")
@observes("elman_torch.train", "callback")
@pytest.mark.parametrize("backend", [en, et])
def test_the_callback_hears_each_epoch_when_it_is_over_and_judged(backend):
    """A training that ends at that epoch says the same, and leaves the same network."""
    heard, options = [], BASE | {"validation": (X_2, TARGET_2), "epochs": 4}
    whole = run(backend, **options, callback=heard.append)[1]
    assert heard == list(whole)
    assert [epoch.epoch for epoch in heard] == [1, 2, 3, 4]
    for epochs in (1, 3):
        params, history = run(backend, **options | {"epochs": epochs})
        assert list(history) == heard[:epochs]
        judged = mean_square(en.ElmanRNN.from_params(params)(X_2)[0], TARGET_2)
        assert history[-1].validation_loss == pytest.approx(judged, rel=1e3 * np.finfo(float).eps)
    assert all(epoch.validation_loss is None for epoch in run(backend, **BASE)[1])


@pytest.mark.parametrize("backend", [en, et])
def test_a_callback_may_look_at_the_network_between_epochs(backend):
    network, seen = backend.ElmanRNN(1, 3, 1, rng=0), []
    numpy = backend is en

    def look(_):
        seen.append(network.params if numpy else network.to_numpy().params)

    data = (X, TARGET) if numpy else tensors(X, TARGET)
    rule = en.Adam(OPTIMISER) if numpy else torch.optim.Adam(network.parameters(), lr=OPTIMISER.lr)
    backend.train(network, *data, optimiser=rule, epochs=3, batch_size=10, rng=0, callback=look)
    for epochs, params in enumerate(seen, start=1):
        assert same(params, run(backend, **BASE | {"epochs": epochs})[0])


@pytest.mark.parametrize("backend", [en, et])
def test_a_seed_may_be_none_a_number_or_a_generator(backend):
    """37! orders: two fresh ones are not the same."""
    losses = [run(backend, **BASE | {"rng": rng})[1][0].loss for rng in (None, None, None, 0, 0)]
    assert len(set(losses)) == 4
    generator = np.random.default_rng(0)
    first, second = (run(backend, **BASE | {"rng": generator})[1][0].loss for _ in range(2))
    assert first == losses[-1] != second


@pytest.mark.parametrize("backend", [en, et])
@pytest.mark.parametrize("clip_norm", [0, 0.0, -1.0, -0.0, float("nan"), -np.inf])
def test_a_norm_that_cannot_be_meant_is_refused(backend, clip_norm):
    with pytest.raises(ValueError, match=f"clip_norm: expected a number above 0, got {clip_norm}"):
        run(backend, **BASE, clip_norm=clip_norm)


@pytest.mark.parametrize("backend", [en, et])
def test_an_infinite_norm_clips_nothing(backend):
    assert same(run(backend, **BASE, clip_norm=np.inf), run(backend, **BASE))


@pytest.mark.parametrize("backend", [en, et])
def test_a_norm_that_overflows_is_told_and_scales_nothing_unless_it_is_asked_to(backend):
    """In float32: two gradients of 1.5e19 have squares, and their sum has no number."""
    start = en.Parameters(
        *map(np.array, ([[1e-3], [1e-3]], 0.1 * np.eye(2), [0.0, 0.0], [[1.0, 1.0]], [0.0]))
    )
    x, target = np.full((1, 1, 1), 1e10, np.float32), np.full((1, 1, 1), 7.7e8, np.float32)
    given = start.astype(np.float32), x, target, en.AdamOptions(lr=0.5)
    params, (epoch,) = run(backend, *given, epochs=1, activation="relu")
    assert epoch.grad_norm == np.inf
    for (name, old), new in zip(start.items(), params, strict=True):
        assert new == pytest.approx(old + (name != "w_h") * 0.5, rel=1e-5), name
    params, (epoch,) = run(backend, *given, epochs=1, activation="relu", clip_norm=1.0)
    assert epoch.grad_norm == np.inf
    assert same(params, start.astype(np.float32))


def test_gradients_that_the_optimiser_does_not_hold_do_not_pile_up():
    """The norm is that of a batch's gradient, in which those that do not move count too."""
    model = et.ElmanRNN(1, 3, 1, rng=0)
    data = tensors(X, TARGET)
    held = torch.optim.SGD([model.w_y, model.b_y], lr=0.0)
    history = et.train(model, *data, optimiser=held, epochs=4, shuffle=False)
    every = torch.optim.SGD(model.parameters(), lr=0.0)
    expected = et.train(model, *data, optimiser=every, epochs=1, shuffle=False)[0].grad_norm
    assert [epoch.grad_norm for epoch in history] == [expected] * 4


@observes("elman_np.TrainingDiverged", "epoch loss history")
@pytest.mark.parametrize("backend", [en, et])
def test_a_training_that_diverges_says_where_and_has_the_epochs_before(backend):
    """A rate of 1e200 throws the outputs out of range by the second epoch's only update."""
    before = run(backend, **BASE | {"batch_size": None, "epochs": 1})[1]
    far = {"optimiser": en.AdamOptions(lr=1e200), "batch_size": None, "epochs": 3}
    with np.errstate(all="ignore"), pytest.raises(en.TrainingDiverged) as stop:
        run(backend, **BASE | far | {"history": before, "rng": None})
    assert str(stop.value).startswith("epoch 2: the loss is inf; try")
    assert stop.value.history is before
    assert [epoch.epoch for epoch in before] == [1]
    made = en.TrainingDiverged(7, math.nan, before)
    assert str(made).startswith("epoch 7: the loss is nan; ")
    assert made.history is before


def test_the_frame_of_a_history_has_its_numbers():
    history = run(en, **BASE | {"validation": (X_2, TARGET_2)})[1]
    assert history.frame.columns == ["epoch", "loss", "grad_norm", "validation_loss"]
    assert history.frame.rows() == [(e.epoch, e.loss, e.grad_norm, e.validation_loss) for e in history]
    mixed = en.History([en.Epoch(1, 2.0, 3.0, None), en.Epoch(2, 4.0, 5.0, 6.0)])
    assert mixed.frame.rows() == [(1, 2.0, 3.0, None), (2, 4.0, 5.0, 6.0)]
    late = en.History(en.Epoch(n, 1.0, 2.0, None if n < 200 else 0.5) for n in range(1, 202))
    assert late.frame["validation_loss"].to_list() == [None] * 199 + [0.5] * 2


# ---------------------------------------------------------------- forecasts


def by_numbers(model, scaler, series):
    """Scale day by day in plain Python; the network's output at a day is the forecast of the next."""
    scaled = [(close - scaler.mean) / scaler.std for close in series.tolist()]
    y, _, _ = en.forward(model.params, np.array(scaled)[:, None, None], np.zeros((1, model.hidden_size)))
    return np.array([value * scaler.std + scaler.mean for value in y.ravel().tolist()])


def small(seed, dtype=np.float64):
    return en.ElmanRNN(1, 3, 1, dtype=dtype, rng=seed)


FORECASTS = observed(
    "elman_np.forecast",
    en.forecast,
    {"model": small(0), "scaler": en.Scaler(40.0, 5.0), "series": YEAR[:60]},
    {"model": small(1), "scaler": en.Scaler(41.0, 4.0), "series": YEAR[60:120]},
    by_numbers,
)


@pytest.mark.parametrize(("one", "option"), FORECASTS)
def test_each_option_of_a_forecast_makes_the_difference_that_it_should(one, option):
    check(one, option)


@given(seeds, dtypes, dtypes)
def test_a_forecast_is_scaled_in_the_dtype_of_the_series(seed, network, dtype):
    """To the bit: in float32 the scaling alone would move a forecast of 40 dollars by 2e-6."""
    model, scaler, series = small(seed, network), en.Scaler(40.123456789, 3.3), YEAR.astype(dtype)
    scaled = (series - dtype.type(scaler.mean)) / dtype.type(scaler.std)
    y = model(scaled.astype(network))[0].astype(dtype)
    expected = y * dtype.type(scaler.std) + dtype.type(scaler.mean)
    got = en.forecast(model, scaler, series)
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, expected)
