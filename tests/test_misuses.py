"""What people pass by mistake, with habits from PyTorch, Polars and Jupyter: the message says what to change.

Each names the argument, what was expected and what came, and nothing is changed before it.
"""

import copy
from inspect import signature

import numpy as np
import polars as pl
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

import elman_np as en
import elman_torch as et
from tests.support.observed import observes
from tests.support.world import World, calls


def setter(name, value):
    return lambda w: setattr(w.model, name, value(w))


T, V = TypeError, ValueError
RNG = "rng: expected None, a whole number of 0 or more, or a numpy.random.Generator, got "
LR = "lr: expected a finite number, 0 or more, got "
BETAS = "betas: expected two numbers in [0, 1), got "
ARRAY, TENSOR = "expected numpy.ndarray, got ", "expected torch.Tensor, got "
PARAMS, MODEL = "expected elman_np.Parameters, got ", "expected elman_np.ElmanRNN, got "
DTYPE = "dtype: expected float64 or float32, got "
ACTIVATION = "activation: expected 'tanh' or 'relu', got "
MISUSES = {
    # ------------------------------------------------------------ making a network
    "a size as text": (lambda w: en.ElmanRNN("1"), T, "input_size: expected an integer, got '1'"),
    "a size as float": (
        lambda w: en.ElmanRNN(hidden_size=8.0), T, "hidden_size: expected an integer, got 8.0"
    ),
    "a size that is True": (lambda w: en.ElmanRNN(1, 8, True), T, "output_size: expected an integer, got True"),
    "no hidden unit": (lambda w: en.ElmanRNN(1, 0, 1), V, "hidden_size: expected 1 or more, got 0"),
    "units that no address reaches": (
        lambda w: en.ElmanRNN(1, 10**30), V,
        "input_size, hidden_size, output_size: expected arrays that an address can reach, got sizes 1, 1000000000000",
    ),
    "inputs that no address reaches": (
        lambda w: et.ElmanRNN(2**60), V,
        "input_size, hidden_size, output_size: expected arrays that an address can reach, got sizes 1152921504606846976",
    ),
    "a size below 0": (lambda w: et.ElmanRNN(-1), V, "input_size: expected 1 or more, got -1"),
    "an activation of torch": (
        lambda w: en.ElmanRNN(activation=torch.tanh), V, f"{ACTIVATION}<built-in method tanh"
    ),
    "activations": (lambda w: en.ElmanRNN(activation=["tanh"]), V, f"{ACTIVATION}['tanh']"),
    "no activation": (lambda w: et.ElmanRNN(activation=None), V, f"{ACTIVATION}None"),
    "another activation": (lambda w: et.ElmanRNN(activation="gelu"), V, f"{ACTIVATION}'gelu'"),
    "a reset as text": (lambda w: en.ElmanRNN(reset_every="6"), T, "reset_every: expected an integer, got '6'"),
    "a chunk of 0": (lambda w: en.ElmanRNN(chunk=0), V, "chunk: expected 1 or more, got 0"),
    "both truncations": (
        lambda w: en.ElmanRNN(reset_every=2, chunk=3), V,
        "reset_every and chunk: expected at most one of them, got 2 and 3",
    ),
    "half precision": (lambda w: en.ElmanRNN(dtype="float16"), T, f"{DTYPE}float16"),
    "integers": (lambda w: en.ElmanRNN(dtype=int), T, f"{DTYPE}int64"),
    "a dtype that is none": (lambda w: en.ElmanRNN(dtype="real"), T, f"{DTYPE}'real'"),
    "a dtype of torch": (lambda w: en.ElmanRNN(dtype=torch.float32), T, f"{DTYPE}torch.float32"),
    "a dtype of numpy": (
        lambda w: et.ElmanRNN(dtype=np.float32), T,
        "dtype: expected a floating-point torch.dtype, got <class 'numpy.float32'>",
    ),
    "a dtype of integers": (
        lambda w: et.ElmanRNN(dtype=torch.int64), T, "dtype: expected a floating-point torch.dtype, got torch.int64"
    ),
    "an init that is none": (
        lambda w: en.ElmanRNN(init="xavier"), V, "init: expected 'uniform' or 'normal', got 'xavier'"
    ),
    "a seed as text": (lambda w: en.ElmanRNN(rng="a"), T, f"{RNG}'a'"),
    "a seed below 0": (lambda w: en.ElmanRNN(rng=-1), V, f"{RNG}-1"),
    "a seed as float": (lambda w: et.ElmanRNN(rng=0.5), T, f"{RNG}0.5"),
    "a seed that is True": (lambda w: en.init_parameters(1, 1, 1, rng=True), T, f"{RNG}True"),
    "a generator of torch": (lambda w: en.ElmanRNN(rng=torch.Generator()), T, f"{RNG}<torch._C.Generator"),
    "NumPy's old generator": (lambda w: en.ElmanRNN(rng=np.random.RandomState(0)), T, f"{RNG}RandomState"),
    "several inits": (
        lambda w: en.ElmanRNN(init=np.ones(3)), V, "init: expected 'uniform' or 'normal', got array([1., 1., 1.])"
    ),
    "a tensor for a dtype": (lambda w: en.ElmanRNN(dtype=torch.ones(1)), T, f"{DTYPE}tensor([1.])"),
    "a device that is none": (
        lambda w: et.ElmanRNN(device="gpu"), V, "device: expected a torch.device or the name of one, got 'gpu'"
    ),
    "a device that is not there": (
        lambda w: et.ElmanRNN(device="xpu:77"), V, "device: expected one that can be used, got 'xpu:77': "
    ),
    "a device that is not there to compare on": (
        lambda w: et.compare(w.model, w.x, w.target, device="xpu:77"), V,
        "device: expected one that can be used, got 'xpu:77': ",
    ),
    # ------------------------------------------------------------ parameters
    "another dtype that is none": (lambda w: w.params.astype("real"), T, f"{DTYPE}'real'"),
    "a dict for params": (
        lambda w: en.ElmanRNN.from_params(dict(w.params.items())), T,
        f"params: {PARAMS}dict; elman_np.Parameters(**params) is one",
    ),
    "a network for params": (
        lambda w: en.ElmanRNN.from_params(w.model), T, f"params: {PARAMS}elman_np.ElmanRNN; params.params are"
    ),
    "a dict put in": (setter("params", lambda w: dict(w.params.items())), T, f"params: {PARAMS}dict"),
    "a vector put in": (setter("params", lambda w: w.params.flat), T, f"params: {PARAMS}numpy.ndarray"),
    "None put in": (setter("params", lambda w: None), T, f"params: {PARAMS}None"),
    "other sizes put in": (setter("params", lambda w: w.other), V, "w_x: expected shape (3, 1), got (4, 1)"),
    "another dtype put in": (
        setter("params", lambda w: w.params.astype(np.float32)), T, "params: expected dtype float64, got float32"
    ),
    "tensors as parameters": (
        lambda w: en.Parameters(**dict(w.reference.named_parameters())), T,
        f"w_x: {ARRAY}torch.nn.parameter.Parameter",
    ),
    "lists as parameters": (
        lambda w: en.Parameters([[0.1]], [[0.1]], [0.1], [[0.1]], [0.1]), T,
        f"w_x: {ARRAY}list; numpy.array(w_x, float) is one",
    ),
    "integers as parameters": (
        lambda w: en.Parameters(*(value.astype(int) for value in w.params)), T,
        "w_x: expected a floating-point array (float64 or float32), got int64",
    ),
    "a list for flat": (lambda w: w.params.like([0.0] * 19), T, f"flat: {ARRAY}list"),
    "flat of another length": (lambda w: w.params.like(np.zeros(3)), V, "flat: expected shape (19,), got (3,)"),
    # ------------------------------------------------------------ forward
    "a tensor for x": (
        lambda w: w.model.forward(w.x_t), T, f"x: {ARRAY}torch.Tensor; x.numpy(force=True) is one"
    ),
    "a list for x": (lambda w: w.model([0.1, 0.2]), T, f"x: {ARRAY}list; numpy.array(x, float) is one"),
    "a Polars series for x": (
        lambda w: w.model(pl.Series([0.1])), T, f"x: {ARRAY}polars.Series; x.to_numpy() is one"
    ),
    "None for x": (lambda w: w.model.forward(None), T, f"x: {ARRAY}None"),
    "integers for x": (
        lambda w: w.model.forward(np.ones((5, 4, 1), int)), T,
        "x: expected a floating-point array (float64 or float32), got int64",
    ),
    "float32 for float64": (
        lambda w: w.model.forward(w.x.astype(np.float32)), T, "x: expected dtype float64 as the rest, got float32"
    ),
    "too many axes": (
        lambda w: w.model.forward(w.x[None]), V,
        "x: expected shape (T, B, 1) or (T, 1) or (T,), got (1, 5, 4, 1)",
    ),
    "a series for two inputs": (
        lambda w: en.ElmanRNN(2, 3, 1)(np.zeros(5)), V, "x: expected shape (T, B, 2) or (T, 2), got (5,)"
    ),
    "a masked array for x": (
        lambda w: w.model.forward(np.ma.masked_array(w.x)), T, f"x: {ARRAY}numpy.ma."
    ),
    "a name for all options": (
        lambda w: setattr(w.model, "recurrence", "relu"), T, "recurrence: expected elman_np.recurrence.Recurrence, got str"
    ),
    "a name for all options of PyTorch's network": (
        lambda w: setattr(w.reference, "recurrence", "relu"), T,
        "recurrence: expected elman_np.recurrence.Recurrence, got str",
    ),
    "a list for h_0": (
        lambda w: w.model.forward(w.x, [0.0, 0.0, 0.0]), T, f"h_0: {ARRAY}list; numpy.array(h_0, float) is one"
    ),
    "PyTorch's shape of h_0": (
        lambda w: w.model.forward(w.x, w.h_0[None]), V, "h_0: expected shape (4, 3), got (1, 4, 3)"
    ),
    "a tensor for h_0": (lambda w: w.model(w.x, torch.zeros(4, 3)), T, f"h_0: {ARRAY}torch.Tensor"),
    "a network for params of a sequence": (
        lambda w: en.forward(w.model, w.x, w.h_0), T, f"params: {PARAMS}elman_np.ElmanRNN; params.params are"
    ),
    "two axes for three": (
        lambda w: en.forward(w.params, w.x[:, 0], w.h_0), V, "x: expected shape (T, B, 1), got (5, 1)"
    ),
    "a list for a sequence": (lambda w: en.forward(w.params, [[[1.0]]], w.h_0), T, f"x: {ARRAY}list"),
    "no h_0": (lambda w: en.forward(w.params, w.x, None), T, f"h_0: {ARRAY}None"),
    "a dict for params of a step": (
        lambda w: en.step(dict(w.params.items()), w.x[0], w.h_0, "tanh"), T, f"params: {PARAMS}dict"
    ),
    "a whole sequence for a step": (
        lambda w: en.step(w.params, w.x, w.h_0, "tanh"), V, "x: expected shape (5, 1), got (5, 4, 1)"
    ),
    "other rows for a step": (
        lambda w: en.step(w.params, w.x[0], w.h_0[:2], "tanh"), V, "h_before: expected shape (4, 3), got (2, 3)"
    ),
    "a list for one step": (lambda w: en.step(w.params, [[1.0]], w.h_0, "tanh"), T, f"x: {ARRAY}list"),
    "a number for one step": (
        lambda w: en.step(w.params, np.array(1.0), w.h_0, "tanh"), V, "x: expected shape (0, 1), got ()"
    ),
    **{
        f"other rows of {name} for one step back": (
            lambda w, name=name: en.step_backward(
                w.params, w.x[0],
                **{"h_before": w.h_0, "h": w.h_0, "dy": w.dy[0], "dh_next": w.h_0, name: w.h_0[:2]},
                activation="tanh",
            ),
            V, f"{name}: expected shape (4, 3), got (2, 3)",
        )
        for name in ("h_before", "h", "dh_next")
    },
    "a step back of other rows": (
        lambda w: en.step_backward(w.params, w.x[0], w.h_0, w.h_0, w.dy, w.h_0, "tanh"), V,
        "dy: expected shape (4, 1), got (5, 4, 1)",
    ),
    # ------------------------------------------------------------ loss and backward
    "a tensor for y": (lambda w: en.mse_loss(w.x_t, w.target_t), T, f"y: {ARRAY}torch.Tensor"),
    "a list for target": (lambda w: en.mse_loss(w.y, w.target.tolist()), T, f"target: {ARRAY}list"),
    "targets that would broadcast": (
        lambda w: en.mse_loss(w.y[:, 0], w.target[:, 0, 0]), V, "target: expected shape (5, 1) as y, got (5,)"
    ),
    "masked outputs": (
        lambda w: en.mse_loss(np.ma.masked_array(w.y), w.target), T, f"y: {ARRAY}numpy.ma."
    ),
    "the tape of another network": (
        lambda w: w.model.backward(en.ElmanRNN(1, 8, 1, rng=0).forward(w.x)[2], w.dy), V,
        "tape: expected one of a network of sizes (1, 3, 1), as this is, got (1, 8, 1)",
    ),
    "nothing to average": (
        lambda w: en.mse_loss(np.zeros((0, 1)), np.zeros((0, 1))), V, "y: expected at least one element to average"
    ),
    "x for the tape": (
        lambda w: w.model.backward(w.x, w.dy), T, "tape: expected elman_np.model.ModelTape, got numpy.ndarray"
    ),
    "the other tape": (
        lambda w: en.backward(w.tape, w.dy), T,
        "tape: expected elman_np.Tape, got elman_np.model.ModelTape; model.backward takes it, and tape.bptt is one",
    ),
    "the inner tape": (
        lambda w: w.model.backward(w.tape.bptt, w.dy), T,
        "tape: expected elman_np.model.ModelTape, got elman_np.Tape; elman_np.backward takes it",
    ),
    "the loss for dy": (lambda w: w.model.backward(w.tape, w.loss), T, f"dy: {ARRAY}numpy.float64"),
    "a tensor for dy": (lambda w: w.model.backward(w.tape, w.x_t), T, f"dy: {ARRAY}torch.Tensor"),
    "dy of another shape": (
        lambda w: w.model.backward(w.tape, w.dy[0]), V, "dy: expected shape (5, 4, 1), got (4, 1)"
    ),
    "a list for dh_n": (
        lambda w: w.model.backward(w.tape, w.dy, [0.0]), T, f"dh_n: {ARRAY}list; numpy.array(dh_n, float) is one"
    ),
    # ------------------------------------------------------------ Adam and clipping
    "a rate as text": (lambda w: en.Adam(lr="a"), T, f"{LR}'a'"),
    "a rate that is None": (lambda w: en.Adam(lr=None), T, f"{LR}None"),
    "a rate that is True": (lambda w: en.Adam(lr=True), T, f"{LR}True"),
    "a rate below 0": (lambda w: en.Adam(lr=-1), V, f"{LR}-1"),
    "a rate of nan": (lambda w: en.Adam(lr=np.nan), V, f"{LR}nan"),
    "a rate of inf": (lambda w: en.AdamOptions(lr=np.inf), V, f"{LR}inf"),
    "a rate that no float can hold": (
        lambda w: en.Adam(lr=10**400), V, f"{LR}an integer that no float can hold"
    ),
    "one beta": (lambda w: en.Adam(betas=0.9), T, f"{BETAS}0.9"),
    "three betas": (lambda w: en.Adam(betas=(0.9, 0.99, 0.999)), V, f"{BETAS}(0.9, 0.99, 0.999)"),
    "betas as text": (lambda w: en.Adam(betas=("0.9", 0.999)), T, f"{BETAS}'0.9'"),
    "a beta of 1": (lambda w: en.Adam(betas=(0.9, 1.0)), V, f"{BETAS}1.0"),
    "eps as text": (lambda w: en.Adam(eps="1e-8"), T, "eps: expected a finite number, 0 or more, got '1e-8'"),
    "a decay of nan": (
        lambda w: en.Adam(weight_decay=np.nan), V, "weight_decay: expected a finite number, 0 or more, got nan"
    ),
    "amsgrad as text": (lambda w: en.Adam(amsgrad="no"), T, "amsgrad: expected True or False, got 'no'"),
    "maximize as number": (lambda w: en.Adam(maximize=1), T, "maximize: expected True or False, got 1"),
    "an option of others": (
        lambda w: en.Adam(learning_rate=0.1), T, "learning_rate: expected an option of Adam, lr, betas, eps, "
    ),
    "a rate by position": (lambda w: en.Adam(0.01), T, "options: expected AdamOptions, got 0.01"),
    "parameters for options": (lambda w: en.Adam(w.params), T, "options: expected AdamOptions, got Parameters"),
    "a rate set as text": (lambda w: setattr(w.optimiser, "lr", "0.1"), T, f"{LR}'0.1'"),
    "a dict for gradients": (
        lambda w: w.optimiser.step(w.params, dict(w.grads.items())), T,
        f"grads: {PARAMS}dict; elman_np.Parameters(**grads) is one",
    ),
    "a network for parameters": (
        lambda w: w.optimiser.step(w.model, w.grads), T, f"params: {PARAMS}elman_np.ElmanRNN; params.params are"
    ),
    "gradients of another network": (
        lambda w: w.optimiser.step(w.params, w.other), V, "grads.w_x: expected shape (3, 1) as in params, got (4, 1)"
    ),
    "another network's optimiser": (
        lambda w: w.optimiser.step(w.other, w.other), V, "state.m.w_x: expected shape (4, 1) as in params, got (3, 1)"
    ),
    "a norm as text": (
        lambda w: en.clip_grad_norm(w.grads, "1"), T, "max_norm: expected a number above 0, got '1'"
    ),
    "a norm of 0": (lambda w: en.clip_grad_norm(w.grads, 0), V, "max_norm: expected a number above 0, got 0"),
    "a norm of nan": (
        lambda w: en.clip_grad_norm(w.grads, np.nan), V, "max_norm: expected a number above 0, got nan"
    ),
    "a norm that no float can hold": (
        lambda w: en.clip_grad_norm(w.grads, 10**400), V,
        "max_norm: expected a number above 0, got an integer that no float can hold",
    ),
    "a network to clip": (lambda w: en.clip_grad_norm(w.model, 1.0), T, f"grads: {PARAMS}elman_np.ElmanRNN"),
    "a list for one array": (
        lambda w: en.adam_step([0.0], *[w.params.flat] * 4, 1, en.AdamOptions()), T, f"p: {ARRAY}list"
    ),
    "other shapes of one array": (
        lambda w: en.adam_step(w.params.flat, *[np.ones(1)] * 4, 1, en.AdamOptions()), V,
        "g: expected shape (19,), got (1,)",
    ),
    "update 0": (
        lambda w: en.adam_step(*[w.params.flat] * 5, 0, en.AdamOptions()), V, "step: expected 1 or more, got 0"
    ),
    "a dict of options": (
        lambda w: en.adam_step(*[w.params.flat] * 5, 1, {"lr": 0.1}), T, "options: expected elman_np.AdamOptions, got dict"
    ),
    "a number for a state": (
        lambda w: [setattr(o := en.Adam(), "state", 3), o.step(w.params, w.grads)], T,
        "state: expected elman_np.AdamState, got int",
    ),
    "a number for a state to train with": (
        lambda w: [setattr(o := en.Adam(), "state", 3), en.train(w.model, w.x, w.target, optimiser=o, epochs=1)], T,
        "optimiser.state: expected elman_np.AdamState, got int",
    ),
    # ------------------------------------------------------------ training and forecasts
    "a fraction as text": (
        lambda w: en.split(w.x[:, 0], "0.7"), T, "train: expected a fraction above 0 and below 1, got '0.7'"
    ),
    "the class of a frame": (
        lambda w: en.split(pl.DataFrame), T,
        "series: expected a NumPy array, a list of floats, or a series or frame of Polars or pandas, "
        "got the class polars.DataFrame itself",
    ),
    "a list among the means": (
        lambda w: en.Scaler([1.0, [2.0]], [1.0, 2.0]), T,
        "mean: expected a number, or one for each column, got [1.0, [2.0]]",
    ),
    "a percentage": (
        lambda w: en.split(w.x[:, 0], 0.7, 15), V, "validation: expected a fraction above 0 and below 1, got 15"
    ),
    "another source": (
        lambda w: en.load_splg(source="Yahoo"), V, "source: expected 'bundled' or 'yahoo', got 'Yahoo'"
    ),
    "shuffle as text": (
        lambda w: en.train(w.model, w.x, w.target, optimiser=w.optimiser, epochs=1, shuffle="no"), T,
        "shuffle: expected True or False, got 'no'",
    ),
    "progress as number": (
        lambda w: et.train(
            w.reference, w.x_t, w.target_t, epochs=1, progress=1,
            optimiser=torch.optim.SGD(w.reference.parameters(), lr=0.1),
        ), T, "progress: expected True or False, got 1",
    ),
    "clip_norm as text": (
        lambda w: en.train(w.model, w.x, w.target, optimiser=w.optimiser, epochs=1, clip_norm="1"), T,
        "clip_norm: expected a number above 0, got '1'",
    ),
    "masked windows": (
        lambda w: en.train(w.model, np.ma.masked_array(w.x), w.target, optimiser=w.optimiser, epochs=1), T,
        f"x: {ARRAY}numpy.ma.",
    ),
    "epochs as float": (
        lambda w: en.train(w.model, w.x, w.target, optimiser=w.optimiser, epochs=1.0), T,
        "epochs: expected an integer, got 1.0",
    ),
    "a seed of a training as text": (
        lambda w: en.train(w.model, w.x, w.target, optimiser=w.optimiser, epochs=1, rng="a"), T, f"{RNG}'a'"
    ),
    "PyTorch's network to forecast": (
        lambda w: en.forecast(w.reference, w.scaler, w.x[:, 0, 0]), T,
        f"model: {MODEL}elman_torch.ElmanRNN; model.to_numpy() is one",
    ),
    "no scaler": (
        lambda w: en.forecast(w.model, None, w.x[:, 0, 0]), T, "scaler: expected elman_np.Scaler, got None"
    ),
    # ------------------------------------------------------------ PyTorch
    "an array for a tensor": (
        lambda w: w.reference(w.x), T, f"x: {TENSOR}numpy.ndarray; torch.as_tensor(x) is one"
    ),
    "an array for a state": (
        lambda w: w.reference(w.x_t, w.h_0), T, f"h_0: {TENSOR}numpy.ndarray; torch.as_tensor(h_0) is one"
    ),
    "PyTorch's default dtype": (
        lambda w: w.reference(w.x_t.float()), T, "x: expected dtype torch.float64 as the model, got torch.float32"
    ),
    "another device": (
        lambda w: w.reference(w.x_t.to("meta")), V, "x: expected device cpu as the model, got meta"
    ),
    "PyTorch's network again": (
        lambda w: et.ElmanRNN.from_numpy(w.reference), T, f"model: {MODEL}elman_torch.ElmanRNN; model.to_numpy() is one"
    ),
    "a dict to load": (
        lambda w: w.reference.load_params(dict(w.params.items())), T, f"params: {PARAMS}dict"
    ),
    "the class of a network": (
        lambda w: et.ElmanRNN.from_numpy(en.ElmanRNN), T, f"model: {MODEL}the class elman_np.ElmanRNN itself"
    ),
    "the class of parameters to load": (
        lambda w: w.reference.load_params(en.Parameters), T, f"params: {PARAMS}the class elman_np.Parameters itself"
    ),
    "an optimiser with a closure": (
        lambda w: et.train(
            w.reference, w.x_t, w.target_t, epochs=1, optimiser=torch.optim.LBFGS(w.reference.parameters())
        ), T, "optimiser: expected one that takes dense gradients and steps without a closure, got torch.optim.lbfgs",
    ),
    "an optimiser of sparse gradients": (
        lambda w: et.train(
            w.reference, w.x_t, w.target_t, epochs=1, optimiser=torch.optim.SparseAdam(list(w.reference.parameters()))
        ), T, "optimiser: expected one that takes dense gradients and steps without a closure, got torch.optim.sparse",
    ),
    "frozen parameters": (
        lambda w: et.train(
            w.reference.requires_grad_(False), w.x_t, w.target_t, epochs=1,
            optimiser=torch.optim.SGD(w.reference.parameters(), lr=0.1),
        ), V, "optimiser: expected a parameter that requires a gradient, got frozen ones only",
    ),
    "a training without gradients": (
        lambda w: torch.no_grad()(et.train)(
            w.reference, w.x_t, w.target_t, epochs=1, optimiser=torch.optim.SGD(w.reference.parameters(), lr=0.1)
        ), V, "model: expected gradients, got a training inside torch.no_grad or inference_mode",
    ),
    "a vector to load": (lambda w: w.reference.load_params(w.params.flat), T, f"params: {PARAMS}numpy.ndarray"),
    "other sizes to load": (
        lambda w: w.reference.load_params(w.other), V, "w_x: expected shape (3, 1), got (4, 1)"
    ),
    "PyTorch's network to compare": (
        lambda w: et.compare(w.reference, w.x, w.target), T,
        f"model: {MODEL}elman_torch.ElmanRNN; model.to_numpy() is one",
    ),
    "tensors to compare": (lambda w: et.compare(w.model, w.x_t, w.target_t), T, f"x: {ARRAY}torch.Tensor"),
    "a tensor as target": (lambda w: et.compare(w.model, w.x, w.target_t), T, f"target: {ARRAY}torch.Tensor"),
    "a target of another shape": (
        lambda w: et.compare(w.model, w.x, w.target[0]), V, "target: expected shape (5, 4, 1), got (4, 1)"
    ),
    "a list as first state": (
        lambda w: et.assert_agree(w.model, w.x, w.target, h_0=[0.0]), T, f"h_0: {ARRAY}list"
    ),
    "neither target nor dy": (lambda w: et.compare(w.model, w.x), V, "target, dy: expected exactly one of them"),
    "a width as text": (
        lambda w: et.compare(w.model, w.x, w.target, widest="0.1"), T, "widest: expected a number above 0, got '0.1'"
    ),
    "a GRU": (
        lambda w: et.ElmanRNN.from_torch(nn.GRU(1, 3), w.linear), T,
        "rnn: expected torch.nn.modules.rnn.RNN, got torch.nn.modules.rnn.GRU",
    ),
    "the two swapped": (
        lambda w: et.ElmanRNN.from_torch(w.linear, w.rnn), T,
        "rnn: expected torch.nn.modules.rnn.RNN, got torch.nn.modules.linear.Linear",
    ),
    "no linear layer": (
        lambda w: et.ElmanRNN.from_torch(w.rnn, None), T, "linear: expected torch.nn.modules.linear.Linear, got None"
    ),
    "the batch first": (
        lambda w: et.ElmanRNN.from_torch(nn.RNN(1, 3, batch_first=True), nn.Linear(3, 1)), V,
        "rnn: expected batch_first=False, got True",
    ),
    "two layers": (
        lambda w: et.ElmanRNN.from_torch(nn.RNN(1, 3, 2), nn.Linear(3, 1)), V,
        "rnn: expected one layer and one direction, got num_layers=2",
    ),
    "two dtypes": (
        lambda w: et.ElmanRNN.from_torch(w.rnn, nn.Linear(3, 1)), T,
        "linear: expected dtype torch.float64 as rnn, got torch.float32",
    ),
    "two devices": (
        lambda w: et.ElmanRNN.from_torch(w.rnn, w.linear.to("meta")), V,
        "linear: expected device cpu as rnn, got meta",
    ),
    "sizes that do not fit": (
        lambda w: et.ElmanRNN.from_torch(w.rnn, nn.Linear(4, 1, dtype=torch.float64)), V,
        "linear: expected in_features=3 as rnn.hidden_size, got 4",
    ),
    "bfloat16 into NumPy": (
        lambda w: et.ElmanRNN(dtype=torch.bfloat16, rng=0).to_numpy(), T,
        "dtype: expected float64 or float32, got torch.bfloat16",
    ),
    "another activation's state_dict": (
        lambda w: w.reference.load_state_dict(et.ElmanRNN(1, 3, 1, activation="relu", rng=1).state_dict()), V,
        "activation: expected 'tanh', as this network has it, got 'relu' in the state_dict",
    ),
    "a truncated network's state_dict": (
        lambda w: w.reference.load_state_dict(et.ElmanRNN(1, 3, 1, chunk=2, rng=1).state_dict()), V,
        "chunk: expected None, as this network has it, got 2 in the state_dict",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MISUSES)
def test_a_misuse_is_refused_by_the_name_of_the_argument(name):
    misuse, kind, message = MISUSES[name]
    world = World()
    before = world.state()
    with pytest.raises((TypeError, ValueError)) as caught:
        misuse(world)
    assert type(caught.value) is kind
    assert str(caught.value).startswith(message)
    assert world.state() == before


# ---------------------------------------------------------------- what works, though it may look wrong


class Wider(et.ElmanRNN):
    """A subclass with a parameter and a buffer of its own."""

    def __init__(self, *sizes, **options):
        super().__init__(*sizes, **options)
        self.scale = nn.Parameter(torch.ones(2))
        self.register_buffer("seen", torch.zeros(1))


class Doubled(nn.Module):
    def forward(self, value):
        return 2 * value

    def right_inverse(self, value):
        return value / 2


class Halved(nn.Module):
    def forward(self, value):
        return value / 2


def test_a_subclass_goes_to_numpy_and_back():
    params = en.init_parameters(1, 3, 1, rng=3)
    module = Wider(1, 3, 1, rng=0)
    module.load_params(params)
    assert module.to_numpy().params.flat.tobytes() == params.flat.tobytes()
    assert module.scale.tolist() == [1, 1]


def test_what_is_parametrized_goes_to_numpy_and_back():
    params = en.init_parameters(1, 3, 1, rng=3)
    module = et.ElmanRNN(1, 3, 1, rng=0)
    first = module.to_numpy().params
    parametrize.register_parametrization(module, "w_h", Doubled(), unsafe=True)
    np.testing.assert_array_equal(module.to_numpy().params.w_h, first.w_h)
    module.load_params(params)
    np.testing.assert_array_equal(module.to_numpy().params.flat, params.flat)
    np.testing.assert_array_equal(module.parametrizations.w_h.original.numpy(force=True), params.w_h / 2)


def test_a_parametrization_without_an_inverse_is_refused_before_anything_is_loaded():
    module = et.ElmanRNN(1, 3, 1, rng=0)
    parametrize.register_parametrization(module, "b_y", Halved())
    before = module.to_numpy().params.flat
    with pytest.raises(ValueError, match="b_y: expected a parametrization with a right_inverse"):
        module.load_params(en.init_parameters(1, 3, 1, rng=3))
    np.testing.assert_array_equal(module.to_numpy().params.flat, before)


def test_parametrized_layers_of_torch_are_converted():
    rnn, linear = nn.RNN(1, 3, dtype=torch.float64), nn.Linear(3, 1, dtype=torch.float64)
    parametrize.register_parametrization(linear, "weight", Doubled())
    twin = et.ElmanRNN.from_torch(rnn, linear)
    x = torch.linspace(0, 1, 5, dtype=torch.float64)[:, None]
    torch.testing.assert_close(twin(x)[0], linear(rnn(x)[0]), rtol=0, atol=1e-15)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda module: module])
