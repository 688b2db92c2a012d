"""One call of a program: what is taken from it, what it is compared with, and what is said if that fails."""

import importlib
import re
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace
from typing import get_args

import numpy as np
import pytest

import elman_np as en
from elman_np.checking.comparison import width_of
from elman_np.checking.learner import Style
from elman_np.checking.learner.answers import right_balls
from elman_np.checking.learner.axes import Layout
from elman_np.checking.learner.calling import GRADIENTS, OUTPUTS, SHOWN, WEIGHTS, attempt, shown
from elman_np.checking.learner.losses import Loss
from elman_np.checking.learner.posing import problems
from elman_np.checking.learner.style import CannotRunError
from tests.support.rounding import in_radii


def posed(words, k=2):
    style = Style.of(words)
    return style, problems(style)[k]


def gradients(p, params):
    """By our own network, without a loss."""
    model = en.ElmanRNN.from_params(params, activation=p.activation)
    y, h_n, tape = model.forward(p.x, p.h_0)
    return y, h_n, *model.backward(tape, p.dy, None)


# ---------------------------------------------------------------- what is taken


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_what_is_returned_is_compared_tensor_by_tensor(dtype):
    style, problem = posed({"dtype": dtype})
    balls = right_balls(problem)

    def solve(p):
        y, _, grads, dx, _ = gradients(p, en.Parameters(p.w_x, p.w_h, p.b_h, p.w_y, p.b_y))
        return {"y": [*y], "dw_h": grads.w_h.T, "dx": dx.astype(np.float64), "db_h": grads.b_h.tolist()}

    done = attempt(solve, style, problem)
    assert done.problem is problem
    assert done.tensors.keys() == done.rows.keys() == {"y", "dw_h", "dx", "db_h"}
    assert {z.dtype for z in done.tensors.values()} == {style.real}
    assert done.wrong == {"dw_h"}
    assert (done.changed, done.single) == ((), False)
    for name, z in done.tensors.items():
        assert (np.max(in_radii(z, balls[name])) <= 1) == (name != "dw_h")
        assert done.own_shapes[name] == z.shape
        assert np.array_equal(done.indices[name].ravel(), np.arange(z.size))


@pytest.mark.parametrize("names", [("y",), ("y", "dw_h")])
@pytest.mark.parametrize("single", [("y",), ("y", "dw_h"), ()])
def test_float32_is_noticed_where_all_is_float32(names, single):
    style, problem = posed({})
    found = {"y": problem.dy, "dw_h": problem.params.w_h}

    def solve(p):
        return {n: found[n].astype("float32" if n in single else "float64") for n in names}

    assert attempt(solve, style, problem).single == ({*names} <= {*single})


@pytest.mark.parametrize("weights", ["out in", "in out"])
@pytest.mark.parametrize("joined", ["hx", "xh"])
@pytest.mark.parametrize("rate", [None, 0.5])
def test_a_joined_matrix_is_taken_apart_with_the_places_of_its_entries(weights, joined, rate):
    style, problem = posed({"weights": weights, "joined": joined, "rate": rate})
    own = (np.arange(28.0) * 0.5 + 3).reshape((7, 4) if weights == "in out" else (4, 7))
    done = attempt(lambda p: {"dw" if rate is None else "w": own}, style, problem)
    whole = own.T if weights == "in out" else own
    right = {"dw_h": whole[:, :4], "dw_x": whole[:, 4:]}
    if joined == "xh":
        right = {"dw_x": whole[:, :3], "dw_h": whole[:, 3:]}
    assert done.tensors.keys() == right.keys()
    for name, z in right.items():
        old = getattr(problem.params, name[1:])
        taken = z if rate is None else (old - z) / rate
        assert np.allclose(done.tensors[name], taken, rtol=1e-14)
        assert np.array_equal(own.ravel()[done.indices[name]], z)
        assert done.own_shapes[name] == own.shape
    for other in ({}, {"joined": joined}):
        wrong = Style.of(other | {"weights": weights})
        with pytest.raises(CannotRunError, match=r"^dw: expected shape .* and the word joined, got \("):
            attempt(lambda p: {"dw": own[:2]}, wrong, problem if not other else posed(other)[1])


