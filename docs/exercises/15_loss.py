"""Exercise 15: the mean squared error and its gradient, (2.1) and (2.2) of docs/loss.md.

Put an expression in place of each `...`, and check it by

    python -m elman_np check 15_loss.py
"""

import numpy as np

import elman_np as en


def mean_squared_error(y, target):
    """From outputs and targets, both (T, B, O), to the loss, a number, and its gradient dy (T, B, O)."""
    residual = ...
    loss = ...
    dy = ...
    return loss, dy


# ------------------------------------------------ for the checker; nothing is left to do from here on

EXERCISE = {"number": 15, "read": "docs/loss.md", "next": "16_one_unit.py"}
STYLE = {"loss": "mean of squares"}


def solve(p):
    """Put your loss on top of the package's network."""
    params = en.Parameters(p.w_x, p.w_h, p.b_h, p.w_y, p.b_y)
    y, _, _ = en.ElmanRNN.from_params(params).forward(p.x, p.h_0)
    loss, dy = mean_squared_error(y, p.target)
    return {"loss": loss, "dy": dy}
