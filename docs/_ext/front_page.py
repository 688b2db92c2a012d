"""The site's table of contents, from the front page's own lists.

`index.md` lists the pages as plain Markdown, so that they are links on a Git host too::

    ## The chapters

    1. [The cell](cell.md): ...

Each list item that begins with a link to a page is an entry; the heading above is the caption in the sidebar.
"""

from __future__ import annotations

import re

from sphinx.application import Sphinx

SECTION = re.compile(r"^## (?P<caption>.+)\n(?P<body>(?:(?!^## ).*\n?)*)", re.MULTILINE)
ENTRY = re.compile(r"^(?:\d+\.|[-*]) \[[^\]]+\]\((?P<page>[\w/-]+)\.md\)", re.MULTILINE)
LISTED = re.compile(r"^(?:\d+\.|[-*]) \[([^\]]+)\]\(([\w/-]+)\.md\)", re.MULTILINE)
"""Title and page of each entry."""
DESCRIBED = re.compile(r"^(?:\d+\.|[-*]) \[[^\]]+\]\(([\w/-]+)\.md\): (.+)$", re.MULTILINE)
"""What the list says of a page."""


def toctrees(front_page: str) -> str:
    """Return hidden toctrees for the page's lists of pages."""
    trees = []
    for section in SECTION.finditer(front_page):
        pages = ENTRY.findall(section["body"])
        if pages:
            entries = "\n".join(pages)
            trees.append(f"```{{toctree}}\n:hidden:\n:caption: {section['caption']}\n\n{entries}\n```\n")
    return "\n".join(trees)


def _append_toctrees(app: Sphinx, docname: str, source: list[str]) -> None:
    if docname == app.config.root_doc:
        source[0] += "\n" + toctrees(source[0])


def setup(app: Sphinx) -> dict[str, object]:
    """Register the rewriting."""
    app.connect("source-read", _append_toctrees)
    return {"version": "1", "parallel_read_safe": True}
