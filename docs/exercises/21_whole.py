"""Exercise 21: the whole of it, in NumPy alone: forward, loss, back through time with chunks, Adam.

Write the four functions and the class, and check them by

    python -m elman_np check 21_whole.py

w is a dict of the arrays w_x (H, I), w_h (H, H), b_h (H,), w_y (O, H), b_y (O,).
"""

import numpy as np


def forward(w, x, h_0):
    """From x (T, B, I) and h_0 (B, H) to y (T, B, O) and all states h (T + 1, B, H); h[0] is h_0."""
    ...


def mean_squared_error(y, target):
    """From y and target, both (T, B, O), to the loss and dy (T, B, O)."""
    ...


def backward(w, x, h, dy, chunk):
    """From dy (T, B, O) to a dict of the gradients of w, with its names, and dh_0 (B, H).

    No gradient crosses a border before x[chunk], x[2 * chunk], ...; nothing uses the last state but y.
    """
    ...


class Adam:
    """Adam without options."""

    def __init__(self, w, lr, beta_1, beta_2, eps):
        """Keep what is needed; w is a dict of arrays, whatever their names."""
        ...

    def step(self, w, grads):
        """Return a dict of updated arrays; w and grads stay as they are."""
        ...


# ------------------------------------------------ for the checker; nothing is left to do from here on

EXERCISE = {"number": 21, "read": "docs/bptt.md#all-steps"}
STYLE = {"loss": "mean of squares", "chunk": 4}
ADAM = {"arrays": "dict"}


def solve(p):
    """One pass through your network."""
    w = {name: getattr(p, name) for name in ("w_x", "w_h", "b_h", "w_y", "b_y")}
    y, h = forward(w, p.x, p.h_0)
    loss, dy = mean_squared_error(y, p.target)
    grads, dh_0 = backward(w, p.x, h, dy, p.chunk)
    named = {f"d{name}": grads[name] for name in w}
    return {"y": y, "h_n": h[-1], "loss": loss, "dy": dy, "dh_0": dh_0, **named}


def updates(p):
    """Yield the parameters after each update."""
    w, adam = p.params, Adam(p.params, p.lr, p.beta_1, p.beta_2, p.eps)
    for grads in p.grads:
        w = adam.step(w, grads)
        yield w


if __name__ == "__main__":  # python 21_whole.py: train on SPLG with what you wrote
    import elman_np as en

    closes, _, _ = en.split(en.load_splg()["Close"].to_numpy())
    x, target = en.windows(en.Scaler.fit(closes).transform(closes), length=20)
    w = dict(en.init_parameters(1, 8, 1, rng=0).items())
    adam = Adam(w, 0.01, 0.9, 0.999, 1e-8)
    for update in range(1, 101):
        y, h = forward(w, x, np.zeros((x.shape[1], 8)))
        loss, dy = mean_squared_error(y, target)
        grads, _ = backward(w, x, h, dy, chunk=20)
        w = adam.step(w, grads)
        if update in (1, 10, 100):
            print(f"update {update:3}  loss {loss:.6f}")
