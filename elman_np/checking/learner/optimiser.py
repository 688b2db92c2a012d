"""A learner's Adam: some updates in a row, with gradients of several sizes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import combinations
from typing import Any

import numpy as np

import elman_np as en
from elman_np.arrays import Array
from elman_np.checking.balls import Ball, Unit
from elman_np.checking.bounds import AdamBall, adam_ball
from elman_np.checking.comparison import Row, compare_tensor
from elman_np.checking.learner.axes import Given
from elman_np.checking.learner.calling import shown
from elman_np.checking.learner.naming import Desk, Named, name, planted
from elman_np.checking.learner.report import Report, TensorRow, title
from elman_np.checking.learner.style import CannotRunError
from elman_np.checking.mistakes import ADAM, Mistake
from elman_np.checking.problems import SIZES, UpdateCase, adam_tensors
from elman_np.parameters import Parameters

FLAGS = ("weight_decay", "decoupled", "amsgrad", "maximize")
CONVENTIONS = {
    "eps inside the root": (
        "eps stands inside the root, as optax's eps_root does: another convention than the paper's and "
        "PyTorch's, which shows where gradients are small"
    ),
    "eps before the correction": (
        "eps is added before the correction, the paper's 'eps hat' form, as Keras has it: another convention "
        "than PyTorch's, which shows where gradients are small"
    ),
}
LOSSY = "v kept in float32"
UPDATES = 10


@dataclass(frozen=True, kw_only=True)
class AdamStyle:
    """What a declaration of Adam says.

    Parameters
    ----------
    arrays : {"dict", "list", "one"}
        Parameters and gradients are a dictionary of arrays, a list, or a single array.
    options : tuple of str
        What it can do beyond the plain form: `weight_decay`, `decoupled`, `amsgrad`, `maximize`.
    fixed : dict
        What is fixed in the program: `lr`, `betas`, `eps`.
    dtype : {"float64", "float32"}
    """

    arrays: str = "dict"
    options: Sequence[str] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)
    dtype: str = "float64"

    @classmethod
    def of(cls, words: Mapping[str, Any]) -> AdamStyle:
        """Read a declaration; CannotRunError if a word, or what it says, is unknown."""
        known = [f.name for f in fields(cls)]
        for word in words:
            if word not in known:
                raise CannotRunError(f"ADAM: the word {word!r} is unknown; known are {', '.join(known)}")
        style = cls(**words)
        for word, choices, several in (
            ("arrays", ("dict", "list", "one"), False),
            ("dtype", ("float64", "float32"), False),
            ("options", FLAGS, True),
            ("fixed", ("lr", "betas", "eps"), True),
        ):
            value = getattr(style, word)
            kind = Mapping if word == "fixed" else Collection
            values = list(value) if several and isinstance(value, kind) else [value]
            if any(one not in choices for one in values):
                raise CannotRunError(f"ADAM: {word} is {value!r}; known are {list(choices)}")
        if "decoupled" in style.options and "weight_decay" not in style.options:
            raise CannotRunError(
                "ADAM: options has 'decoupled'; expected 'weight_decay' with it, which it is of"
            )
        if style.fixed.get("lr") == 0:
            raise CannotRunError("ADAM: fixed has lr=0; expected one that moves the parameters")
        try:
            en.AdamOptions(**style.fixed)
        except (TypeError, ValueError) as error:
            raise CannotRunError(f"ADAM: fixed is {style.fixed!r}: {error}") from error
        return style


def cases(style: AdamStyle) -> list[UpdateCase]:
    """Gradients of every size, by entry and by turns, under every option that the program has."""
    flags: list[dict[str, Any]] = [{}, {"lr": 0.1, "betas": (0.5, 0.9), "eps": 1e-3}, {"betas": (0.8, 0.99)}]
    if "weight_decay" in style.options:
        flags.append({"weight_decay": 0.1})
        if "decoupled" in style.options:
            flags.append({"weight_decay": 0.1, "decoupled": True})
    flags += [{flag: True} for flag in ("amsgrad", "maximize") if flag in style.options]
    values = {"weight_decay": 0.1, "amsgrad": True, "maximize": True}
    there = [flag for flag in values if flag in style.options]
    flags += [{flag: values[flag] for flag in pair} for pair in combinations(there, 2)]
    every = {flag: values[flag] for flag in there}
    every |= {"decoupled": True} if "decoupled" in style.options else {}
    if len(there) > 1 and every not in flags:
        flags.append(every)
    return [_case(style, {**options, **style.fixed}, seed) for seed, options in enumerate(flags)]


def _case(style: AdamStyle, options: Mapping[str, Any], seed: int) -> UpdateCase:
    rng, dtype = np.random.default_rng(seed), np.dtype(style.dtype)
    params = en.init_parameters(3, 4, 2, dtype=dtype, rng=rng)
    sizes = params.map(lambda p: rng.choice(SIZES, p.shape))
    turns = [30.0, 1.0, 1e-3, 0.0, 1e-6, 1.0, 0.0, 0.0, 1e-3, 1.0] if seed % 2 else [1.0] * UPDATES
    grads = [
        sizes.map(lambda s, turn=turn: (s * turn * rng.standard_normal(s.shape)).astype(dtype))
        for turn in turns
    ]
    return UpdateCase(options, params, tuple(g.astype(dtype) for g in grads))


@dataclass(frozen=True)
class Run:
    """What a program made of one case: its parameters after every update that it showed, as one vector."""

    case: UpdateCase
    tensors: dict[str, Array]
    balls: dict[str, Ball]
    row: Row
    changed: bool
    single: bool


def flat(arrays: Iterable[Array]) -> Array:
    """Put arrays one behind the other."""
    return np.concatenate([np.asarray(z).reshape(-1) for z in arrays])


def right_ball(case: UpdateCase) -> Ball:
    """Follow the parameters through all updates: (updates, all entries)."""
    unit, options = Unit.of(case.params.dtype), en.AdamOptions(**case.options)
    state, found = AdamBall.start(flat(case.params)), []
    for step, grads in enumerate(case.grads, 1):
        state = adam_ball(state, unit.exact(flat(grads)), step, options)
        found.append(state.p)
    return Ball(np.stack([p.mid for p in found]), np.stack([p.rad for p in found]), unit)


def numbers(run: Run, *changes: Mistake) -> dict[str, Array]:
    """Compute the same by our Adam with mistakes in it."""
    states = [
        flat(t[n] for n, _ in run.case.params.items()) for t in adam_tensors(planted(*changes), run.case)
    ]
    return {"params": np.stack(states)[-len(run.tensors["params"]) :]}


def _laid_out(params: Parameters, style: AdamStyle) -> Any:  # noqa: ANN401
    named = {name: value.copy() for name, value in params.items()}
    if style.arrays == "one":
        return flat(named.values())
    return named if style.arrays == "dict" else list(named.values())


def _vector(value: Any, style: AdamStyle, params: Parameters) -> Array:  # noqa: ANN401
    if style.arrays == "dict":
        if not isinstance(value, Mapping) or set(value) != {n for n, _ in params.items()}:
            raise CannotRunError(
                f"updates: expected the dict of parameters after each update, got {type(value).__name__}"
            )
        value = [value[n] for n, _ in params.items()]
    arrays = [value] if style.arrays == "one" else value
    shapes = [(sum(p.size for p in params),)] if style.arrays == "one" else [p.shape for p in params]
    got = [np.shape(z) for z in arrays]
    if got != shapes:
        raise CannotRunError(f"updates: expected arrays of shapes {shapes}, got {got}")
    return flat(arrays)


def attempt(updates: Callable[[Given], Any], style: AdamStyle, case: UpdateCase) -> Run:
    """Give a program one case."""
    options = vars(en.AdamOptions(**case.options))
    beta_1, beta_2 = options["betas"]
    grads = [_laid_out(g, style) for g in case.grads]
    kept = [_vector(g, style, case.params).copy() for g in grads]
    p = Given(
        {
            "params": _laid_out(case.params, style),
            "grads": grads,
            "beta_1": beta_1,
            "beta_2": beta_2,
            **options,
        }
    )
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            states = [_vector(state, style, case.params).copy() for state in updates(p)]
    except CannotRunError:
        raise
    except Exception as error:
        raise CannotRunError(
            f"your program raised an error with {dict(case.options)}:\n{shown(error)}"
        ) from error
    if len(states) not in (1, len(case.grads)):
        raise CannotRunError(
            f"updates: expected the parameters after each of {len(case.grads)} updates, or after the last, "
            f"got {len(states)} of them"
        )
    z = np.stack(states)
    if len(z) > 1 and np.array_equal(z[0], z[-1], equal_nan=True):
        raise CannotRunError(
            "updates: the parameters after the first and the last update are the same; yield them after each "
            "update, or return copies"
        )
    single = z.dtype == np.float32
    z, ball = z.astype(case.params.dtype), right_ball(case)[-len(z) :]
    row = compare_tensor("params", ball.mid.astype(z.dtype), z, ball)
    changed = not all(map(np.array_equal, kept, [_vector(g, style, case.params) for g in grads]))
    return Run(case, {"params": z}, {"params": ball}, row, changed, single)


def judge_adam(updates: Callable[[Given], Any], style: AdamStyle, subject: str) -> Report:
    """Judge someone's Adam."""
    try:
        runs, remarks = [attempt(updates, style, case) for case in cases(style)], []
        if all(run.single for run in runs) and style.dtype == "float64":
            style = replace(style, dtype="float32")
            runs = [attempt(updates, style, case) for case in cases(style)]
            remarks.append("it computes in float32, and is judged by what float32 can do")
    except CannotRunError as error:
        return Report(subject=subject, verdict="could not run", trouble=str(error))
    wrong = {(i, "params") for i, run in enumerate(runs) if run.row.verdict == "differs"}
    undecided = any(run.row.verdict == "undecided" for run in runs)
    faults = (
        ["it changes the gradients that it is given; work on a copy"] if any(r.changed for r in runs) else []
    )
    named = name(Desk(runs, numbers), ADAM, wrong, CONVENTIONS) if wrong else []
    known = _known(runs, wrong)
    if convention := _convention(named):  # or a loss of digits
        remarks.append(convention)
        named, known, wrong = [], [], set()
    row = TensorRow(
        "params", "wrong" if wrong else "undecided" if undecided else "right", _where(runs, wrong)
    )
    return Report(
        subject=subject,
        verdict="wrong"
        if wrong or faults
        else "undecided"
        if undecided
        else "right, with remarks"
        if remarks
        else "right",
        rows=[row],
        faults=faults,
        remarks=remarks,
        known=known,
        named=named,
        names=[title(m) for n in named for both in n.together for m in both],
        unchecked=[f"the option {flag}" for flag in FLAGS if flag not in style.options]
        + [f"other values of {option}" for option in style.fixed],
        posed=f"{len(runs)} runs of {UPDATES} updates, {style.dtype}, gradients of sizes 30 to 1e-6, and 0",
    )


