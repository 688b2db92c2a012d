"""Where the package cites an equation and which tests check it, read from the source alone.

In the package a comment that has its line to itself, ``# (3.4)``, stands above the lines that compute
equation (3.4); they end at the next such comment or at an empty line. A file marks an equation once. A
test says ``@pytest.mark.eq("3.4", "3.5")``, on itself, on its class, or as the module's ``pytestmark``.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from elman_np.checking.marks import MARK, NUMBER

PACKAGE = "elman_np"
SPECIFICATION = f"{PACKAGE}/cell.py"  # its places come first
_NEARLY_A_MARK = re.compile(rf"[^\"'`]*#\s*\({NUMBER}\).*")


@dataclass(frozen=True)
class Place:
    """Lines of the package that compute an equation."""

    path: str
    line: int
    code: str

    @property
    def last_line(self) -> int:
        """The number of the last line."""
        return self.line + self.code.count("\n")

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


@dataclass(frozen=True)
class MarkedTest:
    """A test that carries an equation's mark."""

    path: str
    line: int
    name: str
    drawn: bool = False  # by Hypothesis
    length: int = 1

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.name}"


@dataclass
class Marks:
    """All marks of a repository, by equation number, and what is wrong with them."""

    places: dict[str, list[Place]] = field(default_factory=lambda: defaultdict(list))
    tests: dict[str, list[MarkedTest]] = field(default_factory=lambda: defaultdict(list))
    problems: list[tuple[str, str]] = field(default_factory=list)  # (path:line, message)

    def place(self, number: str, path: str | None = None) -> Place:
        """Return the equation's place in the file `path`; without one, in the specification.

        Where the specification does not have it, the only other file that does is meant. A LookupError
        says that none does, or several do.
        """
        by_file = {place.path: place for place in self.places.get(number, [])}
        if path is None:
            path, *others = by_file or [PACKAGE]
            if others and path != SPECIFICATION:
                files = " and ".join(by_file)
                raise LookupError(f"'# ({number})' is in {files}: the row must name its file")
        if path not in by_file:
            raise LookupError(f"no '# ({number})' in {path}")
        return by_file[path]


def read_marks(root: Path) -> Marks:
    """Read the marks of the package under `root`, and of its tests."""
    marks = Marks()
    paths = sorted((root / PACKAGE).rglob("*.py"), key=lambda path: (path != root / SPECIFICATION, path))
    for path in paths:
        _read_places(path.read_text(encoding="utf-8"), path.relative_to(root).as_posix(), marks)
    for path in sorted((root / "tests").rglob("test_*.py")):
        _read_tests(path.read_text(encoding="utf-8"), path.relative_to(root).as_posix(), marks)
    _put_plain_tests_first(marks.tests)
    return marks


def _put_plain_tests_first(tests: dict[str, list[MarkedTest]]) -> None:
    """A test of few equations says more about each than a test of all; then an example, then a short one."""
    cited = Counter(test for marked in tests.values() for test in marked)
    for marked in tests.values():
        marked.sort(key=lambda test: (cited[test], test.drawn, test.length))


def _read_places(source: str, path: str, marks: Marks) -> None:
    lines = source.splitlines()
    for i, text in enumerate(lines):
        if found := MARK.fullmatch(text):
            code = _region(lines[i + 1 :])
            if not code:
                marks.problems.append((f"{path}:{i + 1}", f"no code below the mark ({found[1]})"))
            places = marks.places[found[1]]
            if twin := next((place for place in places if place.path == path), None):
                message = f"({found[1]}) is marked in this file already, at line {twin.line - 1}"
                marks.problems.append((f"{path}:{i + 1}", message))
            else:
                places.append(Place(path, i + 2, code))
        elif _NEARLY_A_MARK.fullmatch(text):
            marks.problems.append((f"{path}:{i + 1}", "an equation's mark has a line to itself: # (3.4)"))


def _region(lines: list[str]) -> str:
    end = next((i for i, text in enumerate(lines) if not text.strip() or MARK.fullmatch(text)), len(lines))
    return textwrap.dedent("\n".join(lines[:end]))


def _read_tests(source: str, path: str, marks: Marks) -> None:
    if "mark.eq" not in source:
        return
    module = ast.parse(source, path)
    constants = {
        target.id: node.value
        for node in module.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }

    def visit(body: list[ast.stmt], inherited: set[str]) -> None:
        here = inherited.union(*map(module_mark, body))
        for node in body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                cited = here.union(*map(numbers, node.decorator_list))
                if isinstance(node, ast.ClassDef):
                    visit(node.body, cited)
                elif node.name.startswith("test"):
                    drawn = any("given" in ast.unparse(decorator) for decorator in node.decorator_list)
                    length = (node.end_lineno or node.lineno) - node.lineno
                    test = MarkedTest(path, node.lineno, node.name, drawn, length)
                    for number in sorted(cited):
                        marks.tests[number].append(test)

    def module_mark(statement: ast.stmt) -> set[str]:
        match statement:
            case ast.Assign(targets=[ast.Name(id="pytestmark")], value=value):
                return numbers(value)
        return set()

    def numbers(expression: ast.expr) -> set[str]:
        found: set[str] = set()
        for call in filter(_is_eq_mark, ast.walk(expression)):
            try:
                found.update(_values(call.args, constants))
            except (NameError, TypeError, ValueError) as error:
                marks.problems.append((f"{path}:{call.lineno}", f"cannot read {ast.unparse(call)}: {error}"))
        return found

    visit(module.body, set())


def _is_eq_mark(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and re.fullmatch(r"(.+\.)?mark\.eq", ast.unparse(node.func)) is not None


def _values(arguments: list[ast.expr], constants: dict[str, ast.expr]) -> tuple[str, ...]:
    """Evaluate a mark's arguments: text, and what the module builds of text alone, as in ``*BACKWARD``."""
    builtins = {"tuple": tuple, "list": list, "range": range, "map": map, "str": str}
    used = {node.id for argument in arguments for node in ast.walk(argument) if isinstance(node, ast.Name)}
    names = {name: _values([constants[name]], constants)[0] for name in used if name in constants}
    expression = ast.Expression(ast.Tuple(arguments, ast.Load()))
    return tuple(
        eval(
            compile(ast.fix_missing_locations(expression), "mark", "eval"),
            {"__builtins__": builtins, **names},
        )
    )
