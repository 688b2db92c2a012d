"""The figures of chapter 8: `python docs/figures/floating_point.py`."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from palette import LIGHT, RC, save_svg

import elman_np as en
import elman_torch as et
from elman_np.checking.balls import Unit
from elman_np.checking.bounds import forward_ball, phi_ball

HERE = Path(__file__).parent


def gaps() -> None:
    """Draw all positive numbers from 1/4 to 4 that have three binary digits."""
    figure, axes = plt.subplots(figsize=(5.4, 1.3))
    for exponent in (-2, -1, 0, 1):
        numbers = 2.0**exponent * (1 + np.arange(4) / 4)
        axes.vlines(numbers, 0, 1, color=LIGHT["blue"])
        axes.vlines(numbers[0], 0, 1.5, color=LIGHT["blue"])
        axes.text(numbers[0], 1.7, {-2: "¼", -1: "½"}.get(exponent, f"{numbers[0]:.0f}"), ha="center")
    axes.vlines(4, 0, 1.5, color=LIGHT["blue"])
    axes.text(4, 1.7, "4", ha="center")
    axes.axhline(0, color=LIGHT["quiet"], linewidth=1)
    axes.set(xlim=(0, 4.15), ylim=(0, 2.2))
    axes.axis("off")
    save_svg(figure, HERE / "floating_point_gaps.svg")


def year() -> None:
    """Draw how far two programs are from the middle over the year 2023, and two radii."""
    close = en.load_splg()["Close"].to_numpy()
    series = en.Scaler.fit(close).transform(close).astype(np.float32)
    params = en.init_parameters(1, 16, 1, dtype=np.float32, rng=0)
    x, h_0 = series[:-1, None, None], np.zeros((1, 16), np.float32)
    plain, signed = (forward_ball(params, x, h_0, kept=kept).h for kept in (0, 2**18))
    show_h = en.Parameters(params.w_x, params.w_h, params.b_h, np.eye(16, dtype=np.float32), 0 * params.b_h)
    model = en.ElmanRNN.from_params(show_h)
    with torch.no_grad():
        theirs = et.ElmanRNN.from_numpy(model)(torch.tensor(x))[0].numpy()
    found = {"NumPy": ("blue", model(x)[0]), "PyTorch": ("amber", theirs)}
    figure, axes = plt.subplots(figsize=(5.4, 3.8))
    days = np.arange(1, len(x) + 1)
    axes.plot(
        days, plain.rad.max(axis=(1, 2)), color=LIGHT["red"], linestyle=":", label="radius, without signs"
    )
    axes.plot(days, signed.rad.max(axis=(1, 2)), color=LIGHT["red"], label="radius, with signs")
    for name, (colour, h) in found.items():
        distance = np.abs(h - signed.mid).max(axis=(1, 2))
        axes.plot(days, distance, color=LIGHT[colour], linewidth=1, label=name)
    axes.set(yscale="log", xlabel="day of 2023", ylabel="distance from the middle", ylim=(1e-9, 1e1))
    axes.legend(fontsize="small", loc="center right", bbox_to_anchor=(1, 0.72))
    axes.grid(alpha=0.6)
    save_svg(figure, HERE / "floating_point_year.svg")


def slopes() -> None:
    """Draw the relative radius of tanh's slope against the pre-activation."""
    figure, axes = plt.subplots(figsize=(5.4, 3.2))
    a = np.linspace(0, 10, 201, dtype=np.float32)
    for dtype, colour in ((np.float32, "blue"), (np.float64, "green")):
        ball = Unit.of(dtype).exact(a.astype(dtype))
        _, slope, _ = phi_ball(ball, "tanh")
        true = 1 / np.cosh(a.astype(np.float64)) ** 2
        h = np.tanh(a.astype(dtype))
        error = np.abs((1 - h * h) - 1 / np.cosh(a.astype(np.longdouble)) ** 2).astype(float) / true
        label = np.dtype(dtype).name
        axes.plot(a, slope.rad.astype(float) / true, color=LIGHT[colour], label=f"radius, {label}")
        axes.plot(
            a, np.where(error > 0, error, np.nan), ".", color=LIGHT[colour], ms=2, label=f"NumPy, {label}"
        )
    axes.set(yscale="log", xlabel="a", ylabel="relative error of 1 − h²", ylim=(1e-18, 1e3))
    axes.axhline(1, color=LIGHT["quiet"], linewidth=1)
    axes.legend(fontsize="small", ncols=2, loc="lower right")
    axes.grid(alpha=0.6)
    save_svg(figure, HERE / "floating_point_slope.svg")


if __name__ == "__main__":
    with plt.rc_context(RC):
        gaps()
        year()
        slopes()
