"""The bar that shows how far a training is, on stderr."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


@contextmanager
def show_progress(done: int, epochs: int) -> Iterator[Callable[[int, float], None]]:
    """Show a bar while the block runs; yield a function that takes an epoch's number and its loss."""
    columns = (
        TextColumn("epoch {task.completed:.0f}/{task.total:.0f}"),
        BarColumn(),
        TextColumn("elapsed"),
        TimeElapsedColumn(),
        TextColumn("remaining"),
        TimeRemainingColumn(),
        TextColumn("loss {task.fields[loss]:.6f}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("training", total=epochs, completed=done, loss=np.nan)

        def show(epoch: int, loss: float) -> None:
            bar.update(task, completed=epoch, loss=loss)

        yield show
