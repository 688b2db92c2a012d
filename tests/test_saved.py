"""What was trained is kept in a file, whole or not at all, bit for bit, by either backend for the other."""

import errno
import inspect
import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import elman_np as en
import elman_torch as et
from elman_np.files import write_whole
from tests.support.observed import observes
from tests.support.strategies import activations, dtypes, truncations
from tests.support.trainings import CLOSES, SCALER, contents, fresh, go_on

BOTH = pytest.mark.parametrize("backend", [en, et])
NUMBERS = st.floats(width=64)  # NaN and infinity too
EPOCHS = st.builds(en.Epoch, st.integers(1, 2**40), NUMBERS, NUMBERS, st.none() | NUMBERS)
OPTIONS = st.builds(
    en.AdamOptions,
    lr=st.floats(0, 0.1),
    betas=st.tuples(st.floats(0, 0.9), st.floats(0, 0.999)),
    eps=st.floats(1e-12, 1e-3),
    weight_decay=st.floats(0, 0.1),
    decoupled=st.booleans(),
    amsgrad=st.booleans(),
    maximize=st.booleans(),
)


@st.composite
def trained(draw):
    """Something to keep, of either backend: with its state or before the first step, all of it or a part."""
    backend = draw(st.sampled_from([en, et]))
    recurrence = {"activation": draw(activations), **draw(truncations(4))}
    saved = fresh(
        backend, options=draw(OPTIONS), dtype=draw(dtypes), hidden=draw(st.integers(1, 4)), **recurrence
    )
    if draw(st.booleans()):
        go_on(saved, 1)
    histories = st.just(saved.history) | st.builds(en.History, st.lists(EPOCHS, max_size=3))
    return replace(
        saved,
        optimiser=draw(st.sampled_from([None, saved.optimiser])),
        history=draw(st.none() | histories),
        rng=draw(st.sampled_from([None, saved.rng])),
        scaler=draw(st.sampled_from([None, SCALER])),
    )


def backend_of(saved):
    return en if isinstance(saved.model, en.ElmanRNN) else et


@observes("elman_np.save", "path model optimiser history rng scaler")
@observes("elman_torch.save", "path model optimiser history rng scaler")
@observes("elman_np.Saved", "model optimiser history rng scaler")
@observes("elman_np.load", "path")
@observes("elman_torch.load", "path")
@given(trained())
def test_what_one_backend_keeps_both_load_bit_for_bit(saved):
    """And what the other keeps of that is the same file again, byte for byte but for the time in it."""
    expected = contents(saved)
    with tempfile.TemporaryDirectory() as folder:
        first = Path(folder, "first")
        backend_of(saved).save(first, **vars(saved))
        for backend in (en, et):
            loaded = backend.load(str(first))
            assert type(loaded.model) is backend.ElmanRNN
            assert contents(loaded) == expected
            if backend is not backend_of(saved):
                backend.save(Path(folder, "second"), **vars(loaded))
                assert stored(Path(folder, "second")) == stored(first)
    assert contents(saved) == expected


def stored(path):
    with zipfile.ZipFile(path) as archive:
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}


@pytest.mark.parametrize(("begins", "goes_on"), list(product([en, et], repeat=2)))
@pytest.mark.parametrize("options", [en.AdamOptions(lr=0.02), en.AdamOptions(lr=0.02, amsgrad=True)])
def test_a_training_goes_on_from_a_file_to_the_same_bits(begins, goes_on, options, tmp_path):
    """In the backend that goes on: from the file, and from values that were handed over in memory."""
    saved = fresh(begins, options=options)
    go_on(saved, 2)
    begins.save(tmp_path / "kept.npz", **vars(saved))
    loaded = goes_on.load(tmp_path / "kept.npz")
    handed = saved if begins is goes_on else handed_over(saved, options)
    for one in (loaded, handed):
        go_on(one, 4)
    assert contents(loaded) == contents(handed)
    if begins is goes_on:
        whole = fresh(begins, options=options)
        go_on(whole, 4)
        assert contents(loaded) == contents(whole)


