"""Which checks notice which mistakes: the tables of docs/parity.md.

    python -m tests.programs.kill_table


Each check is rebuilt as people publish it. It is shown every package with a mistake planted, and every right
one (ours, and the harmless rewrites), where a complaint is a false alarm.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import ModuleType

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np
import torch

import elman_np as en
import elman_torch as et
from elman_np.checking.mistakes import ADAM, HARMLESS, NETWORK, Mistake, plant
from elman_np.checking.problems import Case, adam_tensors, network_tensors
from elman_torch.parity import torch_tensors
from tests.support.judge import (
    DTYPES,
    complaints_about_adam,
    complaints_about_network,
    problems,
    trajectories,
    within,
)
from tests.support.prices import CLOSES

PARAMETERS = ("dw_x", "dw_h", "db_h", "dw_y", "db_y")
Check = Callable[[ModuleType, np.dtype], bool]
"""Whether it complains."""


@dataclass(frozen=True)
class Close:
    """Agreement as `allclose` has it."""

    rtol: float
    atol: float

    def __call__(self, ours, theirs) -> bool:
        return np.shape(ours) == np.shape(theirs) and np.allclose(
            ours, theirs, self.rtol, self.atol, equal_nan=True
        )


def assert_close_defaults(dtype: np.dtype) -> Close:
    """`torch.testing.assert_close` without tolerances."""
    return Close(1e-7, 1e-7) if dtype == np.float64 else Close(1.3e-6, 1e-5)


@cache
def usual(dtype: np.dtype, *, last_only: bool = False) -> tuple[Case, dict]:
    """The problem that most people check: tanh, a few steps, h_0 = 0, a mean squared error."""
    rng = np.random.default_rng(0)
    model = en.ElmanRNN(2, 4, 2, dtype=dtype, rng=1)
    x, target = rng.standard_normal((2, 6, 3, 2)).astype(dtype)
    if last_only:
        h_0, dh_n = rng.standard_normal((2, 3, 4)).astype(dtype)
        case = Case(model, x, h_0, np.zeros_like(target), dh_n, None)
    else:
        case = Case(model, x, np.zeros((3, 4), dtype), None, None, target)
    given = (case.x, case.h_0, case.target, case.dy, case.dh_n)
    return case, torch_tensors(et.ElmanRNN.from_numpy(model), *given)


def loss_goes_down(package: ModuleType, dtype: np.dtype) -> bool:
    """Thirty updates from four seeds, on windows of SPLG."""
    series = en.Scaler.fit(CLOSES).transform(CLOSES)[:60].astype(dtype)
    x, target = en.windows(series, 10)
    for seed in range(4):
        model = package.ElmanRNN(1, 8, 1, dtype=dtype, rng=seed)
        optimiser, losses = package.Adam(lr=0.01), []
        for _ in range(30):
            y, _, tape = model.forward(x)
            loss, dy = package.mse_loss(y, target)
            losses.append(loss)
            model.params = optimiser.step(model.params, model.backward(tape, dy)[0])
        if not losses[-1] < losses[0]:
            return True
    return False


def compared(names: tuple[str, ...], close: Close, **which: bool) -> Check:
    """Compare some gradients of the usual problem with PyTorch's."""

    def check(package: ModuleType, dtype: np.dtype) -> bool:
        case, answer = usual(dtype, **which)
        ours = network_tensors(package, case)
        return not all(close(ours[name], answer[name]) for name in names)

    return check


