"""A training that is stopped, at whatever line, goes on to the same bits; and what control there is."""

import linecache
import operator
import re
import sys
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import elman_np as en
import elman_torch as et
from elman_np import progress
from tests.support.observed import observes
from tests.support.trainings import contents, fresh, go_on, windows

BOTH = pytest.mark.parametrize("backend", [en, et])
EPOCHS = 4
OURS = tuple(str(Path(package.__file__).parent) for package in (en, et))


class Interrupter:
    """Raises KeyboardInterrupt at the n-th step of our own code, as Ctrl-C may; or counts the steps."""

    def __init__(self, step=None, *, opcodes, only=None):
        self.step, self.count, self.opcodes, self.only = step, 0, opcodes, only

    def __call__(self, frame, event, _):
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        if self.only not in (None, frame.f_code.co_name):
            return None
        if frame.f_code.co_name == "<genexpr>":
            return None  # what is raised while Python closes one that is left early is lost
        if "torch.no_grad()" in linecache.getline(frame.f_code.co_filename, frame.f_lineno or 0):
            return self  # Python looks for signals after calls and at jumps, and not before a block is left
        frame.f_trace_opcodes = self.opcodes
        self.count += 1
        if self.count == self.step:
            raise KeyboardInterrupt
        return self

    def run(self, function):
        before = sys.gettrace()
        sys.settrace(self)
        try:
            function()
        except KeyboardInterrupt:
            return True
        finally:
            sys.settrace(before)
        return False


@cache
def whole(backend):
    saved = fresh(backend)
    go_on(saved, EPOCHS)
    return contents(saved)


OPCODES = {en: True, et: False}  # a training of PyTorch has too many


@cache
def steps_of_two_epochs(backend):
    counter, begun = Interrupter(opcodes=OPCODES[backend]), fresh(backend)
    counter.run(lambda: go_on(begun, 2))
    return counter.count


@BOTH
@given(share=st.floats(0, 1, exclude_max=True))
def test_ctrl_c_at_any_step_undoes_the_epoch_in_progress_and_nothing_else(backend, share):
    """Two of four epochs are broken off somewhere; what is there then is what one or no epoch left."""
    saved, heard = fresh(backend), []
    interrupter = Interrupter(1 + int(share * steps_of_two_epochs(backend)), opcodes=OPCODES[backend])
    interrupter.run(lambda: go_on(saved, 2, callback=heard.append))
    shorter = fresh(backend)
    if saved.history:
        go_on(shorter, len(saved.history))
    assert contents(saved) == contents(shorter)
    assert heard == saved.history[: len(heard)]
    assert len(saved.history) - len(heard) <= 1
    go_on(saved, EPOCHS)
    assert contents(saved) == whole(backend)


def test_ctrl_c_at_every_step_of_the_loop_over_epochs_leaves_all_four_together():
    """Between two instructions, each in turn: the epoch is there with all that it did, or not at all."""
    counter = Interrupter(opcodes=True, only="run_epochs")
    counter.run(lambda: go_on(fresh(en), 2))
    ends = [contents(fresh(en))]
    for epochs in (1, 2):
        shorter = fresh(en)
        go_on(shorter, epochs)
        ends.append(contents(shorter))
    for step in range(1, counter.count + 1):
        saved = fresh(en)
        assert Interrupter(step, opcodes=True, only="run_epochs").run(lambda saved=saved: go_on(saved, 2))
        assert contents(saved) == ends[len(saved.history)]


@observes("elman_np.train", "history epochs")
@observes("elman_torch.train", "history epochs")
@BOTH
@pytest.mark.parametrize("stops", [(1,), (3,), (1, 2, 3), (2, 4, 4)])
def test_epochs_are_the_whole_and_what_history_has_is_done_already(backend, stops):
    saved = fresh(backend)
    for stop in stops:
        assert go_on(saved, stop) is saved.history
        assert [epoch.epoch for epoch in saved.history] == list(range(1, stop + 1))
    go_on(saved, EPOCHS)
    assert contents(saved) == whole(backend)


