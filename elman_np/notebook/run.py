"""The notebook's network, its loss, its training, and what it prints."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple
from typing import Annotated as Float

import numpy as np

import elman_np as en
from elman_np.arrays import Array, Rng, check_rng
from elman_np.bptt import parameter_gradients
from elman_np.later import Later
from elman_np.parameters import Parameters
from elman_np.training import batches

if TYPE_CHECKING:
    import polars as pl
else:
    pl = Later("polars")

SEQUENCE_LENGTH = 5
RESET_EVERY = SEQUENCE_LENGTH + 1  # what the notebook's counter makes of it
BATCH_SIZE = 50
EPOCHS = 1_000
LR = 0.01

PRINTED = Parameters(
    np.array([[0.1638]]), np.array([[-1.3795]]), np.array([1.4434]), np.array([[1.0487]]), np.array([38.8893])
)
"""The parameters that the notebook prints in its last cell."""
# fmt: off
PRINTED_ODD = np.array([
    47.8041, 47.7760, 47.9396, 48.0900, 48.1495, 48.0140, 48.0983, 48.1825, 48.2701, 48.1892,
    48.3875, 48.4189, 48.4751, 48.3164, 48.4238, 48.4503, 48.3164, 48.1462, 48.1082, 48.1049,
    48.1330, 48.2602, 48.1561, 47.9049, 48.0156,
])
# fmt: on
PRINTED_PREDICTIONS = np.stack([PRINTED_ODD, np.full_like(PRINTED_ODD, 38.8893)], axis=1).ravel()
"""The 50 predictions that it prints, of days 1 to 50."""
PRINT_ERROR = 0.00005
"""Half a unit of the fourth digit after the point."""


def closes(frame: pl.DataFrame | None = None) -> tuple[Float[Array, "T"], Float[Array, "T"]]:
    """Return each day's close but the last, and the close of the day after."""
    close = (en.load_splg() if frame is None else frame)["Close"].to_numpy()
    return close[:-1].copy(), close[1:].copy()


def broadcast_loss(
    y: Float[Array, "T 1"], target: Float[Array, "T"]
) -> tuple[np.floating[Any], Float[Array, "T 1"]]:
    """Mean of all T x T squared differences, as `MSELoss` takes it of (T, 1) and (T,), and its gradient.

    It is the squared error to the *mean* of the targets, plus their variance, on which nothing depends.

    Parameters
    ----------
    y : array (T, 1)
        Outputs.
    target : array (T,)

    Returns
    -------
    loss : scalar
    dy : array (T, 1)
    """
    mean = target.mean()
    residual, spread = y - mean, target - mean
    return (residual[:, 0] ** 2 + spread**2).mean(), residual * (2 / len(y))


class Update(NamedTuple):
    """One of the 5,000 updates, for whoever listens."""

    number: int
    epoch: int
    batch: int
    days: int
    loss: float
    """Of this batch, with the parameters before the update."""


def network(params: Parameters) -> en.ElmanRNN:
    """Make the notebook's network: relu, and a state that is cleared after every six days."""
    return en.ElmanRNN.from_params(params, activation="relu", reset_every=RESET_EVERY)


def train(
    params: Parameters,
    x: Float[Array, "T"],
    target: Float[Array, "T"],
    *,
    epochs: int = EPOCHS,
    lr: float = LR,
    callback: Callable[[Update], object] | None = None,
    rng: Rng = None,
) -> Parameters:
    """Train as the notebook does: batches of 50 days in random order, the broadcast loss, Adam.

    Parameters
    ----------
    params : Parameters
        First values; their dtype is computed in.
    x, target : arrays (T,)
        Closes, and each day's next close.
    epochs : int
    lr : float
    callback : callable, optional
        Called with every `Update`.
    rng : None, int or numpy.random.Generator
        Seed or generator of the order of the days.

    Returns
    -------
    params : Parameters
        After the last update.
    """
    x, target = x.astype(params.dtype), target.astype(params.dtype)
    model, optimiser = network(params), en.Adam(lr=lr)
    generator, number = check_rng(rng), 0
    for epoch in range(1, epochs + 1):
        for batch, days in enumerate(batches(len(x), BATCH_SIZE, shuffle=True, rng=generator)):
            y, _, tape = model.forward(x[days, None])
            loss, dy = broadcast_loss(y, target[days])
            grads = parameter_gradients(tape.bptt, dy[:, None])
            model.params = optimiser.step(model.params, grads)
            number += 1
            if callback is not None:
                callback(Update(number, epoch, batch, len(days), float(loss)))
    return model.params


def predict(params: Parameters, x: Float[Array, "T"]) -> tuple[Float[Array, "T 1"], Float[Array, "1"]]:
    """Run the network over all days in their order; return predictions and the last state."""
    return network(params)(x.astype(params.dtype)[:, None])
