"""The standard problems are what they are said to be, and a program is heard in each of its tensors."""

from types import SimpleNamespace

import numpy as np
import pytest

import elman_np as en
import elman_torch as et
from elman_np.checking import problems
from elman_np.checking.problems import Case, Solution, UpdateCase
from elman_np.parameters import Parameters
from elman_np.recurrence import Recurrence

NETWORK = (
    # T, B, (I, H, O), truncation, size of w, size of dy
    (1, 1, (1, 1, 1), {}, 1.0, 1.0),
    (1, 3, (2, 4, 2), {}, 1.0, 1.0),
    (7, 2, (3, 5, 2), {}, 1.0, 1.0),
    (7, 2, (2, 4, 2), {"reset_every": 3}, 1.0, 1.0),
    (7, 2, (2, 4, 2), {"reset_every": 2}, 1.0, 1.0),
    (7, 2, (2, 4, 2), {"reset_every": 7}, 1.0, 1.0),
    (7, 2, (2, 4, 2), {"chunk": 3}, 1.0, 1.0),
    (7, 2, (2, 4, 2), {"chunk": 1}, 1.0, 1.0),
    (6, 2, (2, 4, 1), {"reset_every": 2}, 1.0, 1.0),
    (60, 1, (1, 3, 1), {}, 0.7, 1.0),
    (9, 2, (2, 3, 2), {}, 1.0, 1e3),
    (9, 2, (2, 3, 2), {}, 1.0, 1e-9),
    (5, 1, (2, 6, 2), {}, 1e-3, 1.0),
    (5, 1, (2, 6, 2), {}, 4.0, 1.0),
    (20, 3, (1, 4, 1), {}, 1.0, None),  # prices, standardised
    (9, 3, (1, 4, 1), {}, 1.0, None),  # and in dollars
    (8, None, (1, 3, 1), {}, 1.0, 1.0),
    (40, 2, (1, 3, 1), {}, 1.0, 1.0),
    (3, 70, (2, 3, 1), {}, 1.0, 1.0),
    (4, 2, (2, 40, 2), {}, 1.0, 1.0),
    (5, 3, (2, 4, 2), {}, 1.0, 1.0),  # not contiguous
)
ADAM = {"weight_decay": 0.1, "amsgrad": True, "maximize": True}
UPDATES = (
    # options, seed, by turns, scale, hidden units
    ({}, 0, 1.0, 4),
    ({"lr": 0.1, "betas": (0.5, 0.9), "eps": 1e-3}, 1, 1.0, 4),
    ({"betas": (0.0, 0.0)}, 2, 1.0, 4),
    ({"weight_decay": 0.1}, 3, 1.0, 4),
    ({"weight_decay": 0.1, "decoupled": True}, 4, 1.0, 4),
    ({"amsgrad": True}, 5, 1.0, 4),
    ({"maximize": True}, 6, 1.0, 4),
    (ADAM, 7, 1.0, 4),
    (ADAM | {"decoupled": True, "lr": 0.01}, 8, 1.0, 4),
    ({"lr": 3.0, "weight_decay": 2.0}, 9, 1.0, 4),
    ({"lr": 3.0, "weight_decay": 2.0, "decoupled": True}, 10, 1.0, 4),
    ({}, 50, "huge", 4),
    ({"amsgrad": True}, 55, "huge", 4),
    ({"amsgrad": True}, 70, 1.0, 130),
)
TURNS = ([1.0] * 10, [30.0, 1.0, 1e-3, 0.0, 1e-6, 1.0, 0.0, 0.0, 1e-3, 1.0])
dtypes = pytest.mark.parametrize("dtype", [np.dtype(np.float64), np.dtype(np.float32)], ids=str)
PARAMETERS = ("w_x", "w_h", "b_h", "w_y", "b_y")
TEN = ("y", "h_n", "loss", *(f"d{name}" for name in PARAMETERS), "dx", "dh_0")


def arrays(case):
    return [
        z for z in (*case.model.params, case.x, case.h_0, case.dy, case.dh_n, case.target) if z is not None
    ]


