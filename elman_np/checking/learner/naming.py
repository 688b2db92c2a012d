"""Which mistake of the catalogue makes the same numbers as the learner's program.

Each mistake is run on the same problems. It is named only where all of its numbers are the program's, within
what rounding may do, and no other mistake comes near.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from types import ModuleType
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np

from elman_np.arrays import Array
from elman_np.checking.balls import Ball, in_bounds
from elman_np.checking.learner.answers import CELL, package_tensors
from elman_np.checking.learner.calling import Attempt
from elman_np.checking.mistakes import Mistake, activation, cell, forward, loss, plant, sums, through_time

Key: TypeAlias = tuple[int, str]
"""The number of a problem, and a tensor."""


@runtime_checkable
class Attempted(Protocol):
    """What a program made of one problem, and the balls of what is right."""

    @property
    def tensors(self) -> Mapping[str, Array]:
        """Its numbers."""

    @property
    def balls(self) -> Mapping[str, Ball]:
        """At least of the same names."""


TRUNCATED = {
    "reset_every": (
        "resets to zero",
        "resets a step late",
        "last state reset",
        "stretches cut across time",
        "gradient of the last state at every reset",
        "gradient of h_0 from the first stretch only",
        "gradient of h_0 without the remainder",
        "= for += over the stretches",
        "remainder after the resets left out",
    ),
    "chunk": ("chunks that cut nothing", "chunks cut a step late"),
}
"""Mistakes of what only a program is asked that is truncated on purpose, by the word that declares it."""
ELSEWHERE = (
    *(name for names in TRUNCATED.values() for name in names),
    "targets broadcast",
    "mean squared error for its root",
    "initial state left over from the call before",
    "initial state of ones where none is given",
)
"""Mistakes of what most programs are not asked: truncation, arguments that are left out."""

KNOWN = tuple(
    mistake for topic in (forward, activation, loss, through_time, sums, cell) for mistake in topic.MISTAKES
)
CANDIDATES = tuple(mistake for mistake in KNOWN if mistake.name not in ELSEWHERE)
NEAR = 100.0
"""A mistake that is nearer than so many radii cannot be told from another."""
LIMITS: dict[str, tuple[str, tuple[str, ...]]] = {
    "recurrent gradient clipped": ("-1, 1", ("-0.1, 0.1", "-0.5, 0.5", "-2, 2", "-5, 5", "-10, 10")),
}
"""Numbers that differ from program to program: the text, and others to try in its place."""


@dataclass(frozen=True)
class Named:
    """One mistake or several together that explain the numbers, or those of which one does."""

    together: tuple[tuple[Mistake, ...], ...]
    """Each entry is a possible explanation; more than one means 'one of these'."""
    tensors: tuple[str, ...] = ()
    """The tensors that are explained, if not all."""


@cache
def planted(*changes: Mistake) -> ModuleType:
    """Plant once in a process: what the problems need of the package."""
    return plant(*changes, only=("parameters", "cell", "losses", "adam", "model"))


def network_numbers(attempt: Attempt, *changes: Mistake) -> dict[str, Array]:
    """Compute all numbers of our network with these mistakes in it."""
    by_cell = any(change.name.startswith(CELL) for change in changes)
    own_dy = attempt.tensors.get("dy")  # only where a loss is declared
    tensors = package_tensors(planted(*changes), attempt.problem, own_dy, by_cell=by_cell)
    return tensors | {"db_ih": tensors["db_h"], "db_hh": tensors["db_h"]}


def distance(one: Array, other: Array, ball: Ball) -> float:
    """Return how far two wrong programs are apart, in radii of the right one, scaled to their size."""
    size, right, radius = _largest(other), _largest(ball.mid), _largest(ball.rad)
    # Where what is right is exactly zero, there is no size to scale its radius to.
    bound = 2 * radius * max(1.0, size / right) if right else 2 * radius + 64 * ball.unit.u * size
    apart = np.abs(one - other)
    if np.isfinite(apart).all():
        return _largest(apart) / bound if bound else np.inf if apart.any() else 0.0
    return float(np.max(in_bounds(one, other, np.asarray(bound)), initial=0))


def _largest(z: Array) -> float:
    return float(np.abs(z).max()) if z.size else 0.0


@dataclass(frozen=True)
class Match:
    """One candidate beside the learner's numbers."""

    changes: tuple[Mistake, ...]
    apart: dict[Key, float]
    """Distance of each tensor from the learner's."""
    touched: frozenset[Key]
    """Tensors in which the mistake differs from what is right."""

    @property
    def worst(self) -> float:
        """The largest distance."""
        return max(self.apart.values(), default=np.inf)

    @property
    def explained(self) -> frozenset[Key]:
        """Tensors that it spoils in just the learner's way."""
        return frozenset(key for key in self.touched if self.apart[key] <= 1)


@dataclass(frozen=True)
class Desk:
    """The learner's numbers, and how ours are computed with mistakes in them."""

    attempts: Sequence[Attempted]
    compute: Callable[..., Mapping[str, Array]]
    """(attempt, *mistakes) -> numbers"""

    def match(self, *changes: Mistake, only: Collection[int] | None = None) -> Match | None:
        """Compare on all problems, or `only` on some; None where ours cannot run with the mistakes."""
        apart, touched = {}, set()
        for i, attempt in enumerate(self.attempts):
            if only is not None and i not in only:
                continue
            try:
                with warnings.catch_warnings(), np.errstate(all="ignore"):
                    warnings.simplefilter("ignore")
                    numbers = self.compute(attempt, *changes)
            except Exception:  # a mistake may make any line fail
                return None
            for name, z in attempt.tensors.items():
                ball, other = attempt.balls[name], numbers[name]
                if z.shape != other.shape:
                    return None
                apart[i, name] = distance(z, other, ball)
                if distance(ball.mid.astype(other.dtype), other, ball) > 1:
                    touched.add((i, name))
        return Match(changes, apart, frozenset(touched))


