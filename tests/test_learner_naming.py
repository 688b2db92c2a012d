"""Which mistake is named, in a world of our own: mistakes there spoil what we say, by as much as we say."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import elman_np as en
from elman_np.checking.balls import Ball, Unit
from elman_np.checking.learner import Style
from elman_np.checking.learner.answers import package_tensors
from elman_np.checking.learner.naming import (
    CANDIDATES,
    KNOWN,
    TRUNCATED,
    Desk,
    Named,
    name,
    network_numbers,
    variants,
)
from elman_np.checking.learner.posing import problems
from elman_np.checking.mistakes import cell, forward, sums
from tests.test_learner_said import solved

UNIT = Unit.of(np.float64)
RADIUS = 2.0**-20
SIZES = ({"y": 5, "dw_x": 2, "dw_h": 3, "db_h": 1}, {"y": 4, "dw_x": 2, "dw_h": 3, "db_h": 1})
"""Two problems: the second is the smaller one."""
A, B, C, D = forward.MISTAKES[:4]
SUM, OTHER_SUM = sums.MISTAKES[:2]
CELL = cell.MISTAKES[0]


def spoils(*tensors, by=1.0, on=(0, 1)):
    """By how much a mistake spoils these tensors on these problems."""
    return {(i, tensor): by for i in on for tensor in tensors}


def world(mine, known, radii=None):
    """Return a desk at which a program that is off by `mine` lies, with mistakes off by what is `known`.

    What is right is 4 everywhere, and no entry is larger: two numbers are as many radii apart as half of
    their difference has.
    """

    def numbers(i, *offs):
        return {
            tensor: 4.0 - sum(off.get((i, tensor), 0.0) for off in offs) * (np.arange(size) == 0)
            for tensor, size in SIZES[i].items()
        }

    balls = {
        tensor: Ball(np.full(5, 4.0, UNIT.long), np.full(5, RADIUS), UNIT) for tensor in ("y", "dw_x", "dw_h")
    }
    balls["db_h"] = balls["y"]
    attempts = [
        SimpleNamespace(
            number=i, tensors=numbers(i, mine), balls={n: b[: SIZES[i][n]] for n, b in balls.items()}
        )
        for i in range(len(SIZES))
    ]
    asked = []

    def compute(attempt, *changes):
        asked.append((attempt.number, *changes))
        return numbers(attempt.number, *(known[change] for change in changes))

    return Desk(attempts, compute), {key for key, off in mine.items() if off}, asked


def named(mine, known, usual=()):
    """Which names the mistakes get."""
    desk, wrong, _ = world(mine, known)
    return name(desk, known, wrong, usual)


def test_one_that_makes_all_of_the_numbers_is_named_alone():
    mine = spoils("dw_x", "dw_h")
    assert named(mine, {A: spoils("dw_x"), B: mine, C: spoils("dw_h"), D: {}}) == [Named(((B,),))]


def test_those_that_make_the_same_numbers_are_named_together():
    mine = spoils("dw_x")
    assert named(mine, {A: mine, B: spoils("dw_x", by=2.0), C: mine}) == [Named(((A,), (C,)))]


@pytest.mark.parametrize("count", [5, 6, 9, len(CANDIDATES)])
def test_all_that_make_the_same_numbers_are_named_however_many(count):
    mine, alike = spoils("dw_x"), [m for m in CANDIDATES if not m.name.startswith("cell: ")][:count]
    assert named(mine, dict.fromkeys(alike, mine)) == [Named(tuple((mistake,) for mistake in alike))]


@pytest.mark.parametrize(
    ("radii", "others"), [(0.5, True), (1.0, True), (99.0, True), (100.0, False), (150.0, False)]
)
def test_what_comes_near_is_named_too(radii, others):
    mine = spoils("dw_x")
    known = {A: mine, B: spoils("dw_x", by=1.0 + 2 * RADIUS * radii)}
    assert named(mine, known) == [Named(((A,), (B,)) if others else ((A,),))]


def test_what_is_as_far_as_what_cannot_be_told_apart_is_not_named():
    """A hundred radii in one tensor, or on one problem, whatever the others say."""
    mine = spoils("y", "dw_x")
    off = spoils("dw_x", by=1.0 + 2 * RADIUS * 100)
    assert named(mine, {A: mine, B: spoils("y") | off}) == [Named(((A,),))]
    assert named(mine, {A: mine, B: mine | {(0, "dw_x"): 1.0 + 2 * RADIUS * 100}}) == [Named(((A,),))]
    first = spoils("dw_x", "dw_h")
    both = first | spoils("dw_h", by=1.5)
    known = {A: first, B: spoils("dw_h", by=0.5), C: spoils("dw_h", by=0.5)}
    known[C][0, "dw_h"] += 2 * RADIUS * 100
    assert named(both, known) == [Named(((A, B),))]


@pytest.mark.parametrize(("radii", "fits"), [(0.5, True), (1.0, True), (1.5, False), (2.0, False)])
def test_what_is_near_but_does_not_fit_is_not_named(radii, fits):
    known = {A: spoils("dw_x", by=1.0 + 2 * RADIUS * radii)}
    assert named(spoils("dw_x"), known) == ([Named(((A,),))] if fits else [])


@pytest.mark.parametrize(("radii", "touched"), [(0.5, False), (1.0, False), (1.5, True), (2.0, True)])
def test_a_mistake_touches_what_it_moves_beyond_rounding(radii, touched):
    desk, _, _ = world({}, {A: spoils("y", by=2 * RADIUS * radii)})
    assert desk.match(A).touched == ({(0, "y"), (1, "y")} if touched else frozenset())


def test_a_mistake_that_touches_nothing_is_not_named():
    """Not even where the program is wrong by less than a mistake would have to be."""
    mine = spoils("dw_x", by=2 * RADIUS * 0.5)
    assert named(mine, {A: {}, B: spoils("dw_x", by=2 * RADIUS * 0.9)}) == []


def test_the_cells_form_is_left_out_beside_the_sequences_and_named_where_there_is_no_other():
    mine = spoils("dw_x")
    assert named(mine, {CELL: mine, A: mine}) == [Named(((A,),))]
    assert named(mine, {CELL: mine, A: spoils("y")}) == [Named(((CELL,),))]


def test_mistakes_of_tensors_of_their_own_are_each_named_with_them():
    mine = spoils("y") | spoils("dw_x", "dw_h", by=2.0)
    known = {A: spoils("y"), B: spoils("dw_x", "dw_h", by=2.0), C: spoils("y"), D: spoils("dw_h", by=3.0)}
    assert named(mine, known) == [Named(((B,),), ("dw_x", "dw_h")[::-1]), Named(((A,), (C,)), ("y",))]


def test_of_two_that_spoil_as_many_the_order_is_that_of_the_tensors():
    mine = spoils("y", "dw_h", "dw_x")
    first, second, third = spoils("y"), spoils("dw_h"), spoils("dw_x")
    found = [Named(((B,),), ("dw_h",)), Named(((C,),), ("dw_x",)), Named(((A,),), ("y",))]
    for order in ((A, B, C), (C, A, B), (B, C, A)):
        known = {A: first, B: second, C: third}
        assert named(mine, {mistake: known[mistake] for mistake in order}) == found


def test_the_one_that_explains_more_goes_first_and_what_is_explained_is_not_explained_again():
    mine = spoils("y", "dw_h", "dw_x")
    known = {A: spoils("y"), B: spoils("y", "dw_x"), C: spoils("dw_x")}
    assert named(mine, known) == [Named(((B,),), ("dw_x", "y"))]


def test_a_mistake_that_spoils_what_is_right_in_the_program_is_not_named():
    mine = spoils("y", "dw_h")
    assert named(mine, {A: spoils("y", "dw_x"), B: spoils("dw_h")}) == [Named(((B,),), ("dw_h",))]


def test_a_mistake_must_explain_its_tensor_on_every_problem():
    mine = spoils("y", "dw_h")
    known = {A: spoils("y", on=(1,)), B: spoils("dw_h")}
    assert named(mine, known) == [Named(((B,),), ("dw_h",))]
    here = spoils("y", on=(1,)) | spoils("dw_h")
    assert Named(((A,),), ("y",)) in named(here, known)


def test_a_mistake_that_spoils_its_tensor_otherwise_on_one_problem_is_not_named():
    mine = spoils("y", "dw_h")
    known = {A: spoils("y", on=(1,)) | spoils("y", on=(0,), by=2.0), B: spoils("dw_h")}
    assert named(mine, known) == [Named(((B,),), ("dw_h",))]


def test_a_sum_may_be_wrong_in_the_line_of_one_tensor_alone():
    mine = spoils("db_h") | spoils("y", by=3.0)
    whole = spoils("dw_x", "dw_h", "db_h")
    found = [Named(((SUM,), (OTHER_SUM,)), ("db_h",))]
    assert named(mine, {SUM: whole, OTHER_SUM: whole | spoils("y", by=2.0)}) == found
    assert named(mine, {A: whole}) == []  # of what is no sum, every line is wrong
    assert named(mine, {SUM: whole | spoils("db_h", on=(0,), by=2.0)}) == []
    assert named(mine, {SUM: whole | spoils("db_h", on=(0,), by=1.0 + 2 * RADIUS * 1.5)}) == []
    assert named(mine, {SUM: whole | spoils("db_h", on=(0,), by=1.0 + 2 * RADIUS)}) == [
        Named(((SUM,),), ("db_h",))
    ]


def test_a_sum_in_one_line_and_a_mistake_with_tensors_of_its_own():
    mine = spoils("db_h") | spoils("y", "dw_x", by=3.0)
    known = {SUM: spoils("dw_h", "db_h"), A: spoils("y", "dw_x", by=3.0)}
    assert named(mine, known) == [Named(((A,),), ("dw_x", "y")), Named(((SUM,),), ("db_h",))]
    mine |= spoils("dw_h")
    assert named(mine, known | {B: spoils("dw_h", "db_h")}) == [
        Named(((SUM,), (B,)), ("db_h", "dw_h")),
        Named(((A,),), ("dw_x", "y")),
    ]


def test_sums_of_two_tensors_are_each_named():
    mine = spoils("db_h") | spoils("dw_x", by=2.0)
    known = {SUM: spoils("db_h", "dw_h"), OTHER_SUM: spoils("dw_x", "dw_h", by=2.0)}
    assert named(mine, known) == [Named(((SUM,),), ("db_h",)), Named(((OTHER_SUM,),), ("dw_x",))]


def test_two_at_once_in_one_tensor_are_named_together():
    first, second = spoils("dw_x", "dw_h"), spoils("dw_h", by=0.5)
    mine = first | spoils("dw_h", by=1.5)
    known = {A: first, B: second, C: spoils("y"), D: {}}
    assert named(mine, known) == [Named(((A, B),))]
    assert named(mine, {C: spoils("y"), B: second, A: first}) == [Named(((A, B),))]


def test_two_that_fit_and_two_that_come_near_are_told():
    first = spoils("dw_x", "dw_h")
    mine = first | spoils("dw_h", by=1.5)
    for radii, others in ((0.5, True), (99.0, True), (100.0, False), (150.0, False)):
        known = {A: first, B: spoils("dw_h", by=0.5), C: spoils("dw_h", by=0.5 + 2 * RADIUS * radii)}
        assert named(mine, known) == [Named(((A, B), (A, C)) if others else ((A, B),))]
        assert named(mine, {A: first, C: known[C], B: known[B]}) == [
            Named(((A, C), (A, B)) if others else ((A, B),))
        ]
    for radii, fits in ((0.5, True), (1.0, True), (1.5, False), (2.0, False)):
        known = {A: first, B: spoils("dw_h", by=0.5 + 2 * RADIUS * radii)}
        assert named(mine, known) == ([Named(((A, B),))] if fits else [])


def test_two_at_once_that_fit_on_the_smallest_problem_alone_are_not_named():
    first = spoils("dw_x", "dw_h")
    mine = first | spoils("dw_h", by=1.5)
    known = {A: first, B: spoils("dw_h", by=0.5) | spoils("dw_h", by=0.75, on=(0,))}
    assert named(mine, known) == []
    assert named(mine, known | {C: spoils("dw_h", by=0.5)}) == [Named(((A, C),))]


def test_two_that_explain_one_tensor_each_and_share_none_that_is_right_go_before_two_at_once():
    mine = spoils("dw_x") | spoils("dw_h", by=2.0) | spoils("y", by=3.0)
    known = {A: spoils("dw_x"), B: spoils("dw_h", by=2.0)}
    assert named(mine, known) == [Named(((B,),), ("dw_h",)), Named(((A,),), ("dw_x",))]
    known[C] = spoils("dw_h", by=2.0) | spoils("y", by=3.0)
    assert named(mine, known) == [Named(((C,),), ("dw_h", "y")), Named(((A,),), ("dw_x",))]


def test_the_first_of_two_explains_something_or_is_a_usual_one():
    mine = spoils("dw_h", by=1.5)
    known = {A: spoils("dw_h"), B: spoils("dw_h", by=0.5)}
    assert named(mine, known) == []
    assert named(mine, known, usual=(B.name,)) == [Named(((B, A),))]
    assert named(mine, known, usual=(A.name,)) == [Named(((A, B),))]
    assert named(mine, {A: spoils("dw_h", by=1.5 / 2)}, usual=(A.name,)) == []  # twice the same is none


def test_the_first_of_two_is_one_of_the_two_that_explain_most():
    """The cell's form of a mistake, which explains the same, is not one more."""
    mine = spoils("y", "dw_x") | spoils("dw_h", "db_h", by=2.0)
    most, other = spoils("y", "dw_x") | spoils("db_h", by=0.5), spoils("y") | spoils("dw_x", by=0.25)
    first = spoils("dw_x", "dw_h", "db_h") | spoils("y", by=0.5)
    known = {A: most, CELL: most, B: first, C: spoils("dw_h", "db_h") | spoils("y", by=0.5), D: other}
    for order, found in ((A, CELL, B, C), True), ((A, B, D, C), True), ((D, A, B, C), False):
        assert named(mine, {mistake: known[mistake] for mistake in order}) == [Named(((B, C),))] * found


