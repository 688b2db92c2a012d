"""What the checker excuses and what not, and what it says beside its verdict, each found a second way."""

import re
from dataclasses import replace
from types import SimpleNamespace
from typing import get_args

import numpy as np
import pytest

import elman_np as en
from elman_np.checking.balls import Ball, Unit
from elman_np.checking.learner import AdamStyle, Style, check_adam
from elman_np.checking.learner.answers import package_tensors, right_balls
from elman_np.checking.learner.axes import Layout, given
from elman_np.checking.learner.calling import attempt
from elman_np.checking.learner.judging import _faults, _where
from elman_np.checking.learner.losses import Loss
from elman_np.checking.learner.naming import CANDIDATES, Desk, Named, distance
from elman_np.checking.learner.naming import name as name_of
from elman_np.checking.learner.narrowing import _which_steps
from elman_np.checking.learner.optimiser import _known, cases
from elman_np.checking.learner.optimiser import attempt as attempt_adam
from elman_np.checking.learner.posing import MANY, longer_and_longer, problems
from elman_np.checking.learner.remarks import few_digits, remark
from elman_np.checking.learner.report import Report, explain, title
from elman_np.checking.problems import SIZES
from tests.support.rounding import in_radii
from tests.test_learner import updates

GRADIENTS = ("dw_x", "dw_h", "db_h", "dw_y", "db_y", "dx", "dh_0")


def solved(style, problem, change=lambda name, z: z, names=("y", "h_n", *GRADIENTS)):
    """Solve one problem with the right numbers, laid out for the style after `change(name, z)`."""
    layout, balls = Layout(style, problem), right_balls(problem)

    def solve(p):
        found = {name: change(name, balls[name].mid.astype(style.real)) for name in names}
        laid_out = {name: layout.give(name, z) for name, z in found.items()}
        if style.loss != "given":
            laid_out["loss"] = change("loss", balls["loss"].mid.astype(style.real))
        return laid_out

    return attempt(solve, style, problem)


def wrong_in(attempts):
    """Which tensors of which problems are wrong."""
    return {(i, name) for i, one in enumerate(attempts) for name in one.wrong}


# ---------------------------------------------------------------- what is excused


@pytest.mark.parametrize(("share", "lost"), [(0.9, True), (1.1, False)])
def test_digits_are_lost_up_to_the_bound_of_float32(share, lost):
    """Of one entry alone, so that no factor explains it."""
    style = Style()
    problem = problems(style)[2]
    ball = right_balls(problem)["dw_h"]

    def change(name, z):
        moved = z.copy()
        if name == "dw_h":
            moved[1, 2] += share * ball.rad[1, 2] * 2**29
        return moved

    done = solved(style, problem, change)
    assert done.wrong == {"dw_h"}
    assert few_digits([done], {(0, "dw_h")}) == lost


def clip(name, z):
    return np.clip(z, -2, 2) if name in GRADIENTS[:5] else z


def clip_not_quite(name, z):
    return np.where(np.abs(z) > 1000, np.sign(z) * 2.002, clip(name, z)) if name in GRADIENTS[:5] else z


def clip_the_sequence_too(name, z):
    return np.clip(z, -2, 2) if name == "dx" else clip(name, z)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (clip, "clipped: no entry of"),
        *(
            pytest.param(change, None, marks=pytest.mark.slow)
            for change in (clip_not_quite, clip_the_sequence_too)
        ),
    ],
)
def test_a_clip_is_one_limit_for_every_parameter_and_for_nothing_else(change, said):
    attempts = [solved(Style(), problem, change) for problem in problems(Style())]
    wrong = wrong_in(attempts)
    assert {name for _, name in wrong} >= set(GRADIENTS[:5])
    found = remark(Style(), attempts, wrong)
    assert found is None if said is None else said in found


def test_a_limit_that_another_problem_goes_beyond_is_none():
    """By a thousandth, and right there: only one problem's gradients are cut."""
    posed = problems(Style())
    limit = float(np.max(np.abs(right_balls(posed[1])["dw_h"].mid))) / 1.001

    def change(name, z):
        return np.clip(z, -limit, limit) if name == "dw_h" else z

    cut = solved(Style(), posed[4], change)
    assert cut.wrong == {"dw_h"}
    assert "clipped" in remark(Style(), [cut], {(0, "dw_h")})
    assert remark(Style(), [cut, solved(Style(), posed[1])], {(0, "dw_h")}) is None


