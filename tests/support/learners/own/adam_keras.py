"""Right, with a convention: eps is added before the correction. One array; only the end is shown."""
import numpy as np

ADAM = dict(arrays="one")


def updates(p):
    w, m, v = p.params, 0, 0
    for t, g in enumerate(p.grads, 1):
        m = m + (g - m) * (1 - p.beta_1)
        v = v + (g * g - v) * (1 - p.beta_2)
        alpha = p.lr * np.sqrt(1 - p.beta_2**t) / (1 - p.beta_1**t)
        w = w - alpha * m / (np.sqrt(v) + p.eps)
    return [w]