def _convention(named: Sequence[Named]) -> str:
    names = {m.name for n in named for both in n.together for m in both}
    if names == {LOSSY}:
        return f"it loses digits: {LOSSY}"
    return CONVENTIONS[names.pop()] if len(names) == 1 and names <= set(CONVENTIONS) else ""


def _off(run: Run) -> Array:
    z, ball = run.tensors["params"], run.balls["params"]
    off: Array = ~(np.abs(z - ball.mid) <= 2 * ball.rad)
    return off


def _where(runs: Sequence[Run], wrong: Iterable[tuple[int, str]]) -> str:
    for i, _ in sorted(wrong):
        run = runs[i]
        z, ball = run.tensors["params"], run.balls["params"]
        t = int(np.argmax(_off(run).any(axis=1)))
        error = np.where(np.isfinite(z[t]), np.abs(z[t] - ball.mid[t]), np.inf)
        k = int(np.argmax(error))
        names = [
            f"{n}{[int(j) for j in index]}"
            for n, p in run.case.params.items()
            for index in np.ndindex(p.shape)
        ]
        update = t + 1 + len(run.case.grads) - len(z)
        gradient = flat(run.case.grads[update - 1])[k]
        return (
            f"off by {float(error[k]):.2g} at {names[k]} after update {update}: yours {float(z[t, k]):.8g}, "
            f"right {float(ball.mid[t, k]):.8g}, gradient {float(gradient):.2g} ({_options(run)})"
        )
    return ""