@dtypes
def test_each_problem_of_the_network_is_as_it_is_said_to_be(dtype):
    """Of every activation the same ones; sizes are right to the spread of normal numbers."""
    found = problems.network_cases(dtype)
    assert len(found) == 2 * len(NETWORK)
    for i, case in enumerate(found):
        steps, batch, sizes, options, scale, upstream = NETWORK[i % len(NETWORK)]
        model, lead = case.model, (() if batch is None else (batch,))
        assert model.recurrence == Recurrence(("tanh", "relu")[i // len(NETWORK)], **options)
        assert (model.input_size, model.hidden_size, model.output_size) == sizes
        assert case.x.shape == ((steps,) if batch is None else (steps, batch, sizes[0]))
        assert case.h_0.shape == (*lead, sizes[1])
        assert {z.dtype for z in arrays(case)} == {dtype}
        assert 0.3 < np.max(np.abs(model.params.flat)) / (scale / np.sqrt(sizes[1])) <= 1
        assert np.max(np.abs(case.h_0)) > 0.1
        if upstream is None:
            assert case.dy is case.dh_n is None
            assert case.target.shape == case.x.shape
            assert np.array_equal(case.target[:-1], case.x[1:])
            continue
        assert case.target is None
        assert case.dy.shape == ((steps,) if batch is None else (steps, batch, sizes[2]))
        assert case.dh_n.shape == (*lead, sizes[1])
        for z in (case.x, case.h_0, case.dy / upstream, case.dh_n / upstream):
            assert 0.05 < np.sqrt(np.mean(np.square(z.astype(float)))) < 3
    assert [all(z.flags.c_contiguous for z in arrays(case)[5:]) for case in found[20::21]] == [False, False]
    assert all(z.flags.f_contiguous for case in found[20::21] for z in arrays(case)[5:])
    assert all(z.flags.c_contiguous for case in found[:20] for z in arrays(case)[5:])


@dtypes
def test_the_prices_are_three_pieces_of_five_years(dtype):
    closes = en.load_splg("2019-05-13", "2024-05-11")["Close"].to_numpy()
    for case, standard in [(problems.network_cases(dtype)[i], i % 21 == 14) for i in (14, 15, 35, 36)]:
        series = (closes - np.mean(closes)) / np.std(closes) if standard else closes
        for row, first in enumerate((0, 300, 600)):
            piece = series[first : first + len(case.x)]
            assert np.allclose(case.x[:, row, 0], piece, rtol=1e-6, atol=1e-6)
            assert case.target[-1, row, 0] == pytest.approx(series[first + len(case.x)], rel=1e-6, abs=1e-6)


@dtypes
def test_no_two_arrays_of_a_problem_are_the_same_numbers(dtype):
    for case in problems.network_cases(dtype):
        given = arrays(case)
        assert not any(np.array_equal(a, b) for i, a in enumerate(given) for b in given[:i] if a.size > 3)


def test_the_problems_of_small_integers():
    found = problems.integer_cases(np.dtype(np.float32))
    assert [case.model.recurrence for case in found] == [
        Recurrence("relu"), Recurrence("relu", reset_every=2), Recurrence("relu", chunk=2)
    ]  # fmt: skip
    for case in found:
        numbers = np.concatenate([z.ravel() for z in arrays(case)])
        assert {*numbers.tolist()} == {-2.0, -1.0, 0.0, 1.0, 2.0}
        assert case.x.shape == case.dy.shape == (5, 2, 2)
        assert case.h_0.shape == case.dh_n.shape == (2, 3)
        assert case.target is None
        assert {z.dtype for z in arrays(case)} == {np.dtype(np.float32)}
    assert len({case.x.tobytes() for case in found}) == 3


@dtypes
def test_the_problems_are_always_the_same(dtype):
    for make in (problems.network_cases, problems.integer_cases):
        for first, again in zip(make(dtype), make(dtype), strict=True):
            assert all(map(np.array_equal, arrays(first), arrays(again)))
    for first, again in zip(problems.update_cases(dtype), problems.update_cases(dtype), strict=True):
        for a, b in zip((first.params, *first.grads), (again.params, *again.grads), strict=True):
            assert np.array_equal(a.flat, b.flat)


@dtypes
def test_each_problem_of_adam_is_as_it_is_said_to_be(dtype):
    """An entry has one of five sizes; in odd problems all rise and fall from one update to the next."""
    found = problems.update_cases(dtype)
    assert [case.options for case in found] == [options for options, *_ in UPDATES]
    huge = np.sqrt(np.finfo(dtype).max) / 1e4
    for case, (_, seed, scale, hidden) in zip(found, UPDATES, strict=True):
        assert [z.shape for z in case.params] == [(hidden, 3), (hidden, hidden), (hidden,), (2, hidden), (2,)]
        assert {z.dtype for value in (case.params, *case.grads) for z in value} == {dtype}
        scale = huge if scale == "huge" else scale
        grads = np.stack([g.flat.astype(float) for g in case.grads]) / scale
        sizes = np.abs(grads) / np.array([t or np.inf for t in TURNS[seed % 2]])[:, None]
        largest = sizes.max(axis=0)
        met = [np.any((largest > size / 10) & (largest < size * 6)) for size in (1.0, 1e-3, 1e-6, 30.0)]
        assert met == [True] * 4
        assert np.any(largest == 0)
        assert largest.max() < 200
        assert [not np.any(g) for g in grads] == [turn == 0 for turn in TURNS[seed % 2]]
        assert len({g.tobytes() for g in grads if np.any(g)}) == sum(turn > 0 for turn in TURNS[seed % 2])
    assert len({case.params.flat[0] for case in found}) == len(found)


@pytest.mark.parametrize(
    "options", [{}, {"reset_every": 3}, {"reset_every": 2}, {"chunk": 3}, {"chunk": 1}], ids=str
)
def test_steps_one_at_a_time_are_the_network(options):
    """In small integers, so that both are exact."""
    base = problems.integer_cases(np.dtype(np.float32))[0]
    model = en.ElmanRNN.from_params(base.model.params, activation="relu", **options)
    for dh_n in (base.dh_n, None):
        case = Case(model, base.x, base.h_0, base.dy, dh_n, None)
        whole, stepwise = problems.network_tensors(en, case), problems.cell_tensors(en, case)
        assert {*stepwise} == {*TEN} - {"loss"}
        for name, value in stepwise.items():
            assert np.array_equal(value, whole[name]), name
            assert value.dtype == np.float32


def test_what_is_found_on_the_way_is_that_of_the_equations():
    """h of (2.2), da of (3.5), and the loss's gradient by the steps and rows."""
    base = problems.integer_cases(np.dtype(np.float64))[0]
    case = Case(base.model, base.x, base.h_0, None, base.dh_n, base.dy)
    tensors, steps = problems.numpy_solution(case)
    assert isinstance(problems.numpy_solution(case), Solution)
    assert set(tensors) == {*TEN}
    params, h, states = case.model.params, case.h_0, []
    for x in case.x:
        h = np.maximum(x @ params.w_x.T + h @ params.w_h.T + params.b_h, 0)
        states.append(h)
    assert np.array_equal(steps["h"], states)
    r = tensors["y"] - case.target
    assert tensors["loss"].shape == ()
    assert tensors["loss"] == pytest.approx(np.mean(r * r), rel=1e-12)
    assert np.allclose(steps["dy"], 2 / r.size * r, rtol=1e-12, atol=0)
    assert np.allclose(steps["da"].sum(axis=(0, 1)), tensors["db_h"], rtol=1e-12, atol=1e-12)
    series = problems.network_cases(np.dtype(np.float64))[16]
    assert problems.numpy_solution(series).steps["dy"].shape == (8, 1, 1)
    again = problems.numpy_tensors(case.model, case.x, case.h_0, case.target, None, case.dh_n)
    assert all(np.array_equal(again[name], value) for name, value in tensors.items())


def test_the_loss_is_that_of_the_package():
    base = problems.integer_cases(np.dtype(np.float64))[0]
    case = Case(base.model, base.x, base.h_0, None, base.dh_n, base.dy)
    package = SimpleNamespace(mse_loss=lambda y, target: (7.0, 0 * y))
    tensors = problems.numpy_solution(case, package).tensors
    assert tensors["loss"] == 7
    assert not np.any(tensors["dw_y"])
    assert problems.network_tensors(faulty(mse_loss=package.mse_loss), case)["loss"] == 7


def test_a_problem_is_given_away_as_a_copy_in_its_own_order():
    case = problems.network_cases(np.dtype(np.float64))[20]
    moved = case.moved_to(en)
    for mine, theirs in zip(arrays(case), arrays(moved), strict=True):
        assert np.array_equal(mine, theirs)
        assert mine.strides == theirs.strides
    assert not any(np.shares_memory(a, b) for a, b in zip(arrays(case)[5:], arrays(moved)[5:], strict=True))
    assert moved.model.recurrence == case.model.recurrence
    assert case.given == {"target": None, "h_0": case.h_0, "dy": case.dy, "dh_n": case.dh_n}


@pytest.mark.parametrize("i", [0, 4, 6, 14, 16, 20])
@dtypes
def test_a_problem_spells_itself_out_so_that_it_can_be_pasted(i, dtype):
    case = problems.network_cases(dtype)[i + 21]
    lines = repr(case).splitlines()
    assert lines[0] == ""
    assert repr(case).endswith("\n")
    asked = []
    setup, question = "\n".join(lines).split("print(et.compare(")
    space = {"ask": lambda *given, **more: asked.append((given, more))}
    exec(setup, space)
    exec(f"(ask({question}", space)
    assert space["et"].compare is et.compare
    (((model, x), more),) = asked
    assert model.recurrence == case.model.recurrence
    back = Case(model, x, *(more[name] for name in ("h_0", "dy", "dh_n", "target")))
    assert len(arrays(back)) == len(arrays(case))
    for mine, theirs in zip(arrays(case), arrays(back), strict=True):
        assert mine.dtype == theirs.dtype
        assert np.array_equal(mine, theirs)


def test_a_problem_with_many_entries_is_not_shortened():
    case = problems.network_cases(np.dtype(np.float64))[19]
    assert "..." not in repr(case)
    assert case.model.params.w_h.size > 1000


def faulty(**changes):
    """Make a package like ours, with another network."""

    class Network(en.ElmanRNN):
        pass

    for name, function in changes.items():
        if hasattr(en.ElmanRNN, name):
            setattr(Network, name, function)
    package = {"ElmanRNN": Network, "Parameters": Parameters, "mse_loss": en.mse_loss}
    return SimpleNamespace(**package | {k: v for k, v in changes.items() if k in package})


def no_zeros(self, x, h_0=None):
    return en.ElmanRNN.forward(self, x, np.ones((*x.shape[1:-1], self.hidden_size)) if h_0 is None else h_0)


def writes_dy(self, tape, dy, dh_n=None):
    dy *= 2
    return en.ElmanRNN.backward(self, tape, dy, dh_n)


def writes_dh_n(self, tape, dy, dh_n=None):
    dh_n += 1
    return en.ElmanRNN.backward(self, tape, dy, dh_n)


def writes_x(self, x, h_0=None):
    done = en.ElmanRNN.forward(self, x, h_0)
    x += 1
    return done


def writes_h_0(self, x, h_0=None):
    done = en.ElmanRNN.forward(self, x, h_0)
    if h_0 is not None:
        h_0[:] = done[1]
    return done


def writes_target(y, target):
    target += 1
    return en.mse_loss(y, target)


def writes_y(y, target):
    y -= target + 1
    return en.mse_loss(y, target)


def writes_parameters(self, tape, dy, dh_n=None):
    done = en.ElmanRNN.backward(self, tape, dy, dh_n)
    self.params = self.params.map(lambda p: p + 1)
    return done


def adds_up(tensor):
    def backward(self, tape, dy, dh_n=None):
        self.calls = getattr(self, "calls", 0) + 1
        grads, dx, dh_0 = en.ElmanRNN.backward(self, tape, dy, dh_n)
        if tensor == "grads":
            return grads.map(lambda g: self.calls * g), dx, dh_0
        return (
            grads,
            dx * (self.calls if tensor == "dx" else 1),
            dh_0 * (self.calls if tensor == "dh_0" else 1),
        )

    return backward


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"forward": no_zeros}, ["without h_0 it is not as from zeros"]),
        ({"backward": writes_dy}, ["an argument was changed", "the second call differs from the first"]),
        ({"backward": writes_dh_n}, ["an argument was changed", "the second call differs from the first"]),
        ({"forward": writes_x}, ["without h_0 it is not as from zeros", "an argument was changed"]),
        ({"forward": writes_h_0}, ["an argument was changed"]),
        ({"mse_loss": writes_target}, ["an argument was changed"]),
        ({"mse_loss": writes_y}, ["an argument was changed"]),
        ({"backward": writes_parameters}, ["the parameters were changed"]),
        ({"backward": adds_up("grads")}, ["the second call differs from the first"]),
        ({"backward": adds_up("dx")}, ["the second call differs from the first"]),
        ({"backward": adds_up("dh_0")}, ["the second call differs from the first"]),
        ({}, []),
    ],
    ids=lambda value: "" if isinstance(value, list) else "+".join(v.__name__ for v in value.values()),
)
def test_a_side_effect_is_told_by_its_kind(changes, said):
    case = problems.network_cases(np.dtype(np.float64))[2]
    found = list(problems.side_effects(faulty(**changes), case))
    assert found == said


