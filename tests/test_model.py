"""`ElmanRNN` in both backends: layouts, options, errors, conversions."""

import numpy as np
import pytest
import torch
from hypothesis import given
from torch import nn

import elman_np as en
import elman_torch as et
from tests.support.strategies import activations, cases, parameters

BACKENDS = [en.ElmanRNN, et.ElmanRNN]


def as_input(model, x):
    return x if isinstance(model, en.ElmanRNN) else torch.from_numpy(x)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("sizes", "x", "y", "h"),
    [
        ((1, 3, 1), (5,), (5,), (3,)),
        ((1, 3, 1), (5, 1), (5, 1), (3,)),
        ((2, 3, 4), (5, 2), (5, 4), (3,)),
        ((2, 3, 4), (5, 6, 2), (5, 6, 4), (6, 3)),
        ((2, 3, 4), (0, 6, 2), (0, 6, 4), (6, 3)),
        ((1, 3, 1), (0,), (0,), (3,)),
    ],
)
def test_everything_has_the_layout_of_x(backend, sizes, x, y, h):
    model = backend(*sizes, rng=0)
    output, h_n = model(as_input(model, np.zeros(x)))
    assert tuple(output.shape) == y
    assert tuple(h_n.shape) == h
    if backend is en.ElmanRNN:
        _, _, tape = model.forward(np.zeros(x))
        _, dx, dh_0 = model.backward(tape, np.zeros(y), np.zeros(h))
        assert (dx.shape, dh_0.shape) == (x, h)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("sizes", "shape"),
    [((2, 3, 1), (5,)), ((1, 3, 2), (5,)), ((2, 3, 1), (5, 3)), ((2, 3, 1), (5, 2, 3)), ((1, 3, 1), ())],
)
def test_an_input_of_no_layout_is_refused(backend, sizes, shape):
    model = backend(*sizes, rng=0)
    with pytest.raises(ValueError, match=rf"x: expected shape \(T, B, {sizes[0]}\) .*got"):
        model(as_input(model, np.zeros(shape)))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"activation": "sigmoid"}, ValueError, "activation: expected 'tanh' or 'relu', got 'sigmoid'"),
        ({"reset_every": 3, "chunk": 3}, ValueError, "reset_every and chunk: expected at most one"),
        ({"reset_every": 0}, ValueError, "reset_every: expected 1 or more, got 0"),
        ({"chunk": 2.5}, TypeError, "chunk: expected an integer, got 2.5"),
        ({"hidden_size": -1}, ValueError, "hidden_size: expected 1 or more, got -1"),
        ({"init": "zeros"}, ValueError, "init: expected 'uniform' or 'normal'"),
        ({"dtype": int}, TypeError, "dtype: expected"),
    ],
)
def test_bad_options_are_named(backend, options, error, message):
    with pytest.raises(error, match=message):
        backend(**options)


@pytest.mark.parametrize("backend", BACKENDS)
def test_dtypes_are_not_mixed(backend):
    model = backend(1, 3, 1, rng=0)
    for wrong in (np.zeros(5, np.float32), np.zeros(5, np.int64)):
        with pytest.raises(TypeError, match=r"x: expected .*float"):
            model(as_input(model, wrong))
    with pytest.raises(TypeError, match="h_0: expected dtype"):
        model(as_input(model, np.zeros(5)), as_input(model, np.zeros(3, np.float32)))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_first_state_of_another_shape_is_refused(backend):
    model = backend(1, 3, 1, rng=0)
    with pytest.raises(ValueError, match=r"h_0: expected shape \(3,\), got \(1, 3\)"):
        model(as_input(model, np.zeros(5)), as_input(model, np.zeros((1, 3))))


def test_upstream_gradients_of_another_shape_or_dtype_are_refused():
    model = en.ElmanRNN(1, 3, 1, rng=0)
    _, _, tape = model.forward(np.zeros((5, 2, 1)))
    with pytest.raises(ValueError, match=r"dy: expected shape \(5, 2, 1\), got \(5, 2\)"):
        model.backward(tape, np.zeros((5, 2)))
    with pytest.raises(ValueError, match=r"dh_n: expected shape \(2, 3\), got \(3, 2\)"):
        model.backward(tape, np.zeros((5, 2, 1)), np.zeros((3, 2)))
    with pytest.raises(TypeError, match="dy: expected dtype float64 as the rest, got float32"):
        model.backward(tape, np.zeros((5, 2, 1), np.float32))


def test_only_fitting_parameters_can_be_put_in():
    model = en.ElmanRNN(1, 3, 1, rng=0)
    before = model.params
    with pytest.raises(ValueError, match=r"w_x: expected shape \(3, 1\), got \(3, 2\)"):
        model.params = en.init_parameters(2, 3, 1, rng=0)
    with pytest.raises(TypeError, match="params: expected dtype float64, got float32"):
        model.params = before.astype(np.float32)
    with pytest.raises(TypeError, match=r"params: expected elman_np\.Parameters, got dict"):
        model.params = dict(before.items())
    assert model.params is before


