"""Exercise 14: one step forward, (1.1) to (1.3) of docs/cell.md.

Put an expression in place of each `...`, and check it by

    python -m elman_np check 14_step.py
"""

import numpy as np


def step(x, h_before, w_x, w_h, b_h, w_y, b_y):
    """From x (B, I) and the state before (B, H) to the output (B, O) and the state after (B, H).

    w_x is (H, I), w_h (H, H), b_h (H,), w_y (O, H), b_y (O,). The activation is tanh, np.tanh.
    """
    a = ...
    h = ...
    y = ...
    return y, h


# ------------------------------------------------ for the checker; nothing is left to do from here on

EXERCISE = {"number": 14, "read": "docs/cell.md", "next": "15_loss.py"}


def solve(p):
    """Run your step over a whole sequence."""
    h, ys = p.h_0, []
    for x_t in p.x:
        y_t, h = step(x_t, h, p.w_x, p.w_h, p.b_h, p.w_y, p.b_y)
        ys.append(y_t)
    return {"y": np.array(ys), "h_n": h}
