"""What is printed of a report, and what a declaration may say, each word of it."""

import re
from pathlib import Path

import numpy as np
import pytest

from elman_np.checking.learner import Style
from elman_np.checking.learner.naming import Named
from elman_np.checking.learner.report import STATUS, Report, TensorRow, explain, title
from elman_np.checking.learner.style import CHOICES, SIZES, CannotRunError
from elman_np.checking.mistakes import ADAM, NETWORK
from elman_np.recurrence import Recurrence

DOCS = Path(__file__).parents[1] / "docs"
MISTAKES = {mistake.name: mistake for mistake in (*NETWORK, *ADAM)}
A, B, C = (
    MISTAKES[name] for name in ("dw_h transposed", "w_h transposed on the way back", "cell: derivative 1 - h")
)
ROWS = (
    TensorRow("y", "right"),
    TensorRow("dw_h", "wrong", "off by 2"),
    TensorRow("dx", "undecided", "off by 0"),
    TensorRow("h_n", "right"),
    TensorRow("loss", "not given"),
    TensorRow("dw_x", "wrong", "off by 3"),
)


def test_a_report_has_its_parts_in_one_order_with_an_empty_line_between():
    report = Report(
        subject="mine.py", verdict="wrong", rows=ROWS, faults=["a fault"], remarks=["one", "two"],
        known=["known"], named=[Named(((A,),))], unchecked=["this"], trouble="trouble", posed="9 problems",
        closing="next",
    )  # fmt: skip
    table = (
        "  right      y h_n\n"
        "  undecided  dx     off by 0\n"
        "  wrong      dw_h   off by 2\n"
        "  wrong      dw_x   off by 3\n"
        "  not given  loss"
    )
    assert str(report).split("\n\n") == [
        "mine.py: wrong", "trouble", "9 problems", table, "Wrong besides:\n  - a fault",
        "Remarks:\n  - one\n  - two", "What is known:\n  - known",
        f"It looks like this mistake:\n{explain(A)}",
        "Not checked, by what STYLE says:\n  - this", "next",
    ]  # fmt: skip
    assert str(Report(subject="mine.py", verdict="right")) == "mine.py: right"


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        ("right", 0),
        ("right, with remarks", 0),
        ("wrong", 1),
        ("could not run", 2),
        ("undecided", 3),
        ("not yet", 4),
    ],
)
def test_each_verdict_has_its_status(verdict, status):
    report = Report(subject="mine", verdict=verdict)
    assert (report.status, report.right) == (status, status == 0)
    assert len(STATUS) == 6


NONE = "It looks like none of the mistakes that we know; docs/mistakes.md has them."


@pytest.mark.parametrize(
    ("verdict", "rows", "named", "said"),
    [
        ("wrong", ROWS, [], NONE),
        ("wrong", ROWS[:1], [], ""),  # a fault alone
        ("wrong", ROWS[:1], [Named(((A,),))], f"It looks like this mistake:\n{explain(A)}"),
        ("undecided", ROWS, [Named(((A,),))], ""),
        ("right", ROWS[:1], [], ""),
        ("wrong", ROWS, [Named(((A,),), ("y", "dx"))], f"It looks like this mistake in y, dx:\n{explain(A)}"),
        (
            "wrong", ROWS, [Named(((A, B),))],
            f"It looks like these mistakes together:\n{explain(A)}\n{explain(B)}",
        ),
        (
            "wrong", ROWS, [Named(((A, B),), ("dx",))],
            f"It looks like these mistakes together in dx:\n{explain(A)}\n{explain(B)}",
        ),
        ("wrong", ROWS, [Named(((A,), (C,)))], f"It looks like one of these:\n{explain(A)}\n{explain(C)}"),
        (
            "wrong", ROWS, [Named(((A, C), (B,)), ("dx",))],
            f"It looks like one of these in dx:\n  together: {A.name} and derivative 1 - h\n{explain(B)}",
        ),
        (
            "wrong", ROWS, [Named(((A,),)), Named(((B,),))],
            f"It looks like this mistake:\n{explain(A)}\n\nIt looks like this mistake:\n{explain(B)}",
        ),
    ],
)  # fmt: skip
def test_mistakes_are_named_one_together_or_as_one_of_several(verdict, rows, named, said):
    text = str(Report(subject="mine", verdict=verdict, rows=rows, named=named))
    assert (text.partition("It looks like")[1:] if "It looks" in text else ("", "")) == (
        said.partition("It looks like")[1:] if said else ("", "")
    )


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=lambda mistake: mistake.name)
def test_a_mistake_is_told_with_a_hint_and_the_page_of_its_equation(mistake):
    first, hint, read = explain(mistake).split("\n")
    assert first == f"  {mistake.name.removeprefix('cell: ')}: {mistake.what}"
    assert title(mistake) == first[2:].partition(f": {mistake.what}")[0]
    assert hint == f"    Hint: {mistake.hint}"
    if mistake.equation is None:
        assert read == "    Read: docs/mistakes.md"
        return
    chapter, _, number = {"9.1": "1.1", "9.2": "1.1", "9.3": "3.1"}.get(
        mistake.equation, mistake.equation
    ).partition(".")
    page = {"1": "cell", "2": "loss", "3": "bptt", "5": "truncation", "7": "adam", "9": "speed"}[chapter]
    assert read == f"    Read: docs/{page}.md#eq-{chapter}-{number}"
    assert f'<a id="eq-{chapter}-{number}"></a>' in (DOCS / f"{page}.md").read_text("utf-8")


