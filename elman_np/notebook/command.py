"""`python -m elman_np notebook`: the notebook's cells one by one, or the fate of its starts."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Annotated as Float
from typing import NamedTuple, TypeAlias

import numpy as np
from rich.console import Console

import elman_np as en
from elman_np import commands
from elman_np.arrays import Array
from elman_np.notebook.fates import FATES, Study, fates_table, studies, table_cells, yardsticks
from elman_np.notebook.picture import draw_fates
from elman_np.notebook.run import (
    BATCH_SIZE,
    EPOCHS,
    LR,
    PRINT_ERROR,
    PRINTED,
    PRINTED_PREDICTIONS,
    SEQUENCE_LENGTH,
    Update,
    closes,
    network,
    predict,
    train,
)
from elman_np.parameters import Parameters

Trainer: TypeAlias = Callable[..., Parameters]
Predictor: TypeAlias = Callable[[Parameters, Array], tuple[Array, Array]]


class Backend(NamedTuple):
    """What prints the notebook's steps: a training, and predictions."""

    package: str
    train: Trainer
    predict: Predictor


def run_parser(package: str) -> argparse.ArgumentParser:
    """Make the options of a run, which both packages have."""
    result = argparse.ArgumentParser(
        prog=f"python -m {package} notebook",
        description="Every step of the notebook with its numbers, and the run that it prints, verified.",
        epilog=commands.STATUSES,
        formatter_class=commands.HelpFormatter,
    )
    result.add_argument(
        "--seed", type=commands.seed, default=616, help="of the start; 616 ends as the printed run did"
    )
    result.add_argument("--order", type=commands.seed, default=0, help="seed of the order of the days")
    result.add_argument("--epochs", type=commands.count, default=EPOCHS, help="passes over the 249 days")
    result.add_argument("--dtype", choices=["float32", "float64"], default="float32", help="as computed in")
    return result


def parser() -> argparse.ArgumentParser:
    """Make the options of `python -m elman_np notebook`."""
    result = run_parser("elman_np")
    result.add_argument(
        "--starts", type=commands.count, help="study the fate of so many starts, in place of one run"
    )
    result.add_argument(
        "--picture", type=commands.picture, help="with --starts: where to save the picture of the fates"
    )
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `python -m elman_np notebook`; return the exit status."""
    line = parser()
    chosen = line.parse_args(arguments)
    if chosen.starts is None and chosen.picture is not None:
        line.error("picture: expected together with --starts, whose fates it shows")
    for name in ("seed", "dtype"):
        if chosen.starts is not None and getattr(chosen, name) != line.get_default(name):
            line.error(f"{name}: expected none beside --starts, which is not computed by it")
    console = commands.console(width=130)
    try:
        if chosen.starts is None:
            show_run(console, Backend("elman_np", train, predict), chosen)
            return 0
        found = show_fates(console, chosen.starts, chosen.epochs, chosen.order)
    except (ArithmeticError, MemoryError) as error:
        return commands.failed(line, error)
    if chosen.picture is None:
        return 0
    return commands.save_picture(line, console, lambda: draw_fates(found), chosen.picture)


def show_run(console: Console, backend: Backend, chosen: argparse.Namespace) -> None:
    """Print the notebook's cells, one by one; nothing that it does is repaired."""

    def say(text: object = "", *, title: bool = False) -> None:
        console.print(str(text), markup=False, highlight=False, style="bold" if title else None)

    frame = en.load_splg()
    x, target = closes(frame)
    say("In [2]  the prices", title=True)
    say(frame.head())
    say("\nIn [3]  the model", title=True)
    start = en.init_parameters(1, 1, 1, init="normal", rng=chosen.seed, dtype=chosen.dtype)
    say(f"{network(start)} by {backend.package}; sequence_length = {SEQUENCE_LENGTH}")
    say(f"start, N(0, 1), seed {chosen.seed}: {spelled(start)}")
    say("\nIn [4]  inputs and targets", title=True)
    say(f"{x.shape} {target.shape}")
    say(
        f"\nIn [5]  training: {chosen.epochs} epochs, batches of {BATCH_SIZE} shuffled days, "
        f"Adam at {LR}, {chosen.dtype}",
        title=True,
    )

    def listen(update: Update) -> None:
        if update.batch == 0 and update.epoch % 100 == 0:
            say(training_line(update, len(x)))

    params = backend.train(start, x, target, epochs=chosen.epochs, rng=chosen.order, callback=listen)
    say("\nIn [6]  predictions of the 249 days, in rows of ten", title=True)
    y, h_n = backend.predict(params, x)
    for first in range(0, len(y), 10):
        say(" ".join(f"{value:7.4f}" for value in y[first : first + 10, 0]))
    say(f"last state: {h_n[0]:.4f}")
    say("\nIn [7]  the parameters", title=True)
    say(spelled(params))
    say("\nThe run that the notebook prints, with its five parameters on these closes", title=True)
    printed, _ = backend.predict(PRINTED, x)
    check = check_printed(printed[:, 0], x)
    say(spelled(PRINTED))
    say(
        f"largest difference from its 50 predictions: {check.largest:.4f}; four digits allow "
        f"{check.allowed:.4f} there; {check.exceeding} exceed it"
    )
    say(f"every second one is b_y exactly: {check.every_second_is_b_y}")
    say("\nWhat it is worth: root mean squared error against tomorrow's close, dollars", title=True)
    for name, error in worth(printed[:, 0], y[:, 0], x, target).items():
        say(f"{name:24} {error:.3f}")


