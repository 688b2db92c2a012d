"""The notebook's own behaviour, its printed run, and its training in both backends."""

import re
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import elman_np as en
import elman_torch as et
from elman_np import notebook
from elman_np.checking.balls import Ball, Unit, dot, in_bounds
from elman_np.checking.bounds import backward_ball, forward_ball, mse_ball, phi_ball
from elman_np.parameters import NAMES
from elman_np.recurrence import Recurrence
from elman_np.training import batches
from elman_torch import notebook as torch_notebook
from tests.support.prices import CLOSES, YEAR
from tests.support.same import assert_same
from tests.support.strategies import activations, seeds

X, TARGET = YEAR[:-1].copy(), YEAR[1:].copy()
PAGE = Path(__file__).parents[1] / "docs" / "notebook.md"
AS_A_MODEL = Recurrence("relu", reset_every=6)


def flat(params):
    return np.concatenate([p.ravel() for p in params]).astype(np.float64)


def within(values, ball, times=1):
    return bool(np.all(in_bounds(np.asarray(values, ball.unit.long), ball.mid, times * ball.rad) <= 1))


# ---------------------------------------------------------------- what it prints


def test_the_head_of_the_table_is_the_printed_one():
    frame = en.load_splg()
    names = ["Date", "Close", "High", "Low", "Open", "Volume", "Ticker"]
    assert frame.columns == names
    assert [str(kind) for kind in frame.dtypes] == [
        "Datetime(time_unit='ns', time_zone=None)", *["Float64"] * 4, "Int64", "String"
    ]  # fmt: skip
    assert frame.head().rows() == [
        (datetime(2023, 1, 3), 43.092083, 43.717584, 42.755277, 43.486628, 3688300, "SPLG"),
        (datetime(2023, 1, 4), 43.42889, 43.659842, 42.995852, 43.342283, 4335600, "SPLG"),
        (datetime(2023, 1, 5), 42.928493, 43.197938, 42.861132, 43.188317, 4449300, "SPLG"),
        (datetime(2023, 1, 6), 43.900421, 44.035143, 42.928493, 43.284546, 2160500, "SPLG"),
        (datetime(2023, 1, 9), 43.88118, 44.545174, 43.861937, 44.150628, 4251700, "SPLG"),
    ]
    assert X.shape == TARGET.shape == (249,)


@pytest.mark.parametrize("backend", [notebook, torch_notebook])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_printed_predictions_come_out_within_four_digits(backend, dtype):
    """Every number with four digits is anything within half a unit of the last; so is every print."""
    unit, half = Unit.of(np.float32), notebook.PRINT_ERROR
    w_x, w_h, b_h, w_y, b_y = (
        Ball(p.astype(unit.long), np.full(p.shape, half), unit) for p in notebook.PRINTED
    )
    h = zero = unit.exact(np.zeros((1, 1)))
    printed, _ = backend.predict(notebook.PRINTED.astype(dtype), X)
    pen = notebook.printed_bound(X[:50])
    worst = 0.0
    for day, (price, shown) in enumerate(zip(X, notebook.PRINTED_PREDICTIONS, strict=False)):
        h = zero if day % 6 == 0 else h
        close = Ball(np.full((1, 1), price), np.full((1, 1), 5e-6), unit)
        h, _, _ = phi_ball(dot([(close, w_x.T), (h, w_h.T)], [b_h], more=1), "relu")
        y = dot([(h, w_y.T)], [b_y])
        off = abs(printed[day, 0] - shown)
        assert off <= y.rad + half
        assert off <= pen[day]
        assert pen[day] <= y.rad + half  # which allows rounding, and the closes' own digits, as well
        worst = max(worst, off)
        if day % 2:
            assert h.mid == h.rad == 0
            assert printed[day, 0] == notebook.PRINTED.b_y.astype(dtype)[0]
    assert round(worst, 4) == 0.0013


