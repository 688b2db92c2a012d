"""NumPy equals PyTorch, tensor by tensor, within twice the rounding-error bound."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import nn

import elman_np as en
import elman_torch as et
from elman_np.checking.problems import Case, ball_tensors, numpy_tensors
from elman_torch.parity import Comparison, compare_update
from tests.support.integers import large_case
from tests.support.judge import DTYPES
from tests.support.prices import CLOSES
from tests.support.same import assert_same
from tests.support.strategies import activations, cases, dtypes, parameters, seeds, sizes
from tests.support.undecided import decide

FORWARD = ("1.1", "1.2", "1.3", "1.4", "1.5")
BACKWARD = tuple(f"3.{i}" for i in range(1, 13))


@pytest.mark.eq(*FORWARD, *BACKWARD, "2.1", "2.2", "5.1", "5.2", "5.3", "9.1", "9.2", "9.3", "9.4")
@given(cases())
def test_every_tensor_agrees(case):
    decide(et.compare(case.model, case.x, **case.given))


@pytest.mark.eq("5.1", "5.2")
@given(cases(truncation="reset_every"))
def test_resets_agree(case):
    decide(et.compare(case.model, case.x, **case.given))


@pytest.mark.eq("5.3")
@given(cases(truncation="chunk"))
def test_chunks_agree(case):
    decide(et.compare(case.model, case.x, **case.given))


@given(cases(truncation="none"), st.floats(0, 1))
def test_nn_rnn_agrees_however_its_two_biases_share_the_sum(case, share):
    """PyTorch's own layer, with b_h split over its two biases; the split itself rounds once."""
    model, params = case.model, case.model.params
    part = (params.b_h * share).astype(params.dtype)
    params = en.Parameters(params.w_x, params.w_h, part + (params.b_h - part), params.w_y, params.b_y)
    model.params = params
    exact = part.astype(np.longdouble) + (params.b_h - part).astype(np.longdouble) == params.b_h
    part = np.where(exact, part, 0).astype(params.dtype)
    rnn, linear = et.ElmanRNN.from_numpy(model).to_torch()
    with torch.no_grad():
        rnn.bias_ih_l0.copy_(torch.from_numpy(params.b_h - part))
        rnn.bias_hh_l0.copy_(torch.from_numpy(part))
    x = torch.tensor(case.x, requires_grad=True)
    h_0 = torch.tensor(case.h_0, requires_grad=True)
    h, h_n = rnn(x, h_0[None])
    y = linear(h)
    dy = case.dy if case.target is None else np.ones_like(case.target)
    roots, upstream = [y], [torch.from_numpy(dy)]
    if case.dh_n is not None:
        roots, upstream = [*roots, h_n], [*upstream, torch.from_numpy(case.dh_n)[None]]
    leaves = {
        "dw_x": rnn.weight_ih_l0,
        "dw_h": rnn.weight_hh_l0,
        "db_h": rnn.bias_ih_l0,
        "dw_y": linear.weight,
        "db_y": linear.bias,
        "dx": x,
        "dh_0": h_0,
    }
    grads = torch.autograd.grad(roots, list(leaves.values()), upstream)
    theirs = {"y": y, "h_n": h_n[0]} | dict(zip(leaves, grads, strict=True))
    theirs = {name: value.detach().numpy() for name, value in theirs.items()}
    problem = (model, case.x, case.h_0, None, dy, case.dh_n)
    decide(Comparison.of(numpy_tensors(*problem), theirs, ball_tensors(*problem)))


@given(
    parameters(),
    st.integers(1, 9) | st.integers(1, 200),
    seeds,
    activations,
    st.sampled_from(["unbatched", "series"]),
)
def test_layouts_agree(params, steps, seed, activation, layout):
    """Long ones with small weights, so that none amplifies."""
    params = params.map(lambda p: p / p.dtype.type(6)) if steps > 9 else params
    rng = np.random.default_rng(seed)
    if layout == "series":
        params = en.init_parameters(1, params.hidden_size, 1, dtype=params.dtype, rng=seed)
    model = en.ElmanRNN.from_params(params, activation=activation)
    shape = (steps,) if layout == "series" else (steps, params.input_size)
    outputs = (steps,) if layout == "series" else (steps, params.output_size)
    x = rng.standard_normal(shape).astype(params.dtype)
    dy = rng.standard_normal(outputs).astype(params.dtype)
    h_0, dh_n = rng.standard_normal((2, params.hidden_size)).astype(params.dtype)
    et.assert_agree(model, x, dy=dy, h_0=h_0, dh_n=dh_n)


