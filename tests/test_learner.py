"""The checker of other people's BPTT and Adam: verdicts, and what it says besides."""

import re
import sys
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import elman_np as en
from elman_np.checking import learner
from elman_np.checking.comparison import Disagreement, Undecided
from elman_np.checking.learner import (
    AdamStyle,
    CannotRunError,
    Style,
    assert_adam_right,
    assert_right,
    check,
    check_adam,
)
from elman_np.checking.learner.child import judge_file
from elman_np.checking.learner.report import Report, title
from elman_np.checking.learner.running import STARTS

ROOT = Path(__file__).parents[1]
PROGRAMS = ROOT / "tests" / "support" / "learners"
CASES = {
    "one_matrix": ("right", []),
    "character_model": ("right, with remarks", []),
    "adam_by_dict": ("right, with remarks", []),
    "last_output": ("wrong", ["w_h transposed on the way back"]),
    "batch_first": ("wrong", ["backward overwrites its upstream gradient"]),
    "features_first": ("wrong", ["derivative at the state before"]),
    "shared_activation": ("wrong", ["one activation for all steps", "dw_h transposed"]),
    "truncated": ("wrong", ["each loss sent back five steps"]),
}
OWN = {
    "einsum": ("right", []),
    "classifier": ("right", []),
    "single_precision": ("right, with remarks", []),
    "relu_series": ("right, with remarks", []),
    "norm_clip": ("right, with remarks", []),
    "adam_keras": ("right, with remarks", []),
    "kept_gradients": ("wrong", ["accumulator not cleared"]),
    "adam_of_lists": ("wrong", ["step counted from 2"]),
    "last_row": ("wrong", ["h_0 read from index -1"]),
    "before_the_slope": ("wrong", ["dh goes back in place of da"]),
    "mean_in_the_bias": ("wrong", ["dw_h with the state after the step", "mean for sum in db_h"]),
}
QUICK = ("right", "right, with remarks")
"""Verdicts that need no search for the mistake."""
FIRST = ("batch_first", "last_output")
"""Wrong programs that are judged in each run; the others in the slow one."""
REMARKS = {
    "character_model": "clipped: no entry of .* above 5",
    "adam_by_dict": "eps stands inside the root",
    "single_precision": "computes in float32",
    "relu_series": "another loss than 'mean of squares': right times 0.5",
    "norm_clip": "scaled down to a norm of 10 ",
    "adam_keras": "eps is added before the correction",
}


def slow_if_named(table):
    return [
        pytest.param(
            name, *expected, marks=[] if expected[0] in QUICK or name in FIRST else pytest.mark.slow, id=name
        )
        for name, expected in table.items()
    ]


@pytest.fixture
def judged():
    """Judge files in this process, and forget their modules and folders afterwards."""
    path, modules = list(sys.path), set(sys.modules)
    yield lambda file: judge_file(file, lambda stage: None)[0]
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if str(PROGRAMS) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.mark.parametrize(("name", "verdict", "names"), slow_if_named(CASES))
def test_the_eight_programs(name, verdict, names, judged):
    report = judged(PROGRAMS / f"check_{name}.py")
    assert (report.verdict, list(report.names)) == (verdict, names)
    if name in REMARKS:
        assert re.search(REMARKS[name], str(report))


@pytest.mark.parametrize(("name", "verdict", "names"), slow_if_named(OWN))
def test_programs_in_other_styles(name, verdict, names, judged):
    report = judged(PROGRAMS / "own" / f"{name}.py")
    assert (report.verdict, sorted(report.names)) == (verdict, sorted(names)), str(report)
    if name in REMARKS:
        assert re.search(REMARKS[name], str(report))


def test_every_program_is_tried():
    assert {p.stem for p in (PROGRAMS / "own").glob("*.py")} == set(OWN)
    assert {p.stem.removeprefix("check_") for p in PROGRAMS.glob("check_*.py")} == set(CASES)


@pytest.mark.parametrize("start", STARTS)
def test_what_new_prints_is_right(start, judged, tmp_path):
    file = tmp_path / f"start_{start}.py"
    file.write_text(STARTS[start].read_text(encoding="utf-8"), encoding="utf-8")
    assert judged(file).verdict == "right"


# ---------------------------------------------------------------- a right program, and what is done to it


