"""The problems that the whole suite draws from."""

import numpy as np
from hypothesis import strategies as st

import elman_np as en
from elman_np.arrays import Array
from elman_np.checking.problems import Case
from elman_np.parameters import Parameters

CLOSES = en.load_splg("2019-05-13", "2024-05-11")["Close"].to_numpy()

dtypes = st.sampled_from([np.dtype(np.float64), np.dtype(np.float32)])
activations = st.sampled_from(["tanh", "relu"])
seeds = st.integers(0, 2**32 - 1)
truncations = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"reset_every": st.integers(1, 8)}),
    st.fixed_dictionaries({"chunk": st.integers(1, 8)}),
)


@st.composite
def parameters(draw, *, sizes=None, dtype=None, scales=(0.1, 1.0, 3.0)) -> Parameters:
    """Draw the five arrays at several scales, biases not zero."""
    inputs, hidden, outputs = sizes or (
        draw(st.integers(1, 4)),
        draw(st.integers(1, 6)),
        draw(st.integers(1, 3)),
    )
    init = draw(st.sampled_from(["uniform", "normal"]))
    scale = draw(st.sampled_from(scales))
    params = en.init_parameters(
        inputs, hidden, outputs, init=init, dtype=draw(dtypes) if dtype is None else dtype, rng=draw(seeds)
    )
    return params.map(lambda p: p * p.dtype.type(scale))


@st.composite
def splg_windows(draw, steps: int, count: int) -> Array:
    """Draw windows (steps, count, 1) of the whole snapshot, standardised or in dollars."""
    starts = draw(st.lists(st.integers(0, len(CLOSES) - steps), min_size=count, max_size=count))
    series = CLOSES if draw(st.booleans()) else en.Scaler.fit(CLOSES).transform(CLOSES)
    return np.stack([series[start : start + steps] for start in starts], axis=1)[..., None]


@st.composite
def cases(draw, *, max_steps=12, dtype=None, activation=None, truncation=truncations, upstream=None) -> Case:
    """Draw a whole problem: SPLG or random arrays, any size from 1 up, any upstream gradient."""
    steps, batch = draw(st.integers(1, max_steps)), draw(st.integers(1, 4))
    prices = draw(st.booleans())
    sizes = (1 if prices else draw(st.integers(1, 4)), draw(st.integers(1, 6)), draw(st.integers(1, 3)))
    params = draw(parameters(sizes=sizes, dtype=dtype))
    rng = np.random.default_rng(draw(seeds))

    def normal(*shape):
        return rng.standard_normal(shape).astype(params.dtype)

    x = draw(splg_windows(steps, batch)).astype(params.dtype) if prices else normal(steps, batch, sizes[0])
    h_0 = normal(batch, sizes[1]) * params.dtype.type(draw(st.sampled_from([0, 1])))
    dy = target = None
    match (
        draw(st.sampled_from(["loss", "random", "last step", "one entry"])) if upstream is None else upstream
    ):
        case "loss":
            target = normal(steps, batch, sizes[2])
        case "random":
            dy = normal(steps, batch, sizes[2])
        case "last step":
            dy = np.zeros((steps, batch, sizes[2]), params.dtype)
            dy[-1] = normal(batch, sizes[2])
        case "one entry":
            dy = np.zeros((steps, batch, sizes[2]), params.dtype)
            dy[rng.integers(steps), rng.integers(batch), rng.integers(sizes[2])] = 1
    dh_n = normal(batch, sizes[1]) if draw(st.booleans()) else None
    model = en.ElmanRNN.from_params(
        params, activation=draw(activations) if activation is None else activation, **draw(truncation)
    )
    return Case(model, x, h_0, dy, dh_n, target)
