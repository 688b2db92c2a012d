"""The exercises: each file says what is left of it, takes its answer, and names what is wrong in others."""

import re
import runpy
import sys

import numpy as np
import pytest

import elman_np.__main__
from elman_np.checking.learner import check
from elman_np.checking.learner.child import judge_file
from elman_np.checking.learner.exercises import Exercise, gaps
from elman_np.checking.learner.report import Report, TensorRow
from elman_np.checking.learner.style import CannotRunError
from tests.support.exercises import DOCS, FILES, answers, filled

ANSWERS = answers()
PAGE = (DOCS / "exercises.md").read_text("utf-8")
every = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


@pytest.fixture
def judged(tmp_path, monkeypatch):
    """Judge a text under an exercise's name, in this process; forget its module and its folder."""
    monkeypatch.setattr(sys, "path", list(sys.path))

    def judge(name, text):
        file = tmp_path / name
        file.write_text(text, encoding="utf-8")
        monkeypatch.delitem(sys.modules, file.stem, raising=False)
        return judge_file(file, lambda stage: None)

    yield judge
    for file in FILES:
        sys.modules.pop(file.stem, None)


def answered(name):
    return filled(DOCS / "exercises" / name, ANSWERS[name])


def test_one_leads_to_the_next():
    namespaces = [{} for _ in FILES]
    for file, namespace in zip(FILES, namespaces, strict=True):
        exec(compile(file.read_text("utf-8"), file.name, "exec"), namespace)
    exercises = [Exercise.of(namespace["EXERCISE"]) for namespace in namespaces]
    assert [e.number for e in exercises] == [int(file.name[:2]) for file in FILES]
    assert [e.next for e in exercises] == [*(file.name for file in FILES[1:]), ""]
    assert set(ANSWERS) == {file.name for file in FILES}
    sections = re.findall(r"^### (\d+)\. ", PAGE, re.MULTILINE)
    assert [int(number) for number in sections] == list(range(1, exercises[-1].number + 1))
    for exercise in exercises:
        page, _, anchor = exercise.read.removeprefix("docs/").partition("#")
        headings = re.findall(r"^#+ (.+)$", (DOCS / page).read_text("utf-8"), re.MULTILINE)
        slugs = [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]
        assert anchor in ("", *slugs)


@every
def test_an_unfilled_file_is_not_yet_done(file, judged):
    (report,) = judged(file.name, file.read_text("utf-8"))
    assert (report.verdict, report.status) == ("not yet", 4)
    number = len(gaps(file.read_text("utf-8")))
    assert number > 0
    assert f"Exercise {file.name[:2]}: {'one gap is' if number == 1 else f'{number} gaps are'} left." in str(
        report
    )
    assert max(map(len, str(report).splitlines())) <= 90


@every
def test_its_answer_is_right(file, judged):
    reports = judged(file.name, answered(file.name))
    assert {report.verdict for report in reports} == {"right"}
    number, after = int(file.name[:2]), FILES[FILES.index(file) + 1 :]
    end = f"The next one is {after[0].name}, beside it." if after else "It was the last one"
    assert f"Exercise {number} is done. {end}" in str(reports[-1])
    assert "not given" not in str(reports[-1])


def test_the_last_one_trains(tmp_path, capsys):
    """What it prints stands on the page, and so does what the package finds."""
    file = tmp_path / "21_whole.py"
    file.write_text(answered("21_whole.py"), encoding="utf-8")
    runpy.run_path(str(file), run_name="__main__")
    assert PAGE.count(capsys.readouterr().out) == 2


def test_a_gap_that_is_left_is_shown(judged):
    text = answered("14_step.py").replace("np.tanh(a)", "...")
    (report,) = judged("14_step.py", text)
    assert report.verdict == "not yet"
    assert re.search(r"one gap is left.\n\n  line +\d+  h = \.\.\.\n\n", str(report))


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("a = ...\nb = z[..., 0] + z[...]\n", [1]),
        ("for t in ...:\n    f(..., g(...))\n", [1, 2, 2]),
        ("def f(x):\n    'what'\n    ...\n", [1]),
        ("def f(x: tuple[int, ...]):\n    return ...\n", [2]),
        ("a = 1  # ...\nb = '...'\n", []),
    ],
)
def test_what_a_gap_is(source, lines):
    assert gaps(source) == lines