# ---------------------------------------------------------------- declarations


@pytest.mark.parametrize("word", CHOICES)
def test_a_word_takes_its_choices_and_no_other(word):
    assert len(CHOICES) == 13
    for value in CHOICES[word]:
        assert getattr(Style.of({word: value}), word) == value
    for value in ("sideways", 3, ()):
        with pytest.raises(CannotRunError) as caught:
            Style.of({word: value})
        assert str(caught.value) == f"STYLE: {word} is {value!r}; expected one of {list(CHOICES[word])}"


AXES = (
    "expected the letters T (steps), B (batch), F (features) and 1 in the order of your arrays, for example "
    "'TBF', 'BTF', 'FBT', 'TF1' or 'T'"
)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        *(
            ({"axes": axes}, f"axes is {axes!r}; {AXES}")
            for axes in ("", "BF", "TT", "TBB", "TFF", "TBX", "tbf")
        ),
        *(
            ({"state": state}, f"state is {state!r}; expected F, and B or 1, as in 'BF' or 'F1'")
            for state in ("B", "FF", "FT", "FX")
        ),
        ({"sizes": {"N": 3}}, f"sizes is {{'N': 3}}; expected a dict with some of {list(SIZES)}"),
        ({"sizes": 3}, f"sizes is 3; expected a dict with some of {list(SIZES)}"),
        *(
            (
                {"sizes": {"T": n}},
                f"sizes has T={n!r}; expected a number, or the least and the most, 1 or more",
            )
            for n in (0, "a", (1,), (5, 2), (0, 4), 2.5, True, (1, 2, 3), (1, 2.5))
        ),
        *(
            ({"sizes": {name: size}}, f"sizes has {name}={size!r}; expected a number, 1 or more")
            for name in "BIHO"
            for size in (0, 2.5, (1, 2), False)
        ),
        ({"axes": "TF", "sizes": {"B": 2}}, "sizes has B=2, so B in axes"),
        ({"axes": "TB", "sizes": {"I": 3}}, "sizes has I=3, so F in axes"),
        ({"axes": "TB", "sizes": {"O": 2}}, "sizes has O=2, so F in axes"),
        ({"axes": "TB", "inputs": "numbers"}, "inputs='numbers' stand for vectors, so an F in axes"),
        ({"axes": "TBF", "state": "F"}, "state is 'F'; expected a B in it, since axes has one"),
        ({"axes": "TBF", "state": "BBF"}, "state is 'BBF'; expected F, and B or 1, as in 'BF' or 'F1'"),
        (
            {"loss": "cross-entropy sum", "sizes": {"O": 1}},
            "cross-entropy needs several outputs, and sizes has O=1",
        ),
        (
            {"loss": "cross-entropy mean", "output": "none", "sizes": {"H": 1}},
            "cross-entropy needs several outputs, and sizes has H=1",
        ),
        ({"axes": 3}, f"axes is 3; {AXES}"),
        ({"state": 3}, "state is 3; expected F, and B or 1, as in 'BF' or 'F1'"),
        *(
            ({"rate": rate}, f"rate is {rate!r}; expected the learning rate of the update")
            for rate in (True, "x", np.inf, np.nan)
        ),
        ({"rate": 0}, "rate is 0; expected the learning rate of the update"),
        ({"rate": -1.0}, "rate is -1.0; expected the learning rate of the update"),
        (
            {"axes": "TB", "loss": "cross-entropy mean"},
            "cross-entropy needs several outputs, so an F in axes",
        ),
        ({"reset_every": 0}, "reset_every: expected 1 or more, got 0"),
        ({"chunk": 2.5}, "chunk: expected an integer, got 2.5"),
        (
            {"chunk": 2, "reset_every": 2},
            "reset_every and chunk: expected at most one of them, got 2 and 2; a reset already cuts "
            "the gradient",
        ),
    ],
)
def test_a_declaration_that_makes_no_sense_is_refused(words, message):
    with pytest.raises(CannotRunError) as caught:
        Style.of(words)
    assert str(caught.value) == f"STYLE: {message}"