def test_the_printed_run_in_dollars():
    y, _ = notebook.predict(notebook.PRINTED, X)
    assert round(en.rmse(y[:, 0], TARGET), 2) == 7.39
    assert round(en.rmse(np.full_like(TARGET, TARGET.mean()), TARGET), 2) == 2.79
    assert round(en.rmse(X, TARGET), 3) == 0.394


# ---------------------------------------------------------------- its surprises


@given(st.integers(1, 60), seeds, st.sampled_from([np.float64, np.float32]))
def test_the_broadcast_loss_is_that_of_all_pairs(days, seed, dtype):
    """Bounds of both ways of writing it: all T x T pairs, and the distance to the mean."""
    rng = np.random.default_rng(seed)
    start = rng.integers(len(CLOSES) - days)
    target = CLOSES[start : start + days].astype(dtype)
    y = (target[::-1, None] + rng.standard_normal((days, 1)) * rng.choice([0.1, 50])).astype(dtype)
    loss, dy = notebook.broadcast_loss(y, target)
    unit = Unit.of(dtype)
    pairs, _ = mse_ball(unit.exact(np.repeat(y, days, axis=1)), np.repeat(target[None], days, axis=0))
    residual = unit.exact(y) - unit.exact(target)
    ones = unit.exact(np.ones((days, 1)))
    dy_of_pairs = dot([(residual * (2 / days**2), ones)])
    mean = dot([(unit.exact(target[None]), ones)]) / float(days)
    from_mean = (unit.exact(y) - mean) * (2 / days)
    # The mean is off by r, the same r in every residual: the variance about it moves by r^2 and roundings.
    spread = unit.exact(target[:, None]) - mean
    of_mean = dot([((unit.exact(y) - mean).T, unit.exact(y) - mean), (spread.T, spread)]) / float(days)
    assert abs(loss - pairs.mid) <= 2 * (pairs.rad + of_mean.rad[0, 0])
    assert np.all(np.abs(dy - dy_of_pairs.mid) <= dy_of_pairs.rad + from_mean.rad)

    theirs = torch.tensor(y, requires_grad=True)
    with pytest.warns(UserWarning, match="target size"):
        torch_loss = torch.nn.MSELoss()(theirs, torch.tensor(target))
    torch_loss.backward()
    assert abs(torch_loss.item() - pairs.mid) <= pairs.rad
    assert np.all(np.abs(theirs.grad.numpy() - dy_of_pairs.mid) <= 2 * dy_of_pairs.rad)


def test_a_length_of_five_clears_after_six():
    one = np.ones(1)
    params = en.Parameters(one[None], one[None] / 2, one, one[None], one)
    model = torch_notebook.NotebookRNN(params, sequence_length=5)
    x = torch.ones(13, dtype=torch.float64)
    with torch.no_grad():
        y = model(x)[0][:, 0].numpy()
    first = np.flatnonzero(y == y[0])
    assert first.tolist() == [0, 6, 12]


@pytest.mark.parametrize("steps", [5, 6, 7, 12])
def test_its_last_state_is_the_first_where_six_divides_the_days(steps):
    params = en.init_parameters(1, 1, 1, init="normal", rng=616)
    params = params.map(np.abs)
    x = X[:steps]
    _, theirs = torch_notebook.predict(params, x)
    _, ours = notebook.predict(params, x)
    assert ours > 0
    assert theirs == (0 if steps % 6 == 0 else pytest.approx(ours, rel=1e-12))


def test_it_takes_no_second_dimension():
    model = torch_notebook.NotebookRNN(notebook.PRINTED)
    with pytest.raises(ValueError, match=r"expected shape \(T,\), got \(4, 1\)"):
        model(torch.zeros(4, 1))


def test_the_last_batch_is_one_short():
    sizes = [
        len(days) for days in batches(249, notebook.BATCH_SIZE, shuffle=True, rng=np.random.default_rng(0))
    ]
    assert sizes == [50, 50, 50, 50, 49]


# ---------------------------------------------------------------- the same network, written four times