def differences(names: tuple[str, ...], rtol: float, entries: int | None = None) -> Check:
    """Compare gradients of the usual problem with centred differences of the package's own loss."""

    def check(package: ModuleType, _: np.dtype) -> bool:
        case, _ = usual(np.dtype(np.float64))
        ours, rng = network_tensors(package, case), np.random.default_rng(0)
        arrays = dict(zip((*PARAMETERS, "dx", "dh_0"), (*case.model.params, case.x, case.h_0), strict=True))

        def loss(moved: dict) -> float:
            params = package.Parameters(*(moved[name] for name in PARAMETERS))
            y, _ = package.ElmanRNN.from_params(params)(moved["dx"], moved["dh_0"])
            return package.mse_loss(y, case.target)[0]

        places = [(name, index) for name in names for index in np.ndindex(arrays[name].shape)]
        if entries is not None:
            places = [places[i] for i in rng.choice(len(places), entries, replace=False)]
        for name, index in places:
            up, down = arrays[name].copy(), arrays[name].copy()
            up[index] += 1e-5
            down[index] -= 1e-5
            slope = (loss(arrays | {name: up}) - loss(arrays | {name: down})) / 2e-5
            if not abs(ours[name][index] - slope) <= rtol * (abs(slope) + 1e-3):
                return True
        return False

    return check


def on_our_problems(close: Callable[[np.dtype], Close]) -> Check:
    """Compare every tensor of our own problems, by a tolerance."""

    def check(package: ModuleType, dtype: np.dtype) -> bool:
        return not all(
            close(dtype)(value, problem.answer[name])
            for problem in problems(dtype)
            for name, value in network_tensors(package, problem.case).items()
        )

    return check


def within_the_bound(package: ModuleType, dtype: np.dtype) -> bool:
    """Compare every tensor of our own problems by the bound, and nothing else."""
    return not all(
        within(value, problem.answer[name], problem.bounds[name])
        for problem in problems(dtype)
        for name, value in network_tensors(package, problem.case).items()
    )


def adam_at_one(package: ModuleType, dtype: np.dtype) -> bool:
    """Two hundred updates with gradients of size 1, compared to 1e-6."""
    rng = np.random.default_rng(0)
    p = rng.standard_normal(8).astype(dtype)
    parameter = torch.nn.Parameter(torch.tensor(p))
    theirs, ours = torch.optim.Adam([parameter]), package.Adam()
    shapes = ((2, 1), (2, 2), (2,), (1, 2), (1,))
    params = package.Parameters(*(np.full(shape, p[0], dtype) for shape in shapes))
    for _ in range(200):
        g = dtype.type(rng.standard_normal())
        parameter.grad = torch.full((8,), float(g), dtype=parameter.dtype)
        theirs.step()
        params = ours.step(params, package.Parameters(*(np.full(shape, g, dtype) for shape in shapes)))
    return not np.allclose(params.b_y, parameter.detach().numpy()[:1], 1e-6, 1e-6)


def adam_on_our_trajectories(close: Callable[[np.dtype], Close]) -> Check:
    """Compare the parameters after each update of our own trajectories, by a tolerance."""

    def check(package: ModuleType, dtype: np.dtype) -> bool:
        return not all(
            close(dtype)(ours[name], answer[name])
            for trajectory in trajectories(dtype)
            for ours, answer in zip(adam_tensors(package, trajectory.case), trajectory.answer, strict=True)
            for name in answer
            if " of " not in name
        )

    return check