@pytest.mark.parametrize("output", ["every step", "last step"])
@pytest.mark.parametrize("odd", [None, *(pytest.param(n, marks=pytest.mark.slow) for n in ("db_y", "loss"))])
def test_another_loss_is_one_factor_of_the_loss_and_of_every_gradient(output, odd):
    """The sum in place of the mean: T B O, or B O where the last output alone is looked at."""
    style = Style(output=output, loss="mean of squares")
    attempts = []
    for problem in problems(style):
        count = (1 if output == "last step" else len(problem.x)) * problem.x.shape[1] * 2

        def change(name, z, count=count):
            factor = count * (1.0001 if name == odd else 1)
            return z * factor if name in ("loss", *GRADIENTS) else z

        attempts.append(solved(style, problem, change))
    found = remark(style, attempts, wrong_in(attempts))
    assert (found is None) == (odd is not None)
    if odd is None:
        assert "too large by the factor T B O" in found


def test_decay_is_no_part_of_what_maximize_turns():
    """Wrong only where both are asked for: the sign is turned after the decay, not before."""

    def program(p):
        def turned():
            for grads in p.grads:
                decayed = {n: g + p.weight_decay * p.params[n] for n, g in grads.items()}
                yield {n: -g if p.maximize else g for n, g in decayed.items()}

        return updates(SimpleNamespace(**vars(p) | {"grads": turned()}))

    assert check_adam(program, options=("maximize",)).verdict == "right"
    assert check_adam(program, options=("weight_decay",)).verdict == "right"
    report = check_adam(program, options=("maximize", "weight_decay"))
    assert report.verdict == "wrong"
    assert "wrong only with weight_decay=0.1, maximize=True" in report.known


# ---------------------------------------------------------------- what is changed or left over


@pytest.mark.parametrize("words", [{}, {"steps": "list"}, {"joined": "hx", "hidden_bias": "two"}], ids=str)
def test_each_argument_that_is_changed_in_place_is_named(words):
    style = Style(dh_n="given", **words)
    problem = problems(style)[2]
    names = [name for name, z in vars(given(problem, style)).items() if isinstance(z, np.ndarray | list)]
    assert len(names) >= 9
    for name in names:

        def solve(p, name=name):
            z = getattr(p, name)
            part = z[-1] if isinstance(z, list) else z[-1:]
            part += 1
            return {"y": [0 * dy for dy in p.dy]}

        assert attempt(solve, style, problem).changed == (name,)


@pytest.mark.parametrize(
    ("changed", "named"),
    [(("x",), []), (("dy",), ["backward overwrites its upstream gradient"]), (("b_h",), UPDATED := [
        "weights updated inside backward"]), (("w_x",), UPDATED), (("b_y", "w_y"), UPDATED),
     (("dh_n", "w_h"), ["backward overwrites its upstream gradient", *UPDATED])],
)  # fmt: skip
def test_what_is_changed_is_said_and_what_mistake_that_is(changed, named):
    done = solved(Style(), problems(Style())[2])
    faults, effects = _faults([replace(done, changed=changed), done], done)
    assert len(faults) == 1
    assert f"it changes what it is given: {', '.join(changed)}." in faults[0]
    assert [m.name for e in effects for both in e.together for m in both] == named
    assert _faults([done], done) == ([], [])


# ---------------------------------------------------------------- where it is wrong

LAYOUTS = [
    {},
    {"axes": "BTF", "state": "FB", "weights": "in out", "bias": "F1"},
    {"axes": "FTB", "bias": "1F"},
    {"output": "last step"},
    {"axes": "TF", "weights": "in out"},
]


@pytest.mark.parametrize("words", LAYOUTS, ids=str)
@pytest.mark.parametrize("name", ["y", "h_n", *GRADIENTS])
def test_the_place_is_that_of_the_programs_own_array(words, name):
    style = Style.of(words)
    problem = problems(style)[2]
    rng, own = np.random.default_rng(len(name)), {}

    def change(tensor, z):
        spoilt = z.copy()
        place = tuple(rng.integers(0, n) for n in z.shape)
        spoilt[place] += 1000 if tensor == name else 0
        own[tensor] = Layout(style, problem).give(tensor, spoilt)
        own["step"] = place[0] + 1 if tensor == name else own.get("step")
        return spoilt

    done = solved(style, problem, change)
    said = _where(done, name)
    assert done.wrong == {name}
    at, yours = re.search(r" at \[(.*?)\].*: yours (\S+),", said).groups()
    index = tuple(int(i) for i in at.split(","))
    found = np.asarray(own[name])
    assert np.unravel_index(np.argmax(np.abs(found)), found.shape) == index
    assert float(yours) == float(f"{found[index]:.8g}")
    if words.get("output") == "last step" and name == "y":
        states = solved(style, problem, change, names=("h",))
        assert ", step " in _where(states, "h")
    sequence = name in ("y", "dx") and not (name == "y" and words.get("output") == "last step")
    assert (f", step {own['step']}:" in said) == sequence


