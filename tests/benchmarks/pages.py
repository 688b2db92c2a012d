"""Lay out measured tables, and put them into the pages that ask for them.

A page asks by `<!-- measured: gradients -->`; what stands from there to `<!-- end -->` is replaced.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = ("docs/speed.md", "README.md")


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Lay out a table; its first `left` columns hold words, the others numbers."""
    rules = ["---"] * left + ["---:"] * (len(head) - left)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rules, *rows))


def write(parts: Mapping[str, str], root: Path = ROOT) -> None:
    """Write each part wherever a page asks for it."""
    for page in PAGES:
        path = root / page
        text = path.read_text()
        for name, part in parts.items():
            asked = rf"(<!-- measured: {name} -->\n).*?(<!-- end -->)"
            text = re.sub(asked, lambda m, part=part: f"{m[1]}\n{part}\n\n{m[2]}", text, flags=re.DOTALL)
        path.write_text(text)
