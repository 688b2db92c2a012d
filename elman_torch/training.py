"""The training of `elman_np.training`, with DataLoader, MSELoss and an optimiser of torch.optim."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from elman_np.adam import AdamOptions
from elman_np.arrays import Rng
from elman_np.training import Epoch, History, TrainingDiverged, batches, check_training_data
from elman_torch.model import ElmanRNN

if TYPE_CHECKING:
    from jaxtyping import Float

TorchForm: TypeAlias = Literal["single", "foreach", "fused"]


def train(
    model: ElmanRNN,
    x: Float[Tensor, "T N I"],
    target: Float[Tensor, "T N O"],
    *,
    optimiser: torch.optim.Optimizer,
    epochs: int,
    batch_size: int | None = None,
    shuffle: bool = True,
    clip_norm: float | None = None,
    validation: tuple[Float[Tensor, "T M I"], Float[Tensor, "T M O"]] | None = None,
    callback: Callable[[Epoch], object] | None = None,
    rng: Rng = None,
) -> History:
    """Train a network in place on windows, by the mean squared error.

    Parameters, order of the windows, result and errors are those of `elman_np.train`; `optimiser` is any
    of `torch.optim`, made with `model.parameters()`. The windows are on the model's device.
    """
    given = [x, target, *(validation or ())]
    arrays = [value.detach().cpu().to(torch.float64).numpy() for value in given]
    pair = (arrays[2], arrays[3]) if validation else None
    check_training_data(model, arrays[0], arrays[1], epochs, batch_size, clip_norm, pair)
    if any(value.dtype != model.w_x.dtype for value in given):
        raise TypeError(
            f"x, target: expected dtype {model.w_x.dtype} as the model, got {[v.dtype for v in given]}"
        )
    data = TensorDataset(x.transpose(0, 1), target.transpose(0, 1))
    criterion, generator, history = nn.MSELoss(), np.random.default_rng(rng), History()
    for epoch in range(1, epochs + 1):
        order = [index.tolist() for index in batches(len(data), batch_size, shuffle=shuffle, rng=generator)]
        total, norm = 0.0, 0.0
        for x_batch, target_batch in DataLoader(data, batch_sampler=order):
            optimiser.zero_grad()
            y, _ = model(x_batch.transpose(0, 1))
            loss = criterion(y, target_batch.transpose(0, 1))
            if not torch.isfinite(loss):
                raise TrainingDiverged(epoch, loss.item(), history)
            loss.backward()
            batch_norm = nn.utils.clip_grad_norm_(model.parameters(), clip_norm or torch.inf)
            optimiser.step()
            total += loss.item() * len(x_batch)
            norm = max(norm, batch_norm.item())
        validation_loss = None
        if validation is not None:
            with torch.no_grad():
                validation_loss = criterion(model(validation[0])[0], validation[1]).item()
        history.append(Epoch(epoch, total / len(data), norm, validation_loss))
        if callback is not None:
            callback(history[-1])
    return history


def torch_adam(
    parameters: Iterable[nn.Parameter], options: AdamOptions, *, form: TorchForm = "single"
) -> torch.optim.Adam:
    """Make the optimiser of torch.optim that does what `elman_np.Adam` does with these options.

    Parameters
    ----------
    parameters : iterable of nn.Parameter
    options : elman_np.AdamOptions
    form : {"single", "foreach", "fused"}
        Which of PyTorch's three programs for it.
    """
    kind = torch.optim.AdamW if options.decoupled else torch.optim.Adam
    return kind(
        parameters,
        lr=options.lr,
        betas=options.betas,
        eps=options.eps,
        weight_decay=options.weight_decay,
        amsgrad=options.amsgrad,
        maximize=options.maximize,
        foreach=form == "foreach",
        fused=form == "fused",
    )
