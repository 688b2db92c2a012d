"""What a call leaves behind: its answer alone, which is its caller's, and the same the next time."""

import contextlib
import dataclasses
import inspect
import os
import random
import warnings

import matplotlib as mpl
import numpy as np
import polars as pl
import pytest
import torch
from torch import nn

import elman_np as en
import elman_torch as et
from elman_np import notebook as en_notebook
from elman_np.parameters import Parameters
from elman_torch import notebook as et_notebook
from elman_torch.parity import compare_update
from tests.support.world import World, calls


def all_calls(w):
    """The library's functions, and what is made of them: the notebook's training, comparisons."""
    one = en.init_parameters(1, 1, 1, init="normal", rng=0)
    days, dated = np.linspace(1.0, 2.0, 60), pl.DataFrame({"a": np.arange(20.0), "b": np.arange(20.0) ** 2})
    dated = dated.insert_column(0, pl.date_range(pl.date(2023, 1, 1), pl.date(2023, 1, 20), eager=True))
    start = {"params": one, "x": days, "target": days + 1, "epochs": 1, "rng": 0}
    wide = en.ElmanRNN(2, 3, 2, rng=0)
    return [
        *calls(w).items(),
        (en_notebook.train, start),
        (et_notebook.train, start),
        (et_notebook.train, start | {"per_day": True}),
        (en_notebook.predict, {"params": one, "x": days}),
        (et_notebook.predict, {"params": one, "x": days}),
        (w.reference.to_numpy, {}),
        (w.reference.to_torch, {}),
        (compare_update, {"optimiser": w.optimiser, "params": w.params, "grads": w.grads}),
        (en.forecast, {"model": wide, "scaler": en.Scaler.fit(dated), "series": dated, "steps": 3}),
        (en.split, {"series": dated}),
        (en.windows, {"series": dated, "length": 3}),
        (en.train, {"model": w.model, "x": w.x, "target": w.target, "optimiser": w.optimiser, "epochs": 2,
                    "rng": np.random.default_rng(3)}),
    ]  # fmt: skip


FUNCTIONS = [f"{function.__module__}.{function.__qualname__}" for function, _ in all_calls(World())]
TRAINS = {"model", "optimiser", "rng"}
"""What a training is to change."""
CHANGES = ("train", "Adam.step", "ElmanRNN.load_params")
"""They change something, and are called once for a world."""


def content(value):
    """Spell out all that a value holds, to the bit; equal if and only if nothing was changed."""
    match value:
        case np.ndarray() | np.generic():
            return str(value.dtype), value.shape, value.tobytes(), getattr(value, "strides", None)
        case torch.Tensor():
            return (
                value.requires_grad,
                content(value.numpy(force=True)),
                value.is_leaf and content(value.grad),
            )
        case nn.Module():
            return repr(value), value.training, [(name, content(p)) for name, p in value.named_parameters()]
        case pl.DataFrame() | pl.Series():
            return str(value), value.to_list() if isinstance(value, pl.Series) else value.rows()
        case np.random.Generator():
            return repr(value.bit_generator.state)
        case torch.optim.Optimizer():
            return repr(value.state_dict())
        case en.ElmanRNN():
            return repr(value), content(value.params)
        case Parameters():
            return [content(z) for z in (value.flat, *value)]
        case en.Adam():
            return repr(value.options), content(value.state)
        case dict():
            return [(name, content(z)) for name, z in value.items()]
        case list() | tuple():
            return [content(z) for z in value]
    if dataclasses.is_dataclass(value) or (hasattr(value, "__dict__") and not callable(value)):
        return type(value), content(vars(value))
    return repr(value)


def arrays(value):
    """All arrays that can be reached from a value."""
    match value:
        case np.ndarray():
            yield value
        case torch.Tensor():
            yield value.numpy(force=True)
        case nn.Module():
            yield from (p.numpy(force=True) for p in value.parameters())
        case en.ElmanRNN():
            yield from arrays(value.params)
        case Parameters():
            yield from (value.flat, *value)
        case pl.DataFrame() | pl.Series():
            return
        case dict():
            for z in value.values():
                yield from arrays(z)
        case list() | tuple():
            for z in value:
                yield from arrays(z)
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            yield from arrays(vars(value))