def test_a_state_dict_holds_the_options(copied, tmp_path):
    options = {"activation": "relu", "chunk": 2}
    first, second = (copied(et.ElmanRNN(1, 3, 1, rng=seed, **options)) for seed in (0, 1))
    torch.save(first.state_dict(), tmp_path / "kept.pt")
    second.load_state_dict(torch.load(tmp_path / "kept.pt", weights_only=True))
    assert second.to_numpy().params.flat.tobytes() == first.to_numpy().params.flat.tobytes()
    whole = nn.Sequential(et.ElmanRNN(1, 3, 1, rng=1))
    with pytest.raises(ValueError, match="activation: expected 'tanh'"):
        whole.load_state_dict(nn.Sequential(first).state_dict())


@observes("elman_torch.ElmanRNN.set_extra_state", "state")
@pytest.mark.parametrize("options", [{}, {"reset_every": 2}, {"chunk": 3}, {"activation": "relu"}])
def test_the_extra_state_is_compared_option_by_option(options):
    """What the network has and the state has not, too."""
    module = et.ElmanRNN(1, 3, 1, rng=0, **options)
    module.set_extra_state(module.get_extra_state())
    other = {"activation": "tanh" if "activation" in options else "relu"}
    for change in (other, {"reset_every": 5}, {"chunk": 2}, *({name: None} for name in ("reset_every", "chunk")
                                                               if name in options)):  # fmt: skip
        ((name, value),) = change.items()
        with pytest.raises(
            ValueError, match=f"^{name}: expected .*, as this network has it, got {value!r} in"
        ):
            module.set_extra_state(module.get_extra_state() | change)


