"""From the book's layout to a program's and back, for every order of axes; and what is not quite declared."""

import itertools
from typing import get_args

import numpy as np
import pytest
from hypothesis import given as given_by
from hypothesis import strategies as st

from elman_np.checking.learner import Style
from elman_np.checking.learner.axes import Given, Layout, arrange, given, numbers, restore, split_joined
from elman_np.checking.learner.losses import Loss
from elman_np.checking.learner.posing import problems
from elman_np.checking.learner.style import CannotRunError

ORDERS = [
    "".join(letters)
    for n in range(4)
    for chosen in itertools.combinations("TBF", n)
    for letters in itertools.permutations(chosen)
]
"""Every order of some of the three axes."""


def seven(words):
    style = Style.of(words)
    problem = problems(style)[2]
    return style, problem, Layout(style, problem)


@pytest.mark.parametrize("order", [order for order in ORDERS if "T" in order])
@pytest.mark.parametrize("one", [None, 0, 1, -1])
def test_axes_are_in_the_declared_order_and_come_back(order, one):
    """By einsum, which names axes too; an axis of length one anywhere."""
    lengths = {letter: n if letter in order else 1 for letter, n in zip("TBF", (3, 2, 5), strict=True)}
    z = np.arange(np.prod([*lengths.values()])).reshape([*lengths.values()])
    want = order if one is None else order[:one] + "1" + order[one:]
    plain = np.einsum(f"TBF->{order}", z)
    found = arrange(z, "TBF", want)
    assert found.shape == tuple(1 if letter == "1" else lengths[letter] for letter in want)
    assert np.array_equal(found.reshape(plain.shape), plain)
    assert not np.shares_memory(found, z)
    assert np.array_equal(restore(found, want, "TBF"), z)


@pytest.mark.parametrize("axes", [axes for axes in ORDERS if "T" in axes])
@pytest.mark.parametrize("steps", ["array", "list"])
@pytest.mark.parametrize("weights", ["out in", "in out"])
@pytest.mark.parametrize("bias", ["F", "F1", "1F"])
def test_what_is_given_comes_back_as_it_was(axes, steps, weights, bias):
    style, problem, layout = seven(
        {"axes": axes, "steps": steps, "weights": weights, "bias": bias, "dh_n": "given"}
    )
    told = vars(given(problem, style))
    params = problem.params
    right = {"x": problem.x, "h_0": problem.h_0, "dh_n": problem.dh_n, "dy": problem.dy} | dict(
        params.items()
    )
    for name, z in right.items():
        laid_out = told[name]
        if steps == "list" and name in ("x", "dy"):
            assert isinstance(laid_out, list)
            assert len(laid_out) == len(problem.x)
            laid_out = np.stack(laid_out)
            assert all(step.flags.owndata for step in told[name])
        assert np.array_equal(layout.take(name, laid_out), z)
        if name in dict(params.items()):
            assert np.array_equal(layout.take(f"d{name}", laid_out), z)
    H, I, O = params.hidden_size, params.input_size, params.output_size  # noqa: E741
    shapes = {"w_x": (H, I), "w_h": (H, H), "w_y": (O, H)}
    assert {n: told[n].shape for n in shapes} == {
        n: shape[::-1] if weights == "in out" else shape for n, shape in shapes.items()
    }
    for n, size in (("b_h", H), ("b_y", O)):
        assert told[n].shape == {"F": (size,), "F1": (size, 1), "1F": (1, size)}[bias]
    sizes = {"T": len(problem.x), "B": problem.x.shape[1], "I": I, "H": H, "O": O}
    assert {n: told[n] for n in sizes} == sizes
    assert (told["activation"], told["dtype"]) == ("tanh", "float64")


