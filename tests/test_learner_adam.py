"""The checker of someone's Adam: what it poses, and what it says of a program that is wrong where we say."""

import itertools
import re
from types import SimpleNamespace

import numpy as np
import pytest

import elman_np as en
from elman_np.checking.balls import Ball, Unit
from elman_np.checking.learner import AdamStyle, check_adam, optimiser
from elman_np.checking.learner.optimiser import (
    CONVENTIONS,
    FLAGS,
    UPDATES,
    _first_step,
    _like,
    _off,
    attempt,
    cases,
    flat,
    numbers,
    right_ball,
)
from elman_np.checking.learner.style import CannotRunError
from elman_np.checking.mistakes import ADAM
from elman_np.checking.problems import SIZES
from tests.support.rounding import in_radii

UNIT = Unit.of(np.float64)
DECAY = 0.1
POSED = {
    (): [{}, {"lr": 0.1, "betas": (0.5, 0.9), "eps": 1e-3}, {"betas": (0.8, 0.99)}],
    ("weight_decay",): [{"weight_decay": DECAY}],
    ("weight_decay", "decoupled"): [{"weight_decay": DECAY, "decoupled": True}],
    ("amsgrad",): [{"amsgrad": True}],
    ("maximize",): [{"maximize": True}],
    ("weight_decay", "amsgrad"): [{"weight_decay": DECAY, "amsgrad": True}],
    ("weight_decay", "maximize"): [{"weight_decay": DECAY, "maximize": True}],
    ("amsgrad", "maximize"): [{"amsgrad": True, "maximize": True}],
}
"""The options of each case, by those that a program must have for it; one more has all that there are."""
DECLARED = [
    chosen for n in range(5) for chosen in itertools.combinations(FLAGS, n)
    if "decoupled" not in chosen or "weight_decay" in chosen
]  # fmt: skip
PLAIN = AdamStyle()


def ours(spoil=lambda p, update, name, new, old: new, *, ignored=(), style=PLAIN, dtype=None):
    """Return a program: our Adam by the options that it is told, but for those ignored, spoilt by `spoil`."""

    def program(p):
        words = [n for n in ("lr", "betas", "eps", *FLAGS) if n not in ignored]
        adam = en.Adam(en.AdamOptions(**{n: getattr(p, n) for n in words}))
        params, grads = tensors(p.params, style), [tensors(g, style) for g in p.grads]
        for update, g in enumerate(grads, 1):
            new = adam.step(params, g)
            told = {
                n: spoil(p, update, n, z, getattr(params, n)).astype(dtype or z.dtype) for n, z in new.items()
            }
            params = new if dtype is None else new.map(lambda z: z.astype(dtype).astype(z.dtype))
            yield laid_out(told, style)

    return program


@pytest.fixture
def unnamed(monkeypatch):
    """Look for no mistake, which takes longer than all the rest."""
    monkeypatch.setattr(optimiser, "name", lambda *args: [])


SHAPES = {"w_x": (4, 3), "w_h": (4, 4), "b_h": (4,), "w_y": (2, 4), "b_y": (2,)}
"""I = 3, H = 4, O = 2."""


def tensors(value, style):
    """Take parameters as they are laid out."""
    if style.arrays == "list":
        value = dict(zip(SHAPES, value, strict=True))
    elif style.arrays == "one":
        ends = np.cumsum([np.prod(shape) for shape in SHAPES.values()])
        parts = np.split(value, ends[:-1])
        value = {n: z.reshape(shape) for (n, shape), z in zip(SHAPES.items(), parts, strict=True)}
    assert {n: z.shape for n, z in value.items()} == SHAPES
    return en.Parameters(**{n: z.copy() for n, z in value.items()})


def laid_out(named, style):
    """Lay parameters out as they were taken."""
    if style.arrays == "one":
        return np.concatenate([z.ravel() for z in named.values()])
    return named if style.arrays == "dict" else list(named.values())