@pytest.mark.parametrize(
    ("steps", "said"),
    [([1], "wrong at step 1 of 7 alone"), ([7], "wrong at step 7 of 7 alone"),
     ([3, 4], "wrong at steps 3 to 4 of 7 alone"), ([1, 2, 3, 4, 5, 6], "wrong at steps 1 to 6 of 7 alone"),
     ([2, 3, 4, 5, 6, 7], "wrong at steps 2 to 7 of 7 alone"), ([1, 2, 3, 4, 5, 6, 7], ""), ([2, 4], "")],
)  # fmt: skip
@pytest.mark.parametrize("name", ["y", "dx"])
def test_the_steps_that_are_wrong_are_told(name, steps, said):
    def change(tensor, z):
        moved = z.copy()
        moved[[step - 1 for step in steps], -1, -1] += 1e-3 if tensor == name else 0
        return moved

    done = solved(Style(), problems(Style())[2], change, names=("y", "dx"))
    assert _which_steps([done], name) == said
    assert _which_steps([done], "dx" if name == "y" else "y") == ""


@pytest.mark.parametrize("words", [{"dh_n": "given"}, {"loss": "mean of squares"}], ids=str)
def test_longer_problems_have_all_that_the_style_has(words):
    style = Style.of(words)
    posed = list(longer_and_longer(style, "relu"))
    steps = [len(problem.x) for problem in posed]
    assert steps == sorted(set(steps))
    assert {*range(1, 13), MANY} <= set(steps)
    for problem in posed:
        goal = problem.dy if style.loss == "given" else problem.target
        last = [problem.dh_n] if "dh_n" in words else []
        for z in (*problem.params, problem.x, problem.h_0, goal, *last):
            assert np.all(z != 0)
        assert problem.activation == "relu"


# ---------------------------------------------------------------- of an Adam


def spoilt_adam(options, spoil):
    """Each update's parameters by our Adam, with `spoil(update, size)` added, by the largest gradient."""

    def program(p):
        optimiser = en.Adam(en.AdamOptions(**options))
        names = list(p.params)
        size = {n: np.max([np.abs(g[n]) for g in p.grads], axis=0) for n in names}
        params = en.Parameters(**p.params)
        for update, grads in enumerate(p.grads, 1):
            params = optimiser.step(params, en.Parameters(**grads))
            yield {n: z + spoil(update, size[n]) for n, z in params.items()}

    return program


def runs_of(spoil):
    runs = [attempt_adam(spoilt_adam(case.options, spoil), AdamStyle(), case) for case in cases(AdamStyle())]
    return runs, {(i, "params") for i, run in enumerate(runs) if run.row.verdict == "differs"}


@pytest.mark.parametrize("first", [1, 2, 10])
def test_an_adam_is_wrong_from_the_update_on_from_which_it_is(first):
    runs, wrong = runs_of(lambda update, size: 1e-3 * (update >= first))
    said = "wrong from the first update on" if first == 1 else f"right at first, wrong from update {first} on"
    assert said in _known(runs, wrong)


@pytest.mark.parametrize("ends", [(0.0, 0.0), (0.05, np.inf), (0.0, 2e-5), (20.0, np.inf)])
def test_an_adam_is_right_where_no_gradient_of_that_size_is_wrong(ends):
    """A size stands for the numbers within a factor of 20 of it."""

    def off(z):
        return (z >= ends[0]) & (z <= ends[1])

    runs, wrong = runs_of(lambda _, z: 1e-3 * off(z))
    grads = np.array([np.concatenate([g.ravel() for g in update]) for update in runs[0].case.grads])
    largest = np.max(np.abs(grads), axis=0)
    rights = []
    for size in SIZES:
        like = largest == 0 if size == 0 else (largest > size / 20) & (largest < size * 20)
        if like.any() and not off(largest[like]).any():
            rights.append(f"{size:g}")
    assert rights
    assert f"right where gradients are of the size {', '.join(rights)}" in _known(runs, wrong)


def test_an_adam_may_show_its_last_parameters_alone():
    assert check_adam(lambda p: list(updates(p))[-1:]).verdict == "right"


def test_an_adam_that_is_wrong_at_one_update_alone_is_noticed_in_every_run():
    runs, wrong = runs_of(lambda update, z: 1e-3 * (update == 9) * (z >= 0))
    assert len(wrong) == len(runs)


@pytest.mark.parametrize("last_only", [False, True])
def test_the_place_in_an_adam_is_an_update_and_its_gradient(last_only):
    def program(p):
        states = [{n: z.copy() for n, z in state.items()} for state in updates(p)]
        for update, state in enumerate(states, 1):
            state["w_h"][1, 2] += 1000.0 * (update >= 4)
            yours.append(state["w_h"][1, 2])
            gradients.append(p.grads[update - 1]["w_h"][1, 2])
        return states[-1:] if last_only else states

    yours, gradients = [], []
    report = check_adam(program)
    update = 10 if last_only else 4
    assert f"at w_h[1, 2] after update {update}: yours {yours[update - 1]:.8g}, " in report.rows[0].where
    assert f"gradient {gradients[update - 1]:.2g} (" in report.rows[0].where


