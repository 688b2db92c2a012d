"""What explains a difference without a mistake: a clip, a norm, another loss, few digits; and what not."""

from types import SimpleNamespace

import numpy as np
import pytest

from elman_np.checking.balls import Ball, Unit
from elman_np.checking.learner import Style
from elman_np.checking.learner.posing import problems
from elman_np.checking.learner.remarks import PARAMETERS, _norm, few_digits, remark

UNIT = Unit.of(np.float64)
RADIUS = 2.0**-40
STYLE = Style()
MEAN = Style(loss="mean of squares")
POSED = [problems(STYLE)[i] for i in (2, 4, 5)]
NUMBERS = {
    "dw_x": np.array([[3.0, -0.5], [1.0, 8.0]]),
    "dw_h": np.array([[2.0, -7.0], [0.25, 5.0]]),
    "db_h": np.array([6.0, -1.5]),
    "dx": np.array([1.0, -4.0, 0.125]),
    **dict.fromkeys(("y", "h", "h_n", "probabilities"), np.array([2.0, 5.0])),
    "loss": np.array(3.0),
    "dy": np.array([0.5, 9.0]),
}


def attempts_of(*changes, radius=RADIUS, names=("dw_x", "dw_h", "db_h", "dx", "y")):
    """Return an attempt for each change, `change(name, right)`; wrong by more than two radii."""
    made = []
    for i, change in enumerate(changes):
        tensors = {n: np.asarray(change(n, NUMBERS[n]), float) for n in names}
        off = {n: np.abs(z - NUMBERS[n]) for n, z in tensors.items()}
        made.append(
            SimpleNamespace(
                problem=POSED[i],
                tensors=tensors,
                balls={
                    n: Ball(NUMBERS[n].astype(UNIT.long), np.full(NUMBERS[n].shape, radius), UNIT)
                    for n in names
                },
                wrong={n for n in names if not np.all(off[n] <= 2 * radius)},
                rows=dict.fromkeys(names),
            )
        )
    return made


def said(attempts, style=STYLE):
    return remark(style, attempts, {(i, n) for i, a in enumerate(attempts) for n in a.wrong})


def same(name, z):
    return z


def clipped(limit, names=PARAMETERS):
    return lambda name, z: np.clip(z, -limit, limit) if name in names else z


# ---------------------------------------------------------------- a clip

CLIPPED = (
    "the gradients are clipped: no entry of {} is above {}. Below that they are right. "
    "A clip belongs outside of the gradient, where one can see it"
)


def test_nothing_is_said_where_nothing_is_wrong():
    assert said(attempts_of(same, same)) is None


@pytest.mark.parametrize(
    ("limit", "names", "told"),
    [
        (4.0, PARAMETERS, "db_h, dw_h, dw_x"),
        (0.375, ("dw_x",), "dw_x"),
        (2.5, ("dw_h",), "dw_h"),
        (5.5, ("db_h", "dw_h"), "db_h, dw_h"),
    ],
)
def test_one_limit_of_every_entry_is_a_clip(limit, names, told):
    line = CLIPPED.format(told, f"{limit:.6g}")
    assert said(attempts_of(clipped(limit, names))) == line
    assert said(attempts_of(clipped(limit, names), clipped(limit, names))) == line


def test_what_is_clipped_is_clipped_wherever_it_would_be_larger():
    assert said(attempts_of(clipped(4, ("dw_h",)), same)) is None
    small = attempts_of(clipped(4, ("dw_h",)), lambda n, z: z / 2)
    small[1].wrong, small[1].balls = set(), {}
    assert said(small) == CLIPPED.format("dw_h", "4")


@pytest.mark.parametrize(("more", "holds"), [(0.5e-9, True), (2e-9, False), (1e-3, False)])
def test_limits_are_one_to_nine_digits(more, holds):
    first, second = clipped(4, ("dw_h",)), clipped(4 * (1 + more), ("dw_x",))
    radius = 2.0**-20  # so that both are clipped to either limit
    attempts = attempts_of(lambda n, z: second(n, first(n, z)), radius=radius)
    assert (said(attempts) is not None) == holds
    again = attempts_of(first, lambda n, z: z / 8)
    again[1].tensors["dw_h"] = np.full((2, 2), 4 * (1 + more))
    again[1].wrong = set()
    assert (said(again) is not None) == holds


def test_a_clip_of_a_sequence_or_one_that_changes_more_is_none():
    assert said(attempts_of(clipped(3, ("dx",)))) is None
    assert said(attempts_of(clipped(3, ("dx", "dw_h")))) is None
    off = 1.5 * 2 * RADIUS
    for by, holds in ((0.4, True), (1.5, False), (-1.5, False)):

        def nearly(name, z, by=by):
            return clipped(4)(name, z) + off * by * (z == 0.25)

        assert (said(attempts_of(nearly)) is not None) == (holds or abs(off * by) <= 2 * RADIUS)
    assert said(attempts_of(lambda n, z: np.clip(z, -4, 3) if n in PARAMETERS else z)) is None
    for radii, holds in ((2.0, True), (2.5, False)):

        def beside(name, z, radii=radii):
            return clipped(4)(name, z) + radii * RADIUS * (z == 0.25)

        assert (said(attempts_of(beside)) is not None) == holds
    for all_of in (0.0, np.inf, np.nan):
        assert said(attempts_of(lambda n, z, v=all_of: 0 * z + v if n == "dw_h" else z)) is None