# ---------------------------------------------------------------- what is posed


@pytest.mark.parametrize("declared", DECLARED, ids=str)
def test_there_is_a_case_for_each_option_that_a_program_has(declared):
    wanted = [one for needed, posed in POSED.items() if {*needed} <= {*declared} for one in posed]
    together = {flag: DECAY if flag == "weight_decay" else True for flag in declared}
    wanted += [] if not together or together in wanted else [together]
    assert [case.options for case in cases(AdamStyle(options=declared))] == wanted


@pytest.mark.parametrize("fixed", [{"lr": 0.5}, {"eps": 1.0, "betas": (0.1, 0.2)}], ids=str)
def test_what_is_fixed_in_a_program_is_the_same_in_every_case(fixed):
    plain = cases(AdamStyle(options=FLAGS))
    for case, one in zip(cases(AdamStyle(options=FLAGS, fixed=fixed)), plain, strict=True):
        assert case.options == {**one.options, **fixed}
        assert all(map(np.array_equal, case.params, one.params))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_gradients_are_of_every_size_by_entry_and_by_turns(dtype):
    posed = cases(AdamStyle(options=FLAGS, dtype=dtype))
    again = cases(AdamStyle(options=FLAGS, dtype=dtype))
    turns = (30, 1, 1e-3, 0, 1e-6, 1, 0, 0, 1e-3, 1)
    for k, (case, same) in enumerate(zip(posed, again, strict=True)):
        assert len(case.grads) == UPDATES == 10
        assert np.array_equal(flat(case.params), flat(same.params))
        assert {z.dtype for z in (*case.params, *case.grads[0], *case.grads[-1])} == {np.dtype(dtype)}
        assert {n: z.shape for n, z in case.params.items()} == SHAPES
        rng = np.random.default_rng(k)
        params = en.init_parameters(3, 4, 2, dtype=np.dtype(dtype), rng=rng)
        size = flat(params.map(lambda p, rng=rng: rng.choice(SIZES, p.shape)))
        assert np.array_equal(flat(case.params), flat(params))
        for update, g in enumerate(case.grads):
            assert np.array_equal(flat(g), flat(same.grads[update]))
            turn = turns[update] if k % 2 else 1
            large = np.abs(flat(g))
            assert np.all(large <= size * turn * 5)
            assert np.any(large >= size * turn / 5)
            assert np.all((large > 0) == (size * turn > 0))
    sizes = {f"{s:g}" for s in SIZES}
    assert {"0", "1e-06"} < sizes
    assert max(SIZES) == 30


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_what_is_right_after_each_update_is_around_what_our_adam_computes(dtype):
    for case in cases(AdamStyle(options=FLAGS, dtype=dtype)):
        ball, adam, params = right_ball(case), en.Adam(en.AdamOptions(**case.options)), case.params
        assert ball.mid.shape == ball.rad.shape == (10, 42)
        for update, grads in enumerate(case.grads):
            params = adam.step(params, grads)
            assert np.all(in_radii(flat(params), ball[update]) <= 1)
        assert len({ball.rad[k].tobytes() for k in range(10)}) == 10


@pytest.mark.parametrize("last", [1, 10])
def test_the_numbers_of_a_mistake_are_those_of_the_updates_that_a_program_shows(last):
    case = cases(AdamStyle())[1]
    run = SimpleNamespace(case=case, tensors={"params": np.zeros((last, 42))})
    found = numbers(run)["params"]
    adam, params, states = en.Adam(en.AdamOptions(**case.options)), case.params, []
    for grads in case.grads:
        params = adam.step(params, grads)
        states.append(flat(params))
    assert np.array_equal(found, np.stack(states)[-last:])
    by_name = {mistake.name: mistake for mistake in ADAM}
    assert not np.allclose(numbers(run, by_name["no correction at all"])["params"], found)


# ---------------------------------------------------------------- right, and what a program is told


