"""Forecasts: of each day's next, further on by feeding itself, of several columns, with dates."""

import itertools
from datetime import date, datetime, timedelta
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import elman_np as en
import elman_torch as et
from elman_np.checking.bounds import forward_ball
from elman_np.data.days import days_after
from tests.support.observed import check, observed, same
from tests.support.prices import CLOSES
from tests.support.strategies import activations, dtypes, seeds

PRICES = en.load_splg("2023-01-01", "2023-06-01")
TABLE = PRICES.select("Close", "High", "Low").to_numpy()
CLOSE = PRICES["Close"].to_numpy()
SCALER = en.Scaler.fit(TABLE)

# ---------------------------------------------------------------- every option, exactly


def halves(seed, inputs, outputs, **options):
    """A network of halves and whole numbers, with relu: in float64 a few days of it have no rounding."""
    rng = np.random.default_rng(seed)
    params = en.init_parameters(inputs, 3, outputs).map(lambda p: rng.integers(-2, 3, p.shape) / 2)
    return en.ElmanRNN.from_params(params, activation="relu", **options)


def by_days(model, scaler, series, inputs=None, targets=None, horizon=1, steps=None, future=None):
    """In fractions, a day at a time: what goes in on a day, and what comes out for a later one."""
    w_x, w_h, b_h, w_y, b_y = (np.array(p.tolist(), object) * Fraction(1) for p in model.params)
    everything = range(series.shape[1])
    inputs, targets = (everything if some is None else some for some in (inputs, targets))

    def scaled(column, value):
        return (Fraction(value) - Fraction(scaler.mean[column])) / Fraction(scaler.std[column])

    h, out = np.array([Fraction(0)] * 3), []
    for t in range(len(series) - horizon + (steps or horizon)):
        x = {c: scaled(c, v) for c, v in enumerate(series[t])} if t < len(series) else {}
        if not x:
            extra = [c for c in inputs if c not in targets]
            x = {
                c: scaled(c, v) for c, v in zip(extra, future[t - len(series)] if extra else [], strict=True)
            }
            x |= dict(zip(targets, out[t - horizon], strict=True))
        if model.reset_every and t % model.reset_every == 0:
            h = 0 * h
        a = w_x @ [x[c] for c in inputs] + w_h @ h + b_h
        h = np.array([max(value, Fraction(0)) for value in a])
        out.append((w_y @ h + b_y).tolist())
    units = [(Fraction(scaler.mean[c]), Fraction(scaler.std[c])) for c in targets]
    return np.array(
        [[float(v * std + mean) for v, (mean, std) in zip(row, units, strict=True)] for row in out]
    )


EIGHTHS = np.random.default_rng(0).integers(-16, 16, (12, 3)) / 8
UNITS = en.Scaler((1.0, -2.0, 0.5), (2.0, 0.5, 1.0))
OPTIONS = [
    *observed(
        "elman_np.forecast",
        en.forecast,
        {"model": halves(1, 3, 3), "scaler": UNITS, "series": EIGHTHS[:6], "horizon": 2, "steps": 4},
        {
            "model": halves(2, 3, 3),
            "scaler": en.Scaler((1.0, -2.0, 0.25), (4.0, 0.5, 1.0)),
            "series": EIGHTHS[6:],
            "horizon": 3,
            "steps": 6,
        },
        by_days,
    ),
    *observed(
        "elman_np.forecast",
        en.forecast,
        {
            "model": halves(5, 2, 1),
            "scaler": UNITS,
            "series": EIGHTHS[:6],
            "inputs": [2, 0],
            "targets": [2],
            "steps": 3,
            "future": np.array([[1.5], [-0.25]]),
        },
        {"inputs": [0, 2], "targets": [0], "future": np.array([[1.5], [4.75]])},
        by_days,
    ),
]


@pytest.mark.parametrize(("one", "option"), OPTIONS)
def test_each_option_of_a_forecast_makes_the_difference_that_it_should(one, option):
    check(one, option)


