"""`ElmanRNN`: parameters, options and the three layouts, over `bptt`."""

from __future__ import annotations

from typing import Annotated as Shaped
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import DTypeLike

from elman_np import bptt
from elman_np.arrays import Array, Rng, check_array, check_kind, check_shape
from elman_np.cell import Activation
from elman_np.parameters import Init, Parameters, init_parameters
from elman_np.recurrence import HasRecurrence, Recurrence

# A series, one sequence, or a batch: the three layouts of the table in `ElmanRNN`.
Inputs: TypeAlias = Shaped[Array, "T"] | Shaped[Array, "T I"] | Shaped[Array, "T B I"]
Outputs: TypeAlias = Shaped[Array, "T"] | Shaped[Array, "T O"] | Shaped[Array, "T B O"]
States: TypeAlias = Shaped[Array, "H"] | Shaped[Array, "B H"]


class Layout(NamedTuple):
    """The shapes that one forward pass has for its caller, and its batch size underneath."""

    x: tuple[int, ...]
    y: tuple[int, ...]
    h: tuple[int, ...]
    batch_size: int


def find_layout(x: tuple[int, ...], inputs: int, hidden: int, outputs: int) -> Layout:
    """Tell the layout from the shape of `x` and the sizes; ValueError if it fits none."""
    match x:
        case (steps,) if inputs == outputs == 1:
            return Layout(x, (steps,), (hidden,), 1)
        case (steps, width) if width == inputs:
            return Layout(x, (steps, outputs), (hidden,), 1)
        case (steps, batch, width) if width == inputs:
            return Layout(x, (steps, batch, outputs), (batch, hidden), batch)
    series = " or (T,)" if inputs == outputs == 1 else ""
    raise ValueError(f"x: expected shape (T, B, {inputs}) or (T, {inputs}){series}, got {x}")


@runtime_checkable
class Network(Protocol):
    """A network of either backend: what is said of it, and asked of its data, is the same for both."""

    @property
    def input_size(self) -> int:
        """I, the number of inputs."""

    @property
    def hidden_size(self) -> int:
        """H, the number of hidden units."""

    @property
    def output_size(self) -> int:
        """O, the number of outputs."""

    @property
    def recurrence(self) -> Recurrence:
        """Activation, `reset_every` and `chunk`."""


def describe(model: Network) -> str:
    """Sizes and options in a line, for both backends' `repr`."""
    return f"{model.input_size}, {model.hidden_size}, {model.output_size}, {model.recurrence}"


class ModelTape(NamedTuple):
    """The tape of `ElmanRNN.forward`: `bptt`'s, and the layout to give gradients back in."""

    bptt: bptt.Tape
    layout: Layout

    def __repr__(self) -> str:
        return f"ModelTape(x {self.layout.x}, y {self.layout.y}, {self.bptt})"