def test_a_state_dict_without_options_is_loaded_as_it_was():
    first, second = (et.ElmanRNN(1, 3, 1, rng=seed) for seed in (0, 1))
    second.load_state_dict(dict(first.named_parameters()))
    assert second.to_numpy().params.flat.tobytes() == first.to_numpy().params.flat.tobytes()


def test_networks_without_a_seed_are_all_different():
    """Of 1,000 seeds out of 2**63 no two are the same, but for once in 10**10."""
    assert len({et.ElmanRNN(1, 1, 1).w_x.item() for _ in range(1000)}) == 1000


def test_manual_seed_is_followed_where_there_is_no_seed():
    def drawn(seed, **options):
        torch.manual_seed(seed)
        world = World()
        module = et.ElmanRNN(1, 3, 1, **options)
        optimiser = torch.optim.SGD(module.parameters(), lr=0.1)
        et.train(module, world.x_t, world.target_t, optimiser=optimiser, epochs=2, batch_size=1)
        return module.to_numpy().params.flat.tobytes()

    assert drawn(0) == drawn(0) != drawn(1)
    torch.manual_seed(0)
    first = et.ElmanRNN(rng=5).to_numpy().params.flat
    np.testing.assert_array_equal(first, en.ElmanRNN(rng=5).params.flat)


