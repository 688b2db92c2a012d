"""What the comparison says: agrees, differs, undecided or not finite; and that it can say each."""

import argparse
from dataclasses import is_dataclass, replace

import numpy as np
import pytest
import torch

import elman_np as en
import elman_torch as et
import elman_torch.__main__ as command
from elman_np.checking.adam_bounds import AdamBall, adam_ball
from elman_np.checking.balls import Ball, Unit, in_bounds
from elman_np.checking.comparison import (
    VERDICTS,
    WIDEST,
    Comparison,
    Row,
    compare_tensor,
    width_of,
)
from elman_np.checking.one_step import NEEDS, _decide, decide_by_steps
from elman_np.checking.problems import Case, ball_tensors, numpy_solution
from elman_torch import parity
from elman_torch.parity import compare_update, torch_solution
from elman_torch.report import drift_table, lockstep_table, sentence, summarise, tensor_table
from tests.support.observed import observes
from tests.support.prices import CLOSES

MADE_OF = {
    "y": {"h"}, "h_n": {"h"}, "loss": {"h", "y"},
    "dw_y": {"h", "y", "dy"}, "db_y": {"h", "y", "dy"},
    "dw_x": {"h", "y", "dy", "da"}, "dw_h": {"h", "y", "dy", "da"}, "db_h": {"h", "y", "dy", "da"},
    "dx": {"h", "y", "dy", "da"}, "dh_0": {"h", "y", "dy", "da"},
}  # fmt: skip
"""By the equations of chapters 2 and 3, what each tensor is computed from."""

TENSORS = ("y", "h_n", "loss", "dw_x", "dw_h", "db_h", "dw_y", "db_y", "dx", "dh_0")
SCALED = en.Scaler.fit(CLOSES).transform(CLOSES)
UNIT = Unit.of(np.float64)


def ball(mid, rad, terms=None):
    """A ball around given numbers; the sums of absolute terms are those of the magnitudes if left out."""
    mid, rad = np.asarray(mid, UNIT.long), np.asarray(rad, float)
    return Ball(mid, rad, UNIT, None if terms is None else np.asarray(terms, float))


def benign(dtype=np.float64, **options):
    """Windows of SPLG, an initial state that is not zero, and a loss on top."""
    model = en.ElmanRNN(1, 4, 1, dtype=dtype, rng=0, **options)
    x, target = en.windows(SCALED[:40].astype(dtype), 9)
    h_0, dh_n = np.random.default_rng(0).standard_normal((2, x.shape[1], 4)).astype(dtype)
    return Case(model, x, h_0, None, dh_n, target)


def chaotic(dtype=np.float32, **options):
    """tanh states that forget where they came from: no bound of the whole problem can be narrow."""
    rng = np.random.default_rng(3)
    model = en.ElmanRNN.from_params(
        en.init_parameters(2, 12, 2, init="normal", dtype=dtype, rng=rng), **options
    )
    x, dy = rng.standard_normal((2, 60, 2, 2)).astype(dtype)
    h_0, dh_n = rng.standard_normal((2, 2, 12)).astype(dtype)
    return Case(model, x, h_0, dy, dh_n, None)


def compared(case, change=None, **options):
    """Compare as `et.compare` does, after `change(tensors, steps)` of our side."""
    ours = numpy_solution(case)
    ours = replace(ours) if is_dataclass(ours) else ours
    if change is not None:
        change(ours.tensors, ours.steps)
    sides = ours, torch_solution(et.ElmanRNN.from_numpy(case.model), case)
    balls = ball_tensors(case.model, case.x, case.h_0, case.target, case.dy, case.dh_n)
    whole = Comparison.of(sides[0].tensors, sides[1].tensors, balls, **options)
    return decide_by_steps(whole, case, sides, **options)


def verdicts(comparison):
    return {row.tensor: row.verdict for row in comparison.rows}


# ---------------------------------------------------------------- one tensor


def test_distances_are_in_bounds():
    a = np.array([1, 1, 1, np.inf, np.inf, np.nan, np.nan, 1, 1, 0.0, 1, np.inf, np.nan, 1])
    b = np.array([1, 1.5, 3, np.inf, -np.inf, np.nan, 1, np.nan, 1.5, 0.0, np.inf, 1, np.inf, 2])
    bound = np.array([0, 1, 1, 1, np.inf, 1, np.inf, np.inf, 0, 0, 1, np.inf, np.inf, np.nan])
    np.testing.assert_array_equal(
        in_bounds(a, b, bound), [0, 0.5, 2, 0, np.inf, 0, np.inf, np.inf, np.inf, 0, *[np.inf] * 4]
    )


