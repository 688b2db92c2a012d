"""Back-propagation equals the same gradient found by other roads, each within an error that is derived."""

import mpmath
import numpy as np
import pytest
from hypothesis import given

import elman_np as en
import elman_torch as et
from elman_np.checking import oracles
from elman_np.checking.balls import Ball, Unit, dot
from elman_np.checking.bounds import TANH_ULPS, backward_ball, forward_ball
from elman_np.checking.problems import Case
from elman_np.recurrence import Recurrence
from tests.support.strategies import activations, cases, parameters, seeds

LEAVES = ("w_x", "w_h", "b_h", "w_y", "b_y", "x", "h_0")
BACKWARD = tuple(f"3.{i}" for i in range(1, 13))


def upstream(case):
    """The upstream gradients as given numbers."""
    dy = case.dy if case.target is None else en.mse_loss(case.model(case.x, case.h_0)[0], case.target)[1]
    return dy, np.zeros_like(case.h_0) if case.dh_n is None else case.dh_n


def problem(case):
    """Arguments of an oracle."""
    return (case.model.params, case.x, case.h_0, *upstream(case))


def by_name(gradients):
    grads, dx, dh_0 = gradients
    return dict(zip(LEAVES, [*grads, dx, dh_0], strict=True))


def back_propagated(case):
    """The hand-written gradient, and how far it may be from the true one."""
    dy, dh_n = upstream(case)
    _, _, tape = case.model.forward(case.x, case.h_0)
    forward = forward_ball(case.model.params, case.x, case.h_0, case.model.recurrence)
    balls = backward_ball(forward, Unit.of(case.model.dtype).exact(dy), dh_n)
    return by_name(case.model.backward(tape, dy, dh_n)), {name: balls[name].rad for name in LEAVES}


def forward_mode_radii(case):
    """How far any program in float64 that carries derivatives forward may be from the truth.

    The complex step is such a program: its imaginary parts are the derivatives, in one direction at a
    time; its sums are twice as long, and its slope is what the library's complex tanh makes of it. In the
    directions only one entry is not 0, so that products with them are exact.
    """
    model, unit = case.model, Unit.of(np.float64)
    arrays = [z.astype(np.float64) for z in (*model.params, case.x, case.h_0)]
    w_x, w_y, w_h = (unit.exact(arrays[k]) for k in (0, 3, 1))
    w_x_dot, w_h_dot, b_h_dot, w_y_dot, b_y_dot, x_dot, h_0_dot = oracles.unit_directions(arrays)
    forward = forward_ball(en.Parameters(*arrays[:5]), *arrays[5:], model.recurrence)
    first = unit.exact(np.broadcast_to(h_0_dot, (len(h_0_dot), *case.h_0.shape)))
    h_dot, terms = first, []

    def entry(ball, direction):
        return Ball(ball.mid @ direction.mT, ball.rad @ direction.mT, unit)

    for t in range(len(case.x)):
        if model.reset_every is not None and t % model.reset_every == 0:
            h_dot = first
        if model.chunk is not None and t > 0 and t % model.chunk == 0:
            h_dot = unit.exact(np.zeros_like(first.mid))
        immediate = [entry(forward.x[t], w_x_dot), entry(forward.before[t], w_h_dot), unit.exact(b_h_dot)]
        sums = [(unit.exact(x_dot[:, t]), w_x.T), (h_dot, w_h.T)]
        slope = forward.slope[t]
        slope = Ball(slope.mid, slope.rad + unit.rounding(slope.mid, 2 * TANH_ULPS), unit)
        h_dot = dot(sums, immediate, more=2 * sum(w_x.mid.shape) + 2) * slope
        read = [entry(forward.h[t], w_y_dot), unit.exact(b_y_dot)]
        terms.append((upstream(case)[0][t], dot([(h_dot, w_y.T)], read, more=len(w_h.mid) + 1)))
    terms.append((upstream(case)[1], h_dot))
    rad, mag = (
        sum((np.abs(weights) * size).sum(axis=-1) for weights, size in sizes)
        for sizes in ([(z, ball.rad) for z, ball in terms], [(z, ball.mag) for z, ball in terms])
    )
    rad = rad + unit.rounding(mag, sum(weights.size for weights, _ in terms) + 2)
    return by_name(oracles._as_gradients(rad.astype(np.float64), arrays))


