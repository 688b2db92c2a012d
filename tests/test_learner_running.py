"""A learner's file in a process of its own: whatever it does, there is an answer; nothing is changed."""

import re
import sys
from pathlib import Path

import pytest

import elman_np.__main__
from elman_np.checking.learner.child import judge_file
from elman_np.checking.learner.running import STARTS, run_file

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