@pytest.mark.parametrize(
    ("ours", "theirs", "rad", "verdict"),
    [
        ([1.0, 2.0], [1.0, 2.0], [0.0, 0.0], "agrees"),
        ([1.0, 2.0], [1.0, 2.0 + 1e-9], [0.0, 1e-9], "agrees"),
        ([1.0, 2.0], [1.0, 2.0 + 3e-9], [0.0, 1e-9], "differs"),
        ([1.0, 2.0], [1.0, 2.0], [0.0, 0.11], "undecided"),
        ([1.0, 2.0], [1.0, 2.0], [0.0, 0.09], "agrees"),
        ([1.0, 2.0], [1.0, 2.0], [0.0, np.inf], "undecided"),
        ([1.0, 2.0], [1.0, 4.0], [0.0, 0.5], "differs"),
        ([np.nan, 2.0], [1.0, 2.0], [1e9, 0.0], "differs"),
        ([1.0, 2.0], [np.nan, 2.0], [1e9, 0.0], "differs"),
        ([np.nan, np.nan], [np.nan, np.nan], [0.0, 0.0], "not finite"),
        ([np.inf, np.nan], [np.inf, np.nan], [np.inf, 0.0], "not finite"),
        ([np.inf, 1.0], [-np.inf, 1.0], [np.inf, 0.0], "differs"),
        ([np.inf, -np.inf], [-np.inf, -np.inf], [np.inf, np.inf], "differs"),
        ([np.nan, 1.0], [np.inf, 1.0], [np.inf, 0.0], "differs"),
        ([-np.inf, 1.0], [np.nan, 1.0], [np.inf, 0.0], "differs"),
        ([np.nan, 1.0], [np.nan, 1.0], [np.inf, 0.0], "agrees"),
        ([0.0, 0.0], [0.0, 0.0], [0.0, 0.0], "agrees"),
        ([0.0, 0.0], [0.0, 0.0], [1e-30, 0.0], "undecided"),
    ],
)
def test_every_verdict_on_a_tensor(ours, theirs, rad, verdict):
    ours, theirs = np.array(ours), np.array(theirs)
    row = compare_tensor("dw", ours, theirs, ball(ours, rad, terms=np.zeros(2)))
    assert row.verdict == verdict
    assert row.not_finite == np.sum(
        ~np.isfinite(ours)
        & ~np.isfinite(theirs)
        & (np.isnan(ours) == np.isnan(theirs))
        & (np.isnan(ours) | (ours == theirs))
    )


@pytest.mark.eq("8.24")
def test_a_bound_is_measured_by_the_largest_entry_or_a_tenth_of_the_terms():
    value = np.array([1e-6, -2e-6])
    assert width_of(ball(value, [1e-7, 4e-8]), value) == pytest.approx(0.05)
    assert width_of(ball(value, [1e-7, 4e-8]), value, scale=2) == pytest.approx(0.1)
    assert width_of(ball(value, [1e-7, 4e-8], terms=[1.0, 0.5]), value) == pytest.approx(1e-6)
    assert width_of(ball(value, [1e-7, 4e-8], terms=[1.0, 0.5]), value, size=1e-7) == pytest.approx(1)
    assert width_of(ball(value, [0.0, 0.0]), value) == 0
    assert width_of(ball(0 * value, [0.0, 1e-300], terms=[0.0, 0.0]), 0 * value) == pytest.approx(
        1e-300 / np.finfo(np.float64).tiny
    )


def test_a_row_says_what_was_measured():
    ours, theirs = np.array([1.0, -4.0, np.nan]), np.array([1.0 + 2e-9, -4.0, np.nan])
    row = compare_tensor("db_h", ours, theirs, ball(ours, [2e-9, 1e-8, 0.0]))
    assert (row.tensor, row.shape, row.verdict, row.index) == ("db_h", (3,), "agrees", (0,))
    assert row.difference == pytest.approx(2e-9)
    assert row.ulps == pytest.approx(2e-9 / np.spacing(4.0))
    assert row.ratio == pytest.approx(0.5)
    assert row.sharpness == row.width == pytest.approx(2e-8 / 4)
    assert (row.left, row.right, row.bound) == (1.0, 1.0 + 2e-9, pytest.approx(4e-9))
    assert (row.not_finite, row.road, row.remark) == (1, "whole", "1 not finite")


def test_the_place_is_that_of_the_largest_ratio():
    ours, rad = np.full((2, 3), 2.0), np.full((2, 3), 1e-3)
    theirs = ours + np.array([[0, 1e-4, 5e-4], [0, 2e-3, -1e-3]])
    rad[1, 1] = 1.0  # the largest difference, by a bound that is larger still
    row = compare_tensor("dx", ours, theirs, ball(ours, rad), widest=2)
    assert (row.index, row.left, row.right) == ((1, 2), 2.0, 2.0 - 1e-3)
    assert (row.difference, row.bound) == (pytest.approx(2e-3), pytest.approx(2e-3))
    assert row.ratio == pytest.approx(0.5)


def test_what_is_as_far_as_the_bound_and_as_wide_as_allowed_agrees():
    value, eighth = np.array([1.0]), np.array([0.125])
    row = compare_tensor("y", value, value + eighth, ball(value, eighth / 2), widest=0.125)
    assert (row.verdict, row.ratio, row.width) == ("agrees", 1.0, 0.125)


def test_ulps_are_those_of_the_dtype():
    value = np.array([1.0, 2.0], np.float32)
    unit = Unit.of(np.float32)
    near = Ball(value.astype(unit.long), np.full(2, 1e-3), unit)
    row = compare_tensor("y", value, value + np.float32(2**-22), near)
    assert row.ulps == 1


