"""NumPy against PyTorch, tensor by tensor, judged by the rounding-error bound of the problem."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

import elman_np as en
from elman_np.arrays import Array
from elman_np.checking.bounds import AdamBall, Ball, Unit, adam_ball
from elman_np.checking.problems import ball_tensors, numpy_tensors
from elman_np.model import find_layout
from elman_np.parameters import Parameters
from elman_torch.model import ElmanRNN
from elman_torch.training import torch_adam

if TYPE_CHECKING:
    import polars as pl
    from jaxtyping import Float

Tensors = Mapping[str, Array]


@dataclass(frozen=True)
class Row:
    """One tensor of both backends."""

    tensor: str
    shape: tuple[int, ...]
    difference: float
    """Largest distance between the two."""
    ulps: float
    """The same, in units in the last place of the tensor's largest entry."""
    ratio: float
    """Largest distance / (2 x bound). Above 1, at least one of the two is wrong."""
    sharpness: float
    """Largest 2 x bound, in units of the tensor's largest entry. This much would not have been noticed."""
    agreed: bool
    index: tuple[int, ...]
    """Where the ratio is largest, and what is there."""
    numpy: float
    torch: float
    bound: float


class Disagreement(AssertionError):
    """Two backends differ by more than rounding can explain."""


@dataclass(frozen=True)
class Comparison:
    """Every tensor of one problem in both backends.

    `print` shows the table; `frame` is the same for programs.
    """

    rows: tuple[Row, ...]

    @classmethod
    def of(cls, ours: Tensors, theirs: Tensors, balls: Mapping[str, Ball]) -> Comparison:
        """Compare arrays of the same names, each pair within twice the radius of the ball of its name."""
        return cls(tuple(_row(name, ours[name], theirs[name], ball) for name, ball in balls.items()))

    @property
    def agreed(self) -> bool:
        """Whether every tensor agrees within the bound."""
        return all(row.agreed for row in self.rows)

    @property
    def worst(self) -> Row:
        """The tensor with the largest ratio."""
        return max(self.rows, key=lambda row: (not row.agreed, row.ratio))

    @property
    def frame(self) -> pl.DataFrame:
        """One row a tensor."""
        import polars as pl

        return pl.DataFrame(
            {
                "tensor": [row.tensor for row in self.rows],
                "shape": [" x ".join(map(str, row.shape)) or "scalar" for row in self.rows],
                "difference": [row.difference for row in self.rows],
                "ulps": [row.ulps for row in self.rows],
                "observed / bound": [row.ratio for row in self.rows],
                "bound / largest": [row.sharpness for row in self.rows],
                "agreed": [row.agreed for row in self.rows],
            }
        )

    def check(self) -> None:
        """Raise Disagreement, which says where, unless every tensor agrees."""
        if not self.agreed:
            row = self.worst
            failed = ", ".join(row.tensor for row in self.rows if not row.agreed)
            raise Disagreement(
                f"{failed}: beyond what rounding explains. Worst at {row.tensor}{list(row.index)}: "
                f"NumPy {row.numpy!r}, PyTorch {row.torch!r}; they differ by "
                f"{abs(row.numpy - row.torch):.3g}, {row.ratio:.3g} times the bound of {row.bound:.3g}"
            )

    def __str__(self) -> str:
        lines = [("tensor", "shape", "difference", "ulps", "observed / bound", "bound / largest", "agreed")]
        for row, shape in zip(self.rows, self.frame["shape"], strict=True):
            numbers = (f"{row.difference:.1e}", f"{row.ulps:.1f}", f"{row.ratio:.4f}", f"{row.sharpness:.1e}")
            lines.append((row.tensor, shape, *numbers, "yes" if row.agreed else "NO"))
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(
                f"{cell:<{w}}" if i < 2 else f"{cell:>{w}}"
                for i, (cell, w) in enumerate(zip(line, widths, strict=True))
            )
            for line in lines
        )


