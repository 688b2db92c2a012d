"""The figures of chapter 7: `python docs/figures/adam.py`."""

import math
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from palette import LIGHT, RC, save_svg

import elman_np as en

HERE = Path(__file__).parent
BETA_1, BETA_2 = 0.9, 0.999


def start() -> None:
    """Draw the running means of gradients that are all 1."""
    t = np.arange(1, 5_001)
    figure, axes = plt.subplots(figsize=(5.4, 3.2))
    axes.plot(t, 1 - BETA_1**t, color=LIGHT["blue"], label="m")
    axes.plot(t, np.sqrt(1 - BETA_2**t), color=LIGHT["red"], label="root of v")
    axes.plot(t, np.ones(len(t)), color=LIGHT["quiet"], linestyle="--", label="both, corrected")
    axes.set(xscale="log", xlabel="update t", ylim=(0, 1.08))
    axes.legend(loc="lower right")
    save_svg(figure, HERE / "adam_start.svg")


def step_bound() -> None:
    """Draw the worst case of a step, and three usual ones."""
    t = np.unique(np.geomspace(1, 20_000, 200).astype(int))
    ratio = BETA_1**2 / BETA_2
    spike = (1 - BETA_1) / (1 - BETA_1**t) * np.sqrt((1 - BETA_2**t) / (1 - BETA_2))
    worst = spike * np.sqrt((1 - ratio**t) / (1 - ratio))
    noise = math.sqrt((1 - BETA_1) / (1 + BETA_1))
    figure, axes = plt.subplots(figsize=(5.4, 3.4))
    axes.plot(t, worst, color=LIGHT["red"], label="growing gradients (the bound)")
    axes.plot(t, spike, color=LIGHT["amber"], label="one gradient after zeros")
    axes.plot(t, np.ones(len(t)), color=LIGHT["blue"], label="equal gradients")
    axes.axhline(noise, color=LIGHT["green"], linestyle=":", label="noise, root mean square")
    axes.set(xscale="log", xlabel="update t", ylabel="length of the step / learning rate", ylim=(0, 7.6))
    axes.legend(loc="upper left", fontsize="small")
    save_svg(figure, HERE / "adam_step_bound.svg")


def path(gradients: np.ndarray, form: str = "paper", eps: float = 1e-8, shift: int = 0) -> np.ndarray:
    """Follow parameters from 0, one for each column of gradients, at learning rate 1, as on the page."""
    p = m = v = np.zeros(gradients.shape[1])
    points = []
    for t, g in enumerate(gradients, start=1):
        m, v = BETA_1 * m + (1 - BETA_1) * g, BETA_2 * v + (1 - BETA_2) * g * g
        c_1, c_2 = 1 - BETA_1 ** (t + shift), 1 - BETA_2 ** (t + shift)
        match form:
            case "paper":
                step = (m / c_1) / (np.sqrt(v / c_2) + eps)
            case "eps-hat":
                step = (math.sqrt(c_2) / c_1) * m / (np.sqrt(v) + eps)
            case "inside":
                step = (m / c_1) / np.sqrt(v / c_2 + eps)
            case "no correction":
                step = m / (np.sqrt(v) + eps)
        p = p - step
        points.append(p)
    return np.array(points)


def variants() -> None:
    """Draw how far variants stray, against the size of the gradients."""
    changes = np.diff(en.load_splg()["Close"].to_numpy())
    sizes = np.geomspace(1e-9, 1e1, 81)
    gradients = np.outer(changes / np.std(changes), sizes)
    paper = path(gradients)
    kinds = {
        "no correction": ("violet", "-", {"form": "no correction"}),
        "t off by one": ("green", "-", {"shift": 1}),
        "ε = 1e-8 inside the root": ("red", "-", {"form": "inside"}),
        "ε = 1e-6": ("amber", "-", {"eps": 1e-6}),
        "ε = 1e-7 before the correction": ("blue", "-", {"form": "eps-hat", "eps": 1e-7}),
        "ε = 1e-8 before the correction": ("blue", ":", {"form": "eps-hat"}),
    }
    figure, axes = plt.subplots(figsize=(5.4, 4.6))
    for label, (colour, line, options) in kinds.items():
        apart = np.abs(path(gradients, **options) - paper).max(axis=0) / np.abs(paper).max(axis=0)
        axes.plot(sizes, apart, color=LIGHT[colour], linestyle=line, label=label)
    axes.set(
        xscale="log", yscale="log", xlabel="size of the gradients", ylabel="distance from the paper's path"
    )
    axes.set_ylim(1e-9, 2e1)
    figure.legend(loc="upper center", bbox_to_anchor=(0.54, 0), ncols=2, fontsize="small")
    save_svg(figure, HERE / "adam_variants.svg")


if __name__ == "__main__":
    with plt.rc_context(RC):
        start()
        step_bound()
        variants()
