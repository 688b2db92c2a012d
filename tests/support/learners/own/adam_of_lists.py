"""Adam over a list; a new list comes back. The step starts at 1 before it is counted up."""
import numpy as np

ADAM = dict(arrays="list", options=("weight_decay",))


def updates(p):
    m = v = [np.zeros_like(w) for w in p.params]
    params, t = p.params, 1
    for grads in p.grads:
        t += 1
        grads = [g + p.weight_decay * w for g, w in zip(grads, params)]
        m = [p.beta_1 * a + (1 - p.beta_1) * g for a, g in zip(m, grads)]
        v = [p.beta_2 * a + (1 - p.beta_2) * g**2 for a, g in zip(v, grads)]
        rate = p.lr * np.sqrt(1 - p.beta_2**t) / (1 - p.beta_1**t)
        params = [w - rate * a / (np.sqrt(b) + p.eps * np.sqrt(1 - p.beta_2**t)) for w, a, b in zip(params, m, v)]
        yield params
