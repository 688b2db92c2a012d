"""The figure of docs/mistakes.md: `python docs/figures/mistakes.py`."""

from pathlib import Path
from types import ModuleType

import matplotlib.pyplot as plt
import numpy as np
from palette import LIGHT, RC, save_svg

import elman_np as en
from elman_np.checking.mistakes import NETWORK, plant

HERE = Path(__file__).parent
EPOCHS, PARTS = 60, 5
PANELS = {
    "wrong, and hardly to be told apart": {
        "recurrent term left out": ("red", "-"),
        "w_h transposed on the way back": ("amber", "-"),
        "dw_h transposed": ("violet", "-"),
        "truncated after four steps": ("green", "-"),
        "first step skipped": ("blue", ":"),
    },
    "wrong, and slower or stuck": {
        "derivative 1 + h^2": ("red", "-"),
        "derivative 1 - h": ("amber", "-"),
        "dw_h with the state after the step": ("violet", "-"),
        "dw_h with the next state": ("green", "-"),
        "reciprocal of the slope": ("blue", ":"),
    },
}


def training(package: ModuleType) -> list[float]:
    """Mean squared error before and after each epoch, on windows of 20 days of SPLG's 2023."""
    series, _, _ = en.split(en.load_splg()["Close"].to_numpy())
    x, target = en.windows(en.Scaler.fit(series).transform(series), 20)
    model, optimiser = package.ElmanRNN(1, 8, 1, rng=0), package.Adam(lr=0.01)
    rng, errors = np.random.default_rng(0), []
    for epoch in range(EPOCHS + 1):
        errors.append(float(np.mean((model(x)[0] - target) ** 2)))
        for part in np.array_split(rng.permutation(x.shape[1]), PARTS) if epoch < EPOCHS else ():
            y, _, tape = model.forward(x[:, part])
            grads = model.backward(tape, package.mse_loss(y, target[:, part])[1])[0]
            model.params = optimiser.step(model.params, grads)
    return errors


def curves() -> None:
    """Draw the error of the right program and of wrong ones."""
    known = {mistake.name: mistake for mistake in NETWORK}
    right = training(en)
    figure, panels = plt.subplots(2, 1, figsize=(5.4, 7.4), sharex=True, layout="constrained")
    for axes, (title, names) in zip(panels, PANELS.items(), strict=True):
        axes.plot(right, color=LIGHT["ink"], linewidth=2.5, label="right")
        for name, (colour, line) in names.items():
            axes.plot(training(plant(known[name])), color=LIGHT[colour], linestyle=line, label=name)
        axes.set_title(title, fontsize="medium")
        axes.set(yscale="log", ylabel="mean squared error", ylim=(0.018, 20))
        axes.grid(alpha=0.6)
        axes.legend(loc="upper right", fontsize="small")
    panels[1].set_xlabel("epoch")
    save_svg(figure, HERE / "mistakes_training.svg")


if __name__ == "__main__":
    with plt.rc_context(RC):
        curves()
