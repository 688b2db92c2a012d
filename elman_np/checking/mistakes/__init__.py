"""The mistakes that people make, each as a small change of our own source, in a file for each topic.

One catalogue for two uses: the tests must notice every one of them, and a checker of other people's code
can say which one theirs behaves like. `plant` runs the package with one of them in it.
"""

from elman_np.checking.mistakes import (
    activation,
    adam,
    cell,
    data,
    forward,
    initial,
    loss,
    referees,
    rewrites,
    side_effects,
    sums,
    through_time,
    training,
)
from elman_np.checking.mistakes.planting import Change, Mistake, plant

NETWORK = (
    *forward.MISTAKES,
    *activation.MISTAKES,
    *loss.MISTAKES,
    *data.MISTAKES,
    *initial.MISTAKES,
    *through_time.MISTAKES,
    *sums.MISTAKES,
    *side_effects.MISTAKES,
    *cell.MISTAKES,
    *training.MISTAKES,
)
ADAM = adam.MISTAKES
HARMLESS = rewrites.REWRITES
REFEREES = referees.MISTAKES
"""Who judges must be judged too."""

__all__ = ["ADAM", "HARMLESS", "NETWORK", "REFEREES", "Change", "Mistake", "plant"]
