"""The suite must be able to fail: every planted mistake is noticed, and no harmless rewrite is."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import elman_np as en
from elman_np.checking.mistakes import ADAM, HARMLESS, NETWORK, REFEREES, Change, plant
from tests.programs.kill_table import TABLES, matrix
from tests.support.judge import DTYPES, complaints_about_adam, complaints_about_network

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "docs" / "_ext"))
from source_marks import read_marks

MISTAKES = [(mistake, complaints_about_network) for mistake in NETWORK]
MISTAKES += [(mistake, complaints_about_adam) for mistake in ADAM]
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)


def first_complaint(judge, package, dtype):
    """What is said first of a package; an exception is a complaint too."""
    with np.errstate(all="ignore"):
        try:
            return next(judge(package, dtype), None)
        except Exception as error:
            return f"{type(error).__name__}: {error}"


@pytest.mark.parametrize(("mistake", "judge"), MISTAKES, ids=[mistake.name for mistake, _ in MISTAKES])
def test_every_mistake_is_noticed(mistake, judge):
    """In float64, and in float32 where it is said to be hidden in one of the two; the rest is slow."""
    dtypes = DTYPES if mistake.hidden_in_float32 or mistake.hidden_in_float64 else DTYPES[:1]
    assert_noticed_in(dtypes, mistake, judge)


@pytest.mark.slow
@pytest.mark.parametrize(("mistake", "judge"), MISTAKES, ids=[mistake.name for mistake, _ in MISTAKES])
def test_every_mistake_is_noticed_in_float32(mistake, judge):
    assert_noticed_in(DTYPES[1:], mistake, judge)


def assert_noticed_in(dtypes, mistake, judge):
    package = plant(mistake)
    hidden = {DTYPES[0]: mistake.hidden_in_float64, DTYPES[1]: mistake.hidden_in_float32}
    for dtype in dtypes:
        assert (first_complaint(judge, package, dtype) is not None) == (not hidden[dtype])


@dtypes
@pytest.mark.parametrize("judge", [complaints_about_network, complaints_about_adam])
def test_our_source_passes(judge, dtype):
    assert list(judge(en, dtype)) == []


@pytest.mark.parametrize("dtype", [DTYPES[0], pytest.param(DTYPES[1], marks=pytest.mark.slow)], ids=str)
@pytest.mark.parametrize("judge", [complaints_about_network, complaints_about_adam])
@pytest.mark.parametrize("change", HARMLESS, ids=lambda change: change.name)
def test_harmless_rewrites_pass(change, judge, dtype):
    assert list(judge(plant(change), dtype)) == []


def test_a_mistake_whose_text_is_gone_is_an_error_that_names_it():
    for text, times in (("no such text", "0"), ("import", r"[1-9]\d*")):
        stale = Change("a stale mistake", "", "losses.py", text, "")
        with pytest.raises(LookupError, match=f"a stale mistake: its old text occurs {times} times"):
            plant(stale)


def test_planting_leaves_the_real_modules_alone():
    before = dict(sys.modules)
    package = plant(NETWORK[0])
    assert sys.modules == before
    assert package.ElmanRNN is not en.ElmanRNN
    assert en.ElmanRNN is before["elman_np.model"].ElmanRNN


def test_names_are_unique_and_the_lists_long_enough():
    names = [change.name for change in NETWORK + ADAM + HARMLESS + REFEREES]
    assert len(set(names)) == len(names)
    assert len(NETWORK) >= 40
    assert len(ADAM) >= 20
    assert len(HARMLESS) >= 3


def equations():
    """Of every equation and file one mistake, and the tests that carry the equation's mark."""
    marks = read_marks(ROOT)
    every = NETWORK + ADAM + REFEREES
    chosen = {(mistake.equation, mistake.file): mistake for mistake in every if mistake.equation}
    return [
        pytest.param(mistake, in_order(marks.tests[equation], file), id=f"{equation} in {file}")
        for (equation, file), mistake in sorted(chosen.items())
    ]


def in_order(tests, file):
    """Those first that find most within their first examples."""
    best = "test_properties" if file == "cell.py" else "test_parity"
    return sorted({f"{test.path}::{test.name}" for test in tests}, key=lambda test: (best not in test, test))


def test_every_marked_place_has_a_mistake():
    places = {
        (n, place.path.removeprefix("elman_np/"))
        for n, found in read_marks(ROOT).places.items()
        for place in found
    }
    assert {(case.values[0].equation, case.values[0].file) for case in equations()} == places


FORKS = """
import os, sys
import numpy, torch._dynamo  # what takes long to import, and is not ours
for words in sys.stdin:
    if not (child := os.fork()):
        os.dup2(os.open("said.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
        os.dup2(1, 2)
        import pytest
        status = pytest.main(words.split())
        sys.stdout.flush()
        os._exit(status)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture(scope="module")
def run_tests(tmp_path_factory):
    """Run tests of a copy in forks of a process that knows nothing of ours: the status, and what was said."""
    copy = tmp_path_factory.mktemp("copy")
    for name in ("elman_np", "elman_torch", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    variables = os.environ | {
        "PYTHONPATH": f"{copy}{os.pathsep}{copy / 'tests'}",
        "PYTHONDONTWRITEBYTECODE": "",  # pytest rewrites each file of tests once
        "HYPOTHESIS_PROFILE": "kill",
    }
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
    with subprocess.Popen([sys.executable, "-c", FORKS], cwd=copy, env=variables, **pipes) as forks:

        def run(tests, mistake=None):
            if mistake:
                (copy / "elman_np" / mistake.file).write_text(mistake.text)
            print("-x -q -p no:cacheprovider", *tests, file=forks.stdin)
            status = int(forks.stdout.readline())
            if mistake:  # with its time, by which Python knows what it has compiled
                shutil.copy2(ROOT / "elman_np" / mistake.file, copy / "elman_np" / mistake.file)
            return status, (copy / "said.txt").read_text()[-6000:]

        yield run
        forks.stdin.close()


@pytest.mark.slow
@pytest.mark.parametrize(("mistake", "tests"), equations())
def test_the_tests_of_a_broken_equation_fail(mistake, tests, run_tests):
    """Whoever changes the lines of an equation, in any place, hears of it from the tests that cite it."""
    status, said = run_tests(tests, mistake)
    assert status == pytest.ExitCode.TESTS_FAILED, said


@pytest.mark.slow
def test_the_tests_of_all_equations_pass_on_our_source(run_tests):
    """Else it would prove nothing that they fail on a broken one."""
    status, said = run_tests(sorted({test for case in equations() for test in case.values[1]}))
    assert status == pytest.ExitCode.OK, said


@pytest.mark.slow
def test_the_page_shows_what_the_kill_table_finds():
    """In float64, where no number of a table hangs on how a library rounds."""
    page = (ROOT / "docs" / "parity.md").read_text(encoding="utf-8")
    for mistakes, checks in TABLES:
        assert matrix(mistakes, checks) in page