@pytest.mark.parametrize("arrays", ["dict", "list", "one"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("options", [(), FLAGS], ids=str)
def test_our_adam_is_right_however_it_is_laid_out(arrays, dtype, options):
    words = {"arrays": arrays, "dtype": dtype, "options": options}
    style = AdamStyle(**words)
    report = check_adam(ours(style=style), subject="mine", **words)
    assert (report.subject, report.verdict, report.status) == ("mine", "right", 0)
    assert [(row.tensor, row.verdict, row.where) for row in report.rows] == [("params", "right", "")]
    assert (report.faults, report.remarks, report.known, report.named, report.names) == ([], [], [], [], [])
    assert report.unchecked == [f"the option {flag}" for flag in FLAGS if flag not in options]
    runs = 11 if options else 3
    assert report.posed == f"{runs} runs of 10 updates, {dtype}, gradients of sizes 30 to 1e-6, and 0"


def test_what_is_fixed_is_not_checked():
    fixed = {"lr": 0.01, "eps": 1e-4}
    report = check_adam(ours(), fixed=fixed, options=FLAGS)
    assert report.verdict == "right"
    assert report.unchecked == ["other values of lr", "other values of eps"]


@pytest.mark.parametrize("name", ["lr", "betas", "eps", *FLAGS])
def test_an_option_that_is_ignored_is_noticed_where_it_is_set(name, unnamed):
    report = check_adam(ours(ignored=(name,)), options=FLAGS)
    default = vars(en.AdamOptions())[name]
    posed = [one for posed in POSED.values() for one in posed]
    posed.append({"weight_decay": DECAY, "amsgrad": True, "maximize": True, "decoupled": True})
    spoilt = [one for one in posed if one.get(name, default) != default]
    lines = [line for line in report.known if line.startswith("wrong only with ")]
    assert report.verdict == "wrong"
    if name != "decoupled":  # without weight decay it changes nothing
        said = "; ".join(", ".join(f"{k}={v}" for k, v in one.items()) for one in spoilt)
        assert lines == [f"wrong only with {said}"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"array": "one"}, "the word 'array' is unknown; known are arrays, options, fixed, dtype"),
        ({"arrays": "set"}, "arrays is 'set'; known are ['dict', 'list', 'one']"),
        ({"dtype": "float16"}, "dtype is 'float16'; known are ['float64', 'float32']"),
        ({"options": ("nesterov",)}, f"options is ('nesterov',); known are {list(FLAGS)}"),
        ({"fixed": {"beta": 1}}, "fixed is {'beta': 1}; known are ['lr', 'betas', 'eps']"),
    ],
)
def test_a_declaration_that_makes_no_sense_is_refused(words, message):
    with pytest.raises(CannotRunError) as caught:
        AdamStyle.of(words)
    assert str(caught.value) == f"ADAM: {message}"
    report = check_adam(ours(), subject="mine", **words)
    assert (report.verdict, report.subject) == ("could not run", "mine")


@pytest.mark.parametrize(("name", "value"), [("lr", 0.5), ("betas", (0.5, 0.75)), ("eps", 0.5)])
def test_what_may_be_fixed_is_one_of_three(name, value):
    assert AdamStyle.of({"fixed": {name: value}}).fixed == {name: value}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"fixed": {"lr": "x"}}, "fixed is {'lr': 'x'}: lr: expected "),
        ({"fixed": {"betas": 0.5}}, "fixed is {'betas': 0.5}: betas: expected "),
        ({"fixed": {"eps": -1.0}}, "fixed is {'eps': -1.0}: eps: expected "),
        ({"fixed": 3}, "fixed is 3; known are ['lr', 'betas', 'eps']"),
        ({"options": 3}, "options is 3; known are ["),
        ({"arrays": ["list"]}, "arrays is ['list']; known are ['dict', 'list', 'one']"),
        ({"dtype": {}}, "dtype is {}; known are ['float64', 'float32']"),
    ],
    ids=str,
)  # fmt: skip
def test_what_a_declaration_says_of_adam_is_looked_at_before_the_work(words, message):
    with pytest.raises(CannotRunError) as caught:
        AdamStyle.of(words)
    assert str(caught.value).startswith(f"ADAM: {message}")


