"""What is said of a learner's program, in the order in which it helps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from elman_np.checking.learner.naming import Named
from elman_np.checking.mistakes import Mistake

Verdict: TypeAlias = Literal["right", "right, with remarks", "wrong", "undecided", "could not run", "not yet"]
STATUS: dict[Verdict, int] = {
    "right": 0,
    "right, with remarks": 0,
    "wrong": 1,
    "could not run": 2,
    "undecided": 3,
    "not yet": 4,
}
PAGES = {"1": "cell", "2": "loss", "3": "bptt", "5": "truncation", "7": "adam", "9": "speed"}
SEQUENCE = {"9.1": "1.1", "9.2": "1.1", "9.3": "3.1"}
"""Equations of the sums in a better order, and what they compute."""


@dataclass(frozen=True)
class TensorRow:
    """What is found of one tensor."""

    tensor: str
    verdict: Literal["right", "wrong", "undecided", "not given"]
    where: str = ""


@dataclass(frozen=True, kw_only=True)
class Report:
    """The verdict on one program, and all that is known of it; `print` shows it."""

    subject: str
    verdict: Verdict
    rows: Sequence[TensorRow] = ()
    faults: Sequence[str] = ()
    """What is wrong besides numbers: an argument that was changed, a second call that differs."""
    remarks: Sequence[str] = ()
    known: Sequence[str] = ()
    named: Sequence[Named] = ()
    unchecked: Sequence[str] = ()
    trouble: str = ""
    """Why it could not run, or what is left to fill in."""
    posed: str = ""
    names: Sequence[str] = field(default=())
    """Names of the mistakes that it looks like."""
    closing: str = ""
    """What comes next, if it is an exercise."""

    @property
    def status(self) -> int:
        """Exit status of the command."""
        return STATUS[self.verdict]

    @property
    def right(self) -> bool:
        """Whether all that was checked is right, remarks or not."""
        return self.status == 0

    def __str__(self) -> str:
        parts = [f"{self.subject}: {self.verdict}", self.trouble, self.posed, self._table()]
        parts.append(_list("Wrong besides", self.faults))
        parts.append(_list("Remarks", self.remarks))
        parts.append(_list("What is known", self.known))
        parts.append(self._mistakes())
        parts += [_list("Not checked, by what STYLE says", self.unchecked), self.closing]
        return "\n\n".join(part for part in parts if part)

    def _table(self) -> str:
        lines = []
        for verdict in ("right", "undecided", "wrong", "not given"):
            tensors = [row for row in self.rows if row.verdict == verdict]
            if verdict in ("right", "not given") and tensors:
                lines.append(f"  {verdict:10} {' '.join(row.tensor for row in tensors)}")
            else:
                lines += [f"  {verdict:10} {row.tensor:6} {row.where}" for row in tensors]
        return "\n".join(lines)

    def _mistakes(self) -> str:
        if self.verdict != "wrong" or (
            not self.named and not any(row.verdict == "wrong" for row in self.rows)
        ):
            return ""
        if not self.named:
            return "It looks like none of the mistakes that we know; docs/mistakes.md has them."
        return "\n\n".join(map(_explained, self.named))


def _list(heading: str, items: Sequence[str]) -> str:
    return f"{heading}:\n" + "\n".join(f"  - {item}" for item in items) if items else ""


def _explained(named: Named) -> str:
    of = f" in {', '.join(named.tensors)}" if named.tensors else ""
    if len(named.together) == 1:
        both = named.together[0]
        opening = (
            f"It looks like this mistake{of}"
            if len(both) == 1
            else f"It looks like these mistakes together{of}"
        )
        return "\n".join([f"{opening}:", *(explain(mistake) for mistake in both)])
    lines = [f"It looks like one of these{of}:"]
    for both in named.together[:6]:
        if len(both) > 1:
            lines.append(f"  together: {' and '.join(title(mistake) for mistake in both)}")
        else:
            lines.append(explain(both[0]))
    return "\n".join(lines)


def title(mistake: Mistake) -> str:
    """Return a mistake's name as the report has it."""
    return mistake.name.removeprefix("cell: ")


def explain(mistake: Mistake) -> str:
    """Say what it is, hint, and link."""
    equation = mistake.equation
    lines = [f"  {title(mistake)}: {mistake.what}", f"    Hint: {mistake.hint}"]
    if equation is not None:
        shown = SEQUENCE.get(equation, equation)
        page = PAGES[shown.partition(".")[0]]
        lines.append(f"    Read: docs/{page}.md#eq-{shown.replace('.', '-')}")
    else:
        lines.append("    Read: docs/mistakes.md")
    return "\n".join(lines)
