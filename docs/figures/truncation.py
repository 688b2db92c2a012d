"""The figures of chapter 5: `python docs/figures/truncation.py`."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from palette import LIGHT, RC, save_svg

import elman_np as en

HERE = Path(__file__).parent
STEPS, BORDER = 6, 3


def arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], *, back: bool = False) -> None:
    """Draw the state's way forward, solid, or the gradient's way back, dashed."""
    style = {"color": LIGHT["red"], "linestyle": (0, (4, 3))} if back else {"color": LIGHT["blue"]}
    axes.annotate(
        "", end, start, arrowprops={"arrowstyle": "-|>", "lw": 1.5, "shrinkA": 0, "shrinkB": 0, **style}
    )


def row(axes: Axes, y: float, title: str, *, state_goes_on: bool) -> None:
    """Draw six steps with a border after the third."""
    axes.text(-0.75, y + 0.78, title, fontweight="bold")
    axes.text(-0.55, y, "h₀", ha="center", va="center", fontsize=13)
    for t in range(STEPS):
        box = plt.Rectangle((t + 0.2, y - 0.25), 0.6, 0.5, facecolor=LIGHT["paper"], edgecolor=LIGHT["ink"])
        axes.add_patch(box)
        axes.text(t + 0.5, y, "h" + "₁₂₃₄₅₆"[t], ha="center", va="center", fontsize=13)
        if t != BORDER:
            left = t - 0.2 if t else -0.35
            arrow(axes, (left, y + 0.13), (t + 0.2, y + 0.13))
            arrow(axes, (t + 0.2, y - 0.13), (left, y - 0.13), back=True)
    axes.plot([BORDER, BORDER], [y - 0.5, y + 0.5], color=LIGHT["quiet"], linestyle=":")
    if state_goes_on:
        arrow(axes, (BORDER - 0.2, y + 0.13), (BORDER + 0.2, y + 0.13))
    else:
        axes.text(BORDER, y + 0.72, "h₀", ha="center", va="center", fontsize=13)
        arrow(axes, (BORDER + 0.05, y + 0.55), (BORDER + 0.32, y + 0.26))
        arrow(axes, (BORDER + 0.62, y + 0.26), (BORDER + 0.22, y + 0.68), back=True)


def cut() -> None:
    """Draw what a reset and a chunk cut."""
    figure, axes = plt.subplots(figsize=(5.6, 3.2))
    row(axes, 1.9, "reset", state_goes_on=False)
    row(axes, 0.0, "chunk", state_goes_on=True)
    axes.set(xlim=(-0.8, STEPS + 0.1), ylim=(-0.6, 2.95))
    axes.set_axis_off()
    save_svg(figure, HERE / "truncation_cut.svg")


def gradient(model: en.ElmanRNN, x: np.ndarray, target: np.ndarray, *, last_day_only: bool) -> np.ndarray:
    """All five gradients as one vector."""
    y, _, tape = model.forward(x)
    _, dy = en.mse_loss(y, target)
    if last_day_only:
        dy[:-1] = 0
    return np.concatenate([array.ravel() for array in model.backward(tape, dy)[0]])


def error() -> None:
    """Draw the relative difference between truncated and full gradient."""
    close = en.load_splg()["Close"].to_numpy()
    x, target = en.windows(en.Scaler.fit(close).transform(close), 40)
    params = en.init_parameters(1, 8, 1, rng=0)
    lengths = range(1, 41)
    figure, panels = plt.subplots(2, 1, figsize=(5.4, 5.6), sharex=True, layout="constrained")
    for axes, last_day_only in zip(panels, (False, True), strict=True):
        full = gradient(en.ElmanRNN.from_params(params), x, target, last_day_only=last_day_only)
        for kind, colour in (("reset_every", "amber"), ("chunk", "blue")):
            models = (en.ElmanRNN.from_params(params, **{kind: k}) for k in lengths)
            cuts = (gradient(model, x, target, last_day_only=last_day_only) for model in models)
            apart = [np.linalg.norm(cut - full) / np.linalg.norm(full) for cut in cuts]
            label = {"reset_every": "reset", "chunk": "chunk"}[kind]
            axes.plot(lengths, apart, color=LIGHT[colour], marker=".", linewidth=1, label=label)
        axes.set_title(
            "loss on the last day only" if last_day_only else "loss on all days", fontsize="medium"
        )
        axes.set_ylabel("relative difference")
        axes.set_ylim(0, 0.6)
        axes.grid(alpha=0.6)
    panels[0].legend(loc="upper right")
    panels[1].set_xlabel("k")
    save_svg(figure, HERE / "truncation_error.svg")


if __name__ == "__main__":
    with plt.rc_context(RC):
        cut()
        error()
