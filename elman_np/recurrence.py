"""A network's options as one value: the name of its activation, and where it is truncated (chapter 5)."""

from __future__ import annotations

from dataclasses import dataclass

from elman_np.arrays import check_count, check_kind
from elman_np.cell import Activation, check_activation


@dataclass(frozen=True)
class Recurrence:
    """The options of a network that are not its parameters, as one value.

    Parameters
    ----------
    activation : {"tanh", "relu"}
    reset_every : int, optional
        The state goes back to `h_0` after every so many steps (5.1).
    chunk : int, optional
        The state is carried, but the gradient is cut after every so many steps (5.3).

    Raises
    ------
    ValueError
        If the activation is unknown, a number of steps is below 1, or both truncations are asked for.
    TypeError
        If a number of steps is not an integer.
    """

    activation: Activation = "tanh"
    reset_every: int | None = None
    chunk: int | None = None

    def __post_init__(self) -> None:
        check_activation(self.activation)
        if self.reset_every is not None and self.chunk is not None:
            raise ValueError(
                "reset_every and chunk: expected at most one of them, got "
                f"{self.reset_every} and {self.chunk}; a reset already cuts the gradient"
            )
        for name in ("reset_every", "chunk"):
            if (steps := getattr(self, name)) is not None:
                object.__setattr__(self, name, check_count(name, steps))

    def __str__(self) -> str:
        truncation = {"reset_every": self.reset_every, "chunk": self.chunk}
        asked = "".join(f", {name}={steps}" for name, steps in truncation.items() if steps is not None)
        return f"activation={self.activation!r}{asked}"


PLAIN = Recurrence()
"""tanh, and no truncation."""


class HasRecurrence:
    """What the networks of both backends say of their options, and how these are replaced."""

    _recurrence: Recurrence

    @property
    def recurrence(self) -> Recurrence:
        """Activation, `reset_every` and `chunk` as one value, which may be replaced."""
        return self._recurrence

    @recurrence.setter
    def recurrence(self, new: Recurrence) -> None:
        check_kind("recurrence", new, Recurrence)
        self._recurrence = new

    @property
    def activation(self) -> Activation:
        """Tanh or relu."""
        return self.recurrence.activation

    @property
    def reset_every(self) -> int | None:
        """After how many steps the state goes back to `h_0`."""
        return self.recurrence.reset_every

    @property
    def chunk(self) -> int | None:
        """After how many steps the gradient is cut."""
        return self.recurrence.chunk