@pytest.mark.parametrize(("rad", "sharpness"), [([1e-9, np.inf], 1e-9), ([0, np.inf], 0), ([0, 0], 0)])
def test_the_bound_of_what_is_not_judged_does_not_count(rad, sharpness):
    value = np.array([2.0, np.nan])
    row = compare_tensor("y", value, value, ball(value, rad))
    assert (row.verdict, row.sharpness, row.width) == ("agrees", sharpness, sharpness)


@pytest.mark.parametrize(("rad", "expected"), [(0.0, 0.0), (1e-9, np.inf)])
def test_the_bound_of_a_zero_is_no_part_of_it(rad, expected):
    zero = np.zeros(1)
    assert compare_tensor("y", zero, zero, ball(zero, [rad])).sharpness == expected
    assert width_of(ball(zero, [rad]), zero, size=0.0) == expected


def test_a_tensor_without_entries_agrees_and_nothing_was_measured():
    empty = np.zeros((0, 2))
    row = compare_tensor("dx", empty, empty, ball(empty, empty))
    assert row == Row("dx", (0, 2), "agrees", 0, 0, 0, 0, 0, 0, (), 0, 0, 0)


def test_what_cancels_is_said_to():
    """The sum of a million and minus a million may be off by more than it is."""
    value = np.array([1e-12])
    row = compare_tensor("db_y", value, value, ball(value, [1e-10], terms=[2e6]))
    assert (row.verdict, row.cancels, row.remark) == ("agrees", True, "cancels")
    assert row.sharpness == pytest.approx(200)
    alone = compare_tensor("db_y", value, value, ball(value, [1e-10]))
    assert (alone.verdict, alone.cancels) == ("undecided", False)


@pytest.mark.parametrize("wrong", [np.zeros(3), np.zeros(2, np.float32)])
def test_another_shape_or_dtype_is_a_disagreement(wrong):
    with pytest.raises(et.Disagreement, match="dx: expected one shape and one dtype, got"):
        compare_tensor("dx", np.zeros(2), wrong, ball(np.zeros(2), np.zeros(2)))


# ---------------------------------------------------------------- a comparison


def rows_of(*wanted):
    """A comparison whose rows have these verdicts."""
    found = []
    for i, verdict in enumerate(wanted):
        value, rad = np.array([1.0 + i]), {"agrees": 1e-3, "differs": 0.0, "undecided": 5.0}.get(verdict, 0.0)
        theirs = value + {"differs": 1.0}.get(verdict, 0.0)
        if verdict == "not finite":
            value = theirs = np.array([np.nan])
        found.append(compare_tensor(f"t{i}", value, theirs, ball([1.0 + i], [rad])))
    return Comparison(tuple(found))


def by_steps(comparison, *places):
    """The same comparison, with the rows at these places judged one step at a time."""
    return Comparison(
        tuple(replace(row, road="steps") if k in places else row for k, row in enumerate(comparison.rows))
    )


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [
        (("agrees", "agrees"), "agrees"),
        (("agrees", "not finite"), "agrees"),
        (("not finite", "not finite"), "undecided"),
        (("agrees", "undecided"), "undecided"),
        (("undecided", "differs", "agrees"), "differs"),
        (("differs",), "differs"),
    ],
)
def test_the_verdict_on_all_is_the_worst(rows, verdict):
    comparison = rows_of(*rows)
    assert [row.verdict for row in comparison.rows] == list(rows)
    assert comparison.verdict == verdict
    assert comparison.agreed == (verdict == "agrees")
    assert comparison.worst.verdict == max(rows, key=VERDICTS.index)
    expected = {"agrees": None, "differs": et.Disagreement, "undecided": et.Undecided}[verdict]
    if expected is None:
        comparison.check()
    else:
        with pytest.raises(expected) as caught:
            comparison.check()
        assert type(caught.value) is expected


def test_what_is_undecided_says_which_tensor_how_wide_and_what_to_do():
    with pytest.raises(et.Undecided, match=r"t1 \(bound 5 of its size\).*float64"):
        rows_of("agrees", "undecided").check()
    with pytest.raises(et.Undecided, match="no tensor has a finite entry"):
        rows_of("not finite").check()


def a_row_of_each_kind():
    value, one = np.array([[1.0, -4.0]]), np.array([1.0, np.nan])
    return Comparison(
        (
            compare_tensor("y", value, value + np.array([[2e-9, 0]]), ball(value, [[2e-9, 1e-8]])),
            compare_tensor("loss", np.array(2.0), np.array(2.5), ball(2.0, 1e-3)),
            replace(compare_tensor("dw_h", one, 3 * one, ball([1.0, 0.0], [1e-3, 0.0])), road="steps"),
            compare_tensor("db_y", np.array([1e-12]), np.array([1e-12]), ball([1e-12], [1e-10], [2e6])),
        ),
        names=("theirs", "ours"),
    )


TABLE = """\
tensor  shape   difference                ulps  obs./bound  bound/largest  verdict
y       1 x 2      2.0e-09           2251799.8      0.5000        5.0e-09  agrees
loss    scalar     5.0e-01  1125899906842624.0    250.0000        1.0e-03  differs
dw_h    2          2.0e+00  9007199254740992.0   1000.0000        2.0e-03  differs (steps, 1 not finite)
db_y    1          0.0e+00                 0.0      0.0000        2.0e+02  agrees (cancels)"""


