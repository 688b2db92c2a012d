"""Each option of the notebook's folder, in both packages, against its docstring written out."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

import elman_np as en
import elman_torch as et
from elman_np import notebook
from elman_torch import notebook as torch_notebook
from tests.support.observed import check, observed, observes, same
from tests.support.prices import YEAR
from tests.test_notebook import flat, noise

X, TARGET = YEAR[:-1].copy(), YEAR[1:].copy()
START, OTHER = (en.init_parameters(1, 1, 1, init="normal", rng=seed) for seed in (616, 3))
STARTS, OTHER_STARTS = notebook.draw_starts(4), notebook.draw_starts(4, "uniform")
RECIPE = notebook.Recipe(epochs=2)
REPAIRED = notebook.Recipe(
    broadcast=False,
    shuffle=False,
    standardise=True,
    init="uniform",
    activation="tanh",
    reset_every=5,
    epochs=3,
)

# ---------------------------------------------------------------- the run


def pairs(y, target):
    """Mean of all squared differences, of every output to every target, and its gradient."""
    y, target = y.ravel().tolist(), target.tolist()
    loss = math.fsum((a - b) ** 2 for a in y for b in target) / len(y) ** 2
    return np.float64(loss), np.array([[2 * math.fsum(a - b for b in target) / len(y) ** 2] for a in y])


def by_hand(params, x, target, epochs, lr=0.01, rng=None, heard=None):
    """The notebook's training, written out; `heard` gets what a callback would."""
    generator, optimiser, number = np.random.default_rng(rng), en.Adam(lr=lr), 0
    heard = [] if heard is None else heard
    for epoch in range(1, epochs + 1):
        order = generator.permutation(len(x))
        for batch in range(math.ceil(len(x) / 50)):
            days, number = order[50 * batch : 50 * batch + 50], number + 1
            y, _, tape = en.forward(
                params, x[days][:, None, None], np.zeros((1, 1)), activation="relu", reset_every=6
            )
            heard.append((number, epoch, batch, len(days), pairs(y, target[days])[0].item()))
            dy = (y[:, 0] - np.mean(target[days])) * (2 / len(days))
            params = optimiser.step(params, en.backward(tape, dy[:, None])[0])
    return params


def predicted(params, x):
    y, h_n, _ = en.forward(params, x[:, None, None], np.zeros((1, 1)), activation="relu", reset_every=6)
    return y[:, 0], h_n[0]


def trained_in_torch(params, per_day=False, **options):
    return torch_notebook.train(params, x=X, target=TARGET, per_day=per_day, **options)


RUN = [
    *observed("elman_np.notebook.network", lambda params: facts(notebook.network(params)), {"params": START},
              {"params": OTHER}, lambda params: ([*params], "relu", 6, None)),
    *observed("elman_np.notebook.train", notebook.train,
              {"params": START, "x": X, "target": TARGET, "epochs": 2, "rng": 0},
              {"params": OTHER, "x": X[:77], "target": TARGET[::-1].copy(), "epochs": 3, "lr": 0.5, "rng": 1},
              by_hand),
    *observed("elman_np.notebook.predict", notebook.predict, {"params": START, "x": X},
              {"params": OTHER, "x": X[::-1].copy()}, predicted),
    *observed("elman_np.notebook.broadcast_loss", notebook.broadcast_loss,
              {"y": X[:60, None], "target": X[100:160]}, {"y": X[160:220, None], "target": TARGET[:60]},
              pairs, roundings=3 * 60 * 60),
    *observed("elman_np.notebook.closes", notebook.closes, {"frame": None},
              {"frame": en.load_splg("2019-06-01", "2019-07-01")},
              lambda frame: [np.array((en.load_splg() if frame is None else frame)["Close"].to_list()[part])
                             for part in (slice(-1), slice(1, None))]),
]  # fmt: skip


def facts(model):
    return [*model.params], model.activation, model.reset_every, model.chunk


# ---------------------------------------------------------------- many starts


def every_day(starts, recipe, x):
    """States and outputs of S networks, day by day."""
    w_x, w_h, b_h, w_y, b_y = starts
    h, states = np.zeros(starts.shape[1]), []
    for t, close in enumerate(x.tolist()):
        h = 0 * h if t % recipe.reset_every == 0 else h
        a = (close * w_x + b_h) + w_h * h
        h = np.tanh(a) if recipe.activation == "tanh" else np.where(a > 0, a, 0)
        states.append(h)
    return np.array(states), np.array([w_y * h + b_y for h in states])


def laid_by_loops(days, reset_every, filling):
    days = days.tolist()
    length = min(reset_every, len(days))
    while len(days) % length:
        days.append(filling)
    return np.array([days[n : n + length] for n in range(0, len(days), length)]).T


