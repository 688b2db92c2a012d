"""Small trainings in either backend, and all that they leave behind, in bytes."""

import numpy as np
import torch

import elman_np as en
import elman_torch as et
from tests.support.prices import YEAR

CLOSES = YEAR[:60]
SCALER = en.Scaler.fit(CLOSES)
LENGTH, BATCH = 4, 20  # 56 windows: two whole batches and one of 16


def windows(backend, dtype=np.float64):
    """Windows and targets, as the backend takes them."""
    arrays = en.windows(SCALER.transform(CLOSES).astype(dtype), LENGTH)
    return arrays if backend is en else tuple(map(torch.from_numpy, arrays))


def fresh(backend, *, options=en.AdamOptions(lr=0.02), dtype=np.float64, hidden=3, **recurrence):  # noqa: B008
    """What a training begins with."""
    model = en.ElmanRNN(1, hidden, 1, dtype=dtype, rng=0, **recurrence)
    optimiser = en.Adam(options)
    if backend is et:
        model = et.ElmanRNN.from_numpy(model)
        kind = torch.optim.AdamW if options.decoupled else torch.optim.Adam
        names = ("lr", "betas", "eps", "weight_decay", "amsgrad", "maximize")
        optimiser = kind(model.parameters(), **{name: getattr(options, name) for name in names})
    return en.Saved(model, optimiser, en.History(), np.random.default_rng(0), SCALER)


def go_on(saved, epochs, **changes):
    """Train in place until so many epochs are done."""
    backend = en if isinstance(saved.model, en.ElmanRNN) else et
    x, target = windows(backend, dtype_of(saved))
    given = {
        "optimiser": saved.optimiser, "history": saved.history, "rng": saved.rng, "batch_size": BATCH,
        "clip_norm": 0.5, "validation": (x[:, :7], target[:, :7]), "epochs": epochs,
    }  # fmt: skip
    return backend.train(saved.model, x, target, **given | changes)


def dtype_of(saved):
    return np.dtype(str(saved.model.w_x.dtype)[6:]) if hasattr(saved.model, "w_x") else saved.model.dtype


def contents(saved):
    """All that is in it, in plain values and bytes, the same of both backends."""
    model, optimiser = saved.model, saved.optimiser
    if isinstance(model, en.ElmanRNN):
        params = [(p.shape, p.dtype.name, p.tobytes()) for p in model.params]
        adam = optimiser and numpy_adam(optimiser)
    else:
        arrays = [p.detach().numpy() for p in (model.w_x, model.w_h, model.b_h, model.w_y, model.b_y)]
        params = [(p.shape, p.dtype.name, p.tobytes()) for p in arrays]
        adam = optimiser and torch_adam(optimiser, model)
    return {
        "params": params,
        "recurrence": [model.activation, model.reset_every, model.chunk],
        "adam": adam,
        "history": saved.history and [list(map(spell, vars(epoch).values())) for epoch in saved.history],
        "rng": saved.rng and saved.rng.bit_generator.state,
        "scaler": saved.scaler,
    }


def spell(number):
    return float(number).hex() if isinstance(number, float) else number


def numpy_adam(optimiser):
    o, state = optimiser.options, optimiser.state
    options = [o.lr, *o.betas, o.eps, o.weight_decay, o.decoupled, o.amsgrad, o.maximize]
    moments = state and [[z.tobytes() for z in moment] for moment in (state.m, state.v, state.v_max)]
    return options, state and state.step, moments


def torch_adam(optimiser, model):
    (o,) = optimiser.param_groups
    decoupled = isinstance(optimiser, torch.optim.AdamW)
    options = [o["lr"], *o["betas"], o["eps"], o["weight_decay"], decoupled, o["amsgrad"], o["maximize"]]
    if not optimiser.state:
        return options, None, None
    states = [optimiser.state[p] for p in (model.w_x, model.w_h, model.b_h, model.w_y, model.b_y)]
    last = "max_exp_avg_sq" if "max_exp_avg_sq" in states[0] else "exp_avg_sq"
    moments = [[s[name].numpy().tobytes() for s in states] for name in ("exp_avg", "exp_avg_sq", last)]
    (step,) = {int(s["step"]) for s in states}
    return options, step, moments
