"""Wrong at the second call: the gradients go on adding up."""
import numpy as np

STYLE = dict(output="none")
grads = {}


def solve(p):
    hs = [p.h_0]
    for x in p.x:
        hs.append(np.tanh(x @ p.w_x.T + hs[-1] @ p.w_h.T + p.b_h))
    key = p.w_x.shape + p.x.shape
    g = grads.setdefault(key, dict(dw_x=0 * p.w_x, dw_h=0 * p.w_h, db_h=0 * p.b_h))
    dh = 0
    for t in range(p.T)[::-1]:
        da = (p.dy[t] + dh) * (1 - hs[t + 1] ** 2)
        g["dw_x"] += da.T @ p.x[t]
        g["dw_h"] += da.T @ hs[t]
        g["db_h"] += da.sum(0)
        dh = da @ p.w_h
    return dict(y=hs[1:], dh_0=dh, **{name: z.copy() for name, z in g.items()})