@given(cases())
@example(
    Case(
        en.ElmanRNN(1, 2, 1, rng=0),
        np.zeros((0, 3, 1)),
        np.ones((3, 2)),
        np.zeros((0, 3, 1)),
        np.ones((3, 2)),
        None,
    )
)
def test_what_a_user_calls_is_what_is_compared(case):
    """Answer and graph of the module itself, to the bit; what is compared looks into each step."""
    model = et.ElmanRNN.from_numpy(case.model)
    x, h_0 = (torch.tensor(value, requires_grad=True) for value in (case.x, case.h_0))
    y, h_n = model(x, h_0)
    loss = None if case.target is None else nn.functional.mse_loss(y, torch.tensor(case.target))
    root, upstream = (y, torch.tensor(case.dy)) if loss is None else (loss, torch.ones_like(loss))
    dh_n = torch.zeros_like(h_n) if case.dh_n is None else torch.tensor(case.dh_n)
    leaves = {"dx": x, "dh_0": h_0} | {f"d{name}": p for name, p in model.named_parameters()}
    pairs = [pair for pair in ((root, upstream), (h_n, dh_n)) if pair[0].requires_grad]
    roots, upstreams = zip(*pairs, strict=True)
    grads = torch.autograd.grad(roots, list(leaves.values()), upstreams, materialize_grads=True)
    found = (
        {"y": y, "h_n": h_n}
        | ({} if loss is None else {"loss": loss})
        | dict(zip(leaves, grads, strict=True))
    )
    found = {name: value.detach().numpy() for name, value in found.items()}
    assert_same(found, et.parity.torch_tensors(model, case.x, case.h_0, case.target, case.dy, case.dh_n))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize(
    ("steps", "batch", "hidden"), [(1, 1, 1), (1, 3, 4), (5, 1, 3), (6, 2, 1), (0, 2, 3), (4, 0, 3)]
)
def test_smallest_shapes_agree_from_a_state_that_is_not_zero(steps, batch, hidden, activation, dtype):
    rng = np.random.default_rng(0)
    model = en.ElmanRNN(2, hidden, 2, activation=activation, dtype=dtype, rng=1)
    x, dy = rng.standard_normal((2, steps, batch, 2)).astype(dtype)
    h_0, dh_n = rng.standard_normal((2, batch, hidden)).astype(dtype)
    et.assert_agree(model, x, h_0=h_0, dy=dy, dh_n=dh_n)


@pytest.mark.eq("1.5", "3.5")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_relu_at_exactly_zero_has_no_slope(dtype):
    """All pre-activations are 0 in exact arithmetic and in any floating-point order."""
    one = np.ones((1, 1), dtype)
    params = en.Parameters(one, one, -one[0], one, one[0])
    model = en.ElmanRNN.from_params(params, activation="relu")
    x, h_0, dy = np.ones((3, 1, 1), dtype), np.zeros((1, 1), dtype), np.ones((3, 1, 1), dtype)
    problem = (model, x, h_0, None, dy, None)
    ours, theirs = (
        numpy_tensors(*problem),
        et.parity.torch_tensors(et.ElmanRNN.from_numpy(model), *problem[1:]),
    )
    assert not ours["dx"].any()
    assert not ours["dh_0"].any()
    assert_same(ours, theirs)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("seed", range(5))
def test_the_notebooks_shapes_agree(seed, dtype):
    """Raw dollars, relu, N(0, 1), five parameters, a reset after every six steps, batches of 50 days."""
    model = en.ElmanRNN(1, 1, 1, activation="relu", reset_every=6, init="normal", dtype=dtype, rng=seed)
    x = CLOSES[:50].astype(dtype)
    target = CLOSES[1:51].astype(dtype)
    et.assert_agree(model, x, target)


