"""Live prices of the fund from Yahoo Finance (`pip install 'yfinance>=1.3,<2' 'holidays>=0.66'`).

The only module that uses the network. It gives all the days that were asked for or raises `YahooError`;
it never answers with other data, or with part of them. yfinance carries question and answer (cookies,
consent, limits). The answer is read here as Yahoo sent it, for yfinance's own table no longer shows whose
prices they are, in which currency, or that a day came twice.
"""

from __future__ import annotations

import json
import os
import warnings
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from elman_np.data import kept
from elman_np.data.bars import LAUNCHED, PRICES, adjusted, find_fault, listed
from elman_np.data.days import Day, check_days
from elman_np.data.splg import bundled
from elman_np.data.trading_days import ONE_DAY, new_york_day, trading_days
from elman_np.later import Later

if TYPE_CHECKING:
    import polars as pl
else:
    pl = Later("polars")

# SPLG trades as SPYM since 2025-10-31. Yahoo keeps the fund's history since 2005 under the new symbol only:
# the old one answers with a row or so.
SYMBOL = "SPYM"
CHART = f"https://query2.finance.yahoo.com/v8/finance/chart/{SYMBOL}"

# What an answer says of itself.
EXPECTED = {
    "symbol": SYMBOL,
    "currency": "USD",
    "exchangeTimezoneName": "America/New_York",
    "dataGranularity": "1d",
}

# So many days more than wanted are asked for and judged. They hold a weekend, so days that are all shifted
# by one show a bar on a Saturday or a Sunday.
LEAD = timedelta(days=7)


class YahooError(RuntimeError):
    """The prices that were asked for did not come, from Yahoo or its cache; says why and what to do."""


def download(start: Day, end: Day, cache_dir: str | os.PathLike[str] | None = None) -> pl.DataFrame:
    """Download daily prices, adjusted for dividends, from `start` to before `end`, and keep them.

    Parameters
    ----------
    start, end : str, date or datetime
        As in `elman_np.load_splg`. `start` may lie before the fund's first day and `end` in the future: the
        answer is what there is. The day in progress, if Yahoo has it, is as Yahoo has it, and is not kept.
    cache_dir : path, optional
        As in `elman_np.load_splg`.

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
        If `start` or `end` is no day, if they are not in order, or if no trading day is between them.
    YahooError
        If Yahoo cannot be reached, refuses, or sends anything that is not the bars of these days.
    """
    try:
        import yfinance  # noqa: F401 (before anything is asked of it)
    except ImportError as error:
        raise ImportError(
            "live prices need yfinance: pip install 'yfinance>=1.3,<2' 'holidays>=0.66'"
        ) from error
    moment = now()
    today = new_york_day(moment)
    first, stop = check_span(start, end, today)
    folder = kept.cache_folder(cache_dir)
    begin = max(first, LAUNCHED) - LEAD
    try:
        bars = read_bars(ask(begin, min(stop, today + ONE_DAY)), begin, stop, today)
    # Whatever yfinance, its HTTP library or Polars raises on a strange answer, the caller sees one kind.
    except Exception as error:
        raise YahooError(
            f"{SYMBOL} from {first} to before {stop}: {explain(error)}{other_ways(first, stop, folder)}"
        ) from error
    bars = bars.filter(pl.col("Date") >= first)
    finished = bars.filter(pl.col("Date") < today)
    if not finished.is_empty():
        one = kept.Kept(SYMBOL, first, min(stop, today), moment, finished)
        kept.write(folder, f"{SYMBOL}-{first}-{stop}", one)
    return adjusted(bars, SYMBOL)


def recall(start: Day, end: Day, cache_dir: str | os.PathLike[str] | None = None) -> pl.DataFrame:
    """Take from the cache what `download` kept, without the network; a `CacheWarning` says when that was.

    Parameters, returns and errors are those of `download`; a `YahooError` says what the cache has instead.
    """
    today = new_york_day(now())
    first, stop = check_span(start, end, today)
    folder = kept.cache_folder(cache_dir)
    downloads, damaged = kept.read_all(folder, SYMBOL)
    for message in damaged:
        warnings.warn(f"{folder}: {message}; left out", kept.CacheWarning, stacklevel=3)
    wanted = trading_days(max(first, LAUNCHED), min(stop, today))
    for one in downloads:
        if wanted and all(one.start <= day < one.end for day in wanted):
            said = f"prices of {SYMBOL} from the cache {folder}: {one}"
            warnings.warn(said, kept.CacheWarning, stacklevel=3)
            return adjusted(one.bars.filter(pl.col("Date").is_between(first, stop, "left")), SYMBOL)
    there = listed(downloads) or "nothing"
    raise YahooError(f"{SYMBOL} from {first} to before {stop}: not in the cache {folder}, which has {there}")


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def check_span(start: Day, end: Day, today: date) -> tuple[date, date]:
    """Return both as dates, or raise unless the exchange was open between them, in the fund's life so far."""
    first, stop = check_days(start, end)
    if not trading_days(max(first, LAUNCHED), min(stop, today + ONE_DAY)):
        raise ValueError(
            f"start, end: expected at least one trading day from {LAUNCHED} to today ({today}), "
            f"got none from {first} to before {stop}"
        )
    return first, stop