def test_the_printed_table_to_the_letter():
    """Counted by hand: 2e-9 is half of 2 x 2e-9, 0.5 is 250 times 2e-3, 2 is 2^53 of 1's last places."""
    assert str(a_row_of_each_kind()) == TABLE


@pytest.mark.parametrize("by", ["", ", judged by steps"])
def test_a_disagreement_says_what_differs_where_and_by_how_much(by):
    rows = a_row_of_each_kind()
    if not by:
        rows = replace(rows, rows=tuple(replace(row, road="whole") for row in rows.rows))
    with pytest.raises(et.Disagreement) as caught:
        rows.check()
    assert str(caught.value) == (
        f"loss, dw_h: beyond what rounding explains{by}. Worst at dw_h[0]: theirs 1.0, ours 3.0; "
        "they differ by 2, 1e+03 times the bound of 0.002"
    )


def test_doubt_says_what_to_do():
    with pytest.raises(et.Undecided) as caught:
        rows_of("undecided", "agrees", "undecided").check()
    assert str(caught.value) == (
        "undecided: the bound is too wide to tell whether NumPy and PyTorch agree in "
        "t0 (bound 10 of its size), t2 (bound 3.3 of its size). "
        "Use float64, fewer steps or smaller weights; or let a wider bound decide (`widest`)"
    )
    with pytest.raises(et.Undecided) as caught:
        rows_of("not finite").check()
    assert str(caught.value) == (
        "no tensor has a finite entry: nothing can be judged; start from smaller weights or inputs"
    )


@observes("elman_torch.compare", "widest")
@observes("elman_torch.assert_agree", "widest")
@observes("elman_torch.Comparison.of", "widest")
def test_a_bound_that_the_caller_calls_too_wide_is():
    case = benign()
    assert compared(case).verdict == "agrees"
    narrow = compared(case, widest=1e-17)
    assert narrow.verdict == "undecided"
    given = {"h_0": case.h_0, "dh_n": case.dh_n}
    assert et.compare(case.model, case.x, case.target, **given, widest=1e-17).verdict == "undecided"
    with pytest.raises(et.Undecided):
        et.assert_agree(case.model, case.x, case.target, **given, widest=1e-17)
    with pytest.raises(ValueError, match="widest: expected a number above 0, got 0"):
        et.compare(case.model, case.x, case.target, widest=0)


# ---------------------------------------------------------------- a difference in each tensor


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("tensor", TENSORS)
def test_a_difference_in_one_tensor_is_said_of_that_one(tensor, dtype):
    """A hundredth of the largest entry, added where the tensor is smallest."""

    def change(tensors, _):
        value = np.array(tensors[tensor])
        place = np.unravel_index(np.argmin(np.abs(value)), value.shape)
        value[place] += value.dtype.type(1e-2) * np.max(np.abs(value))
        tensors[tensor] = value

    found = verdicts(compared(benign(dtype), change))
    assert found == dict.fromkeys(TENSORS, "agrees") | {tensor: "differs"}


@observes("elman_torch.Comparison.of", "ours theirs balls sizes")
def test_a_comparison_takes_its_sizes_and_balls_from_the_caller():
    value = {"a": np.array([1.0]), "b": np.array([2.0])}
    balls = {name: ball(z, [0.02]) for name, z in value.items()}
    assert verdicts(Comparison.of(value, value, balls)) == {"a": "agrees", "b": "agrees"}
    assert verdicts(Comparison.of(value, value, {"b": balls["b"]})) == {"b": "agrees"}
    assert verdicts(Comparison.of(value, value, balls, sizes={"a": 0.3})) == {"a": "undecided", "b": "agrees"}
    other = value | {"a": np.array([1.1])}
    for pair in ((value, other), (other, value)):
        assert verdicts(Comparison.of(*pair, balls)) == {"a": "differs", "b": "agrees"}


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("tensor", TENSORS)
def test_nan_on_one_side_alone_is_a_difference(tensor, side):
    case = benign()
    ours, theirs = numpy_solution(case), torch_solution(et.ElmanRNN.from_numpy(case.model), case)
    balls = ball_tensors(case.model, case.x, case.h_0, case.target, case.dy, case.dh_n)
    spoilt = np.array({"left": ours, "right": theirs}[side].tensors[tensor])
    spoilt.flat[-1] = np.nan
    {"left": ours, "right": theirs}[side].tensors[tensor] = spoilt
    assert verdicts(Comparison.of(ours.tensors, theirs.tensors, balls))[tensor] == "differs"


# ---------------------------------------------------------------- one step at a time


@pytest.mark.parametrize("options", [{}, {"reset_every": 17}, {"chunk": 17}, {"reset_every": 90}])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_what_amplifies_is_decided_one_step_at_a_time(dtype, options):
    case = chaotic(dtype, **options)
    balls = ball_tensors(case.model, case.x, case.h_0, case.target, case.dy, case.dh_n)
    sides = numpy_solution(case), torch_solution(et.ElmanRNN.from_numpy(case.model), case)
    whole = Comparison.of(sides[0].tensors, sides[1].tensors, balls)
    if dtype == np.float32 and options.get("reset_every") != 17:
        assert whole.verdict == "undecided"
    decided = decide_by_steps(whole, case, sides)
    assert decided.verdict == "agrees"
    for before, after in zip(whole.rows, decided.rows, strict=True):
        assert after.road == ("one step" if before.verdict == "undecided" else "whole")
        assert after.width <= WIDEST
    doubtful = replace(whole, rows=tuple(row for row in whole.rows if row.verdict == "undecided"))
    assert all(row.road == "one step" for row in decide_by_steps(doubtful, case, sides).rows)


