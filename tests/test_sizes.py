"""Every size up to 130, many beyond, over the whole range of numbers: judged exactly or one step at a time.

The properties elsewhere draw small problems mostly. What holds only of small ones does not pass here.
"""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import elman_np as en
import elman_torch as et
from elman_np.adam import adam_step
from elman_np.checking.bounds import Unit, mse_ball
from elman_np.checking.problems import Case, cell_tensors, numpy_tensors
from elman_np.training import batches
from elman_torch.parity import compare_update, torch_tensors
from tests.support.integers import exact_tensors, is_exact, large_case
from tests.support.one_step import first_complaint
from tests.support.prices import CLOSES
from tests.support.same import assert_same, first_difference
from tests.support.strategies import LONGEST, cases, dtypes, seeds
from tests.test_adam_machine import options
from tests.test_integers import integer_cases, problem

DTYPES = (np.dtype(np.float64), np.dtype(np.float32))
FORWARD = ("1.1", "1.2", "1.3", "1.4", "1.5")
BACKWARD = tuple(f"3.{i}" for i in range(1, 13))
TRUNCATION = ("5.1", "5.2", "5.3", "9.1", "9.2", "9.3", "9.4")

SMALL = {"steps": 4, "batch": 2, "inputs": 2, "hidden": 3, "outputs": 2}
SIZES = (*range(1, 67), *range(68, 131, 3), *range(143, 301, 26), 513)
SEVERAL = ((110, 35, 17, 44, 5), (300, 2, 3, 130, 2), (13, 70, 66, 130, 11), (105, 1, 1, 260, 1))
"""T, B, I, H and O of which several are large."""


