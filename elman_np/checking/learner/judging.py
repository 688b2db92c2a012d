"""A learner's BPTT, from the first problem to the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from elman_np.checking.learner.axes import Given
from elman_np.checking.learner.calling import GRADIENTS, OUTPUTS, Attempt, attempt
from elman_np.checking.learner.naming import TRUNCATED, Desk, Key, Named, name, network_numbers, variants
from elman_np.checking.learner.narrowing import narrow
from elman_np.checking.learner.posing import Problem, problems
from elman_np.checking.learner.remarks import few_digits, remark
from elman_np.checking.learner.report import Report, TensorRow, Verdict, title
from elman_np.checking.learner.style import CannotRunError, Style
from elman_np.checking.mistakes import side_effects

Solve = Callable[[Given], Any]
SHOWN = ("y", "h_n", "loss", "dw_x", "dw_h", "db_h", "dw_y", "db_y", "dx", "dh_0")
"""The ten tensors; a row is shown for each, given or not."""


@dataclass
class Bench:
    """A program and how it is laid out."""

    solve: Solve
    style: Style

    def run(self, problem: Problem) -> Attempt:
        """Give it one problem."""
        return attempt(self.solve, self.style, problem)


def judge(solve: Solve, style: Style, subject: str) -> Report:
    """Pose all problems, compare, narrow and name."""
    try:
        return _judge(Bench(solve, style), subject)
    except CannotRunError as error:
        return Report(subject=subject, verdict="could not run", trouble=str(error))


def _judge(bench: Bench, subject: str) -> Report:
    posed = _order(problems(bench.style))
    first = bench.run(posed[0])
    remarks = []
    if first.single and bench.style.dtype == "float64":
        bench = Bench(bench.solve, replace(bench.style, dtype="float32"))
        remarks.append("it computes in float32, and is judged by what float32 can do")
        posed = _order(problems(bench.style))
        first = bench.run(posed[0])
    again = bench.run(posed[0])
    attempts = [first, *_all(bench, posed[1:])]
    faults, effects = _faults(attempts, again)
    left_over = bool(again.wrong - first.wrong)
    spoilt = [first] if left_over else attempts
    wrong = {(i, tensor) for i, a in enumerate(spoilt) for tensor in a.wrong}
    excused = remark(bench.style, spoilt, wrong)
    remarks += [] if excused is None else [excused]
    known, named = ([], []) if excused else _explain(bench, spoilt, wrong)
    lossy = [] if excused else _lossy(bench.style, spoilt, wrong, named)
    if lossy:
        remarks, excused, known, named = [*remarks, *lossy], lossy[0], [], []
    rows = _rows(spoilt, bool(excused))
    verdict = _verdict(rows, faults, remarks, wrong and not excused)
    return Report(
        subject=subject,
        verdict=verdict,
        rows=rows,
        faults=faults,
        remarks=remarks,
        known=known,
        named=[*named, *effects],
        unchecked=_unchecked(bench.style, rows, posed),
        posed=f"{len(posed)} problems, {bench.style.dtype}, {_sizes(posed)}",
        names=[title(m) for n in [*named, *effects] for both in n.together for m in both],
    )


def _lossy(style: Style, attempts: Sequence[Attempt], wrong: set[Key], named: Sequence[Named]) -> list[str]:
    """Say what costs digits alone, if that is all."""
    causes = [mistake for n in named for both in n.together for mistake in both]
    if causes and all(mistake.name in LOSSY for mistake in causes):
        return [f"it loses digits ({title(mistake)}): {mistake.hint}" for mistake in causes]
    if wrong and not named and style.dtype == "float64" and few_digits(attempts, wrong):
        return [
            "it is right to the digits that float32 has, and not to those of float64: some array in it is "
            "float32, or a function loses digits"
        ]
    return []


LOSSY = (
    "state carried in float32",
    "recurrent gradient in float32",
    "tanh by exponentials",
    "tanh by way of a sigmoid",
)
"""Mistakes that cost digits, and leave the gradient right."""


def _order(posed: Sequence[Problem]) -> list[Problem]:
    """Take the problem of several steps first: it is the one that is looked at."""
    return sorted(posed, key=lambda problem: problem.name != "seven steps")


def _all(bench: Bench, posed: Sequence[Problem]) -> list[Attempt]:
    """Run them all; say so if only some of them cannot be run."""
    done, failed = [], []
    for problem in posed:
        try:
            done.append(bench.run(problem))
        except CannotRunError as error:
            failed.append(error)
    if failed:
        some = f"it ran on {len(done) + 1} of {len(posed) + 1} problems, and not on all of them. "
        hint = "If it cannot do such a problem, say so in STYLE (sizes, activation, h_0 ...).\n"
        raise CannotRunError(some + hint + str(failed[0]))
    return done


def _faults(attempts: Sequence[Attempt], again: Attempt) -> tuple[list[str], list[Named]]:
    """Look for arguments that were changed, and for a second call that differs."""
    faults, effects = [], []
    known = {mistake.name: mistake for mistake in side_effects.MISTAKES}
    changed = sorted({n for a in attempts for n in a.changed})
    if changed:
        faults.append(
            f"it changes what it is given: {', '.join(changed)}. Whoever uses the array afterwards, a second "
            "call say, has other numbers; work on a copy"
        )
        if {"dy", "dh_n"} & set(changed):
            effects.append(Named(((known["backward overwrites its upstream gradient"],),)))
        if any(n.startswith(("w", "b_")) for n in changed):
            effects.append(Named(((known["weights updated inside backward"],),)))
    first = attempts[0]
    if fresh := sorted(again.wrong - first.wrong):
        faults.append(
            f"the second call on the same problem differs from the first: {', '.join(fresh)}. Something is "
            "left from the call before"
        )
        if all(_added(first, again, n) for n in fresh):
            effects.append(Named(((known["accumulator not cleared"],),)))
    return faults, effects


def _added(first: Attempt, again: Attempt, tensor: str) -> bool:
    """Whether a tensor of the second call is twice that of the first."""
    one, two, ball = first.tensors[tensor], again.tensors[tensor], first.balls[tensor]
    return one.shape == two.shape and bool(np.all(np.abs(two - 2 * one) <= 8 * np.max(ball.rad)))


def _explain(bench: Bench, attempts: Sequence[Attempt], wrong: set[Key]) -> tuple[list[str], list[Named]]:
    tensors = [n for n in (*OUTPUTS, *GRADIENTS) if any(tensor == n for _, tensor in wrong)]
    if not tensors:
        return [], []
    known = narrow(bench.run, bench.style, attempts, tensors)
    spoilt = {attempts[i].problem.activation for i, _ in wrong}
    kept = [i for i, a in enumerate(attempts) if a.problem.activation in spoilt]
    wrong = {(kept.index(i), tensor) for i, tensor in wrong}
    attempts = [attempts[i] for i in kept]
    declared = [word for word in TRUNCATED if getattr(bench.style, word) is not None]
    return known.lines(), name(Desk(attempts, network_numbers), variants(known.limits, declared), wrong)


def _rows(attempts: Sequence[Attempt], excused: bool) -> list[TensorRow]:
    given = [n for n in (*OUTPUTS, *GRADIENTS) if n in attempts[0].rows]
    shown = list(dict.fromkeys([*SHOWN, *given]))
    if any(n in given for n in ("db_ih", "db_hh")) and "db_h" not in given:
        shown.remove("db_h")
    return [_row(attempts, n, excused) if n in given else TensorRow(n, "not given") for n in shown]


def _row(attempts: Sequence[Attempt], tensor: str, excused: bool) -> TensorRow:
    found = [a.rows[tensor].verdict for a in attempts]
    for verdict, said in (("differs", "wrong"), ("undecided", "undecided")):
        if verdict in found:
            if said == "wrong" and excused:
                return TensorRow(tensor, "right")
            worst = attempts[found.index(verdict)]
            where = _where(worst, tensor)
            return TensorRow(tensor, "wrong" if said == "wrong" else "undecided", where)
    return TensorRow(tensor, "right")


def _where(a: Attempt, tensor: str) -> str:
    """Say where a tensor is worst, in the program's own index, and what is there."""
    z, ball = a.tensors[tensor], a.balls[tensor]
    error = np.where(np.isfinite(z), np.abs(z - ball.mid), np.inf)
    worst = np.unravel_index(int(np.argmax(error)), z.shape)
    numbers = f"yours {float(z[worst]):.8g}, right {float(ball.mid[worst]):.8g}"
    if not z.shape:
        return f"off by {float(error[worst]):.2g}: {numbers} ('{a.problem.name}')"
    shape = a.own_shapes[tensor]
    own = [int(i) for i in np.unravel_index(int(a.indices[tensor][worst]), shape)] if shape else []
    alone = a.problem.last_only and tensor in ("y", "dy", "probabilities")  # of one step
    step = f", step {int(worst[0]) + 1}" if z.ndim == 3 and not alone else ""
    return f"off by {float(error[worst]):.2g} at {own}{step}: {numbers} ('{a.problem.name}')"


def _verdict(rows: Sequence[TensorRow], faults: object, remarks: object, wrong: object) -> Verdict:
    if wrong or faults:
        return "wrong"
    if any(row.verdict == "undecided" for row in rows):
        return "undecided"
    return "right, with remarks" if remarks else "right"


def _unchecked(style: Style, rows: Sequence[TensorRow], posed: Sequence[Problem]) -> list[str]:
    missing = [row.tensor for row in rows if row.verdict == "not given"]
    said = [*style.restrictions]
    longest = max(len(problem.x) for problem in posed)
    if longest < 7:
        said.append(f"more than {longest} steps")
    return [*said, f"what is not given: {', '.join(missing)}"] if missing else said


def _sizes(posed: Sequence[Problem]) -> str:
    steps = [len(problem.x) for problem in posed]
    names = list(dict.fromkeys(problem.activation for problem in posed))
    return f"{min(steps)} to {max(steps)} steps, {' and '.join(names)}"
