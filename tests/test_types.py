"""Annotations that hold at run time: every name in them is there, and hooks that check types can use them."""

import importlib
import inspect
import pkgutil
import subprocess
import sys
import typing

import pytest

import elman_np
import elman_torch


def modules():
    for package in (elman_np, elman_torch):
        yield package
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            yield importlib.import_module(found.name)


def annotated(module):
    """Functions, classes, methods and getters that a module defines."""
    for value in list(vars(module).values()):
        if getattr(value, "__module__", None) != module.__name__:
            continue
        if inspect.isfunction(value) or inspect.isclass(value):
            yield value
        if inspect.isclass(value):
            for member in vars(value).values():
                member = getattr(member, "fget", getattr(member, "__func__", member))
                if inspect.isfunction(member):
                    yield member


def test_every_annotation_can_be_resolved():
    count = 0
    for module in modules():
        for value in annotated(module):
            typing.get_type_hints(value, include_extras=True)
            count += 1
    assert count > 500


def test_an_annotation_says_the_type_and_the_shape():
    plain = typing.get_type_hints(elman_np.forward)
    assert plain["x"] == elman_np.arrays.Array
    noted = typing.get_type_hints(elman_np.forward, include_extras=True)
    assert noted["x"].__metadata__ == ("T B I",)
    layouts = typing.get_type_hints(elman_torch.ElmanRNN.forward, include_extras=True)["x"]
    assert [one.__metadata__ for one in typing.get_args(layouts)] == [("T",), ("T I",), ("T B I",)]


PROGRAM = """
with install_import_hook(["elman_np", "elman_torch"], **options):
    import elman_np as en
    import elman_torch as et
import torch
close = en.load_splg()["Close"].to_numpy()
scaler = en.Scaler.fit(close)
x, target = en.windows(scaler.transform(close), 5)
for more in ({}, {"reset_every": 3, "activation": "relu"}, {"chunk": 2}):
    model = en.ElmanRNN(1, 3, 1, rng=0, **more)
    y, h_n, tape = model.forward(x)
    grads, dx, dh_0 = model.backward(tape, en.mse_loss(y, target)[1])
    history = en.train(model, x, target, optimiser=en.Adam(lr=0.01), epochs=1, validation=(x, target), rng=0)
    history.frame, en.forecast(model, scaler, close), tape.bptt.h
    reference = et.ElmanRNN.from_numpy(model)
    for z in (x, x[:, 0], x[:, 0, 0]):
        model(z), reference(torch.as_tensor(z))
    adam = torch.optim.Adam(reference.parameters())
    et.train(reference, torch.as_tensor(x), torch.as_tensor(target), optimiser=adam, epochs=1, rng=0)
    et.assert_agree(model, x, target)
try:
    model.forward(x, [0.0])
except TypeCheckError as error:
    print("h_0" in str(error))
"""


HOOKS = {
    "beartype": "from jaxtyping import TypeCheckError, install_import_hook\n"
    "options = {'typechecker': 'beartype.beartype'}",
    "typeguard": "from typeguard import TypeCheckError, install_import_hook\noptions = {}",
}


@pytest.mark.slow
@pytest.mark.parametrize("checker", HOOKS)
def test_an_import_hook_checks_the_types_of_a_whole_use(checker):
    """In a process of its own, since a hook works on what is imported after it."""
    pytest.importorskip(checker)
    done = subprocess.run([sys.executable, "-c", HOOKS[checker] + PROGRAM], capture_output=True, text=True)
    assert done.stdout.strip() == "True", done.stderr[-2000:]