@given(cases())
def test_a_tape_stays_true_when_the_network_and_the_input_change(case):
    """The tape keeps what it saw: gradients are those of the pass that made it."""
    model, x = case.model, case.x.copy()
    y, _, tape = model.forward(x, case.h_0)
    before = model.backward(tape, y)
    x[:] = 0
    model.params = model.params.map(np.zeros_like)
    after = model.backward(tape, y)
    for a, b in zip([*before[0], *before[1:]], [*after[0], *after[1:]], strict=True):
        np.testing.assert_array_equal(a, b)


@given(parameters(), activations)
def test_there_and_back_again_between_backends(params, activation):
    model = en.ElmanRNN.from_params(params, activation=activation, reset_every=4)
    back = et.ElmanRNN.from_numpy(model).to_numpy()
    assert repr(back) == repr(model)
    for a, b in zip(model.params, back.params, strict=True):
        np.testing.assert_array_equal(a, b)


@given(parameters(), activations)
def test_there_and_back_again_with_torchs_layers(params, activation):
    twin = et.ElmanRNN.from_numpy(en.ElmanRNN.from_params(params, activation=activation))
    rnn, linear = twin.to_torch()
    back = et.ElmanRNN.from_torch(rnn, linear)
    assert back.activation == activation
    for a, b in zip(twin.parameters(), back.parameters(), strict=True):
        assert torch.equal(a, b)


def test_two_biases_become_their_sum():
    rnn, linear = nn.RNN(2, 3, dtype=torch.float64), nn.Linear(3, 1, dtype=torch.float64)
    assert torch.equal(et.ElmanRNN.from_torch(rnn, linear).b_h, rnn.bias_ih_l0 + rnn.bias_hh_l0)
    without = et.ElmanRNN.from_torch(nn.RNN(2, 3, bias=False), nn.Linear(3, 1, bias=False))
    assert not without.b_h.any()
    assert not without.b_y.any()


def test_layers_that_are_no_elman_network_are_refused():
    linear = nn.Linear(3, 1)
    with pytest.raises(ValueError, match="one layer and one direction, got num_layers=2"):
        et.ElmanRNN.from_torch(nn.RNN(2, 3, 2), linear)
    with pytest.raises(ValueError, match="in_features=4"):
        et.ElmanRNN.from_torch(nn.RNN(2, 4), linear)
    with pytest.raises(ValueError, match="without truncation"):
        et.ElmanRNN(2, 3, 1, chunk=5).to_torch()
    with pytest.raises(TypeError, match=r"float64 or float32, got torch\.float16"):
        et.ElmanRNN(2, 3, 1, dtype=torch.float16).to_numpy()


def test_one_seed_starts_both_backends_alike():
    for a, b in zip(
        en.ElmanRNN(2, 3, 1, rng=5).params, et.ElmanRNN(2, 3, 1, rng=5).parameters(), strict=True
    ):
        np.testing.assert_array_equal(a, b.detach().numpy())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_the_reference_runs_in_any_dtype_of_torch(dtype):
    model = et.ElmanRNN(1, 4, 1, dtype=dtype, rng=0)
    y, _ = model(torch.ones(5, dtype=dtype))
    y.sum().backward()
    assert y.dtype == model.w_h.grad.dtype == dtype
    assert str(dtype).endswith(repr(model).removesuffix(")").split("dtype=")[1])


@pytest.mark.parametrize(
    ("options", "said"), [({}, ""), ({"chunk": 4}, ", chunk=4"), ({"reset_every": 2}, ", reset_every=2")]
)
@pytest.mark.parametrize("backend", BACKENDS)
def test_repr_says_what_it_is_in_a_line(backend, options, said):
    text = repr(backend(2, 3, 1, rng=0, **options))
    assert text == f"ElmanRNN(2, 3, 1, activation='tanh'{said}, dtype=float64)"


def test_a_tape_goes_back_in_the_dtype_of_the_network_that_made_it():
    """It knows the parameters that it was made with."""
    made, other = en.ElmanRNN(1, 3, 1, dtype=np.float32, rng=0), en.ElmanRNN(1, 3, 1, rng=1)
    y, _, tape = made.forward(np.ones((4, 2, 1), np.float32))
    own, found = made.backward(tape, y), other.backward(tape, y)
    assert {z.dtype for z in (*found[0], *found[1:])} == {np.dtype(np.float32)}
    for a, b in zip((*own[0], *own[1:]), (*found[0], *found[1:]), strict=True):
        np.testing.assert_array_equal(a, b)
