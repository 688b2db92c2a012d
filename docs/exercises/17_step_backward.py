"""Exercise 17: one step back, with matrices, (3.1) to (3.12) of docs/bptt.md.

Put an expression in place of each `...`, and check it by

    python -m elman_np check 17_step_backward.py
"""

import numpy as np


def step_backward(x, h_before, h, dy, dh_next, w_x, w_h, w_y):
    """From dy (B, O) and dh_next (B, H) to all gradients of one step.

    x is (B, I); h_before and h, the states before and after the step, are (B, H). w_x is (H, I), w_h (H, H),
    w_y (O, H). A gradient has the shape of what it belongs to.
    """
    dh_out = ...
    dh = ...
    da = ...
    dh_before = ...
    dx = ...
    dw_x = ...
    dw_h = ...
    db_h = ...
    dw_y = ...
    db_y = ...
    return dx, dh_before, dw_x, dw_h, db_h, dw_y, db_y


# ------------------------------------------------ for the checker; nothing is left to do from here on

EXERCISE = {
    "number": 17,
    "read": "docs/bptt.md#one-step-back-with-matrices",
    "next": "18_through_time.py",
}
STYLE = {"dh_n": "given"}
NAMES = ("dw_x", "dw_h", "db_h", "dw_y", "db_y")


def solve(p):
    """Run your step over a whole sequence, from its end."""
    h, dx, total = [p.h_0], np.zeros_like(p.x), dict.fromkeys(NAMES, 0)
    for x_t in p.x:
        h.append(np.tanh(x_t @ p.w_x.T + h[-1] @ p.w_h.T + p.b_h))
    dh = p.dh_n
    for t in reversed(range(p.T)):
        dx[t], dh, *grads = step_backward(p.x[t], h[t], h[t + 1], p.dy[t], dh, p.w_x, p.w_h, p.w_y)
        total = {name: total[name] + g for name, g in zip(NAMES, grads, strict=True)}
    return {"dx": dx, "dh_0": dh, **total}
