"""Daily prices of the SPDR Portfolio S&P 500 ETF, as the notebook's table shows them.

The bundled snapshot (`splg.csv`, 1,259 trading days) needs no network. `elman_np.data.yahoo` downloads other
years, and is imported only when it is asked for; so is Polars.
"""

from __future__ import annotations

import os
from datetime import date, timedelta
from typing import TYPE_CHECKING, Literal

from elman_np.arrays import check_choice, check_flag
from elman_np.data.days import Day, check_days
from elman_np.later import Later

if TYPE_CHECKING:
    import polars as pl
else:
    pl = Later("polars")


def load_splg(
    start: Day = "2023-01-01",
    end: Day = "2024-01-01",
    *,
    source: Literal["bundled", "yahoo"] = "bundled",
    cached: bool = False,
    cache_dir: str | os.PathLike[str] | None = None,
) -> pl.DataFrame:
    """Load the prices of SPLG; by default the notebook's year, offline.

    Parameters
    ----------
    start : str, date or datetime
        The first day wanted. It need not be a trading day.
    end : str, date or datetime
        The day after the last one wanted: `end` itself is left out, as in `yfinance.download`.
    source : {"bundled", "yahoo"}
        The snapshot in this package, which needs no network, or a download (`elman_np.data.yahoo.download`).
    cached : bool
        With "yahoo": take the days from what was downloaded before, and do not use the network. A
        `CacheWarning` says when that was.
    cache_dir : path, optional
        With "yahoo": the folder in which downloads are kept. By default the one that the environment's
        ELMAN_CACHE_DIR names, else `elman` in the platform's folder for a user's caches
        (on Linux `~/.cache/elman`, or below XDG_CACHE_HOME).

    Returns
    -------
    polars.DataFrame
        One row a trading day, in time order: Date (datetime[ns], midnight, no time zone); Close, High, Low
        and Open in dollars, adjusted for dividends (f64); Volume in shares (i64); Ticker (str), the symbol
        from which the rows come: "SPLG" for the snapshot, "SPYM" from Yahoo (the fund's new name).

    Raises
    ------
    TypeError
        If `start` or `end` is not a str, date or datetime, or `cache_dir` no path.
    ValueError
        If `start` or `end` is no day, if they are not in order, if the snapshot does not cover them or has
        no trading day between them, if `source` is unknown, or if what goes with "yahoo" is given without it.
    elman_np.data.yahoo.YahooError
        If Yahoo does not send all that was asked for and nothing else, or the cache does not have it.
    """
    first, stop = check_days(start, end)
    check_choice("source", source, ("bundled", "yahoo"))
    check_flag("cached", cached)
    if not isinstance(cache_dir, str | os.PathLike | None):
        raise TypeError(f"cache_dir: expected a path or None, got {cache_dir!r}")
    if source == "yahoo":
        from elman_np.data import yahoo

        return (yahoo.recall if cached else yahoo.download)(first, stop, cache_dir)
    for name, value in {"cached": cached, "cache_dir": cache_dir}.items():
        if value:
            raise ValueError(f"{name}: expected only with source='yahoo', got {value!r} with 'bundled'")
    return bundled(first, stop)


def bundled(first: date, stop: date) -> pl.DataFrame:
    """Read the days from `first` to before `stop` from the snapshot, which must cover them all."""
    from importlib import resources

    prices = ("Close", "High", "Low", "Open")
    schema = {"Date": pl.Date, **dict.fromkeys(prices, pl.Float64), "Volume": pl.Int64}
    days = pl.read_csv(resources.files("elman_np.data").joinpath("splg.csv").read_bytes(), schema=schema)
    covered = days["Date"].to_list()
    earliest, latest = covered[0], covered[-1] + timedelta(days=1)
    for name, value in {"start": first, "end": stop}.items():
        if not earliest <= value <= latest:
            raise ValueError(
                f"{name}: expected a day from {earliest} to {latest}, which the bundled snapshot covers (end "
                f"excluded), got {value}; source='yahoo' downloads other days"
            )
    chosen = days.filter(pl.col("Date").is_between(first, stop, closed="left"))
    if chosen.is_empty():
        raise ValueError(
            f"start, end: expected at least one trading day, got none from {first} to before {stop}"
        )
    return chosen.with_columns(pl.col("Date").cast(pl.Datetime("ns")), Ticker=pl.lit("SPLG"))
