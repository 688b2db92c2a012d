"""Adam beside PyTorch's three forms of it, whatever is done in what order; and what holds of Adam alone."""

import copy
import dataclasses
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from torch import nn

import elman_np as en
from elman_np.adam import adam_step
from elman_np.checking.balls import Unit, in_bounds
from elman_np.checking.bounds import AdamBall, adam_ball
from elman_torch.training import torch_adam
from tests.support.same import assert_same
from tests.support.strategies import dtypes, parameters, seeds
from tests.support.undecided import undecided

STEP = ("7.1", "7.2", "7.3", "7.4", "7.5")
FLAGS = ("7.6", "7.7", "7.8", "7.9")
SIZES = {
    np.float32: (1e-30, 1e-18, 1e-12, 1e-6, 1e-3, 1.0, 1e6, 1e12, 1e16, 1e30),
    np.float64: (1e-300, 1e-200, 1e-150, 1e-12, 1e-6, 1e-3, 1.0, 1e6, 1e20, 1e100, 1e150, 1e200, 1e300),
}
"""Of the gradients. The squares of the first are 0, and of the last infinite."""

sizes = st.integers(-1, 12) | st.just("all of these")
"""0, or a place in SIZES."""
options = st.builds(
    en.AdamOptions,
    lr=st.sampled_from([1e-3, 1e-1, 1.0, 0.0, 3.0, 1e-12]),
    betas=st.sampled_from([(0.9, 0.999), (0.5, 0.9), (0.0, 0.999), (0.0, 0.1), (0.99, 0.5)]),
    eps=st.sampled_from([1e-8, 1e-3, 10.0]),
    weight_decay=st.sampled_from([0.0, 0.1, 0.75, 2.5]),
    decoupled=st.booleans(),
    amsgrad=st.booleans(),
    maximize=st.booleans(),
)


class AdamMachine(RuleBasedStateMachine):
    """The same parameters in both backends, and a running ball for each array."""

    saved = None

    @initialize(
        options=options, form=st.sampled_from(["single", "foreach", "fused"]), dtype=dtypes, seed=seeds
    )
    def start(self, options, form, dtype, seed):
        self.rng = np.random.default_rng(seed)
        self.form, self.dtype, self.steps = form, dtype, 0
        self.params = en.init_parameters(2, 3, 1, dtype=dtype, rng=self.rng)
        self.optimiser = en.Adam(options)
        self.tensors = [nn.Parameter(torch.tensor(p)) for p in self.params]
        self.reference = self.new_reference()
        self.balls = {name: AdamBall.start(p) for name, p in self.params.items()}

    def new_reference(self):
        return torch_adam(self.tensors, self.optimiser.options, form=self.form)

    def gradients(self, size):
        """Normal numbers of about this size, some of them 0."""
        known = (0.0, *SIZES[self.dtype.type])
        one = known[(0 if size == "all of these" else size + 1) % len(known)]
        choice = known if size == "all of these" else [0.0, one, one, one]

        def draw(p):
            scale = self.rng.choice(choice, p.shape)
            return (self.rng.standard_normal(p.shape) * scale).astype(self.dtype)

        return self.params.map(draw)

    def decide(self, grads):
        """Programs multiply g, g and 1 - beta_2 in any order: where a square overflows, the rest may not."""
        options, most = self.optimiser.options, Unit.of(self.dtype).long.type(np.finfo(self.dtype).max)
        coupled = 0.0 if options.decoupled else options.weight_decay
        for p, g in zip(self.params, grads, strict=True):
            with np.errstate(all="ignore"):
                g = (-1.0) ** options.maximize * g.astype(most.dtype) + coupled * p
                square = g * g
                near = (square > most / 2) & (square * (1 - options.betas[1]) < 2 * most)
            if near.any():
                undecided("a square overflows, and its part does not")

    def update(self, grads):
        self.decide(grads)
        with np.errstate(over="ignore", under="ignore"):
            self.params = self.optimiser.step(self.params, grads)
        for tensor, g in zip(self.tensors, grads, strict=True):
            tensor.grad = torch.tensor(g)
        self.reference.step()
        self.steps += 1
        unit = Unit.of(self.dtype)
        for name, g in grads.items():
            self.balls[name] = adam_ball(self.balls[name], unit.exact(g), self.steps, self.optimiser.options)

    @rule(size=sizes)
    def step(self, size):
        self.update(self.gradients(size))

    @rule(size=sizes, times=st.integers(2, 6))
    def step_with_one_gradient_again_and_again(self, size, times):
        grads = self.gradients(size)
        for _ in range(times):
            self.update(grads)

    @rule()
    def step_with_the_parameters_as_gradients(self):
        self.update(self.params)

    @rule(lr=st.sampled_from([1e-4, 1e-2, 0.5, 0.0, 2.0]))
    def change_the_learning_rate(self, lr):
        self.optimiser.lr = lr
        self.reference.param_groups[0]["lr"] = lr

    @rule()
    def save(self):
        ours = (self.params, self.optimiser.options, self.optimiser.state)
        theirs = [tensor.detach().clone() for tensor in self.tensors]
        self.saved = (ours, theirs, copy.deepcopy(self.reference.state_dict()), dict(self.balls), self.steps)

    @precondition(lambda self: self.saved is not None)
    @rule()
    def restore_into_new_optimisers(self):
        ours, theirs, state, balls, self.steps = self.saved
        self.optimiser = en.Adam()
        self.params, self.optimiser.options, self.optimiser.state = ours
        self.tensors = [nn.Parameter(tensor.clone()) for tensor in theirs]
        self.reference = self.new_reference()
        self.reference.load_state_dict(copy.deepcopy(state))
        self.balls = dict(balls)

    @invariant()
    def every_array_agrees(self):
        state = self.optimiser.state
        for tensor, (name, p) in zip(self.tensors, self.params.items(), strict=True):
            ours, ball = {"p": p}, self.balls[name]
            theirs = {"p": tensor.detach()}
            if state is not None:
                of_torch = self.reference.state[tensor]
                assert state.step == self.steps == of_torch["step"]
                ours |= {"m": getattr(state.m, name), "v": getattr(state.v, name)}
                theirs |= {"m": of_torch["exp_avg"], "v": of_torch["exp_avg_sq"]}
                if self.optimiser.options.amsgrad:
                    ours["v_max"], theirs["v_max"] = getattr(state.v_max, name), of_torch["max_exp_avg_sq"]
            for part, value in ours.items():
                assert_agree(f"{part} of {name}", value, theirs[part].numpy(), getattr(ball, part))


