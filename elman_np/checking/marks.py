"""The comment that cites an equation, ``# (3.4)``, on a line of its own above the lines that compute it."""

from __future__ import annotations

import re

NUMBER = r"\d+\.\d+[a-z]?"
MARK = re.compile(rf"\s*# \(({NUMBER})\)\s*")


def equation_of(before: str) -> str | None:
    """Return the number of the equation in whose lines `before`, the text up to some place, breaks off.

    The lines of an equation end at the next mark or at an empty line.
    """
    for line in reversed(before.split("\n")[:-1]):
        if found := MARK.fullmatch(line):
            return found[1]
        if not line.strip():
            break
    return None