@given(
    st.one_of(*[st.integers(1, 60)] * 4, st.integers(61, 249)),
    seeds,
    st.sampled_from([np.float64, np.float32]),
)
def test_all_four_forms_predict_the_same(days, seed, dtype):
    params = en.init_parameters(1, 1, 1, init="normal", dtype=dtype, rng=seed)
    x = X[:days].astype(dtype)
    ball = forward_ball(params, x[:, None, None], np.zeros((1, 1), dtype), AS_A_MODEL).y.reshape(days, 1)
    reference = et.ElmanRNN.from_numpy(notebook.network(params))
    plain = et.ElmanRNN.from_numpy(en.ElmanRNN.from_params(params, activation="relu"))
    forms = [
        notebook.predict(params, x)[0],
        torch_notebook.predict(params, x)[0],
        reference(torch.tensor(x[:, None]))[0].detach().numpy(),
        torch_notebook.side_by_side(plain, torch.tensor(x)).detach().numpy(),
    ]
    if dtype == np.float64:
        forms.append(notebook.predict_starts(flat(params)[:, None], notebook.Recipe(), x)[1])
    for y in forms:
        assert y.shape == (days, 1)
        assert within(y, ball)


@pytest.mark.eq("3.1", "3.2", "3.3", "3.4", "3.5", "3.6", "3.8", "3.9", "3.10", "3.11", "3.12")
@settings(max_examples=settings.default.max_examples // 2)
@given(
    st.lists(seeds, min_size=1, max_size=4),
    st.integers(1, 4) | st.integers(100, 400),
    st.one_of(*[st.integers(1, 30)] * 4, st.integers(31, 249)),
    st.integers(1, 8) | st.integers(9, 40),
    activations,
    st.booleans(),
    st.booleans(),
)
def test_each_member_of_the_ensemble_is_an_elman_rnn(
    member_seeds, count, days, reset_every, activation, scaled, broadcast
):
    """Of an ensemble of any size, in which each network may be there many times."""
    members = [en.init_parameters(1, 1, 1, init="normal", rng=seed) for seed in member_seeds]
    rng = np.random.default_rng(member_seeds[0])
    chosen = rng.permutation(len(X))[:days]
    scaler = en.Scaler.fit(X) if scaled else en.Scaler(0.0, 1.0)
    x, target = scaler.transform(X)[chosen], scaler.transform(TARGET)[chosen]
    indices = notebook.stretches(np.arange(days), reset_every, filling=days)
    expected = target.mean() if broadcast else np.append(target, 0)[indices][..., None]
    weight = (indices < days) * (2 / days)
    which = np.arange(max(count, len(members))) % len(members)
    starts = np.stack([flat(params) for params in members], axis=1)[:, which]
    ours = notebook.Ensemble(activation).gradients(starts, np.append(x, 0)[indices], expected, weight)
    for index, params in enumerate(members):
        model = en.ElmanRNN.from_params(params, activation=activation, reset_every=reset_every)
        y, _, tape = model.forward(x[:, None])
        compared = np.full_like(y, target.mean()) if broadcast else target[:, None]
        dy = en.mse_loss(y, compared)[1]
        alone = flat(model.backward(tape, dy)[0])
        forward = forward_ball(
            params, x[:, None, None], np.zeros((1, 1)), Recurrence(activation, reset_every)
        )
        balls = backward_ball(forward, mse_ball(forward.y, compared[:, None])[1])
        balls = [balls[name].reshape(1) for name, _ in params.items()]
        for (name, _), values, other, ball in zip(params.items(), ours, alone, balls, strict=True):
            far = [int(k) for k in np.flatnonzero(which == index) if not within(values[k], ball)]
            assert not far, f"d{name} of member {far[0]} of {len(which)}, and of {len(far) - 1} more"
            assert within(other, ball)
        assert np.array_equal(flat(notebook.one_start(starts, index)), flat(params))


# ---------------------------------------------------------------- the same training


def noise(params, epochs, order, copies=8, lr=notebook.LR):
    """How far apart two right programs of this training may end, measured.

    Copies of one start are trained, and before every update each gradient is taken at parameters that are
    moved by n units of rounding, in random directions: n = 4 for each of six steps, 2 for the output, and
    one for each day of the batch in a sum are the roundings on the way to a gradient. After every update the
    parameters are moved by 2 units, for the roundings of the update itself. The farthest copy counts.
    """
    unit, rng = float(np.finfo(params.dtype).eps) / 2, np.random.default_rng(1)
    p = np.repeat(flat(params)[:, None], copies + 1, axis=1)
    x = np.append(X, 0)

    def moved(p, units):
        directions = rng.choice([-1.0, 1.0], p.shape)
        directions[:, 0] = 0
        return p * (1 + units * unit * directions)

    m = v = np.zeros_like(p)
    ensemble, options, step = notebook.Ensemble("relu"), en.AdamOptions(lr=lr), 0
    generator = np.random.default_rng(order)
    for _ in range(epochs):
        for days in batches(len(X), notebook.BATCH_SIZE, shuffle=True, rng=generator):
            step += 1
            indices = notebook.stretches(days, 6, filling=len(X))
            weight = (indices < len(X)) * (2 / len(days))
            at = moved(p, 6 * 4 + 2 + len(days))
            grads = ensemble.gradients(at, x[indices], TARGET[days].mean(), weight)
            p, m, v, _ = en.adam_step(p, grads, m, v, v, step, options)
            p = moved(p, 2)
    return np.abs(p[:, 1:] - p[:, :1]).max(axis=1)


def trained(how, params, epochs, order):
    match how:
        case "NumPy":
            return flat(notebook.train(params, X, TARGET, epochs=epochs, rng=order))
        case "ensemble":
            recipe = notebook.Recipe(epochs=epochs)
            return notebook.train_starts(flat(params)[:, None], recipe, X, TARGET, rng=order)[:, 0]
    per_day = how == "PyTorch, day by day"
    return flat(torch_notebook.train(params, X, TARGET, per_day=per_day, epochs=epochs, rng=order))


def assert_ends_together(params, epochs, others, order=0):
    ours, allowed = trained("NumPy", params, epochs, order), noise(params, epochs, order)
    assert np.all(allowed < (1e-11 if params.dtype == np.float64 else 1e-2))  # it can be judged
    for how in others:
        apart = np.abs(trained(how, params, epochs, order) - ours)
        assert np.all(apart <= allowed), (how, apart, allowed)


OTHERS = ("PyTorch, day by day", "PyTorch, side by side", "ensemble")


@pytest.mark.parametrize(("seed", "dtype"), [(616, np.float64), (0, np.float64), (616, np.float32)])
def test_the_first_updates_end_together(seed, dtype):
    params = en.init_parameters(1, 1, 1, init="normal", dtype=dtype, rng=seed)
    assert_ends_together(params, 8, OTHERS if dtype == np.float64 else OTHERS[:2], order=seed)


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "dtype"), [(616, np.float64), (0, np.float64), (1, np.float32)])
def test_all_5000_updates_end_together(seed, dtype):
    params = en.init_parameters(1, 1, 1, init="normal", dtype=dtype, rng=seed)
    assert_ends_together(params, notebook.EPOCHS, OTHERS if dtype == np.float64 else OTHERS[:2])