def test_the_default_dtype_of_torch_is_not_followed_and_the_docstring_says_so():
    assert torch.get_default_dtype() == torch.float32
    assert et.ElmanRNN().w_x.dtype == torch.float64
    assert "`torch.set_default_dtype`" in et.ElmanRNN.__doc__


# ---------------------------------------------------------------- every argument, with everything


def strange(w):
    return [
        None, "a", "1", True, False, -1, 0, 2, 0.5, -0.5, np.nan, np.inf, 1j, b"x", [], [1.0], ["a"], {}, (),
        np.array(1.0), np.ones(3, int), np.ones((2, 2)), np.array(["a"]), np.array([1, None]), np.float32(1),
        torch.ones(3), torch.ones(5, 4, 1, requires_grad=True), pl.Series([1.0]), pl.DataFrame({"a": [1.0]}),
        object(), int, range(3), slice(None), w.model, w.reference, w.params, w.tape, w.tape.bptt,
        w.x.astype(np.float32), w.x * np.nan, w.x[:, :0], w.x[:0],
    ]  # fmt: skip


def test_an_object_is_refused_by_the_name_of_any_argument_and_nothing_changes():
    for index, (function, right) in enumerate(calls(World()).items()):
        for name in right:
            world = World()
            call, arguments = list(calls(world).items())[index]
            before = world.state()
            with pytest.raises((TypeError, ValueError)) as error:
                call(**arguments | {name: object()})
            assert str(error.value).startswith(f"{name}: expected "), function.__qualname__
            assert world.state() == before, (function.__qualname__, name)


@pytest.mark.filterwarnings("ignore")
def test_no_strange_value_gets_through_to_the_words_of_others():
    """Whatever the argument: an answer, or a message that says of what argument what was expected."""
    leaked, count = [], 0
    for index, (function, right) in enumerate(calls(World()).items()):
        for name in right:
            world = World()
            call, arguments = list(calls(world).items())[index]
            for value in strange(world):
                count += 1
                try:
                    call(**arguments | {name: value})
                except (TypeError, ValueError) as error:
                    said, expected, _ = str(error).partition(": expected")
                    mixed = isinstance(error, ValueError) or " as the rest, " in str(error)
                    named = signature(call).parameters if mixed else [name]  # or what does not fit it
                    if not expected or not any(map(said.startswith, named)):
                        leaked.append((function.__qualname__, name, repr(value), str(error)))
    assert leaked == []
    assert count > 4_000
