"""`python -m elman_np`: train on SPLG or a file, forecast, and compare with 'tomorrow = today'."""

from __future__ import annotations

import argparse
import math
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from typing import Annotated as Float

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

import elman_np as en
from elman_np import commands
from elman_np.arrays import Array
from elman_np.data.conversion import Labelled, read_series
from elman_np.data.days import on_clocks
from elman_np.data.kept import CacheWarning
from elman_np.later import Later

if TYPE_CHECKING:
    import polars as pl
    from matplotlib import figure as mpl
else:
    pl, mpl = Later("polars"), Later("matplotlib.figure")


def parser() -> argparse.ArgumentParser:
    """Make the options of the command."""
    result = argparse.ArgumentParser(
        prog="python -m elman_np",
        description="Train an Elman network on SPLG's closes, or with --file on a column of your own, and "
        "forecast the next day's.",
        epilog="Other commands: %(prog)s check, which judges your BPTT; %(prog)s notebook, cell by cell. "
        + commands.STATUSES,
        formatter_class=commands.HelpFormatter,
    )
    result.add_argument("--version", action="version", version=f"elman {en.__version__}")
    result.add_argument("--start", type=commands.day, help="first day (2023-01-01, or the file's first)")
    result.add_argument("--end", type=commands.day, help="day after the last (2024-01-01, or the file's)")
    result.add_argument(
        "--source", choices=["bundled", "yahoo"], default="bundled", help="where SPLG's prices come from"
    )
    result.add_argument(
        "--cached",
        action="store_true",
        help="with yahoo: take what was downloaded before, without the network",
    )
    result.add_argument(
        "--cache-dir",
        type=Path,
        help="with yahoo: the folder in which downloads are kept (the user's folder for caches)",
    )
    commands.add_file_options(result)
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
        "--picture", type=commands.picture, help="where to save the picture (splg.png, or named as the file)"
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
        subject = find_subject(console, options)
        series = subject.series.values
        train, validation, test = en.split(series, 0.7, 0.15)
        if options.length >= len(train):
            raise ValueError(
                f"length: expected at most {len(train) - 1}, one less than the training part has "
                f"{subject.rows}, got {options.length}"
            )
        scaler = en.Scaler.fit(train)
        x, target = en.windows(scaler.transform(train), options.length)
    except (ValueError, argparse.ArgumentTypeError) as error:
        line.error(str(error))
    except (RuntimeError, ImportError) as error:
        return commands.failed(line, error)
    commands.say_where_no_dates(console, subject.series)
    borders = len(train), len(train) + len(validation)
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # what comes of it is refused
            model = fit(console, options, x, target, subject.rows)
            forecast = en.forecast(model, scaler, series)
            errors = forecast_errors(series, forecast, *borders)
    except (ArithmeticError, MemoryError, ValueError) as error:
        return commands.failed(line, error)
    console.print(errors_table(errors, subject.heading))
    console.print(
        f"Test period: the last {len(test)} of {len(series)} {subject.rows}, never seen in training. "
        "A forecast knows what came before, and no more."
    )

    def draw() -> mpl.Figure:
        from elman_np.picture import draw_forecast

        known = subject.series.dates
        dates = np.arange(len(series)) if known is None else on_clocks(known, subject.series.zone)
        return draw_forecast(dates, series, forecast, *borders, title=subject.title, label=subject.label)

    return commands.save_picture(line, console, draw, subject.picture)


class Subject(NamedTuple):
    """What is forecast, and what the report and the picture call it."""

    series: Labelled
    rows: str
    """What one step is, of several."""
    heading: str
    """Of the table."""
    title: str
    """Of the picture."""
    label: str
    """Of the values in the picture."""
    picture: Path


def find_subject(console: Console, options: argparse.Namespace) -> Subject:
    """Read the series that the options ask for: the closes of SPLG, or a column of a file.

    Raises
    ------
    ValueError, argparse.ArgumentTypeError
        If the file, or what is asked of it, is not as it should be.
    RuntimeError, ImportError
        If prices cannot be downloaded.
    """
    if options.file is not None and (options.source != "bundled" or options.cached or options.cache_dir):
        raise ValueError("--source, --cached, --cache-dir: expected none of them beside --file")
    if options.source != "yahoo" and (options.cached or options.cache_dir):
        raise ValueError("--cached, --cache-dir: expected together with --source yahoo")
    series = commands.read_file_options(options, options.start, options.end)
    if series is None:
        return Subject(
            read_series("prices", load(console, options).select("Date", "Close")),
            rows="days",
            heading="RMSE of the forecast of the next close, in dollars",
            title="SPLG: an Elman network's forecast of the next close",
            label="dollars, adjusted",
            picture=options.picture or commands.picture("splg.png"),
        )
    (column,) = series.columns
    return Subject(
        series,
        rows="rows",
        heading=f"RMSE of the forecast of {column}, one row ahead",
        title=f"{options.file.stem}: an Elman network's forecast of {column}, one row ahead",
        label=column,
        picture=options.picture or commands.picture(f"{options.file.stem}.png"),
    )


def load(console: Console, options: argparse.Namespace) -> pl.DataFrame:
    """Load the prices, and print what is to be known of a cache that they came from or went to."""
    days = {name: getattr(options, name) for name in ("start", "end") if getattr(options, name) is not None}
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always", CacheWarning)
        try:
            return en.load_splg(
                **days, source=options.source, cached=options.cached, cache_dir=options.cache_dir
            )
        finally:
            for note in notes:
                commands.say(console, f"note: {note.message}")


def fit(
    console: Console,
    options: argparse.Namespace,
    x: Float[Array, "L N 1"],
    target: Float[Array, "L N 1"],
    rows: str,
) -> en.ElmanRNN:
    """Train on the windows of the training part, with a progress bar."""
    model = en.ElmanRNN(1, options.hidden_size, 1, activation=options.activation, rng=options.seed)
    console.print(f"{model}: {x.shape[1]} windows of {options.length} {rows}, {options.epochs} epochs")
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
        Three errors, in the units of the series, for each forecast. An error belongs to the part of the day
        that is forecast; the first day of all has no forecast.

    Raises
    ------
    ArithmeticError
        If an error is not finite.
    """
    forecasts = {
        "Elman network": forecast,
        "tomorrow = today": close,
        "mean of the training part": np.full_like(close, np.mean(close[:train])),
    }
    parts = (slice(1, train), slice(train, test), slice(test, len(close)))
    errors = {
        name: [en.rmse(values[part.start - 1 : part.stop - 1], close[part]) for part in parts]
        for name, values in forecasts.items()
    }
    if not np.isfinite(list(errors.values())).all():
        raise ArithmeticError("the forecasts' error is not finite; try a smaller learning rate")
    return errors


def errors_table(errors: Mapping[str, Sequence[float]], heading: str) -> Table:
    """Lay out the errors of `forecast_errors`, a row a forecast, the smallest to three digits."""
    smallest = min((error for row in errors.values() for error in row if error > 0), default=1.0)
    decimals = max(0, 2 - math.floor(math.log10(smallest)))
    table = Table(title=escape(heading))
    for name in ("forecast", "training", "validation", "test"):
        table.add_column(name, justify="left" if name == "forecast" else "right")
    for name, numbers in errors.items():
        table.add_row(name, *(f"{error:.{decimals}f}" for error in numbers))
    return table


if __name__ == "__main__":
    commands.run(main, "python -m elman_np")
