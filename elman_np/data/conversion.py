"""Any series at the door: the one conversion, for all that takes a series.

What comes in may be an array, a list, or a series or frame of Polars or pandas; what goes on is a float64 or
float32 array. Neither library is imported: what has `to_numpy` is asked for its numbers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated as Float
from typing import Annotated as Shaped
from typing import Any, NamedTuple, NoReturn, Protocol, TypeAlias, runtime_checkable
from zoneinfo import ZoneInfo

import numpy as np

from elman_np.arrays import REAL, Array, spell_kind


@runtime_checkable
class HasNumpy(Protocol):
    """A series or frame of Polars or pandas."""

    def to_numpy(self) -> Any:  # noqa: ANN401 (pandas says so)
        """Return the numbers."""


SeriesLike: TypeAlias = Array | HasNumpy | Sequence[float] | Sequence[Sequence[float]]
"""What is taken for a series of T steps, or for C of them side by side.

- an array (T,) or (T, C), float64 or float32;
- a list of floats, or of rows of floats;
- a Polars or pandas series of floats: (T,);
- a Polars or pandas frame of floats: (T,) if it has one column, else (T, C). One more column may hold dates,
  or pandas' index: they say when, in ascending order, and are no values. A pandas index of periods, of dates
  as objects, as text, or in one of several levels is refused: make datetime64 of it.

Integers, and whatever else could be read as numbers, are refused: the caller converts them, for example by
`.cast(pl.Float64)`, `.astype(float)` or `numpy.asarray(series, float)`. So are NaN, infinity and null.
"""


UNNAMED = "value"
"""The column of a series that has no name."""


# How text begins that is a date to somebody.
DAY = re.compile(r"\s*\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}\b")


class Labelled(NamedTuple):
    """A series as an array, and what a frame says beside its numbers."""

    values: Float[Array, "T ..."]
    """Float64 or float32, finite, not empty."""
    columns: tuple[str, ...] = ()
    """The names of the columns, where they have names."""
    dates: Shaped[Array, "T"] | None = None
    """Datetime64, ascending, where there are dates."""
    dates_name: str = "Date"
    """What they are called."""
    zone: str | None = None
    """Their time zone, if they have one with a name. The dates are then in UTC: in autumn the clocks of many
    zones show an hour twice. Those of a zone without a name are as its clocks showed them."""


def check_zone(name: str, given: Labelled, other: Labelled, like: str) -> None:
    """Raise unless the dates of both have a time zone, or those of neither."""
    if (given.zone is None) != (other.zone is None):
        raise ValueError(
            f"{name}: expected dates with{'out' if other.zone is None else ''} a time zone, as {like}"
        )


def to_array(name: str, value: SeriesLike) -> Float[Array, "T ..."]:
    """Return a series as an array; the argument's name is for the errors.

    Raises
    ------
    TypeError
        If it is none of what `SeriesLike` says.
    ValueError
        If it is empty or not finite, or its dates do not ascend; the message says where.
    """
    return read_series(name, value).values


def read_series(name: str, value: SeriesLike) -> Labelled:
    """Return a series with its names and dates, if it has any; errors as in `to_array`."""
    if isinstance(value, np.ndarray):
        table = Labelled(_unmasked(name, value))
    elif isinstance(value, list | tuple):
        table = Labelled(_from_list(name, value))
    elif isinstance(value, type) or not hasattr(value, "to_numpy"):
        raise TypeError(
            f"{name}: expected a NumPy array, a list of floats, or a series or frame of Polars or pandas, "
            f"got {spell_kind(value)}"
        )
    else:
        table = _from_library(name, value)
    if table.values.ndim == 0:
        raise ValueError(f"{name}: expected shape (T,) or (T, C), got ()")
    check_series(name, table.values)
    return table


def check_series(name: str, value: Array) -> None:
    """Raise unless `value` is floating point, not empty, and finite; the message says where not."""
    if value.dtype not in REAL:
        _refuse(name, str(value.dtype))
    if value.size == 0:
        raise ValueError(f"{name}: expected at least one value, got shape {value.shape}")
    finite = np.isfinite(value)
    if not finite.all():
        where = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise ValueError(f"{name}: expected finite values, got {value[where]} at index {where}")


def _refuse(name: str, got: str, hint: str = "numpy.asarray({}, float)") -> NoReturn:
    raise TypeError(
        f"{name}: expected a float64 or float32 array, got {got}; if these are numbers, convert them "
        f"yourself, for example by {hint.format(name)}"
    )


def _unmasked(name: str, value: Array) -> Array:
    """Refuse a masked entry, which `asarray` would show as if it were a value."""
    masked = np.argwhere(np.ma.getmaskarray(value))
    if len(masked):
        raise ValueError(
            f"{name}: expected finite values, got a masked one at index {tuple(map(int, masked[0]))}"
        )
    return _without_objects(name, np.asarray(value))


def _from_list(name: str, value: Sequence[Any]) -> Array:
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(f"{name}: expected floats, or rows of floats that are all as long") from None
    # Each item as it came: beside one float, NumPy makes floats of integers and of True.
    items = _without_objects(name, np.asarray(value, object))
    return array if array.dtype in REAL else items


def _without_objects(name: str, array: Array) -> Array:
    """Say what is in the way where an array holds anything but numbers."""
    if array.dtype == object:
        for index, item in np.ndenumerate(array):
            if type(item).__name__ in ("NoneType", "NAType", "NaTType"):
                raise ValueError(f"{name}: expected finite values, got {item} at index {index}")
            if not isinstance(item, float | np.floating):
                _refuse(name, f"{item!r} ({type(item).__name__}) at index {index}")
    return array


def _from_library(name: str, value: Any) -> Labelled:  # noqa: ANN401 (of Polars or pandas)
    """Read a frame, or a series, with its dates; pandas' may be in its index."""
    if hasattr(value, "columns"):
        # Of pandas' columns two may have one name, so that they are not looked up by it.
        columns = value.get_columns() if hasattr(value, "get_columns") else [c for _, c in value.items()]
        numbers = [column for column in columns if not _is_date(column)]
        dates = [column for column in columns if _is_date(column)]
        arrays = [_column(f"{name}[{column.name!r}]", column) for column in numbers]
    else:
        numbers, dates, arrays = [value], [], [_column(name, value)]
    index = getattr(value, "index", None)  # pandas
    if index is not None and _is_date(index):
        dates.append(index.to_series())
    elif index is not None:
        _refuse_hidden_dates(name, index)
    if not numbers or len(dates) > 1:
        raise TypeError(
            f"{name}: expected columns of numbers and one of dates at most, "
            f"got {len(numbers)} and {len(dates)}"
        )
    values = arrays[0] if len(arrays) == 1 else np.stack(arrays, axis=1)
    names = tuple(_label(column, UNNAMED) for column in numbers)
    if not dates:
        return Labelled(values, names)
    dates_name = _label(dates[0], "Date")
    return Labelled(values, names, *_dates(f"{name}[{dates_name!r}]", dates[0], dates_name))


