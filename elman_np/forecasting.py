"""From a trained network to forecasts: the next day of each day, and days further on by feeding itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, overload
from typing import Annotated as Float
from typing import Annotated as Shaped

import numpy as np

from elman_np.arrays import Array, check_count, check_kind
from elman_np.data.conversion import UNNAMED, HasNumpy, Labelled, SeriesLike, check_zone, read_series
from elman_np.data.days import days_after, in_zone
from elman_np.data.series import Scaler, check_table, find_columns
from elman_np.later import Later
from elman_np.model import ElmanRNN

if TYPE_CHECKING:
    import polars as pl
else:
    pl = Later("polars")


@overload
def forecast(
    model: ElmanRNN,
    scaler: Scaler,
    series: Array | Sequence[float] | Sequence[Sequence[float]],
    *,
    inputs: Sequence[int] | None = ...,
    targets: Sequence[int] | None = ...,
    horizon: int = ...,
    steps: int | None = ...,
    future: SeriesLike | None = ...,
) -> Float[Array, "..."]: ...
@overload
def forecast(
    model: ElmanRNN,
    scaler: Scaler,
    series: HasNumpy,
    *,
    inputs: Sequence[int] | None = ...,
    targets: Sequence[int] | None = ...,
    horizon: int = ...,
    steps: int | None = ...,
    future: SeriesLike | None = ...,
) -> Float[Array, "..."] | pl.DataFrame: ...
def forecast(
    model: ElmanRNN,
    scaler: Scaler,
    series: SeriesLike,
    *,
    inputs: Sequence[int] | None = None,
    targets: Sequence[int] | None = None,
    horizon: int = 1,
    steps: int | None = None,
    future: SeriesLike | None = None,
) -> Float[Array, "..."] | pl.DataFrame:
    """Forecast the day after each day of a series, in the units of the series, and as many more as wanted.

    The state is carried from the first day on, so that the forecast for day t + 1 knows days 1 to t and
    nothing later. Beyond the series the network is fed with its own forecasts.

    Parameters
    ----------
    model : ElmanRNN
        Trained on the scaled series.
    scaler : Scaler
        The one that the training used.
    series : array (T,) or (T, C), or what else `SeriesLike` says
    inputs, targets, horizon
        As they were for `windows`.
    steps : int, optional
        How many days after the series are forecast; `horizon` if left out, for as many need no feeding.
    future : array (steps - horizon, E), optional
        Those inputs that are no targets, in their order and units, on the first days after the series. The
        network does not forecast these, so that it cannot feed itself with them. Where this and the series
        have names, they are taken by name, in whatever order. Where both have dates, these come after the
        last of the series, and the answer has them.

    Returns
    -------
    array (T - horizon + steps,) or (T - horizon + steps, O)
        Entry t belongs to day t + `horizon`; the last `steps` are for days after the series. The dtype is
        that of the series: scaling is done in it, whatever the network's dtype, in which only the network
        computes.
    polars.DataFrame
        In place of the array where the series is a frame with dates: each row has the date that it is a
        forecast for, and the targets under their names. After the last date they go on as before, in the time
        zone that they have (`elman_np.data.days.days_after`).

    Raises
    ------
    TypeError
        If there is no network of `elman_np`, no scaler, no series of floats, or no list of columns.
    ValueError
        If the series is empty, not (T,) or (T, C), or not finite; if it has other columns than the scaler, or
        the network not as many inputs and outputs as are chosen; if `steps` ask for days whose inputs nobody
        knows; if `future` has another shape, other names, or dates that are not after the last; if columns of
        the answer would have one name; or if an output is not finite.
    """
    check_kind("model", model, ElmanRNN)
    check_kind("scaler", scaler, Scaler)
    table = read_series("series", series)
    check_table("series", table.values)
    values = table.values.reshape(len(table.values), -1)
    columns = _Columns(*find_columns(values.shape[1], inputs, targets))
    columns.check(model)
    if table.dates is not None:
        _check_names(table, columns.targets)
    horizon = check_count("horizon", horizon)
    steps = horizon if steps is None else check_count("steps", steps, horizon)
    given = _later(table, columns, steps - horizon, future)
    later = given.values
    z = scaler.transform(values)[:, columns.inputs]
    if later.size:
        later = scaler.columns([columns.inputs[k] for k in columns.given]).transform(later.astype(z.dtype))
    if steps > horizon > len(z):
        raise ValueError(f"series: expected {horizon} days at least, the horizon, got {len(z)}")
    y = _feed_itself(model, z.astype(model.dtype), later.astype(model.dtype), columns, horizon)
    if not np.isfinite(y).all():
        raise ValueError(
            f"model: expected finite outputs, got {y[~np.isfinite(y)][0]} at step "
            f"{np.argwhere(~np.isfinite(y))[0, 0]}"
        )
    forecasts = scaler.columns(columns.targets).inverse(y.astype(z.dtype, copy=False))
    if table.dates is not None:
        known = table.dates if given.dates is None else np.concatenate([table.dates, given.dates])
        dates = np.concatenate([known, days_after(known, len(z) + steps - len(known), table.zone)])[horizon:]
        return _dated(table, columns.targets, forecasts, dates)
    return forecasts.reshape(-1) if table.values.ndim == 1 else forecasts


class _Columns(NamedTuple):
    """Which columns of a series go into a network, and which come out."""

    inputs: list[int]
    targets: list[int]

    @property
    def fed(self) -> list[tuple[int, int]]:
        """Which input is which output, on another day."""
        return [(k, self.targets.index(c)) for k, c in enumerate(self.inputs) if c in self.targets]

    @property
    def given(self) -> list[int]:
        """Which inputs are no outputs."""
        return [k for k, c in enumerate(self.inputs) if c not in self.targets]

    def check(self, model: ElmanRNN) -> None:
        """Raise unless a network has as many inputs and outputs."""
        for name, chosen, what, size in (
            ("inputs", self.inputs, "inputs", model.input_size),
            ("targets", self.targets, "outputs", model.output_size),
        ):
            if len(chosen) != size:
                raise ValueError(
                    f"{name}: expected as many columns as the network has {what}, {size}, got {chosen}"
                )


def _later(table: Labelled, columns: _Columns, count: int, future: SeriesLike | None) -> Labelled:
    """Return the inputs that are no outputs, on `count` days after the series, or raise."""
    names = [columns.inputs[k] for k in columns.given]
    expected = (count, len(names))
    if future is None:
        if count and names:
            raise ValueError(
                f"future: expected inputs {names}, which the network does not forecast, for {count} days "
                "after the series; without them, steps cannot be more than the horizon"
            )
        return Labelled(np.zeros(expected))
    if not (count and names):
        why = "it forecasts all of its inputs" if count else "steps are no more than the horizon"
        raise ValueError(f"future: expected none, for {why}")
    given = read_series("future", future)
    values = given.values
    values = values[:, None] if values.ndim == 1 and len(names) == 1 else values
    if values.shape != expected:
        raise ValueError(f"future: expected shape {expected}, inputs {names} a day, got {values.shape}")
    if table.columns and given.columns not in ((), (UNNAMED,)):
        wanted = [table.columns[c] for c in names]
        if sorted(wanted) != sorted(given.columns):
            raise ValueError(f"future: expected columns {wanted}, got {list(given.columns)}")
        if len(set(wanted)) == len(wanted):
            values = values[:, [given.columns.index(name) for name in wanted]]
        elif wanted != list(given.columns):  # which of two is which, the order alone can tell
            raise ValueError(f"future: expected columns {wanted} in this order, got {list(given.columns)}")
    if table.dates is None or given.dates is None:
        return Labelled(values)
    check_zone("future", given, table, "the series")
    if given.dates[0] <= table.dates[-1]:
        raise ValueError(
            f"future: expected dates after the last of the series, {table.dates[-1]}, got {given.dates[0]}"
        )
    return Labelled(values, dates=given.dates)


def _check_names(table: Labelled, targets: Sequence[int]) -> None:
    """Raise unless the columns of a frame of forecasts, and of their dates, would have different names."""
    names = [table.dates_name, *(table.columns[c] for c in targets)]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(
                f"series: expected different names of the dates and the targets, got {name!r} twice"
            )


def _feed_itself(
    model: ElmanRNN, z: Float[Array, "T I"], later: Float[Array, "K E"], columns: _Columns, horizon: int
) -> Float[Array, "S O"]:
    """Run over the series and on: the input of a day is what was forecast for it, or what is given."""
    y, h = model(z)
    rows = list(y)
    for given in later:
        t, x = len(rows), np.empty(model.input_size, model.dtype)
        x[columns.given] = given
        for k, output in columns.fed:
            x[k] = rows[t - horizon][output]
        if model.reset_every and t % model.reset_every == 0:
            h = np.zeros_like(h)
        row, h = model(x[None], h)
        rows.append(row[0])
    return np.stack(rows)


def _dated(
    table: Labelled, targets: Sequence[int], forecasts: Float[Array, "S O"], dates: Shaped[Array, "S"]
) -> pl.DataFrame:
    """Put each forecast beside the date that it is for."""
    columns = [in_zone(dates, table.zone).alias(table.dates_name)]
    columns += [pl.Series(table.columns[c], forecasts[:, k]) for k, c in enumerate(targets)]
    return pl.DataFrame(columns)
