"""Whatever a series comes as, and as many columns as it has: conversion, scaling, windows."""

import decimal
import pickle
import re
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import elman_np as en
from elman_np.data.conversion import read_series
from elman_np.data.days import on_clocks
from tests.support.observed import check, observed, observes, same
from tests.support.prices import CLOSES
from tests.support.strategies import dtypes

PRICES = en.load_splg()
DAYS = PRICES["Date"].to_numpy()
TABLE = PRICES.select("Close", "High", "Low").to_numpy()  # Polars lays it out a column at a time
CLOSE = PRICES["Close"].to_numpy()

# ---------------------------------------------------------------- at the door

SERIES = {
    "a Polars series": pl.Series("Close", CLOSE),
    "a Polars frame": pl.DataFrame({"Close": CLOSE}),
    "a Polars frame with dates": PRICES.select("Date", "Close"),
    "a pandas series": pd.Series(CLOSE),
    "a pandas series with dates": pd.Series(CLOSE, index=pd.DatetimeIndex(DAYS)),
    "a nullable pandas series": pd.Series(CLOSE, dtype="Float64"),
    "a pandas frame": pd.DataFrame({"Close": CLOSE}),
    "a list": CLOSE.tolist(),
    "a tuple": tuple(CLOSE.tolist()),
    "a masked array without a mask": np.ma.array(CLOSE),
    "a strided array": np.repeat(CLOSE, 2)[::2],
}
TABLES = {
    "a Polars frame": pl.DataFrame(TABLE, schema=["a", "b", "c"]),
    "a Polars frame with dates": PRICES.select("Close", "High", "Date", "Low"),
    "a pandas frame with one name twice": pd.DataFrame(TABLE, columns=["a", "a", "b"]),
    "a pandas frame with dates": pd.DataFrame(TABLE, index=pd.DatetimeIndex(DAYS)),
    "a list of rows": TABLE.tolist(),
    "an array, a row at a time": np.ascontiguousarray(TABLE),
}
SCALER, SCALERS = en.Scaler(40.0, 3.0), en.Scaler((40.0, 41.0, 42.0), (3.0, 2.0, 1.0))
TAKERS = {
    "split": (lambda z: list(en.split(z)),) * 2,
    "windows": (lambda z: en.windows(z, 20),) * 2,
    "Scaler.fit": (lambda z: [*vars(en.Scaler.fit(z)).values()],) * 2,
    "Scaler.transform": (SCALER.transform, SCALERS.transform),
    "Scaler.inverse": (SCALER.inverse, SCALERS.inverse),
    "rmse": (lambda z: en.rmse(z, CLOSE * 2), lambda z: en.rmse(z, TABLE * 2)),
}


@pytest.mark.parametrize("taker", TAKERS)
@pytest.mark.parametrize("kind", SERIES)
def test_a_series_may_come_as_anything_that_holds_floats(kind, taker):
    take, _ = TAKERS[taker]
    assert same(take(SERIES[kind]), take(CLOSE))


@pytest.mark.parametrize("taker", TAKERS)
@pytest.mark.parametrize("kind", TABLES)
def test_several_columns_may_come_as_anything_that_holds_floats(kind, taker):
    _, take = TAKERS[taker]
    assert same(take(TABLES[kind]), take(TABLE))


@given(dtypes)
def test_the_dtype_stays_that_of_the_numbers(dtype):
    for made in (pl.Series, pd.Series, np.asarray):
        assert same(SCALER.transform(made(CLOSE.astype(dtype))), SCALER.transform(CLOSE.astype(dtype)))
    mixed = pl.DataFrame({"a": CLOSE.astype(np.float32), "b": CLOSE})
    assert same(read_series("series", mixed).values, np.stack([CLOSE.astype(np.float32), CLOSE], axis=1))


