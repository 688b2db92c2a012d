"""A learner's file in a process of its own: whatever it does, there is an answer; nothing is changed."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import elman_np as en
import elman_np.__main__
from elman_np.checking.learner import child, running
from elman_np.checking.learner.child import judge_file
from elman_np.checking.learner.report import Report
from elman_np.checking.learner.running import STARTS, Outcome, run_file
from tests.support.observed import observes

SOLVE = """
def solve(p):
    return {"db_y": p.dy.sum((0, 1))}
"""


def outcome(tmp_path, text, seconds=60.0):
    file = tmp_path / "mine.py"
    file.write_text(text, encoding="utf-8")
    found = run_file(file, seconds)
    assert [f.name for f in tmp_path.iterdir()] == ["mine.py"]
    assert file.read_text(encoding="utf-8") == text
    return found


WORST = ["right", "undecided", "wrong", "could not run", "not yet"]
"""Of two verdicts the later here is the file's."""


@pytest.mark.parametrize("second", WORST)
@pytest.mark.parametrize("first", WORST)
def test_a_file_is_as_bad_as_the_worse_of_its_two_functions(first, second, monkeypatch, tmp_path):
    result = tmp_path / "result.json"
    reports = [Report(subject=f"mine.py, {n}", verdict=n) for n in (first, second)]
    ended = []
    monkeypatch.setattr(child, "judge_file", lambda path, stage: stage("solving") or reports)
    monkeypatch.setattr(os, "_exit", ended.append)
    monkeypatch.setattr(sys, "argv", ["child", "mine.py", str(result)])
    child.main()
    told = json.loads(result.read_text(encoding="utf-8"))
    worse = max(first, second, key=WORST.index)
    expected = {"right": 0, "wrong": 1, "could not run": 2, "undecided": 3, "not yet": 4}[worse]
    assert told == {"stage": "done", "text": f"{reports[0]}\n\n\n{reports[1]}", "status": expected}
    assert ended == [0]
    assert sys.argv == ["mine.py"]


def test_the_process_finds_this_package_and_leaves_nothing_behind(monkeypatch):
    """What the learner has set for threads stays; their PYTHONPATH comes after ours."""
    here = str(Path(en.__file__).parents[1])
    monkeypatch.setattr(os, "environ", {"PYTHONPATH": "theirs", "OMP_NUM_THREADS": "3", "X": "y"})
    fixed = {"PYTHONDONTWRITEBYTECODE": "1", "MPLBACKEND": "Agg", "PYTHONUTF8": "1", "X": "y"}
    threads = {"OMP_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    assert running._environment() == fixed | threads | {"PYTHONPATH": f"{here}{os.pathsep}theirs"}
    monkeypatch.setattr(os, "environ", {})
    assert running._environment()["PYTHONPATH"] == here


def test_a_neighbour_goes_before_a_module_of_python_with_the_same_name(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "this", raising=False)
    (tmp_path / "this.py").write_text("MINE = 3\n", encoding="utf-8")
    (tmp_path / "my_own_file.py").write_text("from this import MINE\n", encoding="utf-8")
    try:
        assert child.load(tmp_path / "my_own_file.py").MINE == 3
    finally:
        for name in ("this", "my_own_file"):
            sys.modules.pop(name, None)


def test_whoever_reads_what_is_printed_keeps_no_process_alive():
    reader, writer = os.pipe()
    printed = running.Printed(os.fdopen(reader, "rb"))
    assert printed.daemon
    os.close(writer)
    printed.join(timeout=60)


def test_a_right_file_that_prints_a_lot(tmp_path):
    found = outcome(tmp_path, "for i in range(1000):\n    print('epoch', i)\n" + SOLVE)
    assert found.status == 0
    assert "printed 1,000 lines, which begin so:\n  | epoch 0\n  | epoch 1" in found.text
    assert "epoch 10" not in found.text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("input('name? ')\n" + SOLVE, r"mine.py, line 1: input.*EOFError.*__main__"),
        ("open('data.txt')\n" + SOLVE, "FileNotFoundError.*empty folder"),
        ("import os\ndef solve(p):\n    os._exit(7)\n", "its process ended by itself while solving"),
        ("def solve(p):\n    raise SystemExit\n", "it ends the process"),
        ("def f(n):\n    return f(n + 1)\ndef solve(p):\n    return f(0)\n", "RecursionError"),
    ],
)
def test_processes_that_end_badly(text, message, tmp_path):
    found = outcome(tmp_path, text)
    assert found.status == 2
    assert re.search(message, found.text, re.DOTALL), found.text
    assert len(found.text.splitlines()) < 20


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def solve(p:\n", r"mine.py is not Python: line 1: def solve\(p:"),
        ("import sys\nsys.exit(0)\n", "ends the process when it is imported"),
        ("def forward(x):\n    return x\n", r"looked for a function solve\(p\).*there is forward"),
        ("x = 1\n", "there is no function"),
        ("STYLE = 3\n" + SOLVE, "STYLE: expected a dict, got 3"),
    ],
)
def test_files_that_cannot_be_judged(text, message, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    file = tmp_path / "mine.py"
    file.write_text(text, encoding="utf-8")
    (report,) = judge_file(file, lambda stage: None)
    sys.modules.pop("mine", None)
    assert report.status == 2
    assert re.search(message, str(report), re.DOTALL), str(report)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("while True:\n    print('training')\n" + SOLVE, "importing it took longer than 3 seconds"),
        ("def solve(p):\n    while True:\n        pass\n", "did not come to an end within 3 seconds"),
    ],
)
def test_endless_loops_end(text, message, tmp_path):
    found = outcome(tmp_path, text, seconds=3)
    assert found.status == 2
    assert message in found.text