# ---------------------------------------------------------------- which mistake it is


def test_two_wrong_tensors_are_apart_in_radii_of_the_right_one_grown_to_their_size():
    unit = Unit.of(np.float64)
    ball = Ball(np.array([1.0, 4.0], unit.long), np.array([1e-3, 2e-3]), unit)
    one, large, small = np.array([1.0, 8.0]), np.array([1.0, 8.016]), np.array([1.0, 2.0])
    assert distance(one, large, ball) == pytest.approx(0.016 / (2 * 2e-3 * 8.016 / 4))
    assert distance(large, one, ball) == pytest.approx(0.016 / (2 * 2e-3 * 8 / 4))
    assert distance(small + 0.001, small, ball) == pytest.approx(0.001 / (2 * 2e-3))
    assert distance(one, one, ball) == 0
    zero = Ball(0 * ball.mid, 0 * ball.rad, unit)
    assert distance(one + 32 * unit.u * 8, one, zero) == pytest.approx(0.5, rel=0.1)
    assert distance(0 * one, 0 * one, zero) == 0
    assert distance(one * np.nan, one, ball) == np.inf
    wide = Ball(0 * ball.mid, np.array([0.0, 0.25]), unit)
    assert distance(one, one + np.array([0, 1.0]), wide) == pytest.approx(2, rel=1e-12)
    exact = Ball(ball.mid, 0 * ball.rad, unit)
    assert (distance(one, one, exact), distance(one, large, exact)) == (0, np.inf)
    assert distance(np.zeros(2), np.zeros(2), Ball(0 * ball.mid, 0 * ball.rad, unit)) == 0
    both = np.array([np.nan, 8.0])
    assert distance(both, both, ball) == 0
    empty = Ball(ball.mid[:0], ball.rad[:0], unit)
    assert distance(one[:0], one[:0], empty) == 0
    tiny = 64 * unit.u * 8  # where what is right is zero, and its radius too
    assert distance(one + 0.999 * tiny, one, zero) < 1 < distance(one + 1.01 * tiny, one, zero)


@pytest.mark.parametrize(("far", "named"), [(0.5, 2), (90.0, 2), (110.0, 1)])
def test_a_mistake_that_is_within_a_hundred_radii_is_named_beside_the_one_that_fits(far, named):
    unit, mine = Unit.of(np.float64), np.array([3.0, 5.0])
    ball = Ball(np.array([1.0, 4.0], unit.long), np.full(2, 1e-6), unit)
    first, second = CANDIDATES[:2]
    moved = {first.name: 0.0, second.name: far * 2e-6 * 5 / 4}

    def compute(_, *changes):
        return {"z": mine + sum(moved[change.name] for change in changes), "w": mine}

    desk = Desk([SimpleNamespace(tensors={"z": mine, "w": mine}, balls={"z": ball, "w": ball})], compute)
    (found,) = name_of(desk, (first, second), {(0, "z"), (0, "w")})
    assert found.together == ((first,), (second,))[:named]


@pytest.mark.parametrize("count", [3, 5, 6, 7, 8])
def test_of_mistakes_that_cannot_be_told_apart_six_are_explained(count):
    """Each by its own words; the last, of two at once, by their names."""
    *single, other = CANDIDATES[:count]
    named = Named((*((mistake,) for mistake in single), (single[0], other)), ("dx",))
    text = str(Report(subject="mine", verdict="wrong", named=[named]))
    assert "It looks like one of these in dx:" in text
    assert [mistake for mistake in single if explain(mistake) in text] == single[:6]
    assert (f"together: {title(single[0])} and {title(other)}" in text) == (count <= 6)


@pytest.mark.parametrize("loss", get_args(Loss))
@pytest.mark.parametrize(
    "words", [{}, {"output": "last step"}, {"reset_every": 3}, {"chunk": 3, "dtype": "float32"}], ids=str
)
def test_without_a_mistake_a_package_computes_what_is_right_under_every_loss(loss, words):
    """What the numbers of a mistake are held against: by the sequence, and by single steps."""
    style = Style.of({"loss": loss, "dh_n": "given"} | words)
    posed = problems(style)
    for problem in (posed[2], posed[-1]):
        balls = right_balls(problem)
        for by_cell in (False, True):
            found = package_tensors(en, problem, by_cell=by_cell)
            assert {"y", "h_n", *GRADIENTS} <= found.keys() <= balls.keys()
            assert ("loss" in found) == (loss != "given")
            assert ("probabilities" in found) == loss.startswith("cross")
            for name, z in found.items():
                assert np.all(in_radii(z, balls[name]) <= 1), name
                assert z.dtype == style.real, name