def handed_over(saved, options):
    """The same in the other backend, array by array."""
    to = et if backend_of(saved) is en else en
    other = replace(fresh(to, options=options), history=saved.history, rng=saved.rng)
    names = ("w_x", "w_h", "b_h", "w_y", "b_y")
    keys = {"m": "exp_avg", "v": "exp_avg_sq"} | ({"v_max": "max_exp_avg_sq"} if options.amsgrad else {})
    if to is et:
        other.model.load_params(saved.model.params)
        for name in names:
            moments = {
                key: torch.tensor(getattr(getattr(saved.optimiser.state, moment), name))
                for moment, key in keys.items()
            }
            step = torch.tensor(float(saved.optimiser.state.step))
            other.optimiser.state[getattr(other.model, name)] = {"step": step, **moments}
        return other
    other.model.params = saved.model.to_numpy().params
    states = {name: saved.optimiser.state[getattr(saved.model, name)] for name in names}
    moments = [
        en.Parameters(**{name: state[key].numpy() for name, state in states.items()}) for key in keys.values()
    ]
    other.optimiser.state = en.AdamState(int(states["w_x"]["step"]), moments[0], moments[1], moments[-1])
    return other


@BOTH
def test_the_largest_squares_are_kept_although_amsgrad_is_off_meanwhile(backend, tmp_path):
    saved = fresh(en, options=en.AdamOptions(lr=0.02, betas=(0.5, 0.5), amsgrad=True))
    go_on(saved, 3)
    saved.optimiser.options = replace(saved.optimiser.options, amsgrad=False)
    assert not np.array_equal(saved.optimiser.state.v.flat, saved.optimiser.state.v_max.flat)
    en.save(tmp_path / "kept.npz", **vars(saved))
    loaded = backend.load(tmp_path / "kept.npz")
    assert contents(loaded) == contents(saved)
    backend.save(tmp_path / "again.npz", **vars(loaded))
    assert stored(tmp_path / "again.npz") == stored(tmp_path / "kept.npz")


def test_who_only_forecasts_needs_the_path_and_nothing_else(tmp_path):
    saved = fresh(en)
    go_on(saved, 3, callback=lambda epoch: en.save(tmp_path / "kept.npz", **vars(saved)))
    kept = en.load(tmp_path / "kept.npz")
    forecast = en.forecast(kept.model, kept.scaler, CLOSES)
    assert np.array_equal(forecast, en.forecast(saved.model, SCALER, CLOSES))


def test_the_entries_are_those_that_numpy_reads_without_us(tmp_path):
    saved = fresh(et)
    go_on(saved, 2)
    et.save(tmp_path / "kept.npz", **vars(saved))
    with np.load(tmp_path / "kept.npz", allow_pickle=False) as entries:
        assert np.array_equal(entries["w_h"], saved.model.w_h.detach().numpy())
        assert entries["history.loss"].tolist() == [epoch.loss for epoch in saved.history]
        about = json.loads(entries["about"].item())
    assert (about["format"], about["version"], about["adam"]["step"]) == ("elman", 1, 6)


@observes("elman_torch.load", "device")
def test_a_network_is_loaded_onto_a_device(tmp_path, monkeypatch):
    saved = fresh(en)
    go_on(saved, 1)
    en.save(tmp_path / "kept.npz", **vars(saved))
    for device in ("cpu", None):
        loaded = et.load(tmp_path / "kept.npz", device=device)
        assert loaded.model.w_x.device.type == "cpu"
    loaded = et.load(tmp_path / "kept.npz", device="meta")
    assert {p.device.type for p in loaded.model.parameters()} == {"meta"}
    assert {s["exp_avg"].device.type for s in loaded.optimiser.state.values()} == {"meta"}


# ---------------------------------------------------------------- what has no place in the file

FOREIGN = [
    torch.optim.SGD, torch.optim.NAdam, torch.optim.RAdam, torch.optim.Adamax, torch.optim.RMSprop,
    torch.optim.Adagrad, torch.optim.LBFGS,
]  # fmt: skip


@pytest.mark.parametrize("kind", FOREIGN, ids=lambda kind: kind.__name__)
def test_other_optimisers_of_torch_are_refused_by_name(kind, tmp_path):
    model = et.ElmanRNN(rng=0)
    with pytest.raises(
        TypeError, match=f"optimiser: expected torch.optim.Adam or AdamW, got .*{kind.__name__}"
    ):
        et.save(tmp_path / "kept.npz", model, optimiser=kind(model.parameters(), lr=0.1))
    assert list(tmp_path.iterdir()) == []


def some(model):
    return torch.optim.Adam([model.w_x])


