"""Each mistake beside what is right, and which usual checks miss it: the items of docs/mistakes.md.

    python -m tests.programs.mistakes_page

prints the entries of the page. The formulas stand here; names and sentences are the catalogue's.
"""

import os
from types import ModuleType

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np
import torch

import elman_np as en
from elman_np.checking.learner.report import PAGES, SEQUENCE
from elman_np.checking.mistakes import ADAM, NETWORK, Mistake, plant
from tests.programs.kill_table import (
    ADAM_CHECKS,
    DTYPES,
    LETTERS,
    NETWORK_CHECKS,
    complains,
    reachable,
)

USUAL = {id(NETWORK): dict(list(NETWORK_CHECKS.items())[:8]), id(ADAM): dict(list(ADAM_CHECKS.items())[:2])}

A, H, Y = r"a_t = x_t w_x^\top + h_{t-1} w_h^\top + b_h", r"h_t = \phi(a_t)", r"y_t = h_t w_y^\top + b_y"
DH, DA, BACK = r"dh_t = dy_t w_y + da_{t+1} w_h", r"da_t = dh_t (1 - h_t^2)", r"da_{t+1} w_h"
DWX, DWH, DBH = r"\sum_t da_t^\top x_t", r"\sum_t da_t^\top h_{t-1}", r"\sum_t da_t"
DWY, DBY, DX = r"\sum_t dy_t^\top h_t", r"\sum_t dy_t", r"dx_t = da_t w_x"
STEP = r"p - \eta\, \hat m / (\sqrt{\hat v} + \varepsilon)"

