"""Exercise 20: Adam, (7.1) to (7.5) of docs/adam.md.

Put an expression in place of each `...`, and check it by

    python -m elman_np check 20_adam.py
"""

import numpy as np


class Adam:
    """Updates a dict of arrays."""

    def __init__(self, params, lr, beta_1, beta_2, eps):
        self.params, self.lr, self.beta_1, self.beta_2, self.eps = params, lr, beta_1, beta_2, eps
        self.m = {name: np.zeros_like(p) for name, p in params.items()}
        self.v = {name: np.zeros_like(p) for name, p in params.items()}
        self.updates = 0

    def step(self, grads):
        """Update self.params by a dict of gradients of the same names."""
        self.updates += 1
        for name, g in grads.items():
            self.m[name] = ...
            self.v[name] = ...
            m_hat = ...
            v_hat = ...
            self.params[name] = ...


# ------------------------------------------------ for the checker; nothing is left to do from here on

EXERCISE = {"number": 20, "read": "docs/adam.md", "next": "21_whole.py"}
ADAM = {"arrays": "dict"}


def updates(p):
    """Yield the parameters after each update."""
    adam = Adam(p.params, p.lr, p.beta_1, p.beta_2, p.eps)
    for grads in p.grads:
        adam.step(grads)
        yield adam.params
