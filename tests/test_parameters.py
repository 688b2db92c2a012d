"""The five arrays: shapes, dtypes, immutability, first values."""

import copy
import dataclasses
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import elman_np as en
import elman_torch as et
from elman_np.arrays import check_rng
from elman_np.training import batches
from tests.support.observed import observes
from tests.support.strategies import dtypes, parameters, seeds, sizes

SIZES = {"input_size": 2, "hidden_size": 3, "output_size": 1}


def arrays(**changed):
    shapes = {"w_x": (3, 2), "w_h": (3, 3), "b_h": (3,), "w_y": (1, 3), "b_y": (1,)}
    return {name: np.zeros(shape) for name, shape in shapes.items()} | changed


@pytest.mark.parametrize(
    ("name", "shape"),
    [("w_x", (3,)), ("w_h", (3, 2)), ("b_h", (1, 3)), ("w_y", (1, 2)), ("w_y", (3,)), ("b_y", (3,))],
)
def test_a_wrong_shape_is_named(name, shape):
    with pytest.raises(ValueError, match=rf"{name}: expected shape .*, got \({shape[0]}"):
        en.Parameters(**arrays(**{name: np.zeros(shape)}))


def test_dtypes_are_not_mixed_and_integers_not_converted():
    with pytest.raises(TypeError, match="w_h: expected dtype float64 as the rest, got float32"):
        en.Parameters(**arrays(w_h=np.zeros((3, 3), np.float32)))
    with pytest.raises(TypeError, match=r"b_y: expected a floating-point array .* got int64"):
        en.Parameters(**arrays(b_y=np.zeros(1, np.int64)))


def test_nobody_can_write_into_parameters():
    given_arrays = arrays()
    params = en.Parameters(**given_arrays)
    given_arrays["w_h"][:] = 7
    assert not params.w_h.any()
    with pytest.raises(ValueError, match="read-only"):
        params.w_h[0, 0] = 7
    view = np.zeros((6, 3))[::2]
    view.flags.writeable = False
    buffer = bytearray(8 * 9)
    lent = np.ndarray((3, 3), buffer=buffer)
    lent.flags.writeable = False
    both = [en.Parameters(**arrays(w_h=held)) for held in (view, lent)]
    view.base[:] = 7
    buffer[:] = b"7" * len(buffer)
    for held, params in zip((view, lent), both, strict=True):
        assert held.any()
        assert not params.w_h.any()


def assert_one_vector(params, numbers):
    """Five read-only views of one read-only vector, which is nobody else's, row by row in their order."""
    assert all(z.base is params.flat for z in params)
    assert not any(z.flags.writeable for z in (params.flat, *params))
    assert params.flat.base is None
    np.testing.assert_array_equal(params.flat, numbers)
    np.testing.assert_array_equal(np.concatenate([z.ravel() for z in params]), numbers)
    with pytest.raises(ValueError, match="WRITEABLE"):
        params.w_h.flags.writeable = True


@given(parameters())
def test_a_value_is_one_vector_and_five_views_of_it(params):
    numbers = np.concatenate([z.ravel() for z in params])
    assert_one_vector(params, numbers)
    assert_one_vector(en.Parameters(*params), numbers)
    assert_one_vector(en.Parameters(*map(np.asfortranarray, params)), numbers)
    assert_one_vector(dataclasses.replace(params, w_h=params.w_h), numbers)
    assert params.sizes == (params.input_size, params.hidden_size, params.output_size)


@given(parameters())
@observes("elman_np.Parameters.like", "flat")
def test_like_copies_a_vector_that_somebody_else_can_write(params):
    numbers = params.flat[::-1].copy()
    owned, base = numbers.copy(), np.concatenate([numbers, numbers])
    view = base[: len(numbers)]
    view.flags.writeable = False
    buffer = bytearray(numbers.tobytes())
    lent = np.frombuffer(buffer, numbers.dtype)
    lent.flags.writeable = False
    given_out = [
        params.like(vector)
        for vector in (owned, view, lent, base[len(numbers) :], base[::-1][::-1][: view.size])
    ]
    owned[:] = base[:] = 7
    buffer[:] = b"7" * len(buffer)
    for value in given_out:
        assert_one_vector(value, numbers)
        assert [z.shape for z in value] == [z.shape for z in params]
    assert params.like(params.flat).flat is params.flat


def test_like_refuses_another_length_and_what_is_not_floating_point():
    params = en.init_parameters(**SIZES, rng=0)
    with pytest.raises(ValueError, match=r"flat: expected shape \(22,\), got \(21,\)"):
        params.like(params.flat[1:])
    for kind in (int, np.longdouble):
        with pytest.raises(TypeError, match="flat: expected a floating-point array"):
            params.like(params.flat.astype(kind))
    assert params.like(params.flat.astype(np.complex64)).dtype == np.complex64


COPIES = {
    "copy.copy": copy.copy,
    "copy.deepcopy": copy.deepcopy,
    **{
        f"pickle, protocol {n}": lambda value, n=n: pickle.loads(pickle.dumps(value, n))
        for n in range(pickle.HIGHEST_PROTOCOL + 1)
    },
}


@pytest.mark.parametrize("duplicate", COPIES.values(), ids=COPIES)
@given(params=parameters())
def test_copies_and_pickles_are_as_immutable_as_what_they_are_of(duplicate, params):
    for value in (params, en.Parameters(*params)):  # after and before somebody looked at the views
        twin = duplicate(value)
        assert_one_vector(twin, params.flat)
        assert (twin.dtype, twin.sizes) == (params.dtype, params.sizes)


