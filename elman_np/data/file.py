"""A column of numbers, with its dates, out of somebody's file."""

from __future__ import annotations

import csv
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from elman_np.data.days import Day, check_day
from elman_np.later import Later

if TYPE_CHECKING:
    import polars as pl
else:
    pl = Later("polars")


def read_file(
    path: Path,
    column: str | None,
    date: str | None = None,
    *,
    start: Day | None = None,
    end: Day | None = None,
) -> pl.DataFrame:
    """Read one column of a CSV or Parquet file, and its dates.

    Parameters
    ----------
    path : Path
        Ends in .csv or .parquet. A CSV may have one line of names, or the three that yfinance writes.
    column : str
        Its numbers are read as float64, whole ones too. None is refused with the names that there are.
    date : str, optional
        The column of dates. If left out, the only one that holds dates, or none.
    start, end : str, date or datetime, optional
        The first day wanted, and the day after the last.

    Returns
    -------
    polars.DataFrame
        The dates, if there are any, and the numbers.

    Raises
    ------
    ValueError
        If the file cannot be read, a column is not there or does not hold what it should, or no row is left.
    """
    frame = _read(path)
    numbers = _numbers(_find("column", column, frame))
    if date is None:
        dated = [name for name, dtype in frame.schema.items() if dtype in (pl.Date, pl.Datetime)]
        date = dated[0] if len(dated) == 1 else None
    else:
        dates = _find("date", date, frame)
        if dates.dtype not in (pl.Date, pl.Datetime):
            raise ValueError(
                f"date: expected days such as 2023-01-31 in {date!r}, got {next(iter(dates), None)!r}"
            )
    if date is None:
        if start is not None or end is not None:
            raise ValueError(f"start, end: expected a column of dates in {path.name}, got none")
        return frame.select(numbers)
    days = pl.col(date).dt.date()
    chosen = frame.select(date, numbers)
    chosen = chosen if start is None else chosen.filter(days >= check_day("start", start))
    chosen = chosen if end is None else chosen.filter(days < check_day("end", end))
    if chosen.is_empty():
        raise ValueError(f"start, end: expected at least one row of {path.name} between them, got none")
    return chosen


def _read(path: Path) -> pl.DataFrame:
    if not path.is_file():
        raise ValueError(f"file: expected a file that exists, got {str(path)!r}")
    try:
        match path.suffix.lower():
            case ".parquet":
                return pl.read_parquet(path.read_bytes())  # a path would be a pattern, too
            case ".csv":
                return _read_csv(path)
    except (pl.exceptions.PolarsError, OSError, UnicodeError) as error:
        reason = str(error).partition("\n")[0]
        kind = "Parquet" if path.suffix.lower() == ".parquet" else "CSV, with commas between its columns"
        raise ValueError(f"file: {path.name} cannot be read as {kind}: {reason}") from None
    raise ValueError(f"file: expected a name that ends in .csv or .parquet, got {str(path)!r}")


def _read_csv(path: Path) -> pl.DataFrame:
    with path.open(newline="", encoding="utf-8-sig") as lines:
        head = list(islice(csv.reader(lines), 3))
    # yfinance's columns have two names, and `to_csv` writes three lines: Price, Ticker, and the dates' name.
    if [line[:1] for line in head[:2]] not in ([["Price"], ["Ticker"]], [["Ticker"], ["Price"]]):
        return pl.read_csv(path.read_bytes(), try_parse_dates=True, infer_schema_length=None)
    prices, tickers = head[:2] if head[0][0] == "Price" else head[1::-1]
    pairs = list(zip(prices, tickers, strict=True))[1:]
    several = len(set(tickers[1:])) > 1
    names = [head[2][0], *(f"{price} {ticker}" if several else price for price, ticker in pairs)]
    return pl.read_csv(
        path.read_bytes(),
        has_header=False,
        skip_rows=3,
        new_columns=names,
        try_parse_dates=True,
        infer_schema_length=None,
    )


def _find(option: str, name: str | None, frame: pl.DataFrame) -> pl.Series:
    if name is None or name not in frame.columns:
        names = ", ".join(map(repr, frame.columns))
        raise ValueError(f"{option}: expected one of {names}, got {name!r}")
    return frame[name]


def _numbers(column: pl.Series) -> pl.Series:
    """Return a column as float64, or raise with the first of its values that is no number."""
    if column.dtype == pl.String:
        numbers = column.str.strip_chars().cast(pl.Float64, strict=False)
        for index in (numbers.is_null() & column.is_not_null()).arg_true():
            raise ValueError(
                f"column: expected numbers in {column.name!r}, got {column[index]!r} at index ({index},)"
            )
        return numbers
    if not column.dtype.is_numeric():
        raise ValueError(f"column: expected numbers in {column.name!r}, got {column.dtype}")
    return column.cast(pl.Float64)
