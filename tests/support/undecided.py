"""Problems that the bound cannot judge: an example is thrown away, and too many of them are a failure."""

import math

from hypothesis import reject, settings

SHARE = 0.05
"""Of a property's examples, the most that may be undecided."""


class Tally:
    """How many examples of this test were undecided; a fixture sets it to 0 before each test."""

    count = 0


def undecided(why):
    """Throw the example away, unless there were too many already."""
    Tally.count += 1
    most = math.ceil(SHARE * settings.default.max_examples)
    assert Tally.count <= most, f"more than {most} examples are undecided, the last since {why}"
    reject()


def decide(comparison):
    """Raise where two answers differ; where the bound is too wide to tell, the example is thrown away."""
    if comparison.verdict == "undecided":
        undecided(
            f"of {comparison.worst.tensor}, of which the bound is {comparison.worst.width:.1e} of its size"
        )
    comparison.check()
