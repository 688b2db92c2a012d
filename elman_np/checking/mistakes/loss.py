"""Mistakes of the loss."""

from elman_np.checking.mistakes.planting import Mistake

MISTAKES = (
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
        name="mean squared error for its root",
        what="The RMSE is in squared dollars.",
        hint="Double prices and outputs: it must double, not quadruple.",
        file="losses.py",
        old="float(np.sqrt(mse_loss(y, target)[0]))",
        new="float(mse_loss(y, target)[0])",
    ),
)
