"""The benchmarks run, and refuse to compare what was not computed alike. Nothing is said about time here."""

import json
import re
import sys

import numpy as np
import pytest

import elman_torch as et
from tests.benchmarks import (
    agreement,
    allocation,
    floor,
    ladder,
    notebook,
    pages,
    picture,
    start,
    suite,
    timing,
)
from tests.benchmarks.__main__ import main
from tests.benchmarks.peers import Jax, Ours, Torch
from tests.benchmarks.problems import SHAPES, Problem, Shape

SMALL = Problem(Shape(4, 3, 2, 5), np.dtype(np.float32))


@pytest.mark.slow
def test_the_benchmark_runs(tmp_path, capsys):
    assert main(["--smoke", "--calls", "--json", str(tmp_path / "rows.json")]) == 0
    printed = capsys.readouterr().out
    for part in (
        "NumPy",
        "all agree in 2 of 2 rows",
        "| geometric mean |",
        "over its bare calls",
        "da^T h_before",
    ):
        assert part in printed
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert {row["task"] for row in rows} == {"gradients", "forward", "training step"}
    assert all(
        ratio["low"] <= ratio["median"] <= ratio["high"] for row in rows for ratio in row["peers"].values()
    )


@pytest.mark.slow
def test_the_ladder_runs(capsys):
    assert ladder.main(["--smoke"]) == 0
    assert all(rung.new in capsys.readouterr().out for rung in ladder.RUNGS[-1:])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not count the pages")
def test_the_cost_of_allocation_is_printed(capsys):
    assert allocation.main(["--smoke"]) == 0
    assert capsys.readouterr().out.count("| 3 2 1 4 | float64 |") == 2  # as it goes, and in the table


@pytest.mark.slow
def test_the_cost_of_the_import_is_printed(capsys):
    assert start.main(rounds=1) == 0
    assert "elman_np adds" in capsys.readouterr().out


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_wrong_gradient_is_not_timed(rows, monkeypatch):
    """Also where the bound follows only some rows of the batch."""
    steps, _, inputs, hidden = SMALL.shape
    monkeypatch.setattr(agreement, "AFFORDABLE", rows * steps * hidden * (hidden + inputs))
    assert agreement.rows_followed(SMALL) == rows
    assert agreement.check_gradients(SMALL, [Torch(SMALL)]).ratio < 1

    class Wrong(Torch):
        def tensors(self, dy):
            found = super().tensors(dy)
            return found | {self.spoilt: found[self.spoilt] * np.float32(1.001)}

    for Wrong.spoilt in ("y", "h_n", "dw_x", "dw_h", "db_h", "dw_y", "db_y", "dx", "dh_0"):
        with pytest.raises(et.Disagreement):
            agreement.check_gradients(SMALL, [Wrong(SMALL)])


def test_the_parts_of_a_training_step_agree():
    assert agreement.check_training_step(SMALL).ratio < 1


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


@pytest.fixture
def house(tmp_path):
    """An empty house whose pages ask for two parts."""
    for page in pages.PAGES:
        (tmp_path / page).parent.mkdir(exist_ok=True)
        asked = "".join(f"<!-- measured: {name} -->\nold\n<!-- end -->\n" for name in ("one", "summary"))
        (tmp_path / page).write_text(f"before\n{asked}after\n")
    (tmp_path / "docs" / "figures").mkdir()
    return tmp_path


def test_pages_get_what_they_ask_for(house):
    for _ in range(2):
        pages.write({"one": r"| \d |", "two": "x"}, house)
        for page in pages.PAGES:
            text = (house / page).read_text()
            assert text.startswith(
                "before\n<!-- measured: one -->\n\n| \\d |\n\n<!-- end -->\n<!-- measured: s"
            )


