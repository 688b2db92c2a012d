"""The figure of chapter 6: `python docs/figures/gradient_flow.py`."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from palette import LIGHT, RC, save_svg

import elman_np as en

HERE = Path(__file__).parent
COLOURS = {0.5: "violet", 0.9: "blue", 1.0: "green", 1.1: "amber", 1.5: "red"}


def scaled(start: en.Parameters, rho: float) -> en.Parameters:
    """Scale w_h to the spectral radius rho, and leave all else."""
    radius = np.abs(np.linalg.eigvals(start.w_h)).max()
    return en.Parameters(start.w_x, start.w_h * (rho / radius), start.b_h, start.w_y, start.b_y)


def norms(params: en.Parameters, activation: str, series: np.ndarray, longest: int) -> list[float]:
    """Norm of d h_T / d h_{T-k} for k = 0, 1, ... (6.1b)."""
    _, _, tape = en.ElmanRNN.from_params(params, activation=activation).forward(series)
    h = tape.bptt.h[:, 0]
    slopes = 1 - h * h if activation == "tanh" else (h > 0).astype(float)
    product, found = np.eye(params.hidden_size), [1.0]
    for slope in slopes[::-1][:longest]:
        product = product @ (slope[:, None] * params.w_h)
        found.append(float(np.linalg.norm(product, 2)))
    return found


def travel() -> None:
    """Draw median and largest norm of ten networks, for five spectral radii, tanh above relu."""
    close = en.load_splg()["Close"].to_numpy()
    series = en.Scaler.fit(close).transform(close)
    starts = [en.init_parameters(1, 16, 1, rng=seed) for seed in range(10)]
    figure, panels = plt.subplots(2, 1, figsize=(5.4, 6.4), sharex=True, layout="constrained")
    for axes, activation in zip(panels, ("tanh", "relu"), strict=True):
        for rho, colour in COLOURS.items():
            found = [norms(scaled(start, rho), activation, series, 100) for start in starts]
            axes.plot(np.median(found, axis=0), color=LIGHT[colour], label=f"ρ = {rho}")
            axes.plot(np.max(found, axis=0), color=LIGHT[colour], linestyle=":", linewidth=1.2)
        axes.set(yscale="log", ylim=(1e-12, 1e6), ylabel="norm")
        axes.set_title(activation, fontsize="medium")
        axes.grid(alpha=0.6)
    panels[0].legend(loc="lower left", fontsize="small")
    panels[1].set_xlabel("k, steps back")
    save_svg(figure, HERE / "gradient_flow.svg")


if __name__ == "__main__":
    with plt.rc_context(RC):
        travel()