@pytest.mark.parametrize("axes", [axes for axes in ORDERS if "T" in axes])
@pytest.mark.parametrize("steps", ["array", "list"])
def test_all_states_are_laid_out_like_the_outputs_with_a_vector_at_every_step(axes, steps):
    """Also where a step has one number, and where the last output alone is looked at."""
    for output in ("every step", "last step", "none"):
        _, problem, layout = seven({"axes": axes, "steps": steps, "output": output})
        count, batch, _ = problem.x.shape
        h = np.arange(count * batch * 4.0).reshape(count, batch, 4)
        own = layout.give("h", h)
        letters = axes if "F" in axes else axes + "F"
        if steps == "list":
            assert isinstance(own, list)
            own, letters = np.stack(own), "T" + letters.replace("T", "")
        lengths = {"T": count, "B": batch, "F": 4}
        assert own.shape == tuple(lengths[letter] for letter in letters)
        assert np.array_equal(own, np.einsum(f"TBF->{letters}", h))
        assert np.array_equal(layout.take("h", own), h)


@pytest.mark.parametrize("joined", ["hx", "xh"])
@pytest.mark.parametrize("weights", ["out in", "in out"])
def test_a_joined_matrix_is_both_side_by_side_and_is_taken_apart(joined, weights):
    style, problem, _ = seven({"joined": joined, "weights": weights})
    told, params = vars(given(problem, style)), problem.params
    pair = [params.w_h, params.w_x] if joined == "hx" else [params.w_x, params.w_h]
    whole = np.hstack(pair)
    assert np.array_equal(told["w"], whole.T if weights == "in out" else whole)
    assert not {"w_h", "w_x"} & told.keys()
    parts = split_joined(told["w"], style, params.hidden_size)
    for name in ("w_h", "w_x"):
        z = getattr(params, name)
        assert np.array_equal(parts[name], z.T if weights == "in out" else z)


@pytest.mark.parametrize("axes", ["TBF", "BTF", "FBT", "TF", "TB", "BT", "T1BF"])
def test_classes_are_laid_out_like_sequences_without_features(axes):
    batch = 2 if "B" in axes else 1
    for steps in (1, 3):
        z = np.arange(steps * batch).reshape(steps, batch)
        letters = "".join(letter for letter in axes if letter in "TB")
        found = numbers(z, axes)
        assert found.shape == tuple({"T": steps, "B": batch}[letter] for letter in letters)
        assert np.array_equal(
            found, np.einsum(f"TB->{letters}", z) if "B" in axes else z.reshape(found.shape)
        )


@pytest.mark.parametrize("output", ["every step", "last step"])
@pytest.mark.parametrize("axes", ["TBF", "BTF", "FBT", "TF"])
def test_numbers_that_stand_for_inputs_have_a_step_also_where_there_is_one(axes, output):
    """Of the last step alone there is one class for each row, and no axis of steps."""
    words = {"axes": axes, "inputs": "numbers", "output": output, "loss": "cross-entropy mean"}
    for problem in problems(style := Style.of(words)):
        told, (steps, batch, _) = given(problem, style), problem.x.shape
        lengths = {"T": steps, "B": batch}
        letters = axes.replace("F", "")
        assert told.x.shape == tuple(lengths[letter] for letter in letters)
        seen = letters.replace("T", "") if output == "last step" else letters
        assert told.target.shape == tuple(lengths[letter] for letter in seen)


WORDS = st.fixed_dictionaries(
    {},
    optional={
        "axes": st.sampled_from(["TBF", "BTF", "FBT", "TF", "FT", "TF1", "F1T", "T", "TB", "BT", "T1", 3]),
        "state": st.sampled_from(["", "F", "BF", "FB", "F1", "FB1", "BBF", 3]),
        "steps": st.sampled_from(["array", "list"]),
        "weights": st.sampled_from(["out in", "in out"]),
        "bias": st.sampled_from(["F", "F1", "1F"]),
        "hidden_bias": st.sampled_from(["one", "two", "none"]),
        "output_bias": st.booleans(),
        "joined": st.sampled_from([None, "hx", "xh"]),
        "output": st.sampled_from(["every step", "last step", "none"]),
        "h_0": st.sampled_from(["given", "zero"]),
        "dh_n": st.sampled_from(["none", "given"]),
        "rate": st.sampled_from([None, 0.1, 1, True, "x", np.inf, np.nan]),
        "loss": st.sampled_from(get_args(Loss)),
        "inputs": st.sampled_from(["vectors", "numbers"]),
        "activation": st.sampled_from(["tanh", "relu", "both"]),
        "reset_every": st.sampled_from([None, 2, 0]),
        "chunk": st.sampled_from([None, 2, "x"]),
        "dtype": st.sampled_from(["float64", "float32"]),
        "sizes": st.dictionaries(
            st.sampled_from("TBIHO"),
            st.sampled_from([0, 1, 1, 2, 2, 3, 3, 2.5, True, "a", (1,), (2, 5), (5, 2), [1, 9]]),
            max_size=2,
        ),
    },
)


