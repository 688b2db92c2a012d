"""Exercise 19: the same loop with chunks, (5.3) of docs/truncation.md.

Write the function: it is that of exercise 18, and one thing more. Check it by

    python -m elman_np check 19_chunks.py
"""

import numpy as np

import elman_np as en


def through_time(params, x, h, dy, dh_n, chunk):
    """As in exercise 18, but no gradient crosses the border of a chunk of so many steps.

    The borders lie before x[chunk], x[2 * chunk], ...: x[0] to x[chunk - 1] are the first chunk.
    """
    ...


# ------------------------------------------------ for the checker; nothing is left to do from here on

EXERCISE = {"number": 19, "read": "docs/truncation.md#chunk-chunkk", "next": "20_adam.py"}
STYLE = {"dh_n": "given", "chunk": 3}


def solve(p):
    """Run the package's step forward and your loop back."""
    params = en.Parameters(p.w_x, p.w_h, p.b_h, p.w_y, p.b_y)
    y, h = [], [p.h_0]
    for x_t in p.x:
        y_t, h_t = en.step(params, x_t, h[-1], "tanh")
        y.append(y_t)
        h.append(h_t)
    total, dx, dh_0 = through_time(params, p.x, h, p.dy, p.dh_n, p.chunk)
    return {"y": np.array(y), "dx": dx, "dh_0": dh_0, **{f"d{name}": z for name, z in total.items()}}