@pytest.mark.parametrize("part", ["h", "da", *(name for name in TENSORS if name != "loss")])
def test_a_difference_in_one_step_is_noticed_and_its_place_named(part):
    """A thousandth more, at one place of one side, in a problem that no whole bound can judge."""

    def change(tensors, steps):
        home = steps if part in steps else tensors
        value = np.array(home[part])
        place = np.unravel_index(np.argmax(np.abs(value)), value.shape)
        value[place] *= value.dtype.type(1 + 1e-3)
        home[part] = value

    comparison = compared(chaotic(), change)
    assert comparison.verdict == "differs"
    for row in comparison.rows:
        needs = (*NEEDS[row.tensor], row.tensor)
        if row.road != "whole":
            assert (row.verdict == "differs") == (part in needs or (part == "h" and row.tensor == "h_n"))
    with pytest.raises(et.Disagreement, match=r"one step, .* of NumPy" if part != "db_y" else "db_y"):
        comparison.check()


@pytest.mark.parametrize("layout", [(180,), (180, 1), (180, 1, 1)])
def test_one_step_at_a_time_decides_in_every_layout(layout):
    """The same problem three times: what the whole bound says nothing of, each step says the same of."""
    rng, dtype = np.random.default_rng(3), np.float32
    model = en.ElmanRNN.from_params(en.init_parameters(1, 12, 1, init="normal", dtype=dtype, rng=rng))
    x, dy = rng.standard_normal((2, 180)).astype(dtype)
    h_0, dh_n = rng.standard_normal((2, 12)).astype(dtype)
    state = (1, 12) if len(layout) == 3 else (12,)
    found = et.compare(
        model, x.reshape(layout), dy=dy.reshape(layout), h_0=h_0.reshape(state), dh_n=dh_n.reshape(state)
    )
    assert found.agreed
    assert {row.road for row in found.rows if row.tensor != "db_y"} == {"one step"}
    assert {row.tensor: row.shape for row in found.rows}["y"] == layout


@pytest.mark.parametrize(
    ("ratio", "width", "verdict"),
    [
        (1.0, 0.1, "agrees"),
        (np.nextafter(1, 2), 0.1, "differs"),
        (1.5, np.inf, "differs"),
        (1.0, np.nextafter(0.1, 1), "undecided"),
    ],
)
@pytest.mark.parametrize("part", ["h", "y", "dy", "dw_y"])
@pytest.mark.parametrize("side", [0, 1])
def test_the_worst_of_both_sides_parts_decides(part, side, ratio, width, verdict):
    row = replace(rows_of("undecided").rows[0], tensor="dw_y")
    least = {"h": (0.5, 0.01), "y": (0.25, 0.02), "dy": (0.25, 0.01), "dw_y": (0.5, 0.02), "da": (9.0, 9.0)}
    found = [least.copy() for _ in range(2)]
    found[side][part] = (ratio, width)
    decided = _decide(row, found, ("ours", "theirs"), 0.1)
    name = ("ours", "theirs")[side]
    road = f"one step, {part} of {name}" if verdict == "differs" else "one step"
    assert (decided.verdict, decided.ratio, decided.width, decided.road) == (verdict, ratio, width, road)


def test_without_steps_there_is_nothing_to_doubt():
    model = en.ElmanRNN(2, 3, 1, rng=0)
    x, dy, h_0 = np.zeros((0, 2, 2)), np.zeros((0, 2, 1)), np.ones((2, 3))
    assert et.compare(model, x, dy=dy, h_0=h_0, dh_n=h_0).verdict == "agrees"


# ---------------------------------------------------------------- what compare is told


@observes("elman_torch.compare", "model x target h_0 dy dh_n device")
@observes("elman_torch.assert_agree", "model x target h_0 dy dh_n device")
def test_every_argument_of_compare_reaches_both_sides(monkeypatch):
    case, seen = benign(), []

    def watched(reference, problem):
        seen.append((reference, problem))
        return torch_solution(reference, problem)

    monkeypatch.setattr(parity, "torch_solution", watched)
    for call in (et.compare, et.assert_agree):
        call(case.model, case.x, case.target, h_0=case.h_0, dh_n=case.dh_n, device="cpu")
    dy = np.ones_like(case.target)
    et.compare(case.model, case.x, dy=dy)
    for reference, problem in seen[:2]:
        for name in ("model", "x", "h_0", "dh_n", "target"):
            assert getattr(problem, name) is getattr(case, name)
        np.testing.assert_array_equal(reference.w_h.detach(), case.model.params.w_h)
    assert seen[2][1].dy is dy
    with pytest.raises(ValueError, match="exactly one"):
        et.assert_agree(case.model, case.x, case.target, dy=dy)
    assert not seen[2][1].h_0.any()
    with pytest.raises(ValueError, match=r"device: .*nowhere"):
        et.compare(case.model, case.x, case.target, device="nowhere")
    with pytest.raises(ValueError, match=r"device: .*nowhere"):
        et.assert_agree(case.model, case.x, case.target, device="nowhere")