@BOTH
def test_without_a_history_epochs_are_counted_from_one(backend):
    saved = fresh(backend)
    first, second = go_on(saved, 1, history=None), go_on(saved, 3, history=None)
    assert [epoch.epoch for epoch in first + second] == [1, 1, 2, 3]
    assert [epoch.loss for epoch in first + second] == [
        float.fromhex(e[1]) for e in whole(backend)["history"]
    ]


@BOTH
@pytest.mark.parametrize("word", [True, np.True_, False, np.False_, None, 1, 1.0, "stop", [0]])
def test_a_callback_that_returns_true_stops_and_nothing_else_does(backend, word):
    saved = fresh(backend)
    history = go_on(saved, EPOCHS, callback=lambda epoch: epoch.epoch == 2 and word)
    stopped = word is True or word is np.True_
    assert len(history) == (2 if stopped else EPOCHS)
    go_on(saved, EPOCHS)
    assert contents(saved) == whole(backend)


@BOTH
def test_early_stopping_is_three_lines_of_callback(backend):
    """The validation loss goes down at first; 'patience' of 0 stops when one epoch is no better."""
    losses = [0.9, 0.5, 0.6, 0.55, 0.54, 0.1]
    history = en.History()

    def patient(epoch):
        seen = losses[: epoch.epoch]
        return epoch.epoch - 1 - seen.index(min(seen)) >= 3

    go_on(fresh(backend), 6, history=history, callback=patient)
    assert len(history) == 5


@BOTH
def test_an_error_in_the_callback_keeps_the_epoch(backend):
    saved = fresh(backend)

    def fail(epoch):
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        go_on(saved, EPOCHS, callback=fail)
    assert len(saved.history) == 1
    go_on(saved, EPOCHS)
    assert contents(saved) == whole(backend)


@BOTH
@pytest.mark.parametrize("epochs", [3, EPOCHS])
@pytest.mark.parametrize(
    "data", [{}, {"validation": None}, {"batch_size": None}, {"batch_size": None, "validation": None}]
)
def test_a_training_that_diverged_stands_where_its_last_whole_epoch_ended(backend, data, epochs):
    """A rate of 1e300 in the third epoch, whose last update may ruin it; with the old one, it goes on."""
    saved, shorter = fresh(backend), fresh(backend)
    go_on(shorter, 2, **data)
    go_on(saved, 2, **data)
    set_rate(saved.optimiser, 1e300)
    with np.errstate(all="ignore"), pytest.raises(en.TrainingDiverged, match="epoch 3: the loss is") as stop:
        go_on(saved, epochs, **data)
    assert stop.value.history is saved.history
    set_rate(saved.optimiser, 0.02)
    assert contents(saved) == contents(shorter)
    go_on(saved, EPOCHS, **data)
    go_on(shorter, EPOCHS, **data)
    assert contents(saved) == contents(shorter)


@BOTH
def test_a_validation_loss_that_is_not_finite_ends_the_training(backend):
    saved = fresh(backend)
    before, (x, target) = contents(saved), windows(backend)
    with np.errstate(all="ignore"), pytest.raises(en.TrainingDiverged, match="epoch 1: the loss is inf"):
        go_on(saved, EPOCHS, validation=(x, target + 1e200))
    assert contents(saved) == before


@BOTH
def test_the_network_after_a_divergence_has_a_finite_loss(backend):
    """Of relu, float32 and a rate of 1 nobody knows when; the parameters stay finite, the loss does not."""
    options = en.AdamOptions(lr=1.0)
    saved = fresh(backend, options=options, dtype=np.float32, hidden=8, activation="relu")
    closes = en.load_splg()["Close"].to_numpy().astype("f4")
    x, target = (a[:, ::20] for a in en.windows(closes, 100))
    if backend is et:
        x, target = torch.from_numpy(x), torch.from_numpy(target)
    with np.errstate(all="ignore"), pytest.raises(en.TrainingDiverged):
        backend.train(saved.model, x, target, optimiser=saved.optimiser, epochs=30, history=saved.history)
    with torch.no_grad():
        y = saved.model(x)[0]
    assert np.isfinite(np.asarray(((y - target) ** 2).mean()))


