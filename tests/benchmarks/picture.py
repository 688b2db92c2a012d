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
    """Draw the rows of one task: panels for each machine, float32 above float64, as wide as a phone is."""
    import matplotlib.pyplot as plt

    palette = runpy.run_path(str(FIGURES / "palette.py"))
    dtypes = list(dict.fromkeys(row.dtype for rows in machines.values() for row in rows))
    with plt.rc_context(palette["RC"]):
        count = len(machines) * len(dtypes)
        figure, panels = plt.subplots(
            count, 1, figsize=(5.4, 3 * count), sharey=True, squeeze=False, layout="constrained"
        )
        shown = [(processor, dtype) for processor in machines for dtype in dtypes]
        for (processor, dtype), axes in zip(shown, panels[:, 0], strict=True):
            _panel(axes, [row for row in machines[processor] if row.dtype == dtype], palette["LIGHT"])
            axes.set_title(f"{processor}, {dtype}", fontsize="medium")
            axes.set_ylabel("peer's time / elman_np's")
        panels[0, 0].legend(fontsize="small", loc="lower right")
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
