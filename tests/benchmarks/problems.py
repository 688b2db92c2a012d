"""The problems that are timed: one for each shape and dtype, the same numbers for everyone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

import elman_np as en
from elman_np.arrays import Array

OUTPUTS = 1


class Shape(NamedTuple):
    """T steps, a batch of B, I inputs, H hidden units; one output."""

    T: int
    B: int
    I: int  # noqa: E741
    H: int

    def __str__(self) -> str:
        return " ".join(map(str, self))


SHAPES = (
    Shape(50, 1, 1, 1),
    Shape(50, 1, 1, 16),
    Shape(50, 32, 1, 16),
    Shape(50, 32, 8, 64),
    Shape(50, 32, 32, 128),
    Shape(100, 64, 64, 256),
    Shape(100, 64, 128, 512),
    Shape(50, 64, 256, 1024),
)


@dataclass(frozen=True)
class Problem:
    """Inputs, targets, an upstream gradient and a network, drawn from a seed."""

    shape: Shape
    dtype: np.dtype[Any]

    @cached_property
    def model(self) -> en.ElmanRNN:
        """The network as it starts; whoever trains takes a copy."""
        return en.ElmanRNN(self.shape.I, self.shape.H, OUTPUTS, dtype=self.dtype, rng=0)

    @cached_property
    def x(self) -> Array:
        """Inputs (T, B, I)."""
        return self._draw(1, *self.shape[:3])

    @cached_property
    def h_0(self) -> Array:
        """First state (B, H)."""
        return self._draw(2, self.shape.B, self.shape.H)

    @cached_property
    def target(self) -> Array:
        """Targets (T, B, O) of the training step."""
        return self._draw(3, *self.shape[:2], OUTPUTS)

    @cached_property
    def dy(self) -> Array:
        """Upstream gradient (T, B, O)."""
        return self._draw(4, *self.shape[:2], OUTPUTS)

    def _draw(self, seed: int, *shape: int) -> Array:
        return np.random.default_rng(seed).standard_normal(shape).astype(self.dtype)