WHOLE = np.arange(9)
REFUSED = [
    (WHOLE, r"^series: expected a float64 or float32 array, got int64; .* numpy.asarray\(series, float\)"),
    (CLOSE.astype(np.float16), "got float16"),
    (CLOSE > 48, "got bool"),
    (CLOSE + 0j, "got complex128"),
    (DAYS, r"got datetime64\[ns\]"),
    (WHOLE.tolist(), r"got 0 \(int\) at index \(0,\)"),
    ([1.5, "a"], r"got 'a' \(str\) at index \(1,\)"),
    ([1.5, 2], r"got 2 \(int\) at index \(1,\)"),
    ([True, 1.5], r"got True \(bool\) at index \(0,\)"),
    ([[1.5, 2.5], [1.5, 2]], r"got 2 \(int\) at index \(1, 1\)"),
    (
        pd.Series([1.5, 2.5], index=pd.period_range("2023-01", periods=2, freq="M")),
        r"\.index: expected dates as datetime64, got Period\('2023-01', 'M'\) \(Period\); pandas.to_datetime",
    ),
    (pd.Series([1.5, 2.5], index=[date(2023, 1, 2), date(2023, 1, 1)]), r"got datetime.date\(2023, 1, 2\)"),
    (pd.Series([1.5, 2.5], index=["2023-01-02", "2023-01-01"]), r"got '2023-01-02' \(str\)"),
    (pd.Series([1.5, 2.5], index=["01/02/2023", "01/01/2023"]), r"got '01/02/2023' \(str\)"),
    (
        pd.DataFrame({"a": [1.5, 2.5]}, index=pd.MultiIndex.from_product([["A"], DAYS[:2]])),
        r"\.index: expected dates as datetime64, got \('A', Timestamp",
    ),
    ([1.5, decimal.Decimal(1)], r"got Decimal\('1'\) \(Decimal\) at index \(1,\)"),
    (np.array([1.5, {}], object), r"got {} \(dict\) at index \(1,\)"),
    (np.array([1.5, 2.5], object), "got object"),
    (pl.Series(WHOLE), r"got Int64; .* .cast\(pl.Float64\)"),
    (pl.Series([1, None]), "got Int64"),
    (pl.Series(["1.5"]), "got String"),
    (pl.Series([[1.5]]), r"got List\(Float64\)"),
    (pd.Series(WHOLE), r"got int64; .* .astype\(float\)"),
    (pd.Series([1, None], dtype="Int64"), "got Int64|got <NA>"),
    (PRICES, r"^series\['Volume'\]: expected a float64 or float32 array, got Int64"),
    (PRICES.select("Date"), "expected columns of numbers and one of dates at most, got 0 and 1"),
    (PRICES.select("Close", "Date", day=pl.col("Date").dt.date()), "got 1 and 2"),
    (pl.DataFrame(), "got 0 and 0"),
    (PRICES.lazy(), r"got polars.*\.LazyFrame"),
    (torch.ones(9), "expected a NumPy array, a list of floats, or a series or frame .*, got torch.Tensor"),
    (iter([1.5]), "got list_iterator"),
    ("prices.csv", "got str"),
    (None, "got None"),
    (43.5, "got float"),
    ({"Close": [1.5]}, "got dict"),
]


@pytest.mark.parametrize("taker", TAKERS)
@pytest.mark.parametrize(("given", "message"), REFUSED, ids=lambda value: type(value).__name__)
def test_what_is_no_series_of_floats_is_refused_by_its_name(given, message, taker):
    take, _ = TAKERS[taker]
    name = {"Scaler.inverse": "scaled", "rmse": "y"}.get(taker, "series")
    for before, after in ((r"^series", f"^{name}"), (r"\(series", rf"\({name}")):
        message = message.replace(before, after)
    with pytest.raises(TypeError, match=message):
        take(given)


