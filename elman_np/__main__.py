"""`python -m elman_np`: train on SPLG, forecast, and compare with 'tomorrow = today'."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.table import Table

import elman_np as en
from elman_np import commands
from elman_np.arrays import Array
from elman_np.data.kept import CacheWarning

if TYPE_CHECKING:
    import polars as pl
    from jaxtyping import Float
    from matplotlib.figure import Figure


def parser() -> argparse.ArgumentParser:
    """Make the options of the command."""
    result = argparse.ArgumentParser(
        prog="python -m elman_np",
        description="Train an Elman network on SPLG's closes and forecast the next day's close.",
        epilog="Other commands: %(prog)s check, which judges your BPTT; %(prog)s notebook, cell by cell.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    result.add_argument("--version", action="version", version=f"elman {en.__version__}")
    result.add_argument("--start", type=commands.day, default="2023-01-01", help="first day")
    result.add_argument("--end", type=commands.day, default="2024-01-01", help="day after the last day")
    result.add_argument(
        "--source", choices=["bundled", "yahoo"], default="bundled", help="where prices come from"
    )
    result.add_argument(
        "--cached",
        action="store_true",
        help="with yahoo: take what was downloaded before, without the network",
    )
    result.add_argument(
        "--cache-dir",
        type=Path,
        help="with yahoo: the folder in which downloads are kept; None is the user's folder for caches",
    )
    result.add_argument("--hidden-size", type=commands.count, default=8, help="hidden units")
    result.add_argument("--activation", choices=["tanh", "relu"], default="tanh", help="hidden activation")
    result.add_argument("--length", type=commands.count, default=20, help="days in a training window")
    result.add_argument("--epochs", type=commands.count, default=200, help="passes over the training windows")
    result.add_argument("--batch-size", type=commands.count, default=32, help="windows in a batch")
    result.add_argument("--lr", type=commands.rate, default=0.01, help="Adam's learning rate")
    result.add_argument(
        "--clip-norm", type=commands.above_zero, default=1.0, help="largest norm of a batch's gradient"
    )
    result.add_argument(
        "--seed", type=commands.seed, default=0, help="of first parameters and order of windows"
    )
    result.add_argument(
        "--picture", type=commands.picture, default="splg.png", help="where to save the picture"
    )
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments and arguments[0] == "notebook":
        from elman_np import notebook

        return notebook.main(arguments[1:])
    if arguments and arguments[0] == "check":
        from elman_np.checking.learner import running

        return running.main(arguments[1:])
    line = parser()
    options = line.parse_args(arguments)
    console = commands.console(width=100)
    try:
        prices = load(console, options)
        close = prices["Close"].to_numpy()
        train, validation, test = en.split(close, 0.7, 0.15)
        scaler = en.Scaler.fit(train)
        x, target = en.windows(scaler.transform(train), options.length)
    except ValueError as error:
        line.error(str(error))
    except (RuntimeError, ImportError) as error:
        return commands.failed(line, error)
    try:
        model = fit(console, options, x, target)
    except (ArithmeticError, MemoryError) as error:
        return commands.failed(line, error)
    forecast = en.forecast(model, scaler, close)
    console.print(errors_table(forecast_errors(close, forecast, len(train), len(train) + len(validation))))
    console.print(
        f"Test period: the last {len(test)} of {len(close)} days, never seen in training. "
        "Forecasts for a day know the closes up to the day before."
    )
    borders = len(train), len(train) + len(validation)

    def draw() -> Figure:
        from elman_np.picture import draw_forecast

        return draw_forecast(prices["Date"].to_numpy(), close, forecast, *borders)

    return commands.save_picture(line, console, draw, options.picture)


def load(console: Console, options: argparse.Namespace) -> pl.DataFrame:
    """Load the prices, and print what is to be known of a cache that they came from or went to."""
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always", CacheWarning)
        try:
            return en.load_splg(
                options.start,
                options.end,
                source=options.source,
                cached=options.cached,
                cache_dir=options.cache_dir,
            )
        finally:
            for note in notes:
                commands.say(console, f"note: {note.message}")


def fit(
    console: Console,
    options: argparse.Namespace,
    x: Float[Array, "L N 1"],
    target: Float[Array, "L N 1"],
) -> en.ElmanRNN:
    """Train on the windows of the training part, with a progress bar."""
    model = en.ElmanRNN(1, options.hidden_size, 1, activation=options.activation, rng=options.seed)
    console.print(f"{model}: {x.shape[1]} windows of {options.length} days, {options.epochs} epochs")
    en.train(
        model,
        x,
        target,
        optimiser=en.Adam(lr=options.lr),
        epochs=options.epochs,
        batch_size=options.batch_size,
        clip_norm=options.clip_norm,
        progress=True,
        rng=options.seed,
    )
    return model


def forecast_errors(
    close: Float[Array, "T"], forecast: Float[Array, "T"], train: int, test: int
) -> dict[str, list[float]]:
    """Take the RMSE of each forecast of the next close, in the training, validation and test part.

    Parameters
    ----------
    close, forecast : arrays (T,)
        `forecast[t]` belongs to the day after that of `close[t]`.
    train, test : int
        First day after the training part, and first day of the test part.

    Returns
    -------
    dict
        Three errors in dollars for each forecast. An error belongs to the part of the day that is forecast;
        the first day of all has no forecast.
    """
    forecasts = {
        "Elman network": forecast,
        "tomorrow = today": close,
        "mean of the training closes": np.full_like(close, np.mean(close[:train])),
    }
    parts = (slice(1, train), slice(train, test), slice(test, len(close)))
    return {
        name: [en.rmse(values[part.start - 1 : part.stop - 1], close[part]) for part in parts]
        for name, values in forecasts.items()
    }


def errors_table(errors: Mapping[str, Sequence[float]]) -> Table:
    """Lay out the errors of `forecast_errors`, a row a forecast."""
    table = Table(title="RMSE of the forecast of the next close, in dollars")
    for heading in ("forecast", "training", "validation", "test"):
        table.add_column(heading, justify="left" if heading == "forecast" else "right")
    for name, numbers in errors.items():
        table.add_row(name, *(f"{error:.3f}" for error in numbers))
    return table


if __name__ == "__main__":
    commands.run(main)