@pytest.mark.parametrize(
    "wrong", [{"reset_every": 5}, {"broadcast": False}, {"shuffle": False}, {"activation": "tanh"}]
)
def test_a_training_that_is_not_the_notebooks_ends_elsewhere(wrong):
    """The comparison above can fail."""
    params = en.init_parameters(1, 1, 1, init="normal", rng=1)
    start = flat(params)[:, None]
    ours = notebook.train_starts(start, notebook.Recipe(epochs=12), X, TARGET)
    other = notebook.train_starts(start, notebook.Recipe(epochs=12, **wrong), X, TARGET)
    assert np.abs(ours - other).max() > 1e6 * noise(params, 12, 0).max()


def test_members_do_not_depend_on_their_neighbours():
    """Also of a thousand: five networks, each there two hundred times."""
    starts, recipe = notebook.draw_starts(5), notebook.Recipe(epochs=4)
    many = starts[:, np.arange(1_003) % 5]
    trained = [notebook.train_starts(z, recipe, X, TARGET) for z in (starts, many)]
    for index in range(5):
        alone = notebook.train_starts(starts[:, [index]], recipe, X, TARGET)[:, [0]]
        allowed = noise(notebook.one_start(starts, index), 4, 0)[:, None]
        for together in trained:
            names, members = np.nonzero(np.abs(together[:, index::5] - alone) > allowed)
            assert not len(names), f"{NAMES[names[0]]} of member {members[0] * 5 + index}"


