"""From attempts to a report: rows, places, verdicts, faults and what was not checked."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import elman_np as en
from elman_np.checking.balls import Ball, Unit
from elman_np.checking.learner import Style, judging
from elman_np.checking.learner.judging import (
    SHOWN,
    Bench,
    _added,
    _all,
    _explain,
    _faults,
    _lossy,
    _order,
    _rows,
    _sizes,
    _unchecked,
    _verdict,
    _where,
    judge,
)
from elman_np.checking.learner.naming import TRUNCATED, Named
from elman_np.checking.learner.narrowing import Known
from elman_np.checking.learner.posing import problems
from elman_np.checking.learner.report import TensorRow
from elman_np.checking.learner.style import CannotRunError
from elman_np.checking.mistakes import NETWORK, side_effects

UNIT = Unit.of(np.float64)
MISTAKES = {mistake.name: mistake for mistake in NETWORK}


def attempt_of(verdicts, problem=None, tensors=None, radius=1e-9):
    """Return an attempt with these verdicts, whose tensors are off by 1 where they differ."""
    tensors = tensors or {n: np.ones(2) + (verdict == "differs") for n, verdict in verdicts.items()}
    return SimpleNamespace(
        problem=problem or problems(Style())[2],
        tensors=tensors,
        balls={
            n: Ball(np.ones(z.shape, UNIT.long), np.full(z.shape, radius), UNIT) for n, z in tensors.items()
        },
        rows={n: SimpleNamespace(verdict=verdict) for n, verdict in verdicts.items()},
        wrong={n for n, verdict in verdicts.items() if verdict == "differs"},
        changed=(),
        own_shapes={n: z.shape for n, z in tensors.items()},
        indices={n: np.arange(z.size).reshape(z.shape) for n, z in tensors.items()},
    )


# ---------------------------------------------------------------- the problems


def test_the_problem_of_seven_steps_is_the_first_and_the_others_follow_as_they_were():
    posed = problems(Style(activation="both"))
    ordered = _order(posed)
    assert [p.name for p in ordered[:2]] == ["seven steps"] * 2
    assert ordered[2:] == [p for p in posed if p.name != "seven steps"]


def test_what_cannot_run_on_some_problems_is_said_with_the_first_of_them():
    posed = problems(Style())
    bench = SimpleNamespace(run=lambda problem: problem.name)
    assert _all(bench, posed) == [p.name for p in posed]

    def some(problem):
        if problem in (posed[3], posed[5]):
            raise CannotRunError(problem.name)
        return problem.name

    with pytest.raises(CannotRunError) as caught:
        _all(SimpleNamespace(run=some), posed)
    assert str(caught.value) == (
        "it ran on 8 of 10 problems, and not on all of them. If it cannot do such a problem, say so in STYLE "
        f"(sizes, activation, h_0 ...).\n{posed[3].name}"
    )


def test_how_long_the_problems_are_and_under_which_activations():
    assert _sizes(problems(Style())) == "1 to 40 steps, tanh"
    assert _sizes(problems(Style(activation="both", sizes={"T": (3, 9)}))) == "3 to 9 steps, tanh and relu"


# ---------------------------------------------------------------- faults


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ((), ()),
        (("x",), ()),
        (("dy",), ("backward overwrites its upstream gradient",)),
        (("dh_n", "h_0"), ("backward overwrites its upstream gradient",)),
        (("w_h",), ("weights updated inside backward",)),
        (("b_h",), ("weights updated inside backward",)),
        (("dy", "b_y"), ("backward overwrites its upstream gradient", "weights updated inside backward")),
    ],
)
def test_arguments_that_were_changed_are_a_fault_and_maybe_a_mistake(changed, named):
    """On any problem; each is named once."""
    one, other = attempt_of({"y": "agrees"}), attempt_of({"y": "agrees"})
    other.changed = changed
    third = attempt_of({"y": "agrees"})
    third.changed = changed[:1]
    faults, effects = _faults([one, other, third], one)
    assert faults == (
        [
            f"it changes what it is given: {', '.join(sorted(changed))}. Whoever uses the array afterwards, "
            "a second call say, has other numbers; work on a copy"
        ]
        if changed
        else []
    )
    assert effects == [Named(((MISTAKES[name],),)) for name in named]
    assert {*named} <= {mistake.name for mistake in side_effects.MISTAKES}


def test_a_second_call_that_differs_is_a_fault_and_one_of_twice_the_numbers_an_accumulator():
    first = attempt_of({"dw_h": "agrees", "dw_x": "agrees", "y": "differs"})
    again = attempt_of({"dw_h": "differs", "dw_x": "agrees", "y": "differs"})
    faults, effects = _faults([first], again)
    said = "Something is left from the call before"
    assert faults == [f"the second call on the same problem differs from the first: dw_h. {said}"]
    assert effects == [Named(((MISTAKES["accumulator not cleared"],),))]
    both = attempt_of({"dw_h": "differs", "dw_x": "differs", "y": "agrees"})
    both.tensors["dw_x"] = np.array([2.0, 2.5])
    faults, effects = _faults([first], both)
    assert faults == [f"the second call on the same problem differs from the first: dw_h, dw_x. {said}"]
    assert effects == []  # not all of them are twice as large
    assert _faults([first], first) == ([], [])


@pytest.mark.parametrize(("radii", "twice"), [(0, True), (8, True), (-8, True), (8.5, False), (-8.5, False)])
def test_twice_is_twice_up_to_rounding(radii, twice):
    """Eight of the largest radius."""
    first, again = attempt_of({"y": "agrees"}), attempt_of({"y": "differs"})
    first.balls["y"] = Ball(np.ones(2, UNIT.long), np.array([2.0**-20, 2.0**-30]), UNIT)
    again.tensors["y"] = np.array([2.0, 2.0 + radii * 2.0**-20])
    assert _added(first, again, "y") == twice
    again.tensors["y"] = np.full((2, 2), 2.0)
    assert not _added(first, again, "y")


# ---------------------------------------------------------------- rows


def test_a_row_is_wrong_where_one_problem_is_and_undecided_where_none_is_wrong():
    attempts = [
        attempt_of({"y": "agrees", "dw_x": "undecided", "dw_h": "undecided", "dx": "agrees"}),
        attempt_of({"y": "agrees", "dw_x": "differs", "dw_h": "agrees", "dx": "agrees"}),
    ]
    attempts[1].problem = replace(attempts[1].problem, name="the second")
    rows = {row.tensor: row for row in _rows(attempts, excused=False)}
    verdicts = {"y": "right", "dw_x": "wrong", "dw_h": "undecided", "dx": "right"}
    assert {n: row.verdict for n, row in rows.items()} == {**dict.fromkeys(SHOWN, "not given"), **verdicts}
    assert tuple(rows) == SHOWN
    assert "off by 1 at [0]" in rows["dw_x"].where
    assert "('the second')" in rows["dw_x"].where
    assert "off by 0 at [0]" in rows["dw_h"].where
    assert "('seven steps')" in rows["dw_h"].where
    assert (rows["y"].where, rows["h_n"].where) == ("", "")
    excused = {row.tensor: row for row in _rows(attempts, excused=True)}
    assert excused["dw_x"] == TensorRow("dw_x", "right")
    assert excused["dw_h"] == rows["dw_h"]


@pytest.mark.parametrize(
    ("given", "shown", "hidden"),
    [
        (("h", "probabilities", "dy"), ("h", "probabilities", "dy"), ()),
        (("db_ih",), ("db_ih",), ("db_h",)),
        (("db_hh",), ("db_hh",), ("db_h",)),
        (("db_ih", "db_hh", "db_h"), ("db_ih", "db_hh", "db_h"), ()),
        (("dw_x",), (), ()),
    ],
)
def test_there_is_a_row_for_each_of_the_ten_and_for_what_else_is_given(given, shown, hidden):
    rows = _rows([attempt_of(dict.fromkeys(given, "agrees"))], excused=False)
    assert [row.tensor for row in rows if row.verdict == "not given"] == [
        n for n in SHOWN if n not in given and n not in hidden
    ]
    assert {row.tensor for row in rows if row.verdict == "right"} == {*given}
    assert {*shown} <= {row.tensor for row in rows}


# ---------------------------------------------------------------- places


def place(z, right, tensor="dx", own=None, index=None, **changes):
    attempt = attempt_of({tensor: "differs"}, tensors={tensor: z})
    attempt.balls[tensor] = Ball(np.asarray(right).astype(UNIT.long), np.full(z.shape, 1e-9), UNIT)
    if own is not None:
        attempt.own_shapes[tensor], attempt.indices[tensor] = own, index
    attempt.problem = replace(attempt.problem, **changes)
    return _where(attempt, tensor)


def test_the_worst_entry_is_told_with_its_step_and_both_numbers():
    right = np.arange(12.0).reshape(3, 2, 2)
    z = right.copy()
    z[1, 0, 1] += 0.25
    z[2, 1, 0] -= 0.5
    assert place(z, right) == "off by 0.5 at [2, 1, 0], step 3: yours 9.5, right 10 ('seven steps')"
    z[0, 1, 1] = np.nan
    assert place(z, right) == "off by inf at [0, 1, 1], step 1: yours nan, right 3 ('seven steps')"
    assert place(z[0], right[0], "dw_h") == "off by inf at [1, 1]: yours nan, right 3 ('seven steps')"
    assert place(z[:1], right[:1], "y", last_only=True) == (
        "off by inf at [0, 1, 1]: yours nan, right 3 ('seven steps')"
    )
    assert ", step 1: " in place(z, right, "dx", last_only=True)


def test_the_place_of_a_number_is_itself_and_of_an_array_the_programs_own():
    assert place(np.array(2.5), 1.0, "loss") == "off by 1.5: yours 2.5, right 1 ('seven steps')"
    z, right = np.array([[1.0, 2.0, 7.0]]), np.array([[1.0, 2.0, 3.0]])
    assert " at [2, 0]: " in place(z, right, "dw_h", own=(3, 1), index=np.array([[0, 1, 2]]))
    assert " at [0, 1]: " in place(z, right, "dw_h", own=(1, 3), index=np.array([[0, 2, 1]]))
    assert " at []: " in place(np.array([3.0]), np.array([1.0]), "db_y", own=(), index=np.array([0]))


@pytest.mark.parametrize("name", ["y", "dx"])
def test_each_step_of_the_longest_problem_is_counted_from_one(name):
    right = np.full((40, 1, 2), 4.0)
    for t in range(40):
        z = right.copy()
        z[t, 0, 1] += 1
        assert f" at [{t}, 0, 1], step {t + 1}: " in place(z, right, name)


def test_digits_are_eight():
    found = place(np.array([1.23456789012]), np.array([1.0]), "db_y")
    assert found == "off by 0.23 at [0]: yours 1.2345679, right 1 ('seven steps')"


# ---------------------------------------------------------------- verdicts


@pytest.mark.parametrize("wrong", [False, True])
@pytest.mark.parametrize("faults", [[], ["a fault"]])
@pytest.mark.parametrize("remarks", [[], ["a remark"]])
@pytest.mark.parametrize("undecided", [False, True])
def test_the_verdict_is_the_worst_of_what_is_found(wrong, faults, remarks, undecided):
    rows = [TensorRow("y", "right"), TensorRow("dx", "undecided" if undecided else "right")]
    found = _verdict(rows, faults, remarks, wrong)
    if wrong or faults:
        assert found == "wrong"
    elif undecided:
        assert found == "undecided"
    else:
        assert found == ("right, with remarks" if remarks else "right")


def test_what_was_not_checked_is_listed():
    rows = [TensorRow("y", "right"), TensorRow("dx", "not given"), TensorRow("dh_0", "not given")]
    style = Style(dh_n="given")
    assert _unchecked(style, rows, problems(style)) == ["what is not given: dx, dh_0"]
    assert _unchecked(style, rows[:1], problems(style)) == []
    for most in (6, 7):
        short = Style(sizes={"T": (1, most)}, h_0="zero", dh_n="given")
        assert _unchecked(short, rows[:1], problems(short)) == [
            "an initial state that is not zero",
            f"other numbers of steps than (1, {most})",
            *(["more than 6 steps"] if most == 6 else []),
        ]


# ---------------------------------------------------------------- what explains it


def test_what_is_named_is_looked_for_under_the_activations_that_are_wrong(monkeypatch):
    style = Style(activation="both", reset_every=3)
    posed = problems(style)
    attempts = [
        attempt_of({"y": "agrees", "dw_h": "differs" if p.activation == "relu" else "agrees"}, p)
        for p in posed
    ]
    wrong = {(i, "dw_h") for i, p in enumerate(posed) if p.activation == "relu"}
    asked = {}

    def narrow(*arguments):
        asked["narrow"] = arguments
        known = Known()
        known.add("odd", "dw_h")
        known.limits = {5}
        return known

    def variants(limits, declared):
        asked["variants"] = (limits, declared)
        return "the candidates"

    def name(desk, candidates, keys):
        asked["name"] = (desk, candidates, keys)
        return ["named"]

    for function in (narrow, variants, name):
        monkeypatch.setattr(judging, function.__name__, function)
    bench = Bench(lambda p: {}, style)
    assert _explain(bench, attempts, wrong) == (["dw_h: odd"], ["named"])
    run, of, seen, tensors = asked["narrow"]
    assert (of, seen, tensors) == (style, attempts, ["dw_h"])
    assert run == bench.run
    assert asked["variants"] == ({5}, ["reset_every"])
    desk, candidates, keys = asked["name"]
    assert desk.attempts == [a for a in attempts if a.problem.activation == "relu"]
    assert (candidates, keys) == ("the candidates", {(i, "dw_h") for i in range(9)})
    assert {*TRUNCATED} == {"reset_every", "chunk"}
    assert _explain(bench, attempts, set()) == ([], [])


def test_wrong_tensors_are_told_in_one_order(monkeypatch):
    attempts = [attempt_of(dict.fromkeys(("dh_0", "y", "dw_h", "dx", "h_n"), "differs"))]
    asked = []
    monkeypatch.setattr(judging, "narrow", lambda *arguments: asked.append(arguments[3]) or Known())
    monkeypatch.setattr(judging, "name", lambda *arguments: [])
    _explain(Bench(lambda p: {}, Style()), attempts, {(0, n) for n in attempts[0].wrong})
    assert asked == [["y", "h_n", "dw_h", "dx", "dh_0"]]


FLOAT32 = (
    "it is right to the digits that float32 has, and not to those of float64: some array in it is float32, "
    "or a function loses digits"
)


@pytest.mark.parametrize(
    ("dtype", "few", "named", "said"),
    [
        ("float64", True, [], [FLOAT32]),
        ("float64", False, [], []),
        ("float32", True, [], []),
        ("float64", True, ["dw_h transposed"], []),
        ("float64", False, ["tanh by exponentials"], ["it loses digits (tanh by exponentials): {hint}"]),
        ("float32", False, ["tanh by exponentials"], ["it loses digits (tanh by exponentials): {hint}"]),
        ("float64", False, ["tanh by exponentials", "dw_h transposed"], []),
    ],
)
def test_lost_digits_are_said_where_they_are_all(monkeypatch, dtype, few, named, said):
    monkeypatch.setattr(judging, "few_digits", lambda attempts, wrong: few)
    found = [Named(((MISTAKES[name],),)) for name in named]
    hint = MISTAKES["tanh by exponentials"].hint
    wrong = {(0, "dw_h")}
    style = Style(dtype=dtype)
    assert _lossy(style, [], wrong, found) == [line.format(hint=hint) for line in said]
    if not named:
        assert _lossy(style, [], set(), found) == []
    together = [Named((tuple(MISTAKES[name] for name in named),))] if named else []
    assert _lossy(style, [], wrong, together) == [line.format(hint=hint) for line in said]


# ---------------------------------------------------------------- all together


def computing(change=lambda p, name, z: z, dtype=None):
    """Return a program that computes all by our own network, and changes what it found."""

    def solve(p):
        params = en.Parameters(p.w_x, p.w_h, p.b_h, p.w_y, p.b_y)
        model = en.ElmanRNN.from_params(params, activation=p.activation)
        y, h_n, tape = model.forward(p.x, p.h_0)
        grads, dx, dh_0 = model.backward(tape, p.dy, p.dh_n)
        found = {"y": y, "h_n": h_n, "dx": dx, "dh_0": dh_0} | {f"d{n}": z for n, z in grads.items()}
        return {n: np.asarray(change(p, n, z), dtype or z.dtype) for n, z in found.items()}

    return solve


SHORT = Style(sizes={"T": (1, 3), "B": 2, "H": 4}, dh_n="given")


def test_a_right_program_is_asked_each_problem_once_and_the_first_twice():
    asked = []

    def spoil(p, name, z):
        if name == "y":
            asked.append((p.activation, p.T, p.B, p.I))
        return z

    report = judge(computing(spoil), SHORT, "mine")
    posed = _order(problems(SHORT))
    sizes = [("tanh", *problem.x.shape) for problem in posed]
    assert asked == [sizes[0], sizes[0], *sizes[1:]]
    assert (report.subject, report.verdict, report.status) == ("mine", "right", 0)
    assert {row.tensor: row.verdict for row in report.rows} == {
        **dict.fromkeys(SHOWN, "right"),
        "loss": "not given",
    }
    assert report.posed == "9 problems, float64, 1 to 3 steps, tanh"
    assert (report.faults, report.remarks, report.known, report.named, report.names) == ([], [], [], [], [])
    assert "what is not given: loss" in report.unchecked
    assert "more than 3 steps" in report.unchecked


def test_a_program_that_raises_could_not_run():
    report = judge(lambda p: p.nothing, SHORT, "mine")
    assert (report.subject, report.verdict, report.status) == ("mine", "could not run", 2)
    assert "this problem has no 'nothing'" in report.trouble

    def only_one(p):
        if p.T < 3:
            raise ValueError("three")
        return computing()(p)

    trouble = judge(only_one, SHORT, "mine").trouble
    assert (
        trouble.startswith("it ran on 8 of 9 problems, and not on all of them. ")
        or "of 9 problems" in trouble
    )


def test_float32_in_all_that_is_returned_is_a_remark_and_is_judged_as_float32(monkeypatch):
    monkeypatch.setattr(judging, "name", lambda *args: [])  # which takes longer than all the rest
    style = replace(SHORT, dtype="float64")
    told = []

    def spoil(p, name, z):
        if name == "y":
            told.append((p.dtype, *p.x.shape))
        return z

    report = judge(computing(spoil, dtype="float32"), style, "mine")
    assert report.verdict == "right, with remarks"
    assert report.remarks == ["it computes in float32, and is judged by what float32 can do"]
    assert report.posed == "9 problems, float32, 1 to 3 steps, tanh"
    first, *others = [problem.x.shape for problem in _order(problems(SHORT))]
    asked = [first, first, *others]
    assert told == [("float64", *first), *(("float32", *shape) for shape in asked)]
    report = judge(computing(), replace(SHORT, dtype="float32"), "mine")
    assert (report.verdict, report.remarks) == ("right", [])

    def one(p, name, z):
        return z.astype(np.float32) if name == "dw_h" else z

    report = judge(computing(one), style, "mine")
    assert report.verdict == "right, with remarks"
    assert report.remarks == [FLOAT32]
    assert (report.named, report.known, report.rows[5].verdict) == ([], [], "right")


def test_a_clip_in_every_problem_is_a_remark_and_not_a_mistake():
    report = judge(
        computing(lambda p, n, z: np.clip(z, -2, 2) if n[:2] in ("dw", "db") else z), SHORT, "mine"
    )
    assert report.verdict == "right, with remarks"
    assert "no entry of" in report.remarks[0]
    assert "above 2." in report.remarks[0]
    assert {row.verdict for row in report.rows} == {"right", "not given"}
    assert (report.known, report.named, report.names) == ([], [], [])


def test_what_is_wrong_on_one_problem_alone_is_wrong_and_told_with_the_others(monkeypatch):
    monkeypatch.setattr(judging, "name", lambda *args: [])
    report = judge(computing(lambda p, n, z: z + (n == "db_y" and p.T == 1)), SHORT, "mine")
    assert report.verdict == "wrong"
    assert [row.tensor for row in report.rows if row.verdict == "wrong"] == ["db_y"]
    assert "db_y: wrong only on: one step" in report.known
    assert (report.named, report.names) == ([], [])


def test_a_mistake_that_fits_is_named_and_so_is_what_a_program_does_besides():
    """Twice: `dw_h` transposed, and the upstream gradient overwritten."""

    def spoil(p, name, z):
        if name == "db_y":
            p.dy[0] += 1
        return z.T if name == "dw_h" else z

    report = judge(computing(spoil), SHORT, "mine")
    assert report.names == ["dw_h transposed", "backward overwrites its upstream gradient"]
    assert [len(named.together) for named in report.named] == [1, 1]
    assert "dw_h: the transpose of what is right" in report.known
    assert len(report.faults) == 1
    assert report.verdict == "wrong"


def test_of_what_a_first_call_left_over_the_first_problem_alone_is_judged():
    total = {}

    def spoil(p, name, z):
        if name in ("dw_h", "dw_x"):
            z = total[name] = z + (
                total[name] if total.get(name, z).shape == z.shape and name in total else 0
            )
        return z

    report = judge(computing(spoil), replace(SHORT, sizes={"T": 3, "B": 2, "H": 4, "I": 3}), "mine")
    assert report.verdict == "wrong"
    assert {row.verdict for row in report.rows} == {"right", "not given"}
    assert report.faults == [
        "the second call on the same problem differs from the first: dw_h, dw_x. Something is left "
        "from the call before"
    ]
    assert report.names == ["accumulator not cleared"]