def test_what_spoils_a_tensor_that_is_right_is_no_first_of_two():
    mine = spoils("dw_x") | spoils("dw_h", by=1.5)
    known = {A: spoils("dw_x", "dw_h", "y"), B: spoils("dw_h", by=0.5) | spoils("y", by=-1.0)}
    assert named(mine, known) == []


def test_one_problem_is_looked_at_first_and_the_others_where_that_says_something():
    """The one on which most is wrong, and of these the smallest."""
    for mine, first in ((spoils("dw_x", "dw_h"), 1), (spoils("dw_x") | spoils("dw_h", on=(0,)), 0)):
        desk, wrong, asked = world(mine, {A: mine, B: spoils("y"), C: {}})
        assert name(desk, (A, B, C), wrong) == [Named(((A,),))]
        other = 1 - first
        assert sorted(asked[:3], key=str) == sorted([(first, A), (first, B), (first, C)], key=str)
        assert {(other, A), (other, C)} <= {*asked}
        assert (other, B) not in asked


def test_of_two_at_once_one_problem_is_looked_at_first_too():
    first = spoils("dw_x", "dw_h")
    mine = first | spoils("dw_h", by=1.5)
    known = {A: first, B: spoils("dw_h", by=0.5), C: spoils("dw_h", by=0.25)}
    desk, wrong, asked = world(mine, known)
    assert name(desk, known, wrong) == [Named(((A, B),))]
    assert {(0, A, B), (1, A, B), (1, A, C)} <= {*asked}
    assert (0, A, C) not in asked


