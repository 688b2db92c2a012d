"""Our exceptions go from one process to another: a pool hangs for ever on one that cannot be unpickled."""

import copy
import importlib
import pickle
import pkgutil

import numpy as np
import pytest

import elman_np as en
import elman_torch as et
from elman_np.checking.learner.style import CannotRunError

DIVERGED = en.TrainingDiverged(3, float("inf"), en.History([en.Epoch(1, 2.0, 3.0, None)]))
MADE = {en.TrainingDiverged: DIVERGED}
"""How to make one of each class that is not made from a message."""


def ours(base=BaseException):
    """All classes of exceptions that our modules define."""
    for package in (en, et):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if "__main__" not in module.name and "exercises" not in module.name:
                importlib.import_module(module.name)
    found, waiting = [], [base]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if kind.__module__.partition(".")[0] in ("elman_np", "elman_torch"):
            found.append(kind)
    return sorted(set(found), key=lambda kind: kind.__qualname__)


def test_the_walk_finds_them():
    assert {en.TrainingDiverged, et.Disagreement, et.Undecided, CannotRunError} <= set(ours())


@pytest.mark.parametrize("kind", ours(), ids=lambda kind: kind.__name__)
def test_a_pickle_and_a_copy_say_the_same(kind):
    error = MADE.get(kind) or kind("what went wrong")
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is kind
        assert str(again) == str(error)
        assert vars(again) == vars(error)


def test_a_training_that_diverged_keeps_its_history_on_the_way():
    x = np.full((3, 2, 1), 1e200)
    with np.errstate(all="ignore"), pytest.raises(en.TrainingDiverged) as stop:
        en.train(en.ElmanRNN(activation="relu", rng=0), x, x, optimiser=en.Adam(), epochs=1)
    again = pickle.loads(pickle.dumps(stop.value))
    assert type(again.history) is en.History
    assert (again.epoch, again.loss, again.history) == again.args == (1, np.inf, [])
    assert str(again).startswith("epoch 1: the loss is inf; try")