@given(seeds, st.integers(1, 3), st.integers(1, 4), st.sampled_from([None, 1, 2, 3, 7]), st.data())
def test_several_days_of_several_columns_are_what_fractions_give(seed, horizon, more, reset_every, data):
    columns = st.lists(st.integers(0, 2), min_size=1, unique=True)
    inputs, targets = data.draw(columns), data.draw(columns)
    extra = len([c for c in inputs if c not in targets])
    model = halves(seed, len(inputs), len(targets), reset_every=reset_every)
    given = {
        "model": model, "scaler": UNITS, "series": EIGHTHS[seed % 6 :][:6], "inputs": inputs,
        "targets": targets, "horizon": horizon, "steps": horizon + more,
        "future": EIGHTHS[:more, :extra] if extra else None,
    }  # fmt: skip
    assert same(en.forecast(**given), by_days(**given))


# ---------------------------------------------------------------- on prices


@given(seeds, activations, dtypes, st.integers(1, 3), st.integers(0, 30), st.sampled_from([None, 5, 20]))
def test_it_is_fed_with_its_own_forecasts(seed, activation, dtype, horizon, more, reset_every):
    """Over the series and its own forecasts in a row the network gives the same, within the bound."""
    model = en.ElmanRNN(3, 4, 3, activation=activation, reset_every=reset_every, dtype=dtype, rng=seed)
    series = SCALER.transform(TABLE[:40]).astype(dtype)
    found = en.forecast(model, en.Scaler(0, 1), series, horizon=horizon, steps=horizon + more)
    assert found.shape == (40 + more, 3)
    assert found.dtype == dtype
    fed = np.concatenate([series, found[40 - horizon :][:more]])
    ball = forward_ball(model.params, fed[:, None], np.zeros((1, 4), dtype), model.recurrence).y
    assert np.all(np.abs(found[:, None] - ball.mid) <= 2 * ball.rad)


@given(seeds, st.integers(1, 20))
def test_what_is_known_is_forecast_as_without_the_days_after(seed, steps):
    model = en.ElmanRNN(3, 4, 3, rng=seed)
    assert same(
        en.forecast(model, SCALER, TABLE, steps=steps)[: len(TABLE)], en.forecast(model, SCALER, TABLE)
    )


def test_one_column_is_forecast_as_a_series_is():
    model, scaler = en.ElmanRNN(1, 4, 1, rng=0), en.Scaler.fit(CLOSE)
    alone = en.forecast(model, scaler, CLOSE, steps=5)
    assert alone.shape == (len(CLOSE) + 4,)
    for series in (PRICES["Close"], PRICES.select("Close"), pd.Series(CLOSE), CLOSE.tolist()):
        assert same(en.forecast(model, scaler, series, steps=5), alone)
    for one in (scaler, en.Scaler.fit(CLOSE[:, None])):
        assert same(en.forecast(model, one, CLOSE[:, None], steps=5), alone[:, None])
        assert same(en.forecast(model, one, CLOSE, steps=5), alone)
    assert same(en.forecast(model, SCALER, TABLE, inputs=[0], targets=[0], steps=5), alone[:, None])


# ---------------------------------------------------------------- dates

DATED = PRICES.select("Low", "Date", "Close", "High")


@pytest.mark.parametrize("kind", ["Polars", "pandas", "pandas' index"])
@pytest.mark.parametrize(("horizon", "steps"), [(1, 1), (1, 4), (3, 3), (3, 6)])
def test_a_frame_with_dates_gets_a_frame_of_the_days_forecast(kind, horizon, steps):
    model, scaler = en.ElmanRNN(3, 4, 3, rng=0), en.Scaler.fit(DATED)
    frame = DATED
    if kind != "Polars":
        frame = pd.DataFrame({name: DATED[name].to_numpy() for name in DATED.columns})
        frame = frame.set_index("Date") if kind.endswith("index") else frame
    found = en.forecast(model, scaler, frame, horizon=horizon, steps=steps)
    assert found.columns == ["Date", "Low", "Close", "High"]
    values = en.forecast(model, scaler, DATED.drop("Date").to_numpy(), horizon=horizon, steps=steps)
    assert same(found.drop("Date").to_numpy(), values)
    days = [day.date() for day in DATED["Date"].to_list()]
    after = [date(2023, 6, day) for day in (1, 2, 5, 6, 7, 8)]
    assert [day.date() for day in found["Date"].to_list()] == (days + after[:steps])[horizon:]


