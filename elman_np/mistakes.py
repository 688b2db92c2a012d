"""The mistakes that people make, each as a small change of our own source.

One catalogue for two uses: the tests must notice every one of them, and a checker of other people's code
can say which one theirs behaves like. `plant` runs the package with one of them in it. The mechanism comes
first, then the lists: `NETWORK` and `ADAM`; `HARMLESS`, rewrites that must go unnoticed; and `REFEREES`,
which breaks the oracles and the bounds themselves, for who judges must be judged too.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import CodeType, ModuleType

PACKAGE = "elman_np"
HOME = Path(__file__).parent
MARK = re.compile(r"\s*# \((\d+\.\d+)\)\s*")


@dataclass(frozen=True)
class Change:
    """Other text for a piece of our source."""

    name: str
    what: str
    """A sentence: what is computed in place of what."""
    file: str
    old: str
    """Occurs once in the file."""
    new: str

    @property
    def text(self) -> str:
        """The file's text after the change.

        Raises
        ------
        LookupError
            Unless the old text occurs exactly once: then the source has moved on, and the entry must follow.
        """
        text = _read(self.file)
        if (count := text.count(self.old)) != 1:
            raise LookupError(f"{self.name}: its old text occurs {count} times in {self.file}, not once")
        return text.replace(self.old, self.new)

    @property
    def equation(self) -> str | None:
        """The number of the equation whose lines it changes, if it changes marked lines."""
        before = _read(self.file).partition(self.old.lstrip())[0]
        for line in reversed(before.split("\n")[:-1]):
            if found := MARK.fullmatch(line):
                return found[1]
            if not line.strip():
                break
        return None


@dataclass(frozen=True, kw_only=True)
class Mistake(Change):
    """A change that alters results."""

    hint: str
    """How it can be seen, or mended."""
    hidden_in_float32: str = ""
    """Why float32 cannot show it, if it cannot."""


def plant(change: Change) -> ModuleType:
    """Run the whole package afresh with one change in it, and return it.

    Nothing in `sys.modules` is touched: the modules of the copy find each other, and no one else does.

    Raises
    ------
    LookupError
        If the text to be changed is gone.
    """
    changed, modules = {change.file: change.text}, dict[str, ModuleType]()

    def load(name: str) -> ModuleType:
        if name not in modules:
            _, _, room = name.partition(".")
            file = f"{room or '__init__'}.py"
            module = modules[name] = ModuleType(name)
            module.__file__ = str(HOME / file)
            module.__dict__["__builtins__"] = vars(builtins) | {"__import__": find}
            exec(_compiled(file, changed.get(file) or _read(file)), module.__dict__)
            if room:
                setattr(modules[PACKAGE], room, module)
        return modules[name]

    def find(
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        if name.split(".")[0] == PACKAGE:
            return load(name)
        return __import__(name, globals, locals, fromlist or (), level)

    package = load(PACKAGE)
    load(f"{PACKAGE}.{change.file.removesuffix('.py')}")
    return package


def _read(file: str) -> str:
    return (HOME / file).read_text(encoding="utf-8")


@lru_cache(maxsize=32)
def _compiled(file: str, text: str) -> CodeType:
    return compile(text, str(HOME / file), "exec")


NETWORK = (
    # The forward pass.
    Mistake(
        name="w_h not transposed in the forward pass",
        what="h_{t-1} w_h in place of h_{t-1} w_h^T.",
        hint="Rows are samples, so the sum over h_{t-1} runs over the columns of w_h. H = 1 hides it.",
        file="bptt.py",
        old="before.dot(w_h_t, out=carried)",
        new="before.dot(params.w_h, out=carried)",
    ),
    Mistake(
        name="no recurrence in the forward pass",
        what="h_t does not depend on h_{t-1}.",
        hint="Change x_1 and look whether y_2 moves.",
        file="bptt.py",
        old="np.add(now, carried, out=a)",
        new="np.copyto(a, now)",
    ),
    Mistake(
        name="hidden bias left out",
        what="b_h is not added to a_t.",
        hint="Zero biases at the start hide it: draw them at random for a check.",
        file="bptt.py",
        old="h[1:] += params.b_h",
        new="h[1:] += 0",
    ),
    Mistake(
        name="hidden bias added twice",
        what="b_h is added with the input and again with the state.",
        hint="PyTorch's bias_ih and bias_hh are two halves of one b_h, not two copies of it.",
        file="bptt.py",
        old="h[1:] += params.b_h",
        new="h[1:] += 2 * params.b_h",
    ),
    Mistake(
        name="output bias left out",
        what="b_y is not added to y_t.",
        hint="Draw b_y at random for a check.",
        file="bptt.py",
        old="_product(block.h[1:], params.w_y.T) + params.b_y",
        new="_product(block.h[1:], params.w_y.T)",
    ),
    Mistake(
        name="outputs from the state before",
        what="y_t is computed from h_{t-1}.",
        hint="At T = 1 with h_0 = 0 every output is b_y.",
        file="bptt.py",
        old="_product(block.h[1:], params.w_y.T)",
        new="_product(block.h[:-1], params.w_y.T)",
    ),
    Mistake(
        name="inputs a step late",
        what="x_{t-1} in place of x_t in the forward pass, and the last input at the first step.",
        hint="Change x_1 and look whether y_1 moves. T = 1 hides it.",
        file="bptt.py",
        old="np.dot(_flat(x), params.w_x.T",
        new="np.dot(_flat(np.roll(x, 1, axis=0)), params.w_x.T",
    ),
    Mistake(
        name="initial state ignored",
        what="The sequence always starts from zeros.",
        hint="Give h_0 that is not zero.",
        file="bptt.py",
        old="    h[0] = h_0\n",
        new="    h[0] = 0\n",
    ),
    Mistake(
        name="resets to zero",
        what="After a reset the state is zero, not h_0.",
        hint="Use reset_every together with h_0 that is not zero.",
        file="bptt.py",
        old="    h[0] = h_0\n",
        new="    h[0], h[0, 1:] = h_0, 0\n",
    ),
    Mistake(
        name="resets a step late",
        what="reset_every = k resets after every k + 1 steps: the counter starts at 0 and is tested with >=.",
        hint="Let T be above k, and look at the step after the first reset.",
        file="bptt.py",
        old="_fold(frozen(x), reset_every or len(x))",
        new="_fold(frozen(x), reset_every + 1 if reset_every else len(x))",
    ),
    Mistake(
        name="last state reset",
        what="h_n is h_0 where a reset is due after the last step.",
        hint="Let k divide T.",
        file="bptt.py",
        old="blocks[-1].h[-1, -1].copy()",
        new="(h_0 if reset_every and len(x) % reset_every == 0 else blocks[-1].h[-1, -1]).copy()",
    ),
    Mistake(
        name="last state a step early",
        what="h_n is h_{T-1}.",
        hint="h_n must be the state from which y_T was computed.",
        file="bptt.py",
        old="blocks[-1].h[-1, -1].copy()",
        new="blocks[-1].h[-2, -1].copy()",
    ),
    Mistake(
        name="stretches cut across time",
        what="The stretches between resets hold every k-th day in place of k days in a row.",
        hint="A reshape that splits the time axis gives (stretches, steps); swap the two afterwards.",
        file="bptt.py",
        old=".reshape(count, stretch, *z.shape[1:]).swapaxes(0, 1)",
        new=".reshape(stretch, count, *z.shape[1:])",
    ),
    Mistake(
        name="state carried in float32",
        what="h_{t-1} passes through float32 in a float64 network.",
        hint="An error of 1e-8 is not rounding in float64: look for a buffer without a dtype.",
        hidden_in_float32="A float32 network carries float32: nothing changes.",
        file="bptt.py",
        old="before.dot(w_h_t, out=carried)",
        new="before.astype(np.float32).astype(before.dtype).dot(w_h_t, out=carried)",
    ),
    Mistake(
        name="state carried in float16",
        what="h_{t-1} passes through float16.",
        hint="An error of 1e-4 is too large even for float32.",
        file="bptt.py",
        old="before.dot(w_h_t, out=carried)",
        new="before.astype(np.float16).astype(before.dtype).dot(w_h_t, out=carried)",
    ),
    # The activation.
    Mistake(
        name="relu where tanh is meant",
        what="The option says tanh, the code applies relu.",
        hint="Negative states must occur.",
        file="cell.py",
        old='    if activation == "tanh":\n        # (1.4)',
        new='    if activation == "":\n        # (1.4)',
    ),
    Mistake(
        name="tanh by exponentials",
        what="(e^a - e^-a) / (e^a + e^-a), which overflows and loses small a.",
        hint="It is nan from |a| = 710 on (89 in float32), and loses half of the digits at 1e-8.",
        file="cell.py",
        old="np.tanh(a, out=out)",
        new="np.divide(np.exp(a) - np.exp(-a), np.exp(a) + np.exp(-a), out=out)",
    ),
    Mistake(
        name="tanh with a wrong sign",
        what="(e^a - e^-a) / (e^a - e^-a), which is 1.",
        hint="Print a few states: they are all 1.",
        file="cell.py",
        old="np.tanh(a, out=out)",
        new="np.divide(np.exp(a) - np.exp(-a), np.exp(a) - np.exp(-a), out=out)",
    ),
    Mistake(
        name="tanh by way of a sigmoid",
        what="2 sigmoid(2 a) - 1, which loses the digits of small a.",
        hint="Compare in units in the last place at a = 1e-6, not by an absolute tolerance.",
        file="cell.py",
        old="np.tanh(a, out=out)",
        new="np.subtract(2 / (1 + np.exp(-2 * a)), 1, out=out)",
    ),
    Mistake(
        name="tanh cut off straight",
        what="a limited to -1 ... 1 in place of tanh a.",
        hint="Small a hide it: tanh a = a - a^3 / 3.",
        file="cell.py",
        old="np.tanh(a, out=out)",
        new="np.clip(a, -1, 1, out=out)",
    ),
    Mistake(
        name="relu that leaks",
        what="1e-6 a for negative a in place of 0.",
        hint="Ask for exact zeros.",
        file="cell.py",
        old="np.maximum(a, 0, out=out)",
        new="np.maximum(a, 1e-6 * a, out=out)",
    ),
    Mistake(
        name="relu with a lid",
        what="States are limited to 6.",
        hint="Raw prices reach it, standardised ones do not.",
        file="cell.py",
        old="np.maximum(a, 0, out=out)",
        new="np.clip(a, 0, 6, out=out)",
    ),
    # The loss, and what belongs to it.
    Mistake(
        name="sum of squares for their mean",
        what="The loss is not divided by n; its gradient is.",
        hint="Loss and gradient must belong together: central differences of the loss show it.",
        file="losses.py",
        old="np.mean(residual * residual)",
        new="np.sum(residual * residual)",
    ),
    Mistake(
        name="2 / n left out",
        what="The gradient of the loss is the residual.",
        hint="Adam hides it, for it divides by the gradient's own size; clipping and SGD do not.",
        file="losses.py",
        old="dy = residual * (2 / y.size)",
        new="dy = residual * 1",
    ),
    Mistake(
        name="2 left out",
        what="The gradient of the loss is residual / n: half of what belongs to the mean of squares.",
        hint="Either halve the loss too, or keep the 2.",
        file="losses.py",
        old="(2 / y.size)",
        new="(1 / y.size)",
    ),
    Mistake(
        name="n counts steps only",
        what="The gradient of the loss is divided by T, not by the number of all outputs.",
        hint="B = O = 1 hides it.",
        file="losses.py",
        old="(2 / y.size)",
        new="(2 / len(y))",
    ),
    Mistake(
        name="residual with the wrong sign",
        what="target - y: the loss is right, and its gradient points the other way.",
        hint="The loss goes up.",
        file="losses.py",
        old="residual = y - target",
        new="residual = target - y",
    ),
    Mistake(
        name="targets broadcast",
        what="(T, 1) against (T,) is accepted, and compares every output with every target.",
        hint="The loss must refuse shapes that differ.",
        file="losses.py",
        old="if y.shape != target.shape:",
        new="if y.shape != target.shape and not _broadcast(y, target):",
    ),
    Mistake(
        name="loss overwrites the outputs",
        what="The residual is written into y.",
        hint="Keep a copy of every argument, and compare it afterwards.",
        file="losses.py",
        old="residual = y - target",
        new="residual = np.subtract(y, target, out=y)",
    ),
    Mistake(
        name="variance for standard deviation",
        what="Prices are divided by the square of their standard deviation.",
        hint="The standard deviation of what comes out must be 1.",
        file="training.py",
        old="return (series - self.mean) / self.std",
        new="return (series - self.mean) / self.std**2",
    ),
    Mistake(
        name="mean not put back",
        what="Forecasts in dollars are off by the mean of the training part.",
        hint="inverse(transform(x)) must be x.",
        file="training.py",
        old="return scaled * self.std + self.mean",
        new="return scaled * self.std",
    ),
    Mistake(
        name="mean squared error for its root",
        what="The RMSE is in squared dollars.",
        hint="Double prices and outputs: it must double, not quadruple.",
        file="training.py",
        old="float(np.sqrt(mse_loss(y, target)[0]))",
        new="float(mse_loss(y, target)[0])",
    ),
    Mistake(
        name="target of the same day",
        what="The target of a day is its own price, which the input has told already.",
        hint="target[t] must be x[t + 1].",
        file="training.py",
        old="view[:, :-1].copy(), view[:, 1:].copy()",
        new="view[:, :-1].copy(), view[:, :-1].copy()",
    ),
    Mistake(
        name="first weights within 1 / H",
        what="Uniform on +-1/H in place of +-1/sqrt(H).",
        hint="The largest of many draws lies close to the border.",
        file="parameters.py",
        old="bound = 1 / np.sqrt(hidden_size)",
        new="bound = 1 / hidden_size",
    ),
    Mistake(
        name="uniform where normal is meant",
        what="The 'normal' first weights are uniform on +-1.",
        hint="Their variance is 1/3, not 1.",
        file="parameters.py",
        old="generator.standard_normal(shape)",
        new="generator.uniform(-1, 1, shape)",
    ),
    # Back through the steps.
    Mistake(
        name="recurrent term left out",
        what="dh_t is dh_out alone: nothing comes back from the future.",
        hint="Every gradient but those of w_y and b_y is wrong as soon as T is 2.",
        file="bptt.py",
        old="np.add(da_t, dh_next, out=dh)",
        new="np.copyto(dh, da_t)",
    ),
    Mistake(
        name="w_h transposed on the way back",
        what="dh_next = da w_h^T in place of da w_h.",
        hint="Forward, rows meet w_h^T; backward, w_h itself. H = 1 hides it, and so do tiny weights.",
        file="bptt.py",
        old="da_t.dot(w_h, out=dh_next)",
        new="da_t.dot(w_h.T, out=dh_next)",
    ),
    Mistake(
        name="upstream gradient at the last step only",
        what="Only the loss at step T is propagated.",
        hint="A random upstream gradient at every step shows it; a loss on the last output hides it.",
        file="bptt.py",
        old="np.dot(_flat(dy), tape.params.w_y, out=_flat(da))",
        new="np.dot(_flat(dy), tape.params.w_y, out=_flat(da))\n    da[:-1] = 0",
    ),
    Mistake(
        name="truncated after four steps",
        what="The gradient is cut every four steps although no chunk is asked for.",
        hint="Let T be longer than any bptt_truncate in the code.",
        file="bptt.py",
        old="if tape.chunk is not None and t > 0 and t % tape.chunk == 0:",
        new="if t > 0 and t % (tape.chunk or 4) == 0:",
    ),
    Mistake(
        name="chunks that cut nothing",
        what="The gradient flows through the borders of chunks.",
        hint="Compare with detach() at the same borders.",
        file="bptt.py",
        old="if tape.chunk is not None and t > 0 and t % tape.chunk == 0:",
        new="if tape.chunk == 0:",
    ),
    Mistake(
        name="chunks cut a step late",
        what="The gradient is cut one step after the border.",
        hint="The border is before the steps 0, k, 2 k, ... counted from 0.",
        file="bptt.py",
        old="t % tape.chunk == 0:\n            dh_next",
        new="t % tape.chunk == 1:\n            dh_next",
    ),
    Mistake(
        name="gradient of the last state ignored",
        what="dh_n, the upstream gradient of h_n, is not used.",
        hint="Let the loss depend on h_n itself.",
        file="bptt.py",
        old="dh_last[-1] = dh_n",
        new="pass",
    ),
    Mistake(
        name="gradient of the last state at every reset",
        what="dh_n enters at the end of every stretch.",
        hint="Resets with dh_n that is not zero.",
        file="bptt.py",
        old="dh_last[-1] = dh_n",
        new="dh_last[:] = dh_n",
    ),
    Mistake(
        name="recurrent gradient clipped",
        what="dh_next is limited to +-1 on its way back.",
        hint="Scale the upstream gradient by 1000: every gradient must scale with it.",
        file="bptt.py",
        old="da_t.dot(w_h, out=dh_next)",
        new="np.clip(da_t @ w_h, -1, 1, out=dh_next)",
    ),
    Mistake(
        name="recurrent gradient in float32",
        what="dh_next passes through float32 in a float64 network.",
        hint="An error of 1e-8 is not rounding in float64.",
        hidden_in_float32="A float32 network carries float32: nothing changes.",
        file="bptt.py",
        old="da_t.dot(w_h, out=dh_next)",
        new="dh_next[:] = (da_t @ w_h).astype(np.float32)",
    ),
    # The derivative of the activation.
    Mistake(
        name="derivative 1 - h",
        what="1 - h in place of 1 - h^2.",
        hint="It is right at h = 0 and h = 1 only.",
        file="bptt.py",
        old="np.subtract(1, slope, out=slope)",
        new="np.subtract(1, h, out=slope)",
    ),
    Mistake(
        name="derivative 1 + h^2",
        what="1 + h^2 in place of 1 - h^2: tan's derivative, not tanh's.",
        hint="tanh is never steeper than 1.",
        file="bptt.py",
        old="np.subtract(1, slope, out=slope)",
        new="np.add(1, slope, out=slope)",
    ),
    Mistake(
        name="derivative at the state before",
        what="1 - h_{t-1}^2 in place of 1 - h_t^2.",
        hint="The slope belongs to the step that is being undone.",
        file="bptt.py",
        old="np.multiply(h, h, out=slope)",
        new="np.square(_steps(block.h[:-1]), out=slope)",
    ),
    Mistake(
        name="slope of another step",
        what="dh_t meets the slope of step t - 1, and dh_1 that of step T.",
        hint="T = 1 hides it.",
        file="bptt.py",
        old="np.multiply(dh, slope_t, out=da_t)",
        new="np.multiply(dh, slope[t - 1], out=da_t)",
    ),
    Mistake(
        name="derivative of the pre-activation",
        what="1 - a^2 in place of 1 - tanh(a)^2.",
        hint="The derivative as a function of h takes h, not a.",
        file="bptt.py",
        old="np.multiply(h, h, out=slope)",
        new="np.square(np.arctanh(h), out=slope)",
    ),
    Mistake(
        name="tanh applied twice in the derivative",
        what="1 - tanh(h)^2: a derivative that takes a was given h.",
        hint="The derivative as a function of a takes a, not h.",
        file="bptt.py",
        old="np.multiply(h, h, out=slope)",
        new="np.square(np.tanh(h), out=slope)",
    ),
    Mistake(
        name="tanh's derivative under relu",
        what="1 - h^2 for both activations.",
        hint="Check relu too.",
        file="bptt.py",
        old='tanh = tape.activation == "tanh"',
        new="tanh = True",
    ),
    Mistake(
        name="relu passes everything",
        what="The mask is h >= 0, which holds for every relu: the slope is 1 where a unit is off, and at 0.",
        hint="PyTorch's derivative at exactly 0 is 0: h > 0.",
        file="bptt.py",
        old="np.copyto(da_t, 0, where=slope_t)",
        new="np.copyto(da_t, 0, where=h[t].real < 0)",
    ),
    Mistake(
        name="relu's mask with a threshold",
        what="Units below 1e-3 count as off.",
        hint="Small states are states.",
        file="bptt.py",
        old="np.copyto(da_t, 0, where=slope_t)",
        new="np.copyto(da_t, 0, where=h[t].real <= 1e-3)",
    ),
    # The first state.
    Mistake(
        name="gradient of h_0 a hop short",
        what="da_1 in place of da_1 w_h.",
        hint="h_0 enters a_1 through w_h.",
        file="bptt.py",
        old="return da.reshape(block.h[1:].shape), dh_next.reshape(dh_last.shape)",
        new="return da.reshape(block.h[1:].shape), da[0].reshape(dh_last.shape)",
    ),
    Mistake(
        name="gradient of h_0 left zero",
        what="No gradient for the first state.",
        hint="Whoever learns h_0, or chains networks, needs it.",
        file="bptt.py",
        old="dh_0 += dh_first.sum(axis=0)",
        new="pass",
    ),
    Mistake(
        name="gradient of h_0 from the first stretch only",
        what="With resets every stretch starts from h_0; only the first one is counted.",
        hint="A value that is used n times has n terms in its gradient.",
        file="bptt.py",
        old="dh_0 += dh_first.sum(axis=0)",
        new="dh_0 += dh_first[0]",
    ),
    # The gradients of the arrays.
    Mistake(
        name="input gradients in reverse",
        what="dx_t in the order in which the loop finds them: the last step first.",
        hint="T = 1 hides it, and so does looking at the parameters alone.",
        file="bptt.py",
        old="_product(da, params.w_x)",
        new="_product(da[::-1], params.w_x)",
    ),
    Mistake(
        name="dw_x with the input before",
        what="x_{t-1} in place of x_t in dw_x.",
        hint="dw_x pairs da_t with the input of the same step.",
        file="bptt.py",
        old="dw_x = da.T @ x",
        new="dw_x = da.T @ np.roll(x, 1, axis=0)",
    ),
    Mistake(
        name="dw_h with the state after the step",
        what="h_t in place of h_{t-1} in dw_h.",
        hint="w_h multiplied h_{t-1}, so its gradient does.",
        file="bptt.py",
        old="dw_h = da.T @ h_before",
        new="dw_h = da.T @ h",
    ),
    Mistake(
        name="dw_h with the next state",
        what="h_{t+1} in place of h_{t-1} in dw_h.",
        hint="Every other gradient is exact: look at dw_h itself.",
        file="bptt.py",
        old="(block.x, block.h[:-1], block.h[1:], dy, da)",
        new="(block.x, np.roll(block.h, -2, axis=0)[:-1], block.h[1:], dy, da)",
    ),
    Mistake(
        name="dw_h without the first state",
        what="h_0 counts as zero in dw_h.",
        hint="Give h_0 that is not zero; T = 1 shows it best.",
        file="bptt.py",
        old="(block.x, block.h[:-1], block.h[1:], dy, da)",
        new="(block.x, np.concatenate([0 * block.h[:1], block.h[1:-1]]), block.h[1:], dy, da)",
    ),
    Mistake(
        name="dw_h transposed",
        what="h_{t-1}^T da_t in place of da_t^T h_{t-1}.",
        hint="It has the right shape, for w_h is square: compare the numbers.",
        file="bptt.py",
        old="dw_h = da.T @ h_before",
        new="dw_h = h_before.T @ da",
    ),
    Mistake(
        name="= for += over the steps",
        what="Each step overwrites the parameters' gradients: only the one visited last, t = 1, is left.",
        hint="T = 1 hides it.",
        file="bptt.py",
        old="(block.x, block.h[:-1], block.h[1:], dy, da)",
        new="(block.x[:1], block.h[:1], block.h[1:2], dy[:1], da[:1])",
    ),
    Mistake(
        name="= for += over the stretches",
        what="With resets, only the steps that are left at the end count for the parameters.",
        hint="Let reset_every not divide T.",
        file="bptt.py",
        old="grads[0] if len(grads) == 1 else grads[0].map(np.add, grads[1])",
        new="grads[-1]",
    ),
    Mistake(
        name="first step skipped",
        what="The loop over steps ends before t = 1.",
        hint="range(T - 1, 0, -1) leaves out 0.",
        file="bptt.py",
        old="(block.x, block.h[:-1], block.h[1:], dy, da)",
        new="(block.x[1:], block.h[1:-1], block.h[2:], dy[1:], da[1:])",
    ),
    Mistake(
        name="last step skipped",
        what="The loop over steps starts before t = T.",
        hint="range(T - 2, ...) leaves out the last one.",
        file="bptt.py",
        old="(block.x, block.h[:-1], block.h[1:], dy, da)",
        new="(block.x[:-1], block.h[:-2], block.h[1:-1], dy[:-1], da[:-1])",
    ),
    Mistake(
        name="mean for sum in db_h",
        what="db_h is the mean over steps and batch.",
        hint="If the loss is a mean, dy has its 1/n already.",
        file="bptt.py",
        old="db_h = np.ones(len(da), da.dtype) @ da",
        new="db_h = da.mean(axis=0)",
    ),
    Mistake(
        name="first row skipped in db_h",
        what="db_h lacks the first step's first row.",
        hint="T = 1, B = 1 shows it at once: the gradient is zero.",
        file="bptt.py",
        old="db_h = np.ones(len(da), da.dtype) @ da",
        new="db_h = da[1:].sum(axis=0)",
    ),
    Mistake(
        name="dw_y with the state before",
        what="h_{t-1} in place of h_t in dw_y.",
        hint="w_y multiplied h_t.",
        file="bptt.py",
        old="dw_y = dy.T @ h\n",
        new="dw_y = dy.T @ h_before\n",
    ),
    Mistake(
        name="mean for sum in db_y",
        what="db_y is the mean over steps and batch.",
        hint="If the loss is a mean, dy has its 1/n already.",
        file="bptt.py",
        old="db_y = dy.sum(axis=0)",
        new="db_y = dy.mean(axis=0)",
    ),
    Mistake(
        name="gradient clipped in silence",
        what="dw_h is limited to +-5 inside backward.",
        hint="Scale the upstream gradient by 1000: every gradient must scale with it.",
        file="bptt.py",
        old="dw_h = da.T @ h_before",
        new="dw_h = np.clip(da.T @ h_before, -5, 5)",
    ),
    Mistake(
        name="tiny gradients set to zero",
        what="Entries of dw_h below 1e-6 become 0.",
        hint="Use an upstream gradient of 1e-8: a relative comparison shows it.",
        file="bptt.py",
        old="dw_h = da.T @ h_before",
        new="dw_h = (da.T @ h_before) * (np.abs(da.T @ h_before) >= 1e-6)",
    ),
    Mistake(
        name="dw_x off by 1e-5",
        what="dw_x is too large by a factor of 1 + 1e-5.",
        hint="Usual tolerances let it pass.",
        file="bptt.py",
        old="dw_x = da.T @ x",
        new="dw_x = (da.T @ x) * (1 + 1e-5)",
    ),
    Mistake(
        name="dw_h off by 1e-9",
        what="dw_h is too large by a factor of 1 + 1e-9.",
        hint="Only a tolerance that knows the rounding errors shows it.",
        hidden_in_float32="1 + 1e-9 is 1 in float32: nothing changes.",
        file="bptt.py",
        old="dw_h = da.T @ h_before",
        new="dw_h = (da.T @ h_before) * (1 + 1e-9)",
    ),
    # What a function must leave alone.
    Mistake(
        name="backward overwrites its upstream gradient",
        what="The walk back through the steps happens in the caller's dh_n.",
        hint="Keep a copy of every argument, and compare it afterwards.",
        file="bptt.py",
        old="dh_last[-1] = dh_n",
        new="dh_last[-1] = dh_n\n            dh_last = dh_n[None] if len(dh_last) == 1 else dh_last",
    ),
    Mistake(
        name="accumulator not cleared",
        what="dh_0 goes on adding to what the call before has left.",
        hint="Call backward twice: the second answer must be the first.",
        file="bptt.py",
        old="grads, dxs, dh_0 = [], [], np.zeros_like(dh_n)",
        new=(
            "grads, dxs = [], []\n"
            "    dh_0 = vars(backward).setdefault(f'{dh_n.shape} {dh_n.dtype}', np.zeros_like(dh_n))"
        ),
    ),
    Mistake(
        name="weights updated inside backward",
        what="backward takes a step of gradient descent by itself.",
        hint="Parameters must be the same before and after: the gradient is for the caller to use.",
        file="model.py",
        old="grads, dx, dh_0 = bptt.backward(tape.tape, dy, dh_n)",
        new=(
            "grads, dx, dh_0 = bptt.backward(tape.tape, dy, dh_n)\n"
            "        self.params = self.params.map(lambda p, g: p - p.dtype.type(0.01) * g, grads)"
        ),
    ),
    # One step by itself: the same kinds of mistakes, in a cell.
    Mistake(
        name="cell: w_h not transposed",
        what="h_{t-1} w_h in place of h_{t-1} w_h^T in one step.",
        hint="Rows are samples. H = 1 hides it.",
        file="cell.py",
        old="h_before @ params.w_h.T",
        new="h_before @ params.w_h",
    ),
    Mistake(
        name="cell: always tanh",
        what="One step ignores the activation that is asked for.",
        hint="Check relu too.",
        file="cell.py",
        old="h = phi(a, activation)",
        new="h = np.tanh(a)",
    ),
    Mistake(
        name="cell: outputs squashed",
        what="The output, too, goes through tanh.",
        hint="Prices above 1 can then never be reached.",
        file="cell.py",
        old="y = h @ params.w_y.T + params.b_y",
        new="y = np.tanh(h @ params.w_y.T + params.b_y)",
    ),
    Mistake(
        name="cell: only the first output counts",
        what="dh_out comes from the first of the O outputs.",
        hint="O = 1 hides it.",
        file="cell.py",
        old="dh_out = dy @ params.w_y",
        new="dh_out = dy[:, :1] @ params.w_y[:1]",
    ),
    Mistake(
        name="cell: recurrent term left out",
        what="dh is dh_out alone.",
        hint="Give the step a dh_next that is not zero.",
        file="cell.py",
        old="dh = dh_out + dh_next",
        new="dh = dh_out",
    ),
    Mistake(
        name="cell: slope of the state before",
        what="phi's derivative is taken at h_{t-1}.",
        hint="The slope belongs to the step that is being undone.",
        file="cell.py",
        old="da = dphi(dh, h, activation)",
        new="da = dphi(dh, h_before, activation)",
    ),
    Mistake(
        name="cell: derivative 1 - h",
        what="1 - h in place of 1 - h^2.",
        hint="It is right at h = 0 and h = 1 only.",
        file="cell.py",
        old="dh * (1 - h * h)",
        new="dh * (1 - h)",
    ),
    Mistake(
        name="cell: relu passes everything",
        what="The mask is h >= 0, which holds for every relu.",
        hint="PyTorch's derivative at exactly 0 is 0.",
        file="cell.py",
        old="np.where(h.real <= 0, 0, dh)",
        new="np.where(h.real < 0, 0, dh)",
    ),
    Mistake(
        name="cell: dh goes back in place of da",
        what="dh_before = dh w_h: the slope is forgotten on the way to the step before.",
        hint="Two different gradients, of h_t and of a_t, need two names.",
        file="cell.py",
        old="dh_before = da @ params.w_h",
        new="dh_before = dh @ params.w_h",
    ),
    Mistake(
        name="cell: input gradient without the future",
        what="dx_t from dh_out alone.",
        hint="The parameters are right; a network stacked below this one trains wrongly.",
        file="cell.py",
        old="dx = da @ params.w_x",
        new="dx = dphi(dh_out, h, activation) @ params.w_x",
    ),
    Mistake(
        name="cell: dw_x from dh",
        what="dh in place of da in dw_x.",
        hint="Two different gradients, of h_t and of a_t, need two names.",
        file="cell.py",
        old="dw_x = da.T @ x",
        new="dw_x = dh.T @ x",
    ),
    Mistake(
        name="cell: dw_h with the state after the step",
        what="h_t in place of h_{t-1} in dw_h.",
        hint="w_h multiplied h_{t-1}, so its gradient does.",
        file="cell.py",
        old="dw_h = da.T @ h_before",
        new="dw_h = da.T @ h",
    ),
    Mistake(
        name="cell: db_h from dh",
        what="dh in place of da in db_h.",
        hint="The bias is added inside the activation.",
        file="cell.py",
        old="db_h = da.sum(axis=0)",
        new="db_h = dh.sum(axis=0)",
    ),
    Mistake(
        name="cell: dw_y with the state before",
        what="h_{t-1} in place of h_t in dw_y.",
        hint="w_y multiplied h_t.",
        file="cell.py",
        old="dw_y = dy.T @ h\n",
        new="dw_y = dy.T @ h_before\n",
    ),
    Mistake(
        name="cell: mean for sum in db_y",
        what="db_y is the mean over the batch.",
        hint="If the loss is a mean, dy has its 1/n already. B = 1 hides it.",
        file="cell.py",
        old="db_y = dy.sum(axis=0)",
        new="db_y = dy.mean(axis=0)",
    ),
)

ADAM = (
    Mistake(
        name="eps inside the root",
        what="sqrt(v_hat + eps) in place of sqrt(v_hat) + eps.",
        hint="At |g| = 1e-6 it shortens the steps by a factor of 100; at |g| = 1 nothing shows.",
        file="adam.py",
        old="p = p - lr * m_hat / (root_v_hat + options.eps)",
        new="p = p - lr * m_hat / np.sqrt(root_v_hat * root_v_hat + options.eps)",
    ),
    Mistake(
        name="eps before the correction",
        what="sqrt(v) + eps, corrected afterwards: the paper's 'eps hat' form with the other form's eps.",
        hint="Gradients of 1e-6 show it in the first steps.",
        file="adam.py",
        old="(root_v_hat + options.eps)",
        new="(root_v_hat + options.eps / math.sqrt(1 - beta_2**step))",
    ),
    Mistake(
        name="eps of another library",
        what="1e-7, Keras's default, where PyTorch's is 1e-8.",
        hint="Gradients of 1e-6 show it.",
        file="adam.py",
        old="eps: float = 1e-8,",
        new="eps: float = 1e-7,",
    ),
    Mistake(
        name="eps fixed at 1e-6",
        what="The option eps is not used.",
        hint="Change the option, and look whether anything moves.",
        file="adam.py",
        old="(root_v_hat + options.eps)",
        new="(root_v_hat + 1e-6)",
    ),
    Mistake(
        name="no eps",
        what="Nothing is added to the root.",
        hint="A gradient that is 0 from the first step on gives 0/0.",
        file="adam.py",
        old="(root_v_hat + options.eps)",
        new="root_v_hat",
    ),
    Mistake(
        name="m not corrected",
        what="m in place of m_hat.",
        hint="The first step is a tenth of lr.",
        file="adam.py",
        old="m_hat = m / (1 - beta_1**step)",
        new="m_hat = m",
    ),
    Mistake(
        name="v not corrected",
        what="v in place of v_hat.",
        hint="The first step is about 32 times too long.",
        file="adam.py",
        old="np.sqrt(v_max) / math.sqrt(1 - beta_2**step)",
        new="np.sqrt(v_max)",
    ),
    Mistake(
        name="no correction at all",
        what="Neither m nor v is corrected for its start at zero.",
        hint="The first step is about 3 times too long.",
        file="adam.py",
        old="adam_step(*arrays, state.step + 1, self.options)",
        new="adam_step(*arrays, 10**9, self.options)",
    ),
    Mistake(
        name="step counted from 2",
        what="The first update is corrected as if it were the second.",
        hint="The first step must be lr in size, whatever the gradient.",
        file="adam.py",
        old="adam_step(*arrays, state.step + 1, self.options)",
        new="adam_step(*arrays, state.step + 2, self.options)",
    ),
    Mistake(
        name="step counted from 0",
        what="The first update divides by 1 - beta^0 = 0.",
        hint="Count first, correct then.",
        file="adam.py",
        old="adam_step(*arrays, state.step + 1, self.options)",
        new="adam_step(*arrays, state.step, self.options)",
    ),
    Mistake(
        name="step never counted",
        what="Every update is corrected as if it were the first.",
        hint="Two updates show it.",
        file="adam.py",
        old="self.state = AdamState(state.step + 1, m, v, v_max)",
        new="self.state = AdamState(state.step, m, v, v_max)",
    ),
    Mistake(
        name="correction of v not rooted",
        what="sqrt(v) is divided by 1 - beta_2^t, not by its root.",
        hint="v_hat is corrected, then rooted.",
        file="adam.py",
        old="math.sqrt(1 - beta_2**step)",
        new="(1 - beta_2**step)",
    ),
    Mistake(
        name="no root in the denominator",
        what="v_hat in place of its root.",
        hint="Scale all gradients by 1000: the steps must stay as they are.",
        file="adam.py",
        old="np.sqrt(v_max) / math.sqrt(1 - beta_2**step)",
        new="v_max / (1 - beta_2**step)",
    ),
    Mistake(
        name="gradient for its running mean",
        what="g in place of m_hat in the update.",
        hint="The first step hides it, for there m_hat is g.",
        file="adam.py",
        old="m_hat = m / (1 - beta_1**step)",
        new="m_hat = g",
    ),
    Mistake(
        name="Nesterov's look ahead",
        what="The mean of m and g in place of m: NAdam's idea, not Adam's.",
        hint="Only torch.optim.NAdam agrees with it.",
        file="adam.py",
        old="m_hat = m / (1 - beta_1**step)",
        new="m_hat = (beta_1 * m + (1 - beta_1) * g) / (1 - beta_1**step)",
    ),
    Mistake(
        name="size of the gradient for its square",
        what="|g| in place of g^2 in v.",
        hint="|g| = 1 hides it.",
        file="adam.py",
        old="(1 - beta_2) * (g * g)",
        new="(1 - beta_2) * np.abs(g)",
    ),
    Mistake(
        name="1 - beta_1 left out",
        what="m is a sum of gradients, not a mean.",
        hint="The first step is 10 times too long.",
        file="adam.py",
        old="beta_1 * m + (1 - beta_1) * g",
        new="beta_1 * m + g",
    ),
    Mistake(
        name="1 - beta_2 left out",
        what="v is a sum of squares, not a mean.",
        hint="The first step is about 32 times too short.",
        file="adam.py",
        old="(1 - beta_2) * (g * g)",
        new="(g * g)",
    ),
    Mistake(
        name="betas swapped",
        what="beta_2 for m and beta_1 for v.",
        hint="The first step hides it, whatever the gradient.",
        file="adam.py",
        old="lr, (beta_1, beta_2), decay",
        new="lr, (beta_2, beta_1), decay",
    ),
    Mistake(
        name="two decays exchanged",
        what="The decay is decoupled where it should be coupled, and the other way.",
        hint="Adam(weight_decay=...) adds to the gradient, AdamW shrinks the parameters.",
        file="adam.py",
        old="if decay and not options.decoupled:",
        new="if decay and options.decoupled:",
    ),
    Mistake(
        name="coupled decay with the wrong sign",
        what="g - decay p: the parameters are pushed away from zero.",
        hint="With g = 0 they must shrink.",
        file="adam.py",
        old="g = g + decay * p",
        new="g = g - decay * p",
    ),
    Mistake(
        name="decay before maximize",
        what="The sign is turned after the decay was added, and so turns the decay too.",
        hint="PyTorch turns the gradient's sign first.",
        file="adam.py",
        old="g = g + decay * p",
        new="g = g + (-decay if options.maximize else decay) * p",
    ),
    Mistake(
        name="decoupled decay without lr",
        what="p shrinks by decay, not by lr decay.",
        hint="With g = 0 and lr = 0 nothing may move.",
        file="adam.py",
        old="p = p * (1 - lr * decay)",
        new="p = p * (1 - decay)",
    ),
    Mistake(
        name="maximize ignored",
        what="The option changes nothing.",
        hint="maximize with g must do what minimize does with -g, to the bit.",
        file="adam.py",
        old="g = -g",
        new="pass",
    ),
    Mistake(
        name="amsgrad ignored",
        what="The running v in place of its maximum.",
        hint="A large gradient first, then small ones; v falls slowly, so tolerances of 1e-3 hide it.",
        file="adam.py",
        old="np.maximum(v_max, v) if options.amsgrad else v",
        new="v",
    ),
    Mistake(
        name="amsgrad on the corrected v",
        what="The maximum is taken over v_hat, not over v.",
        hint="PyTorch takes the maximum first and corrects it then.",
        file="adam.py",
        old="np.maximum(v_max, v) if options.amsgrad else v",
        new="(1 - beta_2**step) * np.maximum(v_max, v / (1 - beta_2**step)) if options.amsgrad else v",
    ),
    Mistake(
        name="v with a floor",
        what="v is at least 1e-12.",
        hint="Gradients of 1e-6 show it.",
        file="adam.py",
        old="v = beta_2 * v + (1 - beta_2) * (g * g)",
        new="v = np.maximum(beta_2 * v + (1 - beta_2) * (g * g), 1e-12)",
    ),
    Mistake(
        name="v kept in float32",
        what="v passes through float32 beside float64 parameters.",
        hint="An error of 1e-8 of a step is not rounding in float64.",
        hidden_in_float32="A float32 network keeps float32: nothing changes.",
        file="adam.py",
        old="v = beta_2 * v + (1 - beta_2) * (g * g)",
        new="v = (beta_2 * v + (1 - beta_2) * (g * g)).astype(np.float32).astype(p.dtype)",
    ),
    Mistake(
        name="gradient clipped inside Adam",
        what="m is the mean of gradients limited to +-1.",
        hint="Gradients above 1 show it.",
        file="adam.py",
        old="(1 - beta_1) * g",
        new="(1 - beta_1) * np.clip(g, -1, 1)",
    ),
    Mistake(
        name="entries without gradient skipped",
        what="Where g is 0 the parameter stays, although m still moves it.",
        hint="A gradient that was 1 and is 0 now; sparse optimisers do this on purpose.",
        file="adam.py",
        old="p = p - lr * m_hat / (root_v_hat + options.eps)",
        new="p = np.where(g == 0, p, p - lr * m_hat / (root_v_hat + options.eps))",
    ),
    Mistake(
        name="learning rate off by 1e-6",
        what="lr (1 + 1e-6) in place of lr.",
        hint="A tolerance that knows the rounding errors shows it in float64.",
        hidden_in_float32="The step's own rounding errors may come to 1e-6 of it.",
        file="adam.py",
        old="p = p - lr * m_hat",
        new="p = p - lr * (1 + 1e-6) * m_hat",
    ),
    Mistake(
        name="up in place of down",
        what="The step is added, not subtracted.",
        hint="The loss goes up.",
        file="adam.py",
        old="p = p - lr * m_hat",
        new="p = p + lr * m_hat",
    ),
    Mistake(
        name="each array clipped by its own norm",
        what="The norm is not the global one.",
        hint="Clipping must not turn the direction of the gradient as a whole.",
        file="adam.py",
        old="clipped = grads.map(lambda g: g * g.dtype.type(scale))",
        new="clipped = grads.map(lambda g: g * g.dtype.type(min(max_norm / (np.linalg.norm(g) + 1e-6), 1)))",
    ),
    Mistake(
        name="small gradients stretched",
        what="The gradient is scaled to the largest norm even where it is below.",
        hint="Below the limit nothing may change.",
        file="adam.py",
        old="min(max_norm / (norm + 1e-6), 1.0)",
        new="max_norm / (norm + 1e-6)",
    ),
)

HARMLESS = (
    Change(
        name="sums in another order",
        what="The rows are added from the last to the first.",
        file="bptt.py",
        old="db_h = np.ones(len(da), da.dtype) @ da",
        new="db_h = np.add.reduce(da[::-1], axis=0)",
    ),
    Change(
        name="einsum",
        what="dw_h by another routine.",
        file="bptt.py",
        old="dw_h = da.T @ h_before",
        new='dw_h = np.einsum("ri,rj->ij", da, h_before)',
    ),
    Change(
        name="transpose copied",
        what="Another memory layout takes BLAS another way.",
        file="bptt.py",
        old="dw_x = da.T @ x",
        new="dw_x = da.T.copy() @ x",
    ),
    Change(
        name="units in another order",
        what="The recurrent sum runs from the last unit to the first.",
        file="bptt.py",
        old="before.dot(w_h_t, out=carried)",
        new="before[:, ::-1].dot(w_h_t[::-1], out=carried)",
    ),
    Change(
        name="slope as a product",
        what="(1 - h) (1 + h), which rounds otherwise than 1 - h^2.",
        file="bptt.py",
        old="np.subtract(1, slope, out=slope)",
        new="np.multiply(1 - h, 1 + h, out=slope)",
    ),
    Change(
        name="2 / n in two steps",
        what="Multiply by 2 and divide by n.",
        file="losses.py",
        old="residual * (2 / y.size)",
        new="residual * 2 / y.size",
    ),
    Change(
        name="m by interpolation",
        what="m + (1 - beta_1) (g - m), as PyTorch writes it.",
        file="adam.py",
        old="m = beta_1 * m + (1 - beta_1) * g",
        new="m = m + (1 - beta_1) * (g - m)",
    ),
    Change(
        name="v_hat before its root",
        what="The root of v / (1 - beta_2^t).",
        file="adam.py",
        old="np.sqrt(v_max) / math.sqrt(1 - beta_2**step)",
        new="np.sqrt(v_max / (1 - beta_2**step))",
    ),
)

REFEREES = (
    Change(
        name="forward mode: w_h not transposed",
        what="h_dot w_h in place of h_dot w_h^T.",
        file="oracles.py",
        old="h_dot @ w_h.T + h @ w_h_dot.mT",
        new="h_dot @ w_h + h @ w_h_dot.mT",
    ),
    Change(
        name="forward mode: derivative 1 - h",
        what="1 - h in place of 1 - h^2.",
        file="oracles.py",
        old="((1 - h) * (1 + h) if",
        new="((1 - h) if",
    ),
    Change(
        name="forward mode: output bias left out",
        what="y does not move with b_y.",
        file="oracles.py",
        old="h @ w_y_dot.mT + b_y_dot",
        new="h @ w_y_dot.mT",
    ),
    Change(
        name="forward mode: = for += over the steps",
        what="Only the last output counts.",
        file="oracles.py",
        old="loss_dot += (dy[t] * y_dot)",
        new="loss_dot = (dy[t] * y_dot)",
    ),
    Change(
        name="oracles: loss without the last state",
        what="The upstream gradient of h_n is left out.",
        file="oracles.py",
        old=" + np.sum(dh_n * h)\n",
        new="\n",
    ),
    Change(
        name="complex step: half a slope",
        what="Divided as a difference to both sides, which it is not.",
        file="oracles.py",
        old=".imag / step",
        new=".imag / (2 * step)",
    ),
    Change(
        name="differences: whole way for half of it",
        what="The difference to both sides is divided by the step to one.",
        file="oracles.py",
        old="/ (up - down)",
        new="/ small",
    ),
    Change(
        name="differences: far too small a step",
        what="Rounding errors are larger than the difference.",
        file="oracles.py",
        old="small = step * max(1.0, abs(value))",
        new="small = 1e-9 * step * max(1.0, abs(value))",
    ),
    Change(
        name="bound: many roundings count as one",
        what="n u becomes u.",
        file="balls.py",
        old="gamma = n * self.u / (1 - n * self.u) if",
        new="gamma = self.u / (1 - self.u) if",
    ),
    Change(
        name="bound: one term's error lost in a sum",
        what="The error of the second term is left out.",
        file="balls.py",
        old="self.mid + other.mid, self.rad + other.rad",
        new="self.mid + other.mid, self.rad",
    ),
    Change(
        name="bound: one factor's error lost",
        what="The error of the first factor is left out.",
        file="balls.py",
        old="np.abs(self.mid) * other.rad + self.rad * other.mag",
        new="np.abs(self.mid) * other.rad",
    ),
    Change(
        name="bound: the divisor's error lost",
        what="The divisor counts as exact.",
        file="balls.py",
        old="(self.rad + np.abs(quotient) * other.rad) / np",
        new="self.rad / np",
    ),
    Change(
        name="bound: root to first order only",
        what="The root is as flat below the middle as it is there.",
        file="balls.py",
        old="least = root + np.sqrt(np.maximum(self.mid - self.rad, 0))",
        new="least = root + root",
    ),
    Change(
        name="bound: rounding measured by the sum",
        what="What cancels in a sum is taken not to have been rounded.",
        file="balls.py",
        old="magnitude = sum((a.mag @ b.mag for",
        new="magnitude = sum((np.abs(a.mid @ b.mid) for",
    ),
    Change(
        name="bound: tanh without its bend",
        what="tanh is as steep beside the middle as it is there.",
        file="bounds.py",
        old="bend = 0.385 * a.rad**2",
        new="bend = 0 * a.rad",
    ),
    Change(
        name="bound: relu without its kink",
        what="The sign of a pre-activation is certain.",
        file="bounds.py",
        old="bend = np.maximum(a.rad - np.abs(a.mid), 0)",
        new="bend = 0 * a.rad",
    ),
    Change(
        name="bound: the error before the activation lost",
        what="The activation's argument counts as exact.",
        file="bounds.py",
        old="rad = np.fmin(slope * a.rad + bend, np.minimum(a.rad, reach))",
        new="rad = np.minimum(bend, reach)",
    ),
    Change(
        name="bound: slope from an exact state",
        what="The error of h is not passed on to 1 - h^2.",
        file="bounds.py",
        old="slope = a.unit.exact(1.0) - h * h",
        new="slope = a.unit.exact(1.0) - h.middle * h.middle",
    ),
    Change(
        name="bound: relu's slope is certain",
        what="Near the kink, too.",
        file="bounds.py",
        old="uncertain = (np.abs(a.mid) <= a.rad) & (a.rad > 0)",
        new="uncertain = np.zeros(a.mid.shape, bool)",
    ),
    Change(
        name="bound: new errors lost",
        what="A step adds no error of its own.",
        file="bounds.py",
        old="fresh = fixed.rad + unit.rounding(plain, count(whole, plus, more))",
        new="fresh = 0 * fixed.rad",
    ),
    Change(
        name="bound: products with the wrong matrix",
        what="Errors travel by the transpose.",
        file="bounds.py",
        old="self.matrix.mid.astype(np.float64)",
        new="self.matrix.mid.T.astype(np.float64)",
    ),
    Change(
        name="bound: carried errors lost",
        what="Errors of earlier steps are forgotten.",
        file="bounds.py",
        old="np.fmin(plain, self.carried + lost)",
        new="np.fmin(plain, lost)",
    ),
    Change(
        name="bound: errors do not grow old",
        what="What a product adds is not handed to the next step.",
        file="bounds.py",
        old="new = slope * self.fresh + own",
        new="new = own",
    ),
    Change(
        name="bound: the slope counts as exact",
        what="da's error lacks what the slope's error brings.",
        file="bounds.py",
        old="own = dh.mag * forward.slope[t].rad + unit.rounding(da.mag, 1)",
        new="own = unit.rounding(da.mag, 1)",
    ),
    Change(
        name="bound: the loss without its 2",
        what="The middle of the upstream gradient is half of it.",
        file="bounds.py",
        old="y.unit.long.type(2) / n",
        new="y.unit.long.type(1) / n",
    ),
    Change(
        name="residuals: the state after",
        what="A step is judged by its own result.",
        file="bounds.py",
        old='np.concatenate([h_0[None], own["h"]])[:-1]',
        new='np.concatenate([own["h"], h_0[None]])[:-1]',
    ),
    Change(
        name="residuals: the gradient before",
        what="A step is judged by its own gradient.",
        file="bounds.py",
        old='np.concatenate([own["da"], np.zeros_like(h_0)[None]])[1:]',
        new='np.concatenate([own["da"], np.zeros_like(h_0)[None]])[:-1]',
    ),
    Change(
        name="bound: m with the wrong beta",
        what="beta_1 g in place of (1 - beta_1) g.",
        file="bounds.py",
        old="m = state.m * beta_1 + g * (1 - beta_1)",
        new="m = state.m * beta_1 + g * beta_1",
    ),
    Change(
        name="bound: amsgrad ignored",
        what="v in place of its maximum.",
        file="bounds.py",
        old="v_max = state.v_max.maximum(v) if options.amsgrad else v",
        new="v_max = v",
    ),
    Change(
        name="bound: no eps",
        what="Nothing is added to the root.",
        file="bounds.py",
        old="/ (root + options.eps)",
        new="/ root",
    ),
    Change(
        name="bound: the correction is exact",
        what="1 - beta^t is taken not to be rounded before it is brought into the dtype.",
        file="bounds.py",
        old="rad = np.finfo(np.float64).eps * (2 * power + value)",
        new="rad = 0 * value",
    ),
)