# ---------------------------------------------------------------- a norm

SCALED = (
    "the gradients are scaled down to a norm of {} where that is larger. Below that they are right. "
    "A clip belongs outside of the gradient, where one can see it"
)
NORM = float(np.sqrt(sum(np.sum(NUMBERS[n] ** 2) for n in ("dw_x", "dw_h", "db_h"))))


def scaled(factor, names=PARAMETERS):
    return lambda name, z: factor * z if name in names else z


@pytest.mark.parametrize("factor", [0.5, 0.01, 0.999])
def test_one_factor_below_one_of_all_parameters_is_a_norm(factor):
    line = SCALED.format(f"{factor * NORM:.6g}")
    assert said(attempts_of(scaled(factor))) == line
    attempts = attempts_of(scaled(factor), scaled(factor), same)
    assert said(attempts) is None  # the third has a larger norm, and is right
    small = factor / 2
    attempts[2].tensors = {n: small * z for n, z in attempts[2].tensors.items()}
    assert said(attempts) == line


@pytest.mark.parametrize(
    "change",
    [
        scaled(2.0),
        scaled(1.5),
        scaled(-0.5),
        scaled(0.5, ("dw_x", "dw_h")),
        scaled(0.5, (*PARAMETERS, "dx")),
        lambda n, z: scaled(0.5)(n, z) + 1e-6 * (z == 0.25),
        lambda n, z: scaled(0.5 * (1 + 1e-7 * (n == "dw_h")))(n, z),
    ],
)
def test_another_scaling_is_no_norm(change):
    found = said(attempts_of(change))
    assert found is None or (found == SCALED.format(f"{0.5 * NORM:.6g}") and change(*("dw_x", 1.0)) == -0.5)


@pytest.mark.parametrize(("more", "holds"), [(0.5e-5, True), (2e-5, False), (0.5, False)])
def test_norms_are_one_to_five_digits(more, holds):
    assert (said(attempts_of(scaled(0.5), scaled(0.5 * (1 + more)))) is not None) == holds


# ---------------------------------------------------------------- another loss

ALL = ("dw_x", "dw_h", "db_h", "dx", "y", "loss")
GRADIENTS = ("dw_x", "dw_h", "db_h", "dx", "loss")
OTHER = (
    "everything belongs to another loss than 'mean of squares': {}, loss and gradients alike. "
    "Say in STYLE which loss is meant"
)


@pytest.mark.parametrize(
    ("factor", "words"),
    [(0.5, "right times 0.5"), (2.0, "too large by the factor 2"), (14.0, "too large by the factor 14")],
)
def test_one_factor_of_loss_and_gradients_is_another_loss(factor, words):
    change = scaled(factor, GRADIENTS)
    assert said(attempts_of(change, change, names=ALL), MEAN) == OTHER.format(words)
    assert said(attempts_of(change, change, names=ALL), STYLE) is None
    assert said(attempts_of(change, same, names=ALL), MEAN) is None
    assert said(attempts_of(change, scaled(3.7 * factor, GRADIENTS), names=ALL), MEAN) is None
    for left in GRADIENTS:
        fewer = tuple(n for n in GRADIENTS if n != left)
        assert said(attempts_of(scaled(factor, fewer), names=ALL), MEAN) is None
    for output in ("y", "h", "h_n", "probabilities"):
        made = attempts_of(change, names=(*ALL, output))
        assert said(made, MEAN) == OTHER.format(words)
        made[0].wrong |= {output}
        assert said(made, MEAN) is None


def test_the_number_of_steps_may_be_the_factor():
    steps = [len(problem.x) for problem in POSED[:2]]
    assert steps[0] != steps[1]
    changes = [scaled(float(n), GRADIENTS) for n in steps]
    assert said(attempts_of(*changes, names=ALL), MEAN) == OTHER.format("too large by the factor T")


def test_the_gradient_of_another_loss_has_no_other_sign():
    assert said(attempts_of(scaled(-2.0, GRADIENTS), names=ALL), MEAN) is None


@pytest.mark.parametrize(("more", "holds"), [(0.5e-6, True), (3e-6, False)])
def test_the_factor_of_a_loss_is_one_to_six_digits(more, holds):
    def change(name, z):
        return scaled(2.0 * (1 + more * (name == "dw_h")), GRADIENTS)(name, z)

    assert (said(attempts_of(change, names=ALL, radius=2.0**-49), MEAN) is not None) == holds


