"""Files with gaps, which `docs/exercises.md` sets: what is left to fill in, and what comes next.

A gap is a `...` that stands where an expression or the body of a function should. Such a file says
`EXERCISE = {"number": 11, "read": "docs/cell.md", "next": "12_loss.py"}`; the last one has no "next".
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from elman_np.checking.learner.report import Report
from elman_np.checking.learner.style import CannotRunError

WORDS = ("number", "read", "next")


@dataclass(frozen=True)
class Exercise:
    """What a file with gaps says of itself."""

    number: int
    read: str
    next: str = ""

    @classmethod
    def of(cls, words: Mapping[str, Any]) -> Exercise:
        """Read a declaration; CannotRunError if a word is unknown or missing."""
        if not isinstance(words, Mapping) or set(words) - set(WORDS) or not {"number", "read"} <= set(words):
            raise CannotRunError(f"EXERCISE: expected a dict with {', '.join(WORDS)}, got {words!r}")
        return cls(**words)

    @property
    def _help(self) -> str:
        return f"Read {self.read}; docs/exercises.md has hints."

    def not_yet(self, path: Path) -> Report | None:
        """Say which gaps are left, if there are any."""
        text = path.read_text(encoding="utf-8")
        lines = gaps(text)
        if not lines:
            return None
        left = "one gap is left" if len(lines) == 1 else f"{len(lines)} gaps are left"
        source = text.splitlines()
        shown = [f"  line {line:3}  {source[line - 1].strip()}" for line in dict.fromkeys(lines)]
        advice = ["Put code in place of each `...`, and check again.", self._help]
        trouble = "\n".join([f"Exercise {self.number}: {left}.", "", *shown, "", *advice])
        return Report(subject=path.name, verdict="not yet", trouble=trouble)

    def close(self, reports: Sequence[Report]) -> list[Report]:
        """Say after the last report whether it is done and what comes next; of what is not asked, nothing."""
        verdicts = {report.verdict for report in reports}
        if verdicts == {"right"}:
            after = f"The next one is {self.next}, beside it." if self.next else LAST
            said = f"Exercise {self.number} is done. {after}"
        elif verdicts <= {"right", "right, with remarks"}:
            said = f"Exercise {self.number} is nearly done: mend what the remark says, and check again."
        else:
            said = f"Exercise {self.number} is not done yet. {self._help}"
        asked = [
            replace(report, rows=[row for row in report.rows if row.verdict != "not given"], unchecked=())
            for report in reports
        ]
        return [*asked[:-1], replace(asked[-1], closing=said)]


LAST = "It was the last one: you have written the whole of it."


def gaps(source: str) -> list[int]:
    """Return a line for every `...` that stands for code: its own, or that of its function's `def`.

    One in an index, as `z[..., 0]`, stands for none.
    """
    tree = ast.parse(source)
    nodes = list(ast.walk(tree))
    indices = {id(inner) for n in nodes if isinstance(n, ast.Subscript) for inner in ast.walk(n.slice)}
    bodies = {
        id(line.value): n.lineno
        for n in nodes
        if isinstance(n, ast.FunctionDef)
        for line in n.body
        if isinstance(line, ast.Expr)
    }
    found = (n for n in nodes if isinstance(n, ast.Constant) and n.value is Ellipsis and id(n) not in indices)
    return sorted(bodies.get(id(n), n.lineno) for n in found)
