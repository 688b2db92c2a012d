"""Who is timed: the same three tasks for everyone, each written as its own users would."""

from __future__ import annotations

import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import elman_np as en
import elman_torch as et
from elman_np.arrays import Array
from elman_np.bptt import parameter_gradients
from elman_np.checking.problems import numpy_tensors

from .problems import Problem

TASKS = ("gradients", "forward", "training step")
Call = Callable[[], object]


class Peer(ABC):
    """One way to compute a problem."""

    name: str

    def __init__(self, problem: Problem) -> None:
        self.problem = problem

    def task(self, name: str) -> Call:
        """What is timed under this name."""
        return {"gradients": self.gradients, "forward": self.forward, "training step": self.training_step}[
            name
        ]

    @abstractmethod
    def forward(self) -> object:
        """Outputs and last state, nothing kept for a backward pass where that can be said."""

    @abstractmethod
    def gradients(self) -> object:
        """Forward and backward: the gradients of all parameters, of x and of h_0."""

    @abstractmethod
    def training_step(self) -> object:
        """Forward, mean squared error, backward, and an update of all parameters by Adam."""

    @abstractmethod
    def tensors(self, dy: Array) -> dict[str, Array]:
        """All results of `gradients` for this upstream gradient, by the names of `elman_torch.compare`."""


class Ours(Peer):
    """`elman_np`, by its public functions."""

    name = "elman_np"

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.model = en.ElmanRNN.from_params(problem.model.params)
        self.optimiser = en.Adam()

    def forward(self) -> object:
        return self.problem.model(self.problem.x, self.problem.h_0)

    def gradients(self) -> object:
        y, h_n, tape = self.problem.model.forward(self.problem.x, self.problem.h_0)
        return y, h_n, self.problem.model.backward(tape, self.problem.dy)

    def training_step(self) -> object:
        y, _, tape = self.model.forward(self.problem.x, self.problem.h_0)
        loss, dy = en.mse_loss(y, self.problem.target)
        grads = parameter_gradients(tape.bptt, dy)
        self.model.params = self.optimiser.step(self.model.params, grads)
        return loss

    def tensors(self, dy: Array) -> dict[str, Array]:
        return numpy_tensors(self.problem.model, self.problem.x, self.problem.h_0, None, dy, None)


class Torch(Peer):
    """`torch.nn.RNN` and `torch.nn.Linear`."""

    name = "torch"

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.layers, self.trained = self._layers(), self._layers()
        self.parameters, moving = (
            [p for layer in layers for p in layer.parameters() if p.requires_grad]
            for layers in (self.layers, self.trained)
        )
        self.x, self.target, self.dy = map(torch.tensor, (problem.x, problem.target, problem.dy))
        self.h_0 = torch.tensor(problem.h_0[None])
        self.leaves = [self.x.clone().requires_grad_(), self.h_0.clone().requires_grad_()]
        self.optimiser = torch.optim.Adam(moving, fused=True)  # the fastest of its three forms
        self.loss = nn.MSELoss()

    def _layers(self) -> tuple[nn.RNN, nn.Linear]:
        """Of torch's two hidden biases one stands still: nobody else has two, or takes a gradient for both.

        Trained apart, they would also move twice as far as their sum.
        """
        rnn, linear = et.ElmanRNN.from_numpy(self.problem.model).to_torch()
        rnn.bias_hh_l0.requires_grad_(False)
        return rnn, linear

    def run(self, layers: tuple[nn.RNN, nn.Linear], x: Tensor, h_0: Tensor) -> tuple[Tensor, Tensor]:
        """Compute outputs and the last state."""
        h, h_n = layers[0](x, h_0)
        return layers[1](h), h_n

    def forward(self) -> object:
        with torch.inference_mode():
            return self.run(self.layers, self.x, self.h_0)

    def gradients(self) -> object:
        return self._gradients(self.dy)

    def _gradients(self, dy: Tensor) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        y, h_n = self.run(self.layers, *self.leaves)
        return y, h_n, torch.autograd.grad(y, [*self.parameters, *self.leaves], dy)

    def training_step(self) -> object:
        self.optimiser.zero_grad()
        loss = self.loss(self.run(self.trained, self.x, self.h_0)[0], self.target)
        loss.backward()
        self.optimiser.step()
        return loss

    def tensors(self, dy: Array) -> dict[str, Array]:
        y, h_n, grads = self._gradients(torch.tensor(dy))
        names = ("dw_x", "dw_h", "db_h", "dw_y", "db_y", "dx", "dh_0")
        found = dict(zip(("y", "h_n", *names), (y, h_n[0], *grads[:-1], grads[-1][0]), strict=True))
        return {name: value.detach().numpy() for name, value in found.items()}


