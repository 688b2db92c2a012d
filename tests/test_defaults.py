"""What is left out: defaults are recorded, alike in both backends, and those of PyTorch's Adam."""

import inspect
import json

import pytest
import torch

import elman_np as en
from tests.support.defaults import PATH, measure

FOUND = measure()


def test_defaults_are_those_that_are_recorded():
    assert json.loads(PATH.read_text()) == FOUND


@pytest.mark.parametrize("name", ["ElmanRNN", "ElmanRNN.from_params", "train"])
def test_both_backends_have_the_same_defaults(name):
    ours, theirs = FOUND[f"elman_np.{name}"], FOUND.get(f"elman_torch.{name}", {})
    shared = ours.keys() & theirs.keys()
    assert {option: ours[option] for option in shared} == {option: theirs[option] for option in shared}


@pytest.mark.parametrize("theirs", [torch.optim.Adam, torch.optim.AdamW])
def test_adams_defaults_are_pytorchs(theirs):
    """`AdamW` has another decay, which is what it is for."""
    of_torch = inspect.signature(theirs).parameters
    for name, value in vars(en.AdamOptions()).items():
        if name in of_torch and (name, theirs) != ("weight_decay", torch.optim.AdamW):
            assert value == of_torch[name].default, name