def test_a_match_is_of_all_problems_or_of_those_that_are_asked_for():
    desk, _, asked = world({}, {A: spoils("y")})
    for only, problems_ in ((None, {0, 1}), ([0], {0}), ([1], {1})):
        asked.clear()
        match = desk.match(A, only=only)
        assert {i for i, _ in match.apart} == {i for i, _ in match.touched} == problems_
        assert {i for i, _ in asked} == problems_


def test_a_mistake_that_cannot_run_or_has_other_shapes_is_no_match():
    desk, _, _ = world({}, {A: {}})
    assert Desk(desk.attempts, lambda attempt, *_: 1 / 0).match(A) is None
    assert (
        Desk(desk.attempts, lambda attempt, *_: {n: z[:1] for n, z in attempt.tensors.items()}).match(A)
        is None
    )


def test_a_mistake_may_overflow():
    desk, _, _ = world({}, {A: {}})

    def overflow(attempt, *_):
        return {n: np.float64(1e308) * 10 * z for n, z in attempt.tensors.items()}

    with np.errstate(all="raise"):
        assert Desk(desk.attempts, overflow).match(A).worst == np.inf


def test_what_is_right_is_rounded_to_the_mistakes_own_dtype():
    unit = Unit.of(np.float32)
    third = np.full(2, 1 / 3, unit.long)
    one = third.astype(np.float32)
    ball = Ball(third, np.full(2, 1e-12), unit)
    desk = Desk([SimpleNamespace(tensors={"y": one}, balls={"y": ball})], lambda *_: {"y": one})
    assert desk.match(A).touched == frozenset()