def variants(limits: Collection[int], declared: Collection[str] = ()) -> Iterator[Mistake]:
    """All candidates, and those of truncations that are `declared`.

    Those with a number in them also with other numbers: `limits` of steps above all.
    """
    yield from CANDIDATES
    yield from (mistake for word in declared for mistake in KNOWN if mistake.name in TRUNCATED[word])
    named = {mistake.name: mistake for mistake in CANDIDATES}
    for name, (text, others) in LIMITS.items():
        for other in others:
            yield replace(
                named[name], name=f"{name} at {other.split()[-1]}", new=named[name].new.replace(text, other)
            )
    for limit in limits:
        block, each = named["truncated after four steps"], named["each loss sent back five steps"]
        many = "one step" if limit == 1 else f"{limit} steps"
        if limit not in (4, 32):
            what = f"The gradient is cut after every {many}."
            new = block.new.replace("chunk or 4", f"chunk or {limit}")
            yield replace(block, name=f"truncated after {many}", what=what, new=new)
        if limit != 5:
            what = f"The gradient of each output is followed through {many}, and dropped."
            new = each.new.replace("t - 4", f"t - {limit - 1}")
            yield replace(each, name=f"each loss sent back {many}", what=what, new=new)


def name(
    desk: Desk, candidates: Iterable[Mistake], wrong: Iterable[Key], usual: Collection[str] = ()
) -> list[Named]:
    """Find what explains the numbers: one mistake, several that spoil different tensors, or two at once.

    Of two at once, the first explains some tensors by itself, or is one of the `usual`.
    """
    wrong = frozenset(wrong)
    quickest = _telling(desk, wrong)
    glances = [m for m in (desk.match(c, only=quickest) for c in candidates) if m is not None]
    kept = [m for m in glances if m.explained or not m.touched or m.worst < NEAR]
    found = [desk.match(*m.changes) for m in kept]
    matches = [m for m in found if m is not None and m.touched]
    near = [m for m in matches if m.worst < NEAR]
    if any(m.worst <= 1 for m in near):
        return [Named(_said(near))]
    apart, left = _separate(matches, wrong)
    if left and (both := _both(desk, matches, glances, wrong, usual)):
        return both
    return apart


def _telling(desk: Desk, wrong: Collection[Key]) -> list[int]:
    """Choose the smallest of the problems on which most is wrong."""
    count = Counter(i for i, _ in wrong)
    size = {i: sum(z.size for z in desk.attempts[i].tensors.values()) for i in count}
    return sorted(count, key=lambda i: (-count[i], size[i]))[:1]


def _said(near: Sequence[Match]) -> tuple[tuple[Mistake, ...], ...]:
    """Leave out what only repeats another: the cell's form of a mistake that the sequence has too."""
    plain = [m.changes for m in near if not any(c.name.startswith(CELL) for c in m.changes)]
    return tuple(plain or [m.changes for m in near])


def _separate(matches: Sequence[Match], wrong: frozenset[Key]) -> tuple[list[Named], frozenset[Key]]:
    """Name mistakes that spoil tensors of their own, all of them in just the learner's way; and what is left.

    A mistake of a sum may be made in the line of one tensor alone; then only that one need be the learner's.
    """
    left, found = wrong, []
    whole = [m for m in matches if m.touched <= wrong and m.explained == m.touched]
    for touched in sorted({m.touched for m in whole}, key=lambda keys: (-len(keys), sorted(keys))):
        if touched <= left and _complete(touched, wrong):
            left -= touched
            found.append(Named(_said([m for m in whole if m.touched == touched]), _tensors(touched)))
    for tensor in _tensors(left):
        keys = frozenset(key for key in wrong if key[1] == tensor)
        alone = [m for m in matches if m.changes[0] in sums.MISTAKES and _is(m, tensor)]
        if alone and keys <= left:
            left -= keys
            found.append(Named(_said(alone), (tensor,)))
    return found, left


def _tensors(keys: Iterable[Key]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for _, name in sorted(keys)))


def _complete(touched: Collection[Key], wrong: Collection[Key]) -> bool:
    """Whether a tensor is explained on all problems on which it is wrong."""
    names = {name for _, name in touched}
    return all(key in touched for key in wrong if key[1] in names)


def _is(m: Match, tensor: str) -> bool:
    """Whether one tensor is the learner's on all problems."""
    return all(far <= 1 for (_, name), far in m.apart.items() if name == tensor)


def _both(
    desk: Desk,
    matches: Sequence[Match],
    glances: Sequence[Match],
    wrong: frozenset[Key],
    usual: Collection[str],
) -> list[Named]:
    """Plant two mistakes at once: one that explains some tensors, and each of those that touch the others."""
    partial = [m for m in matches if m.explained and m.touched <= wrong]
    partial.sort(key=lambda m: -len(m.explained))
    alike = {m.explained: m for m in reversed(partial)}  # the cell's form of a mistake explains the same
    partial = [m for m in partial if alike[m.explained] is m][:2] + [
        m for m in glances if m.changes[0].name in usual
    ]
    quickest = sorted({i for m in glances for i, _ in m.apart})
    for first in partial:
        found = []
        for second in glances:
            if second.changes == first.changes or not second.touched:
                continue
            quick = desk.match(*first.changes, *second.changes, only=quickest)
            if quick is not None and quick.worst < NEAR:
                whole = desk.match(*first.changes, *second.changes)
                found += [whole] if whole is not None and whole.worst < NEAR else []
        if any(m.worst <= 1 for m in found):
            return [Named(_said(found))]
    return []
