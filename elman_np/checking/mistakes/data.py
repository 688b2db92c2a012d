"""Mistakes of what a network is fed with."""

from elman_np.checking.mistakes.planting import Mistake

MISTAKES = (
    Mistake(
        name="variance for standard deviation",
        what="Prices are divided by the square of their standard deviation.",
        hint="The standard deviation of what comes out must be 1.",
        file="data/series.py",
        old="return (series - mean) / std",
        new="return (series - mean) / std**2",
    ),
    Mistake(
        name="mean not put back",
        what="Forecasts in dollars are off by the mean of the training part.",
        hint="inverse(transform(x)) must be x.",
        file="data/series.py",
        old="return scaled * std + mean",
        new="return scaled * std",
    ),
    Mistake(
        name="target of the same day",
        what="The target of a day is its own price, which the input has told already.",
        hint="target[t] must be x[t + 1].",
        file="data/series.py",
        old="view[:, horizon:, targets]",
        new="view[:, :-horizon, targets]",
    ),
)
