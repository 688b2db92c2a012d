"""What a learner's program is asked: sizes, numbers and names of the problems."""

from typing import get_args

import numpy as np
import pytest

import elman_np as en
from elman_np.checking.learner import Style
from elman_np.checking.learner.losses import Loss
from elman_np.checking.learner.posing import (
    GRID,
    MANY,
    Draw,
    least_likely,
    longer_and_longer,
    one_row,
    problems,
    without_future,
    without_start,
)

NAMED = {
    "one step": (1, (2, 2, 3, 2)),
    "two steps": (2, (2, 2, 3, 2)),
    "seven steps": (7, (2, 3, 4, 2)),
    "40 steps": (40, (1, 2, 3, 2)),
    "large gradients": (6, (2, 3, 4, 2)),
    "small gradients": (6, (2, 3, 4, 2)),
    "small weights": (5, (1, 2, 3, 2)),
    "large weights": (5, (2, 2, 3, 2)),
    "many rows and units": (3, (66, 2, 36, 2)),
}
"""T and (B, I, H, O) of each problem, unless a style says otherwise."""
GIVEN = Style(dh_n="given")
STYLES = [
    {},
    {"dtype": "float32"},
    {"dh_n": "given"},
    {"axes": "TB"},
    {"axes": "TF"},
    {"inputs": "numbers"},
    {"output": "none"},
    {"output": "none", "dtype": "float32"},
    {"output": "none", "loss": "mean of squares"},
    {"inputs": "numbers", "dtype": "float32"},
    {"output": "last step"},
    {"output_bias": False},
    {"hidden_bias": "two"},
    {"hidden_bias": "none"},
    {"h_0": "zero"},
    {"loss": "mean of squares"},
    {"loss": "cross-entropy mean", "activation": "relu"},
    {"loss": "cross-entropy sum", "output": "last step"},
    {"sizes": {"T": (2, 5), "B": 3, "I": 4, "H": 6, "O": 5}},
    {"sizes": {"T": 4, "H": 2}, "output": "none"},
]


def sizes_of(problem):
    steps, batch, inputs = problem.x.shape
    return steps, (batch, inputs, problem.params.hidden_size, problem.params.output_size)


def posed(words):
    """Return the problems by name, under one activation."""
    return {problem.name: problem for problem in problems(Style.of(words))}


@pytest.mark.parametrize("activation", ["tanh", "relu", "both"])
def test_nine_problems_are_posed_under_each_activation(activation):
    found = problems(Style(activation=activation))
    assert [(problem.activation, problem.name) for problem in found] == [
        (one, name) for one in ("tanh", "relu") if activation in (one, "both") for name in NAMED
    ]
    for problem in found:
        assert sizes_of(problem) == NAMED[problem.name]
        steps, (batch, inputs, hidden, outputs) = NAMED[problem.name]
        assert str(problem) == (
            f"{problem.name} (T={steps} B={batch} I={inputs} H={hidden} O={outputs}, {problem.activation})"
        )
    assert MANY == 40


@pytest.mark.parametrize("words", STYLES, ids=str)
def test_problems_are_as_their_style_says(words):
    style = Style.of(words)
    fixed = style.sizes
    for problem in problems(style):
        (steps, (batch, inputs, hidden, outputs)), params = NAMED[problem.name], problem.params
        if "F" not in style.axes:
            inputs = outputs = 1
        if style.inputs == "numbers":
            inputs = outputs = 3
        if "B" not in style.axes:
            batch = 1
        hidden = fixed.get("H", hidden)
        outputs = hidden if style.output == "none" else fixed.get("O", outputs)
        batch, inputs = fixed.get("B", batch), fixed.get("I", inputs)
        assert sizes_of(problem) == (style.nearest(steps), (batch, inputs, hidden, outputs))
        steps = style.nearest(steps)
        seen = 1 if style.output == "last step" else steps
        assert problem.last_only == (style.output == "last step")
        assert problem.loss == style.loss
        if style.loss == "given":
            assert problem.target is None
            assert problem.dy.shape == (seen, batch, outputs)
        elif style.loss.startswith("cross"):
            assert problem.dy is None
            assert problem.target.shape == (seen, batch)
            assert set(problem.target.ravel()) <= set(range(outputs))
        else:
            assert problem.dy is None
            assert problem.target.shape == (seen, batch, outputs)
            assert np.all(problem.target != 0)
        assert problem.h_0.any() == (style.h_0 == "given")
        assert problem.dh_n.any() == (style.dh_n == "given")
        assert problem.h_0.shape == problem.dh_n.shape == (batch, hidden)
        if style.inputs == "numbers":
            assert set(problem.x.ravel()) == {0, 1}
            assert np.all(problem.x.sum(axis=-1) == 1)
        else:
            assert np.all(problem.x != 0)
        if style.output == "none":
            assert np.array_equal(params.w_y, np.eye(hidden))
        assert params.b_y.any() == (style.output_bias and style.output != "none")
        assert params.b_h.any() == problem.b_hh.any() == (style.hidden_bias != "none")
        for z in (*params, problem.x, problem.h_0, problem.dh_n, problem.b_hh, problem.dy):
            assert z is None or z.dtype == style.real