FORMULAS: dict[str, dict[str, tuple[str, str]]] = {
    "Forward": {
        "w_h not transposed in the forward pass": (A, r"a_t = x_t w_x^\top + h_{t-1} w_h + b_h"),
        "no recurrence in the forward pass": (A, r"a_t = x_t w_x^\top + b_h"),
        "hidden bias left out": (A, r"a_t = x_t w_x^\top + h_{t-1} w_h^\top"),
        "hidden bias added twice": (A, r"a_t = x_t w_x^\top + h_{t-1} w_h^\top + 2 b_h"),
        "output bias left out": (Y, r"y_t = h_t w_y^\top"),
        "outputs from the state before": (Y, r"y_t = h_{t-1} w_y^\top + b_y"),
        "inputs a step late": (A, r"a_t = x_{t-1} w_x^\top + h_{t-1} w_h^\top + b_h"),
        "initial state ignored": ("h_0", "0"),
        "last state a step early": ("h_n = h_T", r"h_n = h_{T-1}"),
        "activation on the input's part alone": (H, r"h_t = \phi(x_t w_x^\top + b_h) + h_{t-1} w_h^\top"),
        "state carried in float32": (r"h_{t-1}", r"h_{t-1}\text{ with 24 binary digits}"),
        "state carried in float16": (r"h_{t-1}", r"h_{t-1}\text{ with 11 binary digits}"),
        "cell: outputs squashed": (Y, r"y_t = \tanh(h_t w_y^\top + b_y)"),
    },
    "Activation, and its slope": {
        "relu where tanh is meant": (r"h = \tanh a", r"h = \max(a, 0)"),
        "tanh by exponentials": (r"h = \tanh a", r"h = (e^a - e^{-a}) / (e^a + e^{-a})"),
        "tanh with a wrong sign": (r"h = \tanh a", r"h = (e^a - e^{-a}) / (e^a - e^{-a})"),
        "tanh by way of a sigmoid": (r"h = \tanh a", r"h = 2\,\sigma(2a) - 1"),
        "tanh cut off straight": (r"h = \tanh a", r"h = \max(-1, \min(a, 1))"),
        "relu that leaks": (r"h = \max(a, 0)", r"h = \max(a, a / 10^6)"),
        "relu with a lid": (r"h = \max(a, 0)", r"h = \min(\max(a, 0), 6)"),
        "derivative 1 - h": (DA, r"da_t = dh_t (1 - h_t)"),
        "derivative 1 + h^2": (DA, r"da_t = dh_t (1 + h_t^2)"),
        "derivative at the state before": (DA, r"da_t = dh_t (1 - h_{t-1}^2)"),
        "slope of another step": (r"da_t = dh_t\, \phi'_t", r"da_t = dh_t\, \phi'_{t-1}"),
        "one activation for all steps": (r"da_t = dh_t\, \phi'_t", r"da_t = dh_t\, \phi'_T"),
        "derivative of the pre-activation": (DA, r"da_t = dh_t (1 - a_t^2)"),
        "tanh applied twice in the derivative": (DA, r"da_t = dh_t (1 - \tanh^2 h_t)"),
        "reciprocal of the slope": (DA, r"da_t = dh_t / (1 - h_t^2)"),
        "tanh's derivative under relu": (r"da_t = dh_t\, [h_t > 0]", DA),
        "relu passes everything": (r"da_t = dh_t\, [h_t > 0]", r"da_t = dh_t\, [h_t \ge 0]"),
        "relu's mask with a threshold": (r"da_t = dh_t\, [h_t > 0]", r"da_t = dh_t\, [h_t > 0.001]"),
        "relu applied to the gradient": (r"da_t = dh_t\, [h_t > 0]", r"da_t = \max(dh_t, 0)\, [h_t > 0]"),
    },
    "Loss": {
        "sum of squares for their mean": (r"L = \frac1n \sum r^2", r"L = \sum r^2"),
        "2 / n left out": (r"dy = \frac2n\, r", "dy = r"),
        "2 left out": (r"dy = \frac2n\, r", r"dy = \frac1n\, r"),
        "n counts steps only": (r"dy = \frac2n\, r,\ n = T B O", r"dy = \frac2T\, r"),
        "residual with the wrong sign": (r"r = y - \text{target}", r"r = \text{target} - y"),
    },
    "Back through time": {
        "recurrent term left out": (DH, r"dh_t = dy_t w_y"),
        "upstream gradient doubled": (DH, r"dh_t = 2\, dy_t w_y"),
        "w_h transposed on the way back": (BACK, r"da_{t+1} w_h^\top"),
        "the loop runs forwards in time": (DH, r"dh_t = dy_t w_y + da_{t-1} w_h"),
        "upstream gradient at the last step only": (DH, r"dh_t = da_{t+1} w_h,\ t < T"),
        "truncated after four steps": (BACK, r"0\text{ at every fourth step}"),
        "truncated after 32 steps": (BACK, r"0\text{ at every 32nd step}"),
        "each loss sent back five steps": (r"dL_s / da_t,\ t \le s", r"dL_s / da_t,\ s - 4 \le t \le s"),
        "gradient of the last state ignored": (r"dh_T = dy_T w_y + dh_n", r"dh_T = dy_T w_y"),
        "recurrent gradient clipped": (BACK, r"\max(-1, \min(da_{t+1} w_h, 1))"),
        "recurrent gradient in float32": (BACK, r"da_{t+1} w_h\text{ with 24 binary digits}"),
        "w_h transposed beyond the 32nd unit": (BACK, r"da_{t+1} w_h^\top\text{ in a block}"),
        "gradient of h_0 a hop short": (r"dh_0 = da_1 w_h", "dh_0 = da_1"),
        "gradient of h_0 left zero": (r"dh_0 = da_1 w_h", "dh_0 = 0"),
        "cell: only the first output counts": (r"dy_t w_y", r"dy_t w_y\text{, one output of } O"),
        "cell: dh goes back in place of da": (BACK, r"dh_{t+1} w_h"),
        "cell: input gradient without the future": (DX, r"dx_t = (dy_t w_y\, \phi'_t)\, w_x"),
    },
    "Sums": {
        "input gradients in reverse": (DX, r"dx_t = da_{T+1-t} w_x"),
        "dw_x with the input before": (DWX, r"\sum_t da_t^\top x_{t-1}"),
        "cell: dw_x from dh": (DWX, r"\sum_t dh_t^\top x_t"),
        "dw_h with the state after the step": (DWH, r"\sum_t da_t^\top h_t"),
        "dw_h with the next state": (DWH, r"\sum_t da_t^\top h_{t+1}"),
        "dw_h without the first state": (DWH, r"\sum_{t>1} da_t^\top h_{t-1}"),
        "h_0 read from index -1": (r"da_1^\top h_0", r"da_1^\top h_T"),
        "dw_h transposed": (DWH, r"\sum_t h_{t-1}^\top da_t"),
        "= for += over the steps": (r"\sum_t da_t^\top x_t", r"da_1^\top x_1"),
        "first step skipped": (r"\sum_{t \ge 1}", r"\sum_{t \ge 2}"),
        "last step skipped": (r"\sum_{t \le T}", r"\sum_{t < T}"),
        "rows beyond the 64th left out": (r"\sum_{t, b}", r"\sum_{t, b \le 64}"),
        "mean for sum in db_h": (DBH, r"\frac1{TB} \sum_t da_t"),
        "cell: db_h from dh": (DBH, r"\sum_t dh_t"),
        "first row skipped in db_h": (r"\sum_{t, b} da", r"\sum_{t, b} da - da_{11}"),
        "dw_y with the state before": (DWY, r"\sum_t dy_t^\top h_{t-1}"),
        "mean for sum in db_y": (DBY, r"\frac1{TB} \sum_t dy_t"),
        "gradient clipped in silence": ("dw_h", r"\max(-5, \min(dw_h, 5))"),
        "tiny gradients set to zero": ("dw_h", r"dw_h\, [\,|dw_h| \ge 10^{-6}]"),
        "dw_x off by 1e-5": ("dw_x", r"(1 + 10^{-5})\, dw_x"),
        "dw_h off by 1e-9": ("dw_h", r"(1 + 10^{-9})\, dw_h"),
    },
    "Side effects": {
        "backward overwrites its upstream gradient": ("dy", r"dy + da_{t+1} w_h\text{ in its place}"),
        "accumulator not cleared": ("g", r"g + g_\text{before}"),
        "weights updated inside backward": ("w", r"w - \eta\, dw"),
    },
    "Adam": {
        "eps inside the root": (STEP, r"p - \eta\, \hat m / \sqrt{\hat v + \varepsilon}"),
        "eps before the correction": (
            STEP,
            r"p - \eta\, \hat m / (\sqrt{\hat v} + \varepsilon / \sqrt{1 - \beta_2^t})",
        ),
        "eps of another library": (r"\varepsilon = 10^{-8}", r"\varepsilon = 10^{-7}"),
        "eps fixed at 1e-6": (r"\varepsilon", r"10^{-6}"),
        "no eps": (STEP, r"p - \eta\, \hat m / \sqrt{\hat v}"),
        "m not corrected": (r"\hat m = m / (1 - \beta_1^t)", r"\hat m = m"),
        "v not corrected": (r"\hat v = v / (1 - \beta_2^t)", r"\hat v = v"),
        "no correction at all": (r"\hat m, \hat v", "m, v"),
        "multiplied by the corrections": (r"\hat m = m / (1 - \beta_1^t)", r"\hat m = m (1 - \beta_1^t)"),
        "corrected twice": (r"m \leftarrow m", r"m \leftarrow \hat m"),
        "step counted from 2": (r"1 - \beta^t", r"1 - \beta^{t+1}"),
        "step counted from 0": (r"1 - \beta^t", r"1 - \beta^{t-1}"),
        "step never counted": (r"1 - \beta^t", r"1 - \beta"),
        "correction of v not rooted": (r"\sqrt{v / (1 - \beta_2^t)}", r"\sqrt v / (1 - \beta_2^t)"),
        "no root in the denominator": (r"\sqrt{\hat v}", r"\hat v"),
        "gradient for its running mean": (r"\hat m", "g"),
        "Nesterov's look ahead": (r"\hat m", r"(\beta_1 m + (1 - \beta_1) g) / (1 - \beta_1^t)"),
        "size of the gradient for its square": (r"(1 - \beta_2)\, g^2", r"(1 - \beta_2)\, |g|"),
        "1 - beta_1 left out": (r"\beta_1 m + (1 - \beta_1) g", r"\beta_1 m + g"),
        "1 - beta_2 left out": (r"\beta_2 v + (1 - \beta_2) g^2", r"\beta_2 v + g^2"),
        "betas swapped": (r"\beta_1 m + (1 - \beta_1) g", r"\beta_2 m + (1 - \beta_2) g"),
        "two decays exchanged": (r"g + \lambda p", r"p - \eta \lambda p"),
        "coupled decay with the wrong sign": (r"g + \lambda p", r"g - \lambda p"),
        "decay before maximize": (r"-g + \lambda p", r"-(g + \lambda p)"),
        "decoupled decay without lr": (r"p - \eta \lambda p", r"p - \lambda p"),
        "maximize ignored": ("-g", "g"),
        "amsgrad ignored": (r"\max(v_1, \dots, v_t)", "v_t"),
        "amsgrad on the corrected v": (r"\max_s v_s", r"\max_s \hat v_s"),
        "v with a floor": ("v", r"\max(v, 10^{-12})"),
        "v kept in float32": ("v", r"v\text{ with 24 binary digits}"),
        "gradient clipped inside Adam": ("g", r"\max(-1, \min(g, 1))"),
        "entries without gradient skipped": (STEP, r"p\text{ where } g = 0"),
        "learning rate off by 1e-6": (r"\eta", r"(1 + 10^{-6})\, \eta"),
        "up in place of down": (STEP, r"p + \eta\, \hat m / (\sqrt{\hat v} + \varepsilon)"),
    },
}