def compare(
    model: en.ElmanRNN,
    x: Float[Array, "..."],
    target: Float[Array, "..."] | None = None,
    *,
    h_0: Float[Array, "..."] | None = None,
    dy: Float[Array, "..."] | None = None,
    dh_n: Float[Array, "..."] | None = None,
    device: torch.device | str | None = None,
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

    Returns
    -------
    Comparison
        `y`, `h_n`, `loss` (with a target), `dw_x dw_h db_h dw_y db_y`, `dx`, `dh_0`.

    Raises
    ------
    ValueError
        Unless exactly one of `target` and `dy` is given; or for a shape that does not fit.
    """
    if (target is None) == (dy is None):
        raise ValueError("target, dy: expected exactly one of them")
    layout = find_layout(x.shape, model.input_size, model.hidden_size, model.output_size)
    h_0 = np.zeros(layout.h, model.dtype) if h_0 is None else h_0
    ours = numpy_tensors(model, x, h_0, target, dy, dh_n)
    theirs = torch_tensors(ElmanRNN.from_numpy(model, device=device), x, h_0, target, dy, dh_n)
    balls = ball_tensors(model, x, h_0, target, dy, dh_n)
    return Comparison.of(ours, theirs, balls)


def assert_agree(
    model: en.ElmanRNN,
    x: Float[Array, "..."],
    target: Float[Array, "..."] | None = None,
    *,
    h_0: Float[Array, "..."] | None = None,
    dy: Float[Array, "..."] | None = None,
    dh_n: Float[Array, "..."] | None = None,
) -> None:
    """Raise `Disagreement` unless `compare`, with the same arguments, finds that all tensors agree."""
    compare(model, x, target, h_0=h_0, dy=dy, dh_n=dh_n).check()


def torch_tensors(
    reference: ElmanRNN, x: Array, h_0: Array, target: Array | None, dy: Array | None, dh_n: Array | None
) -> dict[str, Array]:
    """Every tensor of the problem, by autograd."""
    device = reference.w_x.device

    def leaf(value: Array) -> torch.Tensor:
        return torch.tensor(value, device=device, requires_grad=True)

    def given(value: Array) -> torch.Tensor:
        return torch.tensor(value, device=device)

    inputs, first = leaf(x), leaf(h_0)
    y, h_n = reference(inputs, first)
    tensors = {"y": y, "h_n": h_n}
    if target is not None:
        tensors["loss"] = nn.functional.mse_loss(y, given(target))
        root, upstream = tensors["loss"], torch.ones_like(tensors["loss"])
    else:
        root, upstream = y, given(np.asarray(dy))
    pairs = [(h_n, torch.zeros_like(h_n) if dh_n is None else given(dh_n))]
    if root.requires_grad:  # not without steps
        pairs.append((root, upstream))
    leaves: dict[str, torch.Tensor] = {"dx": inputs, "dh_0": first}
    leaves |= {f"d{name}": value for name, value in reference.named_parameters()}
    roots, upstreams = zip(*pairs, strict=True)
    grads = torch.autograd.grad(roots, list(leaves.values()), upstreams, materialize_grads=True)
    tensors |= dict(zip(leaves, grads, strict=True))
    return {name: value.detach().cpu().numpy() for name, value in tensors.items()}


def compare_update(optimiser: en.Adam, params: Parameters, grads: Parameters) -> Comparison:
    """Compare one update of Adam by both backends, from the same parameters, gradients and state.

    Nothing is changed: `optimiser` keeps its state.
    """
    ours = en.Adam(optimiser.options)
    ours.state = optimiser.state
    new = ours.step(params, grads)
    state = optimiser.state
    tensors: dict[str, Array] = {}
    reference: dict[str, Array] = {}
    balls: dict[str, Ball] = {}
    for name, p in params.items():
        before = (
            None
            if state is None
            else (getattr(state.m, name), getattr(state.v, name), getattr(state.v_max, name))
        )
        g, step = getattr(grads, name), 0 if state is None else state.step
        ball = adam_ball(
            AdamBall.start(p, *(before or ())), Unit.of(p.dtype).exact(g), step + 1, optimiser.options
        )
        balls |= {name: ball.p, f"m of {name}": ball.m, f"v of {name}": ball.v}
        assert ours.state is not None
        for label, value in (("", new), ("m of ", ours.state.m), ("v of ", ours.state.v)):
            tensors[label + name] = getattr(value, name)
        updated = torch_update(p, g, before, step, optimiser.options)
        reference |= dict(zip((name, f"m of {name}", f"v of {name}"), updated, strict=True))
    return Comparison.of(tensors, reference, balls)


def torch_update(
    p: Array, g: Array, before: tuple[Array, Array, Array] | None, step: int, options: en.AdamOptions
) -> tuple[Array, Array, Array]:
    """Return one array and its m and v after an update by `torch.optim.Adam`."""
    parameter = nn.Parameter(torch.tensor(p))
    parameter.grad = torch.tensor(g)
    optimiser = torch_adam([parameter], options)
    if before is not None:
        names = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")
        state = {name: torch.tensor(value) for name, value in zip(names, before, strict=True)}
        optimiser.state[parameter] = {"step": torch.tensor(float(step)), **state}
    optimiser.step()
    state = optimiser.state[parameter]
    return parameter.detach().numpy(), state["exp_avg"].numpy(), state["exp_avg_sq"].numpy()


def _row(name: str, ours: Array, theirs: Array, ball: Ball) -> Row:
    if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
        raise Disagreement(
            f"{name}: NumPy has shape {ours.shape} and dtype {ours.dtype}, "
            f"PyTorch {theirs.shape} and {theirs.dtype}"
        )
    if ours.size == 0:
        return Row(name, ours.shape, 0.0, 0.0, 0.0, 0.0, True, (), 0.0, 0.0, 0.0)
    a, b = ours.astype(ball.unit.long), theirs.astype(ball.unit.long)
    # Equal infinities, and two NaN, are equal.
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore", over="ignore"):
        difference = np.where(same, 0, np.abs(a - b))
        bound = 2 * ball.rad
        ratio = np.where(same, 0, difference / np.where(bound > 0, bound, np.finfo(bound.dtype).tiny))
    ratio = np.where(np.isnan(ratio), np.inf, ratio)
    worst = np.unravel_index(int(np.argmax(ratio)), ratio.shape)
    largest = float(np.max(np.abs(ours)))
    return Row(
        tensor=name,
        shape=ours.shape,
        difference=float(np.max(difference)),
        ulps=float(np.max(difference) / np.spacing(np.asarray(largest, ours.dtype))),
        ratio=float(ratio[worst]),
        sharpness=float(np.max(bound) / largest) if largest else 0.0,
        agreed=bool(np.all(ratio <= 1)),
        index=tuple(int(i) for i in worst),
        numpy=float(ours[worst]),
        torch=float(theirs[worst]),
        bound=float(bound[worst]),
    )
