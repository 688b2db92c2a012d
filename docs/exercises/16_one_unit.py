"""Exercise 16: one unit, back through some days; 'Three days with a calculator' of docs/bptt.md.

Put an expression in place of each `...`, and check it by

    python -m elman_np check 16_one_unit.py
"""

import math


def forward(x, h_0, w_x, w_h, b_h, w_y, b_y):
    """All numbers are plain floats. h[0] is h_0, and h[t + 1] the state after x[t]."""
    h, y = [h_0], []
    for t in range(len(x)):
        h.append(math.tanh(w_x * x[t] + w_h * h[t] + b_h))
        y.append(w_y * h[t + 1] + b_y)
    return y, h


def backward(dy, x, h, w_h, w_y):
    """From dy[t], the slope of the loss with respect to y[t], to those of the five parameters and h_0."""
    dw_x = dw_h = db_h = dw_y = db_y = 0.0
    dh_next = 0.0
    for t in reversed(range(len(x))):
        dh_out = ...  # what reaches h[t + 1] through the output of its day
        dh = ...  # the two that meet there
        da = ...  # through tanh; its slope is known from h[t + 1]
        dw_x += ...
        dw_h += ...
        db_h += ...
        dw_y += ...
        db_y += ...
        dh_next = ...  # what the day before gets
    return dw_x, dw_h, db_h, dw_y, db_y, dh_next


# ------------------------------------------------ for the checker; nothing is left to do from here on

EXERCISE = {
    "number": 16,
    "read": "docs/bptt.md#three-days-with-a-calculator",
    "next": "17_step_backward.py",
}
STYLE = {"axes": "T", "sizes": {"H": 1}}


def solve(p):
    """Take the numbers out of their arrays."""
    w_x, w_h, b_h, w_y, b_y, h_0 = (z.item() for z in (p.w_x, p.w_h, p.b_h, p.w_y, p.b_y, p.h_0))
    y, h = forward(p.x.tolist(), h_0, w_x, w_h, b_h, w_y, b_y)
    dw_x, dw_h, db_h, dw_y, db_y, dh_0 = backward(p.dy.tolist(), p.x.tolist(), h, w_h, w_y)
    return {
        "y": y,
        "dw_x": [[dw_x]],
        "dw_h": [[dw_h]],
        "db_h": [db_h],
        "dw_y": [[dw_y]],
        "db_y": [db_y],
        "dh_0": [dh_0],
    }
