r"""Equation, code and tests side by side, from Markdown that also reads well on a Git host.

A page writes an equation and the lines that compute it so::

    <a id="eq-3-4"></a>

    ```math
    da_t = dh_t \odot (1 - h_t \odot h_t) \qquad\text{(3.4)}
    ```

    ```python eq=3.4
    da: Array = dh * (1 - h * h)
    ```

and refers to it as ``[(3.4)](#eq-3-4)``, or from another page ``[(3.4)](bptt.md#eq-3-4)``. The code must be
that below ``# (3.4)`` in the specification, ``cell.py``, or, if it has no such mark, in the only file that
does. ``python eq=3.4 file=elman_np/bptt.py`` means that file and no other. Every marked place has one row. A
fence that does not follow its equation stands by itself and refers to it.

Whatever breaks these rules is a warning, so that `sphinx-build -W` fails: see `tests/test_derivation.py`.
Nothing here compares a formula with the code: a reader does.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import git_host
import source_pages
from docutils import nodes
from source_marks import NUMBER, MarkedTest, Marks, Place, read_marks
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms import SphinxTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

log = logging.getLogger(__name__)
ANCHOR = re.compile(r'^<a id="([\w-]+)"></a>[ \t]*$', re.MULTILINE)
EQ_FENCE = re.compile(r"^```python eq=(\S+)(?: file=(\S+))?[ \t]*$", re.MULTILINE)
CODE_MATHS = re.compile(r"\$`([^`\n]+)`\$")
TAG = re.compile(rf"\s*\\qquad\s*\\text\{{\(({NUMBER})\)\}}")
EQ_ANCHOR = re.compile(r"eq-\d+-\d+[a-z]?")
EQ_REFERENCE = re.compile(rf'href="[^"#]*#({EQ_ANCHOR.pattern})"')


class Definition(NamedTuple):
    """Where a page defines an equation, whether its code stands beside it, and its LaTeX."""

    page: str
    has_code: bool
    tex: str


def number_of(anchor: str) -> str:
    """Return the number of an equation's id: eq-3-4 is of 3.4."""
    return anchor.removeprefix("eq-").replace("-", ".")


def anchor_of(number: str) -> str:
    """Return the id of an equation: 3.4 has eq-3-4."""
    return "eq-" + number.replace(".", "-")


# ---------------------------------------------------------------- the Markdown, before it is parsed


def _read_source(app: Sphinx, docname: str, source: list[str]) -> None:
    """Check the page for a Git host, then turn its plain Markdown into what MyST knows."""
    if Path(app.env.doc2path(docname)).suffix != ".md":
        return
    for line, message in git_host.problems(source[0]):
        log.warning(message, location=(docname, line))
    text = CODE_MATHS.sub(r"$\1$", git_host.without_own_lines(source[0]))
    text = ANCHOR.sub(r"(\1)=", text)
    source[0] = EQ_FENCE.sub(lambda fence: f"```{{eq-code}} {fence[1]} {fence[2] or ''}".rstrip(), text)


# ---------------------------------------------------------------- the code of an equation


