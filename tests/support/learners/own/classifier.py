"""Right. One class for each series, from the last state; softmax and cross-entropy, the mean over the batch."""
import numpy as np

STYLE = dict(axes="BTF", weights="in out", bias="1F", output="last step", h_0="zero", loss="cross-entropy mean")


def solve(p):
    hs = [np.zeros((p.B, p.H))]
    for t in range(p.T):
        hs.append(np.tanh(p.x[:, t] @ p.w_x + hs[-1] @ p.w_h + p.b_h))
    logits = hs[-1] @ p.w_y + p.b_y
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    loss = -log_p[np.arange(p.B), p.target].mean()
    dy = np.exp(log_p)
    dy[np.arange(p.B), p.target] -= 1
    dy /= p.B
    dh, dwx, dwh, dbh = dy @ p.w_y.T, 0, 0, 0
    for t in range(p.T)[::-1]:
        da = dh * (1 - hs[t + 1] ** 2)
        dwx, dwh, dbh = dwx + p.x[:, t].T @ da, dwh + hs[t].T @ da, dbh + da.sum(0)
        dh = da @ p.w_h.T
    return dict(loss=loss, dy=dy, dw_x=dwx, dw_h=dwh, db_h=dbh, dw_y=hs[-1].T @ dy, db_y=dy.sum(0), dh_0=dh)
