"""One of everything that the library has, and calls of its functions that are right."""

import numpy as np
import torch
from torch import nn

import elman_np as en
import elman_torch as et

SERIES = np.cumsum(np.random.default_rng(1).standard_normal(60))
WINDOWS = {"epochs": 1, "batch_size": 2, "shuffle": True, "clip_norm": 1.0, "progress": False, "rng": 0}
SIZES = {"input_size": 1, "hidden_size": 3, "output_size": 1, "init": "uniform", "rng": 0}
RECURRENCE = {"activation": "tanh", "reset_every": None, "chunk": None}


class World:
    """One of each thing, new for every test that may spoil it."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.x, self.target = rng.standard_normal((2, 5, 4, 1))
        self.h_0 = rng.standard_normal((4, 3))
        self.model = en.ElmanRNN(1, 3, 1, rng=0)
        self.params = self.model.params
        self.y, self.h_n, self.tape = self.model.forward(self.x)
        self.loss, self.dy = en.mse_loss(self.y, self.target)
        self.grads, _, _ = self.model.backward(self.tape, self.dy)
        self.optimiser = en.Adam(lr=0.01)
        self.optimiser.step(self.params, self.grads)
        self.other = en.init_parameters(1, 4, 1, rng=0)
        self.reference = et.ElmanRNN.from_numpy(self.model)
        self.x_t, self.target_t = torch.as_tensor(self.x), torch.as_tensor(self.target)
        self.rnn = nn.RNN(1, 3, dtype=torch.float64)
        self.linear = nn.Linear(3, 1, dtype=torch.float64)
        self.scaler = en.Scaler(0.0, 1.0)

    def state(self):
        return [
            self.model.params.flat.tobytes(),
            self.model.recurrence,
            self.optimiser.options,
            id(self.optimiser.state),
            self.optimiser.state.m.flat.tobytes(),
            *(value.numpy(force=True).tobytes() for value in self.reference.parameters()),
            self.reference.recurrence,
            self.x.tobytes(),
        ]


def calls(w):
    """Public functions, with arguments that are right."""
    row = {"params": w.params, "x": w.x[0], "h_before": w.h_0, "activation": "tanh"}
    pair, pair_t = {"x": w.x, "target": w.target}, {"x": w.x_t, "target": w.target_t}
    flat = w.params.flat
    moments = dict.fromkeys(("m", "v", "v_max"), flat * flat)
    return {
        en.ElmanRNN: SIZES | RECURRENCE | {"dtype": float},
        et.ElmanRNN: SIZES | RECURRENCE | {"dtype": torch.float64, "device": "cpu"},
        en.ElmanRNN.from_params: RECURRENCE | {"params": w.params},
        w.model.forward: {"x": w.x, "h_0": w.h_0},
        w.model.backward: {"tape": w.tape, "dy": w.dy, "dh_n": w.h_n},
        w.model.state_gradients: {"tape": w.tape, "dy": w.dy, "dh_n": w.h_n},
        en.forward: RECURRENCE | {"params": w.params, "x": w.x, "h_0": w.h_0},
        en.backward: {"tape": w.tape.bptt, "dy": w.dy, "dh_n": w.h_n},
        en.step: row,
        en.step_backward: row | {"h": w.h_0, "dy": w.dy[0], "dh_next": w.h_0},
        en.mse_loss: {"y": w.y, "target": w.target},
        en.rmse: {"y": SERIES, "target": SERIES},
        en.split: {"series": SERIES, "train": 0.7, "validation": 0.15},
        en.windows: {"series": SERIES, "length": 5, "inputs": None, "targets": None, "horizon": 1},
        en.Scaler.fit: {"series": SERIES},
        w.scaler.transform: {"series": SERIES},
        en.forecast: {"model": w.model, "scaler": w.scaler, "series": SERIES, "horizon": 1, "steps": None},
        en.AdamOptions: vars(en.AdamOptions()),
        en.Adam().step: {"params": w.params, "grads": w.grads},
        en.adam_step: moments | {"p": flat, "g": flat, "step": 1, "options": en.AdamOptions()},
        en.clip_grad_norm: {"grads": w.grads, "max_norm": 1.0},
        en.init_parameters: SIZES | {"dtype": float},
        en.Parameters: dict(w.params.items()),
        w.params.astype: {"dtype": float},
        w.params.like: {"flat": flat},
        en.train: WINDOWS | pair | {"model": w.model, "optimiser": en.Adam(), "validation": (w.x, w.target)},
        et.train: WINDOWS | pair_t | {"model": w.reference, "validation": (w.x_t, w.target_t),
                                      "optimiser": torch.optim.SGD(w.reference.parameters(), lr=0.1)},
        w.reference.forward: {"x": w.x_t, "h_0": torch.as_tensor(w.h_0)},
        et.ElmanRNN.from_numpy: {"model": w.model, "device": "cpu"},
        w.reference.load_params: {"params": w.params},
        et.ElmanRNN.from_torch: {"rnn": w.rnn, "linear": w.linear},
        et.compare: pair | {"model": w.model, "h_0": w.h_0, "dh_n": None, "device": "cpu", "widest": 0.1},
        en.load_splg: {"start": "2023-01-01", "end": "2023-02-01", "source": "bundled", "cached": False},
    }  # fmt: skip