def set_rate(optimiser, lr):
    if isinstance(optimiser, en.Adam):
        optimiser.lr = lr
    else:
        optimiser.param_groups[0]["lr"] = lr


@pytest.mark.parametrize(
    "kind", [torch.optim.SGD, torch.optim.RMSprop, torch.optim.NAdam, torch.optim.Adagrad]
)
def test_other_optimisers_of_torch_are_put_back_too(kind):
    x, target = windows(et)

    def train(epochs, model, optimiser, history, rng):
        model_is_wrong = x.clone()
        if epochs < 0:
            model_is_wrong[0, 40:] = 1e300  # some batches are right before one is not
            epochs = -epochs
        et.train(model, model_is_wrong, target, optimiser=optimiser, epochs=epochs, history=history, rng=rng,
                 batch_size=3)  # fmt: skip

    def begin():
        model = et.ElmanRNN(1, 3, 1, activation="relu", rng=0)
        return model, kind(model.parameters(), lr=1e-3), en.History(), np.random.default_rng(0)

    ends = []
    for broken in (False, True):
        run = begin()
        train(2, *run)
        if broken:
            with pytest.raises(en.TrainingDiverged):
                train(-3, *run)
        train(3, *run)
        ends.append([p.detach().numpy().tobytes() for p in run[0].parameters()])
    assert ends[0] == ends[1]


@observes("elman_np.train", "rng")
@observes("elman_torch.train", "rng")
@BOTH
@pytest.mark.parametrize("kind", [int, np.int64, np.uint8])
def test_a_seed_that_would_draw_the_same_orders_again_is_refused(backend, kind):
    saved, seed = fresh(backend), kind(3)
    go_on(saved, 1, rng=seed)
    before = contents(saved)
    got = re.escape(repr(seed))
    with pytest.raises(
        TypeError, match=rf"rng: expected the Generator that drew the order of the 1 epochs .* got {got}"
    ):
        go_on(saved, 2, rng=seed)
    assert contents(saved) == before


@observes("elman_np.train", "progress")
@observes("elman_torch.train", "progress")
@BOTH
def test_a_bar_shows_on_stderr_how_far_it_is(backend, capsys):
    saved = fresh(backend)
    go_on(saved, 1)
    assert capsys.readouterr() == ("", "")
    go_on(saved, 3, progress=True)
    printed, shown = capsys.readouterr()
    assert printed == ""
    assert "epoch 3/3" in shown
    assert f"loss {saved.history[-1].loss:.6f}" in shown


def test_the_bar_tells_the_time_that_is_gone_and_the_time_that_is_left(monkeypatch, capsys):
    """By a clock of ours: an epoch a second, and 15 to come."""
    clock = SimpleNamespace(time=0.0)
    bar = partial(progress.Progress, get_time=lambda: clock.time)
    monkeypatch.setattr(progress, "Progress", bar)
    with progress.show_progress(0, 20) as show:
        for epoch in range(1, 6):
            clock.time = float(epoch)
            show(epoch, 0.25)
    shown = " ".join(capsys.readouterr().err.split())
    assert re.search(r"epoch 5/20 \S+ elapsed 0:00:05 remaining 0:00:15 loss 0\.250000", shown), shown


@BOTH
def test_where_nothing_is_left_to_do_the_bar_says_so(backend, capsys):
    saved = fresh(backend)
    go_on(saved, 3)
    go_on(saved, 3, progress=True)
    shown = capsys.readouterr().err
    assert "epoch 3/3" in shown
    assert "epoch 0/3" not in shown


# ---------------------------------------------------------------- before the first update


def other_backend(backend):
    return fresh(et if backend is en else en)