WRONG = [
    ("14_step.py", "h_before @ w_h.T", "h_before @ w_h", "w_h not transposed in the forward pass"),
    ("14_step.py", " + b_h", "", "hidden bias left out"),
    ("15_loss.py", "2 / y.size", "2 / len(y)", "n counts steps only"),
    (
        "15_loss.py",
        "np.mean(residual * residual)",
        "np.sum(residual * residual)",
        "sum of squares for their mean",
    ),
    ("16_one_unit.py", "da * h[t]", "da * h[t + 1]", "dw_h with the state after the step"),
    ("16_one_unit.py", "db_h += da", "db_h += dh", "db_h from dh"),
    (
        "17_step_backward.py",
        "dh_before = da @ w_h",
        "dh_before = da @ w_h.T",
        "w_h transposed on the way back",
    ),
    ("17_step_backward.py", "1 - h * h", "1 - h", "derivative 1 - h"),
    ("18_through_time.py", "dh_next = dh_n", "dh_next = 0 * dh_n", "gradient of the last state ignored"),
    ("18_through_time.py", "reversed(range(len(x)))", "reversed(range(1, len(x)))", "first step skipped"),
    ("18_through_time.py", "total.map(np.add, sent.grads)", "sent.grads", "= for += over the steps"),
    ("19_chunks.py", "t > 0 and t % chunk == 0", "False", "chunks that cut nothing"),
    ("19_chunks.py", "t > 0 and t % chunk == 0", "t % chunk == 1", "chunks cut a step late"),
    ("19_chunks.py", "t > 0 and t % chunk == 0", "t % chunk == 0", "gradient of h_0 left zero"),
    ("20_adam.py", "self.m[name] / (1 - self.beta_1**self.updates)", "self.m[name]", "m not corrected"),
    ("21_whole.py", "da.T @ h[t]", "da.T @ h[t + 1]", "dw_h with the state after the step"),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "old", "new", "mistake"), [pytest.param(*row, id=f"{row[0][:2]}, {row[3]}") for row in WRONG]
)
def test_a_wrong_answer_is_named(name, old, new, mistake, judged):
    text = answered(name)
    assert text.count(old) == 1
    reports = judged(name, text.replace(old, new))
    assert [*reports[0].names, *reports[-1].names][:1] == [mistake]
    assert f"Exercise {name[:2]} is not done yet." in str(reports[-1])


def test_what_cannot_run_is_not_done(judged):
    (report,) = judged("14_step.py", answered("14_step.py").replace("return y, h", "return h"))
    assert report.status == 2
    assert str(report).endswith(
        "Exercise 14 is not done yet. Read docs/cell.md; docs/exercises.md has hints."
    )


def test_a_remark_is_not_done(judged):
    text = answered("20_adam.py").replace("np.sqrt(v_hat) + self.eps", "np.sqrt(v_hat + self.eps)")
    (report,) = judged("20_adam.py", text)
    assert report.verdict == "right, with remarks"
    assert "Exercise 20 is nearly done: mend what the remark says" in str(report)


@pytest.mark.parametrize("words", [3, {"number": 1}, {"number": 1, "read": "", "after": ""}])
def test_a_declaration_that_is_not_one_is_refused(words, judged):
    with pytest.raises(CannotRunError, match="EXERCISE: expected a dict with number, read, next, got"):
        Exercise.of(words)
    (report,) = judged("1_x.py", f"EXERCISE = {words!r}\ndef solve(p):\n    return {{}}\n")
    assert report.status == 2


def test_the_command_and_the_page_say_the_same(capsys):
    file = DOCS / "exercises" / "14_step.py"
    assert elman_np.__main__.main(["check", str(file)]) == 4
    assert f"```text\n{capsys.readouterr().out}```" in PAGE


@pytest.mark.slow
def test_the_page_shows_a_wrong_one(judged):
    (report,) = judged("14_step.py", answered("14_step.py").replace("h_before @ w_h.T", "h_before @ w_h"))
    assert f"```text\n{report}\n```" in PAGE


# ---------------------------------------------------------------- truncation on purpose


def never(t):
    return False