def test_a_file_may_import_its_neighbours_and_hold_both(tmp_path):
    (tmp_path / "neighbour.py").write_text("def total(z):\n    return z.sum((0, 1))\n")
    file = tmp_path / "both.py"
    start = STARTS["adam"].read_text(encoding="utf-8")
    file.write_text(
        start + "\nfrom neighbour import total\ndef solve(p):\n    return {'db_y': total(p.dy)}\n"
    )
    found = run_file(file)
    assert found.status == 0
    assert "both.py, solve: right" in found.text
    assert "both.py, updates: right" in found.text
    assert {f.name for f in tmp_path.iterdir()} == {"neighbour.py", "both.py"}


def test_the_command(capsys):
    assert elman_np.__main__.main(["check", "--new", "cell"]) == 0
    assert capsys.readouterr().out == STARTS["cell"].read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_command_says_what_is_wrong(capsys, tmp_path):
    file = Path(tmp_path, "mine.py")
    file.write_text(SOLVE.replace("sum", "mean"))
    assert elman_np.__main__.main(["check", str(file)]) == 1
    assert "mean for sum in db_y" in capsys.readouterr().out


@pytest.mark.slow
def test_a_function_that_waits_for_ever_is_ended(tmp_path):
    found = outcome(tmp_path, "import time\ndef solve(p):\n    time.sleep(600)\n", seconds=2)
    assert found.status == 2
    assert re.search("longer than 2 seconds|within 2 seconds", found.text)


# ---------------------------------------------------------------- how the process is started and ended


class Process:
    """Stands for the process: prints, keeps a result, and ends or does not."""

    pid = -1

    def __init__(self, printed=b"", result=None, late=False):
        self.printed, self.result, self.late, self.waited, self.words = printed, result, late, None, None

    def __call__(self, words, **options):
        """Be started."""
        self.words, self.options = words, options
        self.found = list(Path(options["cwd"]).iterdir())
        reader, writer = os.pipe()
        os.write(writer, self.printed)
        os.close(writer)
        self.stdout = os.fdopen(reader, "rb")
        if self.result is not None:
            Path(words[-1]).write_text(json.dumps(self.result), encoding="utf-8")
        return self

    def wait(self, timeout=None):
        """Be waited for."""
        self.waited = timeout
        if self.late:
            raise subprocess.TimeoutExpired(self.words, timeout)


@pytest.fixture
def started(monkeypatch, tmp_path):
    """Run a file in a process that is none, and tell what came of it."""
    file = tmp_path / "mine.py"
    file.write_text("x = 1\n", encoding="utf-8")

    def start(process, seconds=2.5):
        ended = []
        monkeypatch.setattr(running.subprocess, "Popen", process)
        monkeypatch.setattr(running, "_end", ended.append)
        found = run_file(file, seconds)
        assert ended == [process]
        assert process.waited == seconds
        return found

    return start


def test_the_process_has_an_empty_folder_no_input_one_thread_and_a_session_of_its_own(
    started, tmp_path, monkeypatch
):
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    monkeypatch.setenv("MPLBACKEND", "TkAgg")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    process = Process(result={"stage": "done", "status": 0, "text": "right"})
    assert started(process) == Outcome("right", 0)
    assert process.words[:3] == [sys.executable, "-m", "elman_np.checking.learner.child"]
    assert process.words[3] == str((tmp_path / "mine.py").resolve())
    assert process.found == []
    options = process.options
    assert Path(process.words[4]).parent == Path(options["cwd"]).parent
    assert not Path(options["cwd"]).exists()  # afterwards
    assert (options["stdin"], options["stdout"]) == (subprocess.DEVNULL, subprocess.PIPE)
    assert (options["stderr"], options["start_new_session"]) == (subprocess.STDOUT, True)
    env = options["env"]
    package = str(Path(en.__file__).parents[1])
    assert env["PYTHONPATH"] == os.pathsep.join([package, "elsewhere"])
    assert (env["MPLBACKEND"], env["PYTHONUTF8"], env["PYTHONDONTWRITEBYTECODE"]) == ("Agg", "1", "1")
    assert (env["OMP_NUM_THREADS"], env["MKL_NUM_THREADS"]) == ("3", "1")
    assert os.environ.keys() <= env.keys()
    monkeypatch.delenv("PYTHONPATH")
    started(process)
    assert process.options["env"]["PYTHONPATH"] == package


