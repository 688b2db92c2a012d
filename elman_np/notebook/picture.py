"""The picture of the notebook's run, and of what becomes of its starts. Needs Matplotlib (extra `plot`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from elman_np.later import Later
from elman_np.notebook.fates import FATES, Study, yardsticks
from elman_np.notebook.run import PRINTED, closes, predict
from elman_np.notebook.starts import REPAIRS

if TYPE_CHECKING:
    from matplotlib import figure as mpl
else:
    mpl = Later("matplotlib.figure")

INK, QUIET, BLUE, RED, GREEN, AMBER = "#1b2330", "#66707f", "#1f5fd0", "#c4341f", "#17803d", "#a86a00"
FATE_COLOURS = dict(zip(FATES, (QUIET, RED, AMBER, GREEN, BLUE), strict=True))


def draw_fates(found: Sequence[Study]) -> mpl.Figure:
    """Draw the printed run, and for each recipe the fates of its starts and their errors.

    Needs Matplotlib (extra `plot`).
    """
    x, target = closes()
    figure = mpl.Figure(figsize=(5.8, 12), layout="constrained")
    axes = figure.subplot_mosaic([["run"], ["fate"], ["error"]], height_ratios=[1, 2, 1.9])
    days = np.arange(2, len(x) + 2)
    axes["run"].plot(days, predict(PRINTED, x)[0][:, 0], color=RED, lw=0.4, marker=".", ms=3)
    axes["run"].plot(days, target, color=INK, lw=1.6)
    axes["run"].annotate("close", (238, 54.6), color=INK, ha="right")
    axes["run"].annotate("predictions with the printed parameters", (2, 50), color=RED)
    axes["run"].set(ylabel="dollars", xlabel="trading day of 2023")
    axes["run"].set_title("Its own run: every second prediction is b_y", loc="left", weight="bold")
    axes["run"].margins(x=0.01)

    rows = [i + 0.7 * (i > 0) + 0.7 * (i > len(REPAIRS)) for i in range(len(found))]
    left = np.zeros(len(found))
    for fate, colour in FATE_COLOURS.items():
        share = np.array([100 * one.count(fate) / len(one.fate) for one in found])
        axes["fate"].barh(rows, share, left=left, color=colour, height=0.78, label=fate)
        left += share
    axes["fate"].set_yticks(rows, [one.name for one in found])
    axes["fate"].set(xlim=(0, 100), xlabel=f"% of {len(found[0].fate)} starts")
    axes["fate"].set_title("What becomes of them", loc="left", weight="bold", pad=44)
    axes["fate"].legend(
        ncols=3,
        loc="lower left",
        bbox_to_anchor=(-0.4, 1.0),
        frameon=False,
        handlelength=0.9,
        columnspacing=1,
    )

    for row, one in zip(rows, found, strict=True):
        low, first, middle, third, high = np.quantile(one.error, [0.05, 0.25, 0.5, 0.75, 0.95])
        axes["error"].plot([low, high], [row, row], color=BLUE, lw=1)
        axes["error"].plot([first, third], [row, row], color=BLUE, lw=5, solid_capstyle="butt")
        axes["error"].plot([middle], [row], color=INK, marker="|", ms=12, mew=2)
    for value, name in ((yardsticks()[0].today, "today"), (yardsticks()[0].mean, "mean")):
        axes["error"].axvline(value, color=QUIET, lw=1, ls="--", zorder=0)
        axes["error"].text(
            value, 1.005, f"{name}\n${value:.2f}".replace("$", r"\$"), ha="center", va="bottom",
            transform=axes["error"].get_xaxis_transform(), color=QUIET, fontsize=9,
        )  # fmt: skip
    axes["error"].set(xscale="log", xlim=(0.3, 14), xlabel="error in dollars (RMSE), log scale")
    axes["error"].set_xticks([0.4, 1, 2, 5, 10], ["0.4", "1", "2", "5", "10"])
    axes["error"].set_xticks([], minor=True)
    axes["error"].set_yticks(rows, [one.name for one in found])
    axes["error"].set_title("Error: median, half, nine tenths", loc="left", weight="bold", pad=34)
    for name in ("fate", "error"):
        axes[name].set_ylim(max(rows) + 0.6, -0.6)
    for panel in axes.values():
        panel.spines[["top", "right"]].set_visible(False)
    return figure