def of_study(**options):
    """All that a study is, in the order of its docstring."""
    one = notebook.study(**options)
    return one.name, one.recipe, one.starts, one.fate, one.error, one.error_after


def study_by_hand(name, recipe, count, order=0):
    x, target = X, TARGET
    if recipe.standardise:
        x, target = ((series - X.mean()) / X.std() for series in (X, TARGET))
    starts = notebook.draw_starts(count, recipe.init)
    starts = notebook.train_starts(starts, recipe, x, target, rng=order)
    return name, recipe, starts, *notebook.judge(starts, recipe)


WEIGHT = np.full((6, 10), 1 / 60)
ENSEMBLE = {"starts": STARTS, "x": X[:60].reshape(6, 10), "target": 40.0, "weight": WEIGHT}
MANY = [
    *observed("elman_np.notebook.draw_starts", notebook.draw_starts, {"count": 3},
              {"count": 5, "init": "uniform"},
              lambda count, init="normal": np.array(
                  [flat(en.init_parameters(1, 1, 1, init=init, rng=seed)) for seed in range(count)]).T),
    *observed("elman_np.notebook.one_start", lambda **o: flat(notebook.one_start(**o)),
              {"starts": STARTS, "index": 1}, {"starts": OTHER_STARTS, "index": 2},
              lambda starts, index: np.array([row[index] for row in starts])),
    *observed("elman_np.notebook.stretches", notebook.stretches,
              {"days": np.arange(20), "reset_every": 6, "filling": 99},
              {"days": np.arange(7, 30), "reset_every": 5, "filling": 98}, laid_by_loops),
    *observed("elman_np.notebook.train_starts", notebook.train_starts,
              {"starts": STARTS, "recipe": RECIPE, "x": X, "target": TARGET},
              {"starts": OTHER_STARTS, "recipe": replace(RECIPE, epochs=3), "x": X[::-1].copy(),
               "target": TARGET[::-1].copy(), "rng": 1}),
    *observed("elman_np.notebook.predict_starts", notebook.predict_starts,
              {"starts": STARTS, "recipe": RECIPE, "x": X},
              {"starts": OTHER_STARTS, "recipe": REPAIRED, "x": TARGET}, every_day),
    *observed("elman_np.notebook.Ensemble",
              lambda activation: notebook.Ensemble(activation).forward(OTHER_STARTS, X[None] / 50),
              {"activation": "tanh"}, {"activation": "relu"},
              lambda activation: every_day(
                  OTHER_STARTS, replace(RECIPE, activation=activation, reset_every=1), X / 50)[1][None]),
    *observed("elman_np.notebook.Ensemble.forward", lambda **o: notebook.Ensemble("relu").forward(**o),
              {"starts": STARTS, "x": X[:6, None]}, {"starts": OTHER_STARTS, "x": X[6:12, None]},
              lambda starts, x: every_day(starts, RECIPE, x[:, 0])[1][:, None]),
    *observed("elman_np.notebook.Ensemble.gradients", lambda **o: notebook.Ensemble("relu").gradients(**o),
              ENSEMBLE, {"starts": OTHER_STARTS, "x": X[60:120].reshape(6, 10), "target": 41.0,
                         "weight": WEIGHT / 2}),
    *observed("elman_np.notebook.study", of_study, {"name": "one", "recipe": RECIPE, "count": 3},
              {"name": "other", "recipe": REPAIRED, "count": 4, "order": 1}, study_by_hand),
]  # fmt: skip
MANY += [
    param
    for field in ("broadcast", "shuffle", "standardise", "init", "activation", "reset_every", "epochs")
    for param in observed(
        "elman_np.notebook.Recipe",
        lambda **options: of_study(name="one", recipe=notebook.Recipe(**options), count=3)[2:],
        {"epochs": 2},
        {field: getattr(REPAIRED, field)},
    )
]


@observes("elman_np.notebook.studies", "count epochs order")
def test_studies_are_those_of_the_notebook_its_repairs_and_all_of_them_so_far():
    repairs = list(notebook.REPAIRS.items())
    for options in ({"count": 2, "epochs": 1}, {"count": 3, "epochs": 2, "order": 1}):
        recipes = {"the notebook": notebook.Recipe(epochs=options["epochs"])}
        recipes |= {f"only {name}": replace(recipes["the notebook"], **repair) for name, repair in repairs}
        so_far = {}
        for name, repair in repairs:
            so_far |= repair
            recipes[f"+ {name}"] = replace(recipes["the notebook"], **so_far)
        found = list(notebook.studies(**options))
        assert [one.name for one in found] == list(recipes)
        for one in found:
            expected = study_by_hand(one.name, recipes[one.name], options["count"], options.get("order", 0))
            assert same([getattr(one, field) for field in vars(one)], list(expected))