@pytest.mark.parametrize(
    "words",
    [
        {"axes": "BTF"}, {"axes": "F1BT"}, {"state": "FB"}, {"steps": "list"}, {"weights": "in out"},
        {"bias": "F1"}, {"hidden_bias": "two"}, {"joined": "xh"}, {"rate": 0.1}, {"reset_every": 3},
        {"chunk": 3},
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("more", [{}, {"loss": "cross-entropy mean"}, {"output": "last step"}], ids=str)
def test_how_a_program_is_laid_out_and_truncated_changes_no_number_of_its_problems(words, more):
    plain = problems(Style.of({"dh_n": "given"} | more))
    for problem, other in zip(problems(Style.of({"dh_n": "given"} | more | words)), plain, strict=True):
        for name in ("x", "h_0", "dy", "target", "dh_n", "b_hh"):
            assert np.array_equal(getattr(problem, name), getattr(other, name)), (problem.name, name)
        assert all(map(np.array_equal, problem.params, other.params)), problem.name


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_both_halves_of_the_hidden_bias_have_one_sign_and_an_exact_sum(dtype):
    for problem in problems(Style(dtype=dtype)):
        scale = {"small weights": 2.0**-10, "large weights": 4.0}.get(problem.name, 1.0)
        first, second = problem.params.b_h - problem.b_hh, problem.b_hh
        assert np.array_equal(first + second, problem.params.b_h)
        for half in (first, second):
            steps = half / (GRID * scale)
            assert np.array_equal(steps, np.round(steps))
            assert np.all((np.abs(steps) >= 2**12) & (np.abs(steps) < 2**15))
        assert np.array_equal(np.sign(first), np.sign(second))
    signs = np.concatenate([np.sign(problem.b_hh) for problem in problems(Style(dtype=dtype))])
    assert {*signs} == {-1, 1}


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_weights_carry_a_state_on_and_the_scales_are_as_named(activation):
    for problem in problems(Style(activation=activation)):
        scale = {"small weights": 2.0**-10, "large weights": 4.0}.get(problem.name, 1.0)
        assert np.linalg.norm(problem.params.w_h, 2) == pytest.approx(0.9 * scale)
        assert 0.05 * scale < np.sqrt(np.mean(problem.params.w_x**2)) < 1.5 * scale
        assert np.sqrt(np.mean(problem.params.w_y**2)) > 0.3
        size = {"large gradients": 1e3, "small gradients": 1e-9}.get(problem.name, 1.0)
        assert 0.3 * size < np.sqrt(np.mean(problem.dy**2)) < 3 * size
    for problem in problems(Style(activation=activation, dh_n="given")):
        size = {"large gradients": 1e3, "small gradients": 1e-9}.get(problem.name, 1.0)
        assert 0.05 * size < np.sqrt(np.mean(problem.dh_n**2)) < 3 * size


def test_w_x_is_half_as_large_as_what_is_drawn():
    """The draws are NumPy's own, in this order: w_x, w_h, the bias, w_y, b_y, x, h_0, dh_n, dy."""
    rng = np.random.default_rng(2023)
    w_x, w_h = rng.standard_normal((3, 2)), rng.standard_normal((3, 3))
    sign, halves = rng.choice([-1, 1], 3), rng.integers(2**12, 2**15, (2, 3))
    w_y, b_y = rng.standard_normal((2, 3)), rng.standard_normal(2)
    x, h_0 = rng.standard_normal((1, 2, 2)), rng.standard_normal((2, 3))
    dh_n, dy = rng.standard_normal((2, 3)), rng.standard_normal((1, 2, 2))
    problem = problems(GIVEN)[0]
    params = problem.params
    for found, drawn in (
        (params.w_x, w_x / 2), (params.w_h, w_h * (0.9 / np.linalg.norm(w_h, 2))), (params.w_y, w_y),
        (params.b_h, (halves * sign).sum(0) * GRID), (params.b_y, b_y), (problem.x, x), (problem.h_0, h_0),
        (problem.dh_n, dh_n), (problem.dy, dy), (problem.b_hh, halves[1] * sign * GRID),
    ):  # fmt: skip
        assert np.array_equal(found, drawn)


@pytest.mark.parametrize("loss", [loss for loss in get_args(Loss) if loss != "given"])
def test_where_the_loss_is_the_programs_gradients_are_made_large_and_small_by_targets_and_weights(loss):
    found = posed({"loss": loss})
    classes = loss.startswith("cross")
    plain = np.abs(found["seven steps"].params.w_y).max()
    assert np.abs(found["small gradients"].params.w_y).max() < 1e-7 * plain
    large = np.abs(found["large gradients"].params.w_y).max()
    assert (large > 20 * plain) == classes
    assert large < 500 * plain
    if not classes:
        assert np.abs(found["large gradients"].target).max() > 200
        assert 0.1 < np.abs(found["small gradients"].target).max() < 5
    else:
        problem = found["large gradients"]
        y, _, _ = en.forward(problem.params, problem.x, problem.h_0)
        assert np.array_equal(problem.target, y.argmin(axis=-1))


@pytest.mark.parametrize("words", [{}, {"output": "last step"}], ids=str)
def test_every_class_and_every_number_is_asked_for(words):
    style = Style.of({"loss": "cross-entropy sum", "inputs": "numbers"} | words)
    asked = problems(style)
    assert {int(k) for problem in asked for k in problem.target.ravel()} == {0, 1, 2}
    assert np.all(sum(problem.x.sum((0, 1)) for problem in asked) > 0)


@pytest.mark.parametrize("words", [{}, {"loss": "mean of squares"}, {"loss": "cross-entropy sum"}], ids=str)
def test_large_is_a_thousand_times_and_small_a_thousand_millionth(words):
    """The same draws without it; a hundred times where the weights are made large."""
    style = Style.of({"dh_n": "given"} | words)
    draw, found = Draw(style), {problem.name: problem for problem in problems(style)}
    plain = {name: draw.problem(name, steps, sizes, "tanh") for name, (steps, sizes) in NAMED.items()}
    for name, factor in (("large gradients", 1e3), ("small gradients", 1e-9)):
        one, other = plain[name], found[name]
        if words == {}:
            assert np.array_equal(other.dy, one.dy * factor)
            assert np.array_equal(other.dh_n, one.dh_n * factor)
        elif "cross" in words["loss"]:
            assert np.array_equal(other.params.w_y, one.params.w_y * min(factor, 1e2))
        elif factor > 1:
            assert np.array_equal(other.target, one.target * factor)
        else:
            assert np.array_equal(other.params.w_y, one.params.w_y * factor)
            assert np.array_equal(other.target, one.target)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("output", ["every step", "last step"])
@pytest.mark.parametrize("cut", [{}, {"reset_every": 2}, {"chunk": 2}], ids=str)
def test_the_least_likely_class_is_the_one_with_the_smallest_output(activation, output, cut):
    """Also where the state goes back to its start, which changes it."""
    words = {"loss": "cross-entropy sum", "activation": activation, "output": output, "sizes": {"O": 5}}
    problem = posed(words | cut)["many rows and units"]
    y, without = (
        en.forward(problem.params, problem.x, problem.h_0, activation=activation, **more)[0]
        for more in (cut, {})
    )
    right = y.argmin(axis=-1)
    assert np.array_equal(right, without.argmin(axis=-1)) != ("reset_every" in cut)
    found = least_likely(problem)
    assert np.array_equal(found.target, right[-1:] if output == "last step" else right)
    assert not np.array_equal(found.target, problem.target)
    large = posed(words)["large gradients"]
    assert np.array_equal(large.target, least_likely(large).target)


def test_longer_problems_are_each_drawn_anew_and_always_the_same():
    longer = list(longer_and_longer(GIVEN, "tanh"))
    for problem in longer:
        steps = len(problem.x)
        assert problem.name == f"{steps} steps"
        assert sizes_of(problem) == (steps, (1, 2, 3, 2))
        again = Draw(GIVEN, seed=steps).problem(problem.name, steps, (1, 2, 3, 2), "tanh")
        assert all(
            map(np.array_equal, (*again.params, again.x, again.dy), (*problem.params, problem.x, problem.dy))
        )
    assert len({problem.params.w_x.tobytes() for problem in longer}) == len(longer)
    assert len(longer) == 21


def test_a_problem_may_be_posed_without_its_start_its_future_or_its_other_rows():
    for words in ({"dh_n": "given"}, {"loss": "mean of squares"}, {"dh_n": "given", "dtype": "float32"}):
        for problem in problems(Style.of(words)):
            same = ("params", "b_hh", "loss", "recurrence", "last_only", "name", "target")
            start = without_start(problem)
            assert not start.h_0.any()
            assert start.h_0.shape == problem.h_0.shape
            assert start.h_0.dtype == problem.h_0.dtype
            assert all(getattr(start, n) is getattr(problem, n) for n in (*same, "x", "dy", "dh_n"))
            row = one_row(problem)
            assert np.array_equal(row.x, problem.x[:, :1])
            assert np.array_equal(row.h_0, problem.h_0[:1])
            assert np.array_equal(row.dh_n, problem.dh_n[:1])
            assert all(getattr(row, n) is getattr(problem, n) for n in same[:-1])
            if problem.dy is None:
                assert row.dy is None
                assert np.array_equal(row.target, problem.target[:, :1])
                continue
            assert row.target is None
            assert np.array_equal(row.dy, problem.dy[:, :1])
            future = without_future(problem)
            assert np.array_equal(future.dy[0], problem.dy[0])
            assert not future.dy[1:].any()
            assert not future.dh_n.any()
            assert future.dy.shape == problem.dy.shape
            assert future.dh_n.shape == problem.dh_n.shape
            assert all(getattr(future, n) is getattr(problem, n) for n in (*same, "x", "h_0"))
