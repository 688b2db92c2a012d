"""Each option of the network's functions and classes makes the difference that its docstring says.

Where no second way to the answer is written here, the answer itself is proven in `test_parity.py`,
`test_properties.py` and `test_adam_machine.py`, with these options drawn; what is asked here is that none of
them is only accepted.
"""

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import nn

import elman_np as en
import elman_torch as et
from elman_torch.training import torch_adam
from tests.support.observed import check, observed, observes, plain, same

RNG = np.random.default_rng(0)
P, Q, G = (en.init_parameters(2, 3, 2, rng=seed) for seed in (0, 1, 2))
X, X_2, DY, DY_2 = RNG.standard_normal((4, 5, 2, 2))
H_0, H_1, DH, DH_2 = RNG.standard_normal((4, 2, 3))
ZERO = np.zeros((2, 3))
NAMES = ("w_x", "w_h", "b_h", "w_y", "b_y")


def pass_(params, x, h_0, dy=DY, dh_n=None, **options):
    """A forward and a backward pass: all that an option could change."""
    y, h_n, tape = en.forward(params, x, h_0, **options)
    return y, h_n, *en.backward(tape, dy, dh_n)


def tape(params=P, **options):
    return en.forward(params, X, H_0, **options)[2]


CELL = [
    *observed(
        "elman_np.step",
        en.step,
        {"params": P, "x": X[0], "h_before": H_0, "activation": "tanh"},
        {"params": Q, "x": X[1], "h_before": H_1, "activation": "relu"},
    ),
    *observed(
        "elman_np.step_backward",
        en.step_backward,
        {
            "params": P, "x": X[0], "h_before": H_0, "h": np.tanh(H_1), "dy": DY[0], "dh_next": DH,
            "activation": "tanh",
        },
        {
            "params": Q, "x": X[1], "h_before": H_1, "h": np.tanh(H_0), "dy": DY[1], "dh_next": DH_2,
            "activation": "relu",
        },
    ),
    *observed(
        "elman_np.forward",
        pass_,
        {"params": P, "x": X, "h_0": H_0},
        {"params": Q, "x": X_2, "h_0": H_1, "activation": "relu", "reset_every": 2, "chunk": 2},
    ),
    *observed(
        "elman_np.backward",
        en.backward,
        {"tape": tape(), "dy": DY, "dh_n": None},
        {"tape": tape(Q), "dy": DY_2, "dh_n": DH},
    ),
]  # fmt: skip


def first_values(input_size, hidden_size, output_size, init="uniform", dtype=np.float64, rng=None):
    """As the docstrings say: drawn in float64 in the order of the names, then rounded."""
    generator, width = np.random.default_rng(rng), 1 / np.sqrt(hidden_size)
    shapes = [
        (hidden_size, input_size), (hidden_size, hidden_size), (hidden_size,), (output_size, hidden_size),
        (output_size,),
    ]  # fmt: skip
    draw = (
        generator.standard_normal
        if init == "normal"
        else lambda shape: generator.uniform(-width, width, shape)
    )
    return [draw(shape).astype(dtype) for shape in shapes]


SIZES = {"input_size": 2, "hidden_size": 3, "output_size": 2}
OTHER_SIZES = {"input_size": 1, "hidden_size": 5, "output_size": 4}


def facts(model):
    """All that a network is made of, in either backend."""
    params = model.params if isinstance(model, en.ElmanRNN) else model.to_numpy().params
    return [*params], model.activation, model.reset_every, model.chunk


def expected_facts(activation="tanh", reset_every=None, chunk=None, **options):
    return first_values(**options), activation, reset_every, chunk


NETWORK = {"rng": 0, **SIZES}
OTHER_NETWORK = {
    **OTHER_SIZES, "rng": 1, "activation": "relu", "reset_every": 2, "chunk": 3, "init": "normal",
    "dtype": np.float32,
}  # fmt: skip