@given_by(WORDS)
def test_whatever_is_declared_is_refused_or_can_be_posed(words):
    """And what is posed has the axes that were declared, on the way there and on the way back."""
    try:
        style = Style.of(words)
    except CannotRunError:
        return
    for problem in problems(style)[:3]:
        told, layout = given(problem, style), Layout(style, problem)
        assert told.h_0.shape == tuple(
            layout.sizes["H" if letter == "F" else letter] for letter in style.state_axes
        )
        for name, z in (("y", problem.dy), ("h_0", problem.h_0), ("w_h", problem.params.w_h)):
            if z is None or (style.joined and name == "w_h"):
                continue
            back = layout.give(name, z)
            back = np.stack(back) if isinstance(back, list) else back
            assert np.array_equal(layout.take(name, back), z)


def test_axes_of_length_one_may_be_there_or_not_in_sequences_and_states_alone():
    _, problem, layout = seven({"axes": "TF"})
    y, steps = problem.dy, len(problem.x)
    for shape in ((steps, 2), (steps, 1, 2), (1, steps, 2), (steps, 2, 1)):
        assert np.array_equal(layout.take("y", y.reshape(shape)), y)
        assert np.array_equal(layout.take("dx", np.zeros((steps, 1, 3))), np.zeros((steps, 1, 3)))
    for shape in ((2, steps), (steps * 2,), (steps, 2, 2)):
        with pytest.raises(CannotRunError, match=rf"^y: expected shape \({steps}, 2\), got "):
            layout.take("y", np.resize(y, shape))
    for shape in ((4,), (1, 4), (4, 1)):
        assert layout.take("h_n", np.ones(shape)).shape == (1, 4)
    with pytest.raises(CannotRunError, match=r"^dw_x: expected shape \(4, 3\), got \(4, 3, 1\)"):
        layout.take("dw_x", np.ones((4, 3, 1)))
    for shape in ((4,), (4, 1), (1, 4)):
        assert layout.take("db_h", np.ones(shape)).shape == (4,)
    _, problem, layout = seven({})
    assert np.array_equal(layout.take("y", problem.dy[:, :, None]), problem.dy)
    with pytest.raises(CannotRunError, match="y: expected shape"):
        layout.take("y", problem.dy.transpose(1, 0, 2))


@pytest.mark.parametrize("axes", [axes for axes in ORDERS if "T" in axes])
@pytest.mark.parametrize("loss", ["given", "cross-entropy sum"])
def test_where_the_last_output_alone_is_looked_at_it_has_no_axis_of_time(axes, loss):
    if "F" not in axes and loss != "given":
        return
    _, problem, layout = seven({"axes": axes, "output": "last step", "loss": loss})
    batch, outputs = problem.x.shape[1], problem.params.output_size
    y = np.arange(batch * outputs * 1.0).reshape(1, batch, outputs)
    letters = axes.replace("T", "")
    for name in ("y", "dy", "probabilities"):
        own = layout.give(name, y)
        assert np.array_equal(own, np.einsum(f"TBF->{letters}", y))
        assert np.array_equal(layout.take(name, own), y)
    assert np.array_equal(layout.take("dx", layout.give("dx", problem.x)), problem.x)


