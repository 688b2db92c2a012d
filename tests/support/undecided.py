"""Problems that the bound cannot judge: an example is thrown away, and too many of them are a failure."""

import math
from functools import cache

from hypothesis import reject, settings

SHARE = 0.05
"""Of a property's examples, the most that may be undecided."""

CHANCE = 1e-6
"""How seldom a property whose examples are drawn anew may fail although its share is no larger than that."""


class Tally:
    """How many examples of this test were undecided; a fixture sets it to 0 before each test."""

    count = 0


@cache
def allowed(examples, derandomised):
    """The share itself, of examples that are always the same; else what only a larger share leads to."""
    if derandomised:
        return math.ceil(SHARE * examples)
    likely = [(1 - SHARE) ** examples]  # of k undecided ones: a binomial distribution
    for k in range(examples):
        likely.append(likely[-1] * (examples - k) / (k + 1) * SHARE / (1 - SHARE))
    return next(most for most in range(examples + 1) if math.fsum(likely[most + 1 :]) < CHANCE)


def undecided(why):
    """Throw the example away, unless there were too many already."""
    Tally.count += 1
    most = allowed(settings.default.max_examples, settings.default.derandomize)
    assert Tally.count <= most, f"more than {most} examples are undecided, the last since {why}"
    reject()


def decide(comparison):
    """Raise where two answers differ; where the bound is too wide to tell, the example is thrown away."""
    if comparison.verdict == "undecided":
        undecided(
            f"of {comparison.worst.tensor}, of which the bound is {comparison.worst.width:.1e} of its size"
        )
    comparison.check()
