"""`python -m elman_np check`: judge a file in a process of its own, with a time limit.

The file is executed. Its folder is not written to, it runs in an empty one, and what it prints is put
aside.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from elman_np import commands

HERE = Path(__file__).parent
STARTS = {path.stem: path for path in sorted((HERE / "starts").glob("*.txt"))}
KEPT = 600
"""Characters that are kept of what the file prints."""


@dataclass(frozen=True)
class Outcome:
    """What came of a file."""

    text: str
    status: int


def parser() -> argparse.ArgumentParser:
    """Make the options of the command."""
    result = argparse.ArgumentParser(
        prog="python -m elman_np check",
        description="Judge the BPTT or Adam in a file of yours. The file is executed.",
        epilog="Exit status: 0 right, 1 wrong, 2 could not run, 3 undecided, 4 an exercise with gaps left, "
        f"{commands.FAILED} could not be judged or printed, for instance onto a full disk. "
        "See docs/check.md.",
        formatter_class=commands.HelpFormatter,
    )
    result.add_argument("file", nargs="?", type=Path, help="has a function solve(p), or updates(p) for Adam")
    result.add_argument("--new", choices=list(STARTS), help="print a file to start from, in this style")
    result.add_argument("--seconds", type=commands.above_zero, default=60.0, help="time limit")
    return result


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    line = parser()
    options = line.parse_args(arguments)
    if (options.file is None) == (options.new is None):
        line.error("expected a file, or --new with a style")
    if options.file is not None and not options.file.is_file():
        line.error(f"file: there is no such file, {str(options.file)!r}")
    return options


def main(arguments: Sequence[str]) -> int:
    """Run the command; return its exit status."""
    options = parse(arguments)
    if options.new is not None:
        print(STARTS[options.new].read_text(encoding="utf-8"), end="")
        return 0
    outcome = run_file(options.file, options.seconds)
    print(outcome.text)
    return outcome.status


def run_file(path: Path, seconds: float = 60.0) -> Outcome:
    """Judge a file in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        empty, result = Path(folder, "empty"), Path(folder, "result.json")
        empty.mkdir()
        process = subprocess.Popen(
            [sys.executable, "-m", "elman_np.checking.learner.child", str(path.resolve()), str(result)],
            cwd=empty,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        printed = Printed(process.stdout)
        try:
            process.wait(timeout=seconds)
            late = False
        except subprocess.TimeoutExpired:
            late = True
        _end(process)
        printed.join(timeout=5)
        found = json.loads(result.read_text(encoding="utf-8")) if result.exists() else {"stage": "starting"}
    if found["stage"] == "done" and isinstance(status := found["status"], int):
        return Outcome(found["text"] + printed.remark(), status)
    trouble = (
        _late(found["stage"], seconds) if late else f"its process ended by itself while {found['stage']}"
    )
    return Outcome(f"{path.name}: could not run\n\n{trouble}{printed.remark()}", 2)


def _environment() -> dict[str, str]:
    """Let it find this package, write no byte code, open no windows, and use one thread."""
    known = os.environ.get("PYTHONPATH")
    path = str(HERE.parents[2]) + (os.pathsep + known if known else "")
    fixed = {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "MPLBACKEND": "Agg", "PYTHONUTF8": "1"}
    threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
    return threads | dict(os.environ) | fixed


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process, and whatever it has started."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()


def _late(stage: str, seconds: float) -> str:
    if stage == "solving":
        return (
            f"your function did not come to an end within {seconds:g} seconds. The problems are small (40 "
            "steps at most), so that it probably loops for ever; --seconds gives it more time"
        )
    return (
        f"importing it took longer than {seconds:g} seconds. It probably trains, plots or waits when it is "
        "imported; put that under\n  if __name__ == '__main__':\nor give it more time with --seconds"
    )


class Printed(threading.Thread):
    """Reads all that a process prints, so that it never waits, and keeps the beginning."""

    def __init__(self, pipe: IO[bytes] | None) -> None:
        super().__init__(daemon=True)
        self.pipe, self.kept, self.lines, self.end = pipe, b"", 0, b"\n"
        self.start()

    def run(self) -> None:
        """Read until the process ends."""
        assert self.pipe is not None
        with self.pipe as pipe:
            while part := os.read(pipe.fileno(), 65_536):
                self.kept += part[: KEPT - len(self.kept)]
                self.lines += part.count(b"\n")
                self.end = part[-1:]

    def remark(self) -> str:
        """Say how much there was, and how it begins."""
        if not self.kept.strip():
            return ""
        first = self.kept.decode("utf-8", "replace").strip().splitlines()[:3]
        lines = "\n".join(f"  | {line[:100]}" for line in first)
        count = self.lines + (self.end != b"\n")  # the last line may have no end
        said = "1 line, which begins" if count == 1 else f"{count:,} lines, which begin"
        return f"\n\nYour file printed {said} so:\n{lines}"