def test_every_machine_keeps_its_own_tables(house):
    """Measured again, a part is replaced on the machine that it was measured on, and nowhere else."""
    pages.keep("B (R), 2 cores", {"one": "| b |", "two": "| x |"}, house)
    pages.keep("A, 1 core", {"one": "| a |"}, house)
    pages.keep("B (R), 2 cores", {"one": "| new |"}, house)
    for page in pages.PAGES:
        text = (house / page).read_text()
        assert "\nOn A, 1 core:\n\n| a |\n\nOn B (R), 2 cores:\n\n| new |\n\n<!-- end -->" in text
        assert "| b |" not in text
    assert pages.records(house)["B (R), 2 cores"]["two"] == "| x |"


def rows_of(*ratios):
    """A row of each task for each of the torch ratios, at growing shapes."""
    return [
        suite.Row(task, shape, "float32", 1.0, {"torch": suite.Ratio(ratio, ratio / 2, 2 * ratio)}, {})
        for task in suite.TASKS
        for shape, ratio in zip(SHAPES, ratios, strict=False)
    ]


def test_what_all_machines_show_is_least_mean_and_most_of_each(house):
    for processor, ratios in {"A": (0.5, 2.0, 8.0), "B": (4.0, 1.0)}.items():
        rows = json.loads(json.dumps(rows_of(*ratios), default=vars))
        pages.keep(processor, {"rows": rows}, house)
        assert list(map(suite.Row.of, rows)) == rows_of(*ratios)
    suite.write_what_all_show(house)
    text = (house / "README.md").read_text()
    for task in suite.TASKS:
        assert (
            f"| {task} | torch | A | 0.50 | 2.00 | 8.00 |\n| {task} | torch | B | 1.00 | 2.00 | 4.00 |"
            in text
        )
    assert (house / "docs" / "figures" / "speed.svg").exists()


def test_the_pages_show_what_is_kept():
    """No table is edited by hand: writing the pages anew changes nothing."""
    kept = {name: list(map(suite.Row.of, one["rows"])) for name, one in pages.records().items()}
    parts = pages.tables() | {"summary": suite.summary(kept), "torch": suite.summary(kept, ("torch",))}
    text = "".join((pages.ROOT / page).read_text() for page in pages.PAGES)
    for name in re.findall("<!-- measured: (.*?) -->", text):
        assert f"<!-- measured: {name} -->\n\n{parts[name]}\n\n<!-- end -->" in text


def test_the_costs_of_allocation_are_divided_as_they_are_shown(monkeypatch):
    monkeypatch.setattr(allocation, "in_new_process", lambda *_, settled: [1.0, 0] if settled else [2.0, 7])
    assert "| 2 | 7 | 1 | 0 | 2.00 |" in allocation.table(SHAPES[:1], 1, 0.0)


def test_the_notebooks_updates_are_timed(capsys, monkeypatch):
    kept = {}
    monkeypatch.setattr(notebook, "keep", lambda processor, parts: kept.update(parts))
    assert notebook.main(["--epochs", "2", "--rounds", "1", "--write"]) == 0
    assert "ElmanRNN and Adam" in capsys.readouterr().out
    assert kept["notebook"].startswith("| 10 updates | seconds | times as fast |")


def test_the_picture_has_panels_for_each_machine_and_a_line_for_each_peer(tmp_path):
    ratio = suite.Ratio(2.0, 1.5, 2.5)
    rows = [
        suite.Row("gradients", shape, dtype, 1.0, {"torch": ratio, "jax": ratio}, {})
        for dtype in ("float32", "float64")
        for shape in SHAPES
    ]
    pictures = []
    for machines in ({"A": rows}, {"A": rows, "B": rows}):
        picture.draw(machines, tmp_path / "speed.svg")
        pictures.append((tmp_path / "speed.svg").read_text())
        assert all(f"var(--{picture.COLOURS[name]})" in pictures[-1] for name in ("torch", "jax"))
    assert [svg.count('id="axes_') for svg in pictures] == [2, 4]
