"""The search: what it finds are sections, equations and names, and a click opens them.

Sphinx's own index knows pages alone, and takes '(3.9)' for a 3 and a 9. Here each section is an entry, each
equation, and each name of the API; MiniSearch (`docs/node_modules`) looks through them in the reader's
browser. A page is found by what the front page says of it, too.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from front_page import DESCRIBED
from sphinx import addnodes
from sphinx.application import Sphinx

LIBRARY = "node_modules/minisearch/dist/umd/index.js"
LEFT_OUT = (nodes.math, nodes.math_block, nodes.title, nodes.raw)
Entry = dict[str, Any]


def entries(app: Sphinx) -> Iterator[Entry]:
    """All that can be found, page by page."""
    described = dict(
        DESCRIBED.findall(Path(app.env.doc2path(app.config.root_doc)).read_text(encoding="utf-8"))
    )
    for page in sorted(app.env.found_docs):
        doctree = app.env.get_doctree(page)
        title = app.env.titles[page].astext()
        address = app.builder.get_target_uri(page)
        for section in doctree.findall(nodes.section):
            first = section.parent is doctree
            yield {
                "title": section[0].astext(),
                "page": "" if first else title,
                "url": address if first else f"{address}#{section['ids'][0]}",
                "keys": f"{page} {described.get(page, '')}" if first else "",
                **_own_text(section),
            }
            yield from _equations(section, title, address)
        for signature in doctree.findall(addnodes.desc_signature):
            if not signature["ids"]:
                continue
            yield {
                "title": signature["fullname"],
                "page": title,
                "url": f"{address}#{signature['ids'][0]}",
                "keys": signature["ids"][0],
                "text": " ".join(signature.parent[-1].astext().split()),
            }


def _equations(section: nodes.section, page: str, address: str) -> Iterator[Entry]:
    for row in section.findall(nodes.container):
        if "eq-row" in row["classes"] and _section_of(row) is section:
            number = row["equation"]
            url = f"{address}#eq-{number.replace('.', '-')}"
            yield {"title": f"({number}) {section[0].astext()}", "page": page, "url": url, "keys": number}


def _own_text(section: nodes.section) -> dict[str, str]:
    """Prose and code of a section without those of the sections inside it; formulas are left out."""
    prose: list[str] = []
    code: list[str] = []
    last = None
    for node in section.findall(nodes.Text):
        if _section_of(node) is section and not isinstance(node.parent, LEFT_OUT):
            block = node.parent
            while isinstance(block, nodes.Inline):
                block = block.parent
            text = node.astext() if block is last else f" {node.astext()}"
            (code if isinstance(block, nodes.literal_block) else prose).append(text)
            last = block
    return {"text": re.sub(r"\s+", " ", "".join(prose)).strip(), "code": "\n".join(code)}


def _section_of(node: nodes.Node) -> nodes.Node | None:
    while node is not None and not isinstance(node, nodes.section | addnodes.desc):
        node = node.parent
    return node


def _page(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    yield "search", {"parents": [], "title": "Search", "body": ""}, "search.html"


def _write(app: Sphinx, exception: Exception | None) -> None:
    if exception is None and app.builder.format == "html":
        static = Path(app.outdir) / "_static"
        found = json.dumps(list(entries(app)), ensure_ascii=False)
        (static / "search-data.js").write_text(f"const ENTRIES = {found};\n", encoding="utf-8")
        shutil.copyfile(Path(app.srcdir) / LIBRARY, static / "minisearch.js")


def _without_sphinx_index(app: Sphinx) -> None:
    app.builder.search = False


def setup(app: Sphinx) -> dict[str, object]:
    """Register page and data."""
    app.connect("builder-inited", _without_sphinx_index)
    app.connect("html-collect-pages", _page)
    app.connect("build-finished", _write)
    return {"version": "1", "parallel_read_safe": True}
