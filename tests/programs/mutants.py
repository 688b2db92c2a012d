"""`python -m tests.programs.mutants`: change a sign, a number or a word at a time; see what nobody notices.

mutmut makes the changes and runs the tests that reach them (`pip install mutmut`). What is left
unnoticed, the survivors, is kept in `tests/support/survivors.json`. `docs/parity.md` explains them, and
`tests/test_survivors.py` asks whether their lines are still there: what has changed is to be tried again.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "tests" / "support" / "survivors.json"

NETWORK = (
    "mistakes.py::test_our_source_passes", "bptt.py", "model.py", "parameters.py", "adam.py", "losses.py",
    "integers.py", "options_network.py", "misuses.py", "reprs.py",
    "properties.py::test_nothing_is_left_out_of_a_product_with_a_single_zero",
)  # fmt: skip
TRAINING = ("training.py", "stopped.py", "options_training.py", "side_effects.py", "reprs.py", "misuses.py")
SERIES = (
    "series.py", "forecasting.py", "file.py", "splg.py", "options_training.py", "data_at_size.py",
    "misuses.py",
)  # fmt: skip
BOUNDS = (
    "recorded.py", "balls.py", "chain.py", "bounds.py", "adam_bounds.py", "step_bounds.py",
    "cross_entropy.py", "activation_bounds.py", "verdicts.py::test_distances_are_in_bounds",
)  # fmt: skip
NOTEBOOK = ("notebook.py", "options_notebook.py", "shown.py", "misuses.py")
CHECKER = ("learner_said.py", "learner.py", "options_checker.py")
COMMANDS = ("parsers.py", "command_lines.py", "options_commands.py", "shown.py")
JUDGE = ("verdicts.py", "parity.py", "shown.py", "reprs.py", "report.py", "misuses.py", "side_effects.py")

TESTS = {
    **dict.fromkeys(
        (
            "elman_np/arrays.py", "elman_np/parameters.py", "elman_np/cell.py", "elman_np/recurrence.py",
            "elman_np/bptt.py", "elman_np/adam.py", "elman_np/model.py",
        ),
        NETWORK,
    ),
    "elman_np/losses.py": ("losses.py", "series.py", "options_network.py", "misuses.py"),
    "elman_np/training.py": TRAINING,
    "elman_np/saved.py": ("saved.py", "saved_hostile.py", "options_training.py", "misuses.py"),
    "elman_np/forecasting.py": SERIES,
    "elman_np/data/conversion.py": SERIES,
    "elman_np/data/series.py": SERIES,
    "elman_np/data/file.py": SERIES,
    "elman_np/data/days.py": SERIES,
    **dict.fromkeys(
        (
            "elman_np/data/splg.py", "elman_np/data/bars.py", "elman_np/data/kept.py",
            "elman_np/data/trading_days.py", "elman_np/data/yahoo.py",
        ),
        ("splg.py", "yahoo.py", "yahoo_answers.py", "yahoo_cache.py", "misuses.py"),
    ),
    **dict.fromkeys(
        (
            "elman_np/checking/balls.py", "elman_np/checking/bounds.py", "elman_np/checking/chains.py",
            "elman_np/checking/adam_bounds.py", "elman_np/checking/step_bounds.py",
            "elman_np/checking/cross_entropy.py",
        ),
        BOUNDS,
    ),
    "elman_np/checking/comparison.py": ("verdicts.py", "reprs.py"),
    "elman_np/checking/one_step.py": (*JUDGE, "step_bounds.py"),
    "elman_np/checking/oracles.py": ("oracles.py", "options_checker.py"),
    "elman_np/checking/problems.py": ("problems.py",),
    "elman_np/commands.py": (*COMMANDS, "file.py"),
    "elman_np/__main__.py": (*COMMANDS, "file.py", "yahoo_cache.py", "misuses.py"),
    "elman_torch/__main__.py": ("verdicts.py", "report.py", *COMMANDS, "file.py"),
    "elman_np/files.py": ("saved.py", "saved_hostile.py", "yahoo_cache.py"),
    "elman_np/checking/learner/answers.py": (
        "learner_naming.py", "learner_calling.py", "learner_said.py", "recorded.py",
    ),
    "elman_np/checking/learner/axes.py": ("learner_axes.py", "learner_said.py"),
    "elman_np/checking/learner/calling.py": ("learner_calling.py", "learner_said.py"),
    "elman_np/checking/learner/exercises.py": ("exercises.py",),
    "elman_np/checking/learner/judging.py": ("learner_judging.py", "learner_said.py"),
    "elman_np/checking/learner/losses.py": CHECKER,
    "elman_np/checking/learner/naming.py": ("learner_naming.py", "learner_said.py"),
    "elman_np/checking/learner/narrowing.py": ("learner_narrowing.py", "learner_said.py"),
    "elman_np/checking/learner/optimiser.py": ("learner_adam.py", "learner_said.py"),
    "elman_np/checking/learner/posing.py": (
        "learner_posing.py", "learner_narrowing.py::test_these_numbers_of_steps_are_tried",
        "options_checker.py",
    ),
    "elman_np/checking/learner/remarks.py": ("learner_remarks.py", "learner_said.py"),
    "elman_np/checking/learner/report.py": ("learner_report.py", "learner_said.py"),
    "elman_np/checking/learner/running.py": ("learner_running.py", "parsers.py"),
    "elman_np/checking/learner/style.py": ("learner_report.py", "options_checker.py"),
    "elman_np/notebook/command.py": ("parsers.py", "shown.py", "notebook.py", "options_commands.py"),
    "elman_np/notebook/run.py": NOTEBOOK,
    "elman_np/notebook/starts.py": NOTEBOOK,
    "elman_np/notebook/fates.py": NOTEBOOK,
    "elman_torch/model.py": (
        "model.py", "options_network.py", "network_machine.py", "misuses.py", "side_effects.py", "parity.py",
    ),
    "elman_torch/notebook.py": ("parsers.py", *NOTEBOOK, "options_commands.py"),
    "elman_torch/parity.py": JUDGE,
    "elman_torch/report.py": JUDGE,
    "elman_torch/saved.py": ("saved.py", "saved_hostile.py", "options_training.py", "misuses.py"),
    "elman_torch/training.py": (
        *TRAINING, "adam_machine.py", "defaults.py",
        "options_network.py::test_each_form_of_pytorchs_adam_is_asked_for",
    ),
}  # fmt: skip
"""The files with logic, and the tests chosen for each.

