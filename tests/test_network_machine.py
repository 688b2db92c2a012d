"""A network in use: whatever is done in what order, each answer is that of a new network, and stays so."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import elman_np as en
from elman_np.parameters import Parameters
from elman_np.recurrence import Recurrence
from tests.support.same import difference
from tests.support.strategies import activations, dtypes, seeds

recurrences = st.builds(
    lambda activation, cut: Recurrence(activation, **cut),
    activations,
    st.just({})
    | st.fixed_dictionaries({"reset_every": st.integers(1, 6)})
    | st.fixed_dictionaries({"chunk": st.integers(1, 6)}),
)
TWINS = {(1, 2, 3): (4, 2, 1), (2, 3, 1): (2, 2, 4), (1, 1, 1): (1, 2, 1)}
"""Sizes, and others to refuse, in two cases with as many numbers in all."""


def own(value):
    """Copy whatever arrays a value holds, to memory of their own."""
    return tuple(np.array(z) for z in (value if isinstance(value, tuple | list | Parameters) else (value,)))


def fresh(params, recurrence):
    """Make a network that nothing was done with: another value of the same numbers and options."""
    options = {"reset_every": recurrence.reset_every, "chunk": recurrence.chunk}
    return en.ElmanRNN.from_params(Parameters(*own(params)), activation=recurrence.activation, **options)


class NetworkMachine(RuleBasedStateMachine):
    """One network and the tapes of all its passes; beside each what made it, copied."""

    @initialize(sizes=st.sampled_from(sorted(TWINS)), dtype=dtypes, recurrence=recurrences, seed=seeds)
    def start(self, sizes, dtype, recurrence, seed):
        self.rng, self.recurrence, self.passes, self.given_out = (
            np.random.default_rng(seed),
            recurrence,
            [],
            [],
        )
        params = en.init_parameters(*sizes, dtype=dtype, rng=self.rng)
        self.model, self.params = fresh(params, recurrence), params

    def numbers(self, *shape):
        return self.rng.standard_normal(shape).astype(self.model.dtype)

    def keep(self, name, found, expected):
        """Found is what a new network finds, bit for bit; and that is asked again after each rule."""
        for z, expectation in zip(found, own(expected), strict=True):
            wrong = difference(name, z, expectation)
            assert not wrong, wrong
            self.given_out.append((name, z, expectation))

    @rule(
        layout=st.sampled_from(["batch", "unbatched"]),
        steps=st.integers(1, 9),
        batch=st.integers(1, 3),
        state=st.booleans(),
    )
    def run(self, layout, steps, batch, state):
        rows = (batch,) if layout == "batch" else ()
        x = self.numbers(steps, *rows, self.model.input_size)
        h_0 = self.numbers(*rows, self.model.hidden_size) if state else None
        y, h_n, tape = self.model.forward(x, h_0)
        again, (kept_x, *kept_h) = fresh(self.params, self.recurrence), own((x,) if h_0 is None else (x, h_0))
        self.keep("forward", (y, h_n), again.forward(kept_x, *kept_h)[:2])
        self.keep("call", self.model(x, h_0), (y, h_n))
        self.passes.append((tape, again, kept_x, kept_h, y.shape, h_n.shape))
        for z in (x,) if h_0 is None else (x, h_0):
            z[:] = 7  # it is its owner's

    @precondition(lambda self: self.passes)
    @rule(place=st.integers(0, 99), last=st.booleans(), sums=st.booleans())
    def go_back(self, place, last, sums):
        """Through any pass, the parameters and options of which may be gone."""
        tape, again, x, h_0, of_y, of_h = self.passes[place % len(self.passes)]
        dy, dh_n = self.numbers(*of_y), self.numbers(*of_h) if last else None
        kept = own(dy), own(dh_n) if last else (None,)
        name = "backward" if sums else "state_gradients"
        found = getattr(self.model, name)(tape, dy, dh_n)
        expected = getattr(again, name)(again.forward(x, *h_0)[2], *kept[0], *kept[1])
        if sums:
            found, expected = ((*grads, dx, dh_0) for grads, dx, dh_0 in (found, expected))
        self.keep(name, found, expected)
        dy[:] = 7

    @rule()
    def update(self):
        self.params = self.params.map(lambda p: self.numbers(*p.shape))
        self.model.params = Parameters(*own(self.params))

    @rule(recurrence=recurrences)
    def replace(self, recurrence):
        self.model.recurrence = self.recurrence = recurrence

    @rule(way=st.sampled_from([copy.copy, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))]))
    def copy(self, way):
        left, self.model = self.model, way(self.model)
        left.params = left.params.map(np.zeros_like)
        left.recurrence = Recurrence("relu", reset_every=77)

    @rule()
    def write_into_what_was_given_out(self):
        for name, z, kept in self.given_out:
            if z.flags.writeable:
                assert not any(
                    np.shares_memory(z, other) for _, other, _ in self.given_out if other is not z
                ), name
                z[:] = kept[:] = 7

    @rule(kind=st.sampled_from(["x", "h_0", "params", "twin", "dtype", "recurrence", "tape"]))
    def misuse(self, kind):
        """It is refused, and nothing has changed."""

        def params(*sizes, dtype=self.params.dtype):
            return en.init_parameters(*sizes, rng=0).astype(dtype)

        inputs, hidden, _ = sizes = self.params.sizes
        wrong = {
            "x": lambda: self.model(self.numbers(3, 2, 9)),
            "h_0": lambda: self.model(self.numbers(3, 2, inputs), self.numbers(3, hidden)),
            "params": lambda: setattr(self.model, "params", [*self.params]),
            "twin": lambda: setattr(self.model, "params", params(*TWINS[sizes])),
            "dtype": lambda: setattr(self.model, "params", params(*sizes, dtype=complex)),
            "recurrence": lambda: setattr(self.model, "recurrence", "relu"),
            "tape": lambda: self.model.backward(self.params, self.numbers(3, 1, 1)),
        }
        with pytest.raises((TypeError, ValueError)):
            wrong[kind]()

    @invariant()
    def nothing_else_has_changed(self):
        assert np.array_equal(self.model.params.flat, self.params.flat)
        assert repr(self.model) == repr(fresh(self.params, self.recurrence))
        for name, z, kept in self.given_out:
            assert np.array_equal(z, kept), f"what {name} gave back has changed since"


def test_each_answer_is_that_of_a_new_network_and_stays_so():
    run_state_machine_as_test(NetworkMachine, settings=settings(stateful_step_count=12))