EPOCHS, PARTS = 60, 5


def windows() -> tuple[np.ndarray, np.ndarray]:
    """Windows of 20 days of the training part of SPLG's 2023."""
    series, _, _ = en.split(en.load_splg()["Close"].to_numpy())
    return en.windows(en.Scaler.fit(series).transform(series), 20)


def training(package: ModuleType) -> list[float]:
    """Train eight units by 300 updates, and return the mean squared error before and after each epoch."""
    x, target = windows()
    model, optimiser = package.ElmanRNN(1, 8, 1, rng=0), package.Adam(lr=0.01)
    rng, errors = np.random.default_rng(0), []
    for epoch in range(EPOCHS + 1):
        errors.append(float(np.mean((model(x)[0] - target) ** 2)))
        for part in np.array_split(rng.permutation(x.shape[1]), PARTS) if epoch < EPOCHS else ():
            y, _, tape = model.forward(x[:, part])
            grads = model.backward(tape, package.mse_loss(y, target[:, part])[1])[0]
            model.params = optimiser.step(model.params, grads)
    return errors


def trained(mistake: Mistake, right: float) -> str:
    """Say how large the error is after training, in units of that of the right program."""
    with np.errstate(all="ignore"):
        ratio = training(plant(mistake))[-1] / right
    return f"{ratio:.2f}" if ratio < 99 else "diverges" if ratio > 99 else "not a number"


