"""The parity report's problems, trainings and drifts, each found a second way from the public functions."""

import dataclasses
import math
import statistics

import numpy as np
import pytest
import torch
from rich.console import Console

import elman_np as en
import elman_torch as et
from elman_torch import report
from elman_torch.report import Problem, compare_tensors, drift, lockstep, problems
from tests.support.prices import YEAR
from tests.support.same import assert_same

TRAIN = YEAR[: round(0.7 * len(YEAR))]
OWN = np.cumsum(np.sin(np.arange(60.0))) + 5
PROBLEM = Problem("tanh", np.dtype(np.float64), True, 20, 8, 3)
CHANGES = [
    {},
    {"activation": "relu"},
    {"dtype": np.dtype(np.float32)},
    {"scaled": False},
    {"length": 7},
    {"hidden_size": 5},
    {"seed": 4},
    {"series": OWN},
]
each_change = pytest.mark.parametrize(
    "problem",
    [dataclasses.replace(PROBLEM, **changes) for changes in CHANGES],
    ids=["".join(changes) or "none" for changes in CHANGES],
)


def windows_by_hand(problem):
    values = TRAIN if problem.series is None else OWN[: round(0.7 * len(OWN))]
    if problem.scaled:
        mean, std = statistics.fmean(values.tolist()), statistics.pstdev(values.tolist())
        values = np.array([(value - mean) / std for value in values.tolist()])
    parts = [values[first : first + problem.length + 1] for first in range(len(values) - problem.length)]
    return [np.stack([part[cut] for part in parts], axis=1)[:, :, None].astype(problem.dtype)
            for cut in (slice(None, -1), slice(1, None))]  # fmt: skip


def network_by_hand(problem):
    options = {"activation": problem.activation, "dtype": problem.dtype, "rng": problem.seed}
    return en.ElmanRNN(1, problem.hidden_size, 1, **options)


@each_change
def test_a_problem_is_the_training_part_and_a_network_of_its_seed(problem):
    for found, expected in zip(problem.windows(), windows_by_hand(problem), strict=True):
        assert found.dtype == problem.dtype
        # Mean and standard deviation are sums of n in some order: n roundings of the largest number.
        most = len(TRAIN) * np.finfo(problem.dtype).eps * np.max(np.abs(expected))
        np.testing.assert_allclose(found, expected, rtol=0, atol=most)
    ours, theirs = problem.model(), network_by_hand(problem)
    assert_same(dict(ours.params.items()), dict(theirs.params.items()))
    assert (repr(ours), ours.dtype) == (repr(theirs), problem.dtype)


def test_the_problems_are_eight():
    found = problems(7, 5, 4, OWN)
    assert [(one.activation, one.scaled, one.dtype.name) for one in found] == [
        (activation, scaled, dtype)
        for activation in ("tanh", "relu") for scaled in (True, False) for dtype in ("float64", "float32")
    ]  # fmt: skip
    assert {(one.length, one.hidden_size, one.seed, id(one.series)) for one in found} == {(7, 5, 4, id(OWN))}
    assert {one.series for one in problems(7, 5, 4)} == {None}


@each_change
def test_the_tensors_are_compared_from_a_state_of_the_seed(problem, monkeypatch):
    seen = []
    monkeypatch.setattr(report, "compare", lambda *args, **named: seen.append((args, named)) or "judged")
    assert compare_tensors(problem, "meta") == "judged"
    (((model, *series), named),) = seen
    x, target = problem.windows()
    h_0 = np.random.default_rng(problem.seed).standard_normal((x.shape[1], problem.hidden_size))
    assert named.keys() == {"h_0", "device"}
    assert named["device"] == "meta"
    assert named["h_0"].dtype == problem.dtype
    assert_same({"h_0": named["h_0"], "x": series[0], "target": series[1]},
                {"h_0": h_0, "x": x, "target": target})  # fmt: skip
    assert_same(dict(model.params.items()), dict(network_by_hand(problem).params.items()))


def trained(problem, backend, updates):
    """Parameters after so many updates, each by the public `train` on its batch alone, and the last batch."""
    model = network_by_hand(problem)
    x, target = problem.windows()
    order = np.random.default_rng(problem.seed)
    count, drawn = x.shape[1], []
    while len(drawn) < updates:
        days = order.permutation(count)
        drawn += [days[first : first + 32] for first in range(0, count, 32)]
    torch_model = et.ElmanRNN.from_numpy(model)
    ours, theirs = en.Adam(lr=0.01), torch.optim.Adam(torch_model.parameters(), lr=0.01)
    for batch in drawn[:updates]:
        one = {"epochs": 1, "shuffle": False}
        if backend == "numpy":
            en.train(model, x[:, batch], target[:, batch], optimiser=ours, **one)
        else:
            pair = torch.from_numpy(x[:, batch]), torch.from_numpy(target[:, batch])
            et.train(torch_model, *pair, optimiser=theirs, **one)
    params = model.params if backend == "numpy" else torch_model.to_numpy().params
    return dict(params.items()), (x[:, drawn[updates - 1]], target[:, drawn[updates - 1]])