def test_both_betas_are_told_by_themselves_too():
    def program(p):
        assert (p.beta_1, p.beta_2) == p.betas
        yield from ours()(p)

    assert check_adam(program).verdict == "right"


# ---------------------------------------------------------------- wrong, and what is said of it


def test_a_wrong_entry_is_told_with_its_place_its_update_and_its_gradient(unnamed):
    kept = {}

    def spoil(p, update, name, new, old):
        off = np.zeros_like(new)
        if name == "w_y" and update >= 3:
            off[1, 2], off[0, 0] = 0.25, -0.125
        if update == 3 and name == "w_y" and not kept:
            kept.update(yours=new[1, 2] + 0.25, right=new[1, 2], gradient=p.grads[2]["w_y"][1, 2])
        return new + off

    report = check_adam(ours(spoil))
    (row,) = report.rows
    assert (report.verdict, row.verdict) == ("wrong", "wrong")
    assert row.where == (
        f"off by 0.25 at w_y[1, 2] after update 3: yours {kept['yours']:.8g}, right {kept['right']:.8g}, "
        f"gradient {kept['gradient']:.2g} (defaults)"
    )
    assert "right at first, wrong from update 3 on" in report.known


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_what_is_no_number_is_the_worst(odd, unnamed):
    def spoil(p, update, name, new, old):
        new = new + 0.5 * (name == "w_x")
        if name == "b_y" and update == 10 and p.lr == 0.1:
            new[1] = odd
        return new

    assert re.match(r"off by 0.5 at w_x\[\d, \d\] after update 1: ", check_adam(ours(spoil)).rows[0].where)

    def only(p, update, name, new, old):
        return spoil(p, update, name, new, old) - 0.5 * (name == "w_x")

    report = check_adam(ours(only))
    assert re.match(
        r"off by inf at b_y\[1\] after update 10: yours (nan|inf), right -?[\d.]+, ", report.rows[0].where
    )
    assert report.rows[0].where.endswith("(lr=0.1, betas=(0.5, 0.9), eps=0.001)")
    assert "wrong only with lr=0.1, betas=(0.5, 0.9), eps=0.001" in report.known
    assert report.remarks == []
    assert "right at first, wrong from update 10 on" in report.known


@pytest.mark.parametrize(
    ("factor", "said"),
    [(2.0, "2"), (0.5, "0.5"), (-1.0, "-1"), (1.002, "1.002"), (1.0005, None)],
)
def test_the_first_step_is_compared_where_gradients_are_not_small(factor, said, unnamed):
    """Those that are at most 0.01 take no part."""

    def spoil(p, update, name, new, old):
        large = np.abs(p.grads[update - 1][name]) > 0.01
        return old + (new - old) * np.where(large, factor, 1) + (~large & (update > 1))

    lines = [line for line in check_adam(ours(spoil)).known if "first step" in line]
    assert lines == ([f"its first step is {said} times what it should be"] if said else [])


def test_a_first_step_that_is_too_long_in_some_entries_has_no_factor(unnamed):
    def spoil(p, update, name, new, old):
        return old + (new - old) * (2 if name == "w_h" else 1)

    report = check_adam(ours(spoil))
    assert report.verdict == "wrong"
    assert not [line for line in report.known if "first step" in line]
    report = check_adam(lambda p: [*ours(lambda p, update, name, new, old: 2 * new)(p)][-1:])
    assert report.verdict == "wrong"
    assert not [line for line in report.known if "first" in line]