def _options(run: Run) -> str:
    return ", ".join(f"{k}={v}" for k, v in run.case.options.items()) or "defaults"


def _known(runs: Sequence[Run], wrong: Iterable[tuple[int, str]]) -> list[str]:
    """Say from which update on it is wrong, for which options, and for which gradients."""
    spoilt = [runs[i] for i, _ in sorted(wrong)]
    if not spoilt:
        return []
    said = []
    if len(spoilt) < len(runs):
        said.append("wrong only with " + "; ".join(map(_options, spoilt)))
    firsts = {int(np.argmax(_off(run).any(axis=1))) + 1 for run in spoilt if len(run.tensors["params"]) > 1}
    if firsts:
        said.append(
            "wrong from the first update on"
            if min(firsts) == 1
            else f"right at first, wrong from update {min(firsts)} on"
        )
    run = spoilt[0]
    size = np.max(np.abs(np.stack([flat(g) for g in run.case.grads])), axis=0)
    off = _off(run).any(axis=0)
    if off.any() and not off.all():
        right = [f"{s:g}" for s in SIZES if np.any(_like(size, s)) and not np.any(off & _like(size, s))]
        if right:
            said.append(f"right where gradients are of the size {', '.join(right)}")
    said += _first_step(spoilt)
    return said


def _like(size: Array, s: float) -> Array:
    like: Array = size == 0 if s == 0 else (size > s / 20) & (size < s * 20)
    return like


def _first_step(spoilt: Sequence[Run]) -> list[str]:
    """Compare the lengths of the first step, where gradients are not small."""
    run = spoilt[0]
    z, ball = run.tensors["params"], run.balls["params"]
    if len(z) < 2:
        return []
    start, large = flat(run.case.params), np.abs(flat(run.case.grads[0])) > 0.01
    ratio = (z[0] - start)[large] / (ball.mid[0] - start)[large]
    one = bool(ratio.size) and bool(np.all(np.isfinite(ratio))) and np.allclose(ratio, ratio[0], rtol=1e-3)
    if not one or np.isclose(float(ratio[0]), 1, rtol=1e-3):
        return []
    return [f"its first step is {float(ratio[0]):.4g} times what it should be"]