# ---------------------------------------------------------------- the catalogue


def test_variants_are_all_candidates_those_that_are_declared_and_those_with_other_numbers():
    plain = [mistake.name for mistake in variants(())]
    assert plain[: len(CANDIDATES)] == [mistake.name for mistake in CANDIDATES]
    assert [n for n in plain if "clipped at" in n] == [
        f"recurrent gradient clipped at {limit}" for limit in ("0.1", "0.5", "2", "5", "10")
    ]
    assert len(plain) == len({*plain}) == len(CANDIDATES) + 5
    known = {mistake.name: mistake for mistake in KNOWN}
    for words in ((), ("reset_every",), ("chunk",), ("reset_every", "chunk")):
        declared = [mistake for mistake in variants((), words) if mistake.name not in plain]
        assert sorted(m.name for m in declared) == sorted(n for word in words for n in TRUNCATED[word])
        assert declared == [known[mistake.name] for mistake in declared]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 6, 31, 32, 33, 40])
def test_a_limit_that_was_seen_is_tried_unless_the_catalogue_has_it(limit):
    many = "one step" if limit == 1 else f"{limit} steps"
    seen = list(variants([limit]))[len(list(variants(()))) :]
    wanted = (
        {f"truncated after {many}": f"The gradient is cut after every {many}."}
        if limit not in (4, 32)
        else {}
    )
    if limit != 5:
        wanted[f"each loss sent back {many}"] = (
            f"The gradient of each output is followed through {many}, and dropped."
        )
    assert {mistake.name: mistake.what for mistake in seen} == wanted