def with_state_of(backend, hidden):
    """An optimiser of the right parameters that remembers gradients of another network."""
    other, saved = fresh(backend, hidden=hidden), fresh(backend)
    go_on(other, 1)
    if backend is en:
        saved.optimiser.state = other.optimiser.state
    else:
        for p, q in zip(saved.model.parameters(), other.model.parameters(), strict=True):
            saved.optimiser.state[p] = other.optimiser.state[q]
    return saved


X = {backend: windows(backend) for backend in (en, et)}
SINGLE = {backend: windows(backend, np.float32) for backend in (en, et)}
KIND = {en: "numpy.ndarray", et: "torch.Tensor"}
ADAM = {en: "elman_np.Adam", et: "torch.optim.optimizer.Optimizer"}
CLASS = {en: en.Adam, et: torch.optim.Adam}
REFUSED = {
    "validation of another dtype": (
        lambda backend: {"validation": SINGLE[backend]}, TypeError,
        r"validation\[0\]: expected dtype .*float64"),
    "targets of another dtype": (
        lambda backend: {"validation": (X[backend][0], SINGLE[backend][1])}, TypeError,
        r"validation\[1\]: expected dtype"),
    "a triple": (
        lambda backend: {"validation": (*X[backend], X[backend][0])}, ValueError,
        "validation: expected a pair, windows and targets, got 3 values"),
    "one array": (lambda backend: {"validation": X[backend][0]}, TypeError, "validation: expected a pair"),
    "empty": (lambda backend: {"validation": ()}, ValueError, "validation: expected a pair, .* got 0"),
    "the other backend's windows": (
        lambda backend: {"validation": X[et if backend is en else en]}, TypeError,
        lambda backend: rf"validation\[0\]: expected {KIND[backend]}, got"),
    "no optimiser": (
        lambda backend: {"optimiser": None}, TypeError,
        lambda backend: f"optimiser: expected {ADAM[backend]}, got None"),
    "a class": (
        lambda backend: {"optimiser": CLASS[backend]}, TypeError,
        lambda backend: f"optimiser: expected {ADAM[backend]}, got the class .*Adam itself"),
    "the other backend's optimiser": (
        lambda backend: {"optimiser": other_backend(backend).optimiser}, TypeError,
        lambda backend: f"optimiser: expected {ADAM[backend]}, got .*dam"),
    "no function": (lambda _: {"callback": 3}, TypeError, "callback: expected a function of an Epoch, got 3"),
    "a list": (lambda _: {"history": []}, TypeError, "history: expected elman_np.History, got list"),
    "more epochs than asked for": (
        lambda _: {"history": en.History([en.Epoch(9, 1.0, 1.0, None)])}, ValueError,
        "epochs: expected 9 or more, as history has so many already, got 4"),
}  # fmt: skip


@BOTH
@pytest.mark.parametrize("misuse", REFUSED)
def test_a_misuse_is_refused_by_name_before_anything_changes(backend, misuse):
    change, error, message = REFUSED[misuse]
    saved, asked = fresh(backend), []
    before = contents(saved)
    with pytest.raises(error, match=message if isinstance(message, str) else message(backend)):
        go_on(saved, EPOCHS, **{"callback": asked.append} | change(backend))
    assert contents(saved) == before
    assert asked == []


@pytest.mark.parametrize("moment", ["m", "v", "v_max"])
def test_an_adam_that_knows_other_shapes_is_refused_before_anything_changes(moment):
    saved, other = fresh(en), fresh(en, hidden=2)
    go_on(saved, 1)
    go_on(other, 1)
    state = vars(saved.optimiser.state) | {moment: getattr(other.optimiser.state, moment)}
    saved.optimiser.state = en.AdamState(**state)
    before = saved.model.params
    with pytest.raises(
        ValueError, match=rf"optimiser.state.{moment}.w_x: expected shape \(3, 1\) .* got \(2, 1\)"
    ):
        go_on(saved, EPOCHS)
    assert saved.model.params is before


def test_an_optimiser_of_torch_that_knows_other_shapes_is_refused():
    saved = with_state_of(et, hidden=2)
    with pytest.raises(ValueError, match=r"optimiser.state: exp_avg: expected shape \(3, 1\), got \(2, 1\)"):
        go_on(saved, EPOCHS)


