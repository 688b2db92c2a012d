"""The bundled closes, by the standard library: Polars' threads are lost where mutation testing forks."""

import csv
from pathlib import Path

import numpy as np

import elman_np as en
from elman_np.arrays import Array

with Path(en.__file__).with_name("data").joinpath("splg.csv").open(newline="", encoding="utf-8") as table:
    ROWS = list(csv.DictReader(table))


def closes(start: str, end: str) -> Array:
    """Closes from `start` to before `end`."""
    return np.array([float(row["Close"]) for row in ROWS if start <= row["Date"] < end])


CLOSES = closes("2019-05-13", "2024-05-11")
YEAR = closes("2023-01-01", "2024-01-01")
"""The notebook's."""