def two_groups(model):
    return torch.optim.Adam([{"params": [model.w_x]}, {"params": list(model.parameters())[1:], "lr": 0.1}])


def uneven(model):
    optimiser = torch.optim.Adam(model.parameters())
    model(torch.zeros(3, 1, dtype=torch.float64))[0].sum().backward()
    model.w_x.grad = None
    optimiser.step()
    return optimiser


TORCH = {
    "some parameters": (some, ValueError, "expected all 5 parameters of the model in one group, got 1 in 1"),
    "two groups": (two_groups, ValueError, "expected all 5 .* in one group, got 5 in 2"),
    "a step left out": (uneven, ValueError, "expected as many steps of each parameter"),
    "fused": (lambda m: torch.optim.Adam(m.parameters(), fused=True), TypeError, "expected fused=False"),
    "foreach": (lambda m: torch.optim.Adam(m.parameters(), foreach=True), TypeError, "foreach=False"),
    "capturable": (
        lambda m: torch.optim.Adam(m.parameters(), capturable=True), TypeError, "expected capturable=False"),
    "differentiable": (
        lambda m: torch.optim.Adam(m.parameters(), differentiable=True), TypeError, "differentiable=False"),
    "a tensor": (
        lambda m: torch.optim.Adam(m.parameters(), lr=torch.tensor(0.1)), TypeError,
        "^optimiser: expected plain numbers as lr and betas, got a tensor$"),
    "a class": (lambda m: torch.optim.Adam, TypeError, "got the class torch.optim.adam.Adam"),
    "of elman_np": (lambda m: en.Adam(), TypeError, "got elman_np.Adam"),
    "another model's": (
        lambda m: torch.optim.Adam(et.ElmanRNN(rng=0).parameters()), ValueError, "got 5 of 5 from elsewhere"),
}  # fmt: skip


@pytest.mark.parametrize("misuse", TORCH)
def test_what_only_torchs_adam_has_is_refused(misuse, tmp_path):
    make, error, message = TORCH[misuse]
    model = et.ElmanRNN(rng=0)
    with pytest.raises(error, match=message):
        et.save(tmp_path / "kept.npz", model, optimiser=make(model))
    assert list(tmp_path.iterdir()) == []


KINDS = {
    "a network of the other backend": (
        lambda b: {"model": (et if b is en else en).ElmanRNN(rng=0)},
        "model: expected elman_.*ElmanRNN, got elman_"),
    "a class": (lambda b: {"model": b.ElmanRNN}, "model: expected .*, got the class elman_"),
    "a seed": (lambda b: {"rng": 0}, "rng: expected numpy.random.Generator, got int"),
    "another generator": (
        lambda b: {"rng": np.random.Generator(np.random.MT19937(0))},
        "expected a generator of PCG64, .* MT19937"),
    "a list": (lambda b: {"history": []}, "history: expected elman_np.History, got list"),
    "a pair": (lambda b: {"scaler": (0.0, 1.0)}, "scaler: expected elman_np.Scaler, got tuple"),
    "numbers for epochs": (
        lambda b: {"history": en.History([1, 2])}, r"history\[0\]: expected elman_np.Epoch, got int"),
    "half an epoch": (
        lambda b: {"history": en.History([en.Epoch(1, 1.0, 1.0, None), en.Epoch(1.5, 1.0, 1.0, None)])},
        r"history\[1\].epoch: expected an integer, got 1.5"),
    "an epoch without a loss": (
        lambda b: {"history": en.History([en.Epoch(1, None, 1.0, None)])},
        r"history\[0\].loss: expected a number, got None"),
}  # fmt: skip


@BOTH
@pytest.mark.parametrize("misuse", KINDS)
def test_what_is_of_another_kind_is_refused_and_nothing_is_written(backend, misuse, tmp_path):
    change, message = KINDS[misuse]
    place = tmp_path / "kept.npz"
    place.write_bytes(b"old")
    with pytest.raises(TypeError, match=message):
        backend.save(place, **{"model": backend.ElmanRNN(rng=0)} | change(backend))
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