class EquationCode(SphinxDirective):
    """A fence ``python eq=3.4``: the box with the lines, their numbers and the tests."""

    required_arguments = 1
    optional_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Make the box, and warn where page and package differ."""
        number, path = self.arguments[0], (self.arguments[1:] or [None])[0]
        shown = "\n".join(self.content).strip("\n")
        marks: Marks = self.env.marks
        try:
            place = marks.place(number, path)
        except LookupError as error:
            log.warning("%s", error, location=self.get_location())
            place = None
        else:
            self._check_row(number, place, shown)
        others = [other for other in marks.places.get(number, []) if other != place]
        box = nodes.container("", classes=["eq-code"], equation=number)
        if place is not None:
            box += nodes.paragraph("", "", _place_link(place, self.env.docname), classes=["eq-path"])
        box += _listing(shown, place)
        box += _footer(number, marks.tests.get(number, []), others, self.env.docname)
        self.set_source_info(box)
        return [box]

    def _check_row(self, number: str, place: Place, shown: str) -> None:
        rows: dict[Place, str] = self.env.rows
        if place in rows:
            message = "(%s) of %s is shown in %s already"
            log.warning(message, number, place, rows[place], location=self.get_location())
        rows[place] = self.env.docname
        if place.code != shown:
            lines = place.code.splitlines(), shown.splitlines()
            diff = "\n".join(difflib.unified_diff(*lines, str(place), "page", lineterm=""))
            message = "(%s): the page's code is not that of %s\n%s"
            log.warning(message, number, place, diff, location=self.get_location())


def _place_link(place: Place, docname: str) -> nodes.Node:
    span = f"{place.line}" if place.line == place.last_line else f"{place.line}-{place.last_line}"
    return source_pages.link(place.path, place.line, f"{place.path}:{span}", docname)


def _listing(code: str, place: Place | None) -> nodes.literal_block:
    block = nodes.literal_block(code, code, language="python")
    if place is not None:
        block["linenos"] = True
        block["highlight_args"] = {"linenostart": place.line}
    return block


def _footer(
    number: str, tests: Sequence[MarkedTest], others: Sequence[Place], docname: str
) -> list[nodes.Node]:
    lines: list[nodes.Node] = []
    if tests:
        count = f"{len(tests)} test{'s' if len(tests) > 1 else ''}"
        named = [source_pages.link(test.path, test.line, test.name, docname) for test in tests]
        items = [nodes.list_item("", nodes.paragraph("", "", name)) for name in named]
        lines += [
            _html(f'<details class="eq-tests"><summary>checked by {count}</summary>'),
            nodes.bullet_list("", *items),
            _html("</details>"),
        ]
    if others:
        paragraph = nodes.paragraph("", "also in ", classes=["eq-others"])
        for i, place in enumerate(others):
            paragraph += [nodes.Text(", " if i else ""), _place_link(place, docname)]
        lines.append(paragraph)
    return lines


def _html(text: str) -> nodes.raw:
    return nodes.raw("", text, format="html")


# ---------------------------------------------------------------- rows, and links to them


class Equations(SphinxTransform):
    """Make a row of each numbered equation and the code below it."""

    default_priority = 210  # before docutils gives a target's id to what follows it

    def apply(self) -> None:
        """Go through the page's formulas, and then through the code that is left."""
        for block in list(self.document.findall(nodes.math_block)):
            numbers = TAG.findall(block.astext())
            if len(numbers) > 1:
                log.warning("more than one number in a formula: %s", ", ".join(numbers), location=block)
            elif numbers:
                self._make_row(block, numbers[0])
        self._check_anchors()
        for box in list(self.document.findall(_is_code)):
            if "eq-row" not in box.parent["classes"]:
                box.insert(0, _reference(box["equation"], self.env.docname))

    def _make_row(self, block: nodes.math_block, number: str) -> None:
        row = nodes.container("", classes=["eq-row"], equation=number)
        row.source, row.line = block.source, block.line
        boxes = _code_below(block, number)
        tex = TAG.sub("", block.astext())
        self._define(number, Definition(self.env.docname, bool(boxes), tex), row)
        self._check_anchor(block, number)
        block.replace_self(row)
        for box in boxes:
            box.parent.remove(box)
        formula = nodes.math_block(tex, tex, nowrap=False, number=None, docname=self.env.docname, label=None)
        formula.source, formula.line = block.source, block.line
        row += nodes.container("", formula, _permalink(number), classes=["eq-formula"])
        row += boxes

    def _define(self, number: str, definition: Definition, row: nodes.Element) -> None:
        equations: dict[str, Definition] = self.env.equations
        if number in equations:
            log.warning("(%s) is defined in %s already", number, equations[number].page, location=row)
        equations[number] = definition

    def _check_anchor(self, block: nodes.math_block, number: str) -> None:
        before = block.parent[block.parent.index(block) - 1]
        if not isinstance(before, nodes.target) or anchor_of(number) not in before["names"]:
            log.warning('(%s) needs <a id="%s"></a> above it', number, anchor_of(number), location=block)

    def _check_anchors(self) -> None:
        for target in self.document.findall(nodes.target):
            below = target.next_node(descend=False, siblings=True)
            for name in target["names"]:
                if EQ_ANCHOR.fullmatch(name) and name != anchor_of(_number(below)):
                    log.warning('<a id="%s"></a> is not above its equation', name, location=target)


