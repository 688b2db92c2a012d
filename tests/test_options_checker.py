"""The options of the checker and of the oracles, each observed at two values."""

import numpy as np
import pytest

import elman_np as en
from elman_np.checking import oracles
from elman_np.checking.learner import Style, assert_adam_right, assert_right, check, check_adam
from elman_np.checking.learner.style import CannotRunError
from elman_np.recurrence import Recurrence
from tests.support.observed import check as look
from tests.support.observed import observed, observes


def laid_out(value):
    """Type, dtype, shape and whether all is 0: what a style decides, and none of what is drawn."""
    if isinstance(value, np.ndarray):
        return [str(value.dtype), list(value.shape), bool(value.any())]
    if isinstance(value, list | tuple):
        return [type(value).__name__, [laid_out(part) for part in value]]
    if isinstance(value, dict):
        return {name: laid_out(part) for name, part in value.items()}
    return str(value)


def handed(**words):
    """What a program of this style is given in the first problems, until it gives up."""
    seen = []

    def program(p):
        seen.append({name: laid_out(value) for name, value in vars(p).items()})
        return (
            {"dw_y": np.full_like(p.w_y, np.nan)} if words["activation"] == "both" and len(seen) < 3 else {}
        )

    check(program, **words)
    return seen


def handed_to_adam(**words):
    """The same for a program of Adam, and what the report leaves unchecked."""
    seen = []

    def program(p):
        seen.append({name: laid_out(value) for name, value in vars(p).items()})
        for k in range(10 if words["options"] else 0):
            yield {name: w + k for name, w in p.params.items()}

    return [seen, check_adam(program, **words).unchecked]


BOOK = {
    "axes": "TBF", "state": "BF", "steps": "array", "weights": "out in", "bias": "F", "hidden_bias": "one",
    "output_bias": True, "joined": None, "output": "every step", "h_0": "given", "dh_n": "none", "rate": None,
    "loss": "given", "inputs": "vectors", "activation": "tanh", "dtype": "float64", "sizes": {},
    "reset_every": None, "chunk": None,
}  # fmt: skip
OTHER = {
    "axes": "BTF", "state": "FB", "steps": "list", "weights": "in out", "bias": "F1", "hidden_bias": "two",
    "output_bias": False, "joined": "hx", "output": "none", "h_0": "zero", "dh_n": "given", "rate": 0.5,
    "loss": "mean of squares", "inputs": "numbers", "activation": "both", "dtype": "float32",
    "sizes": {"H": 7}, "reset_every": 3, "chunk": 3,
}  # fmt: skip
STYLES = [
    *observed("elman_np.checking.learner.Style", handed, BOOK, OTHER),
    *observed(
        "elman_np.checking.learner.AdamStyle",
        handed_to_adam,
        {"arrays": "dict", "options": (), "fixed": {}, "dtype": "float64"},
        {"arrays": "list", "options": ("amsgrad",), "fixed": {"lr": 0.5}, "dtype": "float32"},
    ),
]


@observes("elman_np.checking.learner.Style.of", "words")
@observes("elman_np.checking.learner.AdamStyle.of", "words")
@pytest.mark.parametrize(("one", "option"), STYLES)
def test_each_word_of_a_style_changes_what_a_program_is_given(one, option):
    look(one, option)


@observes("elman_np.checking.learner.Style.nearest", "count")
@observes("elman_np.checking.learner.Style.steps_allowed", "count")
def test_steps_keep_within_what_is_declared():
    style = Style(sizes={"T": (2, 5)})
    assert [style.nearest(count) for count in (1, 3, 40)] == [2, 3, 5]
    assert [style.steps_allowed(count) for count in (1, 3, 40)] == [False, True, False]


@observes("elman_np.checking.learner.Style.recurrence", "activation")
def test_a_style_says_what_is_computed_at_all():
    assert Style(chunk=3).recurrence("relu") == Recurrence("relu", chunk=3)
    assert Style(reset_every=3).recurrence("tanh") == Recurrence("tanh", reset_every=3)


@observes("elman_np.checking.learner.check", "solve subject style")
@observes("elman_np.checking.learner.assert_right", "solve style")
def test_check_judges_what_it_is_given_under_the_name_that_it_is_given():
    """`test_learner.py` judges right and wrong programs; here a word is unknown, or the program fails."""
    failed = check(lambda p: {}, "mine")
    refused = check(lambda p: {}, "mine", axis="T")
    assert "an empty dict" in str(failed)
    assert "'axis' is unknown" in str(refused)
    assert str(failed).splitlines()[0] == str(check(lambda p: {}, "yours")).splitlines()[0].replace(
        "yours", "mine"
    )
    for words, said in (({}, "an empty dict"), ({"axis": "T"}, "'axis' is unknown")):
        with pytest.raises(CannotRunError, match=said):
            assert_right(lambda p: {}, **words)


@observes("elman_np.checking.learner.check_adam", "updates subject style")
@observes("elman_np.checking.learner.assert_adam_right", "updates style")
def test_check_adam_does_so_too():
    mine, yours = (str(check_adam(lambda p: [], name)) for name in ("mine", "yours"))
    assert mine.replace("mine", "yours") == yours != mine
    assert "'array' is unknown" in str(check_adam(lambda p: [], "mine", array="dict"))
    for words, said in (({}, "expected"), ({"array": "dict"}, "'array' is unknown")):
        with pytest.raises(CannotRunError, match=said):
            assert_adam_right(lambda p: [], **words)


def gradients(oracle):
    """Return a call that gives five arrays, dx and dh_0 as one list; `test_oracles.py` proves them right."""

    def call(**arguments):
        grads, dx, dh_0 = oracle(**arguments)
        return [*grads, dx, dh_0]

    return call


RNG = np.random.default_rng(0)
PROBLEM = {
    "params": en.init_parameters(2, 3, 2, rng=1),
    "x": RNG.standard_normal((4, 2, 2)),
    "h_0": RNG.standard_normal((2, 3)),
    "dy": RNG.standard_normal((4, 2, 2)),
    "dh_n": None,
    "recurrence": Recurrence("tanh"),
}
CHANGED = {
    "params": en.init_parameters(2, 3, 2, rng=2),
    "x": -PROBLEM["x"],
    "h_0": -PROBLEM["h_0"],
    "dy": 2 * PROBLEM["dy"],
    "dh_n": np.ones((2, 3)),
    "recurrence": Recurrence("tanh", chunk=2),
}
ORACLES = [
    case
    for oracle, more, other in (
        (oracles.forward_mode, {}, {}),
        (oracles.complex_step, {"step": oracles.COMPLEX_STEP}, {"step": 2.0**-10}),
        (oracles.central_differences, {"step": oracles.RELATIVE_STEP}, {"step": 2.0**-5}),
    )
    for case in observed(
        f"elman_np.checking.oracles.{oracle.__name__}", gradients(oracle), PROBLEM | more, CHANGED | other
    )
]


@pytest.mark.parametrize(("one", "option"), ORACLES)
def test_each_argument_of_an_oracle_changes_its_gradient(one, option):
    look(one, option)