EVERYTHING = (*PARAMETERS, "dx", "dh_0")
NETWORK_CHECKS: dict[str, Check] = {
    "the loss goes down, four seeds": loss_goes_down,
    "`dx` alone against PyTorch, 1e-6": compared(("dx",), Close(1e-6, 1e-6)),
    "`dw_x` alone against PyTorch, 1e-6": compared(("dw_x",), Close(1e-6, 1e-6)),
    "ten random entries by differences, 1 %": differences(PARAMETERS, 1e-2, entries=10),
    "all parameters, an absolute 0.1": compared(PARAMETERS, Close(0, 0.1)),
    "all parameters and `x`, 1e-3": compared((*PARAMETERS, "dx"), Close(1e-3, 1e-3)),
    "all gradients, 1e-4, loss on the last state": compared(EVERYTHING, Close(1e-4, 1e-4), last_only=True),
    "all gradients by differences, 1e-5": differences(EVERYTHING, 1e-5),
    "our problems, numpy-ml's 1e-3 / 1e-3": on_our_problems(lambda _: Close(1e-3, 1e-3)),
    "our problems, gradcheck's 1e-3 / 1e-5": on_our_problems(lambda _: Close(1e-3, 1e-5)),
    "our problems, `allclose`'s defaults": on_our_problems(lambda _: Close(1e-5, 1e-8)),
    "our problems, `assert_close`'s defaults": on_our_problems(assert_close_defaults),
    "our problems, the bound": within_the_bound,
    "all of ours": lambda package, dtype: any(complaints_about_network(package, dtype)),
}
ADAM_CHECKS: dict[str, Check] = {
    "the loss goes down, four seeds": loss_goes_down,
    "200 updates at \\|g\\| = 1, 1e-6": adam_at_one,
    "our trajectories, numpy-ml's 1e-3 / 1e-3": adam_on_our_trajectories(lambda _: Close(1e-3, 1e-3)),
    "our trajectories, `allclose`'s defaults": adam_on_our_trajectories(lambda _: Close(1e-5, 1e-8)),
    "our trajectories, `assert_close`'s defaults": adam_on_our_trajectories(assert_close_defaults),
    "all of ours": lambda package, dtype: any(complaints_about_adam(package, dtype)),
}


def complains(check: Check, package: ModuleType, dtype: np.dtype) -> bool:
    """Whether a check complains; an exception is a complaint."""
    with np.errstate(all="ignore"):
        try:
            return check(package, dtype)
        except Exception:
            return True


def reachable(mistake: Mistake) -> bool:
    """Whether who runs `ElmanRNN`, `mse_loss` and `Adam` meets it: not in the cell, the data or clipping."""
    elsewhere = mistake.file in ("data/series.py", "parameters.py", "training.py")
    elsewhere = elsewhere or mistake.equation in ("2.5", "7.10")
    return not (elsewhere or mistake.name.startswith("cell:"))


def summary(mistakes: list[Mistake], checks: dict[str, Check]) -> str:
    """One row a check: what it notices in either dtype, and how often it is wrong."""
    right = [en, *map(plant, HARMLESS)]
    wrong = list(map(plant, mistakes))
    lines = [
        "| | check | float64 | float32 | false alarms, float64 | float32 |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for letter, (name, check) in zip(LETTERS, checks.items(), strict=False):
        found = [sum(complains(check, package, dtype) for package in wrong) for dtype in DTYPES]
        false = [sum(complains(check, package, dtype) for package in right) for dtype in DTYPES]
        cells = [*(f"{n} of {len(wrong)}" for n in found), *(f"{n} of {len(right)}" for n in false)]
        lines.append(f"| {letter} | {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def matrix(mistakes: list[Mistake], checks: dict[str, Check]) -> str:
    """One row a mistake: which checks notice it in float64, ours first; folded, for there are many."""
    letters = LETTERS[: len(checks)][::-1]
    lines = [f"| mistake | {' | '.join(letters)} |", "| --- |" + " --- |" * len(letters)]
    for mistake in mistakes:
        package = plant(mistake)
        noticed = [complains(check, package, DTYPES[0]) for check in reversed(checks.values())]
        lines.append(f"| {mistake.name} | {' | '.join('x' if one else '' for one in noticed)} |")
    table = "\n".join(lines)
    return f"<details>\n<summary>{len(mistakes)} mistakes, one by one</summary>\n\n{table}\n\n</details>"


LETTERS = "abcdefghijklmn"
TABLES = (
    ([*filter(reachable, NETWORK)], NETWORK_CHECKS),
    ([*filter(reachable, ADAM)], ADAM_CHECKS),
)


def main() -> None:
    """Print all tables."""
    torch.set_num_threads(1)
    for mistakes, checks in TABLES:
        print(summary(mistakes, checks), matrix(mistakes, checks), sep="\n\n", end="\n\n")


if __name__ == "__main__":
    main()
