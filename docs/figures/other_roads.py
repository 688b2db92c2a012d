"""The figure of chapter 4: `python docs/figures/other_roads.py`; with `costs`, its table of costs instead."""

import sys
import timeit
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import mpmath
import numpy as np
from palette import LIGHT, RC, save_svg

import elman_np as en
from elman_np.checking import oracles
from elman_np.recurrence import PLAIN

HERE = Path(__file__).parent


def problem(hidden: int, days: int, batch: int) -> tuple[en.Parameters, np.ndarray, np.ndarray, np.ndarray]:
    """Windows of SPLG's 2023, a network, and the upstream gradient of its mean squared error."""
    close = en.load_splg()["Close"].to_numpy()
    x, target = en.windows(en.Scaler.fit(close).transform(close), days)
    x, target = x[:, :batch], target[:, :batch]
    params, h_0 = en.init_parameters(1, hidden, 1, rng=0), np.full((x.shape[1], hidden), 0.1)
    y, _, _ = en.forward(params, x, h_0)
    return params, x, h_0, en.mse_loss(y, target)[1]


def exact_slope(arrays: list[np.ndarray], dy: np.ndarray, direction: np.ndarray) -> float:
    """Derivative of the loss (4.1) along a direction of w_h, in 80 digits, for a batch of one."""
    number = np.vectorize(lambda z: mpmath.mpf(float(z)), otypes=[object])
    w_x, w_h, b_h, w_y, b_y, x, h_0 = map(number, arrays)

    def loss(shift: mpmath.mpf) -> mpmath.mpf:
        moved, h, total = w_h + shift * number(direction), h_0[0], mpmath.mpf(0)
        for x_t, dy_t in zip(x[:, 0], number(dy)[:, 0], strict=True):
            h = np.array([mpmath.tanh(a) for a in w_x @ x_t + moved @ h + b_h])
            total += dy_t @ (w_y @ h + b_y)
        return total

    with mpmath.workdps(80):
        step = mpmath.mpf(10) ** -25
        return float((loss(step) - loss(-step)) / (2 * step))


def steps() -> None:
    """Draw the error against the step: one-sided, central, complex."""
    params, x, h_0, dy = problem(hidden=8, days=40, batch=1)
    arrays = [*params, x, h_0]
    direction = np.cos(np.arange(64.0)).reshape(8, 8)
    value = oracles.upstream_loss(arrays, dy, None, PLAIN)
    exact = exact_slope(arrays, dy, direction)

    def loss(shift: complex) -> complex:
        moved = [array.astype(complex) if isinstance(shift, complex) else array for array in arrays]
        moved[1] = moved[1] + shift * direction
        return value(moved)

    roads: dict[str, tuple[str, Callable[[float], float]]] = {
        "one-sided difference": ("amber", lambda e: (loss(e) - loss(0.0)) / e),
        "central difference": ("blue", lambda e: (loss(e) - loss(-e)) / (2 * e)),
        "complex step": ("red", lambda e: loss(e * 1j).imag / e),
    }
    figure, axes = plt.subplots(figsize=(5.8, 3.8), layout="constrained")
    sizes = np.logspace(0, -20, 81)
    for name, (colour, slope) in roads.items():
        errors = [max(abs(slope(e) / exact - 1), 2.0**-53) for e in sizes]
        axes.loglog(sizes, errors, color=LIGHT[colour], label=name)
    axes.axvline(oracles.RELATIVE_STEP, color=LIGHT["quiet"], linestyle=":")
    axes.text(oracles.RELATIVE_STEP / 1.5, 3e-15, "(4.8)", color=LIGHT["quiet"])
    axes.set(xlabel="step ε", ylabel="relative error", ylim=(5e-17, 3e1), xlim=(2, 5e-21))
    axes.grid(alpha=0.6)
    axes.legend(loc="center right", fontsize="small")
    save_svg(figure, HERE / "other_roads.svg")


def costs() -> None:
    """Print what a gradient costs by each road, in forward passes."""
    print("| H | P | back-propagation | forward mode | complex step | central differences |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    for hidden in (1, 2, 4, 8, 16):
        params, x, h_0, dy = problem(hidden, days=20, batch=32)
        arrays, tape = [*params, x, h_0], en.forward(params, x, h_0)[2]
        moved = [array.astype(complex) for array in arrays]
        loss = oracles.upstream_loss(arrays, dy, None, PLAIN)
        count = sum(p.size for p in params) + len(x) + hidden

        def fastest(call: Callable[..., object], *arguments: object) -> float:
            return min(timeit.repeat(lambda: call(*arguments), number=1, repeat=40))

        unit = fastest(en.forward, params, x, h_0)
        ratios = [
            1 + fastest(en.backward, tape, dy) / unit,
            fastest(oracles.forward_mode, params, x, h_0, dy) / unit,
            count * fastest(loss, moved) / unit,
            2 * count * fastest(loss, arrays) / unit,
        ]
        cells = [f"{float(f'{ratio:.1g}'):.0f}" for ratio in ratios]
        print(f"| {hidden} | {count} | {' | '.join(cells)} |")


if __name__ == "__main__":
    if "costs" in sys.argv[1:]:
        costs()
    else:
        with plt.rc_context(RC):
            steps()