@pytest.mark.parametrize("moment", ["exp_avg", "exp_avg_sq", "max_exp_avg_sq"])
def test_each_moment_of_torchs_optimiser_has_the_shape_of_its_parameter(moment):
    """(1, 1) would broadcast, and train on."""
    saved = fresh(et, options=en.AdamOptions(amsgrad=True))
    go_on(saved, 1)
    saved.optimiser.state[saved.model.w_x][moment] = torch.ones(1, 1, dtype=torch.float64)
    with pytest.raises(
        ValueError, match=rf"optimiser.state: {moment}: expected shape \(3, 1\), got \(1, 1\)"
    ):
        go_on(saved, EPOCHS)


@observes("elman_torch.training.check_optimiser", "optimiser model")
def test_an_optimiser_of_another_model_is_refused():
    """It would never move this one."""
    mine, other = fresh(et), fresh(et)
    with pytest.raises(ValueError, match="expected parameters of this model, got 5 of 5 from elsewhere"):
        go_on(mine, EPOCHS, optimiser=other.optimiser)
    mixed = torch.optim.SGD([mine.model.w_x, other.model.w_h], lr=0.1)
    with pytest.raises(ValueError, match="got 1 of 2 from elsewhere"):
        go_on(mine, EPOCHS, optimiser=mixed)


def test_an_optimiser_of_some_parameters_moves_these():
    saved = fresh(et)
    before = saved.model.to_numpy().params
    go_on(saved, 1, optimiser=torch.optim.SGD([saved.model.w_y], lr=0.1))
    after = saved.model.to_numpy().params
    assert [name for (name, p), q in zip(before.items(), after, strict=True) if not np.array_equal(p, q)] == [
        "w_y"
    ]


def test_windows_on_another_device_are_refused():
    saved = fresh(et)
    x, target = windows(et)
    with pytest.raises(ValueError, match="target: expected device cpu as the model, got meta"):
        et.train(saved.model, x, target.to("meta"), optimiser=saved.optimiser, epochs=1)


# ---------------------------------------------------------------- a history


def epochs(count, validation_loss=None):
    return en.History(en.Epoch(n, 1 / n, 2.0, validation_loss) for n in range(1, count + 1))


@given(st.integers(0, 9), st.slices(9), st.integers(0, 3))
def test_a_history_is_a_list_whose_slices_and_sums_are_histories(count, part, other):
    history, more = epochs(count), epochs(other)
    for found, expected in (
        (history[part], list(history)[part]),
        (history + more, list(history) + list(more)),
        (history + list(more), list(history) + list(more)),
        (list(history) + more, list(history) + list(more)),
        (history.copy(), list(history)),
    ):
        assert type(found) is en.History
        assert list(found) == expected
    assert history.done == count
    if count:
        assert history[-1] == list(history)[-1]
        assert history[part].frame.height == len(list(history)[part])
    with pytest.raises(TypeError):
        operator.add(history, (1,))
    with pytest.raises(TypeError):
        operator.add((1,), history)


def test_a_history_shows_itself_in_a_line_and_in_a_short_table():
    """Two hundred epochs took 18,889 characters."""
    assert repr(epochs(200)) == "History(200 epochs, loss 1 to 0.005)"
    assert repr(epochs(1, 0.25)) == "History(1 epoch, loss 1, validation loss 0.25)"
    assert repr(epochs(0)) == "History(no epochs)"
    html = epochs(200, 0.25)._repr_html_()
    assert len(html) < 1_000
    assert html.count("<tr>") == 11
    for cell in (
        "<th>loss</th>",
        "<td>1</td>",
        "<td>5</td>",
        "<td>197</td>",
        "<td>0.005</td>",
        "<td>0.25</td>",
    ):
        assert cell in html
    assert "<td>6</td>" not in html
    rows = [row.count("<td>") for row in epochs(3)._repr_html_().split("<tr>")[2:]]
    assert rows == [4, 4, 4]
