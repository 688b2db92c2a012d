"""What a Git host's Markdown cannot show, so that the pages read well there too.

The limits are GitHub's, learnt from public reports: formulas go through Markdown before they reach MathJax,
some macros are refused, and a page has a budget.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

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