@BOTH
def test_what_load_would_refuse_does_not_take_the_place_of_what_it_takes(backend, tmp_path):
    place, model = tmp_path / "kept.npz", backend.ElmanRNN(rng=0)
    place.write_bytes(b"old")
    with pytest.raises(ValueError, match="epoch: expected 1 or more, got 0"):
        backend.save(place, model, history=en.History([en.Epoch(0, 1.0, 1.0, None)]))
    saved = fresh(en)
    go_on(saved, 1)
    good = saved.optimiser.state
    for change, message in (
        ({"step": 2**53}, "adam.step: expected 0 or more and less than"),
        ({"v": good.v.map(np.negative)}, "adam.v: expected means of squares"),
        ({"v_max": good.v.map(np.negative)}, "adam.v_max: expected means of squares"),
    ):
        saved.optimiser.state = replace(good, **change)
        with pytest.raises(ValueError, match=message):
            en.save(place, saved.model, optimiser=saved.optimiser)
    saved.optimiser.state = 3
    with pytest.raises(TypeError, match=r"optimiser.state: expected elman_np.AdamState, got int"):
        en.save(place, saved.model, optimiser=saved.optimiser)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


@pytest.mark.parametrize("backend", [en, et])
def test_a_history_comes_back_to_the_bit(backend, tmp_path):
    """Losses of 0, no validation here and there, numbers that no short decimal has."""
    numbers = [0.0, 5e-324, 0.1 + 0.2, 1e300, 1.0, 1 + 2**-52, 1e-17, 2 / 3]
    epochs = [
        en.Epoch(3 * n + 1, loss, norm, judged)
        for n, (loss, norm, judged) in enumerate(
            zip(numbers, numbers[::-1], [None, 0.0, 1e-300, None, 0.0, 1 / 3, 0.0, None], strict=True)
        )
    ]
    backend.save(tmp_path / "kept", backend.ElmanRNN(rng=0), history=en.History(epochs))
    found = backend.load(tmp_path / "kept").history
    assert list(found) == epochs
    assert repr(list(found)) == repr(epochs)


def test_a_frozen_network_is_kept_with_its_optimiser(tmp_path):
    saved = fresh(et)
    go_on(saved, 1)
    saved.model.requires_grad_(False)
    et.save(tmp_path / "kept.npz", **vars(saved))
    assert contents(et.load(tmp_path / "kept.npz")) == contents(saved)


def test_dtypes_that_are_not_for_keeping_are_refused(tmp_path):
    complex_one = en.ElmanRNN.from_params(en.ElmanRNN(rng=0).params.astype(np.complex128))
    with pytest.raises(TypeError, match="model: expected float64 or float32, got complex128"):
        en.save(tmp_path / "kept.npz", complex_one)
    with pytest.raises(TypeError, match=r"expected float64 or float32, got torch\.float16"):
        et.save(tmp_path / "kept.npz", et.ElmanRNN(rng=0, dtype=torch.float16))
    assert list(tmp_path.iterdir()) == []


def test_an_optimiser_of_another_network_is_refused(tmp_path):
    saved, other = fresh(en), fresh(en, hidden=2)
    go_on(other, 1)
    with pytest.raises(ValueError, match=r"optimiser.state.m.w_x: expected shape \(3, 1\)"):
        en.save(tmp_path / "kept.npz", saved.model, optimiser=other.optimiser)


# ---------------------------------------------------------------- whole or not at all


class Broken(Exception):
    pass


@pytest.mark.parametrize("error", [Broken, OSError, KeyboardInterrupt, MemoryError])
def test_a_file_that_cannot_be_written_to_its_end_leaves_the_old_one(error, tmp_path):
    place = tmp_path / "kept.npz"

    def write(file):
        file.write(b"half of it")
        file.flush()
        raise error

    for before in ([], ["kept.npz"]):
        with pytest.raises(error):
            write_whole(place, write)
        assert [path.name for path in tmp_path.iterdir()] == before
        if before:
            assert place.read_bytes() == b"old"
        place.write_bytes(b"old")
    write_whole(place, lambda file: file.write(b"new"))
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("kept.npz", b"new")]


def test_the_error_is_the_first_one_though_the_unfinished_file_is_gone(tmp_path):
    """As where the folder of a network is lost meanwhile."""

    def write(file):
        os.unlink(file.name)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_whole(tmp_path / "kept.npz", write)


def test_what_cannot_be_a_file_is_refused_in_the_systems_words(tmp_path):
    for place, code, said in (
        (tmp_path, errno.EISDIR, tmp_path),
        (tmp_path / "no" / "kept.npz", errno.ENOENT, tmp_path / "no"),
    ):
        with pytest.raises(OSError, match=re.escape(os.strerror(code))) as caught:
            write_whole(place, lambda file: file.write(b"new"))
        assert (caught.value.errno, caught.value.strerror) == (code, os.strerror(code))
        assert caught.value.filename == str(said)