def test_where_all_is_wrong_no_size_is_right_and_no_option_alone_is_named(unnamed):
    report = check_adam(ours(lambda p, update, name, new, old: new + 1))
    assert report.known == ["wrong from the first update on"]


# ---------------------------------------------------------------- which mistake, and what is none


def written_out(denominator, corrected=True):
    """Return an Adam in the plainest form, with this under its fraction."""

    def program(p):
        m, v = ({n: np.zeros_like(z) for n, z in p.params.items()} for _ in range(2))
        params = {n: z.copy() for n, z in p.params.items()}
        for t, grads in enumerate(p.grads, 1):
            for n, g in grads.items():
                m[n] = p.beta_1 * m[n] + (1 - p.beta_1) * g
                v[n] = p.beta_2 * v[n] + (1 - p.beta_2) * g * g
                m_hat = m[n] / (1 - p.beta_1**t) if corrected else m[n]
                params[n] -= p.lr * m_hat / denominator(v[n], 1 - p.beta_2**t, p.eps)
            yield params

    return program


@pytest.mark.parametrize(
    ("convention", "denominator"),
    [
        ("eps inside the root", lambda v, c, eps: np.sqrt(v / c + eps)),
        ("eps before the correction", lambda v, c, eps: (np.sqrt(v) + eps) / np.sqrt(c)),
    ],
)
def test_another_convention_is_a_remark(convention, denominator):
    report = check_adam(written_out(denominator))
    assert (report.verdict, report.status) == ("right, with remarks", 0)
    assert report.remarks == [CONVENTIONS[convention]]
    assert (report.known, report.named, report.names, report.rows[0].where) == ([], [], [], "")
    assert report.rows[0].verdict == "right"
    spoilt = check_adam(ours_changing(written_out(denominator)))
    assert spoilt.verdict == "wrong"
    assert spoilt.remarks == [CONVENTIONS[convention]]


def ours_changing(program):
    """Return the same, which changes a gradient behind us."""

    def changing(p):
        yield from program(p)
        p.grads[3]["b_y"][0] += 1

    return changing


def test_a_mistake_that_we_know_is_named():
    report = check_adam(written_out(lambda v, c, eps: np.sqrt(v) + eps, corrected=False))
    assert (report.verdict, report.names) == ("wrong", ["no correction at all"])
    assert report.remarks == []


def test_a_mistake_beside_another_convention_is_named_with_it():
    """Neither explains a number by itself: that a convention is usual lets it be tried first."""
    report = check_adam(written_out(lambda v, c, eps: (np.sqrt(v) + eps) / np.sqrt(c), corrected=False))
    assert (report.verdict, report.remarks) == ("wrong", [])
    assert report.names == ["eps before the correction", "m not corrected"]


def test_a_changed_gradient_is_a_fault_though_all_numbers_are_right():
    report = check_adam(ours_changing(ours()))
    assert report.verdict == "wrong"
    assert report.faults == ["it changes the gradients that it is given; work on a copy"]
    assert report.rows[0].verdict == "right"


def test_float32_in_every_run_is_a_remark_and_in_one_run_alone_a_difference(unnamed):
    report = check_adam(ours(dtype="float32"))
    assert report.verdict == "right, with remarks"
    assert report.remarks == ["it computes in float32, and is judged by what float32 can do"]
    assert "float32" in report.posed

    def once(p):
        yield from ours(dtype="float32" if p.lr == 0.1 else None)(p)

    assert check_adam(once).verdict == "wrong"
    assert check_adam(ours(dtype="float32"), dtype="float32").verdict == "right"


def test_what_is_undecided_is_neither_right_nor_wrong(monkeypatch):
    judge = optimiser.compare_tensor
    verdicts = iter(["agrees", "undecided", "agrees"])
    monkeypatch.setattr(
        optimiser, "compare_tensor", lambda *args: SimpleNamespace(verdict=next(verdicts), row=judge(*args))
    )
    report = check_adam(ours())
    assert (report.verdict, report.rows[0].verdict) == ("undecided", "undecided")


