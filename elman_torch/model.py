"""The Elman network as an `nn.Module`: a plain loop over time, and autograd for the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias
from typing import Annotated as Float

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

import elman_np as en
from elman_np.arrays import Rng, check_kind, check_shape
from elman_np.cell import Activation
from elman_np.model import describe, find_layout
from elman_np.parameters import NAMES, Init, Parameters, init_parameters
from elman_np.recurrence import HasRecurrence, Recurrence

PHI: dict[Activation, Callable[[Tensor], Tensor]] = {"tanh": torch.tanh, "relu": torch.relu}


# The three layouts, as in `elman_np.model`.
Inputs: TypeAlias = Float[Tensor, "T"] | Float[Tensor, "T I"] | Float[Tensor, "T B I"]
Outputs: TypeAlias = Float[Tensor, "T"] | Float[Tensor, "T O"] | Float[Tensor, "T B O"]
States: TypeAlias = Float[Tensor, "H"] | Float[Tensor, "B H"]


def seeded(rng: Rng) -> Rng:
    """Return `rng`, or where it is None a generator that `torch.manual_seed` seeds."""
    return np.random.default_rng(int(torch.randint(2**63 - 1, (), device="cpu"))) if rng is None else rng


def check_device(device: torch.device | str | None) -> None:
    """Raise unless `device` is a device that can be used, or the name of one."""
    try:
        named = torch.device("cpu" if device is None else device)
    except (RuntimeError, TypeError):
        raise ValueError(f"device: expected a torch.device or the name of one, got {device!r}") from None
    try:
        torch.empty(0, device=named)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"device: expected one that can be used, got {str(device)!r}: {reason}") from None


def check_tensor(name: str, value: Tensor, model: ElmanRNN) -> None:
    """Raise unless `value` is a tensor of the model's dtype, on its device."""
    check_kind(name, value, Tensor)
    if value.dtype != model.w_x.dtype:
        raise TypeError(f"{name}: expected dtype {model.w_x.dtype} as the model, got {value.dtype}")
    if value.device != model.w_x.device:
        raise ValueError(f"{name}: expected device {model.w_x.device} as the model, got {value.device}")


def check_numpy(name: str, value: object, kind: type, attribute: str) -> None:
    """Raise unless `value` is a `kind` of `elman_np`, or of a copy of it in which a mistake is planted."""
    if isinstance(value, type) or not hasattr(value, attribute):
        check_kind(name, value, kind)


class Steps(NamedTuple):
    """What a pass over a batch went through: a_t and h_t of each step, and all outputs."""

    a: list[Float[Tensor, "B H"]]
    h: list[Float[Tensor, "B H"]]
    y: Float[Tensor, "T B O"]


