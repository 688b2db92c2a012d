"""Small integers and relu: every sum is exact in every order, so that nothing may differ, not by one bit."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

import elman_np as en
import elman_torch as et
from elman_np.checking import oracles
from elman_np.checking.problems import Case, numpy_tensors
from elman_torch.parity import torch_tensors
from tests.support.integers import LEAVES, SHARE, exact_tensors, is_exact
from tests.support.same import assert_same
from tests.support.strategies import dtypes, seeds, truncations

FORWARD = ("1.1", "1.2", "1.3", "1.5")
BACKWARD = ("3.1", "3.2", "3.3", *(f"3.{i}" for i in range(5, 13)))
TRUNCATION = ("5.1", "5.2", "5.3", "9.1", "9.2", "9.3", "9.4")


@st.composite
def integer_cases(draw, truncation=None):
    """Draw problems whose every partial sum is an integer that the dtype has."""
    dtype = draw(dtypes)
    wide = dtype == np.float64
    steps, batch = draw(st.integers(1, 8 if wide else 5)), draw(st.integers(1, 3))
    inputs, hidden, outputs = (draw(st.integers(1, most)) for most in ((3, 5, 3) if wide else (2, 3, 2)))
    rng = np.random.default_rng(draw(seeds))

    def integers(most, *shape):
        return rng.integers(-most, most + 1, shape).astype(dtype)

    weight = 3 if wide else 1
    shapes = [(hidden, inputs), (hidden, hidden), (hidden,), (outputs, hidden), (outputs,)]
    params = en.Parameters(*(integers(weight, *shape) for shape in shapes))
    model = en.ElmanRNN.from_params(params, activation="relu", **draw(truncations(steps, truncation)))
    x, h_0 = integers(4, steps, batch, inputs), integers(4, batch, hidden)
    dy, dh_n = integers(3, steps, batch, outputs), integers(3, batch, hidden)
    case = Case(model, x, h_0, dy, dh_n, None)
    assume(is_exact(case))
    return case


def problem(case):
    return case.model, case.x, case.h_0, None, case.dy, case.dh_n


@pytest.mark.eq(*FORWARD, *BACKWARD, *TRUNCATION)
@given(integer_cases())
def test_numpy_pytorch_and_pythons_integers_agree_in_every_bit(case):
    ours = numpy_tensors(*problem(case))
    assert_same(ours, exact_tensors(case))
    assert_same(ours, torch_tensors(et.ElmanRNN.from_numpy(case.model), *problem(case)[1:]))


@pytest.mark.eq(*FORWARD, *BACKWARD)
@given(integer_cases(truncation="none"), seeds)
def test_nn_rnn_agrees_in_every_bit_however_its_two_biases_share_the_sum(case, seed):
    params = case.model.params
    part = np.random.default_rng(seed).integers(-SHARE, SHARE + 1, params.b_h.shape).astype(params.dtype)
    rnn, linear = et.ElmanRNN.from_numpy(case.model).to_torch()
    with torch.no_grad():
        rnn.bias_ih_l0.copy_(torch.from_numpy(params.b_h - part))
        rnn.bias_hh_l0.copy_(torch.from_numpy(part))
    x, h_0 = (torch.tensor(z, requires_grad=True) for z in (case.x, case.h_0))
    h, h_n = rnn(x, h_0[None])
    y = linear(h)
    leaves = [rnn.weight_ih_l0, rnn.weight_hh_l0, rnn.bias_hh_l0, linear.weight, linear.bias, x, h_0]
    grads = torch.autograd.grad([y, h_n], leaves, [torch.from_numpy(z) for z in (case.dy, case.dh_n[None])])
    theirs = {"y": y, "h_n": h_n[0]} | {f"d{k}": g for k, g in zip(LEAVES, grads, strict=True)}
    assert_same(numpy_tensors(*problem(case)), {k: v.detach().numpy() for k, v in theirs.items()})


@pytest.mark.eq("4.1", "4.2", "4.3", "4.4", "4.5", "4.6")
@given(integer_cases())
def test_forward_mode_and_the_complex_step_agree_in_every_bit(case):
    """The step is a power of two, so that even the complex numbers are integers times it."""
    ours = numpy_tensors(*problem(case))
    model = case.model
    for oracle in (oracles.forward_mode, oracles.complex_step):
        grads, dx, dh_0 = oracle(model.params, case.x, case.h_0, case.dy, case.dh_n, model.recurrence)
        assert_same(ours, {f"d{k}": g for k, g in zip(LEAVES, [*grads, dx, dh_0], strict=True)})


@given(integer_cases(), seeds)
def test_the_order_of_the_batch_changes_no_bit(case, seed):
    model, x, h_0, _, dy, dh_n = problem(case)
    order = np.random.default_rng(seed).permutation(x.shape[1])
    ours = numpy_tensors(model, x, h_0, None, dy, dh_n)
    other = numpy_tensors(model, x[:, order], h_0[order], None, dy[:, order], dh_n[order])
    ours |= {name: ours[name][:, order] for name in ("y", "dx")}
    ours |= {name: ours[name][order] for name in ("h_n", "dh_0")}
    assert_same(ours, other)


@given(integer_cases(truncation="none"), st.data())
def test_a_sequence_in_two_parts_is_the_whole_in_every_bit(case, data):
    """The state is carried on; on the way back, the second part's dh_0 is the first part's dh_n."""
    k = data.draw(st.integers(0, len(case.x)))
    model = case.model
    whole = numpy_tensors(*problem(case))
    y_1, h_k, tape_1 = model.forward(case.x[:k], case.h_0)
    y_2, h_n, tape_2 = model.forward(case.x[k:], h_k)
    grads_2, dx_2, dh_k = model.backward(tape_2, case.dy[k:], case.dh_n)
    grads_1, dx_1, dh_0 = model.backward(tape_1, case.dy[:k], dh_k)
    parts = {f"d{name}": value for name, value in grads_1.map(np.add, grads_2).items()}
    parts |= {"y": np.concatenate([y_1, y_2]), "dx": np.concatenate([dx_1, dx_2]), "h_n": h_n, "dh_0": dh_0}
    assert_same(whole, parts)


@given(integer_cases(), st.data())
def test_a_batch_is_its_rows_and_its_gradient_their_sum_in_every_bit(case, data):
    k = data.draw(st.integers(0, case.x.shape[1]))
    model, x, h_0, _, dy, dh_n = problem(case)
    whole = numpy_tensors(*problem(case))
    left = numpy_tensors(model, x[:, :k], h_0[:k], None, dy[:, :k], dh_n[:k])
    right = numpy_tensors(model, x[:, k:], h_0[k:], None, dy[:, k:], dh_n[k:])
    parts = {name: left[name] + right[name] for name in ("dw_x", "dw_h", "db_h", "dw_y", "db_y")}
    parts |= {name: np.concatenate([left[name], right[name]], axis=1) for name in ("y", "dx")}
    parts |= {name: np.concatenate([left[name], right[name]]) for name in ("h_n", "dh_0")}
    assert_same(whole, parts)


@pytest.mark.eq("2.1", "2.2")
@given(dtypes, st.integers(0, 6), seeds)
def test_the_loss_of_integers_is_exact(dtype, power, seed):
    """2^n errors: their mean and 2/n are integers over a power of two."""
    rng = np.random.default_rng(seed)
    y, target = rng.integers(-20, 21, (2, 2**power, 1)).astype(dtype)
    loss, dy = en.mse_loss(y, target)
    errors = [int(a) - int(b) for a, b in zip(y[:, 0], target[:, 0], strict=True)]
    assert float(loss) * 2**power == sum(error * error for error in errors)
    assert [float(d) * 2**power for d in dy[:, 0]] == [2 * error for error in errors]
