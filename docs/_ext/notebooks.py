"""Each page whose code runs as a Jupyter notebook, made from the same Markdown, with a link on the page.

A `>>>` block becomes cells: one ends where something is shown, and has what the page shows as its output.
Formulas, links and pictures are written as notebooks have them; pictures go along.
`tests/test_site_notebooks.py` runs the notebooks from top to bottom.
"""

from __future__ import annotations

import ast
import base64
import doctest
import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from git_host import without_own_lines
from sphinx.application import Sphinx

FENCE = re.compile(r"^```python\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
MATH_FENCE = re.compile(r"^([> ]*)```math\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
CODE_MATHS = re.compile(r"\$`([^`\n]+)`\$")
EQ_FENCE = re.compile(r"^```python eq=.*$", re.MULTILINE)
IMAGE = re.compile(r"!\[([^\]]*)\]\(([\w/.-]+\.(svg|png))\)")
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([\w/-]+)\.md(#[\w-]+)?\)")
MIME = {"svg": "image/svg+xml", "png": "image/png"}
NEEDS = "pip install -e '.[torch,plot]'"

Cell = dict[str, Any]


def notebook(path: Path, pages: set[str]) -> dict[str, Any]:
    """Make a page's notebook; `pages` are those that have one."""
    text = without_own_lines(path.read_text(encoding="utf-8"))
    needs = f"It runs where the package is installed: `{NEEDS}` in a checkout."
    cells = [_prose(f"This is `docs/{path.name}` as a notebook. {needs}")]
    end = 0
    for fence in FENCE.finditer(text):
        cells += _prose_cells(text[end : fence.start()], path.parent, pages)
        cells += _code_cells(fence[1])
        end = fence.end()
    cells += _prose_cells(text[end:], path.parent, pages)
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": cells}


def _prose_cells(text: str, folder: Path, pages: set[str]) -> Iterator[Cell]:
    text = MATH_FENCE.sub(lambda found: f"{found[1]}$$\n{found[2]}{found[1]}$$", text)
    text = CODE_MATHS.sub(r"$\1$", text)
    text = EQ_FENCE.sub("```python", text)
    text = IMAGE.sub(lambda found: _image(folder / found[2], found[1], found[3]), text)
    text = LINK.sub(lambda found: _link(found, pages), text)
    if text.strip():
        yield _prose(text.strip())


def _prose(text: str) -> Cell:
    return {"cell_type": "markdown", "metadata": {}, "source": text}


def _image(path: Path, alt: str, kind: str) -> str:
    data = base64.b64encode(path.read_bytes()).decode()
    return f'<img alt="{html.escape(alt)}" src="data:{MIME[kind]};base64,{data}">'


def _link(found: re.Match[str], pages: set[str]) -> str:
    text, page, anchor = found.groups()
    anchor = anchor if anchor and anchor.startswith("#eq-") else ""  # headings have other ids there
    return f"[{text}]({page}.ipynb{anchor})" if page in pages else text


def _code_cells(text: str) -> Iterator[Cell]:
    if ">>>" not in text:
        yield _code(text, "")
        return
    source = ""
    for example in doctest.DocTestParser().get_examples(text):
        source += example.source
        if example.want:
            yield _code(source, example.want)
            source = ""
    if source:
        yield _code(source, "")


def _code(source: str, shown: str) -> Cell:
    metadata: dict[str, Any] = {}
    outputs: list[dict[str, Any]] = []
    if shown.startswith("Traceback"):
        metadata["tags"] = ["raises-exception"]
        name, _, message = shown.strip().splitlines()[-1].partition(": ")
        outputs = [{"output_type": "error", "ename": name, "evalue": message, "traceback": [shown]}]
    elif shown and _prints(source):
        outputs = [{"output_type": "stream", "name": "stdout", "text": shown}]
    elif shown:
        data = {"text/plain": shown.rstrip("\n")}
        outputs = [{"output_type": "execute_result", "data": data, "metadata": {}, "execution_count": None}]
    return {
        "cell_type": "code",
        "metadata": metadata,
        "execution_count": None,
        "source": source.strip("\n"),
        "outputs": outputs,
    }


def _prints(source: str) -> bool:
    last = ast.parse(source).body[-1]
    return not isinstance(last, ast.Expr) or ast.unparse(last).startswith("print(")


# ---------------------------------------------------------------- in the build


def pages_with_code(app: Sphinx) -> set[str]:
    """The pages that have a notebook: those with a `>>>` block."""
    texts = {page: Path(app.env.doc2path(page)).read_text(encoding="utf-8") for page in app.env.found_docs}
    return {page for page, text in texts.items() if any(">>>" in fence[1] for fence in FENCE.finditer(text))}


def _add_link(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.Node | None
) -> None:
    if doctree is not None and page in pages_with_code(app):
        address = app.builder.get_relative_uri(page, "index").removesuffix("index.html")
        link = f'<a href="{address}notebooks/{page}.ipynb" download>This page as a notebook</a>'
        context["body"] = context["body"].replace("</h1>", f'</h1>\n<p class="as-notebook">{link}</p>', 1)


def _write(app: Sphinx, exception: Exception | None) -> None:
    if exception is None and app.builder.format == "html":
        pages = pages_with_code(app)
        for page in pages:
            target = Path(app.outdir) / "notebooks" / f"{page}.ipynb"
            target.parent.mkdir(parents=True, exist_ok=True)
            made = notebook(Path(app.env.doc2path(page)), pages)
            target.write_text(json.dumps(made, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def setup(app: Sphinx) -> dict[str, object]:
    """Register link and files."""
    app.connect("html-page-context", _add_link)
    app.connect("build-finished", _write)
    return {"version": "1", "parallel_read_safe": True}
