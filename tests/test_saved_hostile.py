"""Torn, foreign and hostile files: each is refused with what is wrong, and nothing else happens."""

import io
import json
import os
import pickle
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import elman_np as en
import elman_torch as et
from tests.support.trainings import contents, fresh, go_on


def whole():
    saved = fresh(en, options=en.AdamOptions(lr=0.02, amsgrad=True), hidden=2)
    go_on(saved, 2)
    with tempfile.TemporaryDirectory() as folder:
        en.save(Path(folder, "kept.npz"), **vars(saved))
        content = Path(folder, "kept.npz").read_bytes()
        with np.load(io.BytesIO(content)) as entries:
            return saved, content, dict(entries)


SAVED, CONTENT, ENTRIES = whole()
EXPECTED = contents(SAVED)
ABOUT = json.loads(ENTRIES["about"].item())
REFUSAL = "kept.npz: expected a file that elman has saved, whole and not changed; "


def load_bytes(content):
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "kept.npz").write_bytes(content)
        return en.load(Path(folder, "kept.npz"))


def test_the_whole_file_is_right():
    assert contents(load_bytes(CONTENT)) == EXPECTED


def test_a_state_before_the_first_step_is_one():
    """As `AdamState(0, ...)` has it, to begin at moments that are not zero."""
    loaded = load_bytes(with_about(0, "adam", "step"))
    assert loaded.optimiser.state.step == 0
    assert loaded.optimiser.state.m.flat.tobytes() == M.tobytes()


@pytest.mark.parametrize("name", ["w_h", "adam.m", "history.loss"])
def test_a_damaged_entry_is_named(name):
    place = CONTENT.index(ENTRIES[name].tobytes())
    with pytest.raises(ValueError, match=f"{REFUSAL}its entry '{name}.npy' is damaged"):
        load_bytes(CONTENT[:place] + bytes([CONTENT[place] ^ 1]) + CONTENT[place + 1 :])


@given(st.integers(0, len(CONTENT) - 1))
def test_a_torn_file_is_refused(length):
    with pytest.raises(ValueError, match=REFUSAL):
        load_bytes(CONTENT[:length])


def test_entries_that_a_wrong_length_of_a_comment_hides_are_missed():
    """One bit in the list of entries makes those of the history a comment of the one before."""
    content = bytearray(CONTENT)
    first = CONTENT.index(b"history.epoch.npy", CONTENT.index(b"PK\1\2")) - 46
    before = CONTENT.rindex(b"PK\1\2", 0, first)
    end = CONTENT.index(b"PK\5\6")
    content[before + 32 : before + 34] = (end - first).to_bytes(2, "little")
    with pytest.raises(ValueError, match=f"{REFUSAL}it has no entry history.epoch, "):
        load_bytes(bytes(content))


@pytest.mark.parametrize("more", [b"\n", bytes(300)])
def test_what_is_before_or_after_the_file_is_noticed(more):
    for content in (more + CONTENT, CONTENT + more):
        with pytest.raises(ValueError, match=f"{REFUSAL}there is something before or after it"):
            load_bytes(content)


@given(st.integers(0, len(CONTENT) - 1), st.integers(1, 255))
def test_a_changed_byte_is_noticed_or_says_nothing(place, change):
    """Times and flags of the archive are never read; all else has a checksum."""
    content = bytearray(CONTENT)
    content[place] ^= change
    try:
        loaded = load_bytes(bytes(content))
    except ValueError as error:
        assert REFUSAL in str(error)  # noqa: PT017
    else:
        assert contents(loaded) == EXPECTED