def holed(made, hole, column=False):
    values = [1.5, 2.5, hole, 4.5]
    return made({"a": [1.0, 2.0, 3.0, 4.0], "b": values}) if column else made(values)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.array([1.5, np.nan]), r"series: expected finite values, got nan at index \(1,\)"),
        (np.array([[1.5, np.inf]]), r"got inf at index \(0, 1\)"),
        (np.ma.array([1.5, 2.5], mask=[False, True]), r"got a masked one at index \(1,\)"),
        (holed(list, None), r"series: expected finite values, got None at index \(2,\)"),
        (holed(list, -np.inf), r"got -inf at index \(2,\)"),
        (holed(pl.Series, None), r"series: expected finite values, got null at index \(2,\)"),
        (holed(pl.Series, np.nan), r"got nan at index \(2,\)"),
        (holed(pl.DataFrame, None, True), r"series\['b'\]: expected finite values, got null at index \(2,\)"),
        (holed(pd.Series, None), r"got nan at index \(2,\)"),
        (holed(pd.DataFrame, np.nan, True), r"series\['b'\]: .* got nan at index \(2,\)"),
        (pd.Series([1.5, None], dtype="Float64"), r"got (nan|<NA>) at index \(1,\)"),
        (np.array([1.5, pd.NA], object), r"got <NA> at index \(1,\)"),
        ([[1.5, 2.5], [1.5]], "series: expected floats, or rows of floats that are all as long"),
        ([], r"expected at least one value, got shape \(0,\)"),
        (pl.Series([], dtype=pl.Float64), r"expected at least one value, got shape \(0,\)"),
        (np.array(1.5), r"expected shape \(T,\) or \(T, C\), got \(\)"),
        (PRICES.select("Date", "Close").reverse(),
         r"series\['Date'\]: expected dates in ascending order, got 2023-12-28.* after .* at index \(1,\)"),
        (pl.concat([PRICES[:3], PRICES[2:]]).select("Date", "Close"), r"at index \(3,\)"),
        (pl.DataFrame({"day": [date(2023, 1, 1), None], "a": [1.5, 2.5]}),
         r"series\['day'\]: expected a date in each row, got none at index \(1,\)"),
        (pd.Series([1.5, 2.5], index=pd.DatetimeIndex(["2023-01-02", "2023-01-01"])), "ascending order"),
    ],
)  # fmt: skip
def test_what_is_missing_or_out_of_order_is_said_by_its_place(given, message):
    with pytest.raises(ValueError, match=message):
        en.split(given)


def test_an_index_that_holds_no_dates_is_nobodys_business():
    for index in (["b", "a", "c"], [3, 2, 1], pd.MultiIndex.from_product([["A"], [3, 2, 1]])):
        assert read_series("series", pd.Series([1.5, 2.5, 3.5], index=index)).dates is None


def test_series_of_different_days_are_not_compared():
    """By their place they would be: 0.0 off, of days that have nothing to do with each other."""
    values = [1.5, 2.5, 3.5]
    one, other = (pd.Series(values, index=pd.date_range(f"{year}-01-01", periods=3)) for year in (2023, 2024))
    message = r"target: expected the dates of y, got 2024-01-01.* beside 2023-01-01.* at index \(0,\)"
    with pytest.raises(ValueError, match=message):
        en.rmse(one, other)
    assert en.rmse(one, other.to_numpy()) == en.rmse(one, other.reset_index(drop=True)) == 0.0
    assert en.rmse(one, one + 2) == 2.0


@pytest.mark.parametrize("moment", ["2023-01-02T09:01", "2023-01-02T09:00:00.000001", "2023-01-03T09:00"])
def test_nor_are_those_of_other_hours(moment):
    days = pd.to_datetime(["2023-01-01T09:00", "2023-01-02T09:00", "2023-01-04T09:00"])
    one = pd.Series([1.5, 2.5, 3.5], index=days)
    other = pd.Series(one.to_numpy(), index=days[[0]].union(pd.to_datetime([moment])).union(days[[2]]))
    with pytest.raises(
        ValueError, match=rf"the dates of y, got {moment}.* beside 2023-01-02T09.* at index \(1,\)"
    ):
        en.rmse(one, other)


@pytest.mark.parametrize("zone", [None, "America/New_York", "Asia/Tokyo", "UTC"])
def test_dates_are_in_utc_where_their_zone_has_a_name(zone):
    days = [datetime(2023, 1, day) for day in (2, 3, 5)]
    index = pd.DatetimeIndex(days, tz=zone)
    numbers = {"a": [1.5, 2.5, 3.5]}
    polars = pl.DataFrame({"day": days} | numbers).with_columns(pl.col("day").dt.replace_time_zone(zone))
    for frame, name in (
        (polars, "day"),
        (pd.DataFrame({"day": index} | numbers), "day"),
        (pd.DataFrame(numbers, index=index), "Date"),
        (pd.Series(numbers["a"], index=index.rename("when")), "when"),
    ):
        table = read_series("series", frame)
        assert on_clocks(table.dates, table.zone).astype("datetime64[s]").tolist() == days
        assert table.zone == zone
        if zone is not None:
            instants = [day.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) for day in days]
            found = table.dates.astype("datetime64[s]").tolist()
            assert found == [instant.replace(tzinfo=None) for instant in instants]
        assert table.dates_name == name
        assert table.values.tolist() == numbers["a"]