def assert_within(ours, theirs, tolerance):
    """Compare by name; the message says where it is worst."""
    for name, value in ours.items():
        error = np.abs(value.astype(np.float64) - theirs[name])
        assert value.shape == theirs[name].shape
        if not np.all(error <= tolerance[name]):
            worst = np.unravel_index(np.argmax(error / tolerance[name]), error.shape)
            pytest.fail(
                f"d{name}{list(map(int, worst))}: {value[worst]!r} by BPTT, {theirs[name][worst]!r} by "
                f"the other road; they differ by {error[worst]:.3g}, allowed are {tolerance[name][worst]:.3g}"
            )


def total(*radii):
    """Sum of radii, by name."""
    return {name: sum(np.asarray(each[name], np.float64) for each in radii) for name in LEAVES}


@pytest.mark.eq("4.2", "4.3", "4.4", "4.5", *BACKWARD)
@given(cases(max_steps=9))
def test_forward_mode_gives_the_same_gradient(case):
    ours, bound = back_propagated(case)
    theirs = by_name(oracles.forward_mode(*problem(case), case.model.recurrence))
    assert_within(ours, theirs, total(bound, forward_mode_radii(case)))


@pytest.mark.eq("4.1", "4.6", *BACKWARD)
@given(cases(max_steps=5))
def test_the_complex_step_gives_the_same_gradient(case):
    ours, bound = back_propagated(case)
    theirs = by_name(oracles.complex_step(*problem(case), case.model.recurrence))
    assert_within(ours, theirs, total(bound, forward_mode_radii(case)))


def rounding_of_the_loss(case):
    """How far any program's value of the loss (4.1) may be off."""
    dy, dh_n = upstream(case)
    params = case.model.params.astype(np.float64)
    forward = forward_ball(params, case.x, case.h_0, case.model.recurrence)
    rad = np.sum(np.abs(dy) * forward.y.rad) + np.sum(np.abs(dh_n) * forward.h_n.rad)
    mag = np.sum(np.abs(dy) * forward.y.mag) + np.sum(np.abs(dh_n) * forward.h_n.mag)
    return float(rad + Unit.of(np.float64).rounding(mag, dy.size + dh_n.size + 1))


@pytest.mark.eq("4.1", "4.7", "4.8", *BACKWARD)
@given(cases(max_steps=5, activation="tanh"))
def test_central_differences_give_the_same_gradient(case):
    """Truncation is bounded by what doubling the step changes, which is three times as much or more.

    (An error that begins with the third derivative grows by a factor of 4, with the fifth by 16.) Rounding
    of the two losses, divided by the way between them, is the rest: once for the difference itself, half as
    much for the one with the double step.
    """
    ours, bound = back_propagated(case)
    single, double = (
        by_name(oracles.central_differences(*problem(case), case.model.recurrence, step=step))
        for step in (oracles.RELATIVE_STEP, 2 * oracles.RELATIVE_STEP)
    )
    rounding = 2 * rounding_of_the_loss(case) / oracles.RELATIVE_STEP
    doubling = {name: np.abs(double[name] - single[name]) + rounding for name in LEAVES}
    assert_within(ours, single, total(bound, doubling))


@pytest.mark.eq("4.8")
@given(parameters(sizes=(1, 2, 1), dtype=np.float64, scales=(1e-3, 1.0, 1e3)), activations)
def test_the_step_grows_with_the_number_that_it_moves(params, activation):
    """The output is linear in w_y, so that a difference has no truncation: only rounding is left."""
    rng = np.random.default_rng(0)
    x, dy, h_0 = rng.standard_normal((3, 1, 1)), rng.standard_normal((3, 1, 1)), rng.standard_normal((1, 2))
    case = Case(en.ElmanRNN.from_params(params, activation=activation), x, h_0, dy, None, None)
    ours, bound = back_propagated(case)
    theirs = by_name(oracles.central_differences(*problem(case), Recurrence(activation)))
    step = oracles.RELATIVE_STEP * np.maximum(1, np.abs(params.w_y))
    error = np.abs(ours["w_y"] - theirs["w_y"])
    assert np.all(error <= 1.01 * rounding_of_the_loss(case) / step + bound["w_y"])


@pytest.mark.eq("4.8")
@pytest.mark.parametrize("value", [0.0, 0.5, -1000.0])
def test_the_step_is_the_cube_root_of_eps_and_relative_above_one(value, monkeypatch):
    seen = []

    def watched(*_):
        return lambda arrays: np.float64(seen.append(arrays[0].item()) or 0)

    monkeypatch.setattr(oracles, "upstream_loss", watched)
    one, x = np.ones((1, 1)), np.zeros((0, 1, 1))
    oracles.central_differences(en.Parameters(one * value, one, one[0], one, one[0]), x, one, x)
    step = 2 ** (-52 / 3) * max(1, abs(value))
    np.testing.assert_allclose([seen[0] - value, seen[1] - value], [step, -step], rtol=1e-9)