def right(p):
    """Of the book's own layout."""
    hs, ys = [p.h_0], []
    for x in p.x:
        hs.append(np.tanh(x @ p.w_x.T + hs[-1] @ p.w_h.T + p.b_h))
        ys.append(hs[-1] @ p.w_y.T + p.b_y)
    g = dict.fromkeys(("dw_x", "dw_h", "db_h", "dw_y", "db_y"), 0)
    dx, dh = np.zeros_like(p.x), np.zeros_like(p.h_0)
    for t in range(p.T)[::-1]:
        da = (p.dy[t] @ p.w_y + dh) * (1 - hs[t + 1] ** 2)
        now = (da.T @ p.x[t], da.T @ hs[t], da.sum(0), p.dy[t].T @ hs[t + 1], p.dy[t].sum(0))
        g = {name: total + part for (name, total), part in zip(g.items(), now, strict=True)}
        dx[t], dh = da @ p.w_x, da @ p.w_h
    return dict(y=ys, h_n=hs[-1], dx=dx, dh_0=dh, **g)


def with_(**changes):
    """The right program with tensors changed after all is done."""

    def solve(p):
        found = right(p)
        return found | {name: change(found[name]) for name, change in changes.items()}

    return solve


def test_right_is_right_and_every_tensor_has_a_row():
    report = check(right)
    assert (report.verdict, report.status) == ("right", 0)
    rows = {row.tensor: row.verdict for row in report.rows}
    assert {n for n, v in rows.items() if v == "right"} == set(right_names()) - {"loss"}
    assert rows["loss"] == "not given"
    assert "what is not given: loss" in str(report)
    assert_right(right)


def right_names():
    return ("y", "h_n", "loss", "dw_x", "dw_h", "db_h", "dw_y", "db_y", "dx", "dh_0")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"dw_h": lambda z: 1.25 * z}, "dw_h: too large by the factor 1.25"),
        (
            {"dx": lambda z: np.roll(z, 1, 0) * (np.arange(len(z)) > 0)[:, None, None]},
            "dx: right, but a step late",
        ),
        ({"db_y": lambda z: -z}, "db_y: right but for its sign"),
        ({"dw_y": lambda z: 0 * z}, "dw_y: all zero"),
    ],
)
@pytest.mark.slow
def test_relations_to_what_is_right_are_said(change, said):
    report = check(with_(**change))
    assert report.status == 1
    assert said in str(report)
    assert report.names == []  # none of these is in the catalogue


@pytest.mark.slow
def test_what_matches_nothing_is_not_named():
    report = check(with_(dw_x=lambda z: z + np.sin(np.arange(z.size)).reshape(z.shape)))
    assert (report.status, report.names) == (1, [])
    assert "none of the mistakes that we know" in str(report)
    with pytest.raises(Disagreement, match="dw_x"):
        assert_right(with_(dw_x=lambda z: 2 * z))


@pytest.mark.slow
def test_the_worst_entry_is_given_in_the_programs_own_index():
    def spoil(z):
        z = z.copy()
        z[0, 1] += 1000
        return z

    text = str(check(with_(dw_h=spoil)))
    assert re.search(
        r"wrong +dw_h +off by 1e\+03 at \[0, 1\]: yours \d+\.\d+, right -?\d\.\d+ \(\'seven steps\'\)", text
    )


@pytest.mark.slow
def test_nan_is_wrong():
    report = check(lambda p: {"dh_0": np.full_like(p.h_0, np.nan)})
    assert report.status == 1
    assert "off by inf" in str(report)


def test_a_bound_that_is_too_wide_is_undecided():
    """An update by a tiny rate shows no digit of the gradient."""

    def solve(p):
        p.w_x -= p.rate * right(p)["dw_x"]
        return {"w_x": p.w_x}

    assert check(solve, rate=0.1).verdict == "right"
    report = check(solve, rate=1e-17)
    assert (report.verdict, report.status) == ("undecided", 3)


@pytest.mark.slow
def test_float32_inside_is_a_remark():
    def solve(p):
        found = right(p)
        return found | {"dw_h": found["dw_h"].astype(np.float32).astype(float)}

    report = check(solve)
    assert report.verdict == "right, with remarks"
    assert "digits that float32 has" in str(report)


@pytest.mark.slow
def test_no_loss_excuses_a_wrong_gradient():
    """Where the loss and its own gradient are right, the others are judged from that."""

    def solve(p):
        r = right(SimpleNamespace(**vars(p), dy=0 * p.target))["y"] - p.target
        found = right(SimpleNamespace(**vars(p), dy=2 / r.size * r))
        return found | {"loss": np.mean(r * r), "dy": 2 / r.size * r, "dw_h": found["dw_h"].T}

    report = check(solve, loss="mean of squares")
    assert (report.verdict, report.names) == ("wrong", ["dw_h transposed"])