# ---------------------------------------------------------------- what cannot be judged


@pytest.mark.parametrize(
    ("arrays", "value", "message"),
    [
        ("dict", [1.0], "updates: expected the dict of parameters after each update, got list"),
        ("dict", {"w_x": 1.0}, "updates: expected the dict of parameters after each update, got dict"),
        (
            "list",
            [np.zeros(2)],
            "updates: expected arrays of shapes [(4, 3), (4, 4), (4,), (2, 4), (2,)], got [(2,)]",
        ),
        ("one", np.zeros((42, 1)), "updates: expected arrays of shapes [(42,)], got [(42, 1)]"),
    ],
)
def test_what_is_returned_must_be_laid_out_like_what_is_given(arrays, value, message):
    report = check_adam(lambda p: [value] * 10, arrays=arrays)
    assert (report.verdict, report.status, report.trouble) == ("could not run", 2, message)
    assert report.subject == "updates"


@pytest.mark.parametrize("count", [0, 2, 9, 11])
def test_another_number_of_updates_cannot_be_judged(count):
    report = check_adam(lambda p: [p.params] * count)
    assert report.trouble == (
        f"updates: expected the parameters after each of 10 updates, or after the last, got {count} of them"
    )


def test_the_same_array_after_each_update_cannot_be_judged():
    """Not even where it holds NaN."""
    for value in (0.5, np.nan):
        report = check_adam(lambda p, value=value: [{n: z * value for n, z in p.params.items()}] * 10)
        assert report.trouble.startswith(
            "updates: the parameters after the first and the last update are the same"
        )


def test_of_the_updates_the_first_and_the_last_must_not_be_the_same_and_others_may():
    """With a gradient of zero a program may stand still."""

    def there_and_back(p):
        yield from [{n: z * k for n, z in p.params.items()} for k in (1, 2, 3, 4, 5, 6, 7, 8, 9, 1)]

    def at_last_still(p):
        yield from [{n: z * k for n, z in p.params.items()} for k in (1, 2, 2, 2, 2, 2, 2, 2, 2, 2)]

    assert check_adam(there_and_back).trouble.startswith(
        "updates: the parameters after the first and the last"
    )
    for still in (at_last_still, lambda p: [*at_last_still(p)][::-1]):
        assert check_adam(still).verdict == "wrong"


def test_an_error_is_told_with_the_options_and_its_line():
    def program(p):
        if p.amsgrad:
            raise KeyError("no amsgrad here")
        yield from ours()(p)

    report = check_adam(program, options=FLAGS)
    assert report.verdict == "could not run"
    said = report.trouble.splitlines()
    assert said[0] == "your program raised an error with {'amsgrad': True}:"
    assert said[-1] == "  KeyError: 'no amsgrad here'"
    assert 'raise KeyError("no amsgrad here")' in said[-2]


def test_warnings_of_a_program_are_its_own():
    def program(p):
        np.float64(1) / np.float64(0)
        np.exp(np.float64(1e4))
        yield from ours()(p)

    with np.errstate(all="raise"):
        assert check_adam(program).verdict == "right"


def test_a_run_has_what_was_shown_and_the_balls_of_just_that():
    (case, *_) = cases(AdamStyle())
    run = attempt(ours(), AdamStyle(), case)
    assert run.row.verdict == "agrees"
    assert not run.changed
    assert not run.single
    assert run.tensors["params"].shape == run.balls["params"].mid.shape == (10, 42)
    last = attempt(lambda p: [*ours()(p)][-1:], AdamStyle(), case)
    assert np.array_equal(last.tensors["params"], run.tensors["params"][-1:])
    assert np.array_equal(last.balls["params"].mid, run.balls["params"].mid[-1:])


# ---------------------------------------------------------------- the borders