def through_torch(dtype=np.float64, **options):
    kinds = {np.float64: torch.float64, np.float32: torch.float32}
    return facts(et.ElmanRNN(dtype=kinds[dtype], **options))


def run_model(model, x, h_0=None, dy=DY, dh_n=None):
    y, h_n, tape = model.forward(x, h_0)
    return y, h_n, *model(x, h_0), *model.backward(tape, dy, dh_n)


def run_torch(x, h_0=None):
    h_0 = h_0 if h_0 is None else torch.from_numpy(h_0)
    return et.ElmanRNN.from_numpy(MODEL)(torch.from_numpy(x), h_0)


MODEL = en.ElmanRNN.from_params(P)
CHUNKED = en.ElmanRNN.from_params(Q, activation="relu", chunk=2)

MODELS = [
    *observed("elman_np.init_parameters", lambda **o: list(en.init_parameters(**o)), {**SIZES, "rng": 0},
              {**OTHER_SIZES, "init": "normal", "dtype": np.float32, "rng": 1}, first_values),
    *observed("elman_np.ElmanRNN", lambda **o: facts(en.ElmanRNN(**o)), NETWORK, OTHER_NETWORK,
              expected_facts),
    *observed("elman_torch.ElmanRNN", through_torch, NETWORK, OTHER_NETWORK, expected_facts),
    *observed("elman_torch.ElmanRNN", lambda device=None: et.ElmanRNN(device=device).w_h.device.type, {},
              {"device": "meta"}, lambda device="cpu": device),
    *observed("elman_np.ElmanRNN.from_params", lambda **o: facts(en.ElmanRNN.from_params(**o)), {"params": P},
              {"params": Q, "activation": "relu", "reset_every": 2, "chunk": 3},
              lambda params, activation="tanh", reset_every=None, chunk=None:
                  ([*params], activation, reset_every, chunk)),
    *observed("elman_np.ElmanRNN.forward", lambda **o: MODEL.forward(**o)[:2], {"x": X},
              {"x": X_2, "h_0": H_1}, lambda x, h_0=ZERO: en.forward(P, x, h_0)[:2]),
    *observed("elman_np.ElmanRNN.__call__", MODEL, {"x": X}, {"x": X_2, "h_0": H_1},
              lambda x, h_0=ZERO: en.forward(P, x, h_0)[:2]),
    *observed("elman_np.ElmanRNN.backward", MODEL.backward, {"tape": MODEL.forward(X)[2], "dy": DY},
              {"tape": CHUNKED.forward(X)[2], "dy": DY_2, "dh_n": DH},
              lambda tape, dy, dh_n=ZERO: en.backward(tape.bptt, dy, dh_n)),
    *observed("elman_np.ElmanRNN.state_gradients", MODEL.state_gradients,
              {"tape": MODEL.forward(X)[2], "dy": DY},
              {"tape": CHUNKED.forward(X)[2], "dy": DY_2, "dh_n": DH}),
    *observed("elman_torch.ElmanRNN.run",
              lambda x, h_0: et.ElmanRNN.from_numpy(MODEL).run(*map(torch.from_numpy, (x, h_0))),
              {"x": X, "h_0": H_0}, {"x": X_2, "h_0": H_1}),
    *observed("elman_torch.ElmanRNN.forward", run_torch, {"x": X}, {"x": X_2, "h_0": H_1}),
    *observed("elman_torch.ElmanRNN.from_numpy", lambda model: facts(et.ElmanRNN.from_numpy(model)),
              {"model": MODEL}, {"model": CHUNKED}, facts),
    *observed("elman_torch.ElmanRNN.from_numpy",
              lambda device=None: et.ElmanRNN.from_numpy(MODEL, device=device).w_h.device.type,
              {}, {"device": "meta"}, lambda device="cpu": device),
]  # fmt: skip