def truncated(p, resets=never, cuts=never):
    """Without an output layer. `resets` before a step goes back to h_0; `cuts` sends nothing back."""
    before, after, h = [], [], p.h_0
    for t, x in enumerate(p.x):
        before.append(p.h_0 if t and resets(t) else h)
        h = np.tanh(x @ p.w_x.T + before[t] @ p.w_h.T + p.b_h)
        after.append(h)
    dw_h, dh, dh_0 = 0, p.dh_n, 0
    for t in reversed(range(p.T)):
        da = (p.dy[t] + dh) * (1 - after[t] ** 2)
        dw_h, dh = dw_h + da.T @ before[t], da @ p.w_h
        if t and resets(t):
            dh_0 = dh_0 + dh
        if t and (resets(t) or cuts(t)):
            dh = np.zeros_like(dh)
    return {"y": after, "h_n": h, "dw_h": dw_h, "dh_0": dh_0 + dh}


WORDS = {"output": "none", "dh_n": "given"}


@pytest.mark.parametrize("word", ["reset_every", "chunk"])
def test_a_declared_truncation_is_right(word):
    def solve(p):
        return truncated(p, **{where[word]: lambda t: t % getattr(p, word) == 0})

    where = {"reset_every": "resets", "chunk": "cuts"}
    assert check(solve, **WORDS, **{word: 3}).verdict == "right"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "word", "name"),
    [
        ({"cuts": lambda t: t % 3 == 1}, "chunk", "chunks cut a step late"),
        ({"cuts": never}, "chunk", "chunks that cut nothing"),
        ({"resets": lambda t: t % 4 == 0}, "reset_every", "resets a step late"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_its_mistakes_are_named(changes, word, name):
    report = check(lambda p: truncated(p, **changes), **WORDS, **{word: 3})
    assert (report.verdict, report.names) == ("wrong", [name])


@pytest.mark.slow
def test_a_truncation_that_is_not_declared_is_wrong():
    report = check(lambda p: truncated(p, cuts=lambda t: t % 3 == 0), **WORDS)
    assert (report.verdict, report.names) == ("wrong", ["truncated after 3 steps"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"chunk": 2, "reset_every": 2}, "at most one of them"),
        ({"chunk": 0}, "STYLE: chunk: expected"),
        ({"reset_every": 2.5}, "STYLE: reset_every: expected"),
    ],
)
def test_a_truncation_that_is_none_is_refused(words, message):
    report = check(truncated, **words)
    assert report.status == 2
    assert re.search(message, str(report))


def test_a_line_with_two_gaps_is_shown_once(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("def solve(p):\n    return f(..., g(...))\n\nx = ...\n", encoding="utf-8")
    report = Exercise(3, "docs/cell.md", "12_loss.py").not_yet(file)
    lines = report.trouble.splitlines()
    assert lines[0] == "Exercise 3: 3 gaps are left."
    assert lines[2:5] == ["  line   2  return f(..., g(...))", "  line   4  x = ...", ""]


def test_of_two_functions_neither_tells_what_was_not_asked():
    rows = [TensorRow("y", "right", ""), TensorRow("dx", "not given", "")]
    pair = [Report(subject=n, verdict="right", rows=rows, unchecked=["this"]) for n in ("solve", "updates")]
    first, last = Exercise(3, "docs/cell.md", "12_loss.py").close(pair)
    for report in (first, last):
        assert [row.tensor for row in report.rows] == ["y"]
        assert list(report.unchecked) == []
    assert (first.closing, last.closing) == ("", "Exercise 3 is done. The next one is 12_loss.py, beside it.")


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        (("right", "right"), "is done"),
        (("right", "right, with remarks"), "is nearly done"),
        (("right", "could not run"), "is not done yet"),
        (("right", "undecided"), "is not done yet"),
        (("right", "wrong"), "is not done yet"),
        (("right, with remarks", "wrong"), "is not done yet"),
    ],
)
def test_an_exercise_is_as_done_as_the_worse_of_its_functions(verdicts, said):
    for pair in (verdicts, verdicts[::-1]):
        reports = [Report(subject=n, verdict=v) for n, v in zip(("solve", "updates"), pair, strict=True)]
        assert f"Exercise 3 {said}" in Exercise(3, "docs/cell.md", "12_loss.py").close(reports)[-1].closing
