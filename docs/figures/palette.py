"""Figures that are legible in light and dark: one SVG each, whose colours are named.

How a figure follows the reader. Every figure is one SVG file with a transparent background. It names its
colours as CSS variables and gives each a light and a dark value (`STYLE` below). A browser picks by the
`color-scheme` of the place where the `<img>` stands: on a Git host that is the system's choice, and on our
site `_static/derivation.css` sets it to what the reader chose with the button of the page. So there is one
file, one line of Markdown, and no second variant to forget.

Drawn by Matplotlib: take colours from `LIGHT` (`color=LIGHT["blue"]`), under `with plt.rc_context(RC)`, and
end with `save_svg(figure, "docs/figures/name.svg")`, which writes the variables in their place.

Written by hand: paste what `python docs/figures/palette.py` prints right after the `<svg ...>` tag and use
`fill="var(--blue)"`, `stroke="var(--quiet)"`; text is `var(--ink)`.

On a page: the image alone in a paragraph, with its alternative text, then the caption, a paragraph in
italics or one that begins with **Figure 3.1.** The build makes a figure of the two, and insists on both::

    ![Three cells in a row; a dashed arrow runs back from the last to the first](figures/unrolled.svg)

    *The unrolled graph. Solid arrows ...*
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LIGHT = {
    "ink": "#1b2330",  # text and axes
    "quiet": "#66707f",  # arrows, ticks, what should stand back
    "line": "#c9ced6",  # grids and frames
    "paper": "#f4f6f9",  # the inside of a box
    "blue": "#1f5fd0",  # forward
    "red": "#c4341f",  # backward: a gradient
    "green": "#17803d",
    "amber": "#a86a00",
    "violet": "#7c3fc4",
}
DARK = {
    "ink": "#e8ebf0",
    "quiet": "#a0a8b5",
    "line": "#49515e",
    "paper": "#232a35",
    "blue": "#7fb0ff",
    "red": "#ff8a75",
    "green": "#5fd08a",
    "amber": "#f0b64d",
    "violet": "#c39bff",
}
# Settings of Matplotlib: a clear background, our inks, glyphs as outlines, and the same bytes every time.
RC: dict[str, Any] = {
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.facecolor": "none",
    "legend.edgecolor": "none",
    "axes.edgecolor": LIGHT["quiet"],
    "axes.labelcolor": LIGHT["ink"],
    "axes.titlecolor": LIGHT["ink"],
    "text.color": LIGHT["ink"],
    "xtick.color": LIGHT["quiet"],
    "xtick.labelcolor": LIGHT["ink"],
    "ytick.color": LIGHT["quiet"],
    "ytick.labelcolor": LIGHT["ink"],
    "grid.color": LIGHT["line"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "elman",
}


def _variables(colours: dict[str, str]) -> str:
    return " ".join(f"--{name}: {value};" for name, value in colours.items())


STYLE = f"""<style>
svg {{ {_variables(LIGHT)} }}
@media (prefers-color-scheme: dark) {{ svg {{ {_variables(DARK)} }} }}
</style>
"""


def save_svg(figure: Figure, path: str | Path) -> None:
    """Write a Matplotlib figure with our colours as variables."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    for name, value in LIGHT.items():
        svg = svg.replace(value, f"var(--{name})")
    head, defs, rest = svg.partition(" <defs>")
    Path(path).write_text("".join(f"{line.rstrip()}\n" for line in (head + STYLE + defs + rest).splitlines()))


if __name__ == "__main__":
    print(STYLE, end="")
