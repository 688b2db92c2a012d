"""A user's program with types, for `mypy --strict` and `pyright`: it holds no error but the planted ones.

Each planted error is one that a type checker must notice: where it no longer does, the comment that ignores
it is an error itself. `.ci/run` checks this file in a virtual environment that has elman and PyTorch alone.
"""

from typing import TYPE_CHECKING, Any, assert_type

import numpy as np
import polars as pl
import torch

import elman_np as en
import elman_torch as et

Array = np.ndarray[Any, np.dtype[Any]]

prices = en.load_splg("2023-01-01", "2023-07-01")
close = prices["Close"].to_numpy()
train, validation, test = en.split(close, 0.7, 0.15)
scaler = en.Scaler.fit(train)
x, target = en.windows(scaler.transform(train), length=20)
assert_type(prices, pl.DataFrame)
assert_type(train, Array)
assert_type(x, Array)

model = en.ElmanRNN(input_size=1, hidden_size=8, output_size=1, activation="tanh", rng=0)
y, h_n, tape = model.forward(x)
loss, dy = en.mse_loss(y, target)
grads, dx, dh_0 = model.backward(tape, dy)
optimiser = en.Adam(lr=0.01)
model.params = optimiser.step(model.params, grads)
assert_type(y, Array)
assert_type(dh_0, Array)
assert_type(grads, en.Parameters)
assert_type(grads.w_h, Array)
assert_type(optimiser.lr, float)

history = en.train(model, x, target, optimiser=optimiser, epochs=2, batch_size=32, rng=0)
assert_type(history, en.History)
assert_type(history[-1].validation_loss, float | None)
assert_type(history.frame, pl.DataFrame)
forecast = en.forecast(model, scaler, close)
assert_type(forecast, Array)

reference = et.ElmanRNN.from_numpy(model)
y_torch, h_torch = reference(torch.as_tensor(x))
assert_type(y_torch, torch.Tensor)
assert_type(h_torch, torch.Tensor)
assert_type(reference.w_h, torch.nn.Parameter)
comparison = et.compare(model, x, target)
assert_type(comparison.agreed, bool)
assert_type(comparison.frame, pl.DataFrame)

if TYPE_CHECKING:
    en.ElmanRNN(activation="gelu")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    en.ElmanRNN(hidden_size="8")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    model.forward(torch.as_tensor(x))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    model.forward("x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    model.backward(x, dy)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    model.params = grads.w_h  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
    print(grads.w_z)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownArgumentType, reportUnknownMemberType]
    reference(x)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    et.compare(reference, x)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    optimiser.step(model.params, [grads])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
