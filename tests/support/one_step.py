"""A sequence judged one step at a time, from its own states: sharp and cheap at any length and any width."""

import numpy as np

from elman_np import bptt
from elman_np.checking.step_bounds import step_balls
from elman_np.parameters import Parameters


def first_complaint(arrays, case):
    """Name the first tensor and place that is not what one step makes of its neighbours; None if none is.

    `arrays` are the five of the network, as the test drew them.
    """
    model, x, h_0, dy, dh_n = case.model, case.x, case.h_0, case.dy, case.dh_n
    y, h_n, tape = model.forward(x, h_0)
    grads, dx, dh_0 = model.backward(tape, dy, dh_n)
    own = {"h": tape.bptt.h, "y": y, "h_n": h_n, "da": bptt.state_gradients(tape.bptt, dy, dh_n)[0]}
    own |= {f"d{name}": value for name, value in grads.items()} | {"dx": dx, "dh_0": dh_0}
    problem = (Parameters(*arrays), x, h_0, model.recurrence, dh_n)
    balls = step_balls(*problem, own["h"], own["da"], dy)
    return next(filter(None, (_far(name, value, balls[name]) for name, value in own.items())), None)


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