@pytest.mark.parametrize("missing", ["h_0", "dh_n"])
def test_assert_agree_notices_what_only_an_initial_state_or_its_gradient_shows(missing, monkeypatch):
    case, right = benign(), numpy_solution

    def forgets(problem):
        return right(replace(problem, **{missing: np.zeros_like(problem.h_0)}))

    monkeypatch.setattr(parity, "numpy_solution", forgets)
    with pytest.raises(et.Disagreement):
        et.assert_agree(case.model, case.x, case.target, h_0=case.h_0, dh_n=case.dh_n)


# ---------------------------------------------------------------- an update of Adam


def some_update(**options):
    params, grads, more = (en.init_parameters(2, 3, 1, rng=seed) for seed in range(3))
    optimiser = en.Adam(lr=0.01, **options)
    params = optimiser.step(params, grads)
    return optimiser, params, more


@pytest.mark.parametrize("label", ["", "m of ", "v of ", "v_max of "])
@pytest.mark.parametrize("name", ["w_x", "w_h", "b_h", "w_y", "b_y"])
def test_a_difference_in_an_update_is_said_of_its_array(label, name, monkeypatch):
    optimiser, params, grads = some_update(amsgrad=True)
    assert compare_update(optimiser, params, grads).verdict == "agrees"
    right, part = parity.torch_update, ["", "m of ", "v of ", "v_max of "].index(label)

    def wrong(p, *rest):
        found = [z.copy() for z in right(p, *rest)]
        if p is getattr(params, name):
            found[part].flat[0] *= 1 + 1e-9
        return tuple(found)

    monkeypatch.setattr(parity, "torch_update", wrong)
    rows = compare_update(optimiser, params, grads).rows
    assert [row.tensor for row in rows if row.verdict != "agrees"] == [label + name]


def test_a_parameter_is_measured_by_how_far_it_moves():
    optimiser, params, grads = some_update()
    row = compare_update(optimiser, params, grads).rows[0]
    new = en.Adam(optimiser.options)
    new.state = optimiser.state
    moved = np.max(np.abs(new.step(params, grads).w_x - params.w_x))
    assert row.width == pytest.approx(row.sharpness * np.max(np.abs(params.w_x)) / moved, rel=0.2)
    optimiser.lr = 0.0
    assert compare_update(optimiser, params, grads).verdict == "agrees"


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("taken", [0, 1, 4])
@pytest.mark.parametrize("lr", [1e-2, 1e-40], ids=["far", "not seen"])
def test_an_updates_bounds_are_those_of_its_step_and_measured_by_where_it_goes(lr, taken, dtype):
    """A step of 1e-40 is lost in the rounding of the parameter, whose own size is taken then."""
    rng = np.random.default_rng(3)
    optimiser, params = en.Adam(lr=lr, amsgrad=True), en.init_parameters(2, 3, 1, rng=rng, dtype=dtype)
    for _ in range(taken):
        params = optimiser.step(params, params.map(lambda p: rng.standard_normal(p.shape).astype(dtype)))
    grads, state = params.map(lambda p: rng.standard_normal(p.shape).astype(dtype)), optimiser.state
    rows = {row.tensor: row for row in compare_update(optimiser, params, grads).rows}
    assert optimiser.state is state
    assert len(rows) == 20
    for name, p in params.items():
        before = () if state is None else (getattr(z, name) for z in (state.m, state.v, state.v_max))
        g = Unit.of(p.dtype).exact(getattr(grads, name))
        after = adam_ball(AdamBall.start(p, *before), g, taken + 1, optimiser.options)
        moved = float(np.max(np.abs(after.p.mid - p)))
        size = moved if lr > 1e-20 else float(np.max(np.abs(p)))
        assert rows[name].width == 2 * float(np.max(after.p.rad)) / size
        for label, ball in (("m of ", after.m), ("v of ", after.v), ("v_max of ", after.v_max)):
            row = rows[label + name]
            assert row.sharpness == pytest.approx(2 * np.max(ball.rad) / np.max(np.abs(ball.mid)), rel=1e-6)
    few = compare_update(optimiser, params, grads, widest=1e-30)
    assert {row.verdict for row in few.rows} <= {"undecided", "agrees"}
    assert few.verdict == "undecided"


@pytest.mark.parametrize(("part", "seen"), [(0.8, False), (1.2, True)])
def test_a_step_is_seen_from_twenty_roundings_of_the_parameter_on(part, seen):
    """Adam's first step is lr long, and 1 is the largest parameter: a tenth of it and two roundings."""
    unit = Unit.of(np.float64)
    params = en.init_parameters(1, 1, 1, rng=0).map(np.ones_like)
    optimiser = en.Adam(lr=20 * part * unit.u, eps=0.0)
    row = compare_update(optimiser, params, params, widest=np.inf).rows[0]
    after = adam_ball(AdamBall.start(params.w_x), unit.exact(params.w_x), 1, optimiser.options)
    assert row.width == pytest.approx(
        2 * np.max(after.p.rad) / (optimiser.options.lr if seen else 1), rel=1e-6
    )


