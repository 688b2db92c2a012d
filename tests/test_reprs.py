"""What a notebook and a debugger show of a value: a line, and in Jupyter a table."""

import re
from html import unescape

import numpy as np
import polars as pl
import pytest
import torch

import elman_np as en
import elman_torch as et
from elman_np.arrays import check_kind
from elman_np.checking.comparison import Comparison

MODEL = en.ElmanRNN(1, 8, 1, reset_every=2, rng=0)
X, TARGET = np.random.default_rng(0).standard_normal((2, 5, 4, 1))
TAPE = MODEL.forward(X)[2]
COMPARISON = et.compare(MODEL, X, TARGET)
OPTIMISER = en.Adam()
OPTIMISER.step(MODEL.params, MODEL.params)


VALUES = [MODEL.params, TAPE, TAPE.bptt, COMPARISON, MODEL, OPTIMISER]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_shows_itself_in_a_line(value):
    shown = repr(value)
    assert shown.startswith(type(value).__name__)
    assert "\n" not in shown
    assert len(shown) < 220


def test_a_tape_says_what_it_is_of():
    assert "ModelTape(x (5, 4, 1), y (5, 4, 1), Tape(5 steps, batch of 4, " in repr(TAPE)
    assert "activation='tanh', reset_every=2" in repr(TAPE)
    assert "hidden_size=8" in repr(TAPE)


def table(value):
    """Caption, and rows of cells, of the HTML of a value."""
    html = value._repr_html_()
    rows = [re.findall(r"<t[hd]>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", html)]
    (caption,) = re.findall(r"<caption>(.*?)</caption>", html)
    return unescape(caption), [[unescape(cell) for cell in row] for row in rows]


def test_a_comparison_says_its_verdict_and_shows_its_table():
    worst = max(COMPARISON.rows, key=lambda row: row.ratio)
    told = f"agrees, worst obs./bound {worst.ratio:.3g} at {worst.tensor}"
    assert repr(COMPARISON) == f"Comparison(NumPy and PyTorch, 10 tensors: {told})"
    caption, rows = table(COMPARISON)
    assert caption == repr(COMPARISON)
    assert [[cell for cell in row if cell] for row in rows] == [
        re.split(" {2,}", line) for line in str(COMPARISON).splitlines()
    ]


def test_parameters_show_shapes_and_ranges():
    caption, rows = table(MODEL.params)
    assert caption == repr(MODEL.params)
    assert rows[0] == ["array", "shape", "smallest", "largest"]
    assert [row[:2] for row in rows[1:]] == [
        ["w_x", "8 x 1"], ["w_h", "8 x 8"], ["b_h", "8"], ["w_y", "1 x 8"], ["b_y", "1"]
    ]  # fmt: skip
    for row, value in zip(rows[1:], MODEL.params, strict=True):
        low, *_, high = sorted(value.ravel().tolist()) * 2
        assert row[2:] == [f"{low:.4g}", f"{high:.4g}"]


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_parameters_that_are_not_finite_show_it(wrong):
    flat = MODEL.params.flat.copy()
    flat[3] = wrong
    _, rows = table(MODEL.params.like(flat))
    assert str(wrong) in rows[1]
    assert [row[2:] for row in rows[2:]] == [row[2:] for row in table(MODEL.params)[1][2:]]


def test_what_could_be_html_is_text():
    row = COMPARISON.rows[0]
    html = Comparison((type(row)(**vars(row) | {"tensor": "<b>y"}),))._repr_html_()
    assert "<b>y" not in html
    assert "&lt;b&gt;y" in html


KINDS = {
    "None": None,
    "set": {1},
    "float": 1.5,
    "the class int itself": int,
    "the class elman_np.ElmanRNN itself": en.ElmanRNN,
    "elman_np.ElmanRNN": MODEL,
    "elman_np.model.ModelTape": TAPE,
    "re.Pattern": re.compile(""),
    "numpy.random.Generator": np.random.default_rng(0),
    "torch.nn.modules.activation.ReLU": torch.nn.ReLU(),
    "function": table,
    "polars.DataFrame": pl.DataFrame(),
}


@pytest.mark.parametrize(("told", "value"), KINDS.items(), ids=KINDS)
def test_what_is_no_array_is_told_by_its_public_name_and_no_hint_that_does_not_help(told, value):
    hint = "; x.to_numpy() is one" if told == "polars.DataFrame" else ""
    with pytest.raises(TypeError) as caught:
        check_kind("x", value, np.ndarray)
    assert str(caught.value) == f"x: expected numpy.ndarray, got {told}{hint}"


@pytest.mark.parametrize(
    ("losses", "judged", "told"),
    [
        ([], None, "History(no epochs)"),
        ([0.5], None, "History(1 epoch, loss 0.5)"),
        ([0.5, 0.25, 0.125], None, "History(3 epochs, loss 0.5 to 0.125)"),
        ([0.5, 0.125, 0.25], None, "History(3 epochs, loss 0.5 to 0.25)"),
        ([0.25, 0.125, 0.5], None, "History(3 epochs, loss 0.25 to 0.5)"),
        ([0.5, 0.125], 0.75, "History(2 epochs, loss 0.5 to 0.125, validation loss 0.75)"),
    ],
)
def test_a_history_says_where_it_began_and_ended(losses, judged, told):
    assert repr(en.History(en.Epoch(n, loss, 1.0, judged) for n, loss in enumerate(losses, 1))) == told


@pytest.mark.parametrize("count", [1, 9, 10, 11, 12, 300])
def test_of_a_long_history_the_middle_is_left_out(count):
    history = en.History(en.Epoch(n, n / 2, n / 4, None if n % 2 else n / 8) for n in range(1, count + 1))
    whole = [
        [f"{n}", f"{n / 2:.6g}", f"{n / 4:.6g}", "" if n % 2 else f"{n / 8:.6g}"] for n in range(1, count + 1)
    ]
    caption, (headings, *rows) = table(history)
    assert caption == repr(history)
    assert headings == ["epoch", "loss", "grad_norm", "validation_loss"]
    assert rows == (whole if count <= 10 else [*whole[:5], ["…"] * 4, *whole[-4:]])