def adam(params=P, grads=G, **options):
    optimiser = en.Adam(**options)
    for factor in (3, 1, 0):  # so that v falls, which amsgrad does not follow
        params = optimiser.step(params, grads.map(lambda g, factor=factor: factor * g))
    return params, optimiser.state.m, optimiser.state.v, optimiser.state.v_max


def torch_step(parameters=None, **options):
    module = et.ElmanRNN.from_numpy(MODEL)
    optimiser = torch_adam(module.parameters() if parameters is None else parameters(module), **options)
    for (_, p), g in zip(module.named_parameters(), G, strict=True):
        p.grad = torch.tensor(g)
    optimiser.step()
    return list(module.parameters())


ADAM = {"lr": 0.1, "betas": (0.9, 0.99)}
OTHER_ADAM = {
    "lr": 1.5, "betas": (0.5, 0.9), "eps": 0.1, "weight_decay": 0.7, "amsgrad": True, "maximize": True,
}  # fmt: skip
DECAYED = {"weight_decay": 0.1}
M, V, W = G.w_h, G.w_h**2, 9 * Q.w_h**2


def options(**changes):
    return en.AdamOptions(**ADAM | {"amsgrad": True} | changes)


def clipped_by_hand(grads, max_norm):
    norm = math.sqrt(math.fsum(g * g for p in grads for g in p.ravel().tolist()))
    return [p * min(max_norm / (norm + 1e-6), 1) for p in grads], norm


UPDATES = [
    *observed("elman_np.AdamOptions", adam, ADAM, OTHER_ADAM),
    *observed("elman_np.AdamOptions", adam, ADAM | DECAYED, {"decoupled": True}),
    *observed("elman_np.Adam.step", adam, {"params": P, "grads": G, **ADAM}, {"params": Q, "grads": Q}),
    *observed("elman_np.Adam", lambda options=None, changes=(): en.Adam(options, **dict(changes)).options,
              {}, {"options": options(), "changes": (("eps", 1.0),)},
              lambda options=None, changes=():
                  dataclasses.replace(options or en.AdamOptions(), **dict(changes))),
    *observed("elman_np.adam_step", en.adam_step,
              {"p": P.w_h, "g": G.w_h, "m": M, "v": V, "v_max": V, "step": 3, "options": options()},
              {"p": Q.w_h, "g": Q.w_h, "m": -M, "v": 9 * V, "v_max": V + W, "step": 4,
               "options": options(lr=2.0)}),
    *observed("elman_np.clip_grad_norm", en.clip_grad_norm, {"grads": G, "max_norm": 0.5},
              {"grads": Q, "max_norm": 2.0}, clipped_by_hand, roundings=2 * (sum(p.size for p in G) + 4)),
    *observed("elman_torch.training.torch_adam", torch_step,
              {"parameters": None, "options": options()},
              {"parameters": lambda module: [module.w_h], "options": options(lr=2.0)}),
]  # fmt: skip

PARAMETERS = [
    *observed("elman_np.Parameters.map", lambda function, others: P.map(function, *others),
              {"function": np.add, "others": (Q,)}, {"function": np.multiply, "others": (G,)},
              lambda function, others:
                  [function(p, *q) for p, *q in zip(P, *others, strict=True)]),
    *observed("elman_np.Parameters.like", P.like, {"flat": np.arange(26.0)}, {"flat": -np.arange(26.0)},
              lambda flat: [part.reshape(p.shape) for p, part in
                            zip(P, np.split(flat, [6, 15, 18, 24]), strict=True)]),
    *observed("elman_np.Parameters.astype", P.astype, {"dtype": np.float64}, {"dtype": np.float32},
              lambda dtype: [np.array(p, dtype) for p in P]),
]  # fmt: skip


@pytest.mark.parametrize(("one", "option"), [*CELL, *MODELS, *UPDATES, *PARAMETERS])
def test_each_option_makes_the_difference_that_it_should(one, option):
    check(one, option)


