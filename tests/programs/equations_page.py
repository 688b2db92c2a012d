"""All numbered equations on one page, taken from the chapters: docs/equations.md.

    python -m tests.programs.equations_page > docs/equations.md

`tests/test_sheets.py` compares the page with what this prints.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).parents[2] / "docs"
CHAPTER = re.compile(r"^\d+\. \[[^\]]+\]\((\w+\.md)\)", re.MULTILINE)
PIECE = re.compile(
    r"^(?P<heading>#{1,4}) (?P<title>[^\n]+)$"
    r'|^<a id="(?P<anchor>eq-[\w-]+)"></a>\n\n```math\n(?P<tex>.*?)\n```$'
    r"|^(?P<fence>`{3,}).*?^(?P=fence)$",  # code has lines that look like headings
    re.MULTILINE | re.DOTALL,
)
NUMBER = re.compile(r"\s*\\qquad\s*\\text\{\((?P<number>\d+\.\d+[a-z]?)\)\}")
HEAD = """\
# All equations

Every numbered equation of the chapters, in their order. The number leads to where it is derived, and where
its code stands. What the letters mean is in [symbols](symbols.md). (This page is made from the chapters:
`python -m tests.programs.equations_page > docs/equations.md`.)
"""


class Equation(NamedTuple):
    """A numbered formula, and the heading that it stands under."""

    number: str
    anchor: str
    title: str
    tex: str


def chapters() -> list[str]:
    """Files of the chapters, in the order of the front page."""
    _, _, below = (DOCS / "index.md").read_text(encoding="utf-8").partition("\n## Chapters\n")
    return CHAPTER.findall(below.partition("\n## ")[0])


def equations(page: str) -> Iterator[Equation]:
    """Go through the numbered formulas of a page."""
    title = ""
    for piece in PIECE.finditer((DOCS / page).read_text(encoding="utf-8")):
        if piece["heading"]:
            title = piece["title"]
        elif piece["anchor"]:
            number = NUMBER.search(piece["tex"])
            assert number is not None, f"{page}: no number in {piece['anchor']}"
            yield Equation(number["number"], piece["anchor"], title, NUMBER.sub("", piece["tex"]))


def page() -> str:
    """Return the whole page."""
    parts = [HEAD]
    for name in chapters():
        title = (DOCS / name).read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
        parts.append(f"## {title}\n")
        above = ""
        for equation in equations(name):
            title = f" {equation.title}" if equation.title != above else ""
            parts.append(f"[({equation.number})]({name}#{equation.anchor}){title}\n")
            parts.append(f"```math\n{equation.tex}\n```\n")
            above = equation.title
    return "\n".join(parts)


if __name__ == "__main__":
    print(page(), end="")