def missed(mistake: Mistake) -> str:
    """Return the letters of the usual checks that do not complain."""
    package, checks = plant(mistake), USUAL[id(ADAM) if mistake in ADAM else id(NETWORK)]
    letters = [
        letter
        for letter, c in zip(LETTERS, checks.values(), strict=False)
        if not complains(c, package, DTYPES[0])
    ]
    every = len(letters) == len(checks)
    return "all of them" if every else ", ".join(letters) or "none"


def link(mistake: Mistake) -> str:
    """Link to the equation whose lines it changes."""
    if (equation := mistake.equation) is None:
        return ""
    shown = SEQUENCE.get(equation, equation)
    return f" [({shown})]({PAGES[shown[0]]}.md#eq-{shown.replace('.', '-')})"


def words(mistake: Mistake, formulas: tuple[str, str]) -> str:
    """Return the first lines of an item: what does not need to be computed."""
    name, what = mistake.name.removeprefix("cell: "), mistake.what.replace("*", "\\*")
    right, here = formulas
    return f"- **{name}.** {what}\n  Right: $`{right}`${link(mistake)}. Here: $`{here}`$."


def entry(mistake: Mistake, formulas: tuple[str, str], right: float) -> str:
    """One item of the page."""
    said = words(mistake, formulas)
    if not reachable(mistake):
        return said
    return f"{said}\n  Missed by: {missed(mistake)}. Error after training: {trained(mistake, right)}."


def main() -> None:
    """Print all entries."""
    torch.set_num_threads(1)
    known = {mistake.name: mistake for mistake in (*NETWORK, *ADAM)}
    right = training(en)[-1]
    for topic, formulas in FORMULAS.items():
        print(f"## {topic}\n")
        print("\n".join(entry(known[name], pair, right) for name, pair in formulas.items()), end="\n\n")


if __name__ == "__main__":
    main()