def assert_agree(what, ours, theirs, ball):
    assert ours.dtype == theirs.dtype
    a, b = (z.astype(ball.unit.long) for z in (ours, theirs))
    assert np.all(in_bounds(a, b, 2 * ball.rad) <= 1), what


@pytest.mark.eq(*STEP, *FLAGS)
def test_adam_agrees_with_pytorch_whatever_is_done():
    run_state_machine_as_test(AdamMachine, settings=settings(stateful_step_count=12))


# ---------------------------------------------------------------- of Adam alone


def trajectory(params, grads, optimiser):
    """Parameters after each update."""
    found = []
    for g in grads:
        params = optimiser.step(params, g)
        found.append(params)
    return found


def random_gradients(params, seed, count=6, scale=1.0):
    rng = np.random.default_rng(seed)
    return [
        params.map(lambda p: (rng.standard_normal(p.shape) * scale).astype(p.dtype)) for _ in range(count)
    ]


def adam(options, **changes):
    return en.Adam(options, **changes)


def assert_same_bits(ours, theirs):
    for update, (a, b) in enumerate(zip(ours, theirs, strict=True), 1):
        assert_same(*({f"{name} of result {update}": p for name, p in params.items()} for params in (a, b)))


@pytest.mark.eq("7.1", "7.2", "7.4", "7.5", "7.9")
@given(parameters(), options, seeds, st.integers(-30, 30))
def test_without_eps_and_decay_the_size_of_the_gradients_does_not_matter_in_any_bit(
    params, options, seed, power
):
    grads = random_gradients(params, seed)
    scale = params.dtype.type(2.0**power)
    scaled = [g.map(lambda z: z * scale) for g in grads]
    ours, theirs = (adam(options, eps=0.0, weight_decay=0.0) for _ in range(2))
    assert_same_bits(trajectory(params, grads, ours), trajectory(params, scaled, theirs))
    assert_same_bits([ours.state.m.map(lambda m: m * scale)], [theirs.state.m])
    assert_same_bits([ours.state.v.map(lambda v: v * scale * scale)], [theirs.state.v])


@pytest.mark.eq("7.8")
@given(parameters(), options, seeds)
def test_going_up_is_going_down_the_negative_in_every_bit(params, options, seed):
    """With any decay too: it pulls to 0 whichever way the gradient is followed."""
    grads = random_gradients(params, seed)
    negative = [g.map(np.negative) for g in grads]
    up, down = adam(options, maximize=True), adam(options, maximize=False)
    assert_same_bits(trajectory(params, grads, up), trajectory(params, negative, down))


@pytest.mark.eq("7.1", "7.5")
@given(parameters(), options)
def test_without_gradients_and_decay_nothing_moves(params, options):
    zeros = [params.map(np.zeros_like)] * 3
    assert_same_bits(trajectory(params, zeros, adam(options, weight_decay=0.0)), [params] * 3)


@pytest.mark.eq("7.7")
@given(parameters(), options)
def test_decoupled_decay_alone_shrinks_by_a_fixed_part(params, options):
    zeros = [params.map(np.zeros_like)] * 3
    (first, *_) = trajectory(params, zeros, adam(options, weight_decay=0.1, decoupled=True))
    assert_same_bits([first], [params.map(lambda p: p * p.dtype.type(1 - options.lr * 0.1))])


@pytest.mark.eq("7.6", "7.7")
@given(parameters(), options, seeds)
def test_coupled_or_not_is_the_same_without_decay(params, options, seed):
    grads = random_gradients(params, seed)
    both = (adam(options, weight_decay=0.0, decoupled=decoupled) for decoupled in (False, True))
    assert_same_bits(*(trajectory(params, grads, optimiser) for optimiser in both))