class Compiled(Torch):
    """A loop over time in PyTorch, compiled by `torch.compile`."""

    name = "torch.compile"

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        torch._dynamo.reset()
        self.loop = torch.compile(_loop, fullgraph=True, dynamic=False)

    def run(self, layers: tuple[nn.RNN, nn.Linear], x: Tensor, h_0: Tensor) -> tuple[Tensor, Tensor]:
        return self.loop(x, h_0, *layers[0].parameters(), *layers[1].parameters())


def _loop(
    x: Tensor, h_0: Tensor, w_x: Tensor, w_h: Tensor, b_x: Tensor, b_h: Tensor, w_y: Tensor, b_y: Tensor
) -> tuple[Tensor, Tensor]:
    h, states = h_0[0], []
    for a_t in x @ w_x.T + (b_x + b_h):
        h = torch.tanh(a_t + h @ w_h.T)
        states.append(h)
    return torch.stack(states) @ w_y.T + b_y, h[None]


class Jax(Peer):
    """`jax.jit` of `jax.lax.scan`, with all inputs in one product before it."""

    name = "jax"

    def __init__(self, problem: Problem) -> None:
        import jax

        super().__init__(problem)
        jax.config.update("jax_enable_x64", True)
        self.jax = jax
        put = jax.numpy.asarray
        self.given = [put(z) for z in (*problem.model.params, problem.x, problem.h_0)]
        self.dy, self.target = put(problem.dy), put(problem.target)
        self._forward = jax.jit(self._run)
        self._pull_back = jax.jit(self._run_back)
        self._step = jax.jit(self._train)
        params = tuple(self.given[:5])
        zeros = tuple(jax.numpy.zeros_like(p) for p in params)
        self.state = (params, zeros, zeros, jax.numpy.zeros((), problem.dtype))

    def _run(self, w_x: Any, w_h: Any, b_h: Any, w_y: Any, b_y: Any, x: Any, h_0: Any) -> Any:
        def step(h: Any, a_t: Any) -> Any:
            h = self.jax.numpy.tanh(a_t + h @ w_h.T)
            return h, h

        h_n, h = self.jax.lax.scan(step, h_0, x @ w_x.T + b_h)
        return h @ w_y.T + b_y, h_n

    def _run_back(self, given: list[Any], dy: Any) -> Any:
        (y, h_n), pull_back = self.jax.vjp(self._run, *given)
        return y, h_n, pull_back((dy, self.jax.numpy.zeros_like(h_n)))

    def _train(self, state: Any, x: Any, h_0: Any, target: Any) -> Any:
        params, m, v, step = state
        options, tree = en.AdamOptions(), self.jax.tree.map
        beta_1, beta_2 = options.betas

        def loss_of(params: Any) -> Any:
            return ((self._run(*params, x, h_0)[0] - target) ** 2).mean()

        loss, g = self.jax.value_and_grad(loss_of)(params)
        step = step + 1
        m = tree(lambda m, g: beta_1 * m + (1 - beta_1) * g, m, g)
        v = tree(lambda v, g: beta_2 * v + (1 - beta_2) * g * g, v, g)
        rate, root = options.lr / (1 - beta_1**step), (1 - beta_2**step) ** 0.5
        params = tree(lambda p, m, v: p - rate * m / (v**0.5 / root + options.eps), params, m, v)
        return (params, m, v, step), loss

    def forward(self) -> object:
        return self.jax.block_until_ready(self._forward(*self.given))

    def gradients(self) -> object:
        return self.jax.block_until_ready(self._pull_back(self.given, self.dy))

    def training_step(self) -> object:
        self.state, loss = self._step(self.state, *self.given[5:], self.target)
        return self.jax.block_until_ready((self.state, loss))

    def tensors(self, dy: Array) -> dict[str, Array]:
        y, h_n, grads = self._pull_back(self.given, self.jax.numpy.asarray(dy))
        names = ("dw_x", "dw_h", "db_h", "dw_y", "db_y", "dx", "dh_0")
        found = dict(zip(("y", "h_n", *names), (y, h_n, *grads), strict=True))
        return {name: np.asarray(value) for name, value in found.items()}


def installed(*, with_compile: bool = False) -> list[type[Peer]]:
    """Everyone who can be timed here, ourselves first."""
    peers: list[type[Peer]] = [Ours, Torch]
    if importlib.util.find_spec("jax"):
        peers.append(Jax)
    if with_compile:
        peers.append(Compiled)
    return peers
