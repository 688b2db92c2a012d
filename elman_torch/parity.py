"""NumPy against PyTorch, tensor by tensor, judged by the rounding-error bound of the problem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import nn

import elman_np as en
from elman_np.arrays import Array, check_array, check_kind, check_number
from elman_np.checking.bounds import AdamBall, Ball, Unit, adam_ball
from elman_np.checking.comparison import WIDEST, Comparison
from elman_np.checking.one_step import decide_by_steps
from elman_np.checking.problems import Case, Solution, ball_tensors, numpy_solution
from elman_np.model import Inputs, Outputs, States, find_layout
from elman_np.parameters import Parameters
from elman_torch.model import ElmanRNN, check_numpy
from elman_torch.training import MOMENTS, torch_adam


def compare(
    model: en.ElmanRNN,
    x: Inputs,
    target: Outputs | None = None,
    *,
    h_0: States | None = None,
    dy: Outputs | None = None,
    dh_n: States | None = None,
    device: torch.device | str | None = None,
    widest: float = WIDEST,
) -> Comparison:
    """Run one problem through both backends, forward and backward, and compare every tensor.

    Parameters
    ----------
    model : elman_np.ElmanRNN
        Its parameters and options; the reference is made from it.
    x : array
        In one of the three layouts.
    target : array, optional
        Targets of the squared error, of the shape of `y`. Either this or `dy`.
    h_0 : array, optional
        First state; zeros if left out.
    dy : array, optional
        A given upstream gradient, of the shape of `y`.
    dh_n : array, optional
        Upstream gradient of `h_n`, in addition.
    device : torch.device or str, optional
        Where the reference computes.
    widest : float
        The widest bound that decides, as a part of the tensor's size (8.24); above 0.

    Returns
    -------
    Comparison
        `y`, `h_n`, `loss` (with a target), `dw_x dw_h db_h dw_y db_y`, `dx`, `dh_0`. A tensor for which
        the bound of the whole problem is too wide is judged one step at a time (8.18, 8.19).

    Raises
    ------
    ValueError
        Unless exactly one of `target` and `dy` is given; for a shape that does not fit; or unless `widest`
        is above 0.
    """
    check_numpy("model", model, en.ElmanRNN, "state_gradients")
    check_kind("x", x, np.ndarray)
    check_number("widest", widest, "a number above 0", lambda z: z > 0)
    if (target is None) == (dy is None):
        raise ValueError("target, dy: expected exactly one of them")
    layout = find_layout(x.shape, model.input_size, model.hidden_size, model.output_size)
    h_0 = np.zeros(layout.h, model.dtype) if h_0 is None else h_0
    shapes = {"h_0": layout.h, "target": layout.y, "dy": layout.y, "dh_n": layout.h}
    for name, value in {"h_0": h_0, "target": target, "dy": dy, "dh_n": dh_n}.items():
        if value is not None:
            check_array(name, value, model.dtype, shapes[name])
    case = Case(model, x, h_0, dy, dh_n, target)
    with torch.inference_mode(False):  # autograd is there inside torch.no_grad, too
        sides = numpy_solution(case), torch_solution(ElmanRNN.from_numpy(model, device=device), case)
    balls = ball_tensors(model, x, h_0, target, dy, dh_n)
    whole = Comparison.of(sides[0].tensors, sides[1].tensors, balls, widest=widest)
    return decide_by_steps(whole, case, sides, widest=widest)


def assert_agree(
    model: en.ElmanRNN,
    x: Inputs,
    target: Outputs | None = None,
    *,
    h_0: States | None = None,
    dy: Outputs | None = None,
    dh_n: States | None = None,
    device: torch.device | str | None = None,
    widest: float = WIDEST,
) -> None:
    """Raise unless `compare`, with the same arguments, finds that all tensors agree.

    Raises
    ------
    Disagreement
        If a tensor differs by more than rounding can explain.
    Undecided
        If none does, and for one nobody can tell; the message says what to do.
    """
    given = {"h_0": h_0, "dy": dy, "dh_n": dh_n}
    compare(model, x, target, **given, device=device, widest=widest).check()


def torch_tensors(
    reference: ElmanRNN, x: Array, h_0: Array, target: Array | None, dy: Array | None, dh_n: Array | None
) -> dict[str, Array]:
    """Every tensor of a case, by autograd."""
    return torch_solution(reference, Case(reference.to_numpy(), x, h_0, dy, dh_n, target)).tensors


def torch_solution(reference: ElmanRNN, case: Case) -> Solution:
    """Every tensor of a case, and what was found at each step, by autograd in one pass."""
    device = reference.w_x.device

    def leaf(value: Array) -> torch.Tensor:
        return torch.tensor(value, device=device, requires_grad=True)

    def given(value: Array) -> torch.Tensor:
        return torch.tensor(value, device=device)

    layout = find_layout(case.x.shape, reference.input_size, reference.hidden_size, reference.output_size)
    inputs, first = leaf(case.x), leaf(case.h_0)
    steps = reference.run(
        inputs.reshape(len(inputs), layout.batch_size, reference.input_size),
        first.reshape(layout.batch_size, reference.hidden_size),
    )
    y, h_n = steps.y.reshape(layout.y), (steps.h[-1].reshape(layout.h) if steps.h else first)
    tensors = {"y": y, "h_n": h_n}
    if case.target is not None:
        tensors["loss"] = nn.functional.mse_loss(y, given(case.target))
        root, upstream = tensors["loss"], torch.ones_like(tensors["loss"])
    else:
        root, upstream = y, given(np.asarray(case.dy))
    pairs = [(h_n, torch.zeros_like(h_n) if case.dh_n is None else given(case.dh_n))]
    leaves = {"dx": inputs, "dh_0": first} | {f"d{name}": p for name, p in reference.named_parameters()}
    wanted = [*leaves.values(), *steps.a]
    if len(case.x):
        pairs.append((root, upstream))
        wanted.append(steps.y)
    roots, upstreams = zip(*pairs, strict=True)
    grads = torch.autograd.grad(roots, wanted, upstreams, materialize_grads=True)
    tensors |= dict(zip(leaves, grads, strict=False))
    none = inputs.new_zeros((0, layout.batch_size, reference.hidden_size))
    das = grads[len(leaves) : len(leaves) + len(steps.a)]
    found = {"h": torch.stack(steps.h) if das else none, "da": torch.stack(das) if das else none}
    found["dy"] = grads[-1] if das else steps.y
    return Solution(_to_numpy(tensors), _to_numpy(found))


def _to_numpy(tensors: Mapping[str, torch.Tensor]) -> dict[str, Array]:
    return {name: value.detach().cpu().numpy() for name, value in tensors.items()}


LABELS = ("", "m of ", "v of ", "v_max of ")


def compare_update(
    optimiser: en.Adam, params: Parameters, grads: Parameters, *, widest: float = WIDEST
) -> Comparison:
    """Compare one update of Adam by both backends, from the same parameters, gradients and state.

    Nothing is changed: `optimiser` keeps its state. A parameter's bound is measured by how far it moves.
    """
    ours, options = en.Adam(optimiser.options), optimiser.options
    ours.state = state = optimiser.state
    arrays = (ours.step(params, grads), *_moments(ours.state))
    labels = LABELS if options.amsgrad else LABELS[:3]
    tensors: dict[str, Array] = {}
    reference: dict[str, Array] = {}
    balls: dict[str, Ball] = {}
    sizes: dict[str, float] = {}
    for name, p in params.items():
        before = [] if state is None else [getattr(z, name) for z in _moments(state)]
        g, step = getattr(grads, name), 0 if state is None else state.step
        ball = adam_ball(AdamBall.start(p, *before), Unit.of(p.dtype).exact(g), step + 1, options)
        names = [label + name for label in labels]
        tensors |= zip(names, (getattr(z, name) for z in arrays), strict=False)
        reference |= zip(names, torch_update(p, g, before, step, options), strict=False)
        balls |= zip(names, (ball.p, ball.m, ball.v, ball.v_max), strict=False)
        sizes[name] = _way(p, ball.p)
    return Comparison.of(tensors, reference, balls, widest=widest, sizes=sizes)


def _moments(state: en.AdamState | None) -> tuple[Parameters, ...]:
    return () if state is None else (state.m, state.v, state.v_max)


def _way(p: Array, ball: Ball) -> float:
    """Return how far a parameter moves; its own size where that is lost in the rounding of p itself."""
    way, size = float(np.max(np.abs(ball.mid - p))), float(np.max(np.abs(p)))
    return way if way * WIDEST > 2 * ball.unit.u * size else size


def torch_update(
    p: Array, g: Array, before: Sequence[Array], step: int, options: en.AdamOptions
) -> tuple[Array, ...]:
    """Return one array and its m, v and v_max after an update by `torch.optim.Adam`."""
    with torch.device("cpu"):  # whatever the default
        parameter = nn.Parameter(torch.tensor(p))
        parameter.grad = torch.tensor(g)
        optimiser = torch_adam([parameter], options)
        if before:
            state = {name: torch.tensor(value) for name, value in zip(MOMENTS, before, strict=True)}
            optimiser.state[parameter] = {"step": torch.tensor(float(step)), **state}
        optimiser.step()
    state = optimiser.state[parameter]
    return parameter.detach().numpy(), *(state[name].numpy() for name in MOMENTS if name in state)