@pytest.mark.parametrize("status", [0, 1, 3, 4])
def test_its_status_and_its_text_are_those_of_the_report(started, status):
    process = Process(b"a\nb\n", {"stage": "done", "status": status, "text": "mine.py: a verdict"})
    said = "mine.py: a verdict\n\nYour file printed 2 lines, which begin so:\n  | a\n  | b"
    assert started(process) == Outcome(said, status)


@pytest.mark.parametrize(
    ("result", "late", "said"),
    [
        (None, False, "its process ended by itself while starting"),
        ({"stage": "importing"}, False, "its process ended by itself while importing"),
        ({"stage": "solving"}, False, "its process ended by itself while solving"),
        ({"stage": "done", "status": "0", "text": ""}, False, "its process ended by itself while done"),
        (
            {"stage": "solving"}, True,
            "your function did not come to an end within 2.5 seconds. The problems are small (40 steps at "
            "most), so that it probably loops for ever; --seconds gives it more time",
        ),
        (
            {"stage": "importing"}, True,
            "importing it took longer than 2.5 seconds. It probably trains, plots or waits when it is "
            "imported; put that under\n  if __name__ == '__main__':\nor give it more time with --seconds",
        ),
    ],
)  # fmt: skip
def test_a_process_without_a_verdict_is_told_by_how_far_it_came(started, result, late, said):
    assert started(Process(result=result, late=late)) == Outcome(f"mine.py: could not run\n\n{said}", 2)
    shown = f"mine.py: could not run\n\n{said}\n\nYour file printed 1 line, which begins so:\n  | no end"
    assert started(Process(b"no end", result=result, late=late)) == Outcome(shown, 2)


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        (b"", ""),
        (b" \n\n", ""),
        (b"one\n", "1 line, which begins so:\n  | one"),
        (b"1\n2\n3\n4\n", "4 lines, which begin so:\n  | 1\n  | 2\n  | 3"),
        (b"x" * 300 + b"\n", f"1 line, which begins so:\n  | {'x' * 100}"),
        (b"\n" * 30_000 + b"end\n", ""),  # nothing in what is kept
        (b"a\n" * 12_345, "12,345 lines, which begin so:\n  | a\n  | a\n  | a"),
        (b"one\ntwo", "2 lines, which begin so:\n  | one\n  | two"),
        (b"\n\n\none\n  two\n", "5 lines, which begin so:\n  | one\n  |   two"),
        (b"\xff\n", "1 line, which begins so:\n  | \ufffd"),
    ],
)
def test_the_beginning_of_what_it_prints_is_shown(started, printed, said):
    process = Process(printed, {"stage": "done", "status": 0, "text": "right"})
    assert started(process).text == "right" + (f"\n\nYour file printed {said}" if said else "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected a file, or --new with a style"),
        (["FILE", "--new", "cell"], "expected a file, or --new with a style"),
        (["no.py"], "file: there is no such file, 'no.py'"),
        (["FILE", "--new", "nothing"], "argument --new: invalid choice: 'nothing'"),
        (["FILE", "--seconds", "0"], "argument --seconds: "),
        (["FILE", "--second", "x"], "argument --seconds: "),
    ],
)
def test_a_command_line_that_makes_no_sense_is_refused(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("FILE").touch()
    with pytest.raises(SystemExit) as ended:
        running.parse(arguments)
    assert ended.value.code == 2
    assert f"python -m elman_np check: error: {message}" in capsys.readouterr().err


@observes("python -m elman_np check", "file new seconds")
def test_a_file_is_given_the_time_that_is_asked_for(capsys, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(running, "run_file", lambda *arguments: asked.append(arguments) or Outcome("said", 3))
    file = tmp_path / "mine.py"
    file.touch()
    assert [running.main([str(file)]), running.main([str(file), "--seconds", "0.5"])] == [3, 3]
    assert asked == [(file, 60.0), (file, 0.5)]
    assert capsys.readouterr().out == "said\nsaid\n"
    for style, start in STARTS.items():
        assert running.main(["--new", style]) == 0
        assert capsys.readouterr().out == start.read_text("utf-8")