@pytest.mark.parametrize("wrong", ["y", "dw_h", "dx"])
def test_a_disagreement_says_where(wrong):
    model = en.ElmanRNN(1, 3, 1, rng=0)
    x, target = np.random.default_rng(0).standard_normal((2, 4, 2, 1))
    problem = (model, x, np.zeros((2, 3)), target, None, None)
    ours, balls = numpy_tensors(*problem), ball_tensors(*problem)
    theirs = {name: value.copy() for name, value in ours.items()}
    index = tuple(size - 1 for size in theirs[wrong].shape)
    theirs[wrong][index] += 1e-9
    comparison = Comparison.of(ours, theirs, balls)
    assert not comparison.agreed
    assert [row.tensor for row in comparison.rows if not row.agreed] == [wrong]
    with pytest.raises(et.Disagreement, match=rf"{wrong}.*\[{', '.join(map(str, index))}\].*times the bound"):
        comparison.check()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_nan_and_infinity_must_be_in_the_same_places(dtype, value):
    """Whichever side has it alone, and wherever in the tensor."""
    model = en.ElmanRNN(1, 2, 1, dtype=dtype, rng=0)
    x, dy = np.ones((2, 3, 1, 1), dtype)
    problem = (model, x, np.zeros((1, 2), dtype), None, dy, None)
    right, balls = numpy_tensors(*problem), ball_tensors(*problem)
    for name, tensor in right.items():
        odd = tensor.copy()
        odd.flat[-1] = value
        changed = right | {name: odd}
        for sides in ((changed, right), (right, changed)):
            wrong = [row.tensor for row in Comparison.of(*sides, balls).rows if not row.agreed]
            assert wrong == [name]
        assert Comparison.of(changed, changed, balls).agreed


def test_the_frame_says_what_the_table_says():
    model = en.ElmanRNN(1, 3, 1, rng=0)
    comparison = et.compare(model, CLOSES[:9], CLOSES[1:10])
    names = ["y", "h_n", "loss", "dw_x", "dw_h", "db_h", "dw_y", "db_y", "dx", "dh_0"]
    assert comparison.frame["tensor"].to_list() == names
    assert comparison.frame["verdict"].to_list() == [row.verdict for row in comparison.rows]
    assert [line.split()[0] for line in str(comparison).splitlines()[1:]] == names


def test_compare_takes_targets_or_an_upstream_gradient():
    model = en.ElmanRNN(1, 3, 1, rng=0)
    for wrong in ({}, {"target": CLOSES[:9], "dy": CLOSES[:9]}):
        with pytest.raises(ValueError, match="exactly one"):
            et.compare(model, CLOSES[:9], **wrong)


adam_options = st.builds(
    en.AdamOptions,
    lr=st.sampled_from([1e-3, 1e-1, 1.0, 4.0]),
    betas=st.sampled_from([(0.9, 0.999), (0.0, 0.0), (0.5, 0.9)]),
    eps=st.sampled_from([1e-8, 1e-3]),
    weight_decay=st.sampled_from([0.0, 0.1, 0.9, 3.0]),
    decoupled=st.booleans(),
    amsgrad=st.booleans(),
    maximize=st.booleans(),
)
ANY = {np.dtype(np.float64): st.integers(-300, 150), np.dtype(np.float32): st.integers(-37, 18)}
"""Powers of ten of gradients whose squares do not overflow."""


@pytest.mark.eq("7.1", "7.2", "7.3", "7.4", "7.5", "7.6", "7.7", "7.8", "7.9")
@given(adam_options, dtypes, seeds, st.data())
def test_adams_trajectory_agrees(options, dtype, seed, data):
    """Gradients of every size in turn; each update from the state that the ones before have left."""
    rng = np.random.default_rng(seed)
    params = en.init_parameters(2, 3, 1, dtype=dtype, rng=rng)
    optimiser = en.Adam(options)
    powers = data.draw(st.lists(st.none() | st.integers(-6, 0) | ANY[dtype], min_size=1, max_size=12))
    if options.betas[0] == 0:  # m is g, but a program that takes it from the last m rounds at its size
        powers.sort(key=lambda power: -999 if power is None else power)
    for power in powers:
        size = 0.0 if power is None else 10.0**power
        grads = params.map(lambda p, size=size: (rng.standard_normal(p.shape) * size).astype(dtype))
        decide(compare_update(optimiser, params, grads))
        params = optimiser.step(params, grads)


