"""What a Git host's Markdown cannot show, so that the pages read well there too.

The limits are GitHub's, learnt from public reports: formulas go through Markdown before they reach MathJax,
some macros are refused, and a page has a budget.

What only a Git host needs stands in lines of its own, `<sub>...</sub>`: below an equation's code its file and
line, and at a page's end the pages before and after. The site has its own, and leaves these lines out.
`docs/build.py` writes them anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from front_page import LISTED
from source_marks import Marks, read_marks

BANNED_MACROS = frozenset(
    re.findall(
        r"\w+",
        "DeclareMathOperator bbox colorbox def definecolor eqref fcolorbox footnotesize hphantom href label "
        "let mathchoice mbox newcommand operatorname phantom ref renewcommand require tag unicode vphantom",
    )
)
FORMULA_BUDGET, PAGE_BUDGET = 1_000, 2_000
MATH_FENCE = re.compile(r"^```math\n(?P<tex>.*?)^```", re.MULTILINE | re.DOTALL)
MATHS_OR_CODE = re.compile(
    r"(?P<maths>\$`[^`\n]+`\$)|^(?P<fence>`{3,}).*?^(?P=fence)`*|``.*?``|`[^`\n]*`", re.MULTILINE | re.DOTALL
)
INLINE = re.compile(r"(?<![\w$\\-])\$(?!\s)(?P<tick>`?)(?P<tex>[^$\n]+?)(?P=tick)(?<!\s)\$(?![\w$])")
CHANGED_BY_MARKDOWN = re.compile(r"\\[^A-Za-z]|\}_|\*|[<>&]")

OWN_LINE = re.compile(r"^<sub>.*</sub>$", re.MULTILINE)
CODE = re.compile(
    r"^```python eq=(\S+)(?: file=(\S+))?\n.*?^```\n(?:<sub>[^\n]*</sub>\n)?", re.MULTILINE | re.DOTALL
)
Problem = tuple[int, str]  # line and message


def problems(text: str) -> Iterator[Problem]:
    """Go through one page."""
    blocks = list(MATH_FENCE.finditer(text))
    prose = MATHS_OR_CODE.sub(lambda found: found["maths"] or _blank(found), text)
    spans = list(INLINE.finditer(prose))
    for formula in blocks + spans:
        yield from ((_line(text, formula), message) for message in _formula_problems(formula["tex"]))
    yield from _page_budget(sum(cost(formula["tex"]) for formula in blocks + spans))
    for span in spans:
        if not span["tick"] and CHANGED_BY_MARKDOWN.search(span["tex"]):
            yield _line(prose, span), f"write $`{span['tex']}`$: a Git host's Markdown would alter it"
    rest = INLINE.sub(_blank, prose).replace(r"\$", "  ")
    for dollar in re.finditer(r"\$", rest):
        yield _line(rest, dollar), "a '$' that is not mathematics: write \\$, or part it from the word"


def cost(tex: str) -> int:
    """What a formula takes from the page's budget."""
    return 1 + tex.count("{")


def _formula_problems(tex: str) -> Iterator[str]:
    if cost(tex) > FORMULA_BUDGET:
        yield f"a formula that costs {cost(tex)} of {FORMULA_BUDGET} on a Git host"
    for macro in re.findall(r"\\([A-Za-z]+)", tex):
        if macro in BANNED_MACROS:
            yield rf"a Git host does not render \{macro}"


def _page_budget(total: int) -> Iterator[Problem]:
    if total > PAGE_BUDGET:
        yield 1, f"the page's formulas cost {total} of {PAGE_BUDGET} on a Git host: split the page"


def _blank(match: re.Match[str]) -> str:
    """As many lines, and nothing on them."""
    return re.sub(r"[^\n]", " ", match[0])


def _line(text: str, match: re.Match[str]) -> int:
    return text.count("\n", 0, match.start()) + 1


# ---------------------------------------------------------------- lines for a Git host alone


def without_own_lines(text: str) -> str:
    """A page as the site has it; its lines keep their numbers."""
    return OWN_LINE.sub("", text)


def with_own_lines(text: str, page: str, listed: list[tuple[str, str]], marks: Marks) -> str:
    """A page with the file and line of each equation's code, and the pages before and after it."""

    def placed(code: re.Match[str]) -> str:
        fence = OWN_LINE.sub("", code[0]).rstrip("\n")
        try:
            place = marks.place(code[1], code[2])
        except LookupError:  # the build says so
            return code[0]
        return f"{fence}\n<sub>[{place}](../{place.path}#L{place.line})</sub>\n"

    text = CODE.sub(placed, text)
    pages = [name for _, name in listed]
    if page not in pages:
        return text
    here = pages.index(page)
    links = ["[all pages](index.md)"]
    if here:
        links.insert(0, "[← {}]({}.md)".format(*listed[here - 1]))
    if here + 1 < len(pages):
        links.append("[{} →]({}.md)".format(*listed[here + 1]))
    body = re.sub(r"\n+<sub>.*</sub>\n*\Z", "", text.rstrip("\n"))
    return f"{body}\n\n<sub>{' · '.join(links)}</sub>\n"


def stale(docs: Path) -> Iterator[tuple[Path, str]]:
    """The pages whose own lines are not what they should be, and what they should be."""
    marks = read_marks(docs.parent)
    listed = LISTED.findall((docs / "index.md").read_text(encoding="utf-8"))
    for path in sorted(docs.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        new = with_own_lines(text, path.stem, listed, marks)
        if new != text:
            yield path, new