def test_the_problems_own_upstream_gradients_are_sent_back_twice():
    case, sent = problems.network_cases(np.dtype(np.float64))[2], []

    def hears(self, tape, dy, dh_n=None):
        sent.append((dy.copy(), dh_n.copy()))
        return en.ElmanRNN.backward(self, tape, dy, dh_n)

    assert list(problems.side_effects(faulty(backward=hears), case)) == []
    assert len(sent) == 2
    assert all(np.array_equal(dy, case.dy) and np.array_equal(dh_n, case.dh_n) for dy, dh_n in sent)


def test_side_effects_are_asked_of_prices_too():
    """Where no upstream gradient is given it takes its own."""
    case = problems.network_cases(np.dtype(np.float64))[14]
    assert list(problems.side_effects(en, case)) == []
    assert list(problems.side_effects(faulty(backward=writes_dy), case)) != []
    assert list(problems.side_effects(faulty(backward=writes_dh_n), case)) != []


def test_parameters_that_can_be_written_are_told():
    params = problems.update_cases(np.dtype(np.float64))[0].params
    views = "not five read-only views of one vector"
    order = "the vector does not hold the five arrays in their order"

    def cut(vector):
        """Lay five views into a vector, that let nobody write through them."""
        found, first = [], 0
        for p in params:
            found.append(vector[first : first + p.size].reshape(p.shape))
            found[-1].flags.writeable = False
            first += p.size
        return found

    class Five:
        """Like parameters, of what is given."""

        def __init__(self, arrays, flat=params.flat, copied=params, like=params.like):
            self.arrays, self.flat, self.copied, self.like = arrays, flat, copied, like

        def __iter__(self):
            return iter(self.arrays)

        def __deepcopy__(self, memo):
            return self.copied

    def complaints(*arrays, **more):
        return list(problems._can_be_written(Five(*arrays, **more)))

    own, back, open_ = cut(params.flat.copy()), params.flat[::-1].copy(), params.flat.copy()
    assert complaints(params) == []
    assert complaints(own) == [f"parameters: {views}"]
    assert complaints([*cut(open_)[:4], open_[-2:]], open_) == [f"parameters: {views}"]
    assert complaints(cut(back[::-1]), back)[0] == f"parameters: {order}"
    assert complaints(params, copied=Five(own)) == [f"a copy: {views}"]
    assert complaints(params, like=lambda vector: Five(cut(vector), vector)) == [f"a value like it: {order}"]