@pytest.mark.parametrize("axes", ["T", "TB", "BT", "TF", "TBF", "FBT", "TF1", "1T", "TB1F"])
def test_axes_say_what_a_program_takes(axes):
    style = Style.of({"axes": axes})
    assert (style.features, style.batch) == ("F" in axes, "B" in axes)
    without = axes.replace("T", "")
    assert style.state_axes == (without if "F" in axes else without + "F")
    own = "FB" if "B" in axes else "F1"
    assert Style.of({"axes": axes, "state": own}).state_axes == own


def test_unknown_words_are_told_with_those_that_are_known():
    known = list(Style.__dataclass_fields__)
    with pytest.raises(
        CannotRunError, match=re.escape(f"STYLE: the word 'axis' is unknown; known are {', '.join(known)}")
    ):
        Style.of({"axis": "T"})


@pytest.mark.parametrize("fixed", [None, 4, (2, 6), [3, 3]])
def test_the_numbers_of_steps_that_a_program_can_do(fixed):
    style = Style.of({"sizes": {} if fixed is None else {"T": fixed}})
    least, most = (1, 10**6) if fixed is None else (fixed, fixed) if fixed == 4 else fixed
    for count in (*range(1, 9), 10**6, 10**6 + 1):
        assert style.steps_allowed(count) == (least <= count <= most)
        assert style.nearest(count) == min(max(count, least), most)


RESTRICTED = [
    ({"dh_n": "given"}, []),
    ({}, ["the upstream gradient of the last state"]),
    (
        {"axes": "TF"},
        ["the sum over a batch (one series at a time)", "the upstream gradient of the last state"],
    ),
    (
        {"sizes": {"B": 1}},
        ["the sum over a batch (one series at a time)", "the upstream gradient of the last state"],
    ),
    ({"dh_n": "given", "sizes": {"B": 2}}, []),
    (
        {"dh_n": "given", "axes": "TB"},
        ["several inputs and outputs (one number a step)"],
    ),
    ({"dh_n": "given", "h_0": "zero"}, ["an initial state that is not zero"]),
    ({"dh_n": "given", "output": "last step"}, ["upstream gradients before the last step"]),
    ({"dh_n": "given", "output": "none", "output_bias": False}, ["an output layer"]),
    ({"dh_n": "given", "output_bias": False}, ["the output bias"]),
    ({"dh_n": "given", "hidden_bias": "none"}, ["the hidden bias"]),
    ({"dh_n": "given", "inputs": "numbers"}, ["the input's gradient (inputs are numbers)"]),
    ({"dh_n": "given", "rate": 0.1}, ["the gradients of x and h_0 (only updates are seen)"]),
    ({"loss": "mean of squares"}, ["other upstream gradients than its own loss's"]),
    ({"dh_n": "given", "sizes": {"T": 3}}, ["other numbers of steps than 3"]),
]


@pytest.mark.parametrize(("words", "said"), RESTRICTED, ids=str)
def test_what_a_declaration_leaves_unchecked_is_said(words, said):
    assert Style.of(words).restrictions == said


def test_a_declaration_says_what_is_computed_at_all():
    style = Style.of({"reset_every": 3, "dtype": "float32"})
    assert style.recurrence("relu") == Recurrence("relu", 3, None)
    assert Style.of({"chunk": 4}).recurrence("tanh") == Recurrence("tanh", None, 4)
    assert style.real == np.float32


def test_of_many_explanations_six_are_told():
    seven = tuple((mistake,) for mistake in NETWORK[:7])
    told = str(Report(subject="mine", verdict="wrong", named=[Named(seven, ())]))
    assert [title(mistake) in told for mistake in NETWORK[:7]] == [True] * 6 + [False]
