"""The picture of prices and forecasts. Needs Matplotlib (extra `plot`)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib.dates as mdates
import numpy as np
from matplotlib.figure import Figure

from elman_np.parameters import Array
from elman_np.training import rmse

if TYPE_CHECKING:
    from jaxtyping import Float, Shaped

PRICE, NETWORK, TODAY = "#3b4252", "#d1495b", "#2e86ab"


def draw_forecast(
    path: Path,
    dates: Shaped[Array, "T"],
    close: Float[Array, "T"],
    forecast: Float[Array, "T"],
    train: int,
    test: int,
) -> None:
    """Save prices with the forecasts made the day before, and the test period by itself.

    Parameters
    ----------
    path : Path
        The suffix chooses the format.
    dates, close, forecast : arrays (T,)
        `forecast[t]` belongs to the day after `dates[t]`.
    train, test : int
        First day after the training part, and first day of the test part.
    """
    figure = Figure(figsize=(11, 6.2), layout="constrained")
    year, last = figure.subplots(2, 1, height_ratios=[1, 1.25])
    days, predicted = dates[1:], forecast[:-1]

    year.plot(dates, close, color=PRICE, lw=1.4)
    year.plot(days, predicted, color=NETWORK, lw=1.1)
    for start, stop, name in (
        (0, train, "training"),
        (train, test, "validation"),
        (test, len(close), "test"),
    ):
        year.axvspan(
            dates[start], dates[min(stop, len(close) - 1)], color=PRICE, alpha=0.04 + 0.05 * (start // train)
        )
        year.text(
            dates[(start + stop - 1) // 2],
            1.0,
            name,
            transform=year.get_xaxis_transform(),
            ha="center",
            va="bottom",
        )
    year.set_title("SPLG: an Elman network's forecast of the next close", loc="left", pad=20, weight="bold")

    shown = slice(test - 1, None)
    errors = {
        "Elman network": (predicted[shown], NETWORK, "-"),
        "tomorrow = today": (close[:-1][shown], TODAY, "--"),
    }
    last.plot(days[shown], close[1:][shown], color=PRICE, lw=2, marker=".", label="close")
    for name, (values, color, style) in errors.items():
        label = f"{name}: off by ${rmse(np.ascontiguousarray(values), close[1:][shown]):.2f} (RMSE)"
        last.plot(days[shown], values, color=color, lw=1.4, ls=style, label=label)
    last.set_title("The test period, never seen in training", loc="left", weight="bold")
    last.legend(frameon=False, loc="upper left")
    for axes in (year, last):
        axes.set_ylabel("dollars, adjusted")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
        axes.margins(x=0.01)
        concise = mdates.ConciseDateFormatter(axes.xaxis.get_major_locator())  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_formatter(concise)
    figure.savefig(path, dpi=150)