def test_what_is_zero_and_ought_to_be_has_no_factor_and_what_ought_not_to_be_speaks_against():
    attempts = attempts_of(scaled(2.0, GRADIENTS), names=ALL)
    for z, holds in ((0.0, True), (1.0, False)):
        attempts[0].balls["dx"] = Ball(z * np.ones(3, UNIT.long), np.full(3, RADIUS), UNIT)
        attempts[0].tensors["dx"] = np.zeros(3)
        assert (said(attempts, MEAN) is not None) == holds
    attempts[0].balls["dx"] = Ball(np.zeros(3, UNIT.long), np.full(3, RADIUS), UNIT)
    attempts[0].tensors["dx"] = np.ones(3)
    assert said(attempts, MEAN) is None


def test_where_a_program_shows_its_own_gradient_of_the_loss_that_and_the_loss_decide():
    """The other gradients are then judged from it, and must be right."""
    names = (*ALL, "dy")
    assert said(attempts_of(scaled(2.0, ("loss", "dy")), names=names), MEAN) == OTHER.format(
        "too large by the factor 2"
    )
    assert said(attempts_of(scaled(2.0, ("loss", "dy", "dw_h")), names=names), MEAN) is None
    assert said(attempts_of(scaled(2.0, ("dy",)), names=names), MEAN) is None
    alone = tuple(n for n in names if n != "loss")
    assert said(attempts_of(scaled(2.0, ("dy",)), names=alone), MEAN) is not None


# ---------------------------------------------------------------- few digits


@pytest.mark.parametrize(("share", "few"), [(0.9, True), (1.0, True), (1.1, False)])
def test_few_digits_are_those_that_float32_may_lose(share, few):
    """Radii are 2^29 times as large there; and no factor explains it."""
    off = share * RADIUS * 2**29 * np.array([[1, 0], [0, -1]])
    attempts = attempts_of(same, lambda n, z: z + off if n == "dw_h" else z)
    assert few_digits(attempts, {(1, "dw_h")}) == few
    assert few_digits(attempts, set())
    both = attempts_of(lambda n, z: z + off if n == "dw_h" else z + (n == "dw_x"))
    assert not few_digits(both, {(0, "dw_h"), (0, "dw_x")})


def test_a_factor_and_a_bound_that_is_too_wide_are_no_few_digits():
    nearly = 1 + 2.0**-15
    attempts = attempts_of(lambda n, z: nearly * z)
    assert not few_digits(attempts, {(0, "dw_h")})
    assert not few_digits(attempts, {(0, "db_h")})
    one = attempts_of(lambda n, z: nearly * z, names=("loss",))
    assert few_digits(one, {(0, "loss")})  # one number has always a factor
    wide = attempts_of(lambda n, z: z + 1e-3 * np.arange(z.size).reshape(z.shape) ** 2, radius=1e-7)
    assert not few_digits(wide, {(0, "dw_h")})


def test_a_tensor_that_cancels_may_lose_what_its_terms_are_large_enough_for():
    """Its width is a part of its terms' sum, so that the bound in float32 still decides."""
    right, terms = np.array([1e-3, -2e-3, 5e-4]), np.full(3, 1e4)
    off = 0.5 * RADIUS * 2**29 * np.array([1.0, -1.0, 0.3])
    for summed, few in ((terms, True), (None, False)):
        ball = Ball(right, np.full(3, RADIUS), UNIT, summed)
        one = SimpleNamespace(tensors={"db_h": right + off}, balls={"db_h": ball})
        assert few_digits([one], {(0, "db_h")}) == few


def test_what_is_scaled_down_in_one_problem_alone_is_no_limit_unless_all_others_are_below():
    """Half of one gradient has a norm; that of another problem is twice as large and stands."""
    half, double = scaled(0.5, GRADIENTS), scaled(2.0, GRADIENTS)
    names = ("dw_x", "dw_h", "db_h", "y")
    right = attempts_of(same, names=names)[0]
    below = SimpleNamespace(**vars(right))
    below.tensors = {n: z / (4 if n != "y" else 1) for n, z in right.tensors.items()}
    above = SimpleNamespace(**vars(right))
    above.tensors = {n: z * (2 if n != "y" else 1) for n, z in right.tensors.items()}
    (wrong,) = attempts_of(half, names=names)
    assert double("dw_x", NUMBERS["dw_x"])[0, 0] == 6.0
    assert said([wrong, below]).startswith("the gradients are scaled down to a norm of ")
    assert said([wrong, below, above]) is None
    assert said([wrong, right]) is None


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_norm_is_that_of_every_parameters_gradient_and_of_nothing_else(name):
    given = {n: np.zeros(2) for n in PARAMETERS} | {name: np.array([3.0, -4.0])}
    others = {n: np.full(2, 100.0) for n in ("dx", "dh_0", "dy", "y", "loss")}
    assert _norm(SimpleNamespace(tensors=given | others)) == 5.0