def test_the_targets_names_go_with_the_forecasts():
    model, scaler = en.ElmanRNN(2, 4, 1, rng=0), en.Scaler.fit(DATED)
    found = en.forecast(model, scaler, DATED, inputs=[2, 0], targets=[1])
    assert found.columns == ["Date", "Close"]
    series = pd.Series(CLOSE, index=pd.DatetimeIndex(PRICES["Date"].to_numpy(), name="day"), name="price")
    assert en.forecast(en.ElmanRNN(rng=0), en.Scaler.fit(series), series).columns == ["day", "price"]


START = datetime(2023, 1, 2)  # a Monday
RULES = {
    "every day": (timedelta(1), [START + timedelta(n) for n in range(30)]),
    "every day, some missing": (timedelta(1), [START + timedelta(n) for n in range(30) if n % 7 != 3]),
    "every Friday": (timedelta(7), [START + timedelta(7 * n + 4) for n in range(9)]),
    "every third hour": (timedelta(hours=3), [START + timedelta(hours=3 * n) for n in range(90)]),
    "a week without its end": (timedelta(1), [START + timedelta(n) for n in range(5)]),
}


def last_day(year, month):
    return datetime(year + month // 12, month % 12 + 1, 1) - timedelta(1)


@pytest.mark.parametrize("unit", ["ns", "us", "s"])
@given(data=st.data())
def test_dates_go_on_as_they_did(unit, data):
    name = data.draw(st.sampled_from([*RULES, "weekdays", "one day", "the last day", "leap days"]))
    count = data.draw(st.integers(1, 40))
    year = [START + timedelta(n) for n in range(800)]
    if name in RULES:
        step, past = RULES[name]
        expected = [past[-1] + step * (n + 1) for n in range(count)]
    elif name == "weekdays":
        clock = timedelta(hours=data.draw(st.sampled_from([0, 16])))
        days = [day + clock for day in year if day.weekday() < 5]
        cut = data.draw(st.integers(8, 60))
        past, expected = [day for n, day in enumerate(days[:cut]) if n != 3], days[cut : cut + count]
    elif name == "leap days":
        past, expected = [datetime(2016, 2, 29), datetime(2020, 2, 29)], [datetime(2024, 2, 29)]
        count = 1
    else:
        apart, first = data.draw(st.sampled_from([1, 3, 12])), data.draw(st.integers(0, 11))
        months = [divmod(first + apart * n, 12) for n in range(10 + count)]
        day = data.draw(st.integers(1, 28) | st.just(28))
        made = (lambda y, m: datetime(y, m, day)) if name == "one day" else last_day
        all_days = [made(2020 + y, m + 1) for y, m in months]
        past, expected = all_days[:10], all_days[10:]
    found = days_after(np.array(past, f"datetime64[{unit}]"), count)
    assert found.dtype == np.dtype(f"datetime64[{unit}]")
    assert found.astype("datetime64[s]").tolist() == expected


@pytest.mark.parametrize(
    "past",
    [
        ["2023-01-02"],
        ["2023-01-02", "2023-01-04", "2023-01-09"],
        ["2023-01-29", "2023-03-29", "2023-05-29"],  # February may have no such day
        ["2023-01-15", "2023-03-15", "2023-06-15"],  # two months, then three
        ["2023-01-31", "2023-03-31", "2023-06-30"],
        ["2023-01-15", "2023-03-15", "2023-05-16"],
    ],
)
def test_dates_without_a_rule_are_not_guessed(past):
    assert np.isnat(days_after(np.array(past, "datetime64[D]"), 3)).all()


def test_days_without_an_hour_stay_days():
    frame = pl.DataFrame({"day": [date(2023, 1, day) for day in range(1, 10)], "a": np.arange(9.0)})
    found = en.forecast(en.ElmanRNN(rng=0), en.Scaler.fit(frame), frame, steps=2)
    assert found["day"].to_list() == [date(2023, 1, day) for day in range(2, 12)]


@pytest.mark.parametrize("kind", ["Polars", "pandas"])
@pytest.mark.parametrize(
    ("first", "step", "expected"),
    [
        # Summer ends on 2024-10-27 at 3:00: the hour from 2:00 comes twice. It begins on 2024-03-31 at 2:00.
        ("2024-10-26T20:00", "1h", ["2024-10-27T05:00:00+01:00", "2024-10-27T06:00:00+01:00"]),
        ("2024-10-26T16:00", "1h", ["2024-10-27T02:00:00+02:00", "2024-10-27T02:00:00+01:00"]),
        ("2024-03-30T15:00", "1h", ["2024-03-31T01:00:00+01:00", "2024-03-31T03:00:00+02:00"]),
        ("2024-10-17T12:00", "1D", ["2024-10-27T12:00:00+01:00", "2024-10-28T12:00:00+01:00"]),
        ("2024-10-17T02:30", "1D", ["2024-10-27T02:30:00+02:00", "2024-10-28T02:30:00+01:00"]),
        ("2024-03-21T02:30", "1D", [None, "2024-04-01T02:30:00+02:00"]),
        ("2024-03-24T00:00", "1D", ["2024-04-03T00:00:00+02:00", "2024-04-04T00:00:00+02:00"]),
    ],
)
def test_hours_and_days_go_on_where_summer_begins_or_ends(kind, first, step, expected):
    index = pd.date_range(first, periods=10, freq=step, tz="Europe/Berlin")
    series = pd.Series(np.arange(10.0), index=index, name="a")
    if kind == "Polars":
        utc = pl.Series(index.tz_convert(None).to_numpy()).dt.replace_time_zone("UTC")
        series = pl.DataFrame({"Date": utc.dt.convert_time_zone("Europe/Berlin"), "a": np.arange(10.0)})
    found = en.forecast(en.ElmanRNN(rng=0), en.Scaler.fit(series), series, steps=2)["Date"]
    assert found.dtype.time_zone == "Europe/Berlin"
    days = found.to_list()
    assert [day and day.isoformat() for day in days[-2:]] == expected
    assert days[:-2] == index[1:].to_pydatetime().tolist()


GIVEN = DATED[:20], DATED[20:23].drop("Close")
FED = {"inputs": [0, 1, 2], "targets": [1], "steps": 4}


def fed(future, series=GIVEN[0], horizon=1, **changes):
    model, scaler = en.ElmanRNN(3, 4, 1, rng=0), en.Scaler.fit(GIVEN[0])
    return en.forecast(model, scaler, series, horizon=horizon, future=future, **FED | changes)


def test_what_is_known_of_the_future_is_taken_by_name_and_by_date():
    values = fed(GIVEN[1].drop("Date").to_numpy())["Close"]
    for order in (["Low", "High"], ["High", "Low"], ["Date", "Low", "High"], ["High", "Date", "Low"]):
        assert fed(GIVEN[1].select(order))["Close"].equals(values)
    pandas = pd.DataFrame({name: GIVEN[1][name].to_numpy() for name in ("High", "Low")})
    assert fed(pandas)["Close"].equals(values)
    one = {"inputs": [0, 1], "targets": [1]}
    model, scaler = en.ElmanRNN(2, 4, 1, rng=0), en.Scaler.fit(GIVEN[0])
    alone = en.forecast(model, scaler, GIVEN[0], steps=2, future=[40.5], **one)
    for future in (pl.Series([40.5]), pd.Series([40.5]), pl.Series("Low", [40.5]), np.array([[40.5]])):
        assert en.forecast(model, scaler, GIVEN[0], steps=2, future=future, **one).equals(alone)


@pytest.mark.parametrize("order", [*itertools.permutations(range(4))], ids=str)
def test_columns_of_the_future_are_taken_by_name_in_any_order(order):
    rng, names = np.random.default_rng(0), ["a", "b", "c", "d", "e"]
    series, later = (pl.DataFrame(rng.standard_normal((rows, 5)), names, orient="row") for rows in (20, 3))
    model, scaler = en.ElmanRNN(5, 4, 1, rng=0), en.Scaler.fit(series)
    given = {"inputs": [0, 1, 2, 3, 4], "targets": [2], "steps": 4}
    known = [name for name in names if name != "c"]
    expected = en.forecast(model, scaler, series, future=later.select(known).to_numpy(), **given)
    found = en.forecast(model, scaler, series, future=later.select([known[k] for k in order]), **given)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("horizon", [1, 2])
def test_the_answer_has_the_dates_of_the_future(horizon):
    """Those are known, also where they leave out a holiday; what is after them goes on by rule."""
    last = GIVEN[0]["Date"][-1]
    later = [last + timedelta(n) for n in (4, 5, 8)]
    found = fed(GIVEN[1].with_columns(Date=pl.Series(later)), horizon=horizon, steps=3 + horizon)
    days = found["Date"].to_list()
    assert days[: -3 - horizon] == GIVEN[0]["Date"].to_list()[horizon:]
    assert days[-3 - horizon : -horizon] == later
    assert all(day > later[-1] for day in days[-horizon:])


def test_the_rule_of_later_dates_is_that_of_all_dates():
    """Only the first of them tell that weekends are left out."""
    first = date(2024, 1, 4)  # a Thursday
    known = [first + timedelta(n) for n in (0, 1, 4, 5)]
    later = [first + timedelta(n) for n in (6, 7, 8)]
    found = fed(
        GIVEN[1].with_columns(Date=pl.Series(later)), GIVEN[0][:4].with_columns(Date=pl.Series(known))
    )
    assert found["Date"].to_list() == [*known[1:], *later, first + timedelta(11)]


def test_a_future_in_another_dtype_is_scaled_in_that_of_the_series():
    """Of 200 days some would end in another bit if it were scaled in its own."""
    rng = np.random.default_rng(0)
    series, later = rng.standard_normal((20, 2)).astype(np.float32), rng.standard_normal((200, 1))
    model, scaler = en.ElmanRNN(2, 4, 1, rng=0), en.Scaler.fit(series)
    given = {"inputs": [0, 1], "targets": [1], "steps": 201}
    found = en.forecast(model, scaler, series, future=later, **given)
    np.testing.assert_array_equal(
        found, en.forecast(model, scaler, series, future=later.astype(np.float32), **given)
    )
    other = en.forecast(model, scaler, series.astype(float), future=later, **given)
    assert not np.array_equal(found, other.astype(np.float32))


def day_of(row):
    return f"{DATED['Date'][row]:%Y-%m-%d}"


FUTURES = [
    (
        GIVEN[1].rename({"High": "Close"}),
        r"expected columns \['Low', 'High'\], got \['Low', 'Close'\]",
    ),
    (GIVEN[1].rename({"High": "high"}), r"got \['Low', 'high'\]"),
    (
        DATED[4:7].drop("Close"),
        f"future: expected dates after the last of the series, {day_of(19)}.*, got {day_of(4)}",
    ),
    (
        DATED[20:23].drop("Close").with_columns(pl.col("Date").dt.replace_time_zone("UTC")),
        "future: expected dates without a time zone, as the series",
    ),
    (DATED[19:22].drop("Close"), f"after the last of the series, {day_of(19)}.*, got {day_of(19)}"),
]


@pytest.mark.parametrize(("future", "message"), FUTURES)
def test_a_future_of_other_columns_or_days_is_refused(future, message):
    with pytest.raises(ValueError, match=message):
        fed(future)


def test_a_series_with_a_time_zone_has_no_future_without_one():
    there = GIVEN[0].with_columns(pl.col("Date").dt.replace_time_zone("UTC"))
    with pytest.raises(ValueError, match=r"^future: expected dates with a time zone, as the series$"):
        fed(GIVEN[1], series=there)


def hands_on(*factors):
    """A network of one input, whose outputs are so many times this where it is above 0."""
    one, none = np.ones((1, 1)), np.zeros(1)
    params = en.Parameters(one, 0 * one, none, np.array(factors)[:, None], np.zeros(len(factors)))
    return en.ElmanRNN.from_params(params, activation="relu")


@pytest.mark.parametrize("place", [0, 3, 8])
def test_the_first_output_that_is_not_finite_is_named_with_its_step(place):
    series = np.zeros((9, 2))
    series[place:, 0] = 1e300
    message = f"^model: expected finite outputs, got -inf at step {place}$"
    with np.errstate(over="ignore"), pytest.raises(ValueError, match=message):
        en.forecast(hands_on(1.0, -1e10), en.Scaler(0, 1), series, inputs=[0])
    with np.errstate(all="ignore"), pytest.raises(ValueError, match=f"got inf at step {place + 2}$"):
        en.forecast(hands_on(1e150), en.Scaler(0, 1), np.ones(place + 1), steps=5)


def test_a_series_as_long_as_the_horizon_is_enough():
    """Each day is fed with the output of so many days before: there are that many."""
    model, scaler = en.ElmanRNN(1, 4, 1, rng=0), en.Scaler(44.0, 2.0)
    found = en.forecast(model, scaler, CLOSE[:3], horizon=3, steps=5)
    assert found.shape == (5,)
    np.testing.assert_array_equal(found[:3], en.forecast(model, scaler, CLOSE[:3], horizon=3))
    assert en.forecast(model, scaler, CLOSE[:2], horizon=3).shape == (2,)


def test_names_that_the_answer_would_have_twice_are_refused_before_the_work(monkeypatch):
    monkeypatch.setattr(en.ElmanRNN, "__call__", None)
    index = pd.DatetimeIndex(DATED["Date"].to_numpy())
    frames = (
        (pd.DataFrame({"Date": CLOSE}, index=index), "Date"),
        (pd.DataFrame(np.stack([CLOSE, CLOSE + 1.0], axis=1), columns=["a", "a"], index=index), "a"),
    )
    for frame, name in frames:
        count = frame.shape[1]
        model, scaler = en.ElmanRNN(count, 4, count, rng=0), en.Scaler.fit(frame)
        message = f"series: expected different names of the dates and the targets, got '{name}' twice"
        with pytest.raises(ValueError, match=message):
            en.forecast(model, scaler, frame)


# ---------------------------------------------------------------- what is refused

ONE, THREE = en.ElmanRNN(1, 4, 1, rng=0), en.ElmanRNN(3, 4, 3, rng=0)
OUT_OF_RANGE = en.ElmanRNN.from_params(ONE.params.map(lambda p: p * 0 + 1e200), activation="relu")


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"series": np.zeros((9, 4, 1))}, ValueError, r"^series: expected shape \(T,\) or \(T, C\), got"),
        ({"series": np.zeros(0)}, ValueError, "series: expected at least one value"),
        ({"series": np.arange(9)}, TypeError, "series: expected a float64 or float32 array, got int64"),
        ({"series": np.array([1.5, np.nan])}, ValueError, r"series: .* got nan at index \(1,\)"),
        ({"series": TABLE}, ValueError,
         r"inputs: expected as many columns as the network has inputs, 1, got \[0, 1, 2\]"),
        ({"series": TABLE, "inputs": [0]}, ValueError,
         r"targets: expected as many columns as the network has outputs, 1, got \[0, 1, 2\]"),
        ({"model": THREE}, ValueError, r"expected as many columns as the network has inputs, 3, got \[0\]"),
        ({"inputs": [1]}, ValueError, "inputs: expected at most 0, the last column, got 1"),
        ({"scaler": SCALER}, ValueError, r"series: expected 3 columns as the scaler, got shape \(\d+, 1\)"),
        ({"model": et.ElmanRNN(rng=0)}, TypeError, "expected elman_np.ElmanRNN, got elman_torch.*to_numpy"),
        ({"model": SCALER}, TypeError, "model: expected elman_np.ElmanRNN, got "),
        ({"scaler": ONE}, TypeError, "scaler: expected elman_np.Scaler, got "),
        ({"horizon": 0}, ValueError, "horizon: expected 1 or more, got 0"),
        ({"horizon": 2, "steps": 1}, ValueError, "steps: expected 2 or more, got 1"),
        ({"steps": 1.5}, TypeError, "steps: expected an integer, got 1.5"),
        ({"series": CLOSE[:2], "horizon": 3, "steps": 4}, ValueError,
         "series: expected 3 days at least, the horizon, got 2"),
        ({"series": TABLE, "inputs": [1], "targets": [0], "steps": 4}, ValueError,
         r"future: expected inputs \[1\], which the network does not forecast, for 3 days after the series"),
        ({"series": TABLE, "inputs": [1], "targets": [0], "steps": 4, "future": CLOSE[:2]}, ValueError,
         r"future: expected shape \(3, 1\), inputs \[1\] a day, got \(2, 1\)"),
        ({"series": TABLE, "inputs": [1], "targets": [0], "steps": 3, "future": [1, 2]}, TypeError,
         "future: expected a float64 or float32 array, got 1"),
        ({"series": TABLE, "inputs": [1], "targets": [0], "future": CLOSE[:1]}, ValueError,
         "future: expected none, for steps are no more than the horizon"),
        ({"steps": 2, "future": CLOSE[:1]}, ValueError,
         "future: expected none, for it forecasts all of its inputs"),
        ({"model": OUT_OF_RANGE}, ValueError, "model: expected finite outputs, got inf at step 0"),
    ],
)  # fmt: skip
def test_a_forecast_that_cannot_be_made_is_refused(given, error, message):
    scaler = SCALER if np.ndim(given.get("series")) == 2 else en.Scaler(44.0, 2.0)
    with np.errstate(all="ignore"), pytest.raises(error, match=message):
        en.forecast(**{"model": ONE, "scaler": scaler, "series": CLOSE} | given)


