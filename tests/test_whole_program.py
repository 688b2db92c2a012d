"""The program on one screen: the file is the page's listing, and its numbers are the package's."""

import runpy
from pathlib import Path

import numpy as np
import pytest

import elman_np as en
import elman_np.__main__

ROOT = Path(__file__).parents[1]
FILE, PRICES = ROOT / "docs" / "whole_program.py", ROOT / "elman_np" / "data" / "splg.csv"
PAGE = (ROOT / "docs" / "whole_program.md").read_text("utf-8")


@pytest.fixture(scope="module")
def program():
    return runpy.run_path(str(FILE))


def test_the_page_shows_the_file():
    listing = FILE.read_text("utf-8")
    assert f"```py\n{listing}```" in PAGE
    assert len(listing.splitlines()) < 85


def test_it_prints_what_the_page_says_and_what_the_package_finds(program, capsys):
    program["main"](str(PRICES))
    printed = capsys.readouterr().out
    assert f"```text\n{printed}```" in PAGE
    close = en.load_splg()["Close"].to_numpy()
    train, validation, _ = en.split(close)
    scaler = en.Scaler.fit(train)
    x, target = en.windows(scaler.transform(train), 20)
    model = en.ElmanRNN(1, 8, 1, rng=0)
    history = en.train(
        model, x, target, optimiser=en.Adam(lr=0.01), epochs=200, batch_size=32, clip_norm=1.0, rng=0
    )
    lines = [f"epoch {epoch:3}  loss {history[epoch - 1].loss:.6f}" for epoch in (1, 10, 100, 200)]
    errors = elman_np.__main__.forecast_errors(
        close, en.forecast(model, scaler, close), len(train), len(train) + len(validation)
    )
    for name in ("Elman network", "tomorrow = today"):
        lines.append(f"{name:16} " + " ".join(f"{error:.3f}" for error in errors[name]))
    assert printed.splitlines() == lines


def test_its_first_parameters_are_the_packages_to_the_bit(program, monkeypatch):
    seen = []

    def train(params, series):
        seen.extend(params)
        return params

    monkeypatch.setitem(program["main"].__globals__, "train", train)
    program["main"](str(PRICES))
    for own, ours in zip(seen, en.init_parameters(1, 8, 1, rng=0), strict=True):
        assert np.array_equal(own, ours)
        assert own.shape == ours.shape
