"""A sequence judged one step at a time, from its own states: sharp and cheap at any length and any width.

Whatever the network amplifies, one step does not. The state that a program has found, put through one step
in longer arithmetic, must give its own next state; its own gradients must give those of the step before,
and the sums over all steps. A right program is off by the roundings of one step.
"""

import numpy as np

from elman_np import bptt
from elman_np.checking.balls import Unit, dot

TANH_ULPS = 4
"""Error allowed to a library's tanh, in units in the last place."""


def starts(steps, every):
    """Which steps begin a stretch."""
    return np.arange(steps) % (every or max(steps, 1)) == 0


def first_complaint(arrays, case):
    """Name the first tensor and place that is not what one step makes of its neighbours; None if none is.

    `arrays` are the five of the network, as the test drew them.
    """
    model, x, h_0, dy, dh_n = case.model, case.x, case.h_0, case.dy, case.dh_n
    y, h_n, tape = model.forward(x, h_0)
    grads, dx, dh_0 = model.backward(tape, dy, dh_n)
    h, da = tape.bptt.h, bptt.state_gradients(tape.bptt, dy, dh_n)[0]
    first, cut = starts(len(x), model.reset_every), starts(len(x), model.reset_every or model.chunk)

    unit, steps = Unit.of(model.dtype), (slice(None), None, None)
    w_x, w_h, b_h, w_y, b_y = map(unit.exact, arrays)
    before = np.where(first[steps], h_0, np.concatenate([h_0[None], h[:-1]]))
    after = np.where(np.append(cut[1:], True)[steps], 0, np.concatenate([da[1:], dh_n[None]]))
    from_end = np.concatenate([np.zeros_like(h[1:]), dh_n[None]])
    a = dot([(unit.exact(x), w_x.T), (unit.exact(before), w_h.T)], [b_h])
    balls = {"h": PHI[model.activation](a)}
    balls["y"] = dot([(unit.exact(h), w_y.T)], [b_y])
    dh = dot([(unit.exact(dy), w_y), (unit.exact(after), w_h)], [unit.exact(from_end)])
    balls["da"] = dh * SLOPE[model.activation](unit.exact(h))
    balls["dx"] = dot([(unit.exact(da), w_x)])
    into_h_0 = dot([(unit.exact(da[first]), w_h)])
    balls["dh_0"] = dot([], [into_h_0[n] for n in range(first.sum())])

    def total(left, right):
        rows = [unit.exact(z.reshape(-1, z.shape[-1])) for z in (left, right)]
        return dot([(rows[0].T, rows[1])])

    ones = np.ones_like(x[..., :1])
    balls |= {"dw_x": total(da, x), "dw_h": total(da, before), "dw_y": total(dy, h)}
    balls |= {"db_h": total(ones, da)[0], "db_y": total(ones, dy)[0]}
    own = {"h": h, "y": y, "da": da, "dx": dx, "dh_0": dh_0}
    own |= {f"d{name}": value for name, value in grads.items()}
    if not np.array_equal(h_n, h[-1]):
        return "h_n is not the last state"
    return next(filter(None, (_far(name, own[name], ball) for name, ball in balls.items())), None)


def _tanh(a):
    """tanh brings nothing farther apart, and is itself off by some units in the last place."""
    h = np.tanh(a.mid)
    return a.unit.rounded(h, a.rad, 2 * TANH_ULPS, np.abs(h))


def _relu(a):
    """Relu brings nothing farther apart, and rounds nothing."""
    return a.unit.rounded(np.maximum(a.mid, 0), a.rad, 0)


PHI = {"tanh": _tanh, "relu": _relu}
SLOPE = {"tanh": lambda h: h.unit.exact(1.0) - h * h, "relu": lambda h: h.unit.exact(h.mid > 0)}
"""Of the state that the program has found."""


def _far(name, value, ball):
    """Say where a value is out of its ball, or not a number."""
    far = ~(np.abs(value - ball.mid) <= ball.rad)
    if not far.any():
        return None
    index = tuple(np.argwhere(far)[0].tolist())
    return (
        f"{name}{list(index)} is {value[index]!r}, one step gives {float(ball.mid[index])!r} "
        f"within {float(ball.rad[index]):.1e}; {far.sum()} of {far.size} are off"
    )
