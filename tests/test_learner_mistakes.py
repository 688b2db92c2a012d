"""Every mistake of the catalogue that a learner can make, written into a program not ours, is named."""

from pathlib import Path

import pytest

from elman_np.checking.learner import check
from elman_np.checking.learner.naming import CANDIDATES
from elman_np.checking.mistakes import ADAM, NETWORK
from tests.programs.kill_table import reachable
from tests.programs.mistakes_page import FORMULAS, missed, words
from tests.support.learner_mistakes import IN_REFERENCE, NOT_IN_REFERENCE

REFERENCE = (Path(__file__).parent / "support" / "learners" / "reference.txt").read_text(encoding="utf-8")
GIVEN = {"dh_n": "given", "activation": "both"}
LOSS = {"activation": "both", "loss": "mean of squares"}
LOSSY = (
    "state carried in float32",
    "recurrent gradient in float32",
    "tanh by exponentials",
    "tanh by way of a sigmoid",
)
QUICK = ("dw_h with the next state",)
every = pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        pytest.param(
            name,
            old,
            new,
            LOSS if "2 * r" in old or "r * r" in old or "y - target" in old else GIVEN,
            id=name,
            marks=[] if name in QUICK else pytest.mark.slow,
        )
        for name, old, new in IN_REFERENCE
    ],
)


def solve_of(text):
    namespace = {}
    exec(compile(text, "reference.py", "exec"), namespace)
    return namespace["solve"]


@pytest.mark.parametrize("words", [GIVEN, LOSS], ids=["given", "loss"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_reference_is_right(words, dtype):
    assert check(solve_of(REFERENCE), **words, dtype=dtype).verdict == "right"


@every
def test_the_mistake_is_named_and_no_other(name, old, new, words):
    assert REFERENCE.count(old) == 1
    report = check(solve_of(REFERENCE.replace(old, new)), **words)
    if name in LOSSY:
        assert report.verdict == "right, with remarks"
        assert f"it loses digits ({name})" in str(report)
    else:
        assert (report.verdict, report.names) == ("wrong", [name])


@pytest.mark.slow
@pytest.mark.parametrize(
    "pair",
    [
        ("w_h transposed on the way back", "dw_h transposed"),
        ("derivative 1 - h", "db_h from dh"),
        ("= for += over the steps", "recurrent term left out"),
        ("dw_x with the input before", "gradient of h_0 left zero"),
        ("output bias left out", "dw_h with the next state"),
    ],
    ids=" and ".join,
)
def test_two_mistakes_at_once_are_both_named(pair):
    changes = {name: (old, new) for name, old, new in IN_REFERENCE}
    text = REFERENCE
    for name in pair:
        text = text.replace(*changes[name])
    report = check(solve_of(text), **GIVEN)
    assert sorted(report.names) == sorted(pair)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "tensor"),
    [
        ("dbh += da", "dbh = da", "db_h"),
        ("dwh += np.outer(da, before)", "dwh = np.outer(da, before)", "dw_h"),
    ],
)
def test_a_sum_that_is_wrong_in_one_line_alone(old, new, tensor):
    report = check(solve_of(REFERENCE.replace(old, new)), **GIVEN)
    assert report.names == ["= for += over the steps"]
    assert f"this mistake in {tensor}" in str(report)


@pytest.mark.slow
def test_one_of_two_mistakes_is_unknown():
    """The known one is named where its tensors are its own; of the other it is said where it is."""
    changes = {name: (old, new) for name, old, new in IN_REFERENCE}
    text = REFERENCE.replace(*changes["dw_h transposed"]).replace("dby += dy[t]", "dby += dy[t] ** 3")
    report = check(solve_of(text), **GIVEN)
    assert report.names == ["dw_h transposed"]
    assert "this mistake in dw_h" in str(report)


def test_no_mistake_is_forgotten():
    """What is not written into the reference is listed with the reason."""
    known = {mistake.name.removeprefix("cell: ") for mistake in CANDIDATES}
    written = {name for name, _, _ in IN_REFERENCE}
    assert known - written == set(NOT_IN_REFERENCE)


ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "mistakes.md").read_text(encoding="utf-8")


def on_the_page():
    known = {mistake.name: mistake for mistake in (*NETWORK, *ADAM)}
    return [(known[name], pair) for topic in FORMULAS.values() for name, pair in topic.items()]


def test_the_page_has_every_mistake_that_can_be_named():
    listed = {mistake.name for mistake, _ in on_the_page()}
    assert {mistake.name for mistake in CANDIDATES} - listed == {
        *(f"cell: {name}" for name in CELL_FORMS),
        *NOT_ON_THE_PAGE,
    }


CELL_FORMS = (
    "w_h not transposed",
    "always tanh",
    "recurrent term left out",
    "slope of the state before",
    "derivative 1 - h",
    "relu passes everything",
    "dw_h with the state after the step",
    "dw_y with the state before",
    "mean for sum in db_y",
)
"""A step's forms of mistakes that the page has for the sequence."""
NOT_ON_THE_PAGE = (
    "loss overwrites the outputs",
    "inputs in the order of memory",
    "state carried in float16 in float32 networks",
    "gradients laid in another order",
    "views in another order",
)
"""Mistakes of packages, not of formulas."""


@pytest.mark.parametrize(("mistake", "pair"), on_the_page(), ids=lambda value: getattr(value, "name", ""))
def test_the_page_has_its_words_and_its_link(mistake, pair):
    assert words(mistake, pair) in PAGE


@pytest.mark.slow
@pytest.mark.parametrize(("mistake", "pair"), on_the_page(), ids=lambda value: getattr(value, "name", ""))
def test_the_page_says_which_checks_miss_it(mistake, pair):
    """In float64, where no verdict hangs on how a library rounds."""
    if reachable(mistake):
        assert f"{words(mistake, pair)}\n  Missed by: {missed(mistake)}." in PAGE