@pytest.mark.parametrize("rate", [0.01, 8.0])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("words", [{}, {"hidden_bias": "two"}], ids=str)
def test_new_weights_are_old_ones_less_a_rate_times_the_gradient(rate, dtype, words):
    """Each hidden bias has the gradient of their sum. The bound knows of the update's roundings."""
    style, problem = posed({"rate": rate, "dtype": dtype} | words)
    two = "hidden_bias" in words

    def solve(p, factor=1):
        biases = ("b_ih", "b_hh") if two else ("b_h",)
        params = en.Parameters(p.w_x, p.w_h, sum(getattr(p, n) for n in biases), p.w_y, p.b_y)
        grads = dict(gradients(p, params)[2].items())
        for n in ("w_x", "w_h", *biases, "w_y", "b_y"):
            z = getattr(p, n)
            z -= z.dtype.type(p.rate * factor) * grads["b_h" if n in biases else n]
        return {n: getattr(p, n) for n in ("w_x", "w_h", *biases, "w_y", "b_y")}

    done = attempt(solve, style, problem)
    assert done.changed == ()  # its weights are its own
    names = {"dw_x", "dw_h", "dw_y", "db_y", *(("db_ih", "db_hh") if two else ("db_h",))}
    assert done.tensors.keys() == done.rows.keys() == names
    assert {z.dtype for z in done.tensors.values()} == {style.real}
    assert done.wrong == set()
    plain = right_balls(problem)
    for name in names:
        ball = done.balls[name]
        right = plain["db_h" if name.startswith("db_") and name != "db_y" else name]
        assert np.array_equal(ball.mid, right.mid)
        assert np.all(ball.rad > right.rad)
        # Three roundings of the step, one of the new weight, which is as large as both.
        weight = "b_hh" if name == "db_hh" else "b_h" if name in ("db_ih", "db_h") else name[1:]
        old = problem.b_hh if weight == "b_hh" else getattr(problem.params, weight)
        old = old - problem.b_hh if name == "db_ih" else old
        more = ball.unit.u * (4 * ball.mag + np.abs(old) / rate)
        np.testing.assert_allclose(ball.rad - right.rad, more, rtol=0.02, err_msg=name)
    half = attempt(lambda p: solve(p, 0.5), style, problem)
    assert half.wrong == names


def test_any_other_gradient_that_an_update_shows_is_measured_by_itself():
    style, problem = posed({"rate": 0.1})
    done = attempt(lambda p: {"w_x": p.w_x, "w_h": p.w_h, "b_y": p.b_y}, style, problem)
    assert {*done.rows} == {"dw_x", "dw_h", "db_y"}
    for name, row in done.rows.items():
        ball = done.balls[name]
        assert row.tensor == name
        assert row.width == width_of(ball, ball.mid.astype(float), scale=2.0)
    assert len({np.max(np.abs(done.balls[name].mid)) for name in done.rows}) == 3


def test_a_gradient_of_zero_that_an_update_shows_is_measured_by_the_largest():
    style, problem = posed({"rate": 1e-3, "activation": "relu"})
    params = problem.params
    dead = en.Parameters(params.w_x, params.w_h, params.b_h - 1e4, params.w_y, params.b_y)

    def solve(p):
        found = {n: getattr(p, n) for n in ("w_x", "w_y", "b_y")}
        found["b_y"] = p.b_y - p.rate * p.dy.sum((0, 1))
        return found

    done = attempt(solve, style, replace(problem, params=dead))
    assert not done.tensors["dw_x"].any()
    assert {row.verdict for row in done.rows.values()} == {"agrees"}


def test_it_is_the_largest_gradient_and_no_larger_output():
    """One step from zeros: dw_h is 0, and the outputs are made large."""
    style = Style.of({"rate": 0.1, "h_0": "zero"})
    problem = problems(style)[0]
    params = problem.params
    far = en.Parameters(params.w_x, params.w_h, params.b_h, params.w_y, params.b_y + 1e6)
    problem = replace(problem, params=far)
    done = attempt(lambda p: {"y": right_balls(problem)["y"].mid.astype(float), "w_h": p.w_h, "w_x": p.w_x},
                   style, problem)  # fmt: skip
    largest = max(float(np.max(np.abs(done.balls[n].mid))) for n in ("dw_h", "dw_x"))
    ball = done.balls["dw_h"]
    assert not np.any(ball.mid)
    assert done.rows["dw_h"].width == width_of(ball, np.zeros_like(ball.mid, float), scale=2.0, size=largest)


# ---------------------------------------------------------------- what is changed


