"""From windows to a trained network: mini-batches, epochs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from elman_np.adam import Adam, clip_grad_norm
from elman_np.arrays import Array, Rng, check_count, check_dtype
from elman_np.bptt import parameter_gradients
from elman_np.data.conversion import check_series
from elman_np.losses import mse_loss
from elman_np.model import ElmanRNN, Network

if TYPE_CHECKING:
    import polars as pl
    from jaxtyping import Float, Int


@dataclass(frozen=True)
class Epoch:
    """What one epoch of training came to."""

    epoch: int
    """From 1."""
    loss: float
    """Mean loss over its windows, each batch with the parameters that it met."""
    grad_norm: float
    """Largest norm of a batch's gradient, before clipping."""
    validation_loss: float | None
    """Loss on the validation windows after the epoch, if there are any."""


class History(list[Epoch]):
    """The epochs of a training, in order."""

    @property
    def frame(self) -> pl.DataFrame:
        """One row an epoch."""
        import polars as pl

        return pl.DataFrame([vars(epoch) for epoch in self], infer_schema_length=None)


class TrainingDiverged(ArithmeticError):
    """The loss is no longer finite. `history` has the epochs before."""

    def __init__(self, epoch: int, loss: float, history: History) -> None:
        super().__init__(
            f"epoch {epoch}: the loss is {loss}; try a smaller learning rate, clip_norm, or scaled inputs"
        )
        self.history = history


def batches(
    count: int, batch_size: int | None, *, shuffle: bool, rng: np.random.Generator
) -> Iterator[Int[Array, "B"]]:
    """Draw the indices of one epoch's mini-batches of windows; the last may be smaller.

    Both backends draw their batches here, so that one seed gives one order.
    """
    order = rng.permutation(count) if shuffle else np.arange(count)
    size = batch_size or count
    return (order[start : start + size] for start in range(0, count, size))


def train(
    model: ElmanRNN,
    x: Float[Array, "T N I"],
    target: Float[Array, "T N O"],
    *,
    optimiser: Adam,
    epochs: int,
    batch_size: int | None = None,
    shuffle: bool = True,
    clip_norm: float | None = None,
    validation: tuple[Float[Array, "T M I"], Float[Array, "T M O"]] | None = None,
    callback: Callable[[Epoch], object] | None = None,
    rng: Rng = None,
) -> History:
    """Train a network in place on windows, by the mean squared error.

    Parameters
    ----------
    model : ElmanRNN
        Its `params` are replaced after every batch.
    x, target : arrays (T, N, I), (T, N, O)
        N windows, as `windows` makes them.
    optimiser : Adam
    epochs : int
    batch_size : int, optional
        Windows in a batch; all of them if left out.
    shuffle : bool
        Draw the windows (never the days inside one) in a new order every epoch.
    clip_norm : float, optional
        Clip every batch's gradient to this global norm (7.10).
    validation : pair of arrays, optional
        Windows and targets whose loss is taken after every epoch.
    callback : callable, optional
        Called with every `Epoch`.
    rng : None, int or numpy.random.Generator
        Seed or generator of the order of the windows.

    Returns
    -------
    History

    Raises
    ------
    ValueError
        If shapes differ, there are no windows, or there is a value that is not finite.
    TypeError
        If a dtype is not the network's.
    TrainingDiverged
        When the loss is no longer finite. The network keeps the parameters that gave that loss.
    """
    check_training_data(model, x, target, epochs, batch_size, clip_norm, validation)
    for name, value in {"x": x, "target": target}.items():
        check_dtype(name, value, model.dtype)
    generator = np.random.default_rng(rng)
    history = History()
    for epoch in range(1, epochs + 1):
        total, norm = 0.0, 0.0
        for batch in batches(x.shape[1], batch_size, shuffle=shuffle, rng=generator):
            y, _, tape = model.forward(x[:, batch])
            loss, dy = mse_loss(y, target[:, batch])
            if not np.isfinite(loss):
                raise TrainingDiverged(epoch, float(loss), history)
            grads = parameter_gradients(tape.bptt, dy)
            clipped, batch_norm = clip_grad_norm(grads, clip_norm or np.inf)
            model.params = optimiser.step(model.params, clipped)
            total += float(loss) * len(batch)
            norm = max(norm, batch_norm)
        validation_loss = None
        if validation is not None:
            validation_loss = float(mse_loss(model(validation[0])[0], validation[1])[0])
        history.append(Epoch(epoch, total / x.shape[1], norm, validation_loss))
        if callback is not None:
            callback(history[-1])
    return history


def check_training_data(
    model: Network,
    x: Array,
    target: Array,
    epochs: int,
    batch_size: int | None,
    clip_norm: float | None,
    validation: tuple[Array, Array] | None = None,
) -> None:
    """Raise unless the arguments of a training fit, before anything changes; shared by both backends."""
    check_count("epochs", epochs)
    if batch_size is not None:
        check_count("batch_size", batch_size)
    if clip_norm is not None and not clip_norm > 0:
        raise ValueError(f"clip_norm: expected a number above 0, got {clip_norm}")
    _check_windows(model, "x", x, "target", target)
    if validation is not None:
        _check_windows(model, "validation[0]", validation[0], "validation[1]", validation[1])


def _check_windows(model: Network, x_name: str, x: Array, target_name: str, target: Array) -> None:
    for name, value, size in ((x_name, x, model.input_size), (target_name, target, model.output_size)):
        if value.ndim != 3 or value.shape[2] != size:
            raise ValueError(f"{name}: expected windows of shape (T, N, {size}), got {value.shape}")
        check_series(name, value)
    if x.shape[:2] != target.shape[:2]:
        raise ValueError(
            f"{target_name}: expected {x.shape[0]} steps of {x.shape[1]} windows as {x_name}, "
            f"got {target.shape[0]} of {target.shape[1]}"
        )
