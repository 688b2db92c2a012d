"""Figures from plain Markdown: an image alone in its paragraph, and below it the caption in italics.

What is asked of a figure, and how to draw one that follows light and dark, is in `figures/palette.py`. A
figure with a JSON file of its name beside it moves: its SVG stands in the page itself, with the states that
`_static/moving.js` picks from (`figures/moving.py`).
"""

from __future__ import annotations

import html
import re
import sys
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

sys.path.append(str(Path(__file__).resolve().parents[1] / "figures"))
import palette

log = logging.getLogger(__name__)


class Figures(SphinxTransform):
    """Make one figure of an image and its caption, and insist on what a figure needs."""

    default_priority = 205

    def apply(self) -> None:
        """Go through the page's images."""
        for image in list(self.document.findall(nodes.image)):
            if not image.get("alt"):
                log.warning("figure %s has no alternative text", image["uri"], location=image)
            if _stands_alone(image):
                self._join(image)

    def _join(self, image: nodes.image) -> None:
        paragraph = image.parent
        below = paragraph.next_node(descend=False, siblings=True)
        caption = _caption(below)
        if caption is None:
            log.warning("figure %s has no caption below it, in *italics*", image["uri"], location=image)
            return
        below.parent.remove(below)
        states = Path(self.app.srcdir, self.env.docname).parent / Path(image["uri"]).with_suffix(".json")
        figure = nodes.figure("", _moving(image, states) if states.is_file() else image, caption)
        figure.source, figure.line = paragraph.source, paragraph.line
        paragraph.replace_self(figure)


def _moving(image: nodes.image, states: Path) -> nodes.raw:
    """Take the SVG into the page: its colours follow the page, and its style reaches nothing else."""
    svg = states.with_suffix(".svg").read_text(encoding="utf-8").replace(palette.STYLE, "")
    svg = re.sub(r"\s*<(title|desc)\b.*?</\1>", "", svg, flags=re.DOTALL)
    svg = svg.replace('aria-labelledby="t d"', f'aria-label="{html.escape(image["alt"])}"')
    scope = f".{states.stem.replace('_', '-')}"
    svg = re.sub(r"<style>(.*?)</style>", rf"<style>{scope} {{\1}}</style>", svg, flags=re.DOTALL)
    numbers = states.read_text(encoding="utf-8").strip().replace("</", "<\\/")
    text = f'<script type="application/json">{numbers}</script>\n'
    return nodes.raw("", f'<div class="moving {scope[1:]}">\n{svg}{text}</div>\n', format="html")


def _stands_alone(image: nodes.image) -> bool:
    return isinstance(image.parent, nodes.paragraph) and len(image.parent) == 1


def _caption(node: nodes.Node | None) -> nodes.caption | None:
    """Take a paragraph in italics, or one that begins with **Figure 3.1.**"""
    paragraph = node if isinstance(node, nodes.paragraph) else nodes.paragraph()
    children = [child for child in paragraph if child.astext()]
    match children:
        case [nodes.emphasis() as whole]:
            return nodes.caption("", "", *whole.children)
        case [nodes.strong() as number, *_] if number.astext().startswith("Figure "):
            return nodes.caption("", "", *children)
    return None


def setup(app: Sphinx) -> dict[str, object]:
    """Register the transform."""
    app.add_transform(Figures)
    return {"version": "1", "parallel_read_safe": True}