@pytest.mark.parametrize("name", ["x", "h_0", "dy", "w_h", "b_y", "dh_n"])
@pytest.mark.parametrize("steps", ["array", "list"])
def test_an_argument_that_is_changed_is_named(name, steps):
    style, problem = posed({"dh_n": "given", "steps": steps})

    def solve(p, by=1.0):
        value = getattr(p, name)
        (value[-1] if isinstance(value, list) else value)[..., 0] += by
        return {"db_y": p.b_y}

    assert attempt(solve, style, problem).changed == (name,)
    assert attempt(lambda p: solve(p, 0.0), style, problem).changed == ()

    def replaced(p, other):
        setattr(p, name, other)
        return {"db_y": np.zeros(2)}

    for other in (None, 3.0, [1, 2]):
        found = attempt(lambda p, other=other: replaced(p, other), style, problem)
        assert found.changed == (name,)

    def shorter(p):
        if isinstance(getattr(p, name), list):
            getattr(p, name).pop()
        return {"db_y": np.zeros(2)}

    assert attempt(shorter, style, problem).changed == (
        (name,) if steps == "list" and name in ("x", "dy") else ()
    )


def test_nan_that_stays_is_not_changed_and_a_number_that_is_set_is():
    style, problem = posed({})
    spoilt = replace(problem, params=problem.params.map(lambda z: z * np.nan))
    assert attempt(lambda p: {"db_y": np.zeros(2)}, style, spoilt).changed == ()

    def set_steps(p):
        p.T = 3
        return {"db_y": np.zeros(2)}

    assert attempt(set_steps, style, problem).changed == ("T",)

    def set_the_same(p):
        p.rate = float(str(p.rate))
        return {"y": p.x[..., :2]}

    assert attempt(set_the_same, *posed({"rate": 0.1})).changed == ()


# ---------------------------------------------------------------- what cannot be taken


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, f"solve: expected a dict with some of {', '.join([*OUTPUTS, *GRADIENTS])}, got NoneType"),
        ([1], f"solve: expected a dict with some of {', '.join([*OUTPUTS, *GRADIENTS])}, got list"),
        ({}, f"solve: returned an empty dict; expected some of {', '.join([*OUTPUTS, *GRADIENTS])}"),
        ({"w_x": 1}, f"solve: returned 'w_x'; known are {', '.join([*OUTPUTS, *GRADIENTS])}"),
        ({"db_y": "no"}, "db_y: expected an array of numbers, got an array of <U2"),
        ({"db_y": np.array([1j, 2])}, "db_y: expected an array of numbers, got an array of complex128"),
        ({"db_y": [[1, 2], [3]]}, "db_y: expected an array of numbers, got "),
        ({"db_y": [None, 1]}, "db_y: expected an array of numbers, got an array with None in it"),
        ({"dw_y": [[1, None]] * 2}, "dw_y: expected an array of numbers, got an array with None in it"),
        ({"db_y": None}, "db_y: expected an array of numbers, got an array with None in it"),
    ],
)
def test_what_is_no_answer_is_refused(value, message):
    style, problem = posed({})
    with pytest.raises(CannotRunError) as caught:
        attempt(lambda p: value, style, problem)
    assert str(caught.value) == message or (
        message.endswith("got ") and str(caught.value).startswith(message)
    )


def test_a_program_that_updates_returns_weights():
    style, problem = posed({"rate": 0.1})
    with pytest.raises(CannotRunError) as caught:
        attempt(lambda p: {"dw_x": p.w_x}, style, problem)
    assert str(caught.value) == f"solve: returned 'dw_x'; known are {', '.join([*OUTPUTS, *WEIGHTS])}"


@pytest.mark.parametrize("name", ["loss", "dy", "probabilities"])
@pytest.mark.parametrize("loss", get_args(Loss))
def test_what_only_a_loss_has_is_taken_under_a_loss_alone(name, loss):
    style, problem = posed({"loss": loss})
    value = 0.0 if name == "loss" else np.zeros((7, 2, 2))
    if loss != "given" and (name != "probabilities" or loss.startswith("cross-entropy")):
        assert attempt(lambda p: {name: value}, style, problem).wrong == {name}
        return
    under = "a cross-entropy" if name == "probabilities" else "a loss"
    with pytest.raises(CannotRunError) as caught:
        attempt(lambda p: {"y": np.zeros((7, 2, 2)), name: value}, style, problem)
    assert str(caught.value) == (
        f"solve: returned {name!r}; expected it under {under} alone, and STYLE has loss={loss!r}"
    )