def size_and_truncation(name, n):
    """One size is n, or the number of steps between resets or cuts is: two stretches, or two and a part."""
    if name in SMALL:
        return tuple((SMALL | {name: n}).values()), {}
    return tuple((SMALL | {"steps": 2 * n + n // 2 * (n % 2), "batch": 1 + n % 2}).values()), {name: n}


# ---------------------------------------------------------------- every size, exactly

UNITS = {"y": (1, 0), "h_n": (1, 0), "dx": (0, 1), "dh_0": (0, 1), "dw_x": (1, 1)}
UNITS |= {"dw_h": (1, 1), "db_h": (0, 1), "dw_y": (1, 1), "db_y": (0, 1)}
"""By how much each tensor is multiplied if all that goes forward is, and all that goes backward."""


def powers(dtype, rng):
    """Draw two powers of two from all that the dtype has, together as well: 1e+-270 or 1e+-30."""
    most = 900 if dtype == np.float64 else 96
    forward = int(rng.integers(-most, most + 1))
    return forward, int(rng.integers(max(-most, -most - forward), min(most, most - forward) + 1))


def in_other_units(case, forward, backward):
    """Multiply all that goes forward and all that goes backward by powers of two."""
    to, fro = (case.x.dtype.type(2.0**power) for power in (forward, backward))
    p = case.model.params
    params = en.Parameters(p.w_x, p.w_h, p.b_h * to, p.w_y, p.b_y * to)
    model = en.ElmanRNN.from_params(params, **vars(case.model.recurrence))
    return Case(model, case.x * to, case.h_0 * to, case.dy * fro, case.dh_n * fro, None)


def back_in_units(tensors, forward, backward):
    return {
        name: value * value.dtype.type(2.0 ** -(forward * UNITS[name][0] + backward * UNITS[name][1]))
        for name, value in tensors.items()
    }


def complaint_about_integers(size, dtype, seed, *, cell, reference, **truncation):
    """Put one problem of integers, in drawn units, through all that computes it."""
    case, arrays = large_case(size, dtype, seed, **truncation)
    for name, p, q in zip(("w_x", "w_h", "b_h", "w_y", "b_y"), case.model.params, arrays, strict=True):
        if not np.array_equal(p, q):
            return f"from_params, T B I H O = {size}: {name} is not what was given"
    expected, units = exact_tensors(case, np.int64), powers(dtype, np.random.default_rng(seed))
    moved = in_other_units(case, *units)
    arguments = (moved.model, moved.x, moved.h_0, None, moved.dy, moved.dh_n)
    answers = {"sequence": lambda: numpy_tensors(*arguments)}
    if cell:
        answers["cell"] = lambda: cell_tensors(en, moved)
    if reference:
        answers["PyTorch"] = lambda: torch_tensors(et.ElmanRNN.from_numpy(moved.model), *arguments[1:])
    for who, answer in answers.items():
        wrong = first_difference(back_in_units(answer(), *units), expected)
        if wrong:
            return f"{who}, T B I H O = {size}, {truncation}, {dtype}, units 2^{units}: {wrong}"
    return None


@pytest.mark.eq(*FORWARD[:3], "1.5", *BACKWARD[:3], *BACKWARD[4:], *TRUNCATION)
@pytest.mark.parametrize("name", [*SMALL, "reset_every", "chunk"])
def test_integers_of_every_size_are_exact_in_any_units(name):
    for n in SIZES if name in SMALL else SIZES[:66] + SIZES[66::4]:
        size, truncation = size_and_truncation(name, n)
        whole = {"cell": name in SMALL and (name != "steps" or n % 10 == 1), "reference": n % 20 == 10}
        wrong = complaint_about_integers(size, DTYPES[n % 2], n, **whole, **truncation)
        assert not wrong, wrong


@pytest.mark.eq(*FORWARD[:3], "1.5", *BACKWARD[:3], *BACKWARD[4:], *TRUNCATION)
@pytest.mark.parametrize("truncation", [{}, {"reset_every": 45}, {"chunk": 45}], ids=str)
@pytest.mark.parametrize("size", SEVERAL, ids=str)
def test_integers_are_exact_where_several_sizes_are_large(size, truncation):
    for dtype in DTYPES:
        wrong = complaint_about_integers(size, dtype, 0, cell=True, reference=True, **truncation)
        assert not wrong, wrong


# ---------------------------------------------------------------- every size, one step at a time


def normal_case(size, dtype, seed, activation, **truncation):
    """Draw a case that does not amplify, the units of its inputs and outputs, and its five arrays."""
    steps, batch, inputs, hidden, outputs = size
    rng = np.random.default_rng(seed)
    params = en.init_parameters(inputs, hidden, outputs, dtype=dtype, rng=rng)
    far = 600 if dtype == np.float64 else 60
    of_x, of_y = (dtype.type(2.0 ** rng.integers(-far, far + 1)) for _ in range(2))
    arrays = (params.w_x / of_x, params.w_h, params.b_h, params.w_y * of_y, params.b_y * of_y)

    def normal(*shape):
        return rng.standard_normal(shape).astype(dtype)

    model = en.ElmanRNN.from_params(en.Parameters(*arrays), activation=activation, **truncation)
    x, dy = normal(steps, batch, inputs) * of_x, normal(steps, batch, outputs) / of_y
    return Case(model, x, normal(batch, hidden), dy, normal(batch, hidden), None), arrays


def complaint_about_steps(size, dtype, seed, activation, **truncation):
    case, arrays = normal_case(size, dtype, seed, activation, **truncation)
    wrong = first_complaint(arrays, case)
    return wrong and f"T B I H O = {size}, {case.model.recurrence}, {dtype}: {wrong}"


@pytest.mark.eq(*FORWARD, *BACKWARD, *TRUNCATION)
@pytest.mark.parametrize("name", [*SMALL, "reset_every", "chunk"])
def test_every_size_is_right_step_by_step(name):
    for n in SIZES:
        size, truncation = size_and_truncation(name, n)
        activation, dtype = ("relu", "tanh")[n % 3 > 0], DTYPES[n % 4 > 0]  # long double is slow
        wrong = complaint_about_steps(size, dtype, n, activation, **truncation)
        assert not wrong, wrong


@pytest.mark.eq(*FORWARD, *BACKWARD, *TRUNCATION)
@pytest.mark.parametrize("truncation", [{}, {"reset_every": 45}, {"chunk": 45}], ids=str)
@pytest.mark.parametrize("size", SEVERAL, ids=str)
def test_several_large_sizes_are_right_step_by_step(size, truncation):
    wrong = complaint_about_steps(size, DTYPES[1], 0, "tanh", **truncation)
    assert not wrong, wrong


@pytest.mark.eq(*FORWARD, *BACKWARD, *TRUNCATION)
@given(cases())
def test_whatever_is_drawn_is_right_step_by_step(case):
    """Weights too large for a bound of the whole sequence are judged here."""
    dy = np.ones_like(case.target) if case.dy is None else case.dy
    dh_n = np.ones_like(case.h_0) if case.dh_n is None else case.dh_n
    case = Case(case.model, case.x, case.h_0, dy, dh_n, None)
    wrong = first_complaint(list(case.model.params), case)
    assert not wrong, wrong


def test_the_strategies_meet_every_size_within_a_few_properties():
    """In as many examples as ten properties draw by default.

    One in fifteen goes beyond a given size. What is drawn hangs on which modules are loaded, though nothing
    is random: Hypothesis takes numbers from their text.
    """
    beyond = {
        "steps": 100,
        "batch": 32,
        "inputs": 16,
        "hidden": 40,
        "outputs": 4,
        "reset_every": 10,
        "chunk": 10,
    }
    most = dict.fromkeys(beyond, 0)

    for truncation in ("reset_every", "chunk"):

        @settings(derandomize=True, database=None, max_examples=10 * settings.default.max_examples)
        @given(cases(truncation=truncation))
        def draw(case):
            p, recurrence = case.model.params, case.model.recurrence
            met = (*case.x.shape[:2], p.input_size, p.hidden_size, p.output_size)
            met += (recurrence.reset_every or 0, recurrence.chunk or 0)
            for name, n in zip(most, met, strict=True):
                most[name] = max(most[name], n)

        draw()
    assert {name for name, n in most.items() if n <= beyond[name]} == set(), most
    assert all(max(SIZES) >= n for n in LONGEST.values())


# ---------------------------------------------------------------- the large from the small


@pytest.mark.eq(*FORWARD[:3], "1.5", *BACKWARD[:3], *BACKWARD[4:], *TRUNCATION)
@given(integer_cases(), st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.booleans())
def test_copies_beside_each_other_are_copies_in_every_bit(case, units, rows, times, own):
    """A wide network is narrow ones side by side, a batch its rows, and a sequence its stretches.

    With `own`, each copy of the units has inputs and outputs of its own; else all share them.
    """
    small, (model, x, h_0, _, dy, dh_n) = exact_tensors(case), problem(case)
    p, steps = model.params, len(x)
    times = times if model.chunk is None and (model.reset_every or steps) == steps else 1
    wide = np.kron(np.eye(units, dtype=p.dtype), p.w_h)

    def blocks(w, axis):
        return np.kron(np.eye(units, dtype=p.dtype), w) if own else np.concatenate([w] * units, axis=axis)

    heads = units if own else 1
    arrays = (blocks(p.w_x, 0), wide, np.tile(p.b_h, units), blocks(p.w_y, 1), np.tile(p.b_y, heads))
    options = vars(model.recurrence) | ({"reset_every": steps} if times > 1 else {})
    large = Case(
        en.ElmanRNN.from_params(en.Parameters(*arrays), **options),
        np.tile(x, (times, rows, heads)),
        np.tile(h_0, (rows, units)),
        np.tile(dy, (times, rows, heads)),
        np.tile(dh_n, (rows, units)) * (times == 1),
        None,
    )
    if times > 1:
        small = exact_tensors(Case(model, x, h_0, dy, 0 * dh_n, None))
    if not is_exact(large, np.float64):
        return
    ours, many = numpy_tensors(*problem(large)), rows * times
    expected = {
        "h_n": np.tile(small["h_n"], (rows, units)),
        "dw_h": np.tile(small["dw_h"], (units, units)) * many,
    }
    expected |= {"db_h": np.tile(small["db_h"], units) * many, "db_y": np.tile(small["db_y"], heads) * many}
    expected["dh_0"] = np.tile(small["dh_0"], (rows, units)) * times
    for name, across in (("dw_x", (units, heads)), ("dw_y", (heads, units))):
        expected[name] = np.tile(small[name], across) * many
    y = small["y"] if own else (small["y"] - p.b_y.astype(int)) * units + p.b_y.astype(int)
    expected |= {"y": np.tile(y, (times, rows, heads))}
    expected["dx"] = np.tile(small["dx"] * (1 if own else units), (times, rows, heads))
    wrong = first_difference(ours, expected)
    assert not wrong, wrong


# ---------------------------------------------------------------- the loss


@pytest.mark.eq("2.1", "2.2")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_the_loss_of_every_number_of_errors_lies_within_its_bound(dtype):
    rng = np.random.default_rng(0)
    for n in (*SIZES, 4_000, 100_000):
        scale = dtype.type(
            10.0 ** rng.integers(-15, 16) if dtype == np.float32 else 10.0 ** rng.integers(-120, 150)
        )
        y, target = (rng.standard_normal((2, n)) * scale).astype(dtype)
        loss, dy = en.mse_loss(y, target)
        loss_ball, dy_ball = mse_ball(Unit.of(dtype).exact(y), target)
        assert abs(loss - loss_ball.mid) <= loss_ball.rad, f"the loss of {n} errors of about {scale}"
        assert np.all(np.abs(dy - dy_ball.mid) <= dy_ball.rad), f"dy of {n} errors of about {scale}"


# ---------------------------------------------------------------- parameters and model


def test_a_network_of_any_width_has_the_parameters_that_it_is_given():
    for n in SIZES:
        for name, size in {"hidden_size": n, "input_size": n, "output_size": n}.items():
            sizes = {"input_size": 1, "hidden_size": 2, "output_size": 1} | {name: size}
            params = en.init_parameters(**sizes, rng=n)
            model = en.ElmanRNN.from_params(params)
            other = en.ElmanRNN(**sizes, rng=n)
            copied = en.Parameters(*(np.array(p) for p in params))
            for found in (model.params, other.params, copied):
                assert all(map(np.array_equal, found, params)), f"{name} = {n}"
            changed = params.map(lambda p: p + 1)
            model.params = changed
            assert all(map(np.array_equal, model.params, changed)), f"{name} = {n}, replaced"


@given(st.integers(1, 300), st.integers(1, 130), st.integers(2, 64), st.integers(2, 10), seeds)
def test_layouts_are_views_of_the_batch_at_any_length(steps, hidden, inputs, outputs, seed):
    """Also a series as it comes: dollars and volumes."""
    hidden = min(hidden, 1300 // steps + 1)
    rng = np.random.default_rng(seed)
    volumes = 10 ** rng.uniform(3, 12, steps)
    for sizes, x in (
        ((1, hidden, 1), volumes),
        ((inputs, hidden, outputs), rng.standard_normal((steps, inputs))),
    ):
        model = en.ElmanRNN(*sizes, activation="relu", rng=rng)
        dh_n = rng.standard_normal(hidden)
        y, h_n, tape = model.forward(x)
        dy = rng.standard_normal(y.shape)
        grads, dx, dh_0 = model.backward(tape, dy, dh_n)
        whole = (x.reshape(steps, 1, -1), np.zeros((1, hidden)), None, dy.reshape(steps, 1, -1), dh_n[None])
        expected = numpy_tensors(model, *whole)
        found = {"y": y, "h_n": h_n, "dx": dx, "dh_0": dh_0} | {f"d{k}": v for k, v in grads.items()}
        assert (y.shape, dx.shape) == ((steps,) if x.ndim == 1 else (steps, outputs), x.shape)
        assert_same(*({name: z[name].ravel() for name in found} for z in (found, expected)))


# ---------------------------------------------------------------- Adam


def wide_parameters(hidden, dtype, rng):
    return en.init_parameters(17, hidden, 5, dtype=dtype, rng=rng)


@pytest.mark.eq("7.1", "7.2", "7.3", "7.4", "7.5", "7.6", "7.7", "7.8", "7.9")
@settings(max_examples=20)
@given(options, dtypes, seeds, st.integers(1, 260))
def test_an_update_of_all_arrays_is_that_of_each_entry(options, dtype, seed, hidden):
    """Bit for bit, three times, after more updates than a dozen too."""
    rng = np.random.default_rng(seed)
    params = wide_parameters(hidden, dtype, rng)
    optimiser, own = en.Adam(options), {}
    chosen = {name: tuple(rng.integers(n, size=40) for n in p.shape) for name, p in params.items()}
    for step in range(1, 16):
        grads = params.map(lambda p: rng.standard_normal(p.shape).astype(dtype))
        before, params = params, optimiser.step(params, grads)
        for name, index in chosen.items():
            zero = np.zeros(40, dtype)
            p, *state = own.get(name, (getattr(before, name)[index], zero, zero, zero))
            own[name] = adam_step(p, getattr(grads, name)[index], *state, step, options)
            assert np.array_equal(getattr(params, name)[index], own[name][0]), f"{name}, update {step}"


@pytest.mark.eq("7.1", "7.2", "7.3", "7.4", "7.5", "7.6", "7.7", "7.8", "7.9")
@pytest.mark.parametrize("hidden", [44, 130, 260])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_an_update_of_many_entries_agrees_with_pytorch(dtype, hidden):
    rng = np.random.default_rng(hidden)
    params, optimiser = wide_parameters(hidden, dtype, rng), en.Adam(lr=2.0, weight_decay=1.5, amsgrad=True)
    for _ in range(3):
        grads = params.map(
            lambda p: (rng.standard_normal(p.shape) * 10.0 ** rng.uniform(-9, 9)).astype(dtype)
        )
        compare_update(optimiser, params, grads).check()
        params = optimiser.step(params, grads)


@pytest.mark.eq("7.10")
@pytest.mark.parametrize("hidden", [1, 40, 300, 1000])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_single_entry_is_the_norm_wherever_it_stands_among_a_million(dtype, hidden):
    params = en.init_parameters(1, hidden, 1, dtype=dtype, rng=0)
    places = np.random.default_rng(hidden).integers(0, params.flat.size, 20)
    for place in (0, *places, -1):
        vector = np.zeros_like(params.flat)
        vector[place] = -3
        clipped, norm = en.clip_grad_norm(params.like(vector), 1.0)
        assert norm == 3
        assert np.flatnonzero(clipped.flat) == place % vector.size
        assert abs(clipped.flat[place] + 1) < 1e-6


@pytest.mark.eq("7.10")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_the_norm_of_any_number_of_entries_is_clipped(dtype):
    """Norms from 1e-9 to 1e9: a root of a sum of n squares, and the scale two more roundings."""
    rng = np.random.default_rng(0)
    for hidden in SIZES[::9]:
        grads = wide_parameters(hidden, dtype, rng).map(
            lambda p: p * dtype.type(10.0 ** rng.integers(-9, 10))
        )
        flat = np.concatenate([g.ravel() for g in grads]).astype(np.longdouble)
        norm, allowed = np.sqrt(np.sum(flat * flat)), (flat.size + 6) * np.finfo(dtype).eps
        for max_norm in (1e-6, 0.5, 1.0, 1e6):
            clipped, found = en.clip_grad_norm(grads, max_norm)
            scale = min(max_norm / (norm + np.longdouble(1e-6)), 1)
            assert abs(found - norm) <= allowed * norm, f"H = {hidden}"
            for (name, g), z in zip(grads.items(), clipped, strict=True):
                assert np.all(np.abs(z - g * scale) <= allowed * np.abs(g * scale)), f"{name}, H = {hidden}"


# ---------------------------------------------------------------- training


def integer_windows(count, dtype, seed):
    """Windows on which every output, error and sum of squares is an integer."""
    case, _ = large_case((3, count, 1, 4, 1), dtype, seed)
    target = np.random.default_rng(seed).integers(-3, 4, (3, count, 1)).astype(dtype)
    return case.model, case.x, target


@pytest.mark.parametrize("backend", [en, et])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_an_epochs_loss_is_that_of_its_batches_and_of_all_windows(backend, dtype):
    """At a learning rate of 0. Each batch's mean is rounded, its product with the count, and their sum."""
    for count, size in (
        (1, 1),
        (7, 3),
        (33, 32),
        (100, 33),
        (129, 64),
        (250, 249),
        (300, None),
        (300, 257),
        (513, 1),
    ):
        model, x, target = integer_windows(count, dtype, count)
        error = (model(x)[0] - target).astype(np.float64)
        own, data = {}, [x, target]
        if backend is et:
            model, data = et.ElmanRNN.from_numpy(model), [torch.from_numpy(z) for z in data]
            own["optimiser"] = torch.optim.Adam(model.parameters(), lr=0.0)
        else:
            own["optimiser"] = en.Adam(lr=0.0)
        (epoch,) = backend.train(model, *data, epochs=1, batch_size=size, validation=data, rng=0, **own)
        allowed = (count // (size or count) + 4) * np.finfo(dtype).eps
        for loss in (epoch.loss, epoch.validation_loss):
            assert abs(loss - np.mean(error**2)) <= allowed * np.mean(error**2), f"{count} windows by {size}"


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(
    ("count", "size"), [(33, 1), (33, 32), (100, 33), (129, 64), (250, 249), (300, None)]
)
def test_training_is_forward_backward_clip_and_step_on_each_batch_in_every_bit(count, size, dtype):
    rng = np.random.default_rng(count)
    x, target = rng.standard_normal((2, 5, count, 1)).astype(dtype)
    ours, model = (en.ElmanRNN(1, 6, 1, dtype=dtype, rng=1) for _ in range(2))
    history = en.train(
        ours,
        x,
        target,
        optimiser=en.Adam(lr=0.5, weight_decay=2.0),
        epochs=2,
        batch_size=size,
        clip_norm=1.0,
        rng=3,
    )
    optimiser, order = en.Adam(lr=0.5, weight_decay=2.0), np.random.default_rng(3)
    for epoch in range(2):
        norms = []
        for batch in batches(count, size, shuffle=True, rng=order):
            y, _, tape = model.forward(x[:, batch])
            grads, _, _ = model.backward(tape, en.mse_loss(y, target[:, batch])[1])
            clipped, norm = en.clip_grad_norm(grads, 1.0)
            norms.append(norm)
            model.params = optimiser.step(model.params, clipped)
        assert history[epoch].grad_norm == max(norms)
    for (name, p), q in zip(ours.params.items(), model.params, strict=True):
        assert np.array_equal(p, q), f"{name} after {count} windows by {size}"


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_forecast_is_scaled_and_carried_in_the_networks_dtype_and_given_in_that_of_the_series(dtype):
    model, scaler = en.ElmanRNN(1, 5, 1, dtype=dtype, rng=0), en.Scaler.fit(CLOSES)
    for series in (CLOSES, CLOSES[:1], CLOSES[:150]):
        found = en.forecast(model, scaler, series)
        scaled = ((series - scaler.mean) / scaler.std).astype(dtype)
        y = model(scaled)[0].astype(np.float64)
        assert found.dtype == np.float64, "forecast"
        assert_same({"forecast": found}, {"forecast": y * scaler.std + scaler.mean})


def test_without_a_seed_every_draw_is_another():
    first, second = (en.init_parameters(1, 40, 1) for _ in range(2))
    assert not np.array_equal(first.w_h, second.w_h), "init_parameters draws the same again"
    seeded = [en.init_parameters(1, 40, 1, rng=seed).w_h for seed in range(3)]
    assert not any(np.array_equal(first.w_h, w_h) for w_h in seeded), "init_parameters has a seed of its own"
    x, target = np.random.default_rng(0).standard_normal((2, 2, 40, 1))
    ends = []
    for rng in (None, None, 0):
        model = en.ElmanRNN(1, 2, 1, rng=0)
        en.train(model, x, target, optimiser=en.Adam(lr=0.1), epochs=1, batch_size=3, rng=rng)
        ends.append(model.params.w_h)
    same = [np.array_equal(ends[i], ends[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert not any(same), "train shuffles the same again"


def test_rates_and_decays_above_1_are_kept():
    """As are very small ones."""
    for value in (1e-12, 0.6, 1.0, 2.5, 1e6):
        for name in ("lr", "eps", "weight_decay"):
            assert dataclasses.asdict(en.Adam(**{name: value}).options)[name] == value