class ElmanRNN(HasRecurrence, nn.Module):
    """`elman_np.ElmanRNN` in PyTorch: the same constructor, names, layouts and truncations.

    The first values are drawn by `elman_np.init_parameters`, so that one seed gives both backends the
    same start. The arithmetic is PyTorch's alone.

    Parameters
    ----------
    input_size, hidden_size, output_size, activation, reset_every, chunk, init, rng
        As in `elman_np.ElmanRNN`.
    dtype : torch.dtype
        Any floating-point dtype that torch has. Left out it is float64, as in NumPy, whatever
        `torch.set_default_dtype` says.
    device : torch.device or str, optional

    Raises
    ------
    ValueError
        As in `elman_np.ElmanRNN`, and for a device that cannot be used.
    TypeError
        For a dtype that is not floating point.

    Notes
    -----
    Without `rng`, the seed is drawn from PyTorch's generator, which `torch.manual_seed` sets. A `state_dict`
    holds activation and truncation, too: into a network with others it is not loaded.
    """

    w_x: Float[nn.Parameter, "H I"]
    w_h: Float[nn.Parameter, "H H"]
    b_h: Float[nn.Parameter, "H"]
    w_y: Float[nn.Parameter, "O H"]
    b_y: Float[nn.Parameter, "O"]

    def __init__(
        self,
        input_size: int = 1,
        hidden_size: int = 8,
        output_size: int = 1,
        *,
        activation: Activation = "tanh",
        reset_every: int | None = None,
        chunk: int | None = None,
        dtype: torch.dtype = torch.float64,
        device: torch.device | str | None = None,
        init: Init = "uniform",
        rng: Rng = None,
    ) -> None:
        recurrence = Recurrence(activation, reset_every, chunk)
        if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
            raise TypeError(f"dtype: expected a floating-point torch.dtype, got {dtype}")
        check_device(device)
        rng = seeded(rng)
        super().__init__()
        self.register_load_state_dict_pre_hook(_check_options)  # type: ignore[no-untyped-call]
        self.input_size, self.hidden_size, self.output_size = input_size, hidden_size, output_size
        self._recurrence = recurrence
        for name, value in init_parameters(input_size, hidden_size, output_size, init=init, rng=rng).items():
            setattr(self, name, nn.Parameter(torch.tensor(value, dtype=dtype, device=device)))

    if TYPE_CHECKING:  # nn.Module says only that a call returns something

        def __call__(self, x: Inputs, h_0: States | None = None) -> tuple[Outputs, States]:
            """Run `forward`, and the module's hooks."""
            ...

    def forward(self, x: Inputs, h_0: States | None = None) -> tuple[Outputs, States]:
        """Run over `x` from the state `h_0` (zeros if left out); return `y` and `h_n`.

        Raises
        ------
        ValueError
            If a shape fits none of the layouts.
        TypeError
            If a dtype is not the network's.
        """
        check_kind("x", x, Tensor)
        layout = find_layout(tuple(x.shape), self.input_size, self.hidden_size, self.output_size)
        if h_0 is None:
            h_0 = x.new_zeros(layout.h)
        for name, value in {"x": x, "h_0": h_0}.items():
            check_tensor(name, value, self)
        check_shape("h_0", h_0.shape, layout.h)
        x = x.reshape(len(x), layout.batch_size, self.input_size)
        h_0 = h_0.reshape(layout.batch_size, self.hidden_size)
        steps = self.run(x, h_0)
        h_n = steps.h[-1] if steps.h else h_0
        return steps.y.reshape(layout.y), h_n.reshape(layout.h)

    def run(self, x: Float[Tensor, "T B I"], h_0: Float[Tensor, "B H"]) -> Steps:
        """Run over a batch, and return what autograd can be asked about at each step."""
        phi = PHI[self.activation]
        h, sums, states, outputs = h_0, [], [], [x.new_zeros(0, x.shape[1], self.output_size)]
        for t, x_t in enumerate(x):
            if self.reset_every is not None and t % self.reset_every == 0:
                h = h_0
            if self.chunk is not None and t > 0 and t % self.chunk == 0:
                h = h.detach()
            a = x_t @ self.w_x.T + h @ self.w_h.T + self.b_h
            h = phi(a)
            sums.append(a)
            states.append(h)
            outputs.append((h @ self.w_y.T + self.b_y)[None])
        return Steps(sums, states, torch.cat(outputs))

    @classmethod
    def from_numpy(cls, model: en.ElmanRNN, *, device: torch.device | str | None = None) -> ElmanRNN:
        """Copy a NumPy network: its parameters, dtype and options."""
        check_numpy("model", model, en.ElmanRNN, "state_gradients")
        params = model.params
        twin = cls(
            params.input_size,
            params.hidden_size,
            params.output_size,
            **vars(model.recurrence),
            dtype=torch.from_numpy(params.b_y.copy()).dtype,
            device=device,
            rng=0,
        )
        twin.load_params(params)
        return twin

    def load_params(self, params: Parameters) -> None:
        """Copy the five arrays into this module, in place; through the inverse of a parametrization.

        Raises
        ------
        TypeError
            If `params` are not Parameters.
        ValueError
            If a shape differs, or a parametrization has no inverse; nothing is copied then.
        """
        check_numpy("params", params, Parameters, "sizes")
        own = dict(self.five())
        for name, value in params.items():
            check_shape(name, value.shape, tuple(own[name].shape))
            if is_parametrized(self, name) and not _has_inverse(self, name):
                raise ValueError(f"{name}: expected a parametrization with a right_inverse, got one without")
        with torch.no_grad():
            for name, value in params.items():
                given = torch.tensor(value, dtype=own[name].dtype, device=own[name].device)
                if is_parametrized(self, name):
                    setattr(self, name, given)
                else:
                    own[name].copy_(given)

    def five(self) -> Iterator[tuple[str, Tensor]]:
        """Name and value of the five arrays, whatever else a subclass has, and parametrized or not."""
        return ((name, getattr(self, name)) for name in NAMES)

    def to_numpy(self) -> en.ElmanRNN:
        """Copy this network into NumPy; its dtype must be float64 or float32.

        Raises
        ------
        TypeError
            For any other dtype.
        """
        if self.w_x.dtype not in (torch.float64, torch.float32):
            raise TypeError(
                f"dtype: expected float64 or float32, got {self.w_x.dtype}; convert with .to() first"
            )
        arrays = {name: value.detach().cpu().numpy() for name, value in self.five()}
        return en.ElmanRNN.from_params(Parameters(**arrays), **vars(self.recurrence))

    @classmethod
    def from_torch(cls, rnn: nn.RNN, linear: nn.Linear) -> ElmanRNN:
        """Copy `torch.nn.RNN` followed by `torch.nn.Linear`.

        PyTorch has two hidden biases, `bias_ih_l0` and `bias_hh_l0`, of which only the sum matters; here
        the sum becomes `b_h`. (Trained apart, each of the two moves by what `b_h` alone would move by, so
        their sum moves twice as far under Adam.) Without biases, `b_h` and `b_y` are zero.

        Raises
        ------
        TypeError
            If `rnn` is no `nn.RNN` (a GRU, say), `linear` no `nn.Linear`, or their dtypes differ.
        ValueError
            If the RNN has several layers or directions or takes the batch first, or if sizes or devices do
            not fit.
        """
        check_kind("rnn", rnn, nn.RNN)
        check_kind("linear", linear, nn.Linear)
        if rnn.num_layers != 1 or rnn.bidirectional:
            raise ValueError(
                f"rnn: expected one layer and one direction, got num_layers={rnn.num_layers}, "
                f"bidirectional={rnn.bidirectional}"
            )
        if rnn.batch_first:
            raise ValueError(
                "rnn: expected batch_first=False, got True; time is the first axis here: set rnn.batch_first "
                "to False, which changes no parameter, and pass x.transpose(0, 1)"
            )
        weight, last = rnn.weight_ih_l0, linear.weight
        if last.dtype != weight.dtype:
            raise TypeError(f"linear: expected dtype {weight.dtype} as rnn, got {last.dtype}")
        if last.device != weight.device:
            raise ValueError(f"linear: expected device {weight.device} as rnn, got {last.device}")
        if linear.in_features != rnn.hidden_size:
            raise ValueError(
                f"linear: expected in_features={rnn.hidden_size} as rnn.hidden_size, got {linear.in_features}"
            )
        twin = cls(
            rnn.input_size,
            rnn.hidden_size,
            linear.out_features,
            activation=rnn.nonlinearity,
            dtype=linear.weight.dtype,
            device=linear.weight.device,
            rng=0,
        )
        layer, zero = partial(getattr, rnn), linear.weight.new_zeros(())
        with torch.no_grad():
            twin.w_x.copy_(layer("weight_ih_l0"))
            twin.w_h.copy_(layer("weight_hh_l0"))
            twin.b_h.copy_(layer("bias_ih_l0") + layer("bias_hh_l0") if rnn.bias else zero)
            twin.w_y.copy_(linear.weight)
            twin.b_y.copy_(zero if linear.bias is None else linear.bias)
        return twin

    def to_torch(self) -> tuple[nn.RNN, nn.Linear]:
        """Copy into `torch.nn.RNN` and `torch.nn.Linear`: `b_h` becomes `bias_ih_l0`, `bias_hh_l0` is zero.

        Raises
        ------
        ValueError
            If the network is truncated, which `nn.RNN` cannot say.
        """
        if self.reset_every is not None or self.chunk is not None:
            raise ValueError(
                "expected a network without truncation, "
                f"got reset_every={self.reset_every}, chunk={self.chunk}"
            )
        options: dict[str, Any] = {
            "dtype": self.w_x.dtype,
            "device": "meta",
        }  # where no first weights are drawn
        rnn = nn.RNN(self.input_size, self.hidden_size, nonlinearity=self.activation, **options)
        linear = nn.Linear(self.hidden_size, self.output_size, **options)
        rnn, linear = rnn.to_empty(device=self.w_x.device), linear.to_empty(device=self.w_x.device)
        biases = {"bias_ih_l0": self.b_h, "bias_hh_l0": torch.zeros_like(self.b_h)}
        rnn.load_state_dict({"weight_ih_l0": self.w_x, "weight_hh_l0": self.w_h, **biases})
        linear.load_state_dict({"weight": self.w_y, "bias": self.b_y})
        return rnn, linear

    def get_extra_state(self) -> dict[str, Any]:
        """Return activation and truncation: what a `state_dict` holds beside the five arrays."""
        return dict(vars(self.recurrence))

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Raise unless a `state_dict` is of a network with the same activation and truncation.

        Raises
        ------
        ValueError
            If it is of another one; the message says which option differs.
        """
        for name, own in vars(self.recurrence).items():
            if state.get(name, own) != own:
                raise ValueError(
                    f"{name}: expected {own!r}, as this network has it, got {state[name]!r} in the state_dict"
                )

    def extra_repr(self) -> str:
        """Say sizes and options in a line."""
        return f"{describe(self)}, dtype={str(self.w_x.dtype).removeprefix('torch.')}"


def _check_options(model: ElmanRNN, state_dict: dict[str, Any], prefix: str, *_: object) -> None:
    """Compare the options in a `state_dict` before anything of it is copied; without any, it has ours."""
    model.set_extra_state(state_dict.setdefault(f"{prefix}_extra_state", model.get_extra_state()))


def _has_inverse(model: nn.Module, name: str) -> bool:
    chain = getattr(model.parametrizations, name)
    return all(hasattr(one, "right_inverse") for one in chain)
