"""A comment that cites an equation is read, with its letter, down to the end of the equation's lines."""

import pytest

from elman_np.checking.marks import equation_of


@pytest.mark.parametrize(
    ("before", "number"),
    [
        ("    # (3.4)\n    da = ", "3.4"),
        ("# (8.19a)\nx", "8.19a"),
        ("# (12.34z)\n", "12.34z"),
        ("# (3.4)\na = 1\nb = ", "3.4"),
        ("# (3.4)\n\nb = ", None),
        ("# (3.4)\n# (3.5)\nb = ", "3.5"),
        ("# (3.4) and more\nb = ", None),
        ("x = 1  # (3.4)\nb = ", None),
        ("# (3)\nb = ", None),
        ("# (3.4ab)\nb = ", None),
        ("# (3.4)", None),
        ("", None),
    ],
)
def test_an_equation_is_cited_above_its_lines(before, number):
    assert equation_of(before) == number
