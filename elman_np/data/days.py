"""A day as callers say it, checked: shared by every source of prices."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import TypeAlias

Day: TypeAlias = str | date
"""A day: ISO text such as "2023-01-01", a `datetime.date`, or a `datetime.datetime` at midnight."""


def check_days(start: Day, end: Day) -> tuple[date, date]:
    """Return both as dates, or raise unless each is a day and `start` comes before `end`."""
    first, stop = check_day("start", start), check_day("end", end)
    if first >= stop:
        raise ValueError(f"start: expected a day before end ({stop}, itself left out), got {first}")
    return first, stop


def check_day(name: str, value: Day) -> date:
    """Return `value` as a date, or raise unless it is one day and nothing finer."""
    match value:
        case str():
            try:
                return date.fromisoformat(value)
            except ValueError:
                raise ValueError(f"{name}: expected a day such as '2023-01-31', got {value!r}") from None
        case datetime():
            # An hour, or a time zone, could move the day: what is meant must be said as a day.
            if value.timetz() != time():
                raise ValueError(f"{name}: expected a day, without hour or time zone, got {value}")
            return value.date()
        case date():
            return value
    raise TypeError(f"{name}: expected a str, datetime.date or datetime.datetime, got {value!r}")