Texts, pictures and the catalogue are left out, and what mutmut does not reach: `learner/child.py`, which runs
in another process, and `progress.py`, whose one function has a decorator.
"""
LOADS_PRICES = {
    "series.py", "forecasting.py", "file.py", "options_notebook.py", "data_at_size.py", "side_effects.py",
    "splg.py", "yahoo.py", "yahoo_answers.py", "yahoo_cache.py",
}  # fmt: skip
"""When it is collected, by Polars."""
NOTICED = ("killed", "check was interrupted by user")
"""A test failed, or could not even be collected."""
DESELECTED = (
    # With mutmut, whoever is called is called by mutmut.
    "yahoo_cache.py::test_a_warning_comes_each_time_from_the_callers_line_unless_it_is_not_wanted",
    # Another process knows nothing of mutmut, which its mutants ask.
    "command_lines.py::test_a_reader_that_is_gone_ends_a_command_quietly",
    "command_lines.py::test_a_full_disk_is_a_line_and_no_verdict",
    "exercises.py::test_the_command_and_the_page_say_the_same",
    "command_lines.py::test_importing_numpys_backend_loads_nothing_heavy",
    "command_lines.py::test_what_is_missing_is_said_in_one_line",
)
PRELOADED = ("numpy", "polars", "torch")
"""Not hypothesis, whose assertions pytest rewrites."""


def settings(file: str) -> str:
    """Return mutmut's part of `pyproject.toml` for one file.

    A mutant is tried in a fork of a process that has collected the tests. Where collecting them makes Polars
    start its threads, which a fork would wait for in vain, it has imported the libraries and no more.
    """
    warmup = "import" if {*TESTS[file]} & LOADS_PRICES else "collect"
    tests = [f"tests/test_{name}" for name in TESTS[file]]
    words = ["-p", "no:cacheprovider", "-x", *(f"--deselect=tests/test_{name}" for name in DESELECTED)]
    return (
        f'\n[tool.mutmut]\nsource_paths = ["{file.partition("/")[0]}"]\nonly_mutate = ["{file}"]\n'
        'also_copy = ["elman_np", "elman_torch", "docs", "README.md", "LICENSE"]\n'
        f'process_isolation = "forkserver"\nforkserver_warmup = "{warmup}"\n'
        'preload_modules_file = "preloaded.txt"\n'
        f"pytest_add_cli_args = {json.dumps(words)}\n"
        f"pytest_add_cli_args_test_selection = {json.dumps(tests)}\n"
    )


def try_file(file: str) -> dict[str, Any]:
    """Run mutmut on one file, in a copy of what is under version control."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    with tempfile.TemporaryDirectory() as folder:
        for name in tracked.splitlines():
            place = Path(folder, name)
            place.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / name).exists():
                shutil.copy(ROOT / name, place)
        with Path(folder, "pyproject.toml").open("a") as project:
            project.write(settings(file))
        Path(folder, "preloaded.txt").write_text("\n".join(PRELOADED))
        threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
        environment = os.environ | threads | {"HYPOTHESIS_PROFILE": "kill", "PYTHONPATH": ""}

        def mutmut(*words: str) -> str:
            command = [sys.executable, "-m", "mutmut", *words]
            done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
            if done.returncode:
                said = re.sub(r"[^\n]*(Running stats|Generating mutants)\s*", "", done.stdout)
                raise SystemExit(
                    f"{file}: mutmut {' '.join(words)} failed\n{said[-3000:]}\n{done.stderr[-3000:]}"
                )
            return done.stdout

        begin = time.perf_counter()
        mutmut("run", "--max-children", "1")
        seconds = time.perf_counter() - begin
        fates = re.findall(r"^\s+(\S+): (.+)$", mutmut("results", "--all", "true"), re.MULTILINE)
        left = [name for name, fate in fates if fate not in NOTICED]
        changes = [re.findall(r"^[-+](?![-+]{2}).*$", mutmut("show", name), re.MULTILINE) for name in left]
    return {"mutants": len(fates), "seconds": round(seconds), "survivors": changes}


def main(arguments: Sequence[str] | None = None) -> int:
    """Try the files that are named, or all of them, and keep what survives."""
    line = argparse.ArgumentParser(prog="python -m tests.programs.mutants")
    line.add_argument("files", nargs="*", help="which files; all if left out")
    for file in line.parse_args(arguments).files or TESTS:
        found = try_file(file)
        kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
        text = json.dumps(dict(sorted({**kept, file: found}.items())), indent=1, ensure_ascii=False)
        KEPT.write_text(text + "\n")
        left = len(found["survivors"])
        print(f"{file}: {found['mutants']} mutants, {left} not noticed, {found['seconds']} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
