"""Daily bars of a fund on the S&P 500, judged: the right days, and prices that can be.

A bar is the Open, High, Low and Close of a day, the close adjusted for later dividends, and the Volume.
"""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from elman_np.data.trading_days import ONE_DAY, trading_days, why_closed
from elman_np.later import Later

if TYPE_CHECKING:
    import polars as pl
else:
    pl = Later("polars")

PRICES = ("Close", "High", "Low", "Open", "Adj Close")

# The fund was launched on the first day, and its first bar is some days younger.
LAUNCHED, FIRST_BAR_BY = date(2005, 11, 8), date(2005, 12, 31)

# The unit of a price in dollars. A price is rounded to it, so two that touch may cross by less than one.
CENT = 0.01

# Since 2013 trading ends for the day when the S&P 500 has fallen by 20 % (level 3 of the circuit breakers).
# Nothing stops a rise: its limit is the same ratio. The index's largest changes in the fund's time are
# -12.0 % (2020-03-16) and +11.6 % (2008-10-13).
LARGEST_CHANGE = 0.8

# In the 'flash crash' of 2010-05-06 funds were sold for cents; trades more than 60 % off were cancelled.
FARTHEST_TRADE = 0.4

# The fund pays a dividend each quarter, so a price this old has been adjusted at least once.
SURELY_ADJUSTED = timedelta(days=200)


def find_fault(bars: pl.DataFrame, first: date, stop: date, today: date) -> str | None:
    """Say the first thing that is wrong with the bars from `first` to before `stop`, and on which day.

    Parameters
    ----------
    bars : polars.DataFrame
        Date (date, in order), `PRICES` (f64, dollars) and Volume (i64, shares).
    first, stop : date
        What was asked for. Days before the fund's first and days after `today` are not expected.
    today : date
        The day in New York. Its bar may be missing, since the day may not have begun.
    """
    days = bars["Date"].to_list()
    return (
        day_fault(days, first, stop, today)
        or number_fault(bars)
        or range_fault(bars)
        or change_fault(bars)
        or adjustment_fault(bars, today)
    )


def day_fault(days: list[date], first: date, stop: date, today: date) -> str | None:
    """Say which days have a bar and should not, or should and have none."""
    if not days:
        return "no days; check the dates"
    if days[0] < LAUNCHED:
        return f"a bar for {days[0]}, before the fund was launched ({LAUNCHED})"
    if late := [day for day in days if day > today]:
        return f"bars in the future, {listed(late)}"
    if twice := [day for day, after in pairwise(days) if day == after]:
        return f"more than one bar for {listed(twice)}"
    if closed := [f"{day} ({why})" for day in days if (why := why_closed(day))]:
        return f"bars for days on which the exchange is closed, {listed(closed)}: another time zone's?"
    begin = max(first, min(days[0], FIRST_BAR_BY))
    expected = set(trading_days(begin, min(stop, today + ONE_DAY))) - {today}
    if missing := sorted(expected - set(days)):
        return f"no bar for {listed(missing)}, when the exchange was open"
    return None


def number_fault(bars: pl.DataFrame) -> str | None:
    """Say which prices and volumes are missing, not finite, or too small."""
    finite = pl.all_horizontal(pl.col(PRICES).is_finite().fill_null(False))
    if missing := bars.filter(~finite)["Date"].to_list():
        return f"no prices for {listed(missing)}; leave them out, or try later"
    for name, least in {**dict.fromkeys(PRICES, CENT), "Volume": 0}.items():
        if bar := first_where(bars, pl.col(name) < least):
            return f"{name} {bar[name]} on {bar['Date']}, expected at least {least}"
    return None


def range_fault(bars: pl.DataFrame) -> str | None:
    """Say where a day's prices do not lie between its low and its high, or where these are too far away."""
    low, high, close = pl.col("Low"), pl.col("High"), pl.col("Close")
    outside = [(low > pl.col(name) + CENT) | (pl.col(name) > high + CENT) for name in ("Open", "Close")]
    if bar := first_where(bars, pl.any_horizontal(low > high, *outside)):
        return f"{prices_of(bar)}, expected open and close from low to high"
    if bar := first_where(bars, (low < FARTHEST_TRADE * close) | (close < FARTHEST_TRADE * high)):
        return f"{prices_of(bar)}, expected no trade {1 - FARTHEST_TRADE:.0%} off: it would be cancelled"
    return None


def prices_of(bar: dict[str, Any]) -> str:
    """Put a day's prices into words."""
    return f"{bar['Date']} low {bar['Low']}, high {bar['High']}, open {bar['Open']}, close {bar['Close']}"


def change_fault(bars: pl.DataFrame) -> str | None:
    """Say where a close is farther from the day before than one day can bring it."""
    for name in ("Close", "Adj Close"):
        before = bars.with_columns(pl.col("Date", name).shift(1).name.prefix("last "))
        ratio = pl.col(name) / pl.col(f"last {name}")
        if bar := first_where(before, ~ratio.is_between(LARGEST_CHANGE, 1 / LARGEST_CHANGE)):
            return (
                f"{name} {bar[name]} on {bar['Date']} after {bar[f'last {name}']} on {bar['last Date']}, "
                f"expected a ratio from {LARGEST_CHANGE} (there trading ends) to {1 / LARGEST_CHANGE}"
            )
    return None


def adjustment_fault(bars: pl.DataFrame, today: date) -> str | None:
    """Say where adjusted closes are not what later dividends make of closes: the earlier the less of them."""
    close, adjusted = pl.col("Close"), pl.col("Adj Close")
    before = bars.with_columns(most=(adjusted / close).cum_max().shift(1, fill_value=0.0))
    if bar := first_where(before, (adjusted > close + CENT) | (adjusted < pl.col("most") * close - CENT)):
        return (
            f"Adj Close {bar['Adj Close']} on {bar['Date']}, "
            f"expected from {bar['most'] * bar['Close']:.4f} to {bar['Close']}: later dividends lower it"
        )
    # Where Yahoo leaves out adjusted closes, it may put the raw ones in their place.
    if bars["Adj Close"][0] == bars["Close"][0] and today - bars["Date"][0] > SURELY_ADJUSTED:
        return f"no adjusted closes: Adj Close is Close on {bars['Date'][0]}; try later"
    return None


def first_where(bars: pl.DataFrame, condition: pl.Expr) -> dict[str, Any] | None:
    """Return the first row of which something is true, by name."""
    found = bars.filter(condition)
    return None if found.is_empty() else found.row(0, named=True)


def listed(days: list[Any]) -> str:
    """Name the first five, and say how many more."""
    more = f" and {len(days) - 5} more" if len(days) > 5 else ""
    return ", ".join(map(str, days[:5])) + more


def adjusted(bars: pl.DataFrame, symbol: str) -> pl.DataFrame:
    """Turn bars into the table of `elman_np.load_splg`: all four prices adjusted for dividends."""
    ratio = pl.col("Adj Close") / pl.col("Close")
    return bars.select(
        pl.col("Date").cast(pl.Datetime("ns")),
        pl.col("Adj Close").alias("Close"),
        *(pl.col(name) * ratio for name in ("High", "Low", "Open")),
        "Volume",
        pl.lit(symbol).alias("Ticker"),
    )
