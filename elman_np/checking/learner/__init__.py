"""Someone's own BPTT or Adam: right or wrong, where, from which step on, and which mistake it looks like.

`docs/check.md` begins with 'you have a file'. The right answer is ours, the tolerance is the rounding-error
bound of the problem, and what the bound cannot decide is not called right. NumPy is enough.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from elman_np.checking.comparison import Disagreement, Undecided
from elman_np.checking.learner.axes import Given
from elman_np.checking.learner.judging import Solve, judge
from elman_np.checking.learner.optimiser import AdamStyle, judge_adam
from elman_np.checking.learner.report import Report
from elman_np.checking.learner.style import CannotRunError, Style

__all__ = [
    "AdamStyle",
    "CannotRunError",
    "Report",
    "Style",
    "assert_adam_right",
    "assert_right",
    "check",
    "check_adam",
]


def check(solve: Solve, subject: str = "solve", **style: Any) -> Report:  # noqa: ANN401
    """Judge a function that takes one problem and returns what it computes.

    Parameters
    ----------
    solve : callable
        Takes a problem, whose attributes are arrays, and returns a dict with some of `y`, `h`, `h_n`,
        `loss`, `dy`, `dw_x`, `dw_h`, `db_h`, `dw_y`, `db_y`, `dx`, `dh_0`.
    subject : str
        What the report calls it.
    **style
        The words of `Style`.
    """
    try:
        return judge(solve, Style.of(style), subject)
    except CannotRunError as error:
        return Report(subject=subject, verdict="could not run", trouble=str(error))


def check_adam(updates: Callable[[Given], Any], subject: str = "updates", **style: Any) -> Report:  # noqa: ANN401
    """Judge a function that takes parameters and gradients, and yields the parameters after each update.

    Parameters
    ----------
    updates : callable
        Takes what has `params`, `grads` (one for each update), `lr`, `beta_1`, `beta_2`, `eps`, and the
        options `weight_decay`, `decoupled`, `amsgrad`, `maximize`.
    subject : str
        What the report calls it.
    **style
        The words of `AdamStyle`.
    """
    try:
        return judge_adam(updates, AdamStyle.of(style), subject)
    except CannotRunError as error:
        return Report(subject=subject, verdict="could not run", trouble=str(error))


def assert_right(solve: Solve, **style: Any) -> None:  # noqa: ANN401
    """Raise unless `check` says that it is right, remarks or not.

    Raises
    ------
    Disagreement
        If it is wrong; the message is the report.
    Undecided
        If nobody can tell.
    CannotRunError
        If it could not be judged.
    """
    _insist(check(solve, **style))


def assert_adam_right(updates: Callable[[Given], Any], **style: Any) -> None:  # noqa: ANN401
    """Raise as `assert_right` does, unless `check_adam` says that it is right."""
    _insist(check_adam(updates, **style))


def _insist(report: Report) -> None:
    if report.right:
        return
    errors: dict[str, type[Exception]] = {"wrong": Disagreement, "undecided": Undecided}
    raise errors.get(report.verdict, CannotRunError)(str(report))