def test_updates_are_told_by_name():
    options = {"lr": 0.5, "betas": (0.0, 0.0), "eps": 1.0}
    params = problems.update_cases(np.dtype(np.float64))[0].params
    grads = params.map(np.ones_like)
    case = UpdateCase(options, params, (grads, grads.map(lambda g: 3 * g)))
    first, second = problems.adam_tensors(en, case)
    assert {*first} == {f"{label}{name}" for label in ("", "m of ", "v of ") for name in PARAMETERS}
    for name, value in params.items():
        assert np.array_equal(first[f"m of {name}"], np.ones_like(value))
        assert np.array_equal(second[f"v of {name}"], 9 * np.ones_like(value))
        assert np.allclose(first[name], value - 0.25, rtol=1e-14)
        assert np.allclose(second[name], value - 0.25 - 0.375, rtol=1e-14)


@dtypes
def test_every_tensor_has_its_bound_in_its_own_shape(dtype):
    for i in (2, 6, 14, 16):
        case = problems.network_cases(dtype)[i]
        given = (case.model, case.x, case.h_0, case.target, case.dy, case.dh_n)
        balls, values = problems.ball_tensors(*given), problems.numpy_tensors(*given)
        assert {*values} <= {*balls}
        for name, value in values.items():
            assert balls[name].mid.shape == value.shape, name
            assert np.all(np.abs(value - balls[name].mid) <= balls[name].rad), name