@each_change
def test_lockstep_compares_the_batch_and_the_gradients_of_each_update_that_is_asked_for(problem, monkeypatch):
    """Across the end of an epoch, and its last, smaller batch."""
    seen, updates = [], []

    def compare(model, x, target):
        seen.append((dict(model.params.items()), x, target))
        return "gradients"

    def compare_update(optimiser, params, grads):
        updates.append((optimiser.state and optimiser.state.step, dict(params.items()), dict(grads.items())))
        return "update"

    monkeypatch.setattr(report, "compare", compare)
    monkeypatch.setattr(report, "compare_update", compare_update)
    per_epoch = math.ceil(problem.windows()[0].shape[1] / 32)
    steps = sorted({1, per_epoch, per_epoch + 1, 2 * per_epoch + 1})
    assert list(lockstep(problem, steps)) == [(step, "gradients", "update") for step in steps]
    for step, (params, x, target), (state, held, grads) in zip(steps, seen, updates, strict=True):
        before = trained(problem, "numpy", step - 1)[0] if step > 1 else dict(problem.model().params.items())
        _, batch = trained(problem, "numpy", step)
        assert_same({"x": x, "target": target}, {"x": batch[0], "target": batch[1]})
        assert_same(params, before)
        assert_same(held, before)
        assert state == (None if step == 1 else step - 1)
        model = en.ElmanRNN.from_params(en.Parameters(**params), activation=problem.activation)
        y, _, tape = model.forward(x)
        assert_same(grads, dict(model.backward(tape, en.mse_loss(y, target)[1])[0].items()))


def test_updates_may_be_asked_for_in_any_order():
    steps = [9, 2, 5]
    assert [step for step, _, _ in lockstep(PROBLEM, steps)] == [2, 5, 9]
    assert list(drift(PROBLEM, steps)) == list(drift(PROBLEM, sorted(steps)))
    assert [step for step, _ in drift(PROBLEM, steps)] == [2, 5, 9]


def test_any_number_of_updates_may_be_asked_for():
    steps = list(range(1, 13))
    assert [step for step, _, _ in lockstep(PROBLEM, steps)] == steps
    assert [step for step, _ in drift(PROBLEM, steps)] == steps


@each_change
def test_drift_is_the_largest_difference_of_two_free_trainings(problem):
    per_epoch = math.ceil(problem.windows()[0].shape[1] / 32)
    found = dict(drift(problem, [1, per_epoch + 2, 2 * per_epoch]))
    assert list(found) == sorted({1, per_epoch + 2, 2 * per_epoch})
    for step, distance in found.items():
        ours, theirs = (trained(problem, backend, step)[0] for backend in ("numpy", "torch"))
        apart = [abs(a - b) for name in ours for a, b in
                 zip(ours[name].ravel().tolist(), theirs[name].ravel().tolist(), strict=True)]  # fmt: skip
        assert distance == max(apart)
    assert max(found.values()) > 0


WIDE = """\
problem   update 1   update 2,000
─────────────────────────────────
tanh       1.0e-03        2.0e-09
relu       0.0e+00        1.0e+00
"""
NARROW = """\
         update  update
problem       1   2,000
───────────────────────
tanh    1.0e-03 2.0e-09
relu    0.0e+00 1.0e+00
"""


@pytest.mark.parametrize(("width", "laid_out"), [(80, WIDE), (33, WIDE), (32, NARROW), (23, NARROW)])
def test_a_table_is_set_closer_where_it_would_not_fit(width, laid_out):
    table = report.drift_table({"tanh": [(1, 1e-3), (2000, 2e-9)], "relu": [(1, 0.0), (2000, 1.0)]})
    console = Console(width=width)
    with console.capture() as printed:
        console.print(report.fitted(table, width))
    assert printed.get() == laid_out


@pytest.mark.parametrize("place", range(5))
def test_a_parameter_that_is_no_number_is_as_far_off_as_that(place):
    params = en.init_parameters(1, 2, 1, rng=0)
    moved = [p.copy() for p in params]
    moved[place].flat[-1] = np.nan
    assert np.isnan(report._distance(params, en.Parameters(*moved)))
    assert np.isnan(report._distance(en.Parameters(*moved), params))
    assert report._distance(params, params) == 0
