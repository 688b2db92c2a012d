"""The files with gaps of `docs/exercises/`, filled with the answers of `docs/exercises.md`."""

import ast
import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
FILES = sorted((DOCS / "exercises").glob("*.py"))
ANSWER = re.compile(
    r"\(exercises/(?P<file>\w+\.py)\)(?:(?!^### ).*\n)+?```py\n(?P<code>(?s:.*?))```", re.MULTILINE
)


def answers() -> dict[str, str]:
    """The code that the page folds away, by file."""
    return {
        found["file"]: found["code"] for found in ANSWER.finditer((DOCS / "exercises.md").read_text("utf-8"))
    }


def filled(file: Path, answer: str) -> str:
    """A file's text with the answer's functions and classes in place of its own of the same names."""
    text = file.read_text("utf-8")
    lines, own = text.splitlines(), {n.name: n for n in ast.parse(text).body if hasattr(n, "name")}
    for node in sorted(ast.parse(answer).body, key=lambda n: -own[n.name].lineno):
        old = own[node.name]
        lines[old.lineno - 1 : old.end_lineno] = answer.splitlines()[node.lineno - 1 : node.end_lineno]
    return "\n".join(lines) + "\n"
