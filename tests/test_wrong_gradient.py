"""The table of docs/wrong_gradient.md: each mistake that it names spoils just the gradients that it says."""

import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from elman_np.checking.learner.answers import CELL, package_tensors, right_balls
from elman_np.checking.learner.naming import CANDIDATES, distance, planted
from elman_np.checking.learner.posing import problems
from elman_np.checking.learner.style import Style

PAGE = (Path(__file__).parents[1] / "docs" / "wrong_gradient.md").read_text("utf-8")
ROW = re.compile(r"^\| (`d.*|all, .*?) \| (.*?) \| .*? \| (.*?) \|$", re.MULTILINE)
KNOWN = {mistake.name.removeprefix(CELL): mistake for mistake in reversed(CANDIDATES)}
GRADIENTS = ("dw_x", "dw_h", "db_h", "dw_y", "db_y", "dx", "dh_0")
AT_ONE_STEP = {"wrong": None, "right": set(), "only `dh_0` wrong": {"dh_0"}}


def rows():
    for wrong, at_one, names in ROW.findall(PAGE):
        for name in names.split("; "):
            yield pytest.param(wrong, at_one, name, id=name)


@cache
def posed(name):
    """A problem with the mean squared error on top, and what is right for it."""
    problem = next(p for p in problems(Style(loss="mean of squares")) if p.name == name)
    return problem, right_balls(problem)


def spoilt(name, problem):
    """The tensors that a mistake spoils."""
    mistake, (problem, right) = KNOWN[name], posed(problem)
    with np.errstate(all="ignore"):
        found = package_tensors(planted(mistake), problem, by_cell=mistake.name.startswith(CELL))
    return {n for n, z in found.items() if distance(right[n].mid.astype(z.dtype), z, right[n]) > 1}


def test_there_is_a_table():
    assert len(ROW.findall(PAGE)) == PAGE.count("\n| `d") + PAGE.count("\n| all, ") == 16
    names = [row.values[2] for row in rows()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("wrong", "at_one", "name"), list(rows()))
def test_a_mistake_spoils_what_its_row_says(wrong, at_one, name):
    at_seven, at_one_step = spoilt(name, "seven steps"), spoilt(name, "one step")
    stated = set(GRADIENTS if wrong.startswith("all") else re.findall(r"`(\w+)`", wrong))
    assert at_seven & set(GRADIENTS) == stated
    assert ("y" in at_seven) == ("outputs are wrong" in wrong)
    expected = stated if AT_ONE_STEP[at_one] is None else AT_ONE_STEP[at_one]
    assert at_one_step & set(GRADIENTS) == expected
