"""What becomes of the notebook's starts: judged in dollars, and in a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated as Float
from typing import NamedTuple

import numpy as np
from rich.table import Table

import elman_np as en
from elman_np.arrays import Array
from elman_np.notebook.run import EPOCHS, closes
from elman_np.notebook.starts import REPAIRS, Recipe, Starts, draw_starts, predict_starts, train_starts

FATES = ("dead", "oscillates", "the mean", "today", "on the way")


@dataclass(frozen=True, eq=False)
class Study:
    """S starts of one recipe, trained on 2023, and judged in dollars."""

    name: str
    recipe: Recipe
    starts: Starts
    """Parameters after the training."""
    fate: Array
    """(S,): index into `FATES`."""
    error: Float[Array, "S"]
    """Root mean squared error against the next close, over the days of the training."""
    error_after: Float[Array, "S"]
    """The same over the days from January to May 2024."""

    def count(self, fate: str) -> int:
        """How many of the starts have this fate."""
        return int(np.sum(self.fate == FATES.index(fate)))


def study(name: str, recipe: Recipe, count: int, *, order: int = 0) -> Study:
    """Train `count` starts on the closes of 2023, and judge them."""
    x, target = (scaler(recipe).transform(series) for series in closes())
    starts = train_starts(draw_starts(count, recipe.init), recipe, x, target, rng=order)
    return Study(name, recipe, starts, *judge(starts, recipe))


def scaler(recipe: Recipe) -> en.Scaler:
    """Take the scaler that fits the inputs of 2023, or one that leaves dollars as they are."""
    return en.Scaler.fit(closes()[0]) if recipe.standardise else en.Scaler(0.0, 1.0)


def judge(starts: Starts, recipe: Recipe) -> tuple[Array, Float[Array, "S"], Float[Array, "S"]]:
    """Tell fate and errors of trained networks, in 2023 and in what the bundled data have of 2024.

    The fates, the first that fits:

    - dead: the hidden unit is 0 on all days, so that all predictions are `b_y`;
    - oscillates: from day to day, predictions jump more on average than the close ever did in that year;
    - the mean: predictions are nearer to the targets' mean than today's close is to tomorrow's;
    - today: predictions are nearer to today's close than today's close is to tomorrow's;
    - on the way: anything else.

    'Nearer' is by the root mean square over the days.
    """
    x, target = closes(en.load_splg("2023-01-01", "2024-05-11"))
    units, (year, _) = scaler(recipe), closes()
    h, y = predict_starts(starts, recipe, units.transform(x))
    y, days = units.inverse(y), len(year)
    error = root_mean_square((y - target[:, None])[:days])
    error_after = root_mean_square((y - target[:, None])[days:])
    h, y, x, target = h[:days], y[:days], x[:days], target[:days]
    today = en.rmse(x, target)
    fits = [
        (h == 0).all(axis=0),
        np.abs(np.diff(y, axis=0)).mean(axis=0) > np.abs(np.diff(x)).max(),
        root_mean_square(y - target.mean()) < today,
        root_mean_square(y - x[:, None]) < today,
        np.ones(starts.shape[1], bool),
    ]
    return np.argmax(fits, axis=0), error, error_after


def root_mean_square(z: Float[Array, "T S"]) -> Float[Array, "S"]:
    """Take the root of the mean square over days."""
    root: Array = np.sqrt(np.mean(z * z, axis=0))
    return root


def studies(count: int, *, epochs: int = EPOCHS, order: int = 0) -> Iterator[Study]:
    """Study the notebook's recipe, each repair by itself, and the repairs one after the other."""
    notebook = repaired = Recipe(epochs=epochs)
    yield study("the notebook", notebook, count, order=order)
    for name, repair in REPAIRS.items():
        yield study(f"only {name}", replace(notebook, **repair), count, order=order)
    for name, repair in REPAIRS.items():
        repaired = replace(repaired, **repair)
        yield study(f"+ {name}", repaired, count, order=order)


def fates_table(found: Sequence[Study], part: slice = slice(None)) -> Table:
    """One row a recipe: fates, how many beat what, and errors in dollars; or part of these columns."""
    table = Table(
        title=f"{len(found[0].fate)} starts of the notebook's training, repair by repair",
        padding=(0, 0, 0, 1),
    )
    headings = (
        "beat\nmean",
        "beat\ntoday",
        "median\nerror",
        "best\nerror",
        "median\n2024",
        "beat today\n2024",
    )
    for heading in ("", *(*FATES, *headings)[part]):
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for i, one in enumerate(found):
        table.add_row(one.name, *table_cells(one)[part], end_section=i in (0, len(REPAIRS)))
    return table


class Summary(NamedTuple):
    """What a study comes to: the numbers of its row in the table."""

    fates: dict[str, int]
    """How many of the starts have which fate."""
    beat_mean: int
    """How many are nearer in 2023 than the mean of its targets."""
    beat_today: int
    """How many are nearer in 2023 than 'tomorrow = today'."""
    median: float
    """Median error in 2023, in dollars."""
    best: float
    """Smallest error in 2023."""
    median_after: float
    """Median error from January to May 2024."""
    beat_today_after: int
    """How many are nearer than 'tomorrow = today' there."""


def summary(one: Study) -> Summary:
    """Count and take medians."""
    year, after = yardsticks()
    return Summary(
        fates={fate: one.count(fate) for fate in FATES},
        beat_mean=int(np.sum(one.error < year.mean)),
        beat_today=int(np.sum(one.error < year.today)),
        median=float(np.median(one.error)),
        best=float(one.error.min()),
        median_after=float(np.median(one.error_after)),
        beat_today_after=int(np.sum(one.error_after < after.today)),
    )


def table_cells(one: Study) -> list[str]:
    """Spell out the numbers of a study's row, in the order of the table's columns."""
    fates, *numbers = summary(one)
    spelled = (f"{value:.3f}" if isinstance(value, float) else str(value) for value in numbers)
    return [*map(str, fates.values()), *spelled]


class Yardsticks(NamedTuple):
    """Errors in dollars of what needs no network, over some days."""

    days: int
    mean: float
    """Of predicting the mean of 2023's targets."""
    today: float
    """Of 'tomorrow = today'."""


def yardsticks() -> tuple[Yardsticks, Yardsticks]:
    """Take the two errors in 2023, and from January to May 2024."""
    x, target = closes(en.load_splg("2023-01-01", "2024-05-11"))
    days = len(closes()[0])
    mean = np.full_like(target, target[:days].mean())
    year, after = (
        Yardsticks(len(x[part]), en.rmse(mean[part], target[part]), en.rmse(x[part], target[part]))
        for part in (slice(days), slice(days, None))
    )
    return year, after