def test_of_a_zone_without_a_name_dates_are_what_its_clocks_showed():
    index = pd.DatetimeIndex(["2024-01-01T00:00:00+02:00", "2024-01-02T00:00:00+02:00"])
    table = read_series("series", pd.Series([1.5, 2.5], index=index))
    assert table.dates.astype("datetime64[s]").tolist() == [datetime(2024, 1, 1), datetime(2024, 1, 2)]
    assert table.zone is None


def test_names_go_with_the_columns():
    for kind, frame in TABLES.items():
        if "array" not in kind and "list" not in kind:
            labels = [str(label) for label in frame.columns if label != "Date"]
            assert list(read_series("series", frame).columns) == labels
    assert read_series("series", TABLE).columns == ()
    assert read_series("series", TABLE).dates is None


# ---------------------------------------------------------------- scaling

tables = st.builds(
    lambda days, dtype, columns: np.stack([CLOSES[s : s + days] for s in columns], axis=1).astype(dtype),
    st.integers(2, 200), dtypes, st.lists(st.integers(0, 1_000), min_size=1, max_size=4),
).filter(lambda table: np.all(np.ptp(table, axis=0) > 0))  # fmt: skip


@pytest.mark.eq("2.3", "2.4")
@given(tables)
def test_each_column_is_scaled_as_it_would_be_alone(table):
    """To the bit, whatever the layout in memory."""
    for series in (table, np.asfortranarray(table)):
        together = en.Scaler.fit(series)
        alone = [en.Scaler.fit(column) for column in series.T]
        assert together == en.Scaler([s.mean for s in alone], np.array([s.std for s in alone]))
        for way in ("transform", "inverse"):
            found = getattr(together, way)(series)
            columns = [getattr(s, way)(c) for s, c in zip(alone, series.T, strict=True)]
            assert same(found, np.stack(columns, axis=1))
        batch = series[:, None]
        assert same(together.inverse(batch)[:, 0], together.inverse(series))


@given(tables, st.randoms(use_true_random=False))
def test_the_scaler_of_some_columns_scales_these(table, random):
    columns = random.sample(range(table.shape[1]), random.randint(1, table.shape[1]))
    scaler = en.Scaler.fit(table)
    assert same(scaler.columns(columns).transform(table[:, columns]), scaler.transform(table)[:, columns])
    assert SCALER.columns(columns) == SCALER


def test_a_scaler_is_computed_in_the_dtype_of_its_series():
    """A series of float32 is scaled by numbers that float32 can have found."""
    close = (50 + np.random.default_rng(0).standard_normal(1_000)).astype(np.float32)
    scaler = en.Scaler.fit(close)
    assert (scaler.mean, scaler.std) == (float(np.mean(close)), float(np.std(close)))
    wide = en.Scaler.fit(close.astype(float))
    assert (wide.mean, wide.std) == (float(np.mean(close, dtype=float)), float(np.std(close, dtype=float)))
    assert wide != scaler


@pytest.mark.parametrize("scaler", [SCALER, SCALERS, en.Scaler.fit(TABLE)])
def test_a_scaler_is_a_value(scaler):
    again = pickle.loads(pickle.dumps(scaler))
    assert again == scaler
    assert hash(again) == hash(scaler)
    assert en.Scaler(np.array(scaler.mean), np.array(scaler.std)) == scaler  # as a file of arrays keeps it
    with pytest.raises(AttributeError):
        scaler.mean = 0.0


COLUMNS = observed(
    "elman_np.Scaler.columns",
    lambda chosen: list(vars(SCALERS.columns(chosen)).values()),
    {"chosen": [2, 0]},
    {"chosen": [1]},
    lambda chosen: [tuple(40.0 + c for c in chosen), tuple(3.0 - c for c in chosen)],
)