def _refuse_hidden_dates(name: str, index: Any) -> None:  # noqa: ANN401 (of pandas)
    """Refuse an index with dates that are no datetime64: their order could not be seen."""
    for entry in index[:1]:
        parts = entry if isinstance(entry, tuple) else (entry,)
        if any(hasattr(part, "year") or (isinstance(part, str) and DAY.match(part)) for part in parts):
            raise TypeError(
                f"{name}.index: expected dates as datetime64, got {entry!r} ({type(entry).__name__}); "
                "pandas.to_datetime, or to_timestamp of periods, makes such dates, and "
                "reset_index(drop=True) leaves them out"
            )


def _label(column: Any, otherwise: str) -> str:  # noqa: ANN401 (of Polars or pandas)
    label = getattr(column, "name", None)
    return otherwise if label in (None, "") else str(label)


def _is_date(column: Any) -> bool:  # noqa: ANN401 (of Polars or pandas)
    return str(getattr(column, "dtype", "")).lower().startswith("date")


def _column(name: str, column: Any) -> Array:  # noqa: ANN401 (of Polars or pandas)
    """Read one column. Its own dtype is looked at: `to_numpy` makes floats of integers with gaps."""
    array = np.asarray(column.to_numpy())
    dtype = getattr(column, "dtype", array.dtype)
    if str(dtype).lower() not in ("float64", "float32"):
        _refuse(name, str(dtype), ".cast(pl.Float64)" if hasattr(column, "cast") else ".astype(float)")
    if getattr(column, "null_count", int)():  # Polars
        raise ValueError(f"{name}: expected finite values, got null at index ({column.is_null().arg_max()},)")
    if array.size:
        check_series(name, _without_objects(name, array))
    return array


def _dates(
    name: str,
    column: Any,  # noqa: ANN401 (of Polars or pandas)
    label: str,
) -> tuple[Shaped[Array, "T"], str, str | None]:
    """Read dates, which must ascend, with their name and time zone."""
    zone = getattr(column.dtype, "time_zone", None)  # Polars, whose arrays are in UTC
    if (found := getattr(column.dtype, "tz", None)) is not None:  # pandas
        zone = str(found) if _has_name(str(found)) else None
        column = column.dt.tz_localize(None) if zone is None else column.dt.tz_convert(None)
    dates = np.asarray(column.to_numpy())
    for index in np.flatnonzero(np.isnat(dates)):
        raise ValueError(f"{name}: expected a date in each row, got none at index ({index},)")
    for index in np.flatnonzero(np.diff(dates) <= np.timedelta64(0)) + 1:
        utc = "" if zone is None else " (UTC)"
        raise ValueError(
            f"{name}: expected dates in ascending order, got {dates[index]} after {dates[index - 1]}{utc} "
            f"at index ({index},)"
        )
    return dates, label, zone


def _has_name(zone: str) -> bool:
    """Tell whether a time zone is one that others know, such as Europe/Berlin, and no offset."""
    try:
        ZoneInfo(zone)
    except (ValueError, KeyError, OSError):
        return False
    return True
