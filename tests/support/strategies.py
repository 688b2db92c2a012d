"""The problems that the whole suite draws from."""

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

import elman_np as en
from elman_np.arrays import Array
from elman_np.checking.problems import Case
from elman_np.parameters import Parameters
from tests.support.prices import CLOSES

dtypes = st.sampled_from([np.dtype(np.float64), np.dtype(np.float32)])
activations = st.sampled_from(["tanh", "relu"])
seeds = st.integers(0, 2**32 - 1)
INITS = ("uniform", "normal")
LONGEST = {"steps": 300, "batch": 64, "inputs": 64, "hidden": 130, "outputs": 10}
"""How far the tails reach."""
SMALL = {"steps": 12, "batch": 4, "inputs": 4, "hidden": 6, "outputs": 3}


class Sizes(NamedTuple):
    """T, B, I, H and O of a problem, and whether one of them is from the tail."""

    steps: int
    batch: int
    inputs: int
    hidden: int
    outputs: int
    tail: str | None


@st.composite
def sizes(draw, *, tail: bool = True, max_steps: int = SMALL["steps"]) -> Sizes:
    """Mostly all are small. Now and then one is not, and the others the smaller: a problem stays cheap.

    Which one and how large, a scrambled seed says: Hypothesis would draw the same one again and again.
    """
    small, scrambled = SMALL | {"steps": max_steps}, _scrambled(draw(seeds))
    long = (*[None] * 8, "steps", *LONGEST)[scrambled % 14] if tail else None
    if long is not None:
        small |= {"batch": 2, "steps": 8}
    drawn = {name: draw(st.integers(1, most)) for name, most in small.items() if name != long}
    if long is not None:
        least, most = SMALL[long] + 1, LONGEST[long]
        least = max(least, most // 3 + 1) if scrambled // 14 % 4 else least
        drawn[long] = least + scrambled // 56 % (most - least + 1)
    return Sizes(**drawn, tail=long)


def _scrambled(seed: int) -> int:
    """Mix the bits of a 32-bit number, so that neighbours have nothing in common."""
    for _ in range(2):
        seed = (seed ^ seed >> 16) * 0x45D9F3B & 0xFFFFFFFF
    return seed ^ seed >> 16


SMALL_SIZES = sizes(tail=False)


def truncations(steps: int, kind: str | None = None) -> st.SearchStrategy[dict[str, int]]:
    """Draw none, or a number of steps: a few, or any up to one more than there are."""
    every = st.integers(1, 8) | st.integers(1, steps + 1) | st.integers(steps // 3 + 1, steps + 1)
    by_name = {name: st.fixed_dictionaries({name: every}) for name in ("reset_every", "chunk")}
    by_name["none"] = st.just({})
    return st.one_of(by_name.values()) if kind is None else by_name[kind]


@st.composite
def parameters(draw, *, sizes=SMALL_SIZES, dtype=None, scales=(0.1, 1.0, 3.0), inits=INITS) -> Parameters:
    """Draw the five arrays at several scales, biases not zero."""
    if isinstance(sizes, st.SearchStrategy):
        sizes = draw(sizes)[2:5]
    init, scale = draw(st.sampled_from(inits)), draw(st.sampled_from(scales))
    params = en.init_parameters(
        *sizes, init=init, dtype=draw(dtypes) if dtype is None else dtype, rng=draw(seeds)
    )
    return params.map(lambda p: p * p.dtype.type(scale))


@st.composite
def splg_windows(draw, steps: int, count: int, *, dollars: bool) -> Array:
    """Draw windows (steps, count, 1) of the whole snapshot, standardised or in dollars."""
    starts = draw(st.lists(st.integers(0, len(CLOSES) - steps), min_size=count, max_size=count))
    series = CLOSES if dollars else en.Scaler.fit(CLOSES).transform(CLOSES)
    return np.stack([series[start : start + steps] for start in starts], axis=1)[..., None]


@st.composite
def cases(draw, *, max_steps=None, dtype=None, activation=None, truncation=None, upstream=None) -> Case:
    """Draw a whole problem: SPLG or random arrays, any size from 1 up, any upstream gradient.

    With `max_steps` nothing is from a tail. A network from a tail does not amplify: neither may 300 steps
    overflow nor 130 units. Nor is tanh drawn where it amplifies most, or where dollars hold it at 1: there
    no bound is narrow enough to say anything.
    """
    activation = draw(activations) if activation is None else activation
    size = draw(sizes() if max_steps is None else sizes(tail=False, max_steps=max_steps))
    steps, batch, inputs, hidden, outputs, tail = size
    prices = tail != "inputs" and draw(st.booleans())
    inputs = 1 if prices else inputs
    scales = (0.1, 1.0) if tail or activation == "tanh" else (0.1, 1.0, 3.0)
    inits = ("uniform",) if tail else INITS
    of = (inputs, hidden, outputs)
    params = draw(parameters(sizes=of, dtype=dtype, scales=scales, inits=inits))
    rng = np.random.default_rng(draw(seeds))

    def normal(*shape):
        return rng.standard_normal(shape).astype(params.dtype)

    x = normal(steps, batch, inputs)
    if prices:
        dollars = activation == "relu" and draw(st.booleans())
        x = draw(splg_windows(steps, batch, dollars=dollars)).astype(params.dtype)
    h_0 = normal(batch, hidden) * params.dtype.type(draw(st.sampled_from([0, 1])))
    dy = target = None
    match (
        draw(st.sampled_from(["loss", "random", "last step", "one entry"])) if upstream is None else upstream
    ):
        case "loss":
            target = normal(steps, batch, outputs)
        case "random":
            dy = normal(steps, batch, outputs)
        case "last step":
            dy = np.zeros((steps, batch, outputs), params.dtype)
            dy[-1] = normal(batch, outputs)
        case "one entry":
            dy = np.zeros((steps, batch, outputs), params.dtype)
            dy[rng.integers(steps), rng.integers(batch), rng.integers(outputs)] = 1
    dh_n = normal(batch, hidden) if draw(st.booleans()) else None
    options = draw(truncations(steps, truncation))
    model = en.ElmanRNN.from_params(params, activation=activation, **options)
    return Case(model, x, h_0, dy, dh_n, target)