# ---------------------------------------------------------------- what cannot be judged


@pytest.mark.parametrize(
    ("solve", "message"),
    [
        (lambda p: None, "expected a dict .* got NoneType"),
        (lambda p: {}, "an empty dict"),
        (lambda p: {"dW": p.w_x}, "returned 'dW'; known are"),
        (lambda p: {"dw_x": p.w_x.T}, r"dw_x: expected shape \(4, 3\), got \(3, 4\).*weights='in out'"),
        (lambda p: {"dw_x": "no"}, "dw_x: expected an array of numbers"),
        (lambda p: {"dw_x": p.b_z}, "no 'b_z'; by its declaration it has x, h_0"),
        (lambda p: {"dw_x": 1 / 0}, r"raised an error on the problem seven steps \(T=7.*ZeroDivisionError"),
        (
            lambda p: {"dw_x": p.w_x[p.T - 2 :]} if p.T == 1 else {"dw_h": 0 * p.w_h},
            "ran on .* of 9 problems",
        ),
    ],
)
def test_what_cannot_be_judged_is_said(solve, message):
    report = check(solve)
    assert (report.verdict, report.status) == ("could not run", 2)
    assert re.search(message, str(report), re.DOTALL)
    with pytest.raises(CannotRunError):
        assert_right(solve)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"axis": "TBF"}, "the word 'axis' is unknown; known are axes, "),
        ({"axes": "BF"}, "expected the letters T"),
        ({"axes": "TT"}, "expected the letters T"),
        ({"state": "T"}, "expected F, and B or 1"),
        ({"weights": "rows"}, r"weights is 'rows'; expected one of \['out in', 'in out'\]"),
        ({"sizes": {"N": 3}}, "sizes is"),
        ({"rate": 0}, "rate is 0"),
        ({"axes": "T", "loss": "cross-entropy sum"}, "needs several outputs"),
    ],
)
def test_unknown_words_are_refused(words, message):
    with pytest.raises(CannotRunError, match=message):
        Style.of(words)
    assert check(right, **words).status == 2


def test_fixed_sizes_are_kept_and_reported():
    seen = []

    def solve(p):
        seen.append((p.T, p.B, p.I, p.H, p.O))
        return right(p)

    report = check(solve, sizes={"T": (2, 5), "B": 1, "H": 6})
    assert report.verdict == "right"
    assert all(2 <= steps <= 5 and batch == 1 and hidden == 6 for steps, batch, _, hidden, _ in seen)
    assert "other numbers of steps than (2, 5)" in str(report)


# ---------------------------------------------------------------- Adam


def updates(p):
    m, v = ({n: np.zeros_like(w) for n, w in p.params.items()} for _ in range(2))
    for t, grads in enumerate(p.grads, 1):
        for n, g in grads.items():
            m[n] = p.beta_1 * m[n] + (1 - p.beta_1) * g
            v[n] = p.beta_2 * v[n] + (1 - p.beta_2) * g * g
            p.params[n] -= p.lr * m[n] / (1 - p.beta_1**t) / (np.sqrt(v[n] / (1 - p.beta_2**t)) + p.eps)
        yield p.params


def test_adam_is_right():
    assert check_adam(updates).verdict == "right"
    assert_adam_right(updates)


@pytest.mark.parametrize(
    ("function", "words", "message"),
    [
        (lambda p: [p.params], {"array": "dict"}, "the word 'array' is unknown"),
        (lambda p: [p.params], {"options": ("nesterov",)}, "options is"),
        (lambda p: [p.params], {"fixed": {"beta": 1}}, "fixed is"),
        (lambda p: [[1]], {}, "expected the dict of parameters"),
        (lambda p: [p.params[:2]], {"arrays": "list"}, "expected arrays of shapes"),
        (lambda p: [p.params] * 3, {}, "got 3 of them"),
        (lambda p: [p.params] * 10, {}, "are the same; yield them after each update"),
        (lambda p: p.step, {}, "no 'step'; by its declaration"),
    ],
)
def test_an_adam_that_cannot_be_judged(function, words, message):
    report = check_adam(function, **words)
    assert report.status == 2
    assert re.search(message, str(report))


def test_changed_gradients_are_wrong():
    def solve(p):
        yield from updates(p)
        p.grads[0]["w_x"] += 1

    report = check_adam(solve)
    assert report.status == 1
    assert "changes the gradients" in str(report)


@pytest.mark.parametrize("name", CASES)
def test_the_page_shows_each_wrapper_of_at_most_ten_lines(name):
    text = (PROGRAMS / f"check_{name}.py").read_text(encoding="utf-8").strip()
    assert text in (ROOT / "docs" / "check.md").read_text(encoding="utf-8")
    assert len([line for line in text.splitlines() if line.strip()]) <= 10