def everybodys():
    """What belongs to the whole process: settings and generators of the libraries."""
    with warnings.catch_warnings():
        return {
            "NumPy's errors": np.geterr(),
            "NumPy's own generator": content(list(np.random.get_state())),  # noqa: NPY002
            "how NumPy prints": str(np.get_printoptions()),
            "Python's generator": random.getstate(),
            "PyTorch's generator": torch.get_rng_state().numpy().tobytes(),
            "PyTorch's dtype": torch.get_default_dtype(),
            "PyTorch's threads": torch.get_num_threads(),
            "PyTorch's gradients": torch.is_grad_enabled(),
            "deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
            "Matplotlib": dict(mpl.rcParams),
            "warnings": warnings.filters[:],
            "the environment": dict(os.environ),
            "the folder": os.getcwd(),
        }


@pytest.mark.parametrize("place", range(len(FUNCTIONS)), ids=FUNCTIONS)
def test_what_is_given_is_as_it_was_and_so_is_what_is_everybodys(place):
    world = World()
    function, arguments = all_calls(world)[place]
    spared = TRAINS if function in (en.train, et.train) else set()
    before, around = {name: content(z) for name, z in arguments.items()}, everybodys()
    function(**arguments)
    for name, z in arguments.items():
        assert name in spared or content(z) == before[name], f"{name} has changed"
    for name, z in everybodys().items():
        assert z == around[name], f"{name}: changed"


@contextlib.contextmanager
def default_dtype(dtype):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    yield
    torch.set_default_dtype(before)


SURROUNDINGS = {
    "another device by default": lambda: torch.device("meta"),
    "float16 by default": lambda: default_dtype(torch.float16),
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "NumPy's errors raised": lambda: np.errstate(all="raise"),
    "numbers printed short": lambda: np.printoptions(precision=1, threshold=3),
}


WITHOUT_GRADIENTS = ("no_grad", "inference_mode")
NEED_THEM = ("elman_torch.training.train", "elman_torch.model.ElmanRNN.forward")
"""The one refuses to train without gradients, the other's answer has no graph."""


@pytest.mark.parametrize(
    ("place", "around"),
    [
        pytest.param(place, around, id=f"{name}, {around}")
        for around in SURROUNDINGS
        for place, name in enumerate(FUNCTIONS)
        if around not in WITHOUT_GRADIENTS or name not in NEED_THEM
    ],
)
def test_the_answer_is_the_same_whatever_is_set_around_the_call(place, around):
    """Where PyTorch computes is said: a device that is not follows its default."""
    answers = []
    for surrounding in (contextlib.nullcontext, SURROUNDINGS[around]):
        torch.manual_seed(0)
        world = World()
        function, arguments = all_calls(world)[place]
        if "device" in inspect.signature(function).parameters:
            arguments["device"] = "cpu"
        with surrounding():
            answers.append((function(**arguments), arguments, world))
    assert content(answers[0]) == content(answers[1])


def test_another_default_device_is_no_reason_for_another_network():
    """Its seed is drawn on the CPU, and a layer without biases has zeros beside it."""
    networks = []
    for around in (contextlib.nullcontext, lambda: torch.device("meta")):
        torch.manual_seed(0)
        with around():
            made = et.ElmanRNN(1, 2, 2, device="cpu")
            rnn, linear = (nn.RNN(1, 2, bias=False, device="cpu"), nn.Linear(2, 1, bias=False, device="cpu"))
            networks.append([content(made), content(et.ElmanRNN.from_torch(rnn, linear))])
    assert networks[0] == networks[1]


@pytest.mark.parametrize("place", range(len(FUNCTIONS)), ids=FUNCTIONS)
def test_the_answer_is_nobody_elses_and_the_same_a_second_time(place):
    """What cannot be written may be shared."""
    world, other = World(), World()
    function, arguments = all_calls(world)[place]
    answer = function(**arguments)
    kept, held = content(answer), [*arrays(arguments), *arrays(vars(world))]
    if FUNCTIONS[place].endswith(CHANGES):
        function, arguments = all_calls(other)[place]
    again = function(**arguments)
    assert content(again) == kept
    assert content(answer) == kept
    for z in filter(lambda z: z.flags.writeable, arrays(answer)):
        assert not any(np.shares_memory(z, one) for one in [*held, *arrays(again)])
    if isinstance(answer, pl.DataFrame):
        answer.drop_in_place(answer.columns[-1])
        assert content(again) == content(function(**arguments)) == kept
