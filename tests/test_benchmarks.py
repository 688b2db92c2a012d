"""The benchmarks run, and refuse to compare what was not computed alike. Nothing is said about time here."""

import json
import sys

import numpy as np
import pytest

import elman_torch as et
from tests.benchmarks import agreement, allocation, floor, ladder, pages, picture, start, suite, timing
from tests.benchmarks.__main__ import main
from tests.benchmarks.peers import Jax, Ours, Torch
from tests.benchmarks.problems import SHAPES, Problem, Shape

SMALL = Problem(Shape(4, 3, 2, 5), np.dtype(np.float32))


def test_the_benchmark_runs(tmp_path, capsys):
    assert main(["--smoke", "--calls", "--json", str(tmp_path / "rows.json")]) == 0
    printed = capsys.readouterr().out
    for part in ("NumPy", "all agree", "| geometric mean |", "over its bare calls", "da^T h_before"):
        assert part in printed
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert {row["task"] for row in rows} == {"gradients", "forward", "training step"}
    assert all(
        ratio["low"] <= ratio["median"] <= ratio["high"] for row in rows for ratio in row["peers"].values()
    )


def test_the_ladder_runs(capsys):
    assert ladder.main(["--smoke"]) == 0
    assert all(rung.new in capsys.readouterr().out for rung in ladder.RUNGS[-1:])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not count the pages")
def test_the_cost_of_allocation_is_printed(capsys):
    assert allocation.main(["--smoke"]) == 0
    assert capsys.readouterr().out.count("| 3 2 1 4 | float64 |") == 2  # as it goes, and in the table


def test_the_cost_of_the_import_is_printed(capsys):
    assert start.main(rounds=1) == 0
    assert "elman_np adds" in capsys.readouterr().out


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_wrong_gradient_is_not_timed(rows, monkeypatch):
    """Also where the bound follows only some rows of the batch."""
    steps, _, inputs, hidden = SMALL.shape
    monkeypatch.setattr(agreement, "AFFORDABLE", rows * steps * hidden * (hidden + inputs))
    assert agreement.rows_followed(SMALL) == rows
    assert agreement.check_gradients(SMALL, [Torch(SMALL)]) < 1

    class Wrong(Torch):
        def tensors(self, dy):
            found = super().tensors(dy)
            return found | {self.spoilt: found[self.spoilt] * np.float32(1.001)}

    for Wrong.spoilt in ("y", "h_n", "dw_x", "dw_h", "db_h", "dw_y", "db_y", "dx", "dh_0"):
        with pytest.raises(et.Disagreement):
            agreement.check_gradients(SMALL, [Wrong(SMALL)])


def test_the_parts_of_a_training_step_agree():
    assert agreement.check_training_step(SMALL) < 1


@pytest.mark.parametrize("peer", [Torch, Jax])
def test_a_training_step_moves_both_networks_alike(peer):
    """Beyond the parts: three whole steps, with the loss of each."""
    if peer is Jax:
        pytest.importorskip("jax")
    ours, theirs = Ours(SMALL), peer(SMALL)
    for _ in range(3):
        result = theirs.training_step()
        loss = result.item() if peer is Torch else result[1]
        np.testing.assert_allclose(ours.training_step(), loss, rtol=1e-5)


def test_no_bare_call_is_missing():
    """Their flops are those of the derivation: three products of the forward pass, six of the backward."""
    steps, batch, inputs, hidden = SMALL.shape
    products = {call.formula: call.flops for call in floor.bare_calls(SMALL) if call.formula != "tanh"}
    assert sum(products.values()) == 2 * steps * batch * hidden * 3 * (inputs + hidden + 1)


def test_ratios_are_of_the_same_round():
    times = timing.Times({"a": np.array([1.0, 10.0, 2.0]), "b": np.array([2.0, 20.0, 8.0])})
    assert times.ratio("b", "a") == (2.0, 2.0, 3.0)


def test_pages_get_what_they_ask_for(tmp_path):
    for page in pages.PAGES:
        (tmp_path / page).parent.mkdir(exist_ok=True)
        (tmp_path / page).write_text("before\n<!-- measured: one -->\nold\n<!-- end -->\nafter\n")
    for _ in range(2):
        pages.write({"one": r"| \d |", "two": "x"}, tmp_path)
        for page in pages.PAGES:
            text = (tmp_path / page).read_text()
            assert text == "before\n<!-- measured: one -->\n\n| \\d |\n\n<!-- end -->\nafter\n"


def test_the_picture_has_a_line_for_each_peer(tmp_path):
    ratio = suite.Ratio(2.0, 1.5, 2.5)
    rows = [
        suite.Row("gradients", shape, dtype, 1.0, {"torch": ratio, "jax": ratio}, {})
        for dtype in ("float32", "float64")
        for shape in SHAPES
    ]
    picture.draw(rows, tmp_path / "speed.svg")
    svg = (tmp_path / "speed.svg").read_text()
    assert all(f"var(--{picture.COLOURS[name]})" in svg for name in ("torch", "jax"))