@pytest.mark.eq("7.10")
@given(parameters(sizes=sizes()), st.sampled_from([1e-3, 1.0, 1e3, 1e12]), st.integers(-14, 14))
def test_clipping_agrees(params, max_norm, power):
    """The norm is a root of a sum of n squares, and the scale two more roundings: relative n + 4 units."""
    params = params.map(lambda p: p * p.dtype.type(10.0**power))
    clipped, norm = en.clip_grad_norm(params, max_norm)
    tensors = [nn.Parameter(torch.tensor(p)) for p in params]
    for tensor in tensors:
        tensor.grad = tensor.detach().clone()
    expected = nn.utils.clip_grad_norm_(tensors, max_norm)
    n = sum(p.size for p in params)
    tolerance = (n + 4) * np.finfo(params.dtype).eps
    assert abs(norm - expected.item()) <= tolerance * norm, f"norm {norm}, not {expected.item()}"
    for (name, ours), theirs in zip(clipped.items(), tensors, strict=True):
        apart = np.abs(ours - theirs.grad.numpy())
        assert np.all(apart <= tolerance * np.abs(ours)), f"{name} clipped from {norm} to {max_norm}"


@given(cases(max_steps=8))
@example(large_case((2, 1, 1, 101, 1), np.float64, 0)[0])
def test_a_case_can_be_pasted_into_python(case):
    """What a failure prints is the problem itself, to the last bit, also if it has 10,201 weights."""
    lines = repr(case).strip().splitlines()
    scope: dict[str, object] = {}
    exec("\n".join(lines[: next(i for i, line in enumerate(lines) if line.startswith("print"))]), scope)
    np.testing.assert_array_equal(scope["x"], case.x)
    for p, q in zip(scope["params"], case.model.params, strict=True):
        np.testing.assert_array_equal(p, q)
    assert repr(scope["model"]) == repr(case.model)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_what_one_nan_does_not_reach_is_judged_and_agrees(activation, dtype):
    """One row's third input is NaN, and with it that row's states from there on; the other row is whole."""
    x = np.ones((4, 2, 1), dtype)
    x[2, 0] = np.nan
    dy = np.ones((4, 2, 1), dtype)
    model = en.ElmanRNN(1, 3, 1, activation=activation, dtype=dtype, rng=0)
    found = et.compare(model, x, dy=dy)
    verdicts = {row.tensor: row.verdict for row in found.rows}
    assert "differs" not in verdicts.values(), verdicts
    assert {verdicts[name] for name in ("y", "h_n", "db_y")} <= {"agrees", "not finite"}
    other = {row.tensor: row.not_finite for row in found.rows}
    assert 0 < other["y"] < 8
    assert other["h_n"] == 3


def test_every_column_of_the_frame_is_that_of_the_rows():
    """Of a tensor whose terms cancel, the width is not the bound over the largest entry."""
    x = np.array([1.0, -1.0, 1.0, -1.0])[:, None, None]
    rows = et.compare(en.ElmanRNN(1, 2, 1, rng=0), x, dy=x).rows
    rows = (
        *rows,
        replace(rows[0], tensor="other", shape=(), width=0.25, road="one step", verdict="undecided"),
    )
    frame = Comparison(rows).frame
    assert frame.columns == [
        "tensor", "shape", "difference", "ulps", "observed / bound", "bound / largest", "width", "verdict",
        "road",
    ]  # fmt: skip
    assert frame.rows() == [
        (r.tensor, " x ".join(map(str, r.shape)) or "scalar", r.difference, r.ulps, r.ratio, r.sharpness,
         r.width, r.verdict, r.road)
        for r in rows
    ]  # fmt: skip
    assert any(r.width not in (r.sharpness, 0.25) for r in rows)