class PrintedCheck(NamedTuple):
    """How near predictions from the printed parameters come to the 50 that the notebook prints."""

    largest: float
    """The largest difference."""
    allowed: float
    """What the printed digits allow on that day (`printed_bound`)."""
    exceeding: int
    """On how many days the difference is larger than they allow."""
    every_second_is_b_y: bool
    """Whether all predictions of the 2nd, 4th, ... day are `b_y` to the last bit."""


def check_printed(predictions: Float[Array, "T"], x: Float[Array, "T"]) -> PrintedCheck:
    """Compare predictions from the printed parameters, of the closes `x`, with the printed ones."""
    difference = np.abs(predictions[:50] - PRINTED_PREDICTIONS)
    allowed = printed_bound(x[:50])
    return PrintedCheck(
        largest=float(difference.max()),
        allowed=float(allowed[difference.argmax()]),
        exceeding=int(np.sum(difference > allowed)),
        every_second_is_b_y=bool((predictions[1:50:2] == PRINTED.b_y[0]).all()),
    )


def worth(
    printed: Float[Array, "T"], run: Float[Array, "T"], x: Float[Array, "T"], target: Float[Array, "T"]
) -> dict[str, float]:
    """Take the RMSE in dollars, against tomorrow's close, of both predictions and of two yardsticks."""
    predictions = {
        "the printed parameters": printed,
        "this run": run,
        "the mean of the targets": np.full_like(target, target.mean()),
        "tomorrow = today": x,
    }
    return {name: en.rmse(values.astype(np.float64), target) for name, values in predictions.items()}


def training_line(update: Update, samples: int) -> str:
    """Spell out one update as the notebook does: the loss is that of one batch, before the update."""
    count = -(-samples // BATCH_SIZE)
    return (
        f"Train Epoch: {update.epoch} [{update.batch * update.days}/{samples} "
        f"({100 * update.batch / count:.0f}%)]\tLoss: {update.loss:.6f}"
    )


def spelled(params: Parameters) -> str:
    """Name and value of the five parameters in a line."""
    return ", ".join(f"{name} = {value.item():.4f}" for name, value in params.items())


def printed_bound(x: Float[Array, "T"]) -> Float[Array, "T"]:
    """How far predictions from the printed parameters may be from the printed predictions.

    Each parameter is within half a unit of its fourth digit, and so is each print. While the state is 0
    before a day, h = w_x x + b_h moves by at most (x + 1) e, and y = w_y h + b_y by w_y times that, by
    (h + (x + 1) e) e for w_y, by e for b_y and by e for the print. On the day after, relu is off by a wide
    margin: y is b_y, and moves by e, as does the print. (State and resets agree on which days are which.)
    """
    e, w_y = PRINT_ERROR, PRINTED.w_y.item()
    h = PRINTED.w_x.item() * x + PRINTED.b_h.item()
    bound: Array = w_y * (x + 1) * e + (h + (x + 1) * e) * e + 2 * e
    bound[1::2] = 2 * e
    return bound


def show_fates(console: Console, count: int, epochs: int, order: int) -> list[Study]:
    """Print what becomes of `count` starts after each repair."""
    found = []
    with console.status("training"):
        for one in studies(count, epochs=epochs, order=order):
            found.append(one)
    for part in parts_that_fit(found, console.width):
        console.print(fates_table(found, part))
    year, after = yardsticks()
    console.print(
        f"Errors in dollars. 'Tomorrow = today' is off by {year.today:.3f} in 2023, and by "
        f"{after.today:.3f} on the {after.days} days to May 2024; "
        f"the mean of 2023's targets by {year.mean:.3f} and {after.mean:.3f}."
    )
    return found


def parts_that_fit(found: Sequence[Study], width: int) -> list[slice]:
    """Cut a table of fates that is too wide: fates from errors, and both as often as needed."""

    def fits(part: slice) -> bool:
        return commands.natural_width(fates_table(found, part)) <= width

    whole, count = slice(None), len(table_cells(found[0]))
    if fits(whole):
        return [whole]
    parts = []
    for first, stop in ((0, len(FATES)), (len(FATES), count)):
        for size in range(stop - first, 0, -1):
            cut = [slice(k, min(k + size, stop)) for k in range(first, stop, size)]
            if size == 1 or all(map(fits, cut)):
                parts += cut
                break
    return parts