def test_a_wide_bound_of_an_update_is_undecided():
    """v is among the smallest numbers, and eps is 0: nobody knows what m is divided by."""
    params = en.init_parameters(1, 2, 1, rng=0)
    grads = params.map(lambda p: np.full_like(p, 1e-160))
    with np.errstate(divide="ignore"):
        assert compare_update(en.Adam(eps=0.0), params, grads).verdict == "undecided"


# ---------------------------------------------------------------- the report

SMALL = ["--length", "5", "--hidden-size", "3", "--updates", "1", "3"]


def spoilt(monkeypatch, factor):
    right = parity.numpy_solution

    def wrong(case):
        found = right(case)
        found.tensors["dw_h"] = found.tensors["dw_h"] * found.tensors["dw_h"].dtype.type(factor)
        return found

    monkeypatch.setattr(parity, "numpy_solution", wrong)


def last_lines(capsys):
    return " ".join(capsys.readouterr().out.splitlines()[-3:])


def test_exit_status_0_when_all_agree(capsys):
    assert command.main(SMALL) == 0
    assert "AGREED: " in last_lines(capsys)


def test_exit_status_1_when_something_differs(capsys, monkeypatch):
    spoilt(monkeypatch, 1 + 1e-3)
    assert command.main(SMALL) == 1
    said = last_lines(capsys)
    assert "DISAGREED: " in said
    assert "dw_h" in said


def test_exit_status_3_when_nobody_can_tell(capsys, monkeypatch):
    monkeypatch.setattr(
        "elman_torch.report.compare", lambda *args, **kw: et.compare(*args, **kw, widest=1e-18)
    )
    assert command.main(SMALL) == 3
    assert "UNDECIDED: " in last_lines(capsys)


def test_an_update_that_differs_counts_for_the_exit_status(capsys, monkeypatch):
    right = parity.torch_update
    monkeypatch.setattr(
        parity, "torch_update", lambda p, *rest: (right(p, *rest)[0] * 1.01, *right(p, *rest)[1:])
    )
    assert command.main(SMALL) == 1
    assert ", update " in last_lines(capsys)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--hidden-size", "0"],
        ["--hidden-size", "x"],
        ["--length", "0"],
        ["--length", "5000"],
        ["--updates", "0"],
        ["--updates", "3", "-1"],
        ["--seed", "-1"],
        ["--device", "nowhere"],
    ],
)
def test_exit_status_2_for_options_that_cannot_be_meant(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        command.main(arguments)
    assert caught.value.code == 2
    captured = capsys.readouterr()
    assert arguments[0] in captured.err
    assert captured.out == ""


def test_the_summary_counts():
    judged = {"a": rows_of("agrees", "agrees", "not finite"), "b": rows_of("agrees", "undecided")}
    found = summarise(judged)
    assert found.verdict == "undecided"
    assert found.tensors == {"agrees": 3, "undecided": 1, "not finite": 1, "differs": 0}
    assert (found.where, found.worst.tensor) == ("b", "t1")
    assert "UNDECIDED[/]: 1 of 5 tensors; 1 not finite on both sides, not judged" in sentence(found)
    found = summarise(judged | {"c": rows_of("differs", "agrees")})
    assert (found.verdict, found.where, found.tensors["differs"]) == ("differs", "c", 1)
    assert "DISAGREED[/]: 1 of 7" in sentence(found)
    found = summarise({"a": judged["a"]})
    assert (found.verdict, found.by_steps) == ("agrees", 0)
    assert "AGREED[/]: 2 of 3" in sentence(found)
    assert "step" not in sentence(found)
    found = summarise({"a": by_steps(rows_of("agrees", "agrees", "agrees"), 0, 2), "b": judged["b"]})
    assert found.by_steps == 2
    assert "; 2 judged one step at a time; " in sentence(found)


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden_size": 4},
        {"length": 6},
        {"seed": 1},
        {"updates": [2]},
        {"device": "cpu"},
        {
            "hidden_size": 130,
            "length": 150,
            "seed": 2**70,
            "updates": [1, 2, 3, 5, 8, 1300],
            "device": "meta",
        },
    ],
    ids="+".join,
)
@observes("python -m elman_torch", "hidden_size length seed updates device")
def test_each_option_of_the_report_reaches_what_it_names(changes, monkeypatch, capsys):
    """Whatever is asked for is worked out for each problem and shown, and all of it is judged."""
    seen, trained, drifted, judged = [], [], [], {}
    wanted = {
        "hidden_size": 8,
        "length": 20,
        "seed": 0,
        "updates": [1, 10, 200, 1000],
        "device": "cpu",
    } | changes
    found = {"tensors": rows_of("agrees"), "grads": rows_of("agrees"), "update": rows_of("agrees")}

    def watch(problem, device):
        seen.append((problem, device))
        return found["tensors"]

    def lockstep(problem, steps):
        trained.append((problem, steps))
        return [(step, found["grads"], found["update"]) for step in steps]

    def drift(problem, steps):
        drifted.append((problem, steps))
        return [(step, 0.0) for step in steps]

    def summarise_all(comparisons):
        judged.update(comparisons)
        return summarise(comparisons)

    for name, stand_in in (
        ("compare_tensors", watch), ("lockstep", lockstep), ("drift", drift), ("summarise", summarise_all)
    ):  # fmt: skip
        monkeypatch.setattr(command, name, stand_in)
    words = {name: value if isinstance(value, list) else [value] for name, value in changes.items()}
    arguments = [
        word for name, value in words.items() for word in (f"--{name.replace('_', '-')}", *map(str, value))
    ]
    assert command.main(arguments) == 0
    assert f"windows of {wanted['length']}, H = {wanted['hidden_size']}," in " ".join(
        capsys.readouterr().out.split()
    )
    problems = [problem for problem, _ in seen]
    assert len({problem.name for problem in problems}) == len(problems) == 8
    assert {(one.hidden_size, one.length, one.seed) for one in problems} == {
        (wanted["hidden_size"], wanted["length"], wanted["seed"])
    }
    assert {torch.device(device) for _, device in seen} == {torch.device(wanted["device"])}
    assert trained == drifted == [(problem, wanted["updates"]) for problem in problems]
    assert judged == {
        **{problem.name: found["tensors"] for problem in problems},
        **{
            f"{problem.name}, {what} {step}": found[kind]
            for problem in problems for step in wanted["updates"]
            for what, kind in (("gradients at update", "grads"), ("update", "update"))
        },
    }  # fmt: skip


