"""The notebook's run in PyTorch: its own loop over single days, and the same with stretches side by side.

`elman_np.notebook` has the data, the first values, the order of the batches and the printing; the
arithmetic here is PyTorch's alone. `docs/notebook.md` goes through it line by line.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated as Float

import torch
from torch import Tensor, nn
from torch.nn.functional import pad
from torch.utils.data import DataLoader, TensorDataset

from elman_np import commands
from elman_np.arrays import Array, Rng, check_rng
from elman_np.notebook import (
    BATCH_SIZE,
    EPOCHS,
    LR,
    RESET_EVERY,
    SEQUENCE_LENGTH,
    Backend,
    Update,
    run_parser,
    show_run,
)
from elman_np.parameters import Parameters
from elman_np.training import batches
from elman_torch.model import ElmanRNN


class NotebookRNN(nn.Module):
    """The notebook's five-parameter network: it walks one day at a time, and clears its state late.

    The shapes are the notebook's too: `w_y` is (1,) and not (1, 1).

    Parameters
    ----------
    params : Parameters
        First values, of one input, one hidden unit and one output; their dtype is computed in.
    sequence_length : int
        The state is cleared after every `sequence_length + 1` days.
    """

    w_x: Float[nn.Parameter, "1 1"]
    w_h: Float[nn.Parameter, "1 1"]
    b_h: Float[nn.Parameter, "1"]
    w_y: Float[nn.Parameter, "1"]
    b_y: Float[nn.Parameter, "1"]

    def __init__(self, params: Parameters, sequence_length: int = SEQUENCE_LENGTH) -> None:
        super().__init__()
        self.sequence_length = sequence_length
        for name, value in params.items():
            first = torch.tensor(value[0] if name == "w_y" else value)
            setattr(self, name, nn.Parameter(first))

    def forward(
        self, x: Float[Tensor, "T"], h_0: Float[Tensor, "1"] | None = None
    ) -> tuple[Float[Tensor, "T 1"], Float[Tensor, "1"]]:
        """Return outputs, and a state that is `h_0` again where the last day was a day to clear it.

        Raises
        ------
        ValueError
            If `x` is not one-dimensional; the notebook stops there too, with an UnboundLocalError.
        """
        if x.ndim != 1:
            raise ValueError(f"x: expected shape (T,), got {tuple(x.shape)}")
        h_0 = torch.zeros(1, dtype=self.b_y.dtype) if h_0 is None else h_0
        h, outputs, days = h_0, [], 0
        for x_t in x.unsqueeze(1):
            h = torch.relu(x_t @ self.w_x.T + h @ self.w_h.T + self.b_h)
            outputs.append(h @ self.w_y + self.b_y)
            days += 1
            if days > self.sequence_length:
                h, days = h_0, 0
        return torch.stack(outputs), h

    @property
    def params(self) -> Parameters:
        """The five arrays in NumPy, `w_y` as (1, 1)."""
        arrays = {name: value.detach().numpy().copy() for name, value in self.named_parameters()}
        return Parameters(**arrays | {"w_y": arrays["w_y"][None]})


def side_by_side(
    model: ElmanRNN, x: Float[Tensor, "T"], reset_every: int = RESET_EVERY
) -> Float[Tensor, "T 1"]:
    """Run a network that is cleared after every `reset_every` days: its stretches as one batch.

    The last stretch is filled up with days of price 0, whose outputs are cut off.
    """
    count = -(-len(x) // reset_every)
    stretches = pad(x, (0, count * reset_every - len(x))).reshape(count, reset_every)
    y, _ = model(stretches.T[..., None])
    in_order: Tensor = y.transpose(0, 1).reshape(-1, 1)[: len(x)]
    return in_order


def train(
    params: Parameters,
    x: Float[Array, "T"],
    target: Float[Array, "T"],
    *,
    per_day: bool = False,
    epochs: int = EPOCHS,
    lr: float = LR,
    callback: Callable[[Update], object] | None = None,
    rng: Rng = None,
) -> Parameters:
    """Train as the notebook does, with DataLoader, MSELoss and `torch.optim.Adam`.

    Parameters
    ----------
    params : Parameters
        First values; their dtype is computed in.
    x, target : arrays (T,)
        Closes, and each day's next close.
    per_day : bool
        Walk day by day, as the notebook does, or over stretches side by side.
    epochs : int
    lr : float
    callback : callable, optional
        Called with every `Update`.
    rng : None, int or numpy.random.Generator
        Seed or generator of the order of the days, as in `elman_np.notebook.train`.

    Returns
    -------
    params : Parameters
        After the last update.
    """
    # Where and how it computes does not depend on what is set around it.
    with warnings.catch_warnings(), torch.device("cpu"), torch.inference_mode(False):
        warnings.filterwarnings("ignore", message="Using a target size")  # the notebook hides them all
        data = TensorDataset(*(torch.tensor(series.astype(params.dtype)) for series in (x, target)))
        notebook = NotebookRNN(params)
        network = ElmanRNN(1, 1, 1, activation="relu", dtype=data.tensors[0].dtype, rng=0)
        network.load_params(params)
        model = notebook if per_day else network
        criterion, optimiser = nn.MSELoss(), torch.optim.Adam(model.parameters(), lr=lr)
        generator, number = check_rng(rng), 0
        for epoch in range(1, epochs + 1):
            order = [index.tolist() for index in batches(len(x), BATCH_SIZE, shuffle=True, rng=generator)]
            # A generator of its own, since it would draw from PyTorch's.
            loader = DataLoader(data, batch_sampler=order, generator=torch.Generator())
            for batch, (days, next_days) in enumerate(loader):
                optimiser.zero_grad()
                y = notebook(days)[0] if per_day else side_by_side(network, days)
                loss = criterion(y, next_days)  # (T, 1) against (T,)
                loss.backward()
                optimiser.step()
                number += 1
                if callback is not None:
                    callback(Update(number, epoch, batch, len(days), loss.item()))
    return notebook.params if per_day else network.to_numpy().params


def predict(params: Parameters, x: Float[Array, "T"]) -> tuple[Float[Array, "T 1"], Float[Array, "1"]]:
    """Run the notebook's network over all days in their order; return predictions and its last state."""
    with torch.no_grad(), torch.device("cpu"):
        model = NotebookRNN(params)
        y, h_n = model(torch.tensor(x, dtype=model.b_y.dtype))
    return y.numpy(), h_n.numpy()


def parser() -> argparse.ArgumentParser:
    """Make the options of `python -m elman_torch notebook`."""
    result = run_parser("elman_torch")
    result.add_argument(
        "--per-day", action="store_true", help="walk day by day, as the notebook does: half a minute"
    )
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `python -m elman_torch notebook`; return the exit status."""
    line = parser()
    chosen = line.parse_args(arguments)
    console = commands.console(width=120)
    try:
        show_run(console, Backend("elman_torch", partial(train, per_day=chosen.per_day), predict), chosen)
    except (ArithmeticError, MemoryError) as error:
        return commands.failed(line, error)
    return 0