def test_a_pickle_does_not_share_the_buffers_that_it_came_in():
    """Protocol 5 leaves large arrays outside, where whoever sent them can go on writing."""
    params, buffers = en.init_parameters(**SIZES, rng=0), []
    sent = pickle.dumps(params, 5, buffer_callback=buffers.append)
    memory = [bytearray(buffer.raw()) for buffer in buffers]
    twin = pickle.loads(sent, buffers=memory)
    memory[0][:] = bytes(len(memory[0]))
    assert_one_vector(twin, params.flat)


@pytest.mark.parametrize("duplicate", COPIES.values(), ids=COPIES)
def test_a_tape_stays_true_through_a_copy(duplicate):
    """As much as it would tell, writing into the parameters between forward and backward is refused."""
    model = en.ElmanRNN(**SIZES, rng=0)
    model.params = duplicate(model.params)
    y, _, tape = model.forward(np.ones((4, 2)))
    before = model.backward(tape, np.ones_like(y))[1]
    for z in (*model.params, model.params.flat):
        with pytest.raises(ValueError, match="read-only"):
            z *= 2
    np.testing.assert_array_equal(model.backward(duplicate(tape), np.ones_like(y))[1], before)


def test_a_name_that_is_no_array_is_an_error():
    params = en.init_parameters(**SIZES, rng=0)
    with pytest.raises(AttributeError, match="w_z"):
        params.w_z  # noqa: B018
    with pytest.raises(AttributeError):
        params.w_h = np.zeros((3, 3))


@pytest.mark.eq("1.6")
@given(seeds, st.integers(1, 400))
def test_uniform_values_fill_the_range_of_torchs_layers(seed, hidden):
    """All draws are inside +-1/sqrt(H), and the largest of n uniform draws is rarely far from the border.

    P(max |draw| < 0.9 bound) = 0.9^n; with n >= 400 draws that is below 1e-18.
    """
    params = en.init_parameters(400, hidden, 1, rng=seed)
    bound = 1 / np.sqrt(hidden)
    assert all(np.abs(p).max() <= bound for p in params)
    assert np.abs(params.w_x).max() > 0.9 * bound
    rnn = torch.nn.RNN(400, hidden)
    assert max(p.abs().max().item() for p in rnn.parameters()) <= np.float32(bound)


@pytest.mark.eq("1.7")
def test_normal_values_have_mean_0_and_variance_1():
    """n = 10,000 draws: six standard errors are 0.06 for the mean and 6 sqrt(2/n) for the variance."""
    w_h = en.init_parameters(1, 100, 1, init="normal", rng=0).w_h
    assert abs(w_h.mean()) < 6 / 100
    assert abs(w_h.var() - 1) < 6 * np.sqrt(2) / 100


@given(sizes(), seeds, st.sampled_from(["uniform", "normal"]))
def test_one_seed_gives_the_same_bits_in_both_dtypes(size, seed, init):
    double = en.init_parameters(*size[2:5], init=init, rng=seed)
    again = en.init_parameters(*size[2:5], init=init, rng=np.random.default_rng(seed))
    single = en.init_parameters(*size[2:5], init=init, dtype=np.float32, rng=seed)
    for a, b, c in zip(double, again, single, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a.astype(np.float32), c)


@given(parameters(sizes=sizes()), dtypes)
def test_map_and_astype_keep_names(params, dtype):
    doubled = params.astype(dtype).map(np.add, params.astype(dtype))
    assert doubled.dtype == dtype
    for (name, value), (other, p) in zip(doubled.items(), params.items(), strict=True):
        assert name == other
        np.testing.assert_array_equal(value, 2 * p.astype(dtype))


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"hidden_size": 0}, ValueError, "hidden_size: expected 1 or more, got 0"),
        ({"input_size": 1.0}, TypeError, "input_size: expected an integer, got 1.0"),
        ({"output_size": True}, TypeError, "output_size: expected an integer"),
        ({"init": "xavier"}, ValueError, "init: expected 'uniform' or 'normal', got 'xavier'"),
        ({"dtype": np.float16}, TypeError, "dtype: expected float64 or float32, got float16"),
        ({"dtype": int}, TypeError, "dtype: expected float64 or float32, got int64"),
    ],
)
def test_bad_sizes_and_options_are_named(wrong, error, message):
    with pytest.raises(error, match=message):
        en.init_parameters(**SIZES | wrong)


def test_repr_says_what_it_is_in_a_line():
    assert repr(en.init_parameters(**SIZES, rng=0)) == (
        "Parameters(input_size=2, hidden_size=3, output_size=1, dtype=float64)"
    )


@given(
    st.integers(0, 2**130) | st.sampled_from([2**k + j for k in (31, 32, 63, 64, 128) for j in (-1, 0, 1)])
)
def test_a_seed_is_numpys_whatever_its_size(seed):
    """A seed of 2**32 or more has all its bits."""
    params = en.init_parameters(**SIZES, rng=seed)
    again = en.init_parameters(**SIZES, rng=np.random.default_rng(seed))
    for value in (
        again,
        en.ElmanRNN(*SIZES.values(), rng=seed).params,
        et.ElmanRNN(*SIZES.values(), rng=seed).to_numpy().params,
    ):
        np.testing.assert_array_equal(value.flat, params.flat)
    orders = [
        list(batches(20, 7, shuffle=True, rng=rng)) for rng in (check_rng(seed), np.random.default_rng(seed))
    ]
    np.testing.assert_array_equal(*map(np.concatenate, orders))
