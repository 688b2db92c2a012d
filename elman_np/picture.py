"""Pictures: of a series and its forecasts, and of a training. Needs Matplotlib (extra `plot`)."""

from __future__ import annotations

from typing import Annotated as Float
from typing import Annotated as Shaped
from typing import Any

import matplotlib.dates as mdates
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from elman_np.arrays import Array, check_count, check_dtype, check_kind, check_shape
from elman_np.losses import rmse
from elman_np.training import History

PRICE, NETWORK, TODAY = "#3b4252", "#d1495b", "#2e86ab"


def draw_forecast(
    dates: Shaped[Array, "T"],
    close: Float[Array, "T"],
    forecast: Float[Array, "T"],
    train: int,
    test: int,
    *,
    title: str = "SPLG: an Elman network's forecast of the next close",
    label: str = "dollars, adjusted",
) -> Figure:
    """Draw a series with the forecasts made the day before, and the test period by itself.

    Needs Matplotlib (extra `plot`). `figure.savefig("forecast.png")` saves it; Jupyter shows it.

    Parameters
    ----------
    dates, close, forecast : arrays (T,)
        `forecast[t]` belongs to the day after `dates[t]`. The dates may be numbers.
    train, test : int
        First day after the training part, and first day of the test part.
    title : str
        Of the picture.
    label : str
        Of the values: what they are, or in which units.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    TypeError
        If something is no array, or `close` and `forecast` are not of one floating-point dtype.
    ValueError
        If the lengths differ, a value is not finite, or the parts are not in order.
    """
    for name, value in {"dates": dates, "close": close, "forecast": forecast}.items():
        check_kind(name, value, np.ndarray)
        check_shape(name, value.shape, (dates.size,))
    for name, value in {"close": close, "forecast": forecast}.items():
        check_dtype(name, value, close.dtype)
        if not np.isfinite(value).all():
            raise ValueError(f"{name}: expected finite values, got {value[~np.isfinite(value)][0]}")
    for name, day, least in (("train", train, 1), ("test", test, train + 1)):
        check_count(name, day, least)
        if day >= len(dates):
            raise ValueError(f"{name}: expected a day before the last of {len(dates)}, got {day}")
    figure = Figure(figsize=(11, 6.2), layout="constrained")
    year, last = figure.subplots(2, 1, height_ratios=[1, 1.25])
    _draw_year(year, dates, close, forecast, train, test)
    year.set_title(title, loc="left", pad=20, weight="bold", parse_math=False)
    _draw_test(last, dates, close, forecast, test)
    for axes in (year, last):
        axes.set_ylabel(label, parse_math=False)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
        axes.margins(x=0.01)
        if dates.dtype.kind == "M":
            locator = axes.xaxis.get_major_locator()
            axes.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    return figure


def _draw_year(axes: Axes, dates: Array, close: Array, forecast: Array, train: int, test: int) -> None:
    axes.plot(dates, close, color=PRICE, lw=1.4)
    axes.plot(dates[1:], forecast[:-1], color=NETWORK, lw=1.1)
    for start, stop, name, shade in (
        (0, train, "training", 0.04),
        (train, test, "validation", 0.09),
        (test, len(close), "test", 0.14),
    ):
        axes.axvspan(dates[start], dates[min(stop, len(close) - 1)], color=PRICE, alpha=shade)
        axes.text(
            dates[(start + stop - 1) // 2],
            1.0,
            name,
            transform=axes.get_xaxis_transform(),
            ha="center",
            va="bottom",
        )


def _draw_test(axes: Axes, dates: Array, close: Array, forecast: Array, test: int) -> None:
    shown = slice(test - 1, None)
    days, actual = dates[1:][shown], close[1:][shown]
    forecasts = {
        "Elman network": (forecast[:-1][shown], NETWORK, "-"),
        "tomorrow = today": (close[:-1][shown], TODAY, "--"),
    }
    axes.plot(days, actual, color=PRICE, lw=2, marker=".", label="actual")
    for name, (values, color, style) in forecasts.items():
        error = rmse(np.ascontiguousarray(values), actual)
        axes.plot(days, values, color=color, lw=1.4, ls=style, label=f"{name}: off by {error:.3g} (RMSE)")
    axes.set_title("The test period, never seen in training", loc="left", weight="bold")
    axes.legend(frameon=False, loc="upper left")


def draw_history(history: History) -> Figure:
    """Draw the loss of each epoch, and the validation loss where there is one, on a logarithmic axis.

    Raises
    ------
    TypeError
        If it is no history.
    ValueError
        If there is no epoch.
    """
    check_kind("history", history, History)
    if not history:
        raise ValueError("history: expected at least one epoch")
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    numbers = [epoch.epoch for epoch in history]
    style: dict[str, Any] = {"lw": 1.4, "marker": ".", "ms": 3}  # a single epoch is a dot
    axes.plot(numbers, [epoch.loss for epoch in history], color=PRICE, label="training loss", **style)
    judged = [(e.epoch, e.validation_loss) for e in history if e.validation_loss is not None]
    if judged:
        axes.plot(*zip(*judged, strict=True), color=NETWORK, label="validation loss", **style)
    axes.set_yscale("log")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch")
    axes.set_ylabel("mean squared error")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    return figure
