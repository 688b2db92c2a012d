"""Days: as callers say them, checked, shared by every source of prices; and those that come after others."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import TYPE_CHECKING, TypeAlias
from typing import Annotated as Shaped

import numpy as np

from elman_np.arrays import Array
from elman_np.later import Later

if TYPE_CHECKING:
    import polars as pl
else:
    pl = Later("polars")

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


def on_clocks(dates: Shaped[Array, "T"], zone: str | None) -> Shaped[Array, "T"]:
    """Return what the clocks of a time zone show at dates in UTC; the dates themselves without a zone."""
    if zone is None:
        return dates
    clocks: Array = in_zone(dates, zone).dt.replace_time_zone(None).to_numpy()
    return clocks


def in_zone(dates: Shaped[Array, "T"], zone: str | None) -> pl.Series:
    """Return dates, which are in UTC where there is a time zone, as a series in it."""
    series = pl.Series(dates)
    return series if zone is None else series.dt.replace_time_zone("UTC").dt.convert_time_zone(zone)


def days_after(dates: Shaped[Array, "T"], count: int, zone: str | None = None) -> Shaped[Array, "count"]:
    """Continue ascending dates as they went on so far.

    Parameters
    ----------
    dates : array (T,) of datetime64
    count : int
    zone : str, optional
        The time zone of dates that are in UTC. If its clocks showed one hour at all of them, days are counted
        by these, also where summer begins or ends, and NaT is an hour that they leave out. Else hours are
        hours.

    Returns
    -------
    array (count,) of datetime64
        By whole months, if all dates are the same day of a month, or all its last; by weekdays, if the dates
        are days that leave out all weekends (holidays are not known); else by the smallest step, if all steps
        are multiples of it. NaT if none of these, or for a single date.
    """
    clocks, day = on_clocks(dates, zone), np.timedelta64(1, "D")
    if zone is not None and not np.any(np.diff(clocks) % day):
        shown = pl.Series(days_after(clocks, count))
        there = shown.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
        return np.asarray(there.dt.convert_time_zone("UTC").dt.replace_time_zone(None).to_numpy())
    following: Array = np.full(count, "NaT", dates.dtype)
    if len(dates) < 2:
        return following
    if (by_months := _months_after(dates, count)) is not None:
        return by_months
    steps, ahead = np.diff(dates), np.arange(1, count + 1)
    if not np.any(steps % steps.min()):
        following = dates[-1] + steps.min() * ahead
        if steps.min() == day < steps.max() and np.all(np.is_busday(dates.astype("datetime64[D]"))):
            last = dates[-1].astype("datetime64[D]")
            following = np.busday_offset(last, ahead).astype(dates.dtype) + (dates[-1] - last)
    return following


def _months_after(dates: Shaped[Array, "T"], count: int) -> Shaped[Array, "count"] | None:
    """Continue dates by whole months, if they are the same day of a month, or the last of it."""
    day = np.timedelta64(1, "D")
    for shift, most in ((day, day), (0 * day, 28 * day)):
        # With a day more, the last days of months are first ones.
        months = (dates + shift).astype("datetime64[M]")
        within = dates + shift - months.astype(dates.dtype)
        steps = np.diff(months.astype(int))
        if np.all(within == within[0]) and within[0] < most and not np.any(steps % steps.min()):
            following: Array = (months[-1] + steps.min() * np.arange(1, count + 1)).astype(dates.dtype)
            following += within[0] - shift
            return following
    return None