@pytest.mark.eq(*STEP)
@given(parameters(), options, seeds, st.sampled_from([1e-6, 1.0]))
def test_with_one_gradient_again_and_again_every_step_is_the_first(params, options, seed, scale):
    """That is what the bias corrections (7.3) and (7.4) are for: m_hat = g and root_v_hat = |g|, always."""
    (g,) = random_gradients(params, seed, count=1, scale=scale)
    options = dataclasses.replace(options, weight_decay=0.0, maximize=False)
    (*_, last) = trajectory(params, [g] * 5, adam(options))
    unit = Unit.of(params.dtype)
    for p, gradient, end in zip(params, g, last, strict=True):
        ball = AdamBall.start(p)
        for step in range(1, 6):
            ball = adam_ball(ball, unit.exact(gradient), step, options)
        long, lr = gradient.astype(unit.long), unit.long.type(options.lr)
        expected = p - 5 * lr * long / (np.abs(long) + unit.long.type(options.eps))
        assert np.all(np.abs(end - expected) <= 1.001 * ball.p.rad)


@pytest.mark.eq("7.9")
@given(parameters(), options, seeds)
def test_amsgrad_remembers_the_largest_v(params, options, seed):
    optimiser, largest = adam(options, amsgrad=True), params.map(np.zeros_like)
    for k, g in enumerate(random_gradients(params, seed)):
        params = optimiser.step(params, g.map(lambda z, k=k: z * z.dtype.type(10.0**-k)))
        largest = largest.map(np.maximum, optimiser.state.v)
        assert_same_bits([largest], [optimiser.state.v_max])


@given(parameters(), options, seeds)
def test_every_entry_goes_its_own_way(params, options, seed):
    """Nothing is normalised over an array: what an entry does does not depend on its neighbours."""
    grads = random_gradients(params, seed)
    backwards = [g.map(lambda z: np.flip(z)) for g in grads]
    there = trajectory(params, grads, adam(options))
    back = trajectory(params.map(np.flip), backwards, adam(options))
    assert_same_bits(there, [p.map(np.flip) for p in back])


def longest_step(betas, steps):
    """The most that an update can be, in units of lr, by Cauchy and Schwarz.

    m is a sum of b1^(t-i) (1 - b1) g_i and v one of b2^(t-i) (1 - b2) g_i^2, so that m^2 is at most v times
    the sum of (b1^2 / b2)^(t-i) (1 - b1)^2 / (1 - b2).
    """
    b1, b2 = betas
    total = sum((b1 * b1 / b2) ** k for k in range(steps)) * (1 - b1) ** 2 / (1 - b2)
    return math.sqrt(total * (1 - b2**steps)) / (1 - b1**steps)


@pytest.mark.eq(*STEP)
@given(
    st.sampled_from([(0.9, 0.999), (0.5, 0.9), (0.1, 0.999), (0.8, 0.7)]),
    st.integers(1, 60),
    seeds,
    st.sampled_from(["random", "worst"]),
)
def test_no_step_is_longer_than_cauchy_and_schwarz_allow_and_one_is_as_long(betas, steps, seed, kind):
    """The sums have three roundings a step each, all of one sign; there are ten more at the end."""
    rng, options = np.random.default_rng(seed), en.AdamOptions(lr=1.0, betas=betas, eps=0.0)
    powers = np.arange(steps - 1, -1, -1)
    signal = (betas[0] / betas[1]) ** powers if kind == "worst" else rng.standard_normal(steps)
    zero = m = v = v_max = np.zeros(1)
    for step, g in enumerate(signal, 1):
        p, m, v, v_max = adam_step(zero, np.array([g]), m, v, v_max, step, options)
    longest, slack = longest_step(betas, steps), (6 * steps + 20) * np.finfo(np.float64).eps
    assert abs(p[0]) <= longest * (1 + slack)
    if kind == "worst":
        assert abs(p[0]) >= longest * (1 - slack)


@pytest.mark.eq("7.5")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("form", ["single", "foreach", "fused"])
def test_without_eps_a_gradient_that_was_never_there_gives_nan_as_in_pytorch(form, dtype):
    """0 / 0, at that entry alone; and a NaN in a gradient stays in its entry, too."""
    p, g = np.ones(4, dtype), np.array([0, 1, np.nan, -2], dtype)
    options = en.AdamOptions(eps=0.0)
    zero = np.zeros_like(p)
    with np.errstate(invalid="ignore"):
        new, *_ = adam_step(p, g, zero, zero, zero, 1, options)
    tensor = nn.Parameter(torch.tensor(p))
    tensor.grad = torch.tensor(g)
    torch_adam([tensor], en.AdamOptions(eps=0.0), form=form).step()
    np.testing.assert_array_equal(np.isnan(new), [True, False, True, False])
    np.testing.assert_array_equal(np.isnan(tensor.detach().numpy()), np.isnan(new))