def test_a_list_of_steps_is_stacked_whatever_the_order_of_the_other_axes():
    for axes in ("BTF", "FBT", "TFB"):
        _, problem, layout = seven({"axes": axes, "steps": "list"})
        steps = np.stack(layout.give("dy", problem.dy))
        assert np.array_equal(layout.take("y", steps), problem.dy)
    assert np.array_equal(layout.take("y", problem.dy.transpose(0, 2, 1)), problem.dy)


def test_one_number_is_a_loss_whatever_its_shape():
    layout = seven({"loss": "mean of squares"})[2]
    for shape in ((), (1,), (1, 1)):
        assert layout.take("loss", np.full(shape, 2.5)).shape == ()
    with pytest.raises(CannotRunError, match=r"^loss: expected one number, got an array of shape \(2,\)$"):
        layout.take("loss", np.ones(2))


AXES = "; the axes are declared by the words axes, weights and bias"


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        (
            "dw_x",
            (3, 4),
            "dw_x: expected shape (4, 3), got (3, 4); is it the transpose? weights='in out' declares that",
        ),
        ("dw_x", (3, 5), f"dw_x: expected shape (4, 3), got (3, 5){AXES}"),
        ("y", (2, 2, 7), "y: expected shape (7, 2, 2), got (2, 2, 7); in reverse order"),
        ("h_n", (4, 2), "h_n: expected shape (2, 4), got (4, 2); in reverse order"),
        ("db_h", (3,), f"db_h: expected shape (4,), got (3,){AXES}"),
        ("db_h", (8,), f"db_h: expected shape (4,), got (8,){AXES}"),
        ("dy", (7, 2), f"dy: expected shape (7, 2, 2), got (7, 2){AXES}"),
    ],
)
def test_another_shape_is_refused_with_advice(name, shape, message):
    with pytest.raises(CannotRunError) as caught:
        seven({})[2].take(name, np.ones(shape))
    assert str(caught.value) == message


def test_what_a_problem_does_not_have_is_said_with_what_it_has():
    p = Given({"x": 1, "h_0": 2})
    with pytest.raises(AttributeError) as caught:
        p.hidden  # noqa: B018
    assert str(caught.value) == "this problem has no 'hidden'; by its declaration it has x, h_0"


@pytest.mark.parametrize(
    ("words", "there", "gone"),
    [
        ({}, {"w_x", "w_h", "w_y", "b_h", "b_y", "dy", "dh_n"}, {"w", "b_ih", "b_hh", "target", "rate"}),
        ({"hidden_bias": "two"}, {"b_ih", "b_hh"}, {"b_h"}),
        ({"hidden_bias": "none"}, set(), {"b_h", "b_ih", "b_hh"}),
        ({"output_bias": False}, {"w_y"}, {"b_y"}),
        ({"output": "none"}, {"w_h", "b_h"}, {"w_y", "b_y"}),
        ({"output": "none", "output_bias": False}, {"w_h", "b_h"}, {"w_y", "b_y"}),
        ({"loss": "mean of squares"}, {"target"}, {"dy"}),
        ({"rate": 0.1, "chunk": 3}, {"rate", "chunk"}, {"reset_every"}),
        ({"reset_every": 3}, {"reset_every"}, {"rate", "chunk"}),
    ],
    ids=range(9),
)  # fmt: skip
def test_a_program_is_given_what_its_declaration_says_and_nothing_else(words, there, gone):
    style, problem, _ = seven(words)
    told = vars(given(problem, style))
    assert there <= told.keys()
    assert not gone & told.keys()
    for name in {"rate", "chunk", "reset_every"} & there:
        assert told[name] == words[name]
    if words.get("hidden_bias") == "two":
        assert np.array_equal(told["b_ih"] + told["b_hh"], problem.params.b_h)
        assert np.array_equal(told["b_hh"], problem.b_hh)
    if "target" in there:
        assert np.array_equal(told["target"], problem.target)


def test_inputs_may_be_numbers_and_targets_classes():
    style, problem, _ = seven({"inputs": "numbers", "loss": "cross-entropy sum", "axes": "BTF"})
    told = vars(given(problem, style))
    assert np.array_equal(told["x"], problem.x.argmax(axis=-1).T)
    assert np.array_equal(told["target"], problem.target.T)
