"""Times that can be compared: taken in turn, so that the machine's noise meets everyone alike."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from elman_np.arrays import Array

SHORTEST = 3e-3  # seconds that one measurement lasts at least: short calls are repeated
PAUSE = 0.03  # seconds of rest before each: idle threads of the one before wait busily for about that long
LARGE = 31 << 20  # bytes; glibc learns from freed arrays of up to 32 MiB


@dataclass(frozen=True)
class Times:
    """Seconds of each side in each round."""

    seconds: dict[str, Array]

    def median(self, side: str) -> float:
        """Return a side's median time."""
        return float(np.median(self.seconds[side]))

    def ratio(self, side: str, to: str) -> tuple[float, float, float]:
        """How many times as long one side takes as another: the rounds' median, and quartiles."""
        rounds = self.seconds[side] / self.seconds[to]
        low, median, high = np.quantile(rounds, [0.25, 0.5, 0.75])
        return float(median), float(low), float(high)


def in_turn(
    sides: Mapping[str, Callable[[], object]], *, budget: float, least: int = 5, most: int = 31
) -> Times:
    """Time each side once a round, in an order that rotates, after a pause and a call that is not timed.

    There are as many rounds as `budget` seconds allow, within `least` and `most`.
    """
    settle_allocator()
    with _no_collection():
        repeats, cost = {}, 0.0
        for name, call in sides.items():
            call()
            once = min(seconds(call) for _ in range(2))
            repeats[name] = math.ceil(SHORTEST / once)
            cost += once * (repeats[name] + 1) + PAUSE
        rounds = int(min(most, max(least, budget / cost)))
        names = list(sides)
        times: dict[str, list[float]] = {name: [] for name in names}
        for _ in range(rounds):
            for name in names:
                time.sleep(PAUSE)
                sides[name]()
                times[name].append(seconds(sides[name], repeats[name]))
            names = [*names[1:], names[0]]
    return Times({name: np.array(measured) for name, measured in times.items()})


def seconds(call: Callable[[], object], repeats: int = 1) -> float:
    """Time a call: the mean of so many, made at once."""
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats


def settle_allocator() -> None:
    """Use a large array and give it back, once.

    Up to twice the size of the largest array that was ever given back, glibc keeps freed memory for the next
    call. Otherwise the kernel has to clear pages anew in each call, for some shapes and not for others, by
    what was timed before (`allocation.py` measures that).
    """
    np.empty(LARGE, np.uint8)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep Python's collector of cycles out of the times, as `timeit` does."""
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