def _number(node: nodes.Node | None) -> str:
    return str(node.get("equation", "")) if isinstance(node, nodes.Element) else ""


def _is_code(node: nodes.Node) -> bool:
    return isinstance(node, nodes.container) and "eq-code" in node["classes"]


def _code_below(block: nodes.math_block, number: str) -> list[nodes.container]:
    siblings = block.parent[block.parent.index(block) + 1 :]
    boxes = []
    for node in siblings:
        if not _is_code(node) or node["equation"] != number:
            break
        boxes.append(node)
    return boxes


def _permalink(number: str) -> nodes.paragraph:
    link = nodes.reference("", f"({number})", refid=anchor_of(number), internal=True)
    return nodes.paragraph("", "", link, classes=["eq-number"])


def _reference(number: str, docname: str) -> nodes.paragraph:
    link = addnodes.pending_xref(
        "",
        nodes.inline("", f"({number})"),
        refdomain="std",
        reftype="ref",
        reftarget=anchor_of(number),
        refexplicit=True,
        refwarn=True,
        refdoc=docname,
    )
    return nodes.paragraph("", "", link, classes=["eq-number"])


class EquationLinks(SphinxTransform):
    """The text of a link to an equation must name it."""

    default_priority = 200

    def apply(self) -> None:
        """Go through the links of a page, while they still say what they were written as."""
        for link in self.document.findall(_is_link):
            target = link.get("reftargetid") or link.get("refuri", "").rpartition("#")[2]
            named = [anchor_of(number) for number in re.findall(rf"\(({NUMBER})\)", link.astext())]
            if EQ_ANCHOR.fullmatch(target) and named != [target]:
                log.warning("the link text %r does not name #%s", link.astext(), target, location=link)


def _is_link(node: nodes.Node) -> bool:
    return isinstance(node, nodes.reference | addnodes.pending_xref)


def _add_formulas(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.Node | None
) -> None:
    """Put the formulas that a page refers to and does not have at its end, unseen: `site.js` shows them."""
    body = context.get("body", "")
    for anchor in sorted(set(EQ_REFERENCE.findall(body))):
        if f'id="{anchor}"' not in body:
            tex = app.env.equations[number_of(anchor)].tex
            formula = app.katex.answer(tex.strip(), display=True).get("html", "")
            context["body"] += f'<template data-equation="{anchor}">{formula}</template>\n'


# ---------------------------------------------------------------- the whole


def _init(app: Sphinx) -> None:
    app.env.marks = read_marks(Path(app.srcdir).parent)
    app.env.equations = {}
    app.env.rows = {}  # of each place that a row shows, the page


def _check_the_whole(app: Sphinx, env: BuildEnvironment) -> None:
    marks: Marks = env.marks
    for location, message in marks.problems:
        log.warning(message, location=location)
    for number, places in marks.places.items():
        _check_implemented(number, places[0], env.equations.get(number), bool(marks.tests.get(number)))
        for place in places:
            if place not in env.rows:
                log.warning("no row shows (%s) of %s", number, place, location=str(place))
    for number, tests in marks.tests.items():
        if number not in env.equations:
            log.warning("a test cites (%s), which is on no page", number, location=str(tests[0]))


def _check_implemented(number: str, place: Place, definition: Definition | None, tested: bool) -> None:
    if definition is None:
        log.warning("the code cites (%s), which is on no page", number, location=str(place))
    elif not definition.has_code:
        log.warning("(%s) has code at %s, which must follow it", number, place, location=definition.page)
    if not tested:
        log.warning("(%s) is implemented, but no test is marked eq(%r)", number, number, location=str(place))


def setup(app: Sphinx) -> dict[str, object]:
    """Register the extension. Every build reads every page: a change in the package alone must be seen."""
    app.add_directive("eq-code", EquationCode)
    app.add_transform(EquationLinks)
    app.add_transform(Equations)
    app.connect("builder-inited", _init)
    app.connect("env-get-outdated", lambda app, env, *_: env.found_docs)
    app.connect("source-read", _read_source)
    app.connect("env-check-consistency", _check_the_whole)
    app.connect("html-page-context", _add_formulas)
    return {"version": "1", "parallel_read_safe": False}
