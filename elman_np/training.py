"""From windows to a trained network: mini-batches, epochs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, SupportsIndex, TypeAlias, TypeVar, overload
from typing import Annotated as Float
from typing import Annotated as Int

import numpy as np

from elman_np.adam import Adam, check_state, clip_grad_norm
from elman_np.arrays import (
    Array,
    Rng,
    check_count,
    check_dtype,
    check_flag,
    check_kind,
    check_number,
    check_rng,
    spell,
)
from elman_np.bptt import parameter_gradients
from elman_np.data.conversion import check_series
from elman_np.later import Later
from elman_np.losses import mse_loss
from elman_np.model import ElmanRNN, Network
from elman_np.tables import html_table

if TYPE_CHECKING:
    import polars as pl
else:
    pl = Later("polars")

T = TypeVar("T")


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
    """The epochs of a training, in order: a list, whose slices and sums are histories too."""

    @property
    def done(self) -> int:
        """Number of the last epoch; 0 if there is none."""
        return self[-1].epoch if self else 0

    @property
    def frame(self) -> pl.DataFrame:
        """One row an epoch."""
        return pl.DataFrame([vars(epoch) for epoch in self], infer_schema_length=None)

    @overload
    def __getitem__(self, index: SupportsIndex) -> Epoch: ...
    @overload
    def __getitem__(self, index: slice) -> History: ...
    def __getitem__(self, index: SupportsIndex | slice) -> Epoch | History:
        return History(super().__getitem__(index)) if isinstance(index, slice) else super().__getitem__(index)

    def __add__(self, other: list[Epoch]) -> History:  # type: ignore[override]
        return History(super().__add__(other)) if isinstance(other, list) else NotImplemented

    def __radd__(self, other: list[Epoch]) -> History:
        return History(other) + self if isinstance(other, list) else NotImplemented

    def copy(self) -> History:
        """Return another list of the same epochs."""
        return History(self)

    def __repr__(self) -> str:
        if not self:
            return "History(no epochs)"
        first, last = self[0], self[-1]
        losses = f"loss {first.loss:.4g}" + (f" to {last.loss:.4g}" if len(self) > 1 else "")
        judged = "" if last.validation_loss is None else f", validation loss {last.validation_loss:.4g}"
        return f"History({len(self)} epoch{'s' * (len(self) > 1)}, {losses}{judged})"

    def _repr_html_(self) -> str:
        """Show the first and the last epochs as a table, for notebooks."""
        names = ("epoch", "loss", "grad_norm", "validation_loss")
        rows = [["" if value is None else f"{value:.6g}" for value in vars(epoch).values()] for epoch in self]
        shown = rows if len(rows) <= 10 else [*rows[:5], ["…"] * len(names), *rows[-4:]]
        return html_table(repr(self), names, shown)


Callback: TypeAlias = Callable[[Epoch], object]


class TrainingDiverged(ArithmeticError):
    """The loss is no longer finite. `history` has the epochs before."""

    def __init__(self, epoch: int, loss: float, history: History) -> None:
        super().__init__(epoch, loss, history)  # what a pickle gives back to this constructor
        self.epoch, self.loss, self.history = epoch, loss, history

    def __str__(self) -> str:
        return (
            f"epoch {self.epoch}: the loss is {self.loss}; "
            "try a smaller learning rate, clip_norm, or scaled inputs"
        )


def batches(
    count: int, batch_size: int | None, *, shuffle: bool, rng: np.random.Generator
) -> Iterator[Int[Array, "B"]]:
    """Draw the indices of one epoch's mini-batches of windows; the last may be smaller.

    Both backends draw their batches here, so that one seed gives one order.
    """
    order = rng.permutation(count) if shuffle else np.arange(count)
    size = int(batch_size or count)  # of NumPy's small integers a sum may overflow
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
    callback: Callback | None = None,
    history: History | None = None,
    progress: bool = False,
    rng: Rng = None,
) -> History:
    """Train a network in place on windows, by the mean squared error.

    An epoch is done whole or not at all. When one is broken off (Ctrl-C, a loss that is not finite, any
    other error), `model`, `optimiser`, `history` and `rng` are as they were before it. An epoch is whole
    when the loss after its last update is finite, too: that on the validation windows, or without any
    that on its last batch, which costs one more forward pass over that batch. So the same call
    with the same four goes on where the last whole epoch ended, to the same bits (on the CPU, with the
    same versions and threads) as if nothing had happened. This function saves nothing: `callback` may,
    by `elman_np.save`.

    Parameters
    ----------
    model : ElmanRNN
        Its `params` are replaced after every batch.
    x, target : arrays (T, N, I), (T, N, O)
        N windows, as `windows` makes them.
    optimiser : Adam
        Its `state` is replaced after every batch.
    epochs : int
        Passes over the windows, those in `history` included: what is trained is the difference.
    batch_size : int, optional
        Windows in a batch; all of them if left out.
    shuffle : bool
        Draw the windows (never the days inside one) in a new order every epoch.
    clip_norm : float, optional
        Clip every batch's gradient to this global norm (7.10).
    validation : pair of arrays, optional
        Windows and targets whose loss is taken after every epoch.
    callback : callable, optional
        Called with every `Epoch` when it is over and in `history`. If it returns True, training stops.
    history : History, optional
        Each epoch is appended to it; a new one if left out. With epochs in it, training goes on after
        the last of them.
    progress : bool
        Show a bar, on stderr. Jupyter needs ipywidgets for it.
    rng : None, int or numpy.random.Generator
        Seed or generator of the order of the windows. To go on, the generator that drew the epochs before.

    Returns
    -------
    History
        The one that was given, if one was.

    Raises
    ------
    ValueError
        If shapes differ, there are no windows, there is a value that is not finite, or `history` has more
        epochs than `epochs`.
    TypeError
        If a dtype is not the network's, `optimiser` is not an `Adam`, or `rng` is a seed although there
        are epochs in `history`.
    TrainingDiverged
        When the loss of a batch, or the one after an epoch, is no longer finite.
    """
    check_kind("model", model, ElmanRNN)
    check_kind("optimiser", optimiser, Adam)
    given = name_windows(x, target, validation)
    for name, value in given.items():
        check_kind(name, value, np.ndarray)
        check_dtype(name, value, model.dtype)
    check_flag("shuffle", shuffle)
    check_flag("progress", progress)
    check_training(model, given, epochs, batch_size, clip_norm, callback, history)
    check_state("optimiser.state", optimiser.state, model.params)
    history = History() if history is None else history
    generator = check_generator(rng, history)

    def run_epoch() -> Epoch:
        order = list(batches(x.shape[1], batch_size, shuffle=shuffle, rng=generator))
        loss, norm = _update(model, x, target, optimiser, order, clip_norm, history)
        inputs, expected = validation or (x[:, order[-1]], target[:, order[-1]])
        after = check_finite(float(mse_loss(model(inputs)[0], expected)[0]), history)
        return Epoch(history.done + 1, loss, norm, after if validation else None)

    def remember() -> Callable[[], None]:
        params, state = model.params, optimiser.state

        def put_back() -> None:
            model.params, optimiser.state = params, state

        return put_back

    return run_epochs(run_epoch, remember, epochs, history, generator, callback, progress)


def _update(
    model: ElmanRNN,
    x: Array,
    target: Array,
    optimiser: Adam,
    order: list[Array],
    clip_norm: float | None,
    history: History,
) -> tuple[float, float]:
    """Update by each batch of an epoch; return the mean loss over its windows, and the largest norm."""
    total, norm = 0.0, 0.0
    for batch in order:
        y, _, tape = model.forward(x[:, batch])
        loss, dy = mse_loss(y, target[:, batch])
        check_finite(float(loss), history)
        grads = parameter_gradients(tape.bptt, dy)
        clipped, batch_norm = clip_grad_norm(grads, clip_norm or np.inf)
        # A norm that overflows is infinite, and scaling by it would leave NaN, where nobody asked to scale.
        model.params = optimiser.step(model.params, grads if clip_norm is None else clipped)
        total += float(loss) * len(batch)
        norm = max(norm, batch_norm)
    return total / x.shape[1], norm


def check_finite(loss: float, history: History) -> float:
    """Return a loss of the epoch after those in `history`; TrainingDiverged unless it is finite."""
    if not math.isfinite(loss):
        raise TrainingDiverged(history.done + 1, loss, history)
    return loss


def run_epochs(
    run_epoch: Callable[[], Epoch],
    remember: Callable[[], Callable[[], None]],
    epochs: int,
    history: History,
    rng: np.random.Generator,
    callback: Callback | None,
    progress: bool,
) -> History:
    """Run the epochs that are not yet in `history`, of either backend.

    `remember` looks at model and optimiser, and returns what puts them back: an epoch that is broken off,
    at whatever line, has not been.
    """
    with _bar(history.done, epochs) if progress else nullcontext() as show:
        while history.done < epochs:
            put_back, drawn, length = remember(), rng.bit_generator.state, len(history)
            try:
                history.append(run_epoch())
            except BaseException:  # Ctrl-C too
                del history[length:]
                rng.bit_generator.state = drawn
                put_back()
                raise
            if show is not None:
                show(history.done, history[-1].loss)
            if callback is not None and _says_stop(callback(history[-1])):
                break
    return history


def _bar(done: int, epochs: int) -> AbstractContextManager[Callable[[int, float], None]]:
    from elman_np.progress import show_progress  # Rich takes longer to import than all of this package

    return show_progress(done, epochs)


def _says_stop(answer: object) -> bool:
    """Whether it is True, Python's or NumPy's, and nothing that merely counts as true."""
    return isinstance(answer, bool | np.bool_) and bool(answer)


def name_windows(x: T, target: T, validation: tuple[T, T] | None) -> dict[str, T]:
    """Name the arrays or tensors that a training is given, as messages call them."""
    if validation is None:
        return {"x": x, "target": target}
    if not isinstance(validation, tuple | list):
        raise TypeError(f"validation: expected a pair, windows and targets, got {spell(type(validation))}")
    if len(validation) != 2:
        raise ValueError(f"validation: expected a pair, windows and targets, got {len(validation)} values")
    return {"x": x, "target": target, "validation[0]": validation[0], "validation[1]": validation[1]}


def check_training(
    model: Network,
    given: Mapping[str, Array],
    epochs: int,
    batch_size: int | None,
    clip_norm: float | None,
    callback: Callback | None,
    history: History | None,
) -> None:
    """Raise unless the arguments of a training fit, before anything changes; shared by both backends."""
    check_count("epochs", epochs)
    if batch_size is not None:
        check_count("batch_size", batch_size)
    if clip_norm is not None:
        check_number("clip_norm", clip_norm, "a number above 0", lambda z: z > 0)
    if callback is not None and not callable(callback):
        raise TypeError(f"callback: expected a function of an Epoch, got {callback!r}")
    if history is not None:
        check_kind("history", history, History)
        if history.done > epochs:
            raise ValueError(
                f"epochs: expected {history.done} or more, as history has so many already, got {epochs}"
            )
    names = list(given)
    for x, target in zip(names[::2], names[1::2], strict=True):
        _check_windows(model, x, given[x], target, given[target])


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


def check_generator(rng: Rng, history: History) -> np.random.Generator:
    """Return the generator of the orders; TypeError for a seed that would draw past orders once more."""
    if history and rng is not None and not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"rng: expected the Generator that drew the order of the {len(history)} epochs in history, got "
            f"{rng!r}, which would draw the same orders again; make one by numpy.random.default_rng({rng!r}) "
            "before the first epoch, and pass it each time"
        )
    return check_rng(rng)