@observes("elman_np.Parameters", "w_x w_h b_h w_y b_y")
@pytest.mark.parametrize("name", NAMES)
def test_each_array_is_the_one_that_was_given(name):
    given = dict(zip(NAMES, P, strict=True)) | {name: getattr(Q, name)}
    made = en.Parameters(**given)
    for other in NAMES:
        np.testing.assert_array_equal(getattr(made, other), given[other])


RECORDS = {
    "elman_np.AdamState": en.AdamState,
    "elman_np.Epoch": en.Epoch,
    "elman_np.Tape": en.Tape,
    "elman_torch.Comparison": et.Comparison,
}


@observes("elman_np.AdamState", "step m v v_max")
@observes("elman_np.Epoch", "epoch loss grad_norm validation_loss")
@observes("elman_np.Tape", "params recurrence x states")
@observes("elman_torch.Comparison", "rows names")
@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_a_record_holds_what_was_given(record):
    names = [field.name for field in dataclasses.fields(record)]
    made = record(**{name: f"this is {name}" for name in names})
    assert {name: getattr(made, name) for name in names} == {name: f"this is {name}" for name in names}


@observes("elman_np.ElmanRNN.params", "new")
@observes("elman_np.Adam.lr", "lr")
def test_what_is_set_is_there_and_used():
    model, optimiser = en.ElmanRNN.from_params(P), en.Adam(lr=0.1)
    model.params, optimiser.lr = Q, 0.3
    assert model.params is Q
    assert optimiser.options == en.AdamOptions(lr=0.3)
    assert same(model(X), en.forward(Q, X, ZERO)[:2])
    assert same(optimiser.step(P, G), en.Adam(lr=0.3).step(P, G))


@observes("elman_np.ElmanRNN.recurrence", "new")
@observes("elman_torch.ElmanRNN.recurrence", "new")
def test_options_that_are_set_as_one_value_are_used():
    model = en.ElmanRNN.from_params(P)
    twin = et.ElmanRNN.from_numpy(model)
    new = en.ElmanRNN(activation="relu", chunk=2).recurrence
    model.recurrence = twin.recurrence = new
    assert (model.activation, model.chunk) == (twin.activation, twin.chunk) == ("relu", 2)
    assert same(model(X), en.forward(P, X, ZERO, activation="relu")[:2])
    assert same(twin.to_numpy().recurrence, new)
    x = torch.as_tensor(X)
    assert same(twin(x)[0].detach(), et.ElmanRNN.from_numpy(model)(x)[0].detach())


@observes("elman_torch.ElmanRNN.load_params", "params")
def test_loaded_parameters_take_the_place_of_the_old():
    twin = et.ElmanRNN.from_numpy(MODEL)
    twin.load_params(Q)
    assert same(twin.to_numpy().params, Q)


@observes("elman_torch.ElmanRNN.from_torch", "rnn linear")
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("kind", ["tanh", "relu"])
def test_torchs_layers_are_copied_whole_and_copied_back(kind, dtype):
    rnn, linear = nn.RNN(2, 3, nonlinearity=kind, dtype=dtype), nn.Linear(3, 2, dtype=dtype)
    twin = et.ElmanRNN.from_torch(rnn, linear)
    expected = [
        rnn.weight_ih_l0, rnn.weight_hh_l0, rnn.bias_ih_l0 + rnn.bias_hh_l0, linear.weight, linear.bias
    ]  # fmt: skip
    assert same(list(twin.parameters()), expected)
    assert facts(twin)[1:] == (kind, None, None)
    again, output = twin.to_torch()
    assert again.nonlinearity == kind
    assert same([output.weight, output.bias, again.bias_ih_l0], [linear.weight, linear.bias, expected[2]])
    assert again.weight_ih_l0.dtype == output.weight.dtype == dtype


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "recurrence", [{}, {"activation": "relu"}, {"reset_every": 3}, {"activation": "relu", "chunk": 4}]
)
def test_a_network_comes_back_from_pytorch_with_all_its_options(recurrence, dtype):
    model = en.ElmanRNN(2, 3, 2, dtype=dtype, rng=0, **recurrence)
    twin = et.ElmanRNN.from_numpy(model)
    assert twin.recurrence == model.recurrence
    back = twin.to_numpy()
    assert back.recurrence == model.recurrence
    assert same(back.params, model.params)
    assert back.dtype == dtype