@pytest.mark.parametrize(("one", "option"), COLUMNS)
def test_the_columns_chosen_are_those_of_the_scaler(one, option):
    check(one, option)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: en.Scaler(0, 0), ValueError, "std: expected above 0, got 0.0"),
        (lambda: en.Scaler(0, -1.5), ValueError, "std: expected above 0, got -1.5"),
        (lambda: en.Scaler((0, 0), (1, 0)), ValueError, r"std: expected above 0, got \(1.0, 0.0\)"),
        (lambda: en.Scaler(np.nan, 1), ValueError, "mean: expected finite, got nan"),
        (lambda: en.Scaler(0, np.inf), ValueError, "std: expected finite, got inf"),
        (lambda: en.Scaler((0, 0), 1), ValueError, r"mean, std: expected as many of both, got \(0.0, 0.0\)"),
        (lambda: en.Scaler((0, 0), (1, 1, 1)), ValueError, "expected as many of both"),
        (lambda: en.Scaler("0", 1), TypeError, "mean: expected a number, or one for each column, got '0'"),
        (lambda: en.Scaler(None, 1), TypeError, "mean: expected a number"),
        (lambda: en.Scaler(0, True), TypeError, "std: expected a number, or one for each column, got True"),
        (lambda: en.Scaler([], []), TypeError, "mean: expected a number"),
        (lambda: en.Scaler([[0]], [[1]]), TypeError, "mean: expected a number"),
        (lambda: en.Scaler.fit(TABLE[:, None]), ValueError, r"series: expected shape \(T,\) or \(T, C\)"),
        (lambda: en.Scaler.fit(np.stack([CLOSE, CLOSE * 0 + 43.1], axis=1)), ValueError,
         r"series\[:, 1\]: expected values that differ, got a constant 43.1"),
        (lambda: en.Scaler.fit(np.array([1e308, -1e308])), ValueError, "values whose squares are finite"),
        (lambda: en.Scaler.fit(np.repeat([1.7e308, -1.7e308], 4)), ValueError,  # inf - inf in their sum
         "series: expected values whose squares are finite in float64"),
        (lambda: SCALERS.transform(CLOSE[:3]), ValueError,
         r"series: expected 3 columns as the scaler, got shape \(3,\)"),
        (lambda: SCALERS.inverse(TABLE[:, :2]), ValueError,
         r"scaled: expected 3 columns as the scaler, got shape \(250, 2\)"),
        (lambda: SCALERS.columns([3]), ValueError, "chosen: expected at most 2, the last column, got 3"),
        (lambda: SCALERS.columns([-1]), ValueError, "chosen: expected 0 or more, got -1"),
        (lambda: SCALERS.columns([1, 1]), ValueError, r"chosen: expected different columns, got \[1, 1\]"),
        (lambda: SCALERS.columns(1), TypeError, "chosen: expected a list of column numbers, got 1"),
        (lambda: SCALERS.columns([]), TypeError, r"chosen: expected a list of column numbers, got \[\]"),
        (lambda: SCALERS.columns(["Close"]), TypeError, "chosen: expected an integer, got 'Close'"),
    ],
)  # fmt: skip
def test_a_scaler_that_cannot_be_meant_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("mean", [1.5, -1.5])
def test_what_rounding_alone_could_have_moved_is_constant(dtype, mean):
    """Eight units of rounding of the mean, which both series have exactly."""
    eps = np.finfo(dtype).eps
    few, more = (np.array([mean - off * eps, mean + off * eps], dtype) for off in (12, 13))
    constant = re.escape(f"a constant {mean}")
    with pytest.raises(ValueError, match=f"series: expected values that differ, got {constant}"):
        en.Scaler.fit(few)
    assert en.Scaler.fit(more) == en.Scaler(mean, float(13 * eps))