def ask(first: date, stop: date) -> Any:  # noqa: ANN401 (JSON)
    """Ask Yahoo once for daily bars from `first` to before `stop`; return its answer as it came."""
    from yfinance.data import YfData

    begin, end = (
        int(datetime.combine(day, time(), ZoneInfo("America/New_York")).timestamp()) for day in (first, stop)
    )
    question = {"period1": begin, "period2": end, "interval": "1d", "events": "div,splits,capitalGains"}
    return YfData().get(url=CHART, params=question, timeout=10).json()


def read_bars(answer: Any, first: date, stop: date, today: date) -> pl.DataFrame:  # noqa: ANN401 (JSON)
    """Read the bars from `first` to before `stop` out of Yahoo's answer, or raise unless all is right."""
    chart = answer["finance"] if "finance" in answer else answer["chart"]  # the first where it refuses
    if error := chart["error"]:
        raise YahooError(f"Yahoo refuses ({error['description']}); check the dates, try later")
    if not chart["result"]:
        raise YahooError("Yahoo sent no answer; check the dates, try later")
    result = chart["result"][0]
    for name, expected in EXPECTED.items():
        if result["meta"].get(name) != expected:
            got = result["meta"].get(name)
            raise YahooError(f"Yahoo sent prices with {name} {got!r}, expected {expected!r}; try later")
    bars = table(result).filter(pl.col("Date").is_between(first, stop, closed="left"))
    bars = latest_of_today(bars.sort("Date", maintain_order=True), today)
    if fault := find_fault(bars, first, stop, today):
        raise YahooError(f"Yahoo sent {fault}")
    return bars


def table(result: dict[str, Any]) -> pl.DataFrame:
    """Put the columns of an answer side by side, a row a bar; stamps become days in New York."""
    indicators = result["indicators"]
    quote = indicators["quote"][0]
    if not quote and "timestamp" not in result:  # as Yahoo answers where it has no bars
        raise YahooError("Yahoo sent no days; check the dates")
    days = [new_york_day(datetime.fromtimestamp(stamp, UTC)) for stamp in result["timestamp"]]
    columns = {name: quote[name.lower()] for name in ("Close", "High", "Low", "Open")}
    columns["Adj Close"] = indicators["adjclose"][0]["adjclose"]
    volume = [shares or 0 for shares in quote["volume"]]
    return pl.DataFrame(
        {
            "Date": pl.Series(days, dtype=pl.Date),
            **{name: pl.Series(values, dtype=pl.Float64) for name, values in columns.items()},
            "Volume": pl.Series(volume, dtype=pl.Int64),
        }
    )


def latest_of_today(bars: pl.DataFrame, today: date) -> pl.DataFrame:
    """Leave at most one bar of the day in progress: Yahoo may send two, the newer last, or an empty one."""
    begun = pl.any_horizontal(pl.col(PRICES).is_not_null())
    latest = bars.filter(begun, pl.col("Date") == today).tail(1)
    return pl.concat([bars.filter(pl.col("Date") != today), latest])


def other_ways(first: date, stop: date, folder: Path) -> str:
    """Offer what the cache or the snapshot has of these days."""
    ways = []
    downloads, _ = kept.read_all(folder, SYMBOL)
    if useful := [one for one in downloads if one.start <= first < one.end]:
        most = max(useful, key=lambda one: min(one.end, stop))
        ways.append(f"cached=True (--cached), which has {most}")
    try:
        bundled(first, stop)
        ways.append("source='bundled'")
    except ValueError:
        pass
    return f", or use {', or '.join(ways)}" if ways else ""


def explain(error: Exception) -> str:
    """Say what an exception out of yfinance means, and what to do about it."""
    from yfinance.exceptions import YFException, YFRateLimitError

    match error:
        case YahooError():
            return str(error)
        case YFRateLimitError():
            return "Yahoo refuses, too many requests; wait some minutes"
        case YFException():
            return f"yfinance has no answer ({error}); try later"
        case KeyError():
            return f"Yahoo's answer lacks {error}; try later"
        # Before OSError: with curl_cffi a JSONDecodeError is both.
        case json.JSONDecodeError():
            return "Yahoo's answer is no JSON, its service may be down; try later"
        case OSError():
            return f"asking Yahoo failed ({error}); check the network, try later"
    first_line = str(error).partition("\n")[0]
    return f"Yahoo's answer cannot be read ({type(error).__name__}: {first_line}); try later"