def test_the_data_is_on_the_disk_before_the_name_is(tmp_path, monkeypatch):
    """Else a loss of power could leave the new name for nothing."""
    done = []
    monkeypatch.setattr(
        os, "fsync", lambda descriptor, real=os.fsync: (done.append("fsync"), real(descriptor))
    )
    monkeypatch.setattr(os, "replace", lambda *paths, real=os.replace: (done.append("replace"), real(*paths)))
    write_whole(tmp_path / "kept.npz", lambda file: file.write(b"new"))
    assert done == ["fsync", "replace", *["fsync"] * (os.name == "posix")]


@pytest.mark.skipif(os.name != "posix", reason="links and modes of POSIX")
def test_a_link_stays_a_link_and_others_may_read_as_they_may_any_new_file(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "plain").touch()
    (tmp_path / "link.npz").symlink_to(tmp_path / "far" / "kept.npz")
    en.save(tmp_path / "link.npz", en.ElmanRNN(rng=0))
    assert (tmp_path / "link.npz").is_symlink()
    assert en.load(tmp_path / "far" / "kept.npz").model.hidden_size == 8
    assert (tmp_path / "far" / "kept.npz").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_a_new_file_has_the_mode_of_the_old_one(tmp_path):
    place, modes = tmp_path / "kept.npz", []
    place.touch()
    for mode in (0o600, 0o640, 0o666):
        place.chmod(mode)
        write_whole(place, lambda file: modes.append(os.fstat(file.fileno()).st_mode & 0o777))
        assert place.stat().st_mode & 0o777 == modes.pop() == mode


def test_a_file_that_must_not_be_written_is_not_replaced(tmp_path, monkeypatch):
    """Whoever runs the tests: root may write all."""
    place = tmp_path / "kept.npz"
    place.write_bytes(b"old")
    monkeypatch.setattr(os, "access", lambda path, mode: (path, mode) != (place.resolve(), os.W_OK))
    with pytest.raises(PermissionError, match=r"kept.npz"):
        en.save(place, en.ElmanRNN(rng=0))
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


@BOTH
def test_paths_that_cannot_be_are_errors_of_the_system(backend, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError):
        backend.load(tmp_path / "none.npz")
    with pytest.raises(FileNotFoundError, match=r"no folder'$"):
        backend.save(tmp_path / "no folder" / "kept.npz", backend.ElmanRNN(rng=0))
    monkeypatch.setattr("builtins.open", None)  # for nothing is begun
    for path in (tmp_path, "", "."):
        with pytest.raises(IsADirectoryError):
            backend.save(path, backend.ElmanRNN(rng=0))
    assert list(tmp_path.iterdir()) == []