class ElmanRNN(HasRecurrence):
    """An Elman network: one hidden layer that sees its own last state.

    h_t = phi(x_t w_x^T + h_{t-1} w_h^T + b_h) and y_t = h_t w_y^T + b_y.

    Inputs come in one of three layouts, and everything that belongs to them has the same:

    ========= ========= ============ ========= ===========================
    layout    x         h_0, h_n     y         needs
    ========= ========= ============ ========= ===========================
    series    (T,)      (H,)         (T,)      input_size = output_size = 1
    unbatched (T, I)    (H,)         (T, O)
    batch     (T, B, I) (B, H)       (T, B, O)
    ========= ========= ============ ========= ===========================

    Parameters
    ----------
    input_size, hidden_size, output_size : int
        I, H and O.
    activation : {"tanh", "relu"}
    reset_every : int, optional
        The state goes back to `h_0` after every so many steps.
    chunk : int, optional
        The state is carried but the gradient is cut after every so many steps, as `detach` does. With
        either, k >= T is no truncation.
    dtype : float64 or float32
    init : {"uniform", "normal"}
        See `init_parameters`.
    rng : None, int or numpy.random.Generator
        Seed or generator of the first parameters.

    Attributes
    ----------
    params : Parameters
        Replace it to update the network: `model.params = optimiser.step(model.params, grads)`.
    recurrence : Recurrence
        Activation, `reset_every` and `chunk` as one value, which may be replaced.

    Raises
    ------
    ValueError
        For an unknown activation or init, a size below 1, or both truncations at once.
    TypeError
        For another dtype.
    """

    def __init__(
        self,
        input_size: int = 1,
        hidden_size: int = 8,
        output_size: int = 1,
        *,
        activation: Activation = "tanh",
        reset_every: int | None = None,
        chunk: int | None = None,
        dtype: DTypeLike = np.float64,
        init: Init = "uniform",
        rng: Rng = None,
    ) -> None:
        self._recurrence = Recurrence(activation, reset_every, chunk)
        self._params = init_parameters(input_size, hidden_size, output_size, init=init, dtype=dtype, rng=rng)

    @classmethod
    def from_params(
        cls,
        params: Parameters,
        *,
        activation: Activation = "tanh",
        reset_every: int | None = None,
        chunk: int | None = None,
    ) -> ElmanRNN:
        """Make a network from parameters that are there already."""
        check_kind("params", params, Parameters)
        model = cls.__new__(cls)  # without drawing numbers to throw them away
        model._recurrence = Recurrence(activation, reset_every, chunk)
        model._params = params
        return model

    @property
    def params(self) -> Parameters:
        """The five arrays."""
        return self._params

    @params.setter
    def params(self, new: Parameters) -> None:
        check_kind("params", new, Parameters)
        if new.sizes != self._params.sizes:
            for (name, old), value in zip(self._params.items(), new, strict=True):
                check_shape(name, value.shape, old.shape)
        if new.dtype != self.dtype:
            raise TypeError(f"params: expected dtype {self.dtype}, got {new.dtype}")
        self._params = new

    @property
    def input_size(self) -> int:
        """I, the number of inputs."""
        return self._params.input_size

    @property
    def hidden_size(self) -> int:
        """H, the number of hidden units."""
        return self._params.hidden_size

    @property
    def output_size(self) -> int:
        """O, the number of outputs."""
        return self._params.output_size

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of parameters, inputs, states and gradients."""
        return self._params.dtype

    def forward(self, x: Inputs, h_0: States | None = None) -> tuple[Outputs, States, ModelTape]:
        """Run over `x` from the state `h_0` (zeros if left out).

        Returns
        -------
        y : array
            Outputs, in the layout of `x`.
        h_n : array
            The state after the last step.
        tape : ModelTape
            For `backward`.

        Raises
        ------
        ValueError
            If a shape fits none of the layouts.
        TypeError
            If a dtype is not the network's.
        """
        check_kind("x", x, np.ndarray)
        layout = find_layout(x.shape, self.input_size, self.hidden_size, self.output_size)
        if h_0 is None:
            h_0 = np.zeros(layout.h, self.dtype)
        check_array("h_0", h_0, self.dtype, layout.h)
        x = x.reshape(len(x), layout.batch_size, self.input_size)
        h_0 = h_0.reshape(layout.batch_size, self.hidden_size)
        y, h_n, tape = bptt.run(self.params, x, h_0, self.recurrence)
        return y.reshape(layout.y), h_n.reshape(layout.h), ModelTape(tape, layout)

    def backward(
        self, tape: ModelTape, dy: Outputs, dh_n: States | None = None
    ) -> tuple[Parameters, Inputs, States]:
        """Back-propagate upstream gradients through the pass that made `tape`.

        Parameters
        ----------
        tape : ModelTape
            From `forward`. It knows the parameters that it was made with; those of the network may have
            changed since.
        dy : array
            Gradient of the loss with respect to `y`, of its shape.
        dh_n : array, optional
            Gradient of the loss with respect to `h_n`, of its shape; zero if left out.

        Returns
        -------
        grads : Parameters
        dx, dh_0 : arrays
            Of the shapes of `x` and `h_0`.

        Raises
        ------
        ValueError
            If a shape is not that of what the gradient belongs to.
        TypeError
            If a dtype is not the network's.
        """
        given = self._as_batch(tape, dy, dh_n)
        grads, dx, dh_0 = bptt.backward(tape.bptt, *given)
        return grads, dx.reshape(tape.layout.x), dh_0.reshape(tape.layout.h)

    def state_gradients(
        self, tape: ModelTape, dy: Outputs, dh_n: States | None = None
    ) -> tuple[Shaped[Array, "T B H"], Shaped[Array, "B H"]]:
        """Return the gradients of the pre-activations, da_1 ... da_T, and of `h_0`, as of a batch.

        The arguments are those of `backward`, whose results are sums of these.
        """
        given = self._as_batch(tape, dy, dh_n)
        return bptt.state_gradients(tape.bptt, *given)

    def _as_batch(self, tape: ModelTape, dy: Array, dh_n: Array | None) -> tuple[Array, Array | None]:
        """Check tape and upstream gradients, and lay these out as those of a batch."""
        check_kind("tape", tape, ModelTape)
        if tape.bptt.params.sizes != self.params.sizes:
            raise ValueError(
                f"tape: expected one of a network of sizes {self.params.sizes}, as this is, "
                f"got {tape.bptt.params.sizes}"
            )
        dtype, layout = tape.bptt.params.dtype, tape.layout
        check_array("dy", dy, dtype, layout.y)
        if dh_n is not None:
            check_array("dh_n", dh_n, dtype, layout.h)
            dh_n = dh_n.reshape(layout.batch_size, self.hidden_size)
        return dy.reshape(len(dy), layout.batch_size, self.output_size), dh_n

    def __call__(self, x: Inputs, h_0: States | None = None) -> tuple[Outputs, States]:
        """Return `y` and `h_n` without a tape."""
        y, h_n, _ = self.forward(x, h_0)
        return y, h_n

    def __repr__(self) -> str:
        return f"ElmanRNN({describe(self)}, dtype={self.dtype})"