@given(st.integers(1, 200), dtypes)
def test_a_long_series_is_forecast_as_before_a_day_at_a_time(days, dtype):
    """The forecast of the next day is the network's output over the whole series, to the bit."""
    model, scaler, series = en.ElmanRNN(1, 4, 1, rng=0), en.Scaler(44.1, 2.3), CLOSES[:days].astype(dtype)
    z = ((series - dtype.type(scaler.mean)) / dtype.type(scaler.std)).astype(np.float64)
    expected = model(z)[0].astype(dtype) * dtype.type(scaler.std) + dtype.type(scaler.mean)
    assert same(en.forecast(model, scaler, series), expected)


def test_of_two_columns_with_one_name_the_order_tells_which_is_which():
    """Where they are in another order, nothing does: it is refused."""
    rng = np.random.default_rng(0)
    series = pd.DataFrame(rng.standard_normal((10, 4)), columns=["t", "a", "b", "a"])
    model, scaler = en.ElmanRNN(4, 3, 1, rng=0), en.Scaler.fit(series)

    def last(names, numbers):
        future = pd.DataFrame([numbers], columns=names)
        return en.forecast(model, scaler, series, targets=[0], steps=2, future=future)

    found = last(["a", "b", "a"], [1.0, 2.0, 3.0])
    bare = en.forecast(model, scaler, series, targets=[0], steps=2, future=np.array([[1.0, 2.0, 3.0]]))
    np.testing.assert_array_equal(found, bare)
    for names in (["a", "a", "b"], ["b", "a", "a"]):
        with pytest.raises(
            ValueError, match=r"^future: expected columns \['a', 'b', 'a'\] in this order, got"
        ):
            last(names, [1.0, 2.0, 3.0])