@BOTH
@pytest.mark.parametrize(
    ("path", "got"), [(None, "None"), (3, "int"), (b"kept.npz", "bytes"), (io.BytesIO(), "_?io.BytesIO")]
)
def test_what_is_no_path_is_refused_by_name(backend, path, got, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for use in (backend.load, lambda path: backend.save(path, backend.ElmanRNN(rng=0))):
        with pytest.raises(TypeError, match=f"^path: expected a text or a path, got {got}$"):
            use(path)
    assert list(tmp_path.iterdir()) == []


def test_decoupled_decay_is_kept_under_each_of_its_names(tmp_path):
    """`AdamW`, or from PyTorch 2.7 on an option of `Adam` too."""
    model = et.ElmanRNN(rng=0)
    options = {"weight_decay": 0.5}
    made = [(torch.optim.Adam(model.parameters(), **options), False),
            (torch.optim.AdamW(model.parameters(), **options), True)]  # fmt: skip
    if "decoupled_weight_decay" in inspect.signature(torch.optim.Adam).parameters:
        made += [
            (torch.optim.Adam(model.parameters(), **options, decoupled_weight_decay=decoupled), decoupled)
            for decoupled in (False, True)
        ]
    for optimiser, decoupled in made:
        et.save(tmp_path / "kept.npz", model, optimiser=optimiser)
        assert en.load(tmp_path / "kept.npz").optimiser.options.decoupled is decoupled


@pytest.mark.parametrize("default", [torch.float32, torch.float64, torch.float16], ids=str)
def test_steps_are_counted_in_the_dtype_in_which_torch_counts_them(default, tmp_path):
    saved = fresh(en)
    go_on(saved, 1)
    en.save(tmp_path / "kept.npz", **vars(saved))
    parameter = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    parameter.grad = torch.ones_like(parameter)
    before = torch.get_default_dtype()
    torch.set_default_dtype(default)
    try:
        optimiser = torch.optim.Adam([parameter])
        optimiser.step()
        loaded = et.load(tmp_path / "kept.npz").optimiser
    finally:
        torch.set_default_dtype(before)
    for state in loaded.state.values():
        assert state["step"].dtype == optimiser.state[parameter]["step"].dtype


def test_steps_that_torch_cannot_count_are_refused(tmp_path):
    saved = fresh(en)
    go_on(saved, 1)
    for step, fits in ((2**24, True), (2**24 + 1, False)):
        saved.optimiser.state = replace(saved.optimiser.state, step=step)
        en.save(tmp_path / "kept.npz", **vars(saved))
        assert en.load(tmp_path / "kept.npz").optimiser.state.step == step
        if fits:
            assert contents(et.load(tmp_path / "kept.npz")) == contents(saved)
        else:
            with pytest.raises(ValueError, match=r"optimiser: expected steps that torch\.float32 can count"):
                et.load(tmp_path / "kept.npz")


# ---------------------------------------------------------------- killed

CHILD = """
import importlib, sys
import numpy as np
import elman_np as en

name, path, epochs = sys.argv[1], sys.argv[2], int(sys.argv[3])
backend = importlib.import_module(name)
x, target = en.windows(np.sin(np.arange(40.0)), 4)
if backend is en:
    model = en.ElmanRNN(1, 3, 1, rng=0)
    optimiser = en.Adam(lr=0.02)
else:
    import torch
    model = backend.ElmanRNN(1, 3, 1, rng=0)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    x, target = torch.from_numpy(x), torch.from_numpy(target)
try:
    kept = backend.load(path)
except FileNotFoundError:
    kept = en.Saved(model, optimiser, en.History(), np.random.default_rng(0))
print("ready", flush=True)

def keep(epoch):
    backend.save(path, **vars(kept))
    print(epoch.epoch, flush=True)

backend.train(kept.model, x, target, optimiser=kept.optimiser, history=kept.history, rng=kept.rng,
              epochs=epochs, batch_size=10, callback=keep)
"""


def train_in_a_process(backend, path, epochs):
    """Start a training that goes on from a file, where it is, and keeps each epoch there."""
    command = [sys.executable, "-c", CHILD, backend.__name__, str(path), str(epochs)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1])
    assert child.stdout.readline() == b"ready\n"
    return child


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
@pytest.mark.parametrize(("backend", "kills"), [(en, 100), (et, 20)])
def test_kills_at_random_moments_lose_no_epoch_that_was_kept_and_tear_no_file(backend, kills, tmp_path):
    """And the end is that of a training that nobody has killed."""
    place, rng, counts = tmp_path / "kept.npz", np.random.default_rng(0), [0]
    for _ in range(kills):
        with train_in_a_process(backend, place, 10**9) as child:
            heard = [int(child.stdout.readline()) for _ in range(rng.integers(1, 4))]
            time.sleep(rng.uniform(0, 0.02))
            child.send_signal(signal.SIGKILL)
        counts.append(len(backend.load(place).history))
        assert counts[-2] < heard[-1] <= counts[-1]
    with train_in_a_process(backend, tmp_path / "undisturbed.npz", counts[-1]) as child:
        child.stdout.read()
    assert contents(backend.load(place)) == contents(backend.load(tmp_path / "undisturbed.npz"))
    left = {path.name for path in tmp_path.iterdir()} - {"kept.npz", "undisturbed.npz"}
    assert all(name.startswith(".kept.npz.") and name.endswith(".part") for name in left)


@pytest.mark.parametrize("umask", [0o077, 0o002, 0o022])
def test_a_new_file_is_as_private_as_the_system_makes_it(umask, tmp_path):
    before = os.umask(umask)
    try:
        en.save(tmp_path / "kept.npz", en.ElmanRNN(rng=0))
    finally:
        os.umask(before)
    assert (tmp_path / "kept.npz").stat().st_mode & 0o777 == 0o666 & ~umask