@observes("elman_np.notebook.judge", "starts recipe")
@pytest.mark.parametrize("recipe", [RECIPE, REPAIRED, replace(REPAIRED, activation="relu")])
def test_fates_and_errors_are_those_that_a_loop_over_the_days_finds(recipe):
    """Also for networks that the training would not reach; means of n numbers have n + 1 roundings."""
    both = en.load_splg("2023-01-01", "2024-05-11")["Close"].to_list()
    x, target, year = both[:-1], both[1:], len(X)
    mean, std = (X.mean(), X.std()) if recipe.standardise else (0.0, 1.0)
    ends = np.array(
        [[0, 0, 0, 0, 0], [0, 0, 1, 0.1, 44], [1, 0, 0, 1, 0], [1, 0, 0, 1, 0.01], [0.5, 0, 0, 1, 0],
         [1, -2, 3, 4, 40], [0.9, 0.5, 0.1, 1.2, -9], [0.1, 0.1, 0, 2, 0]]
    ).T  # fmt: skip
    ends = np.concatenate([ends, notebook.draw_starts(20), notebook.draw_starts(5, "uniform")], axis=1)
    fate, error, error_after = notebook.judge(ends, recipe)
    h, y = every_day(ends, recipe, (np.array(x) - mean) / std)

    def rms(values):
        return math.sqrt(math.fsum(value**2 for value in values) / len(values))

    today = rms([a - b for a, b in zip(x[:year], target[:year], strict=True)])
    middle = math.fsum(target[:year]) / year
    jump = max(abs(a - b) for a, b in pairwise(x[:year]))
    for s in range(ends.shape[1]):
        dollars = (y[:, s] * std + mean).tolist()
        off = [a - b for a, b in zip(dollars, target, strict=True)]
        rounding = 400 * np.finfo(float).eps
        assert error[s] == pytest.approx(rms(off[:year]), rel=rounding)
        assert error_after[s] == pytest.approx(rms(off[year:]), rel=rounding)
        jumps = [abs(a - b) for a, b in pairwise(dollars[:year])]
        fits = {
            "dead": all(value == 0 for value in h[:year, s]),
            "oscillates": math.fsum(jumps) / len(jumps) > jump,
            "the mean": rms([value - middle for value in dollars[:year]]) < today,
            "today": rms([a - b for a, b in zip(dollars[:year], x[:year], strict=True)]) < today,
            "on the way": True,
        }
        assert notebook.FATES[fate[s]] == next(name for name, fit in fits.items() if fit)
    assert len(set(fate)) >= 3


# ---------------------------------------------------------------- its twin in PyTorch


def walk(params, x, h_0=0.0, sequence_length=5):
    """One day at a time; the counter clears the state late."""
    w_x, w_h, b_h, w_y, b_y = flat(params).tolist()
    h, days, outputs = h_0, 0, []
    for close in x.tolist():
        h = max(close * w_x + h * w_h + b_h, 0.0)
        outputs.append([h * w_y + b_y])
        days += 1
        if days > sequence_length:
            h, days = h_0, 0
    return np.array(outputs), np.array([h])


def in_torch(x, h_0=None, **options):
    h_0 = h_0 if h_0 is None else torch.tensor([h_0], dtype=torch.float64)
    with torch.no_grad():
        return torch_notebook.NotebookRNN(**{"params": START} | options)(torch.from_numpy(x), h_0)


def beside(model, x, reset_every=6):
    return walk(model.to_numpy().params, x.numpy(), sequence_length=reset_every - 1)[0]


def relu_twin(params):
    return et.ElmanRNN.from_numpy(en.ElmanRNN.from_params(params, activation="relu"))


