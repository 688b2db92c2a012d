"""Mathematics as HTML and MathML while Sphinx builds: KaTeX (`docs/node_modules`), run by node over a pipe.

The pages need no JavaScript to show an equation, and bad LaTeX is a warning with its file and line.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from functools import partial
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

log = logging.getLogger(__name__)
SCRIPT = Path(__file__).with_suffix(".cjs")
OPENING, CLOSING = re.compile(r"\($"), re.compile(r"^[.,;:!?)]+")
SHORT = 30  # characters of LaTeX; a longer formula may need a line break of its own
LIBRARY = "node_modules/katex/dist/katex.min.js"


class Katex:
    """One node process, started when the first formula comes, and an answer for each formula."""

    def __init__(self, library: Path) -> None:
        self.library = library
        self.process: subprocess.Popen[str] | None = None
        self.answers: dict[tuple[str, bool], dict[str, str]] = {}

    def answer(self, tex: str, display: bool) -> dict[str, str]:
        """Return `{"html": ...}` or `{"error": ...}`."""
        if (tex, display) not in self.answers:
            self.answers[tex, display] = self._ask(json.dumps({"tex": tex, "display": display}))
        return self.answers[tex, display]

    def close(self) -> None:
        """End the process, if there is one."""
        if self.process is not None:
            self.process.communicate(timeout=10)
            self.process = None

    def _ask(self, request: str) -> dict[str, str]:
        process = self.process = self.process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(request + "\n")
        process.stdin.flush()
        return dict(json.loads(process.stdout.readline()))

    def _start(self) -> subprocess.Popen[str]:
        node = shutil.which("node")
        if node is None:
            raise ExtensionError("the docs need node, which sets their mathematics: install Node.js")
        if not self.library.is_file():
            raise ExtensionError("KaTeX is missing: run `python docs/build.py`, or `npm ci` in docs/")
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [node, SCRIPT, self.library], stdin=pipe, stdout=pipe, text=True, encoding="utf-8"
        )


def visit_inline(katex: Katex, translator: HTML5Translator, node: nodes.math) -> None:
    """Write a formula in a line of text."""
    translator.body.append(f'<span class="math">{_formula(katex, node, display=False)}</span>')
    raise nodes.SkipNode


def visit_block(katex: Katex, translator: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula that stands by itself."""
    translator.body.append(translator.starttag(node, "div", CLASS="math"))
    translator.body.append(f"{_formula(katex, node, display=True)}</div>\n")
    raise nodes.SkipNode


class KeepPunctuation(SphinxPostTransform):
    """Keep a short formula and the punctuation that touches it on one line."""

    default_priority = 900
    formats = ("html",)

    def run(self) -> None:
        """Go through the formulas that stand in a line of text."""
        for node in list(self.document.findall(nodes.math)):
            if len(node.astext()) < SHORT:
                self._keep(node)

    def _keep(self, node: nodes.math) -> None:
        parent, index = node.parent, node.parent.index(node)
        before, opening = _split(parent, index - 1, OPENING)
        after, closing = _split(parent, index + 1, CLOSING)
        if opening or closing:
            whole = nodes.inline("", "", nodes.Text(opening), node, nodes.Text(closing), classes=["nobr"])
            parent[index] = whole
            for place, rest in ((index - 1, before), (index + 1, after)):
                if rest is not None:
                    parent[place] = nodes.Text(rest)  # by its place: two texts may be equal


def _split(parent: nodes.Element, index: int, pattern: re.Pattern[str]) -> tuple[str | None, str]:
    """Part the punctuation from the text at `index`: what is left of the text, and the punctuation."""
    text = parent[index] if 0 <= index < len(parent) else None
    found = pattern.search(text) if isinstance(text, nodes.Text) else None
    if found is None:
        return None, ""
    return pattern.sub("", text), found[0]


def _formula(katex: Katex, node: nodes.Element, *, display: bool) -> str:
    tex = node.astext().strip()
    answer = katex.answer(tex, display)
    if "error" in answer:
        log.warning("KaTeX: %s", answer["error"], location=node)
        return f"<code>{html.escape(tex)}</code>"
    return answer["html"]


def setup(app: Sphinx) -> dict[str, object]:
    """Register the renderer."""
    katex = app.katex = Katex(Path(app.srcdir) / LIBRARY)
    app.add_html_math_renderer(
        "katex_ssr", (partial(visit_inline, katex), None), (partial(visit_block, katex), None)
    )
    app.add_css_file("katex.min.css")
    app.add_post_transform(KeepPunctuation)
    app.connect("build-finished", lambda app, exception: katex.close())
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": False}
