"""Days on which the New York Stock Exchange is open (`pip install 'holidays>=0.66'`).

The calendar is that of the package `holidays`: it has the exchange's rules, and the closings that no rule
foretells, such as 2018-12-05 and 2025-01-09. A list of our own would be wrong from the next of these on, and
only a new version of ours could mend it.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

ONE_DAY = timedelta(days=1)


def new_york_day(moment: datetime) -> date:
    """Return the day that it is in New York at a moment that knows its time zone."""
    return moment.astimezone(ZoneInfo("America/New_York")).date()


def trading_days(first: date, stop: date) -> list[date]:
    """List the days from `first` to before `stop` on which the exchange is open."""
    days = (first + n * ONE_DAY for n in range((stop - first).days))
    return [day for day in days if why_closed(day) is None]


def why_closed(day: date) -> str | None:
    """Say why the exchange is closed on a day, such as "Saturday" or "Good Friday"; None if it is open."""
    if day.weekday() >= 5:
        return "Saturday" if day.weekday() == 5 else "Sunday"
    name: str | None = calendar().get(day)
    return name


@cache
def calendar() -> Any:  # noqa: ANN401 (a mapping that grows with the years it is asked for)
    """Make the calendar of `holidays`, once."""
    try:
        import holidays
    except ImportError as error:
        raise ImportError("the exchange's calendar needs holidays: pip install 'holidays>=0.66'") from error
    return holidays.financial_holidays("NYSE")