@given(cases(max_steps=9), seeds)
def test_forward_and_backward_are_adjoint(case, seed):
    """(J v) . w = v . (J^T w), for any direction v: on the left a single complex step, on the right BPTT.

    Along v the derivative is the sum of the derivatives along its entries, and so is its bound; the
    sums over the entries of v are longer by their number.
    """
    ours, bound = back_propagated(case)
    rng = np.random.default_rng(seed)
    direction = {name: rng.standard_normal(value.shape) for name, value in ours.items()}
    small = oracles.COMPLEX_STEP
    arrays = [z.astype(np.float64) for z in (*case.model.params, case.x, case.h_0)]
    loss = oracles.upstream_loss(arrays, *upstream(case), case.model.recurrence)
    left = loss([z + 1j * small * v for z, v in zip(arrays, direction.values(), strict=True)]).imag / small
    right = sum(np.sum(direction[name] * value) for name, value in ours.items())
    radii = total(bound, forward_mode_radii(case), forward_mode_radii(case))
    allowed = sum(np.sum(np.abs(direction[name]) * rad) for name, rad in radii.items())
    size = sum(value.size for value in ours.values())
    magnitude = sum(np.sum(np.abs(direction[name] * value)) for name, value in ours.items())
    assert abs(left - right) <= allowed + Unit.of(np.float64).rounding(magnitude, 2 * size)


def test_the_oracles_leave_their_arguments_alone():
    rng = np.random.default_rng(0)
    params = en.init_parameters(2, 3, 2, rng=0)
    given = [rng.standard_normal(shape) for shape in ((4, 2, 2), (2, 3), (4, 2, 2), (2, 3))]
    copies = [z.copy() for z in given]
    for z in given:
        z.flags.writeable = False
    for oracle in (oracles.forward_mode, oracles.complex_step, oracles.central_differences):
        for truncation in ({}, {"reset_every": 2}, {"chunk": 3}):
            grads, dx, dh_0 = oracle(params, *given, Recurrence(**truncation))
            assert (grads.dtype, dx.shape, dh_0.shape) == (np.float64, given[0].shape, given[1].shape)
    assert all(np.array_equal(a, b) for a, b in zip(given, copies, strict=True))


@pytest.mark.parametrize("truncation", [{}, {"reset_every": 2}, {"chunk": 2}])
@pytest.mark.parametrize("oracle", ["forward_mode", "complex_step", "central_differences"])
def test_without_steps_the_state_goes_straight_through(oracle, truncation):
    params = en.init_parameters(2, 3, 2, rng=0)
    x, dy = np.zeros((2, 0, 4, 2))
    h_0, dh_n = np.random.default_rng(0).standard_normal((2, 4, 3))
    grads, dx, dh_0 = getattr(oracles, oracle)(params, x, h_0, dy, dh_n, Recurrence(**truncation))
    assert not any(g.any() for g in grads)
    assert dx.shape == x.shape
    np.testing.assert_allclose(dh_0, dh_n, rtol=0, atol=1e-9 if oracle == "central_differences" else 0)


# ---------------------------------------------------------------- in exact and in long arithmetic


def fractions(rng, *shape, most=4):
    """Random multiples of 1/8, which every dtype has exactly."""
    return rng.integers(-8 * most, 8 * most + 1, shape) / 8


def normals(rng, *shape, most=1):
    """Random numbers with all their digits."""
    return rng.standard_normal(shape)


def fixed_case(seed, activation="tanh", sizes=(1, 3, 1), steps=5, batch=2, dtype=np.float64, draw=normals):
    rng = np.random.default_rng(seed)
    inputs, hidden, outputs = sizes
    shapes = [(hidden, inputs), (hidden, hidden), (hidden,), (outputs, hidden), (outputs,)]
    params = en.Parameters(*(draw(rng, *shape, most=1).astype(dtype) for shape in shapes))
    x, h_0 = draw(rng, steps, batch, inputs, most=2), draw(rng, batch, hidden, most=1)
    dy, dh_n = draw(rng, steps, batch, outputs), draw(rng, batch, hidden)
    model = en.ElmanRNN.from_params(params, activation=activation)
    return Case(model, *(z.astype(dtype) for z in (x, h_0, dy, dh_n)), None)


