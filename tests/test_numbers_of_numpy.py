"""A number of NumPy's means what Python's means, even where its own dtype could not hold the sums."""

import numpy as np
import pytest
import torch

import elman_np as en
import elman_torch as et
from tests.support.observed import same
from tests.support.prices import CLOSES

P = en.init_parameters(1, 2, 1, rng=0)
SINGLE = P.astype(np.float32)
X = CLOSES[:300, None, None] / 50
ZERO = np.zeros((1, 2))


def passes(**options):
    y, h_n, tape = en.forward(P, X, ZERO, **options)
    return [y, h_n, *(plain for plain in en.backward(tape, y)[0]), *en.backward(tape, y)[1:]]


def torch_pass(**options):
    model = et.ElmanRNN.from_numpy(en.ElmanRNN.from_params(P, **options))
    x = torch.as_tensor(X, dtype=torch.float64)
    y, h_n = model(x)
    y.sum().backward()
    return [y.detach().numpy(), h_n.detach().numpy(), *(p.grad.numpy() for p in model.parameters())]


def trained(backend, **options):
    model = en.ElmanRNN(1, 2, 1, rng=0)
    x, target = en.windows(CLOSES[:250] / 50, 4)
    if backend is et:
        model = et.ElmanRNN.from_numpy(model)
        x, target = map(torch.as_tensor, (x, target))
        optimiser = torch.optim.Adam(model.parameters())
    else:
        optimiser = en.Adam()
    history = backend.train(model, x, target, optimiser=optimiser, rng=0, **{"epochs": 1, **options})
    return [[*vars(epoch).values()] for epoch in history]


def adam_state(step):
    optimiser = en.Adam()
    optimiser.state = en.AdamState(step, SINGLE, SINGLE.map(np.abs), SINGLE.map(np.abs))
    return [*optimiser.step(SINGLE, SINGLE), *optimiser.state.m, optimiser.state.step]


def forecast(**options):
    scaler = en.Scaler.fit(CLOSES)
    return en.forecast(en.ElmanRNN.from_params(P), scaler, CLOSES[:130], **options)


COUNTS = {
    "forward, reset_every": (lambda n: passes(reset_every=n), 7),
    "forward, chunk": (lambda n: passes(chunk=n), 7),
    "elman_torch, reset_every": (lambda n: torch_pass(reset_every=n), 7),
    "elman_torch, chunk": (lambda n: torch_pass(chunk=n), 7),
    "train, batch_size": (lambda n: trained(en, batch_size=n), 100),
    "elman_torch.train, batch_size": (lambda n: trained(et, batch_size=n), 100),
    "train, epochs": (lambda n: trained(en, epochs=n), 2),
    "windows, length": (lambda n: en.windows(CLOSES, n, horizon=100), 100),
    "windows, horizon": (lambda n: en.windows(CLOSES, 100, horizon=n), 100),
    "forecast, horizon": (lambda n: forecast(horizon=n), 100),
    "forecast, steps": (lambda n: forecast(steps=n), 120),
    "init_parameters, hidden_size": (lambda n: [*en.init_parameters(1, n, 1, rng=0)], 100),
    "init_parameters, rng": (lambda n: [*en.init_parameters(1, 2, 1, rng=n)], 100),
    "adam_step, step": (
        lambda n: en.adam_step(*[np.abs(SINGLE.flat)] * 5, n, en.AdamOptions(amsgrad=True)),
        127,
    ),
    "AdamState, step": (adam_state, 127),
}


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int64])
@pytest.mark.parametrize(("answer", "count"), COUNTS.values(), ids=COUNTS)
def test_a_count(answer, count, kind):
    assert same(answer(kind(count)), answer(count))


NUMBERS = {
    "clip_grad_norm, max_norm": lambda z: [*en.clip_grad_norm(P, z)[0], en.clip_grad_norm(P, z)[1]],
    "train, clip_norm": lambda z: trained(en, clip_norm=z, batch_size=10),
    "elman_torch.train, clip_norm": lambda z: trained(et, clip_norm=z, batch_size=10),
    "split, train": lambda z: en.split(CLOSES, z, 0.125),
    "split, validation": lambda z: en.split(CLOSES, 0.125, z),
}


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("answer", NUMBERS.values(), ids=NUMBERS)
def test_a_number(answer, kind):
    assert same(answer(kind(0.3)), answer(float(kind(0.3))))


@pytest.mark.parametrize("name", ["reset_every", "chunk"])
@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.int16, np.int64])
def test_a_truncation_is_a_number_of_pythons_and_counts_as_far_as_one(name, kind):
    """200 times two is no uint8."""
    steps = 100 if kind is np.int8 else 200
    model = en.ElmanRNN(1, 2, 1, rng=0, **{name: kind(steps)})
    assert type(getattr(model.recurrence, name)) is int
    x = np.sin(np.arange(3.0 * steps))[:, None]
    y, _, tape = model.forward(x)
    plain = en.ElmanRNN(1, 2, 1, rng=0, **{name: steps})
    expected, _, own = plain.forward(x)
    np.testing.assert_array_equal(y, expected)
    for a, b in zip(model.backward(tape, y)[0], plain.backward(own, y)[0], strict=True):
        np.testing.assert_array_equal(a, b)