def test_dates_of_the_future_keep_their_hour():
    """Beside days: a rule that both follow is not known."""
    days = [date(2024, 1, n) for n in (1, 2, 3)]
    series = pl.DataFrame({"Date": days, "x": [1.0, 2.0, 4.0], "y": [2.0, 1.0, 3.0]})
    future = pl.DataFrame({"Date": [datetime(2024, 1, 4, 6)], "y": [2.0]})
    model, scaler = en.ElmanRNN(2, 3, 1, rng=0), en.Scaler.fit(series)
    found = en.forecast(model, scaler, series, targets=[0], steps=2, future=future)["Date"].to_list()
    assert found == [datetime(2024, 1, 2), datetime(2024, 1, 3), datetime(2024, 1, 4, 6), None]


@pytest.mark.parametrize("length", [3, 7])
def test_resets_go_on_however_far_beyond_the_series(length):
    """Every second state is new, by single steps, ten times as far as the series goes."""
    model = en.ElmanRNN(1, 3, 1, rng=0, reset_every=2)
    series = np.cos(np.arange(float(length)))
    found = en.forecast(model, en.Scaler(0.0, 1.0), series, steps=10 * length)
    h, expected = np.zeros((1, 3)), []
    for t in range(11 * length - 1):
        value = series[t] if t < length else expected[t - 1]
        h = np.zeros((1, 3)) if t % 2 == 0 else h
        y, h = en.step(model.params, np.full((1, 1), value), h, "tanh")
        expected.append(y.item())
    np.testing.assert_allclose(found[: len(expected)], expected, rtol=1e-10)
