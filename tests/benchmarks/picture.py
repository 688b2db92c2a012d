"""The picture: ratio against H for each machine, one line for each peer, 1.0 marked."""

from __future__ import annotations

import runpy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .suite import Row

FIGURES = Path(__file__).parents[2] / "docs" / "figures"
COLOURS = {"torch": "red", "jax": "green", "torch.compile": "violet"}
LABELS = {"torch": "torch.nn.RNN + Linear", "jax": "jax.jit, lax.scan", "torch.compile": "torch.compile"}
MARKERS = {"torch": "o", "jax": "s", "torch.compile": "^"}


def draw(machines: Mapping[str, Sequence[Row]], path: Path = FIGURES / "speed.svg") -> None:
    """Draw the rows of one task: panels for each machine, float32 to the left, float64 to the right."""
    import matplotlib.pyplot as plt

    palette = runpy.run_path(str(FIGURES / "palette.py"))
    dtypes = list(dict.fromkeys(row.dtype for rows in machines.values() for row in rows))
    with plt.rc_context(palette["RC"]):
        figure, panels = plt.subplots(
            len(machines),
            len(dtypes),
            figsize=(8.6, 3.9 * len(machines)),
            sharey=True,
            squeeze=False,
            layout="constrained",
        )
        for (processor, rows), line in zip(machines.items(), panels, strict=True):
            for axes, dtype in zip(line, dtypes, strict=True):
                _panel(axes, [row for row in rows if row.dtype == dtype], palette["LIGHT"])
                axes.set_title(f"{processor}, {dtype}", fontsize="medium")
            line[0].set_ylabel("peer's time / time of elman_np")
        panels[0, -1].legend(fontsize="small", loc="lower right")
        palette["save_svg"](figure, path)
        plt.close(figure)


def _panel(axes: Axes, rows: Sequence[Row], light: dict[str, str]) -> None:
    for name in dict.fromkeys(name for row in rows for name in row.peers):
        ratios = np.full((len(rows), 3), np.nan)  # where a peer was not timed, its line has a gap
        for i, row in enumerate(rows):
            if name in row.peers:
                ratios[i] = row.peers[name].low, row.peers[name].median, row.peers[name].high
        low, median, high = ratios.T
        axes.errorbar(
            range(len(rows)),
            median,
            yerr=[median - low, high - median],
            label=LABELS[name],
            color=light[COLOURS[name]],
            marker=MARKERS[name],
            markersize=4,
            linewidth=1.3,
            elinewidth=0.8,
            capsize=2,
        )
    axes.axhline(1, color=light["ink"], linewidth=1.2, linestyle="--", label="elman_np")
    axes.set_yscale("log", base=2)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xticks(range(len(rows)), [f"{row.shape.H}\n{row.shape.B}" for row in rows], fontsize="small")
    axes.set_xlabel("H, and below it B")
    axes.grid(alpha=0.6)