def test_many_starts_predict_as_each_alone_in_every_bit():
    starts = notebook.draw_starts(300)
    h, y = notebook.predict_starts(starts, notebook.Recipe(), X)
    for index in (*range(0, 300, 7), 100, 101, 299):
        alone = notebook.predict_starts(starts[:, [index]], notebook.Recipe(), X)
        names = (f"h of member {index}", f"y of member {index}")
        assert_same(*(dict(zip(names, z, strict=True)) for z in ((h[:, [index]], y[:, [index]]), alone)))
        params = en.init_parameters(1, 1, 1, init="normal", rng=index)
        assert np.array_equal(starts[:, index], flat(params)), f"start {index}"


# ---------------------------------------------------------------- what becomes of the starts


@pytest.mark.eq("3.5")
@pytest.mark.parametrize("size", [1e-300, 1e-15, 1e-9, 1.0, 1e9])
def test_a_state_above_zero_passes_the_whole_gradient_however_small(size):
    """One day, w_h and biases 0: dw_x is w_y dy x, and that of a state below zero is 0."""
    starts = np.array([[size, -size, size], [0.0] * 3, [0.0] * 3, [1.0, 1.0, 2.0], [0.0] * 3])
    x, target, weight = np.full((1, 1), 3.0), np.full((1, 1, 1), -1.0), np.ones((1, 1))
    dw_x, dw_h, db_h, dw_y, db_y = notebook.Ensemble("relu").gradients(starts, x, target, weight)
    dy = starts[3] * np.maximum(starts[0] * 3, 0) + 1
    passes = np.array([1.0, 0.0, 1.0])
    np.testing.assert_array_equal(dw_x, starts[3] * dy * 3 * passes)
    np.testing.assert_array_equal(db_h, starts[3] * dy * passes)
    np.testing.assert_array_equal(dw_h, 0)
    np.testing.assert_array_equal(dw_y, dy * np.maximum(starts[0] * 3, 0))
    np.testing.assert_array_equal(db_y, dy)


def test_fates_are_told_apart():
    """Networks of which the fate is known by hand, as if a training had ended there."""
    ends = np.array(
        [
            [0, 0, 0, 0, 0],  # nothing in, nothing out
            flat(notebook.PRINTED),
            [0, 0, 1, 1, TARGET.mean() - 1],
            [1, 0, 0, 1, 0],
            [0.5, 0, 0, 1, 0],
        ]
    ).T
    fate, error, _ = notebook.judge(ends, notebook.Recipe())
    assert [notebook.FATES[index] for index in fate] == list(notebook.FATES)
    expected = [en.rmse(0 * X, TARGET), 7.393, np.std(TARGET), en.rmse(X, TARGET), en.rmse(X / 2, TARGET)]
    assert error == pytest.approx(expected, abs=1e-3)