def a_run(z, right, start=None, gradient=None):
    """Return a run of as many updates as `z` has rows, with radii of 2^-20."""
    z, right = np.array(z, float), np.array(right, float)
    first = np.ones(z.shape[1]) if gradient is None else np.array(gradient, float)
    ball = Ball(right.astype(UNIT.long), np.full(right.shape, 2.0**-20), UNIT)
    case = SimpleNamespace(
        params=[np.zeros(z.shape[1]) if start is None else np.array(start, float)],
        grads=[[first], *([100 * np.ones(z.shape[1])] for _ in range(9))],
    )
    return SimpleNamespace(tensors={"params": z}, balls={"params": ball}, case=case)


def test_an_entry_is_off_beyond_two_radii_and_where_it_is_no_number():
    off = np.array([0, 2, -2, 2.5, -2.5, 3]) * 2.0**-20
    found = _off(a_run([[*(4 + off), np.nan, np.inf]], np.full((1, 8), 4.0)))
    assert found.tolist() == [[False, False, False, True, True, True, True, True]]


def test_a_size_stands_for_the_numbers_within_a_factor_of_20():
    size = np.array([0, 0.05, 0.0501, 1, 19.9, 20, 20.5])
    assert _like(size, 1.0).tolist() == [False, False, True, True, True, False, False]
    assert _like(size, 0.0).tolist() == [True, *[False] * 6]
    assert _like(size, 1.05 / 20).tolist() == [False, True, True, True, False, False, False]
    assert _like(np.array([0.048, 0.0499]), 1.0).tolist() == [False, False]
    assert _like(np.array([1 / 20.5]), 1.0).tolist() == [False]


@pytest.mark.parametrize(
    ("z", "right", "gradient", "said"),
    [
        ([[2, 4], [0, 0]], [[1, 2], [9, 9]], None, "2"),
        ([[2, 4]], [[1, 2]], None, None),  # the last update alone
        ([[2, 4], [0, 0], [0, 0]], [[1, 2], [9, 9], [9, 9]], None, "2"),
        ([[1, 2], [0, 0]], [[1, 2], [9, 9]], None, None),
        ([[1.0008, 2.0016], [0, 0]], [[1, 2], [9, 9]], None, None),
        ([[1.002, 2.004], [0, 0]], [[1, 2], [9, 9]], None, "1.002"),
        ([[2, 4.002], [0, 0]], [[1, 2], [9, 9]], None, "2"),
        ([[2, 4.008], [0, 0]], [[1, 2], [9, 9]], None, None),
        ([[2, 7], [0, 0]], [[1, 2], [9, 9]], None, None),
        ([[2, 7], [0, 0]], [[1, 2], [9, 9]], [0.5, 0.01], "2"),
        ([[2, 7], [0, 0]], [[1, 2], [9, 9]], [0.5, 0.011], None),
        ([[2, 7], [0, 0]], [[1, 2], [9, 9]], [0.01, 0.001], None),
        ([[np.nan, 4], [0, 0]], [[1, 2], [9, 9]], None, None),
        ([[1.0004, 1.0012 * 2], [0, 0]], [[1, 2], [9, 9]], None, None),
        ([[1.0012, 1.0004 * 2], [0, 0]], [[1, 2], [9, 9]], None, "1.001"),
    ],
)
def test_the_first_step_has_one_factor_to_one_in_a_thousand(z, right, gradient, said):
    lines = [f"its first step is {said} times what it should be"] if said else []
    assert _first_step([a_run(z, right, gradient=gradient)]) == lines
    moved = [np.add(z, 3.0), np.add(right, 3.0)]
    if np.isfinite(z).all():
        assert _first_step([a_run(*moved, start=[3.0, 3.0], gradient=gradient)]) == lines


def test_the_names_that_are_remarks_are_those_of_mistakes():
    assert {optimiser.LOSSY, *optimiser.CONVENTIONS} <= {mistake.name for mistake in ADAM}


