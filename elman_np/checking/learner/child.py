"""Runs a learner's file, in a process of its own that `running` starts."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from elman_np.checking.learner import check, check_adam
from elman_np.checking.learner.calling import shown
from elman_np.checking.learner.exercises import Exercise
from elman_np.checking.learner.report import Report
from elman_np.checking.learner.style import CannotRunError

IMPORTING, SOLVING = "importing", "solving"


def load(path: Path) -> ModuleType:
    """Import the file, as a module that is not the main one.

    Raises
    ------
    CannotRunError
        If it raises, or ends the process.
    """
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise CannotRunError(f"{path.name}: expected a Python file, whose name ends in .py")
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        where = f"line {error.lineno}: {(error.text or '').strip()}"
        raise CannotRunError(f"{path.name} is not Python: {where}\n  SyntaxError: {error.msg}") from error
    except SystemExit as error:
        raise CannotRunError(f"{path.name} ends the process when it is imported; {GUARD}") from error
    except Exception as error:
        raise CannotRunError(
            f"{path.name} raised an error when it was imported:\n{shown(error)}\n"
            f"It runs in an empty folder, without a keyboard and without windows. If it need not run at all "
            f"to be imported, {GUARD}"
        ) from error
    return module


GUARD = "put what trains, plots or asks under\n  if __name__ == '__main__':"


def judge_file(path: Path, stage: Callable[[str], None]) -> list[Report]:
    """Judge what the file declares: `solve`, `updates`, or both."""
    stage(IMPORTING)
    try:
        module = load(path)
        found = {n: getattr(module, n) for n in ("solve", "updates") if callable(getattr(module, n, None))}
        if not found:
            own = [n for n, v in vars(module).items() if callable(v) and not n.startswith("_")]
            raise CannotRunError(
                f"{path.name}: looked for a function solve(p), or updates(p) for Adam; there is "
                f"{', '.join(own) or 'no function'}. docs/check.md shows how to write one; "
                "python -m elman_np check --new functions prints a file to start from"
            )
        for word in ("STYLE", "ADAM"):
            if not isinstance(getattr(module, word, {}), dict):
                raise CannotRunError(f"{word}: expected a dict, got {getattr(module, word)!r}")
        words = getattr(module, "EXERCISE", None)
        exercise = None if words is None else Exercise.of(words)
    except CannotRunError as error:
        return [Report(subject=path.name, verdict="could not run", trouble=str(error))]
    if exercise is not None and (report := exercise.not_yet(path)):
        return [report]
    reports = [_judged(module, name, function, path, stage) for name, function in found.items()]
    return reports if exercise is None else exercise.close(reports)


def _judged(
    module: ModuleType, name: str, function: Callable[..., Any], path: Path, stage: Callable[[str], None]
) -> Report:
    def watched(p: object) -> Any:  # noqa: ANN401
        stage(SOLVING)
        try:
            return function(p)
        except SystemExit as error:
            raise RuntimeError("it ends the process (sys.exit)") from error

    judge, word = (check, "STYLE") if name == "solve" else (check_adam, "ADAM")
    return judge(watched, f"{path.name}, {name}", **getattr(module, word, {}))


def main() -> None:
    """Judge the file named first, and write the reports into the file named second."""
    path, result = Path(sys.argv[1]), Path(sys.argv[2])
    sys.argv = [str(path)]

    def stage(name: str) -> None:
        result.write_text(json.dumps({"stage": name}), encoding="utf-8")

    reports = judge_file(path, stage)
    text = "\n\n\n".join(map(str, reports))
    status = max((report.status for report in reports), key=(0, 3, 1, 2, 4).index)
    result.write_text(json.dumps({"stage": "done", "text": text, "status": status}), encoding="utf-8")
    sys.stdout.flush()
    os._exit(0)  # whatever threads the file has left


if __name__ == "__main__":
    main()