def long_loss(case, number, tanh):
    """The loss (4.1) of one row, written out for the numbers of any other library."""

    def loss(arrays, row):
        w_x, w_h, b_h, w_y, b_y, x, h_0 = arrays
        h, total = h_0[row], number(0)
        for t in range(len(x)):
            a = w_x @ x[t, row] + w_h @ h + b_h
            h = np.array([tanh(z) for z in a])
            total = total + case.dy[t, row] @ (w_y @ h + b_y)
        return total + case.dh_n[row] @ h

    exact = np.vectorize(number, otypes=[object])
    arrays = [exact(z) for z in (*case.model.params, case.x, case.h_0)]
    case = Case(case.model, case.x, case.h_0, exact(case.dy), exact(case.dh_n), None)
    return loss, arrays


@pytest.mark.slow
@pytest.mark.eq(*BACKWARD)
def test_symbolic_derivatives_give_the_same_gradient():
    """T = 3, B = 2, H = 2: SymPy differentiates a formula with a symbol for each entry, in 40 digits."""
    import sympy

    case = fixed_case(0, sizes=(1, 2, 1), steps=3, draw=fractions)
    loss, numbers = long_loss(case, lambda z: sympy.Rational(float(z)), sympy.tanh)
    symbols = [
        np.array([sympy.Symbol(f"{name}_{i}") for i in range(z.size)], dtype=object).reshape(z.shape)
        for name, z in zip(LEAVES, numbers, strict=True)
    ]
    formula = sum(loss(symbols, row) for row in range(2))
    values = {
        s: v for z, n in zip(symbols, numbers, strict=True) for s, v in zip(z.flat, n.flat, strict=True)
    }
    ours, bound = back_propagated(case)
    for name, z in zip(LEAVES, symbols, strict=True):
        for index, symbol in np.ndenumerate(z):
            exact = sympy.diff(formula, symbol).evalf(40, subs=values)
            error = abs(sympy.Float(ours[name][index], 40) - exact)
            assert error <= float(bound[name][index]), (name, index)


def exact_gradient(case):
    """Central differences in 80 digits: with steps of 1e-25 the first 50 digits are right."""
    relu = case.model.activation == "relu"
    loss, arrays = long_loss(case, mpmath.mpf, (lambda z: max(z, mpmath.mpf(0))) if relu else mpmath.tanh)
    step = mpmath.mpf(10) ** -25
    rows = range(case.x.shape[1])
    exact = {}
    for k, (name, array) in enumerate(zip(LEAVES, arrays, strict=True)):
        exact[name] = np.empty(array.shape, dtype=object)
        for index in np.ndindex(array.shape):
            sides = []
            for by in (step, -step):
                moved = array.copy()
                moved[index] += by
                inputs = [*arrays[:k], moved, *arrays[k + 1 :]]
                sides.append(sum(loss(inputs, row) for row in rows))
            exact[name][index] = (sides[0] - sides[1]) / (2 * step)
    return exact


@pytest.mark.eq(*BACKWARD)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("seed", range(3))
def test_the_referee_with_50_digits_finds_both_backends_within_the_bound(
    seed, activation, dtype, record_property
):
    """One radius each, not two: the referee's value is the true one. Who was nearer goes to the report."""
    case = fixed_case(seed, activation, dtype=dtype)
    with mpmath.workdps(80):
        exact = exact_gradient(case)
    ours, bound = back_propagated(case)
    tensors = et.parity.torch_tensors(
        et.ElmanRNN.from_numpy(case.model), case.x, case.h_0, None, case.dy, case.dh_n
    )
    theirs = {name: tensors[f"d{name}"] for name in LEAVES}
    for backend, gradient in {"NumPy": ours, "PyTorch": theirs}.items():
        errors = {}
        for name in LEAVES:
            error = np.vectorize(lambda a, b: float(abs(mpmath.mpf(float(a)) - b)))(
                gradient[name], exact[name]
            )
            assert np.all(error <= bound[name]), (backend, name)
            errors[name] = float(np.max(error / np.spacing(np.max(np.abs(gradient[name])))))
        record_property(f"{backend}: worst error in units of the largest entry's last place", errors)


def test_a_difference_is_divided_by_the_step_that_was_made():
    """Near 2 a step of 2e-16 becomes one of 2.2e-16; the loss is b_y itself, and its slope is 1."""
    params = en.Parameters(*map(np.array, ([[0.5]], [[0.5]], [0.5], [[0.0]], [1.9])))
    x, h_0, dy = np.ones((1, 1, 1)), np.zeros((1, 1)), np.ones((1, 1, 1))
    found = by_name(oracles.central_differences(params, x, h_0, dy, step=1e-16))
    assert (1.9 + 1.9e-16) - (1.9 - 1.9e-16) > 1.1 * 2 * 1.9e-16
    assert found["b_y"].item() == 1.0