def test_a_study_has_every_repair_alone_and_then_together():
    found = list(notebook.studies(3, epochs=1))
    names = [one.name for one in found]
    assert names == [
        "the notebook",
        *(f"only {r}" for r in notebook.REPAIRS),
        *(f"+ {r}" for r in notebook.REPAIRS),
    ]
    assert found[-1].recipe == notebook.Recipe(
        broadcast=False,
        shuffle=False,
        standardise=True,
        init="uniform",
        activation="tanh",
        reset_every=5,
        epochs=1,
    )
    assert all(sum(one.count(fate) for fate in notebook.FATES) == 3 for one in found)


@pytest.mark.slow
def test_the_pages_table_is_what_a_thousand_starts_give():
    """A start near a border may fall on its other side on another CPU: 3 of 1,000."""
    rows = {}
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("| ").split("|")]
        if len(cells) == 12:
            rows[cells[0]] = cells[1:]
    for one in notebook.studies(1_000):
        for shown, cell in zip(rows[one.name], notebook.table_cells(one), strict=True):
            assert float(shown) == pytest.approx(float(cell), abs=0 if "." in cell else 3, rel=0.01)


# ---------------------------------------------------------------- its command


@pytest.mark.parametrize(
    ("main", "options"),
    [
        (notebook.main, []),
        pytest.param(torch_notebook.main, [], marks=pytest.mark.slow),
        (torch_notebook.main, ["--per-day"]),
    ],
)
def test_every_cell_is_printed(main, options, capsys):
    epochs = "2" if options else "100"
    assert main(["--epochs", epochs, "--dtype", "float64", *options]) == 0
    printed = capsys.readouterr().out
    for part in (
        "43.092083",
        "(249,) (249,)",
        "In [2]",
        "In [3]",
        "In [4]",
        "In [5]",
        "In [6]",
        "In [7]",
        "7.393",
    ):
        assert part in printed
    assert (
        "largest difference from its 50 predictions: 0.0013; four digits allow 0.0031 there; 0 exceed it"
        in printed
    )
    lines = re.findall(r"^Train Epoch: (\d+) \[0/249 \(0%\)\]\s+Loss: \d+\.\d{6}$", printed, re.MULTILINE)
    assert lines == ([] if options else ["100"])
    assert len(re.findall(r"^( *-?\d+\.\d{4}){9,10}$", printed, re.MULTILINE)) == 25


def test_the_training_line_is_the_notebooks():
    update = notebook.Update(1, 100, 3, 50, 7.5)
    assert notebook.training_line(update, 249) == "Train Epoch: 100 [150/249 (60%)]\tLoss: 7.500000"


def test_the_fates_are_printed_and_drawn(tmp_path, capsys):
    picture = tmp_path / "fates.png"
    assert notebook.main(["--starts", "3", "--epochs", "1", "--picture", str(picture)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    for part in (*notebook.FATES, *notebook.REPAIRS, "0.394", "0.422", "2.786", "9.284"):
        assert part in printed


def test_an_ensemble_may_be_asked_again_with_other_sizes_that_hold_as_much():
    ensemble, rng = notebook.Ensemble("relu"), np.random.default_rng(0)
    for count, days in ((2, (2, 6)), (2, (5, 3)), (6, (2, 2)), (4, (8, 1)), (2, (2, 6))):
        starts, x = rng.standard_normal((5, count)), rng.standard_normal(days)
        y = ensemble.forward(starts, x)
        assert y.shape == (*days, count)
        np.testing.assert_array_equal(y, notebook.Ensemble("relu").forward(starts, x))


@pytest.mark.parametrize("day", [0, 1, 30, 49])
def test_what_four_digits_allow_is_told_of_the_day_that_is_farthest_off(day):
    x, _ = notebook.closes(en.load_splg())
    predictions = notebook.PRINTED_PREDICTIONS.copy()
    predictions[day] += 0.5
    check = notebook.check_printed(predictions, x)
    assert check.largest == pytest.approx(0.5, rel=1e-12)
    assert check.allowed == notebook.printed_bound(x[:50])[day]
    assert check.exceeding == 1
    assert len({*notebook.printed_bound(x[:50])[[0, 1, 30]]}) > 1
