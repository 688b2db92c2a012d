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

# A day, or a day and an hour, whose offset from UTC is not looked at. Nothing but year first is unambiguous.
ISO = r"^\s*(\d{4}[-/]\d\d[-/]\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?) ?(?:Z|[+-]\d\d(?::?\d\d)?)?\s*$"

# 3/20/2024, 20.03.24 16:00, Mar 20, 2024, Wed 20 March 2024: at the beginning, so that notes are none.
LIKE_A_DATE = (
    r"(?i:^\s*(?:\d{1,4}[-/.]\d{1,2}[-/.](?:\d\d){1,2}\b"
    r"|(?:\w+,? +)?(?:\d{1,2}(?:st|nd|rd|th)?[-. ]*)?"
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)[-., ]+\d{1,4}\b))"
)


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
        The column of dates. If left out, the only one that holds dates, or none. A CSV's are ISO dates, such
        as 2023-01-31 or 2023-01-31T16:00:00+01:00, whose hour is taken as it is written. Others could mean
        two days (02/01/2023), and are refused.
    start, end : str, date or datetime, optional
        The first day wanted, and the day after the last.

    Returns
    -------
    polars.DataFrame
        The dates, if there are any, and the numbers.

    Raises
    ------
    ValueError
        If the file cannot be read, a column is not there or does not hold what it should, if it has dates and
        none of them ISO dates, or no row is left.
    """
    frame = _read(path)
    numbers = _numbers(_find("column", column, frame))
    if date is None:
        dates = [known for name in frame.columns if (known := _dates(frame[name])) is not None]
        for other in () if dates else frame.columns:
            if other != column and _looks_like_dates(frame[other]):
                raise ValueError(_no_days(other, _no_date(frame[other])))
        days = dates[0] if len(dates) == 1 else None
    else:
        days = _dates(named := _find("date", date, frame))
        if days is None:
            raise ValueError(_no_days(date, _no_date(named)))
    if days is None:
        if start is not None or end is not None:
            raise ValueError(f"start, end: expected a column of dates in {path.name}, got none")
        return frame.select(numbers)
    chosen, day = pl.DataFrame([days, numbers]), pl.col(days.name).dt.date()
    if (start is not None or end is not None) and days.null_count():
        row = days.is_null().arg_max()
        raise ValueError(
            f"{days.name}: expected a date in each row of {path.name}, got none at index ({row},)"
        )
    chosen = chosen if start is None else chosen.filter(day >= check_day("start", start))
    chosen = chosen if end is None else chosen.filter(day < check_day("end", end))
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
        return pl.read_csv(path.read_bytes(), infer_schema_length=None)
    prices, tickers = head[:2] if head[0][0] == "Price" else head[1::-1]
    pairs = list(zip(prices, tickers, strict=True))[1:]
    several = len(set(tickers[1:])) > 1
    names = [head[2][0], *(f"{price} {ticker}" if several else price for price, ticker in pairs)]
    return pl.read_csv(
        path.read_bytes(),
        has_header=False,
        skip_rows=3,
        new_columns=names,
        infer_schema_length=None,
    )


def _find(option: str, name: str | None, frame: pl.DataFrame) -> pl.Series:
    if name is None or name not in frame.columns:
        names = ", ".join(map(repr, frame.columns))
        raise ValueError(f"{option}: expected one of {names}, got {name!r}")
    return frame[name]


def _dates(column: pl.Series) -> pl.Series | None:
    """Return a column of dates, or of text that is ISO dates; None if it is neither."""
    if column.dtype in (pl.Date, pl.Datetime):
        return column
    if column.dtype != pl.String or column.null_count() == len(column) or _no_date(column) is not None:
        return None
    return _parse(column)


def _parse(text: pl.Series) -> pl.Series:
    """Read ISO dates as days, or as hours if one of them has an hour; null where the text is none."""
    clock = text.str.extract(ISO, 1).str.replace_all("/", "-").str.replace("T", " ")
    if clock.str.len_chars().max() == 10:
        return clock.str.to_date("%Y-%m-%d", strict=False)
    length = pl.col(text.name).str.len_chars()
    rest = pl.when(length == 10).then(pl.lit(" 00:00:00")).when(length == 16).then(pl.lit(":00"))
    whole = clock.to_frame().select(pl.col(text.name) + rest.otherwise(pl.lit(""))).to_series()
    return whole.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", strict=False)


def _no_date(column: pl.Series) -> object:
    """Return the first value that is no date; None if there is none such."""
    wrong = column if column.dtype != pl.String else column.filter(_parse(column).is_null())
    return next(iter(wrong.drop_nulls()), None)


def _looks_like_dates(column: pl.Series) -> bool:
    return column.dtype == pl.String and bool(column.str.contains(f"{ISO}|{LIKE_A_DATE}").any())


def _no_days(name: str, text: object) -> str:
    return f"date: expected days such as 2023-01-31 in {name!r}, got {text!r}"


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
