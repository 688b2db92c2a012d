"""All pages as one, `book.html`, in the order of the front page: to print, and to make the PDF of.

The bodies are those of the site, written once more with ids that say whose page they are on, so that every
link between pages is a link inside the book.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from front_page import ENTRY
from sphinx.application import Sphinx

ID = re.compile(r'(?<=\sid=")([^"]+)(?=")')
INSIDE = re.compile(r'(?<=\shref="#)([^"]+)(?=")')
ELSEWHERE = re.compile(r'(?<=\shref=")([\w/]+)\.html(?:#([^"]*))?(?=")')
MARKER = re.compile(r"(?<=url\(#)([\w-]+)(?=\))")
SITE_ONLY = re.compile(r'<template .*?</template>\n?|<p class="as-notebook">.*?</p>\n?', re.DOTALL)


def _keep(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.Node | None) -> None:
    if doctree is not None:
        app.env.bodies[page] = context["body"]
        if page == app.config.root_doc:
            link = '<p class="as-notebook"><a href="book.html">All pages as one</a>, to print</p>'
            context["body"] = context["body"].replace("</h1>", f"</h1>\n{link}", 1)


def _pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    front_page = Path(app.env.doc2path(app.config.root_doc)).read_text(encoding="utf-8")
    order = [app.config.root_doc, *ENTRY.findall(front_page)]
    body = "\n".join(
        _inside(page, app.env.bodies[page], set(order)) for page in order if page in app.env.bodies
    )
    yield "book", {"parents": [], "title": app.config.project, "body": body}, "page.html"


def _inside(page: str, body: str, pages: set[str]) -> str:
    def elsewhere(link: re.Match[str]) -> str:
        other, anchor = link.groups()
        if other not in pages:
            return link[0]
        return f"#{other}.{anchor}" if anchor else f"#{other}"

    body = SITE_ONLY.sub("", body)
    body = ID.sub(rf"{page}.\1", body)
    body = INSIDE.sub(rf"{page}.\1", body)
    body = MARKER.sub(rf"{page}.\1", body)
    return f'<div class="book-page" id="{page}">\n{ELSEWHERE.sub(elsewhere, body)}\n</div>'


def _init(app: Sphinx) -> None:
    app.env.bodies = {}


def setup(app: Sphinx) -> dict[str, object]:
    """Register what keeps the bodies and what joins them."""
    app.connect("builder-inited", _init)
    app.connect("html-page-context", _keep, priority=950)
    app.connect("html-collect-pages", _pages)
    return {"version": "1", "parallel_read_safe": True}
