"""Exercise 18: the loop over time, 'All steps' of docs/bptt.md.

Put an expression in place of each `...`, and check it by

    python -m elman_np check 18_through_time.py

One step back is the package's: en.step_backward(params, x_t, h_before, h_t, dy_t, dh_next, "tanh") returns a
value with `grads` (this step's part of the five gradients), `dx`, and `dh_before`.
"""

import numpy as np

import elman_np as en


def through_time(params, x, h, dy, dh_n):
    """From dy (T, B, O), and dh_n (B, H) of the last state, to the gradients of everything.

    x is (T, B, I). h[0] is h_0, and h[t + 1] the state after x[t].
    """
    total = params.map(np.zeros_like)  # five arrays of zeros
    dx = np.zeros_like(x)
    dh_next = ...
    for t in ...:
        sent = en.step_backward(params, x[t], ..., ..., dy[t], dh_next, "tanh")
        total = total.map(np.add, ...)  # adds five arrays to five arrays
        dx[t] = ...
        dh_next = ...
    dh_0 = ...
    return total, dx, dh_0


# ------------------------------------------------ for the checker; nothing is left to do from here on

EXERCISE = {"number": 18, "read": "docs/bptt.md#all-steps", "next": "19_chunks.py"}
STYLE = {"dh_n": "given"}


def solve(p):
    """Run the package's step forward and your loop back."""
    params = en.Parameters(p.w_x, p.w_h, p.b_h, p.w_y, p.b_y)
    y, h = [], [p.h_0]
    for x_t in p.x:
        y_t, h_t = en.step(params, x_t, h[-1], "tanh")
        y.append(y_t)
        h.append(h_t)
    total, dx, dh_0 = through_time(params, p.x, h, p.dy, p.dh_n)
    return {"y": np.array(y), "dx": dx, "dh_0": dh_0, **{f"d{name}": z for name, z in total.items()}}
