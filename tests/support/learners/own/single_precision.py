"""Right, in float32 whatever it is given; a list of steps, columns."""
import numpy as np

STYLE = dict(axes="TF1", bias="F1", steps="list")


def f(z):
    return np.asarray(z, dtype=np.float32)


def solve(p):
    wx, wh, wy, bh, by = f(p.w_x), f(p.w_h), f(p.w_y), f(p.b_h), f(p.b_y)
    hs, ys = [f(p.h_0)], []
    for x in p.x:
        hs.append(np.tanh(wx @ f(x) + wh @ hs[-1] + bh))
        ys.append(wy @ hs[-1] + by)
    dwx, dwh, dwy, dbh, dby, dh = 0 * wx, 0 * wh, 0 * wy, 0 * bh, 0 * by, 0 * hs[0]
    dxs = []
    for t in range(len(p.x) - 1, -1, -1):
        dy = f(p.dy[t])
        da = (1 - hs[t + 1] * hs[t + 1]) * (wy.T @ dy + dh)
        dwx, dwh, dwy = dwx + da @ f(p.x[t]).T, dwh + da @ hs[t].T, dwy + dy @ hs[t + 1].T
        dbh, dby, dh = dbh + da, dby + dy, wh.T @ da
        dxs = [wx.T @ da, *dxs]
    return dict(y=ys, h_n=hs[-1], dw_x=dwx, dw_h=dwh, dw_y=dwy, db_h=dbh, db_y=dby, dx=dxs, dh_0=dh)
