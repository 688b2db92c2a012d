"""The source inside the site: a page for each file that an equation's row names, and links to its lines.

On these pages a mark leads back to its equation and on to its plainest test, and a test to its equations.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from source_marks import MarkedTest
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

LINK = "source-line"
LINE = re.compile(r'<span id="line-(\d+)">')


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
        listing = _with_links(app, path, listing)
        body = f'<h1><code>{path}</code></h1>\n<div class="source-page">{listing}</div>'
        yield _page(path), {"parents": [], "title": path, "body": body}, "page.html"


def _with_links(app: Sphinx, path: str, listing: str) -> str:
    """Write links behind a mark, to its equation and its plainest test, and behind a test back."""
    marks = app.env.marks
    behind: dict[int, list[str]] = defaultdict(list)

    def equation(number: str) -> str:
        page = app.env.equations[number].page
        address = app.builder.get_relative_uri(_page(path), page)
        return f'<a class="reference" href="{address}#eq-{number.replace(".", "-")}">({number})</a>'

    def test(marked: MarkedTest) -> str:
        address = app.builder.get_relative_uri(_page(path), _page(marked.path))
        return f'<a href="{address}#line-{marked.line}">{marked.name}</a>'

    for number, places in marks.places.items():
        tests = marks.tests.get(number, [])
        for place in places:
            if place.path == path and tests and number in app.env.equations:
                more = f" and {len(tests) - 1} more" if len(tests) > 1 else ""
                behind[place.line - 1].append(f"{equation(number)}, {test(tests[0])}{more}")
    for number, tests in marks.tests.items():
        for marked in tests:
            if marked.path == path and number in app.env.equations:
                behind[marked.line].append(equation(number))
    lines = listing.split("\n")
    for i, line in enumerate(lines):
        if (found := LINE.search(line)) and (links := behind.get(int(found[1]))):
            lines[i] = f'{line}<span class="behind">{" ".join(links)}</span>'
    return "\n".join(lines)


def _init(app: Sphinx) -> None:
    app.env.linked_sources = set()


def setup(app: Sphinx) -> dict[str, object]:
    """Register links and pages."""
    app.connect("builder-inited", _init)
    app.connect("missing-reference", _resolve)
    app.connect("html-collect-pages", _pages)
    return {"version": "1", "parallel_read_safe": False}
