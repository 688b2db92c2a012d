"""What must hold of the forward pass and of back-propagation whatever the numbers are.

Where sums are only taken in another order, two results are each within one radius of the truth, and so
within two of each other; where they are not, no bit may differ.
"""

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

import elman_np as en
import elman_torch as et
from elman_np.cell import dphi, phi
from elman_np.checking.balls import Unit
from elman_np.checking.problems import Case, ball_tensors, cell_tensors, numpy_solution, numpy_tensors
from elman_torch.parity import Comparison, torch_solution, torch_tensors
from tests.support.same import assert_same
from tests.support.strategies import cases, seeds
from tests.support.undecided import decide, undecided

FORWARD = ("1.1", "1.2", "1.3", "1.4", "1.5")
BACKWARD = tuple(f"3.{i}" for i in range(1, 13))
PARAMETERS = ("dw_x", "dw_h", "db_h", "dw_y", "db_y")
NEVER = "none"
lengths = st.integers(1, 6) | st.integers(7, 300)


def problem(case, **changes):
    """Arguments of `numpy_tensors` and `ball_tensors`, with the upstream gradient as given numbers."""
    dy = case.dy
    if case.target is not None:
        _, dy = en.mse_loss(case.model(case.x, case.h_0)[0], case.target)
    dh_n = np.zeros_like(case.h_0) if case.dh_n is None else case.dh_n
    parts = {"model": case.model, "x": case.x, "h_0": case.h_0, "target": None, "dy": dy, "dh_n": dh_n}
    return parts | changes


def tensors(case, **changes):
    return numpy_tensors(**problem(case, **changes))


def balls(case, **changes):
    return ball_tensors(**problem(case, **changes))