DAYS, MORE_DAYS = X[:20], X[100:121]
# A day adds 4 roundings of terms up to twice the largest output, and hands on what there was by |w_h| < 2.6;
# the output takes at most 1.2 times that, and 2 roundings of its own.
ROUNDINGS = 1.2 * 8 * (2.6**6 - 1) / 1.6 + 2
IN_TORCH = [
    *observed("elman_torch.notebook.NotebookRNN", lambda **o: in_torch(DAYS, **o), {"params": START},
              {"params": OTHER, "sequence_length": 4},
              lambda params, sequence_length=5: walk(params, DAYS, 0.0, sequence_length), ROUNDINGS),
    *observed("elman_torch.notebook.NotebookRNN.forward", in_torch, {"x": DAYS},
              {"x": MORE_DAYS, "h_0": 2.0}, lambda x, h_0=0.0: walk(START, x, h_0), ROUNDINGS),
    *observed("elman_torch.notebook.side_by_side", torch_notebook.side_by_side,
              {"model": relu_twin(START), "x": torch.from_numpy(DAYS)},
              {"model": relu_twin(OTHER), "x": torch.from_numpy(MORE_DAYS), "reset_every": 5},
              beside, ROUNDINGS),
    *observed("elman_torch.notebook.predict", torch_notebook.predict, {"params": START, "x": DAYS},
              {"params": OTHER, "x": MORE_DAYS}, walk, ROUNDINGS),
]  # fmt: skip


@pytest.mark.parametrize(("one", "option"), [*RUN, *MANY, *IN_TORCH])
def test_each_option_of_the_notebook_makes_the_difference_that_it_should(one, option):
    check(one, option)


BASE = {"params": START, "x": X, "target": TARGET, "epochs": 2, "lr": 0.01, "rng": 0}
CHANGES = {
    "nothing": {}, "params": {"params": OTHER}, "x": {"x": X[::-1].copy()},
    "target": {"target": TARGET[::-1].copy() + 3}, "epochs": {"epochs": 3}, "lr": {"lr": 0.3},
    "rng": {"rng": 1},
}  # fmt: skip


@observes("elman_torch.notebook.train", "params x target epochs lr rng per_day")
@pytest.mark.parametrize("per_day", [False, True])
@pytest.mark.parametrize("change", CHANGES)
def test_pytorchs_run_has_the_options_of_ours(change, per_day, monkeypatch):
    """Both end together, to the noise of this training on these prices; only one walks day by day."""
    walked, forward = [], torch_notebook.NotebookRNN.forward
    monkeypatch.setattr(
        torch_notebook.NotebookRNN, "forward", lambda self, x: walked.append(len(x)) or forward(self, x)
    )
    options = BASE | CHANGES[change]
    theirs = flat(torch_notebook.train(**options, per_day=per_day))
    ours = flat(notebook.train(**options))
    allowed = noise(options["params"], options["epochs"], options["rng"], lr=options["lr"])
    assert np.all(np.abs(theirs - ours) <= allowed)
    if change != "nothing":
        assert np.abs(theirs - flat(notebook.train(**BASE))).max() > 1e6 * allowed.max()
    assert walked == ([50, 50, 50, 50, 49] * options["epochs"] if per_day else [])


@observes("elman_np.notebook.train", "callback")
@observes("elman_torch.notebook.train", "callback")
@pytest.mark.parametrize("train", [notebook.train, torch_notebook.train])
def test_each_update_is_heard_with_the_loss_before_it(train):
    """All pairs of a batch, added exactly; PyTorch's parameters are off by less than 1e-11 (`noise`)."""
    heard, expected = [], []
    train(**BASE, callback=heard.append)
    by_hand(**BASE, heard=expected)
    assert [update[:4] for update in heard] == [update[:4] for update in expected]
    assert [update.loss for update in heard] == pytest.approx([loss for *_, loss in expected], rel=1e-9)
    assert [update.number for update in heard] == list(range(1, 11))
    again = []
    by_hand(**BASE | {"rng": None}, heard=again)
    assert again[0][4] != expected[0][4]


@pytest.mark.parametrize("train", [notebook.train, torch_notebook.train])
def test_without_a_seed_the_order_of_the_days_is_fresh(train):
    """249! orders; and a generator goes on where it was."""
    options = BASE | {"epochs": 1}
    ends = [tuple(flat(train(**options | {"rng": rng}))) for rng in (None, None, 0)]
    assert len(set(ends)) == 3
    generator = np.random.default_rng(0)
    first, second = (tuple(flat(train(**options | {"rng": generator}))) for _ in range(2))
    assert first == ends[2] != second


@pytest.mark.parametrize("train", [notebook.train, torch_notebook.train])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_start_says_the_dtype_that_is_computed_in(train, dtype):
    end = train(**BASE | {"params": START.astype(dtype), "epochs": 1})
    assert end.dtype == dtype
    assert np.any(flat(end) != flat(end).astype(np.float32)) == (dtype == np.float64)


def test_many_starts_may_have_a_fresh_order_too():
    ends = [notebook.train_starts(STARTS, RECIPE, X, TARGET, rng=rng) for rng in (None, None, 0)]
    assert not same(ends[0], ends[1])
    assert not same(ends[0], ends[2])
    assert same(ends[2], notebook.train_starts(STARTS, RECIPE, X, TARGET))
