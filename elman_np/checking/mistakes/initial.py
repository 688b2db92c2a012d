"""Mistakes of the initial values."""

from elman_np.checking.mistakes.planting import Mistake

MISTAKES = (
    Mistake(
        name="first weights within 1 / H",
        what="Uniform on +-1/H in place of +-1/sqrt(H).",
        hint="The largest of many draws lies close to the border.",
        file="parameters.py",
        old="bound = 1 / np.sqrt(hidden_size)",
        new="bound = 1 / hidden_size",
    ),
    Mistake(
        name="uniform where normal is meant",
        what="The 'normal' first weights are uniform on +-1.",
        hint="Their variance is 1/3, not 1.",
        file="parameters.py",
        old="generator.standard_normal(shape)",
        new="generator.uniform(-1, 1, shape)",
    ),
)
