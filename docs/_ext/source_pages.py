"""The source inside the site: a page for each file that an equation's row names, and links to its lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

LINK = "source-line"


def link(path: str, line: int, text: str, docname: str) -> addnodes.pending_xref:
    """Return a link to a line of a file of the repository."""
    shown = nodes.literal("", text)
    return addnodes.pending_xref(
        "", shown, refdomain="", reftype=LINK, reftarget=path, refline=line, refdoc=docname
    )


def _page(path: str) -> str:
    return f"source/{path.removesuffix('.py')}"


def _resolve(
    app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, content: nodes.Element
) -> nodes.reference | None:
    if node["reftype"] != LINK:
        return None
    env.linked_sources.add(node["reftarget"])
    address = app.builder.get_relative_uri(node["refdoc"], _page(node["reftarget"]))
    return nodes.reference("", "", content, refuri=f"{address}#line-{node['refline']}", internal=True)


def _pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    for path in sorted(app.env.linked_sources):
        source = (Path(app.srcdir).parent / path).read_text(encoding="utf-8")
        listing = app.builder.highlighter.highlight_block(
            source, "python", linenos="inline", linespans="line"
        )
        body = f'<h1><code>{path}</code></h1>\n<div class="source-page">{listing}</div>'
        yield _page(path), {"parents": [], "title": path, "body": body}, "page.html"


def _init(app: Sphinx) -> None:
    app.env.linked_sources = set()


def setup(app: Sphinx) -> dict[str, object]:
    """Register links and pages."""
    app.connect("builder-inited", _init)
    app.connect("missing-reference", _resolve)
    app.connect("html-collect-pages", _pages)
    return {"version": "1", "parallel_read_safe": False}
