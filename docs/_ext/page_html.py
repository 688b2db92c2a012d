"""What the theme's and the writers' HTML lacks for whoever does not see the page, or does not use a mouse."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

EMPTY_HEADER = re.compile(r"<th( class=\"[^\"]*\")?>\s*(?:<p>\s*</p>)?\s*</th>")


def _complete(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.Node | None
) -> None:
    """A heading has a level, and a cell without a word is no heading."""
    tree = context.get("furo_navigation_tree", "")
    context["furo_navigation_tree"] = tree.replace('role="heading"', 'role="heading" aria-level="2"')
    if "body" in context:
        context["body"] = EMPTY_HEADER.sub(r"<td\1></td>", context["body"])


def setup(app: Sphinx) -> dict[str, object]:
    """Register what is done to a page just before it is written, after the theme has had it."""
    app.connect("html-page-context", _complete, priority=900)
    return {"version": "1", "parallel_read_safe": True}