def assert_same_bits(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert value.dtype == theirs[name].dtype, name
    assert_same(ours, theirs)


def changed(model, params=None, **options):
    """The same network with other parameters or other options."""
    return en.ElmanRNN.from_params(params or model.params, **vars(model.recurrence) | options)


# ---------------------------------------------------------------- the sequence is made of steps


def by_steps(case):
    """Every tensor, by `step` and `step_backward` alone."""
    given = problem(case)
    return cell_tensors(en, Case(case.model, case.x, case.h_0, given["dy"], given["dh_n"], None))


@pytest.mark.eq(*FORWARD, *BACKWARD, "5.1", "5.2", "5.3", "9.1", "9.2", "9.3", "9.4")
@given(cases())
def test_the_sequence_is_the_cells_steps_in_a_row(case):
    decide(Comparison.of(tensors(case), by_steps(case), balls(case)))


@pytest.mark.eq("1.1", "1.2", "1.3", "1.4", "1.5", "3.1", "3.2", "3.3", "3.6", "3.7")
@given(cases(max_steps=1, truncation=NEVER))
def test_one_step_agrees_with_pytorch(case):
    arguments = problem(case)
    theirs = torch_tensors(
        et.ElmanRNN.from_numpy(case.model), **{k: arguments[k] for k in list(arguments)[1:]}
    )
    decide(Comparison.of(by_steps(case), theirs, balls(case)))


# ---------------------------------------------------------------- time


@given(cases(truncation=NEVER), st.data())
def test_a_sequence_in_two_parts_is_the_whole(case, data):
    """The state is carried on; on the way back, the second part's dh_0 is the first part's dh_n."""
    k = data.draw(st.integers(0, len(case.x)))
    model, x, h_0, _, dy, dh_n = problem(case).values()
    y_1, h_k, tape_1 = model.forward(x[:k], h_0)
    y_2, h_n, tape_2 = model.forward(x[k:], h_k)
    grads_2, dx_2, dh_k = model.backward(tape_2, dy[k:], dh_n)
    grads_1, dx_1, dh_0 = model.backward(tape_1, dy[:k], dh_k)
    parts = {f"d{name}": value for name, value in grads_1.map(np.add, grads_2).items()}
    parts |= {"y": np.concatenate([y_1, y_2]), "dx": np.concatenate([dx_1, dx_2]), "h_n": h_n, "dh_0": dh_0}
    decide(Comparison.of(tensors(case), parts, balls(case)))


@pytest.mark.eq("5.3")
@settings(max_examples=settings.default.max_examples // 2)
@given(cases(truncation=NEVER), lengths)
def test_chunks_that_hand_back_their_gradient_are_no_truncation(case, k):
    """What a chunk leaves out is exactly what its dh_0 would have sent to the chunk before."""
    model, x, h_0, _, dy, dh_next = problem(case).values()
    states, tapes = [h_0], []
    for first in range(0, len(x), k):
        _, h, tape = model.forward(x[first : first + k], states[-1])
        states.append(h)
        tapes.append((first, tape))
    full, cut = (model.params.map(np.zeros_like) for _ in range(2))
    for first, tape in reversed(tapes):
        piece = slice(first, first + k)
        part, _, dh_0 = model.backward(tape, dy[piece], dh_next)
        full, dh_next = full.map(np.add, part), dh_0
        last = first + k >= len(x)
        part, _, _ = model.backward(tape, dy[piece], problem(case)["dh_n"] if last else None)
        cut = cut.map(np.add, part)
    for expected, options in ((full, {}), (cut, {"chunk": k})):
        other = changed(model, **options)
        bound = {name: ball for name, ball in balls(case, model=other).items() if name in PARAMETERS}
        theirs = {f"d{name}": value for name, value in expected.items()}
        decide(Comparison.of(tensors(case, model=other), theirs, bound))


@pytest.mark.eq("5.1", "5.2")
@settings(max_examples=settings.default.max_examples // 2)
@given(cases(truncation="reset_every"))
def test_stretches_between_resets_are_problems_of_their_own(case):
    model, x, h_0, _, dy, dh_n = problem(case).values()
    plain, k = changed(model, reset_every=None), model.reset_every
    total, dh_0_total, outputs, dxs = model.params.map(np.zeros_like), np.zeros_like(h_0), [], []
    for first in range(0, len(x), k):
        piece = slice(first, first + k)
        y, h_n, tape = plain.forward(x[piece], h_0)
        grads, dx, dh_0 = plain.backward(tape, dy[piece], dh_n if first + k >= len(x) else None)
        total, dh_0_total = total.map(np.add, grads), dh_0_total + dh_0
        outputs.append(y)
        dxs.append(dx)
    parts = {"y": np.concatenate(outputs), "h_n": h_n, "dx": np.concatenate(dxs), "dh_0": dh_0_total}
    parts |= {f"d{name}": value for name, value in total.items()}
    decide(Comparison.of(tensors(case), parts, balls(case)))


@pytest.mark.eq("5.1", "5.3")
@given(cases(truncation=NEVER), st.integers(0, 3), st.sampled_from(["reset_every", "chunk"]))
def test_a_truncation_after_the_last_step_is_none(case, more, kind):
    other = changed(case.model, **{kind: len(case.x) + more})
    assert_same_bits(tensors(case), tensors(case, model=other))


@pytest.mark.eq("5.3")
@given(cases(truncation=NEVER), lengths)
def test_a_chunk_changes_no_output_and_no_gradient_of_the_output_layer(case, k):
    full, cut = tensors(case), tensors(case, model=changed(case.model, chunk=k))
    names = ("y", "h_n", "dw_y", "db_y")
    assert_same_bits({name: full[name] for name in names}, {name: cut[name] for name in names})


@given(cases(), st.data())
def test_the_future_changes_nothing_before_it(case, data):
    """Not even a NaN, which would show wherever it was multiplied by 0."""
    s = data.draw(st.integers(0, len(case.x) - 1))
    other_x = case.x.copy()
    other_x[s:] = np.nan
    y, _, tape = case.model.forward(case.x, case.h_0)
    other_y, _, other_tape = case.model.forward(other_x, case.h_0)
    assert_same({"y": y[:s], "h": tape.bptt.h[:s]}, {"y": other_y[:s], "h": other_tape.bptt.h[:s]})


@given(cases(), st.data())
def test_no_gradient_comes_from_the_past(case, data):
    """With upstream gradients up to step t alone, later inputs get exactly 0."""
    t = data.draw(st.integers(0, len(case.x) - 1))
    dy = problem(case)["dy"].copy()
    dy[t + 1 :] = 0
    found = tensors(case, dy=dy, dh_n=np.zeros_like(case.h_0))
    assert not found["dx"][t + 1 :].any()


@given(cases(truncation=NEVER), st.just(0) | lengths)
def test_silence_before_the_first_input_changes_nothing(case, k):
    """With b_h = 0 and h_0 = 0, k steps of zeros leave the state at 0."""
    p = case.model.params
    params = en.Parameters(p.w_x, p.w_h, np.zeros_like(p.b_h), p.w_y, p.b_y)
    model = en.ElmanRNN.from_params(params, activation=case.model.activation)
    zero = np.zeros_like(case.h_0)
    padded = np.concatenate([np.zeros((k, *case.x.shape[1:]), params.dtype), case.x])
    y, h_n, tape = model.forward(padded, zero)
    assert not tape.bptt.h[:k].any()
    theirs = {"y": y[k:], "h_n": h_n}
    bound = balls(case, model=model, h_0=zero)
    ours = dict(zip(theirs, model(case.x, zero), strict=True))
    decide(Comparison.of(ours, theirs, {name: bound[name] for name in theirs}))


# ---------------------------------------------------------------- the batch


@given(cases(), seeds)
def test_the_order_of_the_batch_does_not_matter(case, seed):
    model, x, h_0, _, dy, dh_n = problem(case).values()
    order = np.random.default_rng(seed).permutation(x.shape[1])
    theirs = numpy_tensors(model, x[:, order], h_0[order], None, dy[:, order], dh_n[order])
    back = np.argsort(order)
    theirs |= {name: theirs[name][:, back] for name in ("y", "dx")}
    theirs |= {name: theirs[name][back] for name in ("h_n", "dh_0")}
    decide(Comparison.of(tensors(case), theirs, balls(case)))


@given(cases(), st.data())
def test_a_batch_is_its_rows_and_its_gradient_their_sum(case, data):
    model, x, h_0, _, dy, dh_n = problem(case).values()
    k = data.draw(st.integers(0, x.shape[1]))
    left = numpy_tensors(model, x[:, :k], h_0[:k], None, dy[:, :k], dh_n[:k])
    right = numpy_tensors(model, x[:, k:], h_0[k:], None, dy[:, k:], dh_n[k:])
    parts = {name: left[name] + right[name] for name in PARAMETERS}
    parts |= {name: np.concatenate([left[name], right[name]], axis=1) for name in ("y", "dx")}
    parts |= {name: np.concatenate([left[name], right[name]]) for name in ("h_n", "dh_0")}
    decide(Comparison.of(tensors(case), parts, balls(case)))


@given(cases(upstream="loss", truncation=NEVER))
def test_a_batch_twice_has_the_same_mean_loss_and_gradient(case):
    """A sum in place of the mean would be twice as large."""
    twice = [np.concatenate([z, z], axis=1) for z in (case.x, case.target)]
    h_0 = np.concatenate([case.h_0, case.h_0])
    theirs = numpy_tensors(case.model, twice[0], h_0, twice[1], None, None)
    ours = numpy_tensors(case.model, case.x, case.h_0, case.target, None, None)
    names = ("loss", *PARAMETERS)
    bound = ball_tensors(case.model, twice[0], h_0, twice[1], None, None)
    pick = [{name: z[name] for name in names} for z in (ours, theirs, bound)]
    decide(Comparison.of(*pick))


# ---------------------------------------------------------------- the hidden units


@given(cases(), seeds)
def test_the_hidden_units_have_no_order(case, seed):
    p = case.model.params
    order = np.random.default_rng(seed).permutation(p.hidden_size)
    back = np.argsort(order)
    params = en.Parameters(p.w_x[order], p.w_h[order][:, order], p.b_h[order], p.w_y[:, order], p.b_y)
    model = changed(case.model, params)
    arguments = problem(case)
    theirs = tensors(
        case, model=model, h_0=case.h_0[:, order], dh_n=arguments["dh_n"][:, order], dy=arguments["dy"]
    )
    theirs |= {name: theirs[name][back] for name in ("dw_x", "db_h")}
    theirs |= {name: theirs[name][:, back] for name in ("h_n", "dh_0", "dw_y")}
    theirs["dw_h"] = theirs["dw_h"][back][:, back]
    decide(Comparison.of(tensors(case), theirs, balls(case)))


@pytest.mark.eq("1.4", "3.4")
@given(cases(activation="tanh"), seeds)
def test_the_sign_of_a_tanh_unit_does_not_matter_in_any_bit(case, seed):
    """tanh is odd and rounding is symmetric: a unit with all its weights negated is the same unit."""
    p = case.model.params
    sign = np.random.default_rng(seed).choice([-1, 1], p.hidden_size).astype(p.dtype)
    params = en.Parameters(
        sign[:, None] * p.w_x, sign[:, None] * p.w_h * sign, sign * p.b_h, p.w_y * sign, p.b_y
    )
    arguments = problem(case)
    theirs = tensors(
        case,
        model=changed(case.model, params),
        h_0=case.h_0 * sign,
        dh_n=arguments["dh_n"] * sign,
        dy=arguments["dy"],
    )
    theirs |= {name: theirs[name] * sign for name in ("h_n", "dh_0", "dw_y", "db_h")}
    theirs["dw_x"] = theirs["dw_x"] * sign[:, None]
    theirs["dw_h"] = theirs["dw_h"] * sign[:, None] * sign
    assert_same_bits(tensors(case), theirs)


@given(cases(activation="relu", dtype=np.float64), st.integers(-3, 3))
def test_a_relu_unit_may_be_scaled_by_a_power_of_two(case, power):
    """relu(c a) = c relu(a): what unit 0 says is multiplied by c, and what is heard of it divided."""
    p = case.model.params
    c = np.ones(p.hidden_size)
    c[0] = 2.0**power
    params = en.Parameters(c[:, None] * p.w_x, c[:, None] * p.w_h / c, c * p.b_h, p.w_y / c, p.b_y)
    arguments = problem(case)
    theirs = tensors(
        case,
        model=changed(case.model, params),
        h_0=case.h_0 * c,
        dh_n=arguments["dh_n"] / c,
        dy=arguments["dy"],
    )
    theirs |= {"h_n": theirs["h_n"] / c, "dh_0": theirs["dh_0"] * c, "db_h": theirs["db_h"] * c}
    theirs |= {"dw_x": theirs["dw_x"] * c[:, None], "dw_y": theirs["dw_y"] / c}
    theirs["dw_h"] = theirs["dw_h"] * c[:, None] / c
    ours = tensors(case)
    assume(has_all_its_digits(ours))
    assert_same_bits(ours, theirs)


def has_all_its_digits(found):
    """Whether every number is 0 or so far from the subnormals that a power of two rounds nothing."""
    return all(
        np.all((z == 0) | (np.abs(z) > np.finfo(z.dtype).smallest_normal * 2.0**40)) for z in found.values()
    )


# ---------------------------------------------------------------- the upstream gradient


@settings(max_examples=settings.default.max_examples // 3)
@given(cases(), seeds)
def test_upstream_gradients_add(case, seed):
    """Split into two parts of which one is 0 at every entry, so that their sum is exact."""
    dy, dh_n = problem(case)["dy"], problem(case)["dh_n"]
    rng = np.random.default_rng(seed)
    masks = [rng.integers(0, 2, z.shape).astype(z.dtype) for z in (dy, dh_n)]
    left = tensors(case, dy=dy * masks[0], dh_n=dh_n * masks[1])
    right = tensors(case, dy=dy * (1 - masks[0]), dh_n=dh_n * (1 - masks[1]))
    whole = tensors(case)
    of_parts = [balls(case, dy=dy * m, dh_n=dh_n * n) for m, n in (masks, [1 - mask for mask in masks])]
    of_whole = balls(case)
    for name in (*PARAMETERS, "dx", "dh_0"):
        total = left[name] + right[name]
        allowed = sum(ball[name].rad for ball in (of_whole, *of_parts))
        allowed = allowed + Unit.of(total.dtype).rounding(np.abs(total), 1)
        assert np.all(np.abs(whole[name] - total) <= allowed), name


@given(cases(max_steps=4), st.integers(-20, 20))
def test_a_power_of_two_upstream_is_one_downstream_in_every_bit(case, power):
    """Unless something becomes too small for all its digits: then the problem says nothing."""
    dy, dh_n = problem(case)["dy"], problem(case)["dh_n"]
    scale = dy.dtype.type(2.0**power)
    found, theirs = tensors(case), tensors(case, dy=dy * scale, dh_n=dh_n * scale)
    ours = {name: found[name] for name in (*PARAMETERS, "dx", "dh_0")}
    assume(has_all_its_digits(ours))
    assert_same_bits({name: z * scale for name, z in ours.items()}, {name: theirs[name] for name in ours})


@given(cases())
def test_no_upstream_gradient_gives_none(case):
    found = tensors(case, dy=np.zeros_like(problem(case)["dy"]), dh_n=np.zeros_like(case.h_0))
    assert not any(found[name].any() for name in (*PARAMETERS, "dx", "dh_0"))


@given(cases())
def test_leaving_out_dh_n_is_giving_zeros(case):
    zeros = tensors(case, dh_n=np.zeros_like(case.h_0))
    assert_same_bits(tensors(case, dh_n=None), zeros)


# ---------------------------------------------------------------- the activation


def numbers(dtype):
    """From the smallest subnormal to where tanh is 1, and beyond."""
    width = 8 * np.dtype(dtype).itemsize
    anything = (
        st.floats(-1e30, 1e30, width=width, allow_subnormal=True)
        if width == 64
        else st.floats(-(2.0**99), 2.0**99, width=32, allow_subnormal=True)
    )
    return st.one_of(anything, st.floats(-32, 32, width=width), st.floats(-2, 2, width=width))


both = st.sampled_from([np.float64, np.float32]).flatmap(
    lambda dtype: nps.arrays(dtype, st.integers(1, 40), elements=numbers(dtype))
)


@pytest.mark.eq("1.4")
@given(both)
def test_tanh_is_within_four_units_in_the_last_place(a):
    """Judged in longer arithmetic; a way by sigmoid or exponentials is off by thousands near 0."""
    h = phi(a, "tanh")
    assert h.dtype == a.dtype
    exact = np.tanh(a.astype(Unit.of(a.dtype).long))
    assert np.all(np.abs(h - exact) <= 4 * np.spacing(np.abs(exact).astype(a.dtype)))


@pytest.mark.eq("1.4", "1.5")
@given(both)
def test_tanh_is_odd_and_bounded_and_relu_keeps_what_is_positive(a):
    np.testing.assert_array_equal(phi(-a, "tanh"), -phi(a, "tanh"))
    assert np.all(np.abs(phi(a, "tanh")) <= 1)
    np.testing.assert_array_equal(phi(a, "relu"), np.where(a > 0, a, 0))
    np.testing.assert_array_equal(phi(a, "relu") - phi(-a, "relu"), a)


@pytest.mark.eq("3.4")
@given(both)
def test_the_slope_of_tanh_is_that_of_its_own_h(a):
    """1 - h h takes two roundings, of h h and of the difference; dh is multiplied by a third."""
    h = phi(a, "tanh")
    exact = 1 - h.astype(Unit.of(a.dtype).long) ** 2
    found = dphi(np.ones_like(a), h, "tanh")
    assert found.dtype == a.dtype
    assert np.all(
        np.abs(found - exact)
        <= Unit.of(a.dtype).rounding(1 - exact, 1) + Unit.of(a.dtype).rounding(np.abs(exact), 3)
    )


@pytest.mark.eq("3.5")
@given(both, st.sampled_from([0.0, -0.0]))
def test_the_slope_of_relu_is_one_or_none(a, zero):
    """0 at exactly 0, whatever its sign, and 1 at the smallest number above."""
    a[0] = zero
    dh = np.arange(1, len(a) + 1).astype(a.dtype)
    np.testing.assert_array_equal(dphi(dh, phi(a, "relu"), "relu"), np.where(a > 0, dh, 0))


# ---------------------------------------------------------------- what goes in and what comes out


@given(cases())
def test_no_argument_is_changed(case):
    model = case.model
    arrays = [z for z in (*model.params, case.x, case.h_0, case.dy, case.dh_n, case.target) if z is not None]
    before = [z.tobytes() for z in arrays]
    y, _, tape = model.forward(case.x, case.h_0)
    dy = case.dy if case.target is None else en.mse_loss(y, case.target)[1]
    taped = [z.tobytes() for z in (tape.bptt.x, tape.bptt.states)]
    upstream = dy.tobytes()
    model.backward(tape, dy, case.dh_n)
    z, dh = case.x[0], case.h_0
    y_1, h = en.step(model.params, z, dh, model.activation)
    en.step_backward(model.params, z, dh, h, y_1, dh, model.activation)
    assert [z.tobytes() for z in arrays] == before
    assert [z.tobytes() for z in (tape.bptt.x, tape.bptt.states)] == taped
    assert dy.tobytes() == upstream


@given(cases())
def test_the_second_call_equals_the_first(case):
    """Also `backward` twice on one tape, with another problem in between."""
    first = tensors(case)
    _, _, tape = case.model.forward(case.x, case.h_0)
    dy, dh_n = problem(case)["dy"], problem(case)["dh_n"]
    once = case.model.backward(tape, dy, dh_n)
    tensors(case, x=case.x + 1, dy=dy * 2)
    again = case.model.backward(tape, dy, dh_n)
    assert_same_bits(first, tensors(case))
    for a, b in zip([*once[0], *once[1:]], [*again[0], *again[1:]], strict=True):
        np.testing.assert_array_equal(a, b)


@given(cases())
def test_what_comes_out_is_the_callers_own(case):
    """Writing into one result changes no other, nor the tape, nor what the next call returns."""
    expected = tensors(case)
    y, h_n, tape = case.model.forward(case.x, case.h_0)
    y[...], h_n[...] = 7, 7
    grads, dx, dh_0 = case.model.backward(tape, problem(case)["dy"], problem(case)["dh_n"])
    found = {"y": expected["y"], "h_n": expected["h_n"], **{f"d{k}": g for k, g in grads.items()}}
    assert_same_bits(expected, found | {"dx": dx, "dh_0": dh_0})
    dx[...], dh_0[...] = 7, 7
    assert_same_bits(expected, tensors(case))


layouts = {
    "Fortran order": np.asfortranarray,
    "every second entry": lambda z: np.repeat(z, 2, axis=-1)[..., ::2],
    "negative strides": lambda z: np.ascontiguousarray(z[::-1])[::-1],
    "axes swapped": lambda z: np.ascontiguousarray(z.T).T,
    "read-only": lambda z: np.frombuffer(z.tobytes(), z.dtype).reshape(z.shape),
}


@pytest.mark.parametrize("layout", layouts)
@given(case=cases(max_steps=5))
def test_how_an_array_lies_in_memory_does_not_matter(layout, case):
    arguments = problem(case)
    arrays = {name: layouts[layout](arguments[name]) for name in ("x", "h_0", "dy", "dh_n")}
    params = case.model.params.map(layouts[layout])
    theirs = tensors(case, model=changed(case.model, params), **arrays)
    decide(Comparison.of(tensors(case), theirs, balls(case)))


@given(cases())
def test_everything_has_the_dtype_of_the_parameters(case):
    assert {value.dtype for value in tensors(case).values()} == {case.model.dtype}
    _, _, tape = case.model.forward(case.x, case.h_0)
    assert tape.bptt.h.dtype == case.model.dtype
    y, h = en.step(case.model.params, case.x[0], case.h_0, case.model.activation)
    sent = en.step_backward(case.model.params, case.x[0], case.h_0, h, y, h, case.model.activation)
    assert {z.dtype for z in (y, h, sent.grads.w_h, sent.dx, sent.dh_before)} == {case.model.dtype}


@given(cases(dtype=np.float32))
def test_float32_is_float64_to_within_its_own_rounding(case):
    """The precision ladder: both are near the truth, each as near as its dtype allows."""
    arguments = problem(case)
    wide = {name: arguments[name].astype(np.float64) for name in ("x", "h_0", "dy", "dh_n")}
    wide["model"] = changed(case.model, case.model.params.astype(np.float64))
    narrow_balls, wide_balls = balls(case), balls(case, **wide)
    narrow, wide = tensors(case), tensors(case, **wide)
    for name, value in narrow.items():
        allowed = narrow_balls[name].rad + wide_balls[name].rad
        assert np.all(np.abs(value - wide[name]) <= allowed), name
        assert np.all(np.abs(wide[name] - wide_balls[name].mid) <= wide_balls[name].rad), name


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("truncation", [{}, {"reset_every": 2}, {"chunk": 2}])
@pytest.mark.parametrize(("steps", "batch"), [(0, 3), (4, 0), (0, 0)])
def test_without_steps_or_rows_the_sums_are_zero(steps, batch, truncation, activation, dtype):
    """T = 0: h_n is h_0 and dh_0 is dh_n. B = 0: everything is empty or 0."""
    rng = np.random.default_rng(0)
    params = en.init_parameters(2, 3, 2, dtype=dtype, rng=0)
    x, dy = rng.standard_normal((2, steps, batch, 2)).astype(dtype)
    h_0, dh_n = rng.standard_normal((2, batch, 3)).astype(dtype)
    y, h_n, tape = en.forward(params, x, h_0, activation=activation, **truncation)
    grads, dx, dh_0 = en.backward(tape, dy, dh_n)
    assert (y.shape, dx.shape, h_n.shape, dh_0.shape) == (dy.shape, x.shape, h_0.shape, h_0.shape)
    assert {z.dtype for z in (y, h_n, dx, dh_0, *grads)} == {np.dtype(dtype)}
    assert not any(g.any() for g in grads)
    if steps == 0:
        np.testing.assert_array_equal(h_n, h_0)
        np.testing.assert_array_equal(dh_0, dh_n)


# ---------------------------------------------------------------- NaN and infinity


@pytest.mark.eq(*FORWARD, *BACKWARD)
@given(
    cases(),
    st.sampled_from([np.nan, np.inf, -np.inf]),
    st.sampled_from(["w_x", "w_h", "b_h", "w_y", "b_y", "x", "h_0", "dy", "dh_n"]),
    st.data(),
)
def test_nan_and_infinity_are_where_pytorch_has_them(case, value, place, data):
    arguments = problem(case)
    params = dict(case.model.params.items())
    array = (params[place] if place in params else arguments[place]).copy()
    index = tuple(data.draw(st.integers(0, size - 1)) for size in array.shape)
    array[index] = value
    if place in params:
        arguments["model"] = changed(case.model, en.Parameters(**params | {place: array}))
    else:
        arguments[place] = array
    spoilt = Case(**arguments)
    with np.errstate(all="ignore"):
        ours, our_steps = numpy_solution(spoilt)
        theirs, their_steps = torch_solution(et.ElmanRNN.from_numpy(spoilt.model), spoilt)
        slopes = [dphi(np.ones_like(h), h, case.model.activation) for h in (our_steps["h"], their_steps["h"])]
    if not np.array_equal(*(slope == 0 for slope in slopes)):
        undecided("one rounding makes a slope 0, and infinity times 0 is NaN")
    odd = {name: ~(np.isfinite(found) & np.isfinite(theirs[name])) for name, found in ours.items()}
    assert_same(*({name: np.where(odd[name], z[name], 0) for name in odd} for z in (ours, theirs)))


@pytest.mark.eq("9.1", "9.2", "9.3", "1.3", "3.6", "3.7")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("place", ["w_x", "w_h", "w_y", "x", "h_0", "dy", "dh_n"])
@pytest.mark.parametrize("sizes", list(itertools.product((1, 2), (1, 3), (1, 4), (1, 2))), ids=str)
def test_nothing_is_left_out_of_a_product_with_a_single_zero(sizes, place, dtype):
    """0 times NaN and 0 times infinity are NaN; `np.dot` of (1, 1) and (1, 2) arrays says 0."""
    inputs, batch, hidden, outputs = sizes
    shapes = {"w_x": (hidden, inputs), "w_h": (hidden, hidden), "b_h": (hidden,), "w_y": (outputs, hidden)}
    shapes |= {"b_y": (outputs,), "x": (1, batch, inputs), "h_0": (batch, hidden), "dy": (1, batch, outputs)}
    zeros = {name: np.zeros(shape, dtype) for name, shape in shapes.items()} | {
        "dh_n": np.zeros((batch, hidden), dtype)
    }
    for value in (np.nan, np.inf):
        arrays = zeros | {place: np.full_like(zeros[place], value)}
        arrays[place].flat[1:] = 1
        model = en.ElmanRNN.from_params(en.Parameters(*list(arrays.values())[:5]), activation="relu")
        given = (arrays["x"], arrays["h_0"], None, arrays["dy"], arrays["dh_n"])
        ours = numpy_tensors(model, *given)
        with np.errstate(invalid="ignore"):
            cell = cell_tensors(en, Case(model, *given[:2], *given[3:], None))
        theirs = torch_tensors(et.ElmanRNN.from_numpy(model), *given)
        assert_same(ours, theirs)
        assert_same(ours, cell)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_no_product_warns_of_an_invalid_value(dtype):
    """A flag of BLAS says nothing: OpenBLAS may raise it for finite arrays. Here it is raised with reason."""
    ones = np.ones((2, 2), dtype)
    params = en.Parameters(ones, ones, ones[0], ones, ones[0])
    tape = en.bptt.forward(params, ones[None], ones, activation="relu")[2]
    bad = np.array([[np.inf, -np.inf], [1, 1]], dtype)  # a sum of both is no number
    for call in (en.bptt.backward, en.bptt.parameter_gradients, en.bptt.state_gradients):
        with np.errstate(invalid="raise"):
            call(tape, bad[None])
    for x, h_0, w_y in ((bad, ones, ones), (ones, bad, ones), (ones, ones, bad)):
        with np.errstate(invalid="raise"):
            en.bptt.forward(en.Parameters(ones, ones, ones[0], w_y, ones[0]), x[None], h_0, activation="relu")


@pytest.mark.eq("3.5")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_nan_in_the_state_has_a_slope_and_poisons_the_gradient(dtype):
    """relu' at NaN is 1, as in PyTorch: a mask of `h > 0` would hide the NaN from dh_0."""
    one = np.ones((1, 1), dtype)
    params = en.Parameters(one, one, one[0], one, one[0])
    x = np.array([[[1]], [[np.nan]], [[1]]], dtype)
    dy = np.ones_like(x)
    arguments = (en.ElmanRNN.from_params(params, activation="relu"), x, one, None, dy, None)
    ours = numpy_tensors(*arguments)
    theirs = torch_tensors(et.ElmanRNN.from_numpy(arguments[0]), *arguments[1:])
    assert_same_bits({k: ours[k] for k in theirs}, theirs)
    assert np.isfinite(ours["dh_0"]).all()
    assert np.isnan(ours["dw_h"]).all()


@pytest.mark.eq("3.5", "3.8")
@pytest.mark.parametrize("truncation", [{}, {"reset_every": 1}, {"chunk": 1}], ids=str)
@pytest.mark.parametrize("upstream", [np.inf, -np.inf, np.nan])
def test_a_unit_that_is_off_passes_nothing_on_whatever_comes(upstream, truncation):
    """Not 0 times infinity: of two units one is on, and one is off."""
    params = en.Parameters(*map(np.array, (
        [[1.0], [1.0]], [[0.0, 0.0], [0.0, 0.0]], [1.0, -1.0], [[1.0, 1.0]], [0.0]
    )))  # fmt: skip
    model = en.ElmanRNN.from_params(params, activation="relu", **truncation)
    x = np.zeros((1, 1, 1))
    _, _, tape = model.forward(x)
    grads, _, _ = model.backward(tape, np.full((1, 1, 1), upstream))
    np.testing.assert_array_equal(grads.b_h, [upstream, 0.0])


@pytest.mark.eq("3.5")
@pytest.mark.parametrize("truncation", [{}, {"reset_every": 3}, {"chunk": 3}], ids=str)
def test_a_state_that_is_no_number_passes_the_gradient_on_as_in_pytorch(truncation):
    x = np.ones((4, 2, 1))
    x[2, 0] = np.nan
    model = en.ElmanRNN(1, 3, 1, activation="relu", rng=0, **truncation)
    y, _, tape = model.forward(x)
    grads, dx, dh_0 = model.backward(tape, np.ones_like(y))
    case = Case(model, x, np.zeros((2, 3)), np.ones_like(y), None, None)
    cell = cell_tensors(en, case)
    for name, value in {"dx": dx, "dh_0": dh_0, **{f"d{n}": g for n, g in grads.items()}}.items():
        np.testing.assert_array_equal(np.isnan(value), np.isnan(cell[name]), err_msg=name)
        known = ~np.isnan(value)
        np.testing.assert_allclose(value[known], cell[name][known], rtol=1e-12, err_msg=name)
    assert np.isfinite(grads.b_h).all()
