"""Long series, wide tables, large files: what holds for few rows and columns, at sizes that people have."""

import csv
import re
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pytest

import elman_np as en
from elman_np.data.conversion import read_series
from elman_np.data.file import read_file
from tests.support.observed import same
from tests.test_series import by_rows

LONG, WIDE = 20_000, 130
START = datetime(1950, 1, 1)
SIZES = [(LONG, 1), (LONG, 3), (1_300, WIDE), (70_000, 2)]


def table_of(rows, columns, seed=0):
    """Eighths, exact in float32; nothing in it is there twice by its place."""
    return np.random.default_rng(seed).integers(-(2**20), 2**20, (rows, columns)) / 8.0


def dated(table, unit="D"):
    """The same as a frame of Polars, with dates in the middle."""
    frame = pl.DataFrame(table, schema=[f"column {n}" for n in range(table.shape[1])])
    days = np.datetime64(START, unit) + np.arange(len(table))
    return frame.insert_column(table.shape[1] // 2, pl.Series("day", days.astype(f"datetime64[{unit}]")))


@pytest.mark.parametrize(("rows", "columns"), SIZES)
def test_each_number_stays_in_its_row_and_column(rows, columns):
    table = table_of(rows, columns)
    flat = table[:, 0] if columns == 1 else table  # of a frame of one column
    assert same(read_series("series", dated(table)).values, flat)
    assert same(read_series("series", pd.DataFrame(table)).values, flat)
    for given in (table, table.tolist(), np.asfortranarray(table)):
        assert same(read_series("series", given).values, table)
    assert read_series("series", dated(table)).columns == tuple(f"column {n}" for n in range(columns))
    days = read_series("series", dated(table)).dates.astype("datetime64[D]")
    assert same(days, np.datetime64("1950-01-01") + np.arange(rows))
    if columns == 1:
        assert same(read_series("series", pl.Series(table[:, 0])).values, table[:, 0])


KINDS = {
    "an array": (lambda table: table, "series", "({0}, {1})"),
    "a list": (lambda table: table.tolist(), "series", "({0}, {1})"),
    "Polars": (dated, "series['column {1}']", "({0},)"),
    "pandas": (pd.DataFrame, "series[{1}]", "({0},)"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("rows", "columns"), SIZES)
@pytest.mark.parametrize("last", [True, False])
def test_one_bad_number_among_many_is_found(kind, rows, columns, last):
    table = table_of(rows, columns)
    place = (rows - 1, columns - 1) if last else (rows // 2 + 1, columns // 2)
    table[place] = np.nan
    make, name, index = KINDS[kind]
    words = f"{name.format(*place)}: expected finite values, got nan at index {index.format(*place)}"
    with pytest.raises(ValueError, match=f"^{re.escape(words)}$"):
        en.windows(make(table), 5)


@pytest.mark.parametrize("row", [1, 1_001, LONG - 1])
def test_one_date_out_of_order_among_many_is_found(row):
    frame = dated(table_of(LONG, 1))
    days = frame["day"].to_numpy().copy()
    days[row] = days[row - 1]
    again = frame.with_columns(pl.Series("day", days))
    with pytest.raises(ValueError, match=rf"got {days[row]} after {days[row]} at index \({row},\)"):
        en.windows(again, 5)


@pytest.mark.parametrize(("rows", "columns"), [(3_000, 1), (1_300, WIDE)])
def test_windows_of_a_long_series_are_its_days(rows, columns):
    table = table_of(rows, columns)
    options = {"inputs": [columns - 1, *range(columns // 2)], "targets": [columns // 2], "horizon": 40}
    options = options if columns > 1 else {"horizon": 40}
    for length in (1, 5, rows - 41):
        some = table[: length + 60]
        assert same([*en.windows(some, length, **options)], by_rows(some, length, **options))
    x, target = en.windows(table, 20, **options)
    assert x.shape[1] == target.shape[1] == rows - 59
    chosen = options.get("inputs", [0])
    for n in (0, 257, 1_001, rows - 60):
        assert same(x[:, n], table[n : n + 20][:, chosen])
        assert same(target[:, n], table[n + 40 : n + 60][:, options.get("targets", [0])])


@pytest.mark.parametrize(("rows", "columns"), SIZES)
def test_the_scaler_of_a_large_table_is_that_of_each_column(rows, columns):
    table = table_of(rows, columns)
    scaler = en.Scaler.fit(table)
    means, stds = (
        (z,) if columns == 1 and not isinstance(z, tuple) else z for z in (scaler.mean, scaler.std)
    )
    np.testing.assert_allclose(means, table.mean(axis=0), rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(stds, table.std(axis=0), rtol=1e-9)
    scaled = scaler.transform(table)
    for column in {0, columns // 2, columns - 1}:
        one = en.Scaler(means[column], stds[column])
        assert same(scaled[:, column], one.transform(table[:, column]))
        assert same(scaler.inverse(scaled)[:, column], one.inverse(scaled[:, column]))


@pytest.mark.parametrize(("train", "validation"), [(0.7, 0.15), (0.001, 0.9), (0.5, 0.4999)])
def test_the_parts_of_a_long_series_are_the_series(train, validation):
    table = table_of(LONG, 3)
    parts = en.split(dated(table), train, validation)
    assert same(np.concatenate(parts), table)
    assert [len(part) for part in parts[:2]] == [
        round(LONG * train),
        round(LONG * (train + validation)) - round(LONG * train),
    ]


def passed_on(columns, seed):
    """Make a network that hands each input on to another column, and counts its place to it: exactly."""
    order = np.random.default_rng(seed).permutation(columns)
    one = np.eye(columns)[order]
    params = en.Parameters(
        np.concatenate([one, -one]), np.zeros((2 * columns, 2 * columns)), np.zeros(2 * columns),
        np.concatenate([np.eye(columns), -np.eye(columns)], axis=1), np.arange(columns) + 1.0,
    )  # fmt: skip
    return en.ElmanRNN.from_params(params, activation="relu"), order


@pytest.mark.parametrize(
    ("rows", "columns", "horizon", "steps"),
    [(1_300, 70, 1, 400), (70_000, 1, 3, 2_000), (300, WIDE, 250, 900)],
)
def test_many_columns_and_steps_are_forecast_a_day_at_a_time(rows, columns, horizon, steps):
    """Each column is another one's `horizon` days before, and its own number more."""
    table = table_of(rows, columns)
    model, order = passed_on(columns, seed=rows)
    found = en.forecast(model, en.Scaler(0, 1), dated(table), horizon=horizon, steps=steps)
    known = [*table]
    for _ in range(steps):
        known.append(known[-horizon][order] + np.arange(columns) + 1)
    days = [START + timedelta(n) for n in range(horizon, rows + steps)]
    assert found["day"].dt.date().to_list() == [day.date() for day in days]
    expected = np.concatenate([table[: rows - horizon][:, order] + np.arange(columns) + 1, known[rows:]])
    assert same(found.drop("day").to_numpy(), expected)


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1_500, 40), (30_000, 2)])
@pytest.mark.parametrize("whole", [True, False])
def test_a_large_file_is_read_as_the_csv_module_reads_it(rows, columns, whole, tmp_path):
    """The first fractions, or the first hours, may come late."""
    rng = np.random.default_rng(rows)
    table = [[str(n) for n in row] for row in rng.integers(-10_000, 10_000, (rows, columns)).tolist()]
    table[-1][-1] = "-0.125e-3"
    moments = [START + timedelta(hours=24 * n) for n in range(rows)]
    texts = [f"{moment:%Y-%m-%d}" for moment in moments]
    if not whole:
        moments[-1] += timedelta(hours=5, minutes=30, seconds=1)
        texts[-1] = f"{moments[-1]:%Y-%m-%dT%H:%M:%S}"
    path = tmp_path / "large.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*(f"c{n}" for n in range(columns)), "when"])
        writer.writerows([*row, text] for row, text in zip(table, texts, strict=True))
    for column in {0, columns - 1}:
        found = read_file(path, f"c{column}")
        assert found[f"c{column}"].to_list() == [float(row[column]) for row in table]
        assert found["when"].to_list() == [moment if not whole else moment.date() for moment in moments]
    first, stop = moments[rows // 3].date(), moments[-1].date() + timedelta(1)
    assert read_file(path, "c0", start=first, end=stop)["c0"].to_list() == [
        float(row[0]) for row in table[rows // 3 :]
    ]
