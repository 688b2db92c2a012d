"""The training of `elman_np.training`, with autograd, MSELoss and an optimiser of torch.optim."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Annotated as Float
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from elman_np.adam import AdamOptions
from elman_np.arrays import Rng, check_flag, check_kind, check_shape, spell
from elman_np.training import (
    Callback,
    Epoch,
    History,
    batches,
    check_finite,
    check_generator,
    check_training,
    name_windows,
    run_epochs,
)
from elman_torch.model import ElmanRNN, check_tensor, seeded

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
    callback: Callback | None = None,
    history: History | None = None,
    progress: bool = False,
    rng: Rng = None,
) -> History:
    """Train a network in place on windows, by the mean squared error.

    Parameters, order of the windows, result and errors are those of `elman_np.train`, and so is what
    becomes of an epoch that is broken off. `optimiser` is one of `torch.optim`, made with
    `model.parameters()`, that takes dense gradients and steps without a closure: any but `LBFGS` and
    `SparseAdam`. Parameters that require no gradient stay as they are. The windows are on the model's device.
    """
    check_kind("model", model, ElmanRNN)
    check_optimiser(optimiser, model)
    if not torch.is_grad_enabled():
        raise ValueError("model: expected gradients, got a training inside torch.no_grad or inference_mode")
    if not any(p.requires_grad for group in optimiser.param_groups for p in group["params"]):
        raise ValueError("optimiser: expected a parameter that requires a gradient, got frozen ones only")
    given = name_windows(x, target, validation)
    for name, value in given.items():
        check_tensor(name, value, model)
    arrays = {name: value.detach().cpu().to(torch.float64).numpy() for name, value in given.items()}
    check_flag("shuffle", shuffle)
    check_flag("progress", progress)
    check_training(model, arrays, epochs, batch_size, clip_norm, callback, history)
    history = History() if history is None else history
    generator = check_generator(seeded(rng), history)

    def run_epoch() -> Epoch:
        order = list(map(torch.from_numpy, batches(x.shape[1], batch_size, shuffle=shuffle, rng=generator)))
        pairs = ((x[:, index], target[:, index]) for index in order)
        loss, norm = _update(model, pairs, optimiser, clip_norm, history)
        inputs, expected = validation or (x[:, order[-1]], target[:, order[-1]])
        with torch.no_grad():
            after = check_finite(nn.functional.mse_loss(model(inputs)[0], expected).item(), history)
        return Epoch(history.done + 1, loss, norm, after if validation else None)

    def remember() -> Callable[[], None]:
        params, state = [p.detach().clone() for p in model.parameters()], deepcopy(optimiser.state_dict())

        def put_back() -> None:
            with torch.no_grad():
                for p, old in zip(model.parameters(), params, strict=True):
                    p.copy_(old)
            optimiser.load_state_dict(state)

        return put_back

    return run_epochs(run_epoch, remember, epochs, history, generator, callback, progress)


def _update(
    model: ElmanRNN,
    pairs: Iterable[tuple[Float[Tensor, "T B I"], Float[Tensor, "T B O"]]],
    optimiser: torch.optim.Optimizer,
    clip_norm: float | None,
    history: History,
) -> tuple[float, float]:
    """Update by each batch of an epoch; return the mean loss over its windows, and the largest norm."""
    criterion, total, norm, count = nn.MSELoss(), 0.0, 0.0, 0
    for x, target in pairs:
        model.zero_grad()  # those that the optimiser does not hold too: the norm is that of all
        loss = criterion(model(x)[0], target)
        check_finite(loss.item(), history)
        loss.backward()
        if clip_norm is None:
            batch_norm = _grad_norm(model)
        else:
            batch_norm = nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
        optimiser.step()
        total += loss.item() * x.shape[1]
        norm = max(norm, batch_norm.item())
        count += x.shape[1]
    return total / count, norm


def _grad_norm(model: ElmanRNN) -> Tensor:
    """Measure as `clip_grad_norm_` does; that would scale by an infinite norm, which leaves NaN."""
    grads = [p.grad for p in model.parameters() if p.grad is not None]
    norm: Tensor = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(grad) for grad in grads]))
    return norm


MOMENTS = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")
"""What PyTorch's Adam calls m, v and v_max."""


def check_optimiser(optimiser: torch.optim.Optimizer, model: ElmanRNN) -> None:
    """Raise unless an optimiser can train `model`, was made with its parameters, and knows their shapes."""
    check_kind("optimiser", optimiser, torch.optim.Optimizer)
    if isinstance(optimiser, torch.optim.LBFGS | torch.optim.SparseAdam):
        raise TypeError(
            "optimiser: expected one that takes dense gradients and steps without a closure, "
            f"got {spell(type(optimiser))}"
        )
    own = {id(p) for p in model.parameters()}
    held = [p for group in optimiser.param_groups for p in group["params"]]
    foreign = sum(id(p) not in own for p in held)
    if foreign:
        raise ValueError(
            f"optimiser: expected parameters of this model, got {foreign} of {len(held)} from elsewhere; "
            "make it with model.parameters()"
        )
    for p, state in optimiser.state.items():
        for name in MOMENTS:
            if name in state:
                check_shape(f"optimiser.state: {name}", tuple(state[name].shape), tuple(p.shape))


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
