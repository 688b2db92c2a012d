"""What is said of a wrong tensor: of programs that are wrong where we say, and by what we say."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from elman_np.checking.balls import Ball, Unit
from elman_np.checking.learner import Style
from elman_np.checking.learner.narrowing import (
    _which_steps,
    counts,
    factor_phrase,
    narrow,
    relations,
    scale_of,
)
from elman_np.checking.learner.posing import longer_and_longer, problems
from elman_np.checking.learner.style import CannotRunError

UNIT = Unit.of(np.float64)
GIVEN = Style(dh_n="given")
POSED = (*range(1, 13), 16, 17, 20, 21, 24, 25, 32, 33, 40)
"""Numbers of steps that are tried."""
UNRELATED, ONES = (
    np.arange(6.0).reshape(2, 3) ** 2,
    Ball(np.ones((2, 3), UNIT.long), np.full((2, 3), 1e-9), UNIT),
)
"""A tensor that is in no relation to what is right, and what is right."""


def program(wrong, given=("dw_h", "dx")):
    """Return what runs a program that is wrong where `wrong(tensor, problem)` says so, and what is asked."""
    asked = []

    def run(problem):
        asked.append(problem)
        return SimpleNamespace(
            problem=problem, rows=dict.fromkeys(given), wrong={n for n in given if wrong(n, problem)},
            tensors=dict.fromkeys(given, UNRELATED), balls=dict.fromkeys(given, ONES),
        )  # fmt: skip

    return run, asked


def said(wrong, style=GIVEN, names=("dw_h", "dx")):
    """Return lines and limits."""
    run, _ = program(wrong, names)
    known = narrow(run, style, [run(problem) for problem in problems(style)], names)
    return known.lines(), known.limits


# ---------------------------------------------------------------- from which step on


def test_these_numbers_of_steps_are_tried():
    assert tuple(len(problem.x) for problem in longer_and_longer(GIVEN, "tanh")) == POSED
    few = Style(sizes={"T": (3, 20)})
    assert [len(problem.x) for problem in longer_and_longer(few, "relu")] == [
        n for n in POSED if 3 <= n <= 20
    ]
    assert {problem.activation for problem in longer_and_longer(few, "relu")} == {"relu"}


@pytest.mark.parametrize("first", [1, 2, 3, 5, 12, 13, 16, 22, 40, 41])
def test_the_step_from_which_on_a_tensor_is_wrong(first):
    lines, limits = said(lambda name, problem: name == "dx" or len(problem.x) >= first)
    wrong_at = next((n for n in POSED if n >= first), None)
    right_at = max((n for n in POSED if n < first), default=None)
    if wrong_at == 1:
        assert lines[0] == "dw_h, dx: wrong already at one step"
        assert limits == set()
    elif wrong_at is None:
        assert lines[0] == "dx: wrong already at one step"
        assert limits == set()
    else:
        many = "one step" if right_at == 1 else f"up to {right_at} steps"
        assert f"dw_h: right at {many}, wrong from {wrong_at} on" in lines
        assert "dx: wrong already at one step" in lines
        assert limits == {right_at}


def test_each_tensor_has_a_step_of_its_own_and_tensors_with_the_same_are_said_together():
    first = {"dw_x": 4, "dw_h": 7, "db_h": 4, "dx": 2}
    lines, limits = said(lambda name, problem: len(problem.x) >= first[name], names=tuple(first))
    assert {line for line in lines if "wrong from" in line} == {
        "dw_x, db_h: right at up to 3 steps, wrong from 4 on",
        "dw_h: right at up to 6 steps, wrong from 7 on",
        "dx: right at one step, wrong from 2 on",
    }
    assert limits == {3, 6, 1}


def test_a_tensor_that_is_right_again_later_was_wrong_from_the_first_time_on():
    lines, limits = said(lambda name, problem: (name == "dx" and len(problem.x) == 40) or len(problem.x) == 5)
    assert "dw_h, dx: right at up to 4 steps, wrong from 5 on" in lines
    assert limits == {4}


def test_what_a_program_cannot_be_asked_says_nothing():
    """It cannot do five steps; at six, dw_h is wrong."""
    run, _ = program(lambda name, problem: len(problem.x) >= 5)

    def some(problem):
        if len(problem.x) == 5:
            raise CannotRunError("five")
        return run(problem)

    attempts = [run(problem) for problem in problems(GIVEN)]
    known = narrow(some, GIVEN, attempts, [])
    assert known.lines() == []
    lines = narrow(some, GIVEN, attempts, ("dw_h", "dx")).lines()
    assert lines[0] == "dw_h, dx: right at up to 4 steps, wrong from 6 on"


def test_longer_problems_end_where_all_is_known_and_have_the_activation_under_which_it_is_wrong():
    style = Style(activation="both", dh_n="given")
    for spoilt in ("tanh", "relu", "none"):
        run, asked = program(lambda name, problem, spoilt=spoilt: problem.activation == spoilt)
        attempts = [run(problem) for problem in problems(style)]
        asked.clear()
        narrow(run, style, attempts, ("dw_h", "dx"))
        longer = [problem for problem in asked if problem.name.endswith(" steps")]
        assert len(longer) == (len(POSED) if spoilt == "none" else 1)
        assert {problem.activation for problem in longer} == {spoilt if spoilt != "none" else "tanh"}


# ---------------------------------------------------------------- where it is right


PROBES = {
    "right where h_0 is zero": lambda problem: not problem.h_0.any(),
    "right where nothing comes back from later steps": (
        lambda problem: problem.dy is not None and not (problem.dy[1:].any() or problem.dh_n.any())
    ),
    "right with one row, wrong with several": lambda problem: problem.x.shape[1] == 1,
}


@pytest.mark.parametrize("sentence", PROBES)
@pytest.mark.parametrize(
    ("words", "without"),
    [
        ({}, ()),
        ({"h_0": "zero"}, ("right where h_0 is zero",)),
        ({"loss": "mean of squares"}, ("right where nothing comes back from later steps",)),
        ({"output": "last step"}, ("right where nothing comes back from later steps",)),
        ({"sizes": {"T": 2}}, ()),
        ({"sizes": {"T": 1}}, ("right where nothing comes back from later steps",)),
        ({"sizes": {"B": 2}}, ("right with one row, wrong with several",)),
        ({"axes": "TF"}, ("right with one row, wrong with several",)),
    ],
    ids=str,
)
def test_where_a_tensor_is_right_is_said(sentence, words, without):
    """Of the first problem, posed once more: without its first state, its future, or its other rows."""
    style = Style(**{"dh_n": "given"} | words)
    base = problems(style)[2]

    def wrong(name, problem):
        return problem is base or (name == "dw_h" and not PROBES[sentence](problem))

    run, _ = program(wrong)
    lines = narrow(run, style, [run(base)], ("dw_h", "dx")).lines()
    found = {line.partition(": ")[2]: line.partition(": ")[0] for line in lines}
    posed = [n for n in PROBES if n not in without]
    as_posed = {n: set(who.split(", ")) for n, who in found.items() if n in PROBES}
    assert {n: "dx" in who for n, who in as_posed.items()} == dict.fromkeys(posed, True)
    assert ("dw_h" in as_posed.get(sentence, ())) == (sentence in posed)


def test_a_tensor_that_the_first_problem_has_right_is_not_said_to_be_right_elsewhere():
    base, other = problems(GIVEN)[2:4]
    run, _ = program(lambda name, problem: problem is other)
    attempts = [run(base), run(other)]
    lines = narrow(run, GIVEN, attempts, ("dw_h", "dx")).lines()
    assert lines == [f"dw_h, dx: wrong only on: {other.name}"]


# ---------------------------------------------------------------- on which problems


def test_the_problems_on_which_alone_a_tensor_is_wrong_are_named():
    """Unless the first is among them."""
    posed = problems(GIVEN)
    names = {posed[4].name, posed[6].name}
    lines, _ = said(lambda name, problem: name == "dx" or problem.name in names)
    assert f"dw_h: wrong only on: {posed[4].name}, {posed[6].name}" in lines
    assert not [line for line in lines if "only" in line and "dx" in line]
    lines, _ = said(lambda name, problem: problem.name in {posed[0].name, posed[4].name})
    assert not [line for line in lines if "only" in line]


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_the_activation_under_which_alone_a_tensor_is_wrong_is_named(activation):
    style = Style(activation="both", dh_n="given")
    lines, _ = said(lambda name, problem: name == "dx" or problem.activation == activation, style)
    assert f"dw_h: wrong only under {activation}" in lines
    assert not [line for line in lines if "under" in line and "dx" in line]
    lines, _ = said(lambda name, problem: True, Style(activation=activation, dh_n="given"))
    assert not [line for line in lines if "under" in line]


def test_a_problem_that_is_posed_under_both_activations_is_named_once():
    style = Style(activation="both", dh_n="given")
    name = problems(style)[5].name
    lines, _ = said(lambda _, problem: problem.name == name, style)
    assert f"dw_h, dx: wrong only on: {name}" in lines


# ---------------------------------------------------------------- how it is related to what is right

RIGHT = np.array([[[1.0, -2.0], [0.5, 3.0]], [[2.0, 7.0], [-1.0, 4.0]], [[5.0, -6.0], [8.0, 2.5]]])
"""A sequence (3, 2, 2)."""
ZERO = np.zeros((1, 2, 2))
SIGN = "right but for its sign"
RELATED = {
    "all zero": 0 * RIGHT,
    SIGN: -RIGHT,
    "right, but a step late": np.concatenate([ZERO, RIGHT[:-1]]),
    "right, but a step early": np.concatenate([RIGHT[1:], ZERO]),
    "right, but in reverse order of time": np.stack([*RIGHT][::-1]),
    "too large by the factor 2.5": 2.5 * RIGHT,
    "right times 0.5": 0.5 * RIGHT,
    "right times -3": -3 * RIGHT,
}


def judged(pairs):
    """Return attempts whose `dx` is the first of each pair, and the second right."""
    posed = problems(GIVEN)
    return [
        SimpleNamespace(
            problem=posed[2 + i],
            tensors={"dx": z},
            balls={"dx": Ball(right.astype(UNIT.long), np.full(right.shape, 1e-12), UNIT)},
            wrong=set() if np.array_equal(z, right) else {"dx"},
        )
        for i, (z, right) in enumerate(pairs)
    ]


@pytest.mark.parametrize("sentence", RELATED)
def test_a_relation_is_said_that_holds_on_every_problem_that_is_wrong(sentence):
    z = RELATED[sentence]
    assert relations(judged([(z, RIGHT)]), "dx") == [sentence]
    assert relations(judged([(z, RIGHT), (z, RIGHT)]), "dx") == [sentence]
    assert relations(judged([(z, RIGHT), (RIGHT, RIGHT)]), "dx") == [sentence]
    spoilt = RIGHT**2
    assert relations(judged([(z, RIGHT), (spoilt, RIGHT)]), "dx") == []
    assert relations(judged([(spoilt, RIGHT), (z, RIGHT)]), "dx") == []
    nearly = z + 1e-9 * (np.arange(12).reshape(z.shape) == 7)
    assert relations(judged([(nearly, RIGHT)]), "dx") == []


def test_what_is_said_of_one_tensor_is_said_of_it_by_its_name():
    """In one go: how it is related to what is right, and at which steps it is wrong."""
    (attempt,) = judged([(RIGHT * np.array([1, 1, 3.0]).reshape(3, 1, 1), RIGHT)])
    ball = Ball(np.ones(3, UNIT.long), np.full(3, 1e-12), UNIT)
    attempt.tensors |= {"db_h": np.zeros(3), "db_y": -np.ones(3)}
    attempt.balls |= {"db_h": ball, "db_y": ball}
    attempt.wrong |= {"db_h", "db_y"}
    attempt.problem = replace(attempt.problem, x=attempt.problem.x[:3])
    run, _ = program(lambda name, problem: False, ("dx", "db_h", "db_y"))
    lines = [
        line for line in narrow(run, GIVEN, [attempt], ("dx", "db_h", "db_y")).lines() if "where" not in line
    ]
    assert lines == [
        "dx, db_h, db_y: right with one row, wrong with several",
        "dx: wrong at step 3 of 3 alone",
        "db_h: all zero",
        "db_y: right but for its sign",
    ]


@pytest.mark.parametrize("name", ["y", "h", "dx", "dy", "dw_x", "probabilities"])
@pytest.mark.parametrize(("radii", "steps"), [(2.0, 0), (2.5, 1)])
def test_a_step_is_wrong_beyond_two_radii_in_sequences_of_at_least_three(name, radii, steps):
    for count in (2, 3):
        right, off = np.full((count, 2, 2), 4.0), np.zeros((count, 2, 2))
        off[0, 0, 0] = 1.0
        off[-1, 1, 1] = 2.0**-20 * radii
        attempt = SimpleNamespace(
            problem=SimpleNamespace(x=right), tensors={name: right + off}, wrong={name},
            balls={name: Ball(right.astype(UNIT.long), np.full(right.shape, 2.0**-20), UNIT)},
        )  # fmt: skip
        said = _which_steps([attempt], name)
        if name in ("y", "h", "dx", "dy") and count == 3 and not steps:
            assert said == "wrong at step 1 of 3 alone"
        else:
            assert said == ""
        attempt.wrong = set()
        assert _which_steps([attempt], name) == ""


@pytest.mark.parametrize(("radii", "holds"), [(2.0, True), (2.5, False), (4.0, False)])
def test_a_relation_holds_up_to_two_radii(radii, holds):
    right = np.array([4.0, 2.0, 1.0])
    attempt = SimpleNamespace(
        problem=problems(GIVEN)[0], wrong={"db_h"},
        tensors={"db_h": -right + np.array([0, 0, radii * 2.0**-20])},
        balls={"db_h": Ball(right.astype(UNIT.long), np.full(3, 2.0**-20), UNIT)},
    )  # fmt: skip
    assert (SIGN in relations([attempt], "db_h")) == holds


def test_a_square_matrix_may_be_the_transpose_and_no_other_array():
    square, wide = RIGHT[:, 0, :1] + np.array([[1.0, 2.0, 4.0]]), RIGHT[:, 0]
    square = square + np.triu(np.ones((3, 3)))
    assert relations(judged([(square.T, square)]), "dx") == ["the transpose of what is right"]
    assert relations(judged([(wide[:2].T, wide[:2])]), "dx") == ["the transpose of what is right"]
    assert relations(judged([(wide**2, wide)]), "dx") == []
    assert relations(judged([(np.array([[2.0]]), np.array([[3.0]]))]), "dx") == ["right times 0.6666666667"]
    cube = np.arange(8.0).reshape(2, 2, 2) ** 2
    assert relations(judged([(cube.T, cube)]), "dx") == []
    matrix = np.array([[1.0, 2.0], [3.0, 5.0]])  # in two dimensions there is no time
    assert relations(judged([(matrix[::-1], matrix)]), "dx") == []


def test_a_factor_on_each_problem_is_told_with_the_first_three():
    factors = [1.5, 0.3, 7.0, 11.0]
    assert relations(judged([(c * RIGHT, RIGHT) for c in factors]), "dx") == [
        "right but for a factor on each problem (1.5, 0.3, 7 ...)"
    ]
    assert relations(judged([(c * RIGHT, RIGHT) for c in factors] + [(RIGHT**2, RIGHT)]), "dx") == []


@pytest.mark.parametrize("factor", [0.25, -0.5, 1.0, 3.0, -8.0])
@pytest.mark.parametrize(("share", "scaled"), [(0.9, True), (1.1, False)])
@pytest.mark.parametrize("radius", [1e-6, 1e-18])
def test_a_factor_holds_throughout_up_to_rounding(factor, share, scaled, radius):
    """Two radii of the scaled tensor, and 2^-50 of the largest number, at an entry that moves no factor."""
    right = np.array([0.0, 1.0, -2.0, 4.0])
    room = (2 + 4 * 2**-50 / radius) * 2 * radius * max(1, abs(factor))
    z = factor * right + share * room * (right == 0)
    found = scale_of(z, Ball(right.astype(UNIT.long), np.full(4, radius), UNIT))
    assert (found is not None) == scaled
    if scaled:
        assert found == pytest.approx(factor)


def test_what_is_zero_or_no_number_has_no_factor():
    ball = Ball(np.ones(3, UNIT.long), np.full(3, 1e-9), UNIT)
    zero = Ball(np.zeros(3, UNIT.long), np.full(3, 1e-9), UNIT)
    assert scale_of(np.ones(3), zero) is None
    assert scale_of(np.zeros(3), ball) is None
    for odd in (np.nan, np.inf):
        assert scale_of(np.array([2.0, odd, 2.0]), ball) is None


def test_the_numbers_by_which_people_divide():
    for words, seen in (({}, 7), ({"output": "last step"}, 1)):
        problem = problems(Style(**words))[2]
        attempt = SimpleNamespace(problem=problem)
        assert counts(attempt) == {"2": 2, "T": seen, "B": 2, "T B": 2 * seen, "O": 2, "T B O": 4 * seen}


SEVERAL = [SimpleNamespace(problem=problem) for problem in problems(Style(sizes={"O": 5}))]
"""Attempts whose numbers of steps and rows differ."""
NUMBERS = {name: np.array([counts(a)[name] for a in SEVERAL]) for name in ("T", "B", "T B", "T B O")}


@pytest.mark.parametrize("name", NUMBERS)
def test_factors_that_are_a_size_on_every_problem_are_said_to_be_that(name):
    n = NUMBERS[name]
    assert factor_phrase(SEVERAL, n) == f"too large by the factor {name}"
    assert factor_phrase(SEVERAL, 1 / n) == f"divided by {name}: a mean for a sum"
    assert factor_phrase(SEVERAL, n / 2) == f"right times {name} / 2"
    assert factor_phrase(SEVERAL, 2 / n) == f"right times 2 / ({name})"
    for other in (n**2, n**-2.0, n / 3, n * 3, -n, n * (1 + 1e-7), n / 2 * (1 + 1e-7)):
        assert factor_phrase(SEVERAL, other) == ""
    odd = n.copy()
    odd[3] *= 1.5
    assert factor_phrase(SEVERAL, odd) == ""


@pytest.mark.parametrize(
    ("factor", "words"),
    [(2.0, "too large by the factor 2"), (1.5, "too large by the factor 1.5"), (1.0, "right times 1"),
     (0.2, "right times 0.2"), (-4.0, "right times -4"), (1 / 3, "right times 0.3333333333")],
)  # fmt: skip
def test_one_factor_on_all_problems_is_said_as_a_number(factor, words):
    assert factor_phrase(SEVERAL, [factor] * len(SEVERAL)) == words
    assert factor_phrase(SEVERAL[:1], [factor]) == words
    nearly = [factor * (1 + 1e-7 * (i == 1)) for i in range(len(SEVERAL))]
    assert factor_phrase(SEVERAL, nearly) == ""
