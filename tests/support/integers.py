"""Problems of small integers and relu: every sum is exact in every order, so that not a bit may differ."""

import numpy as np

import elman_np as en
from elman_np.checking.problems import Case

LEAVES = ("w_x", "w_h", "b_h", "w_y", "b_y", "x", "h_0")
SHARE = 3
"""PyTorch's two biases may be larger than their sum, by so much each."""


def exact_tensors(case, kind=object, *, magnitudes=False):
    """Every tensor of the problem in Python's integers, or in another kind, a step at a time.

    With `magnitudes`, of absolute values, and relu lets all of them pass: no partial sum is larger.
    """

    def exact(z):
        whole = np.vectorize(int, otypes=[object])(z) if z.size and kind is object else z.astype(kind)
        return np.abs(whole) if magnitudes else whole

    model, steps = case.model, len(case.x)
    arrays = [exact(z) for z in (*model.params, case.x, case.h_0, case.dy, case.dh_n)]
    w_x, w_h, b_h, w_y, b_y, x, h_0, dy, dh_next = arrays
    if magnitudes:
        b_h = b_h + 2 * SHARE
    h, befores, states, outputs = h_0, [], [], []
    for t in range(steps):
        h = h_0 if model.reset_every and t % model.reset_every == 0 else h
        befores.append(h)
        h = np.maximum(x[t] @ w_x.T + h @ w_h.T + b_h, 0)
        states.append(h)
        outputs.append(h @ w_y.T + b_y)
    tensors = {f"d{name}": np.zeros_like(z) for name, z in zip(LEAVES, arrays, strict=False)}
    tensors |= {"y": np.array(outputs, dtype=kind).reshape(dy.shape), "h_n": h}
    for t in reversed(range(steps)):
        da = (dy[t] @ w_y + dh_next) * (np.ones_like(h) if magnitudes else states[t] > 0)
        tensors["dw_x"] += da.T @ x[t]
        tensors["dw_h"] += da.T @ befores[t]
        tensors["db_h"] += da.sum(axis=0)
        tensors["dw_y"] += dy[t].T @ states[t]
        tensors["db_y"] += dy[t].sum(axis=0)
        tensors["dx"][t] = da @ w_x
        dh_next = da @ w_h
        if model.reset_every and t % model.reset_every == 0:
            tensors["dh_0"] += dh_next
            dh_next = np.zeros_like(dh_next)
        elif model.chunk and t > 0 and t % model.chunk == 0:
            dh_next = np.zeros_like(dh_next)
    if not model.reset_every or steps == 0:
        tensors["dh_0"] += dh_next
    return tensors


def is_exact(case, kind=object):
    """Whether no partial sum is larger than the integers that the dtype has."""
    largest = max(np.max(z) for z in exact_tensors(case, kind, magnitudes=True).values())
    return largest <= 2 ** (np.finfo(case.model.dtype).nmant + 1)


def large_case(size, dtype, seed, **truncation):
    """Draw a case of any sizes T B I H O, as full as its sums allow, and the five arrays by themselves.

    A unit hears one other unit at most, so that nothing grows faster than by addition.
    """
    steps, batch, inputs, hidden, outputs = size
    rng = np.random.default_rng(seed)
    for links, density in ((1, 1), (0.5, 1), *((0.5, 2.0**-k) for k in range(1, 60))):

        def integers(*shape, density=density):
            return (rng.integers(-2, 3, shape) * (rng.random(shape) < density)).astype(dtype)

        w_h = np.zeros((hidden, hidden), dtype)
        heard = rng.choice([-1, 1, 1, 1], hidden) * (rng.random(hidden) < links)
        w_h[np.arange(hidden), rng.permutation(hidden)] = heard
        arrays = (
            integers(hidden, inputs),
            w_h,
            integers(hidden),
            integers(outputs, hidden),
            integers(outputs),
        )
        model = en.ElmanRNN.from_params(en.Parameters(*arrays), activation="relu", **truncation)
        x, dy = integers(steps, batch, inputs), integers(steps, batch, outputs)
        case = Case(model, x, integers(batch, hidden), dy, integers(batch, hidden), None)
        if is_exact(case, np.float64):
            return case, arrays
    raise AssertionError(f"no exact case of the sizes {size}")
