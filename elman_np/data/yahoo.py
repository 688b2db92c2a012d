"""Live prices of the fund from Yahoo Finance, through yfinance (`pip install 'yfinance>=1.3,<2'`).

The only module that uses the network. It gives all the days that were asked for or raises `YahooError`;
it never answers with other data, or with part of them.
"""

from __future__ import annotations

import json
from datetime import date, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from elman_np.data.days import Day, check_days

if TYPE_CHECKING:
    import polars as pl

# SPLG trades as SPYM since 2025-10-31. Yahoo keeps the fund's history since 2005 under the new symbol only:
# the old one answers with a row or so.
SYMBOL = "SPYM"

# From 2001-09-10 to 2001-09-17 the exchange was closed for longer than ever since 1933.
LONGEST_CLOSING = timedelta(days=7)

# The fund pays a dividend each quarter, so a price this old has been adjusted at least once.
SURELY_ADJUSTED = timedelta(days=200)


class YahooError(RuntimeError):
    """Yahoo did not send the prices that were asked for; the message says why and what to do."""


def download(start: Day, end: Day) -> pl.DataFrame:
    """Download daily prices, adjusted for dividends, from `start` to before `end`.

    Parameters
    ----------
    start, end : str, date or datetime
        As in `elman_np.load_splg`. `end` may lie in the future: the answer then ends today, and the day in
        progress, if Yahoo has it, is as Yahoo has it.

    Returns
    -------
    polars.DataFrame
        The columns of `elman_np.load_splg`; Ticker is "SPYM", the symbol that Yahoo was asked for.
        Adjusted prices change with each new dividend, so they differ from the snapshot's by a factor.
        Volume is 0 where Yahoo has none.

    Raises
    ------
    ImportError
        If yfinance is not installed.
    TypeError, ValueError
        If `start` or `end` is no day, or they are not in order.
    YahooError
        If Yahoo cannot be reached, refuses, or sends no days, too few, or without prices.
    """
    first, stop = check_days(start, end)
    try:
        import yfinance
    except ImportError as error:
        raise ImportError("live prices need yfinance: pip install 'yfinance>=1.3,<2'") from error
    import polars as pl

    failure = f"{SYMBOL} from {first} to before {stop}: {{}}, or use source='bundled'"
    try:
        raw = ask(yfinance, first, stop)
    # Whatever yfinance, its HTTP library or pandas raises on a strange answer, the caller sees one kind.
    except Exception as error:
        raise YahooError(failure.format(explain(error))) from error
    if fault := find_fault(raw, first, stop):
        raise YahooError(failure.format(fault))
    ratio = pl.col("Adj Close") / pl.col("Close")
    return raw.select(
        pl.col("Date").cast(pl.Datetime("ns")),
        pl.col("Adj Close").alias("Close"),
        *(pl.col(name) * ratio for name in ("High", "Low", "Open")),
        pl.col("Volume").cast(pl.Int64),
        pl.lit(SYMBOL).alias("Ticker"),
    )


def ask(yfinance: Any, first: date, stop: date) -> pl.DataFrame:  # noqa: ANN401 (a module without types)
    """Ask Yahoo once, and return its rows in [first, stop) as they came, adjusted closes beside raw ones."""
    import polars as pl
    from yfinance.data import YfData

    # yfinance remembers bad answers too: without this, a second try would read the first one's failure.
    YfData.cache_get.cache_clear()
    debug = yfinance.config.debug
    hidden = debug.hide_exceptions
    # Otherwise yfinance logs what went wrong and returns an empty table.
    debug.hide_exceptions = False
    try:
        # keepna: a day without prices is to be seen (and refused), not dropped.
        history = yfinance.Ticker(SYMBOL).history(
            start=first.isoformat(), end=stop.isoformat(), auto_adjust=False, keepna=True
        )
    finally:
        debug.hide_exceptions = hidden
    columns = ("Close", "High", "Low", "Open", "Adj Close", "Volume")
    rows = pl.DataFrame(
        {
            "Date": pl.Series(list(history.index.date), dtype=pl.Date),
            **{name: history[name].to_numpy() for name in columns},
        }
    )
    return rows.filter(pl.col("Date").is_between(first, stop, closed="left")).sort("Date")


def explain(error: Exception) -> str:
    """Say what an exception out of yfinance means, and what to do about it."""
    from yfinance.exceptions import YFException, YFRateLimitError

    match error:
        case YFRateLimitError():
            return "Yahoo refuses, too many requests; wait some minutes"
        case YFException():
            return f"Yahoo sent no prices ({error}); check the dates, try later"
        case KeyError():
            return f"Yahoo's answer lacks {error}; update yfinance"
        # Before OSError: with curl_cffi a JSONDecodeError is both.
        case json.JSONDecodeError():
            return "Yahoo's answer is no JSON, its service may be down; try later"
        case OSError():
            return f"asking Yahoo failed ({error}); check the network, try later"
    return f"yfinance failed ({type(error).__name__}: {error}); update it"


def find_fault(raw: pl.DataFrame, first: date, stop: date) -> str | None:
    """Say what is missing in Yahoo's rows: days, prices, or the adjustment for dividends."""
    import polars as pl

    days = raw["Date"].to_list()
    if not days:
        return "Yahoo sent no days; check the dates"
    for before, after in pairwise([first, *days, max(days[-1], min(stop, date.today()))]):
        if after - before > LONGEST_CLOSING:
            return (
                f"Yahoo sent nothing between {before} and {after}, longer than the exchange ever closes; "
                f"its first day is {days[0]}, its last {days[-1]}: check the dates"
            )
    prices = pl.col("Close", "High", "Low", "Open", "Adj Close")
    bad = raw.filter(~pl.all_horizontal(prices.is_finite().fill_null(False)))["Date"].to_list()
    if bad:
        listed = ", ".join(map(str, bad[:5])) + ", ..." * (len(bad) > 5)
        return f"Yahoo sent no prices for {listed}; a day in progress has none yet: leave it out, try later"
    # Where Yahoo leaves out adjusted closes, yfinance puts the raw ones in their place.
    if raw["Adj Close"][0] == raw["Close"][0] and date.today() - days[0] > SURELY_ADJUSTED:
        return "Yahoo sent no adjusted closes; try later"
    return None
