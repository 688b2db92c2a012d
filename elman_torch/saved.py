"""What was trained in PyTorch, kept in the file that both packages read: `elman_np.saved` has its format."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import torch

import elman_np as en
from elman_np import saved
from elman_np.adam import AdamOptions, AdamState
from elman_np.arrays import check_kind, spell_kind
from elman_np.data.series import Scaler
from elman_np.parameters import Parameters
from elman_np.training import History
from elman_torch.model import ElmanRNN
from elman_torch.training import MOMENTS, check_optimiser, torch_adam

Saved: TypeAlias = saved.Saved[ElmanRNN, torch.optim.Adam]


def save(
    path: saved.Path,
    model: ElmanRNN,
    *,
    optimiser: torch.optim.Adam | None = None,
    history: History | None = None,
    rng: np.random.Generator | None = None,
    scaler: Scaler | None = None,
) -> None:
    """Keep a network, and whatever else is given, in a file that either backend loads, bit for bit.

    As `elman_np.save`, with what belongs to PyTorch.

    Parameters
    ----------
    path, history, rng, scaler
        As in `elman_np.save`.
    model : ElmanRNN
        float64 or float32, on any device.
    optimiser : torch.optim.Adam or AdamW, optional
        Of all parameters of `model`, in one group.

    Raises
    ------
    TypeError, ValueError, OSError
        As `elman_np.save`; also for another optimiser of `torch.optim`, and for one of PyTorch's options that
        `elman_np.AdamOptions` does not have.
    """
    check_kind("model", model, ElmanRNN)
    kept = None if optimiser is None else to_numpy_adam(optimiser, model)
    saved.save(path, model.to_numpy(), optimiser=kept, history=history, rng=rng, scaler=scaler)


def load(path: saved.Path, *, device: torch.device | str | None = None) -> Saved:
    """Load what `save` of either backend has kept.

    Parameters
    ----------
    path : str or path
    device : torch.device or str, optional
        Where the parameters are to be, and Adam's state.

    Raises
    ------
    OSError, ValueError
        As `elman_np.load`.
    """
    kept = saved.load(path)
    model = ElmanRNN.from_numpy(kept.model, device=device)
    optimiser = None if kept.optimiser is None else from_numpy_adam(kept.optimiser, model)
    return saved.Saved(model, optimiser, kept.history, kept.rng, kept.scaler)


def to_numpy_adam(optimiser: torch.optim.Adam, model: ElmanRNN) -> en.Adam:
    """Copy options and state of `torch.optim.Adam` or `AdamW`; see `save`."""
    if type(optimiser) not in (torch.optim.Adam, torch.optim.AdamW):
        raise TypeError(f"optimiser: expected torch.optim.Adam or AdamW, got {spell_kind(optimiser)}")
    check_optimiser(optimiser, model)
    names = {id(p): name for name, p in model.named_parameters()}
    held = [p for group in optimiser.param_groups for p in group["params"]]
    if len(optimiser.param_groups) != 1 or len(held) != len(names):
        raise ValueError(
            f"optimiser: expected all {len(names)} parameters of the model in one group, "
            f"got {len(held)} in {len(optimiser.param_groups)}"
        )
    converted = en.Adam(_options(optimiser))
    if optimiser.state:
        by_name = {names[id(p)]: optimiser.state.get(p, {}) for p in held}
        steps = {float(state["step"]) for state in by_name.values() if state}
        if len(steps) != 1 or not all(by_name.values()):
            raise ValueError(f"optimiser: expected as many steps of each parameter, got {sorted(steps)}")

        def moment(name: str) -> Parameters:
            return Parameters(**{array: state[name].cpu().numpy() for array, state in by_name.items()})

        m, v = moment("exp_avg"), moment("exp_avg_sq")
        v_max = moment("max_exp_avg_sq") if "max_exp_avg_sq" in by_name["w_x"] else v
        converted.state = AdamState(int(steps.pop()), m, v, v_max)
    return converted


def _options(optimiser: torch.optim.Adam) -> AdamOptions:
    """Read the options that both backends have; TypeError for one that only PyTorch has."""
    group = optimiser.param_groups[0]
    for name in ("foreach", "fused", "capturable", "differentiable"):
        if group.get(name):
            raise TypeError(
                f"optimiser: expected {name}=False, got {group[name]}: elman_np.Adam has no such option"
            )
    if any(isinstance(value, torch.Tensor) for value in (group["lr"], *group["betas"])):
        raise TypeError("optimiser: expected plain numbers as lr and betas, got a tensor")
    return AdamOptions(
        lr=group["lr"],
        betas=tuple(group["betas"]),
        eps=group["eps"],
        weight_decay=group["weight_decay"],
        decoupled=isinstance(optimiser, torch.optim.AdamW) or group.get("decoupled_weight_decay", False),
        amsgrad=group["amsgrad"],
        maximize=group["maximize"],
    )


def from_numpy_adam(optimiser: en.Adam, model: ElmanRNN) -> torch.optim.Adam:
    """Make the optimiser of torch.optim that goes on as `optimiser` would, for the parameters of `model`."""
    converted = torch_adam(model.parameters(), optimiser.options)
    state = optimiser.state
    if state is not None:
        counted = torch.promote_types(torch.get_default_dtype(), torch.float32)  # as PyTorch counts
        step = torch.tensor(float(state.step), dtype=counted)
        if int(step.item()) != state.step:
            raise ValueError(f"optimiser: expected steps that {step.dtype} can count, got {state.step}")
        values = [state.m, state.v]
        if optimiser.options.amsgrad or state.v_max is not state.v:
            values.append(state.v_max)
        for name, p in model.named_parameters():
            moments = {
                key: torch.tensor(getattr(value, name), device=p.device)
                for key, value in zip(MOMENTS, values, strict=False)
            }
            converted.state[p] = {"step": step.clone(), **moments}
    return converted
