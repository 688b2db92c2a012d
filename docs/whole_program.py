"""An Elman network on a year of SPLG's closes: python whole_program.py splg.csv"""

import sys

import numpy as np

HIDDEN, DAYS, EPOCHS, BATCH, LR, CLIP = 8, 20, 200, 32, 0.01, 1.0


def forward(params, x):
    w_x, w_h, b_h, w_y, b_y = params
    h = np.zeros((len(x) + 1, x.shape[1], HIDDEN))  # h[0] is h_0; x[t] makes h[t + 1]
    for t in range(len(x)):
        h[t + 1] = np.tanh(x[t] @ w_x.T + h[t] @ w_h.T + b_h)  # (1.1) (1.2)
    return h[1:] @ w_y.T + b_y, h  # (1.3)


def backward(params, x, h, dy):
    _, w_h, _, w_y, _ = params
    dw_x, dw_h, db_h, dw_y, db_y = grads = [np.zeros_like(p) for p in params]
    dh_next = np.zeros_like(h[0])
    for t in reversed(range(len(x))):
        dh = dy[t] @ w_y + dh_next  # (3.1) (3.2)
        da = dh * (1 - h[t + 1] ** 2)  # (3.3) (3.4)
        dw_x += da.T @ x[t]  # (3.8)
        dw_h += da.T @ h[t]  # (3.9)
        db_h += da.sum(axis=0)  # (3.10)
        dw_y += dy[t].T @ h[t + 1]  # (3.11)
        db_y += dy[t].sum(axis=0)  # (3.12)
        dh_next = da @ w_h  # (3.6)
    return grads


def adam(p, g, m, v, step):
    m[:] = 0.9 * m + (1 - 0.9) * g  # (7.1)
    v[:] = 0.999 * v + (1 - 0.999) * g**2  # (7.2)
    m_hat, v_hat = m / (1 - 0.9**step), v / (1 - 0.999**step)  # (7.3) (7.4)
    return p - LR * m_hat / (np.sqrt(v_hat) + 1e-8)  # (7.5)


def train(params, series):
    view = np.lib.stride_tricks.sliding_window_view(series, DAYS).T[..., None]
    x, target = view[:, :-1], view[:, 1:]  # (days, windows, 1); targets are a day on
    ms, vs = ([np.zeros_like(p) for p in params] for _ in range(2))
    rng, step = np.random.default_rng(0), 0
    for epoch in range(1, EPOCHS + 1):
        order, total = rng.permutation(x.shape[1]), 0.0
        for batch in np.split(order, range(BATCH, len(order), BATCH)):
            y, h = forward(params, x[:, batch])
            residual = y - target[:, batch]
            total += np.mean(residual**2) * len(batch)  # (2.1)
            dy = residual * (2 / y.size)  # (2.2)
            grads = backward(params, x[:, batch], h, dy)
            norm = np.sqrt(sum((g**2).sum() for g in grads))
            grads = [g * min(1.0, CLIP / (norm + 1e-6)) for g in grads]  # (7.10)
            step += 1
            arrays = zip(params, grads, ms, vs, strict=True)
            params = [adam(p, g, m, v, step) for p, g, m, v in arrays]
        if epoch in (1, 10, 100, EPOCHS):
            print(f"epoch {epoch:3}  loss {total / len(order):.6f}")
    return params


def main(path):
    rows = np.loadtxt(path, delimiter=",", skiprows=1, usecols=(0, 1), dtype=str)
    close = np.array([float(price) for date, price in rows if date.startswith("2023")])
    first, second = round(0.7 * len(close)), round(0.85 * len(close))
    mean, std = close[:first].mean(), close[:first].std()
    scaled = (close - mean) / std  # (2.3)
    rng, bound = np.random.default_rng(0), 1 / np.sqrt(HIDDEN)
    shapes = (HIDDEN, 1), (HIDDEN, HIDDEN), HIDDEN, (1, HIDDEN), 1
    params = [rng.uniform(-bound, bound, shape) for shape in shapes]  # (1.6)
    y, _ = forward(train(params, scaled[:first]), scaled[:, None, None])
    forecast = y.ravel() * std + mean  # (2.4)
    for name, guess in ("Elman network", forecast), ("tomorrow = today", close):
        off = guess[:-1] - close[1:]  # of the days 1, 2, ... counted from 0
        parts = off[: first - 1], off[first - 1 : second - 1], off[second - 1 :]
        errors = [np.sqrt(np.mean(part**2)) for part in parts]  # (2.5)
        print(f"{name:16}", *(f"{error:.3f}" for error in errors))


if __name__ == "__main__":
    main(sys.argv[1])