@pytest.mark.parametrize(
    ("fractions", "message"),
    [
        ((0.0, 0.5), "train: expected a fraction above 0 and below 1, got 0.0"),
        ((0.5, 0.0), "validation: expected a fraction above 0 and below 1, got 0.0"),
        ((1.0, 0.2), "train: expected a fraction above 0 and below 1, got 1.0"),
        ((1.5, 0.2), "train: expected a fraction above 0 and below 1, got 1.5"),
        ((0.5, 0.5), "train, validation: expected positive fractions with a sum below 1, got 0.5, 0.5"),
        ((0.7, 0.6), "train, validation: expected positive fractions with a sum below 1, got 0.7, 0.6"),
        ((0.1, 0.1), "series: expected enough days for three parts, got 4, which gives 0, 1, 3"),
        ((0.2, 0.1), "series: expected enough days for three parts, got 4, which gives 1, 0, 3"),
        ((0.6, 0.3), "series: expected enough days for three parts, got 4, which gives 2, 2, 0"),
    ],
)
def test_a_split_that_cannot_be_made_is_refused(fractions, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        en.split(CLOSE[:4], *fractions)


# ---------------------------------------------------------------- windows


def by_rows(series, length, inputs=None, targets=None, horizon=1):
    """Row by row: the input's columns, and `horizon` rows on the target's."""
    rows = series.tolist()
    inputs, targets = (range(len(rows[0])) if some is None else some for some in (inputs, targets))
    starts = range(len(rows) - length - horizon + 1)
    return [
        np.array([[[rows[n + t + on][c] for c in columns] for n in starts] for t in range(length)])
        for on, columns in ((0, inputs), (horizon, targets))
    ]


WINDOWS = observed(
    "elman_np.windows",
    en.windows,
    {"series": TABLE[:40], "length": 7, "inputs": [0, 2], "targets": [1], "horizon": 3},
    {"series": TABLE[40:80], "length": 37, "inputs": [2, 0, 1], "targets": [2, 1], "horizon": 1},
    by_rows,
)


@pytest.mark.parametrize(("one", "option"), WINDOWS)
def test_each_option_of_windows_makes_the_difference_that_it_should(one, option):
    check(one, option)


@observes("elman_np.windows", "series")
@given(tables, st.data())
def test_every_window_of_several_columns_is_followed_by_its_targets(table, data):
    days, count = table.shape
    horizon = data.draw(st.integers(1, days - 1))
    length = data.draw(st.integers(1, days - horizon))
    some = st.none() | st.lists(st.integers(0, count - 1), min_size=1, unique=True)
    options = {"inputs": data.draw(some), "targets": data.draw(some), "horizon": horizon}
    x, target = en.windows(table, length, **options)
    assert same([x, target], [z.astype(table.dtype) for z in by_rows(table, length, **options)])
    assert x.flags.c_contiguous
    assert not np.shares_memory(x, table)
    if count == 1:
        assert same(en.windows(table[:, 0], length, horizon=horizon), [x, target])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"targets": [3]}, ValueError, "targets: expected at most 2, the last column, got 3"),
        ({"inputs": [0, 0]}, ValueError, r"inputs: expected different columns, got \[0, 0\]"),
        ({"inputs": "Close"}, TypeError, "inputs: expected a list of column numbers, got 'Close'"),
        ({"horizon": 0}, ValueError, "horizon: expected 1 or more, got 0"),
        ({"horizon": 1.0}, TypeError, "horizon: expected an integer, got 1.0"),
        ({"length": 250}, ValueError, "length: expected at most 249, a day less than the series, got 250"),
        ({"horizon": 250}, ValueError, "horizon: expected at most 249, a day less than the series, got 250"),
        ({"horizon": 249, "length": 2}, ValueError, "length: expected at most 1, 249 days less than the"),
        ({"horizon": 231}, ValueError, "length: expected at most 19, 231 days less than the series, got 20"),
        (
            {"horizon": 1000},
            ValueError,
            "horizon: expected at most 249, a day less than the series, got 1000",
        ),
    ],
)
def test_windows_that_cannot_be_made_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        en.windows(TABLE, **{"length": 20} | options)
    if "horizon" in options:
        with pytest.raises(error, match=message):
            en.windows(CLOSE, **{"length": 20} | options)


@pytest.mark.parametrize(
    ("mean", "std"), [(0.0, 1e-46), (0.0, 1e39), (1e39, 1.0), ((0.0, 0.0), (1.0, 1e-46))], ids=str
)
@pytest.mark.parametrize("name", ["series", "scaled"])
def test_a_dtype_that_cannot_hold_the_scaler_is_refused(name, mean, std):
    """In float32 this `std` is 0 or infinite, and what it scales would be no number."""
    scaler = en.Scaler(mean, std)
    call = scaler.transform if name == "series" else scaler.inverse
    values = np.ones((3, 2), np.float32)
    with pytest.raises(
        ValueError, match=f"^{name}: expected a dtype that can hold the scaler's mean and std, "
    ):
        call(values)
    assert np.isfinite(call(values.astype(float))).all()