def seven_steps(words):
    style = Style.of({"dh_n": "given"} | words)
    problem = next(p for p in problems(style) if p.name == "seven steps")
    return problem, solved(style, problem)


@pytest.mark.parametrize("limit", [1, 2, 3, 6])
def test_a_truncation_after_so_many_steps_is_that_by_the_option_chunk(limit):
    problem, attempt = seven_steps({})
    (mistake,) = [
        m
        for m in variants([limit])
        if m.name in ("truncated after one step", f"truncated after {limit} steps")
    ]
    cut = replace(problem, recurrence=replace(problem.recurrence, chunk=limit))
    found, right = network_numbers(attempt, mistake), package_tensors(en, cut)
    for tensor, z in right.items():
        np.testing.assert_allclose(found[tensor], z, rtol=1e-12, atol=1e-12, err_msg=tensor)


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6])
def test_a_loss_sent_back_so_many_steps_is_that_of_as_many_steps(limit):
    """Each output by itself, at the end of a sequence of its own that starts from the state before it."""
    problem, attempt = seven_steps({})
    names = (
        f"each loss sent back {limit} steps",
        "each loss sent back one step",
        "each loss sent back five steps",
    )
    (mistake,) = [
        m
        for m in variants([limit])
        if m.name in names[: 1 + (limit == 1)] or (limit == 5 and m.name == names[2])
    ]
    model = en.ElmanRNN.from_params(problem.params, activation=problem.activation)
    total, dx, dh_0 = problem.params.map(np.zeros_like), np.zeros_like(problem.x), np.zeros_like(problem.h_0)
    last = len(problem.x) - 1
    for t in range(last + 1):
        k = max(0, t + 1 - limit)
        before = model.forward(problem.x[:k], problem.h_0)[1] if k else problem.h_0
        y, _, tape = model.forward(problem.x[k : t + 1], before)
        dy = np.zeros_like(y)
        dy[-1] = problem.dy[t]
        grads, dx_t, dh = model.backward(tape, dy, problem.dh_n if t == last else None)
        total = total.map(np.add, grads)
        dx[k : t + 1] += dx_t
        dh_0 += dh * (k == 0)
    found = network_numbers(attempt, mistake)
    right = {f"d{n}": z for n, z in total.items()} | {"dx": dx, "dh_0": dh_0}
    for tensor, z in right.items():
        np.testing.assert_allclose(found[tensor], z, rtol=1e-11, atol=1e-12, err_msg=tensor)