def test_a_device_that_is_there_is_taken():
    assert command.device("cpu") == torch.device("cpu")
    assert command.device("meta") == torch.device("meta")
    with pytest.raises(argparse.ArgumentTypeError):
        command.device("cuda:99")


def cells(table):
    """What a table shows, a list of texts for each row."""
    return list(zip(*(list(column.cells) for column in table.columns), strict=True))


def headings(table):
    return [column.header for column in table.columns]


def test_the_tables_say_what_was_found():
    """Each row's verdict, ratio and width, and of an update the worst of both comparisons."""
    comparison = rows_of("agrees", "differs", "undecided", "not finite")
    shown = cells(tensor_table(comparison))
    assert headings(tensor_table(comparison)) == [
        "tensor", "shape", "diff.", "ulps", "obs./bound", "bound/largest", "agreed"
    ]  # fmt: skip
    assert [row[-1] for row in shown] == ["yes", "[bold red]NO[/]", "[bold yellow]?[/]", "-"]
    for row, (tensor, _, difference, ulps, ratio, sharpness, _) in zip(comparison.rows, shown, strict=True):
        assert (tensor, difference, ulps) == (row.tensor, f"{row.difference:.1e}", f"{row.ulps:.1f}")
        assert (ratio, sharpness) == (f"{row.ratio:.4f}", f"{row.sharpness:.0e}")
    rows = rows_of("agrees", "agrees", "undecided").rows
    marked = Comparison(
        (
            replace(rows[0], shape=(3, 20, 1), width=rows[0].sharpness / 2),
            *by_steps(Comparison(rows[1:]), 0, 1).rows,
        )
    )
    assert [row[1] for row in cells(tensor_table(marked))] == ["3 x 20 x 1", "1", "1"]
    assert [row[-1] for row in cells(tensor_table(marked))] == ["yes°", "yes*", "[bold yellow]?[/]*"]
    good, wide = rows_of("agrees", "agrees"), rows_of("agrees", "undecided")
    assert headings(lockstep_table({"p": [(1, good, good)]})) == [
        "problem", "update", "grads", "width", "Adam", "width", "agreed"
    ]  # fmt: skip
    found = cells(lockstep_table({"p": [(1, good, good), (20, good, wide)], "q": [(1, comparison, wide)]}))
    assert [row[0] for row in found] == ["p", "", "q"]
    assert [row[1] for row in found] == ["1", "20", "1"]
    assert [row[-1] for row in found] == ["yes", "[bold yellow]?[/]", "[bold red]NO[/]"]
    assert found[1][2:6] == (
        f"{good.worst.ratio:.4f}",
        f"{max(row.width for row in good.rows):.0e}",
        f"{wide.worst.ratio:.4f}",
        f"{max(row.width for row in wide.rows):.0e}",
    )
    near = replace(good.rows[0], ratio=0.75, width=1e-9), replace(good.rows[0], ratio=0.25, width=0.0625)
    (row,) = cells(lockstep_table({"p": [(1, Comparison(near), good)]}))
    assert row[2:4] == ("0.7500", "6e-02")  # the worst ratio, and the widest bound, which is another tensor's
    drifted = cells(drift_table({"p": [(1, 1e-3), (20, 2e-3)], "q": [(1, 0.0), (20, 5e-9)]}))
    assert drifted == [("p", "1.0e-03", "2.0e-03"), ("q", "0.0e+00", "5.0e-09")]


def test_a_tensor_is_right_only_if_all_that_it_is_made_of_is():
    assert {name: {*needs} for name, needs in NEEDS.items()} == MADE_OF


def test_what_was_judged_by_steps_does_not_cancel():
    row = Row("y", (3,), "agrees", 0.0, 0.0, 0.5, 1.0, 0.01, 0, (0,), 0.0, 0.0, 0.0)
    assert (row.cancels, row.remark) == (True, "cancels")
    stepwise = replace(row, road="one step")
    assert (stepwise.cancels, stepwise.remark) == (False, "one step")
