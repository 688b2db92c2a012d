"""What was trained, kept in a file: by either backend, for either.

The file is one of NumPy's `.npz` archives, without pickles and not compressed:

================================================= ====================================================
entry                                             what
================================================= ====================================================
`about`                                           JSON: the format's version, the names of the other
                                                  entries, the options of the network, of Adam, the
                                                  generator's state, the scaler
`w_x w_h b_h w_y b_y`                             the parameters
`adam.m adam.v`, and `adam.v_max` with `amsgrad`  Adam's state, each as `Parameters.flat`
`history.epoch history.loss history.grad_norm`    a number for each epoch
`history.validated history.validation_loss`       whether an epoch has a validation loss, and that (or 0)
================================================= ====================================================
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from reprlib import repr as short
from typing import Any, BinaryIO, Generic, TypeVar
from zipfile import ZIP_STORED, ZipFile

import numpy as np

from elman_np.adam import Adam, AdamOptions, AdamState, check_state
from elman_np.arrays import REAL, Array, check_count, check_kind, check_number, check_shape, spell_kind
from elman_np.data.series import Scaler
from elman_np.files import write_whole
from elman_np.model import ElmanRNN
from elman_np.parameters import NAMES, Parameters
from elman_np.recurrence import Recurrence
from elman_np.training import Epoch, History

VERSION = 1
MOMENTS = ("m", "v", "v_max")
MOST_STEPS = 2**53
"""Up to here a float counts every step."""
END, END_SIZE = b"PK\5\6", 22
"""How the last record of an archive without a comment begins, and its bytes."""
COLUMNS = {"epoch": np.int64, "loss": float, "grad_norm": float, "validated": bool, "validation_loss": float}
ENTRIES = (
    "about",
    *NAMES,
    *(f"adam.{name}" for name in MOMENTS),
    *(f"history.{name}" for name in COLUMNS),
)
Path = str | os.PathLike[str]
Network = TypeVar("Network")
Optimiser = TypeVar("Optimiser")


@dataclass(frozen=True)
class Saved(Generic[Network, Optimiser]):
    """What `load` found in a file: all that a training goes on from, or that a forecast needs.

    Each but the model is None where `save` was not given it. `save(path, **vars(saved))` writes it again.
    """

    model: Network
    optimiser: Optimiser | None = None
    history: History | None = None
    rng: np.random.Generator | None = None
    """The generator of the order of the windows, as it was after the last epoch."""
    scaler: Scaler | None = None


def save(
    path: Path,
    model: ElmanRNN,
    *,
    optimiser: Adam | None = None,
    history: History | None = None,
    rng: np.random.Generator | None = None,
    scaler: Scaler | None = None,
) -> None:
    """Keep a network, and whatever else is given, in a file that either backend loads, bit for bit.

    For a forecast the model and the scaler are enough. To go on with a training as if it had not been
    stopped, give all that `train` was given, from its callback or after it: then they all stand at the
    end of the same epoch.

    The file is written whole or not at all: until the new one is on the disk, the old one is there.

    Parameters
    ----------
    path : str or path
        Used as it is; `.npz` is usual.
    model : ElmanRNN
        Its parameters and options.
    optimiser : Adam, optional
        Its options and state.
    history : History, optional
    rng : numpy.random.Generator, optional
        The generator that `train` was given, of the kind that `numpy.random.default_rng` makes.
    scaler : Scaler, optional

    Raises
    ------
    TypeError
        If an argument is of another kind, or the network is not float64 or float32.
    ValueError
        If the optimiser knows other shapes, or for anything else that `load` would refuse.
    OSError
        If the file cannot be written.
    """
    _check_path(path)
    check_kind("model", model, ElmanRNN)
    if model.dtype not in REAL:
        raise TypeError(f"model: expected float64 or float32, got {model.dtype}")
    given = {"optimiser": optimiser, "history": history, "rng": rng, "scaler": scaler}
    kinds = {"optimiser": Adam, "history": History, "rng": np.random.Generator, "scaler": Scaler}
    for name, value in given.items():
        if value is not None:
            check_kind(name, value, kinds[name])
    arrays: dict[str, Any] = dict(model.params.items())
    if optimiser is not None and optimiser.state is not None:
        check_state("optimiser.state", optimiser.state, model.params)
        arrays |= _adam_arrays(optimiser.state)
    if history is not None:
        arrays |= _history_arrays(history)
    about = {
        "format": "elman",
        "version": VERSION,
        "entries": list(arrays),
        "recurrence": vars(model.recurrence),
        "adam": None if optimiser is None else _adam_about(optimiser),
        "rng": None if rng is None else _rng_about(rng),
        "scaler": None if scaler is None else _scaler_about(scaler),
    }
    arrays = {"about": np.array(json.dumps(about, allow_nan=False)), **arrays}
    _decode(dict(arrays))  # what could not be loaded must not take the place of what can
    write_whole(path, lambda file: np.savez(file, **arrays))


def load(path: Path) -> Saved[ElmanRNN, Adam]:
    """Load what `save` of either backend has kept.

    Nothing in the file is run, and nothing is changed but what is returned, which is all new.

    Raises
    ------
    OSError
        If there is no such file, or it cannot be opened.
    ValueError
        If it is not a whole file that `save` has written; the message says what is wrong with it.
    TypeError
        If `path` is none.
    """
    _check_path(path)
    with open(path, "rb") as file:
        try:
            return _decode(_read(file))
        except Exception as error:  # whatever zipfile, NumPy or json think of bytes that anyone may have made
            reason = str(error) or type(error).__name__
            raise ValueError(
                f"{os.fspath(path)}: expected a file that elman has saved, whole and not changed; {reason}"
            ) from error


def _check_path(path: object) -> None:
    """Raise TypeError unless `path` is a text or a path."""
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"path: expected a text or a path, got {spell_kind(path)}")


def _read(file: BinaryIO) -> dict[str, Array]:
    """Read all arrays; as nothing is compressed, and each has a name of ours, they cannot grow large."""
    with ZipFile(file) as archive:
        names = archive.namelist()
        if "about.npy" not in names:
            raise ValueError("it is an archive of something else")
        if unknown := sorted(set(names) - {f"{name}.npy" for name in ENTRIES}):
            raise ValueError(f"it has entries that do not belong there: {short(unknown)}")
        if len(set(names)) < len(names):
            raise ValueError("an entry is there twice")
        if any(entry.compress_type != ZIP_STORED for entry in archive.infolist()):
            raise ValueError("it is compressed")
        if damaged := archive.testzip():
            raise ValueError(f"its entry {short(damaged)} is damaged")
        begin = min(entry.header_offset for entry in archive.infolist())
    file.seek(-END_SIZE, os.SEEK_END)
    if begin or not file.read().startswith(END):
        raise ValueError("there is something before or after it")
    file.seek(0)
    with np.load(file, allow_pickle=False) as loaded:
        arrays = {name: loaded[name] for name in loaded.files}
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise ValueError(f"its entry {short(name)} is no array")
    return arrays


def _decode(arrays: dict[str, Array]) -> Saved[ElmanRNN, Adam]:
    """Make everything anew from what was read, or raise; each step takes its entries away."""
    about = _about(arrays)
    model = _model(about["recurrence"], arrays)
    saved = Saved(
        model,
        None if about["adam"] is None else _adam(about["adam"], arrays, model.params),
        _history(arrays),
        None if about["rng"] is None else _rng(about["rng"]),
        None if about["scaler"] is None else _scaler(about["scaler"]),
    )
    if arrays:
        raise ValueError(f"it has entries of which it says nothing: {', '.join(arrays)}")
    return saved


def _about(arrays: dict[str, Array]) -> dict[str, Any]:
    (text,) = _take(arrays, ["about"])
    if text.dtype.kind != "U" or text.ndim:
        raise ValueError(f"about: expected a text, got dtype {text.dtype}, shape {text.shape}")
    about = json.loads(text.item())
    if not isinstance(about, dict) or about.get("format") != "elman":
        raise ValueError("about: expected format 'elman'")
    if about.get("version") != VERSION:
        raise ValueError(f"its format has version {short(about.get('version'))}, and not {VERSION}")
    part = (dict, type(None))
    kinds = {"recurrence": (dict,), "adam": part, "rng": part, "scaler": part}
    _fields("about", about, {"format": (str,), "version": (int,), "entries": (list,), **kinds})
    entries = about["entries"]
    if missing := [name for name in ENTRIES if name in entries and name not in arrays]:
        raise ValueError(f"it has no entry {', '.join(missing)}")
    if sorted(entries) != sorted(arrays):
        raise ValueError(f"about.entries: expected {', '.join(arrays)}, got {short(entries)}")
    return about


def _model(recurrence: dict[str, Any], arrays: dict[str, Array]) -> ElmanRNN:
    steps = (int, type(None))
    _fields("recurrence", recurrence, {"activation": (str,), "reset_every": steps, "chunk": steps})
    params = Parameters(*_take(arrays, NAMES))
    for name, size in zip(("input_size", "hidden_size", "output_size"), params.sizes, strict=True):
        check_count(name, size)
    if params.dtype not in REAL:
        raise ValueError(f"parameters: expected float64 or float32, got {params.dtype}")
    return ElmanRNN.from_params(params, **vars(Recurrence(**recurrence)))


def _adam_about(optimiser: Adam) -> dict[str, Any]:
    step = None if optimiser.state is None else int(optimiser.state.step)
    return {**vars(optimiser.options), "step": step}


def _adam_arrays(state: AdamState) -> dict[str, Array]:
    """Lay out the moments; `v_max` too, unless it is `v` by another name."""
    names = MOMENTS[:2] if state.v_max is state.v else MOMENTS
    return {f"adam.{name}": getattr(state, name).flat for name in names}


def _adam(about: dict[str, Any], arrays: dict[str, Array], params: Parameters) -> Adam:
    kinds = {name: (type(default),) for name, default in vars(AdamOptions()).items()}
    _fields("adam", about, {**kinds, "betas": (list,), "step": (int, type(None))})
    if [type(beta) for beta in about["betas"]] != [float, float]:
        raise ValueError(f"adam.betas: expected two floats, got {short(about['betas'])}")
    step = about.pop("step")
    optimiser = Adam(AdamOptions(**about | {"betas": tuple(about["betas"])}))
    if step is not None:
        if not 0 <= step < MOST_STEPS:
            raise ValueError(f"adam.step: expected 0 or more and less than {MOST_STEPS}, got {short(step)}")
        names = [f"adam.{name}" for name in MOMENTS if name != "v_max" or "adam.v_max" in arrays]
        taken = zip(names, _take(arrays, names), strict=True)
        moments = [_moment(name, array, params) for name, array in taken]
        optimiser.state = AdamState(step, moments[0], moments[1], moments[-1])
    return optimiser


def _moment(name: str, flat: Array, params: Parameters) -> Parameters:
    check_shape(name, flat.shape, params.flat.shape)
    if flat.dtype != params.dtype:
        raise ValueError(f"{name}: expected dtype {params.dtype} as the parameters, got {flat.dtype}")
    if name != "adam.m" and (flat < 0).any():
        raise ValueError(f"{name}: expected means of squares, got a number below 0")
    return params.like(flat)


def _history_arrays(history: History) -> dict[str, Array]:
    for place, e in enumerate(history):
        name = f"history[{place}]"
        check_kind(name, e, Epoch)
        check_count(f"{name}.epoch", e.epoch)
        for field in ("loss", "grad_norm", "validation_loss"):
            if field != "validation_loss" or e.validation_loss is not None:
                check_number(f"{name}.{field}", getattr(e, field), "a number", lambda _: True)
    rows = [
        (e.epoch, e.loss, e.grad_norm, judged is not None, 0.0 if judged is None else judged)
        for e, judged in ((e, e.validation_loss) for e in history)
    ]
    columns = zip(*rows, strict=True) if rows else [()] * len(COLUMNS)
    return {
        f"history.{name}": np.array(values, kind)
        for (name, kind), values in zip(COLUMNS.items(), columns, strict=True)
    }


def _history(arrays: dict[str, Array]) -> History | None:
    names = [f"history.{name}" for name in COLUMNS]
    if not any(name in arrays for name in names):
        return None
    columns = _take(arrays, names)
    for name, column, kind in zip(names, columns, COLUMNS.values(), strict=True):
        if column.dtype != kind or column.shape != (len(columns[0]),):
            raise ValueError(
                f"{name}: expected {np.dtype(kind)} for each epoch, got dtype {column.dtype}, "
                f"shape {column.shape}"
            )
    if (columns[0] < 1).any():
        raise ValueError(f"history.epoch: expected 1 or more, got {columns[0].min()}")
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return History(Epoch(a, loss, norm, judged if known else None) for a, loss, norm, known, judged in rows)


def _rng_about(rng: np.random.Generator) -> dict[str, Any]:
    bits = rng.bit_generator
    if type(bits) is not np.random.PCG64:
        raise TypeError(
            "rng: expected a generator of PCG64, as numpy.random.default_rng makes, got one of "
            f"{type(bits).__name__}"
        )
    state: Any = bits.state
    return {**state["state"], "has_uint32": state["has_uint32"], "uinteger": state["uinteger"]}


def _rng(about: dict[str, Any]) -> np.random.Generator:
    limits = {"state": 2**128, "inc": 2**128, "has_uint32": 2, "uinteger": 2**32}
    _fields("rng", about, dict.fromkeys(limits, (int,)))
    for name, limit in limits.items():
        if not 0 <= about[name] < limit:
            raise ValueError(f"rng.{name}: expected 0 to {limit - 1}, got {short(about[name])}")
    bits, state = np.random.PCG64(0), {name: about.pop(name) for name in ("state", "inc")}
    whole: Any = {"bit_generator": "PCG64", "state": state, **about}
    bits.state = whole
    return np.random.Generator(bits)


def _scaler_about(scaler: Scaler) -> dict[str, Any]:
    return {name: np.asarray(getattr(scaler, name), np.float64).tolist() for name in ("mean", "std")}


def _scaler(about: dict[str, Any]) -> Scaler:
    _fields("scaler", about, dict.fromkeys(("mean", "std"), (float, list)))
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in about.items()}
    return Scaler(**values)


def _take(arrays: dict[str, Array], names: list[str] | tuple[str, ...]) -> list[Array]:
    """Take entries away and return them, or raise if one is missing."""
    if missing := [name for name in names if name not in arrays]:
        raise ValueError(f"it has no entry {', '.join(missing)}")
    return [arrays.pop(name) for name in names]


def _fields(name: str, values: dict[str, Any], kinds: Mapping[str, tuple[type, ...]]) -> None:
    """Raise unless there are exactly these names, with values of these types."""
    if values.keys() != kinds.keys():
        raise ValueError(f"{name}: expected {', '.join(kinds)}, got {short(sorted(values))}")
    for field, kind in kinds.items():
        if type(values[field]) not in kind:
            expected = " or ".join(one.__name__ for one in kind)
            raise ValueError(f"{name}.{field}: expected {expected}, got {short(values[field])}")