def archive(compression=zipfile.ZIP_STORED, *, entries=(), **changes):
    """The file with other entries; None leaves one out."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as made:
        for name, value in ({f"{name}.npy": value for name, value in ENTRIES.items()} | changes).items():
            if value is not None:
                made.writestr(name, value if isinstance(value, bytes) else npy(value))
        for name, value in entries:
            made.writestr(name, value)
    return file.getvalue()


def npy(array):
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asanyarray(array), allow_pickle=True)
    return file.getvalue()


def header(shape, descr="<f8", data=b"", fortran=False):
    """An entry whose header says what it likes."""
    text = f"{{'descr': {descr!r}, 'fortran_order': {fortran}, 'shape': {shape}, }}"
    text += " " * (-(len(text) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + data


def with_about(change, *path):
    """The file whose JSON has another value at a place; a function changes what is there."""
    about = json.loads(json.dumps(ABOUT))
    inner = about
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = change
    return archive(**{"about.npy": np.array(json.dumps(about))})


class Evil:
    def __reduce__(self):
        return os.mkdir, ("harm",)


def pickled():
    return npy(np.array([Evil()], object))


W_X, M = ENTRIES["w_x"], ENTRIES["adam.m"]
P = len(M)
NAMES = ("w_x", "w_h", "b_h", "w_y", "b_y")
BAD = {
    "nothing": (b"", "not a zip file"),
    "a text": (b"Date,Close\n2023-01-03,44.8\n" * 100, "not a zip file"),
    "an array": (npy(W_X), "not a zip file"),
    "a pickle": (pickle.dumps(Evil()), "not a zip file"),
    "an archive of something else": (archive(**{f"{name}.npy": None for name in ENTRIES}), "something else"),
    "weights of torch": (None, "an archive of something else"),
    "an array of objects": (archive(**{"w_x.npy": pickled()}), "Object arrays cannot be loaded"),
    "compressed": (archive(zipfile.ZIP_DEFLATED), "it is compressed"),
    "a bomb": (archive(zipfile.ZIP_DEFLATED, **{"w_x.npy": bytes(10_000_000)}), "it is compressed"),
    "a huge shape": (archive(**{"w_x.npy": header((10**15, 1))}), ""),
    "a shape beyond all": (archive(**{"w_x.npy": header((2**62, 4))}), ""),
    "a huge shape of nothing": (archive(**{"w_x.npy": header((0, 10**15))}), ""),
    "a negative size": (archive(**{"w_x.npy": header((-2, 1), data=bytes(16))}), ""),
    "a shape that is none": (archive(**{"w_x.npy": header((2.0, 1), data=bytes(16))}), ""),
    "a header that is none": (archive(**{"w_x.npy": header("(" * 900)}), ""),
    "no array": (archive(**{"w_x.npy": b"text"}), "its entry 'w_x' is no array"),
    "a duplicate": (None, "an entry is there twice"),
    "no w_x": (archive(**{"w_x.npy": None}), "it has no entry w_x"),
    "no moments": (archive(**{"adam.m.npy": None, "adam.v.npy": None}), "it has no entry adam.m, adam.v"),
    "a column missing": (archive(**{"history.loss.npy": None}), "it has no entry history.loss"),
    "an unknown entry": (archive(**{"more.npy": W_X}), r"do not belong there: \['more.npy'\]"),
    "an entry with another ending": (archive(entries=[("more", npy(W_X))]), "do not belong there"),
    "integers": (archive(**{"w_x.npy": W_X.astype(int)}), "w_x: expected a floating-point array"),
    "complex": (archive(**{f"{name}.npy": ENTRIES[name].astype(complex) for name in NAMES}),
                "expected float64 or float32, got complex128"),
    "mixed dtypes": (archive(**{"w_h.npy": ENTRIES["w_h"].astype("f4")}), "w_h: expected dtype float64"),
    "bytes the other way round": (archive(**{"w_x.npy": W_X.astype(">f8")}), "w_x: expected"),
    "shapes that do not fit": (archive(**{"b_h.npy": np.zeros(3)}), r"b_h: expected shape \(2,\)"),
    "no units": (archive(**{"w_x.npy": np.zeros((0, 1)), "w_h.npy": np.zeros((0, 0)), "b_h.npy": np.zeros(0),
                            "w_y.npy": np.zeros((1, 0))}), "hidden_size: expected 1 or more, got 0"),
    "a short moment": (archive(**{"adam.m.npy": M[1:]}), r"adam.m: expected shape \(\d+,\)"),
    "a moment of another dtype": (archive(**{"adam.v.npy": M.astype("f4")}), "adam.v: expected dtype"),
    "negative squares": (archive(**{"adam.v.npy": -np.ones(P)}), "adam.v: expected means of squares"),
    "epochs that are no numbers": (archive(**{"history.epoch.npy": np.array([1.0, 2.0])}), "expected int64"),
    "an epoch 0": (archive(**{"history.epoch.npy": np.array([0, 1])}), "history.epoch: expected 1 or more"),
    "columns of two lengths": (archive(**{"history.loss.npy": np.zeros(3)}), "history.loss: expected"),
    "about as bytes": (archive(**{"about.npy": np.array(b"{}")}), "about: expected a text"),
    "about as a list": (archive(**{"about.npy": np.array("[1]")}), "about: expected format 'elman'"),
    "no JSON": (archive(**{"about.npy": np.array("{")}), "Expecting property name"),
    "deep JSON": (archive(**{"about.npy": np.array("[" * 100_000)}), ""),
    "another format": (with_about("torch", "format"), "about: expected format 'elman'"),
    "a later version": (with_about(2, "version"), "its format has version 2, and not 1"),
    "a version that counts as one": (with_about(True, "version"), "about.version: expected int, got True"),
    "entries of which it says nothing": (with_about(["w_x"], "entries"), "about.entries: expected w_x, w_h"),
    "entries twice": (with_about([*NAMES, *NAMES], "entries"), "about.entries: expected w_x, w_h"),
    "entries that are no names": (with_about([{}, 1], "entries"), ""),
    "an unknown key": (with_about(1, "more"), "about: expected format, version"),
    "an unknown option": (with_about(1, "adam", "more"), "adam: expected lr"),
    "an unknown activation": (with_about("gelu", "recurrence", "activation"), "gelu"),
    "an activation in a list": (
        with_about(["tanh"], "recurrence", "activation"), "recurrence.activation: expected str"),
    "no steps in a chunk": (with_about(0, "recurrence", "chunk"), "chunk: expected 1 or more"),
    "both truncations": (
        with_about({"activation": "tanh", "chunk": 1, "reset_every": 1}, "recurrence"), "at most one"),
    "true steps": (with_about(True, "recurrence", "chunk"), "recurrence.chunk: expected int or NoneType"),
    "a step count that is NaN": (with_about(float("nan"), "adam", "step"), "adam.step: expected int"),
    "a negative step count": (with_about(-1, "adam", "step"), "adam.step: expected 0 or more"),
    "a step count beyond all": (with_about(10**400, "adam", "step"), "adam.step: expected 0 or more"),
    "moments without a step": (with_about(None, "adam", "step"), "of which it says nothing: adam.m"),
    "a rate that is NaN": (with_about(float("nan"), "adam", "lr"), "lr: expected a finite number"),
    "a negative rate": (with_about(-1.0, "adam", "lr"), "lr: expected a finite number"),
    "a rate in words": (with_about("0.1", "adam", "lr"), "adam.lr: expected float, got '0.1'"),
    "one beta": (with_about([0.9], "adam", "betas"), "adam.betas: expected two floats"),
    "a beta of 1": (with_about([0.9, 1.0], "adam", "betas"), "betas: expected two numbers in"),
    "amsgrad in words": (with_about("no", "adam", "amsgrad"), "adam.amsgrad: expected bool, got 'no'"),
    "a generator beyond its bits": (with_about(2**128, "rng", "state"), "rng.state: expected 0 to"),
    "a negative generator": (with_about(-1, "rng", "inc"), "rng.inc: expected 0 to"),
    "another generator beyond its bits": (with_about(2**128, "rng", "inc"), "rng.inc: expected 0 to"),
    "two halves kept": (with_about(2, "rng", "has_uint32"), "rng.has_uint32: expected 0 to 1"),
    "half a number too long": (with_about(2**32, "rng", "uinteger"), "rng.uinteger: expected 0 to"),
    "half a generator": (with_about({"state": 1}, "rng"), "rng: expected state, inc"),
    "a generator in a list": (with_about([1], "rng"), "about.rng: expected dict or NoneType"),
    "a scaler with words": (with_about("1", "scaler", "mean"), "scaler.mean: expected float or list"),
    "control characters": (with_about("\x1b[2J", "recurrence", "activation"), r"\\x1b"),
}  # fmt: skip


def made(name):
    file = io.BytesIO()
    if name == "weights of torch":
        torch.save({"w_x": torch.zeros(1)}, file)
        return file.getvalue()
    with pytest.warns(UserWarning, match="Duplicate name"):
        return archive(entries=[("w_x.npy", npy(W_X))])


@pytest.mark.parametrize("bad", BAD)
def test_a_foreign_or_hostile_file_is_refused_and_does_no_harm(bad, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content, message = BAD[bad]
    content = made(bad) if content is None else content
    Path("kept.npz").write_bytes(content)
    for backend in (en, et):
        with pytest.raises(ValueError, match=REFUSAL + f".*{message}"):
            backend.load("kept.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["kept.npz"]
    assert Path("kept.npz").read_bytes() == content