@observes("elman_torch.training.torch_adam", "form")
@pytest.mark.parametrize(
    ("form", "asked"), [("single", (False, False)), ("foreach", (True, False)), ("fused", (False, True))]
)
@pytest.mark.parametrize("decoupled", [False, True])
def test_each_form_of_pytorchs_adam_is_asked_for(form, asked, decoupled):
    module = et.ElmanRNN.from_numpy(MODEL)
    wanted = en.AdamOptions(
        lr=0.2, betas=(0.5, 0.9), eps=1e-3, weight_decay=0.1, decoupled=decoupled, amsgrad=True, maximize=True
    )
    optimiser = torch_adam(module.parameters(), wanted, form=form)
    (group,) = optimiser.param_groups
    assert isinstance(optimiser, torch.optim.AdamW) == decoupled
    assert (group["foreach"], group["fused"]) == asked
    for name in ("lr", "betas", "eps", "weight_decay", "amsgrad", "maximize"):
        assert group[name] == getattr(wanted, name)


def series_and_fits(y, target):
    errors = [(a - b) ** 2 for a, b in zip(y.ravel().tolist(), target.ravel().tolist(), strict=True)]
    return math.fsum(errors) / len(errors)


LOSSES = [
    *observed("elman_np.mse_loss", en.mse_loss, {"y": X, "target": X_2}, {"y": DY, "target": DY_2},
              lambda y, target: (series_and_fits(y, target), 2 * (y - target) / y.size), X.size + 3),
    *observed("elman_np.rmse", en.rmse, {"y": X[0], "target": X_2[0]}, {"y": DY[0], "target": DY_2[0]},
              lambda y, target: math.sqrt(series_and_fits(y, target)), X.size + 4),
]  # fmt: skip


@pytest.mark.parametrize(("one", "option"), LOSSES)
def test_losses_are_means_over_all_their_elements(one, option):
    check(one, option)


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng: en.init_parameters(2, 3, 2, rng=rng),
        lambda rng: en.ElmanRNN(2, 3, 2, rng=rng).params,
        lambda rng: et.ElmanRNN(2, 3, 2, rng=rng).to_numpy().params,
    ],
    ids=["init_parameters", "elman_np.ElmanRNN", "elman_torch.ElmanRNN"],
)
def test_without_a_seed_every_draw_is_fresh(draw):
    """Two draws of 26 numbers are equal once in 2^1000 times."""
    assert not same(draw(None), draw(None))
    assert not same(draw(None), draw(0))
    assert same(draw(0), draw(0))
    generator = np.random.default_rng(0)
    assert same(draw(generator), draw(0))
    assert not same(draw(generator), draw(0))  # and goes on from there


def test_the_check_of_options_can_fail():
    """An option that is only accepted, and one that does something else than it should."""
    blind = observed("a", lambda x: 1, {"x": 1}, {"x": 2})[0].values
    wrong = observed("a", lambda x: x, {"x": 1}, {"x": 2}, lambda x: 1)[0].values
    from tests.support.observed import OBSERVED

    del OBSERVED["a"]
    with pytest.raises(AssertionError, match="x makes no difference: 1 and 2"):
        check(*blind)
    with pytest.raises(AssertionError, match=r"a\(x=2\): expected 1, got 2"):
        check(*wrong)
    assert plain(1.0) == np.asarray(1.0)