@pytest.mark.slow
def test_the_page_shows_a_report(judged):
    page = (ROOT / "docs" / "check.md").read_text(encoding="utf-8")
    report = judged(PROGRAMS / "check_last_output.py")
    for line in (*report.known, *report.unchecked, *map(title, report.named[0].together[0])):
        assert line in page


@pytest.mark.parametrize(("style", "anchor"), [(Style, "| `axes` |"), (AdamStyle, "| `arrays` |")])
def test_the_page_lists_every_word(style, anchor):
    page = (ROOT / "docs" / "check.md").read_text(encoding="utf-8")
    table = page[page.index(anchor) :].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == [f.name for f in fields(style)]


@pytest.mark.parametrize(
    ("verdict", "error"),
    [("wrong", Disagreement), ("undecided", Undecided), ("could not run", CannotRunError), ("right", None),
     ("right, with remarks", None)],
)  # fmt: skip
@pytest.mark.parametrize("name", ["check", "check_adam"])
def test_what_is_not_right_is_raised_as_what_it_is(name, verdict, error, monkeypatch):
    report = Report(subject="mine", verdict=verdict, trouble="it is so" if verdict == "could not run" else "")
    monkeypatch.setattr(learner, name, lambda program, **style: report)
    insist = learner.assert_right if name == "check" else learner.assert_adam_right
    if error is None:
        assert insist(None) is None
        return
    with pytest.raises(error) as caught:
        insist(None)
    assert type(caught.value) is error
    assert str(caught.value) == str(report)


def backward(params, x, h_0, dy):
    """Run our own network there and back; `dy` is a function of the outputs."""
    model = en.ElmanRNN.from_params(params)
    y, _, tape = model.forward(x, h_0)
    return y, model.backward(tape, dy(y))[0]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_right_update_is_right_in_both_dtypes(dtype):
    """In float32 a gradient of 1e-9 moves no weight: that is said, and not asked."""

    def solve(p):
        params = en.Parameters(p.w_x, p.w_h, p.b_h, p.w_y, p.b_y)
        _, grads = backward(params, p.x, p.h_0, lambda y: p.dy)
        return {
            name: z - z.dtype.type(p.rate) * g for (name, z), g in zip(params.items(), grads, strict=True)
        }

    report = check(solve, rate=0.1, dtype=dtype)
    assert report.verdict == "right", str(report)
    hidden = "gradients near zero (an update in float32 does not show them)"
    assert (hidden in report.unchecked) == (dtype == "float32")
    assert "not checked" in str(report).lower()


def test_a_right_classifier_of_numbers_by_its_last_step_is_right():
    """Also where there is one step: its inputs have an axis of steps, and its class has none."""

    def solve(p):
        params = en.Parameters(p.w_x, p.w_h, p.b_h, p.w_y, p.b_y)
        x, found = np.eye(p.I)[p.x], {}

        def dy(y):
            shares = np.exp(y[-1] - y[-1].max(axis=-1, keepdims=True))
            shares /= shares.sum(axis=-1, keepdims=True)
            right = np.eye(p.O)[p.target]
            found["loss"] = -np.mean(np.log(np.sum(shares * right, axis=-1)))
            upstream = np.zeros_like(y)
            upstream[-1] = (shares - right) / len(right)
            return upstream

        y, grads = backward(params, x, p.h_0, dy)
        return {"y": y[-1], "loss": found["loss"]} | {f"d{name}": g for name, g in grads.items()}

    report = check(solve, inputs="numbers", output="last step", loss="cross-entropy mean")
    assert report.verdict == "right", str(report)


@pytest.mark.parametrize("axes", ["TB", "BT"])
def test_states_are_outputs_with_an_axis_of_their_own_also_of_a_program_on_single_numbers(axes):
    def solve(p):
        x = p.x if axes == "TB" else p.x.T
        dy = p.dy if axes == "TB" else p.dy.swapaxes(0, 1)
        params = en.Parameters(p.w_x, p.w_h, p.b_h, np.eye(p.H), np.zeros(p.H))
        y, grads = backward(params, x[..., None], p.h_0, lambda y: dy)
        found = {"y": y if axes == "TB" else y.swapaxes(0, 1)}
        return found | {f"d{name}": getattr(grads, name) for name in ("w_x", "w_h", "b_h")}

    report = check(solve, axes=axes, output="none")
    assert report.verdict == "right", str(report)