@pytest.mark.parametrize("words", [{}, {"rate": 0.1}], ids=["gradients", "weights"])
@pytest.mark.parametrize("name", ["w_y", "b_y"])
def test_what_only_an_output_layer_has_is_taken_with_one_alone(name, words):
    """Without, `y` is the states, and nothing of the learner's own could be compared."""
    returned = name if words else f"d{name}"
    value = np.zeros((2, 4) if name == "w_y" else 2)
    for output in ("every step", "last step"):
        style, problem = posed({"output": output} | words)
        assert attempt(lambda p: {returned: value}, style, problem).rows.keys() == {f"d{name}"}
    style, problem = posed({"output": "none"} | words)
    with pytest.raises(CannotRunError) as caught:
        attempt(lambda p: {returned: value}, style, problem)
    assert str(caught.value) == (
        f"solve: returned {returned!r}; expected it with an output layer alone, and STYLE has output='none'"
    )


def test_numbers_may_be_lists_booleans_integers_and_arrays_of_arrays():
    style, problem = posed({})
    for value in ([1, 2], (True, False), np.array([1, 2]), np.array([np.array(1.0), np.array(2.0)], object),
                  np.array([Fraction(1, 2), Fraction(2)])):  # fmt: skip
        done = attempt(lambda p, value=value: {"db_y": value}, style, problem)
        assert np.array_equal(done.tensors["db_y"], np.array([*map(float, value)]))


def test_an_error_is_told_with_the_programs_own_lines_the_last_six():
    style, problem = posed({})

    def down(k):
        return down(k - 1) if k else np.zeros(2)[5]

    with pytest.raises(CannotRunError) as caught:
        attempt(lambda p: {"db_y": down(9)}, style, problem)
    first, *lines, last = str(caught.value).splitlines()
    assert first == f"your program raised an error on the problem {problem}:"
    assert len(lines) == SHOWN == 6
    assert all(line.startswith("  test_learner_calling.py, line ") for line in lines)
    assert lines[-1].endswith(": return down(k - 1) if k else np.zeros(2)[5]")
    assert last == "  IndexError: index 5 is out of bounds for axis 0 with size 2"
    assert caught.value.__cause__ is not None


def test_neither_our_own_lines_nor_those_of_an_import_are_told(tmp_path, monkeypatch):
    style, problem = posed({})
    (tmp_path / "broken_neighbour.py").write_text("x = 1\nx / 0\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(CannotRunError) as caught:
        attempt(lambda p: importlib.import_module("broken_neighbour"), style, problem)
    first, second, last = str(caught.value).splitlines()[1:]
    assert re.fullmatch(r"  test_learner_calling.py, line \d+: attempt\(.*", first)
    assert second == "  broken_neighbour.py, line 2: x / 0"
    assert last == "  ZeroDivisionError: division by zero"


@pytest.mark.parametrize("length", [10, 400, 401, 1000])
def test_a_long_message_is_cut(length):
    try:
        raise ValueError("x" * length)
    except ValueError as error:
        last = shown(error).splitlines()[-1]
    assert last == f"  ValueError: {'x' * min(length, 400)}{' ...' if length > 400 else ''}"


def test_warnings_of_a_program_are_its_own():
    style, problem = posed({})

    def solve(p):
        return {"db_y": np.exp(np.full(2, 1e4)) / np.zeros(2)}

    with np.errstate(all="raise"):
        assert attempt(solve, style, problem).wrong == {"db_y"}


def test_a_gradient_of_the_loss_is_what_the_others_are_judged_by():
    style, problem = posed({"loss": "mean of squares"})
    own = np.arange(problem.target.size).reshape(problem.target.shape) / 8

    def solve(p):
        p = SimpleNamespace(**vars(p), dy=own)
        _, _, grads, dx, dh_0 = gradients(p, en.Parameters(p.w_x, p.w_h, p.b_h, p.w_y, p.b_y))
        return {"dy": own, "dx": dx, "dh_0": dh_0} | {f"d{n}": z for n, z in grads.items()}

    assert attempt(solve, style, problem).wrong == {"dy"}
    without = attempt(lambda p: {n: z for n, z in solve(p).items() if n != "dy"}, style, problem)
    assert without.wrong == without.rows.keys()
    assert Layout(style, problem).sizes["T"] == 7