def test_a_mean_of_squares_in_float32_loses_digits_and_is_not_wrong():
    def program(p):
        (b1, b2), params = p.betas, {name: z.copy() for name, z in p.params.items()}
        m, v = ({name: np.zeros_like(z) for name, z in params.items()} for _ in range(2))
        for step, grads in enumerate(p.grads, 1):
            for name, g in grads.items():
                m[name] = b1 * m[name] + (1 - b1) * g
                v[name] = (b2 * v[name] + (1 - b2) * (g * g)).astype(np.float32).astype(g.dtype)
                root = np.sqrt(v[name]) / np.sqrt(1 - b2**step)
                params[name] = params[name] - p.lr / (1 - b1**step) * m[name] / (root + p.eps)
            yield {name: z.copy() for name, z in params.items()}

    report = check_adam(program, options=())
    assert (report.verdict, report.status) == ("right, with remarks", 0)
    assert report.remarks == ["it loses digits: v kept in float32"]


def adam_but(when, spoil):
    """Return an Adam by its options that spoils them, or its parameters, where `when` holds."""

    def program(p):
        options = {n: getattr(p, n) for n in ("lr", "betas", "eps", *FLAGS)}
        holds = when(SimpleNamespace(**options))
        if holds and isinstance(spoil, dict):
            options |= spoil
        adam, params = en.Adam(en.AdamOptions(**options)), tensors(p.params, EVERY)
        for grads in p.grads:
            params = adam.step(params, tensors(grads, EVERY))
            if holds and not isinstance(spoil, dict):
                params = params.map(lambda z: z * (1 + 2 * p.lr * p.weight_decay))
            yield laid_out(dict(params.items()), EVERY)

    return program


EVERY = AdamStyle.of({"options": FLAGS})


@pytest.mark.parametrize(
    ("when", "spoil"),
    [
        (lambda o: o.decoupled and o.maximize, "the other sign of the decay"),
        (lambda o: o.amsgrad and o.weight_decay, {"amsgrad": False}),
        (lambda o: o.amsgrad and o.maximize, {"amsgrad": False}),
        (lambda o: o.maximize and o.weight_decay and not o.decoupled, {"weight_decay": 0.0}),
        (lambda o: o.decoupled and o.amsgrad, {"amsgrad": False}),
    ],
)
def test_an_option_that_fails_beside_another_is_seen(when, spoil, unnamed):
    assert check_adam(adam_but(when, spoil), options=FLAGS).verdict == "wrong"
    assert check_adam(adam_but(lambda o: False, spoil), options=FLAGS).verdict == "right"


def test_every_two_options_are_met_together():
    met = [{*case.options} for case in optimiser.cases(EVERY)]
    for pair in itertools.combinations(FLAGS, 2):
        assert any({*pair} <= options for options in met), pair
    assert any({*FLAGS} <= options for options in met)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            {"options": ("decoupled",)},
            "options has 'decoupled'; expected 'weight_decay' with it, which it is of",
        ),
        ({"fixed": {"lr": 0.0}}, "fixed has lr=0; expected one that moves the parameters"),
    ],
)
def test_a_declaration_under_which_nothing_could_be_seen_is_refused(words, message):
    with pytest.raises(CannotRunError) as caught:
        AdamStyle.of(words)
    assert str(caught.value) == f"ADAM: {message}"


@pytest.mark.parametrize("spoil", [lambda g: g + 1e-9, lambda g: g * (1 + 1e-9), lambda g: g])
def test_a_gradient_that_is_changed_by_little_is_changed(spoil, unnamed):
    def program(p):
        yield from written_out(lambda v, c, eps: np.sqrt(v / c) + eps)(p)
        for grads in p.grads:
            for name, g in grads.items():
                grads[name][...] = spoil(g)

    untouched = np.array_equal(spoil(np.ones(2)), np.ones(2))
    assert check_adam(program).verdict == ("right" if untouched else "wrong")