@pytest.mark.parametrize("limit", [0.1, 0.5, 2.0, 5.0, 10.0])
def test_a_clip_at_a_number_is_a_clip_at_that_number(limit):
    """One step after the other by itself, and what goes on to the step before is clipped."""
    problem, attempt = seven_steps({})
    (mistake,) = [m for m in variants(()) if m.name == f"recurrent gradient clipped at {limit:g}"]
    problem = replace(problem, dy=problem.dy * 20, dh_n=problem.dh_n * 20)
    states, dh = [problem.h_0], problem.dh_n
    for x_t in problem.x:
        states.append(en.step(problem.params, x_t, states[-1], problem.activation)[1])
    found = network_numbers(replace(attempt, problem=problem), mistake)
    for t in reversed(range(len(problem.x))):
        before, after, dy = states[t], states[t + 1], problem.dy[t]
        sent = en.step_backward(problem.params, problem.x[t], before, after, dy, dh, problem.activation)
        np.testing.assert_allclose(found["dx"][t], sent.dx, rtol=1e-12, atol=1e-12, err_msg=f"dx[{t}]")
        dh = np.clip(sent.dh_before, -limit, limit)


# ---------------------------------------------------------------- the numbers of our network


@pytest.mark.parametrize("words", [{}, {"loss": "mean of squares"}], ids=str)
def test_without_a_mistake_the_numbers_are_ours_and_both_halves_of_the_bias_have_one_gradient(words):
    _, attempt = seven_steps(words)
    found = network_numbers(attempt)
    right = package_tensors(en, attempt.problem)
    assert found.keys() == right.keys() | {"db_ih", "db_hh"}
    for tensor, z in (right | {"db_ih": right["db_h"], "db_hh": right["db_h"]}).items():
        assert np.array_equal(found[tensor], z), tensor


def test_a_programs_own_gradient_of_the_loss_is_what_goes_back():
    _, attempt = seven_steps({"loss": "mean of squares"})
    own = np.arange(attempt.problem.target.size).reshape(attempt.problem.target.shape) / 7
    found = network_numbers(replace(attempt, tensors=attempt.tensors | {"dy": own}))
    right = package_tensors(en, replace(attempt.problem, dy=own, target=None))
    assert all(
        np.array_equal(found[n], right[n]) for n in ("dw_x", "dw_h", "db_h", "dw_y", "db_y", "dx", "dh_0")
    )


@pytest.mark.parametrize("mistake", cell.MISTAKES, ids=lambda mistake: mistake.name)
def test_a_mistake_of_one_step_shows_in_the_numbers(mistake):
    found = {}
    for activation in ("tanh", "relu"):
        _, attempt = seven_steps({"activation": activation})
        right = package_tensors(en, attempt.problem, by_cell=True)
        numbers = network_numbers(attempt, mistake)
        found |= {n: True for n, z in right.items() if not np.allclose(numbers[n], z)}
    assert found
