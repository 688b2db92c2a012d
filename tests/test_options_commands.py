"""Each option of the command lines, by what is printed, saved, or handed on."""

import argparse
import io
import math
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from rich.console import Console

import elman_np as en
import elman_np.__main__ as command
from elman_np import commands, notebook, picture
from elman_np.data import yahoo
from elman_torch import notebook as torch_notebook
from tests.support.observed import observes, same
from tests.support.prices import YEAR
from tests.test_notebook import flat

README = Path(__file__).parents[1] / "README.md"
X, TARGET = YEAR[:-1].copy(), YEAR[1:].copy()

# ---------------------------------------------------------------- python -m elman_np

OPTIONS = {
    "start": "2022-06-01",
    "end": "2023-06-01",
    "hidden_size": 3,
    "activation": "relu",
    "length": 11,
    "epochs": 4,
    "batch_size": 9,
    "lr": 0.05,
    "clip_norm": 0.001,
    "seed": 1,
}
LARGE = {
    "start": "2019-05-13",
    "end": "2021-06-01",
    "hidden_size": 70,
    "length": 70,
    "epochs": 2,
    "batch_size": 200,
    "lr": 2.5,
    "clip_norm": 1e9,
    "seed": 2**70,
}
"""What no default comes near."""


class Drawn:
    """What is drawn, in place of a picture."""

    def __init__(self, monkeypatch):
        self.saved = []
        monkeypatch.setattr(picture, "draw_forecast", self.draw)

    def draw(self, *given, **named):
        self.given, self.named = given, named
        return self

    def savefig(self, path, dpi):
        self.saved.append((path, dpi))


def rmse(forecast, close, days):
    """Off by so much on these days, each forecast the day before."""
    squares = [(forecast[day - 1] - close[day]) ** 2 for day in days]
    return math.sqrt(math.fsum(squares) / len(squares))


def by_hand(
    start="2023-01-01", end="2024-01-01", hidden_size=8, activation="tanh", length=20, epochs=3,
    batch_size=32, lr=0.01, clip_norm=1.0, seed=0,
):  # fmt: skip
    """What the command does, from its help; the network's training is proven elsewhere."""
    frame = en.load_splg(start, end)
    close = frame["Close"].to_list()
    train, test = (round(Fraction(share) * len(close)) for share in ("0.7", "0.85"))
    mean, std = np.mean(close[:train]), np.std(close[:train])
    scaled = [(value - mean) / std for value in close[:train]]
    rows = [scaled[n : n + length + 1] for n in range(train - length)]
    both = np.array(rows).T[..., None]
    model = en.ElmanRNN(1, hidden_size, 1, activation=activation, rng=seed)
    history = en.train(
        model, both[:-1].copy(), both[1:].copy(), optimiser=en.Adam(lr=lr), epochs=epochs,
        batch_size=batch_size, clip_norm=clip_norm, rng=seed,
    )  # fmt: skip
    forecast = model((np.array(close) - mean) / std)[0] * std + mean
    parts = (range(1, train), range(train, test), range(test, len(close)))
    errors = {
        "Elman network": [rmse(forecast, close, part) for part in parts],
        "tomorrow = today": [rmse(close, close, part) for part in parts],
        "mean of the training part": [
            rmse([math.fsum(close[:train]) / train] * len(close), close, part) for part in parts
        ],
    }
    return frame, forecast, (train, test), errors, len(rows), history


def printed_errors(text):
    rows = re.findall(r"^[│|] (.*?) +│ +([\d.]+) +│ +([\d.]+) +│ +([\d.]+) +│$", text, re.MULTILINE)
    return {name: numbers for name, *numbers in rows}


def run_command(options, capsys, path="to.png"):
    return run_and_hear(options, capsys, path).out


def run_and_hear(options, capsys, path="to.png"):
    arguments = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    assert command.main([*arguments, "--picture", str(path)]) == 0
    return capsys.readouterr()


@observes("python -m elman_np", "start end hidden_size activation length epochs batch_size lr clip_norm seed")
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(changes, id=" ".join(changes) or "none")
        for changes in ({}, *({option: value} for option, value in OPTIONS.items()), OPTIONS, LARGE,
                        {"epochs": 310, "length": 160})
    ],
)  # fmt: skip
def test_the_command_prints_and_draws_what_its_options_give(changes, capsys, monkeypatch):
    drawn = Drawn(monkeypatch)
    printed, heard = run_and_hear({"epochs": 3} | changes, capsys)
    frame, forecast, borders, errors, count, history = by_hand(**changes)
    assert printed_errors(printed) == {
        name: [f"{error:.3f}" for error in row] for name, row in errors.items()
    }
    length, epochs = changes.get("length", 20), changes.get("epochs", 3)
    sizes = f"1, {changes.get('hidden_size', 8)}, 1, activation='{changes.get('activation', 'tanh')}'"
    first = f"ElmanRNN({sizes}, dtype=float64): {count} windows of {length} days, {epochs} epochs"
    assert printed.startswith(first)
    progress = rf"epoch {epochs}/{epochs} .* loss {history[-1].loss:.6f}$"
    assert re.search(progress, heard, re.MULTILINE)
    assert f"the last {len(frame) - borders[1]} of {len(frame)} days," in printed
    dates, close, drawn_forecast, *drawn_borders = drawn.given
    assert same(dates, frame["Date"].to_numpy())
    assert same(close, frame["Close"].to_numpy())
    assert same(drawn_forecast, forecast, 4)  # the mean in another order of sums: 2 units, and 2 of scaling
    assert tuple(drawn_borders) == borders
    title = "SPLG: an Elman network's forecast of the next close"
    assert drawn.named == {"title": title, "label": "dollars, adjusted"}
    if changes:
        assert printed_errors(printed) != {
            name: [f"{error:.3f}" for error in row] for name, row in by_hand()[3].items()
        }


@observes("python -m elman_np", "picture")
def test_the_picture_is_saved_where_it_should_be_in_the_format_of_its_name(tmp_path, capsys, monkeypatch):
    for name, first in (("a.svg", b"<?xml"), ("b.png", b"\x89PNG")):
        path = tmp_path / name
        printed = run_command({"epochs": 1}, capsys, path)
        assert f"Picture: {path}\n" in printed
        assert path.read_bytes().startswith(first)
    drawn = Drawn(monkeypatch)
    assert command.main(["--epochs", "1"]) == 0
    assert drawn.saved == [(Path("splg.png"), 150)]


@observes("python -m elman_np", "source cached cache_dir")
def test_the_source_is_where_prices_come_from(capsys, monkeypatch):
    Drawn(monkeypatch)
    asked = []

    def times(factor):
        def prices(first, stop, cache_dir):
            asked.append((factor, str(first), str(stop), cache_dir))
            return en.load_splg(first, stop).with_columns(pl.col("Close") * factor)

        return prices

    monkeypatch.setattr(yahoo, "download", times(2))
    monkeypatch.setattr(yahoo, "recall", times(3))
    live = ["--source", "yahoo"]
    ways = [[], ["--source", "bundled"], live, [*live, "--cached"], [*live, "--cache-dir", "here"]]
    today = []
    for way in ways:
        assert command.main(["--epochs", "1", *way]) == 0
        today.append(float(printed_errors(capsys.readouterr().out)["tomorrow = today"][0]))
    # They are printed to three digits.
    assert today == pytest.approx([today[0] * factor for factor in (1, 1, 2, 3, 2)], abs=0.002)
    year = ("2023-01-01", "2024-01-01")
    assert asked == [(2, *year, None), (3, *year, None), (2, *year, Path("here"))]


def test_readmes_table_is_what_the_command_prints(capsys, monkeypatch):
    Drawn(monkeypatch)
    assert command.main([]) == 0
    assert printed_errors(capsys.readouterr().out) == printed_errors(README.read_text(encoding="utf-8"))


# ---------------------------------------------------------------- the notebook, cell by cell


def shown(chosen, package="a package"):
    """Let `show_run` print a run that is known: what training was asked for, and what is printed."""
    asked, trained = {}, en.init_parameters(1, 1, 1, init="normal", rng=9)

    def train(params, x, target, *, callback, **options):
        asked.update(params=params, x=x, target=target, **options)
        for epoch, batch, loss in (
            (1, 0, 1.0), (100, 0, 2.5), (100, 1, 3.0), (150, 0, 4.0), (200, 0, 5.125), (29_900, 0, 0.25)
        ):  # fmt: skip
            callback(notebook.Update(7, epoch, batch, 50, loss))
        return trained

    def predict(params, x):
        if params is notebook.PRINTED:
            return notebook.predict(params, x)
        assert params is trained
        return (x + 1 + np.arange(len(x)) / 1000)[:, None], np.array([0.125])

    lines = []

    class Listening(Console):
        def print(self, text, **_):
            lines.extend(str(text).split("\n"))

    notebook.show_run(Listening(), notebook.Backend(package, train, predict), chosen)
    return asked, trained, lines


HEADINGS = [
    "In [2]  the prices",
    "In [3]  the model",
    "In [4]  inputs and targets",
    "In [5]  training: 1 epochs, batches of 50 shuffled days, Adam at 0.01, float32",
    "In [6]  predictions of the 249 days, in rows of ten",
    "In [7]  the parameters",
    "The run that the notebook prints, with its five parameters on these closes",
    "What it is worth: root mean squared error against tomorrow's close, dollars",
]


def test_headings_are_bold_and_nothing_else_has_a_colour_or_reads_as_markup():
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, color_system="truecolor", width=130)
    chosen = argparse.Namespace(seed=616, order=0, epochs=1, dtype="float32")
    backend = notebook.Backend("[b]mine[/b]", lambda params, *given, **more: params, notebook.predict)
    notebook.show_run(console, backend, chosen)
    shown = file.getvalue()
    assert re.findall(r"\x1b\[1m(.*?)\x1b\[0m", shown) == HEADINGS
    plain = re.sub(r"\x1b\[1m(.*?)\x1b\[0m", r"\1", shown)
    assert "\x1b" not in plain
    assert "by [b]mine[/b]; sequence_length = 5" in plain
    blocks = plain.split("\n\n")
    assert [block.splitlines()[0] for block in blocks] == HEADINGS


@pytest.mark.parametrize(
    ("samples", "batch", "share"), [(101, 2, 67), (100, 1, 50), (249, 4, 80), (50, 0, 0)]
)
def test_the_share_of_an_epoch_is_that_of_its_batches(samples, batch, share):
    """Of batches of 50 the last may be short."""
    line = notebook.training_line(notebook.Update(9, 100, batch, 50, 1.5), samples)
    assert line == f"Train Epoch: 100 [{50 * batch}/{samples} ({share}%)]\tLoss: 1.500000"


BASE = {"seed": 616, "order": 0, "epochs": 300, "dtype": "float32"}
CHANGES = [{}, {"seed": 5}, {"order": 3}, {"epochs": 7}, {"dtype": "float64"},
           {"seed": 2**70, "order": 2**69, "epochs": 30_000}]  # fmt: skip
RUN = "seed order epochs dtype"


@observes("elman_np.notebook.show_run", "console backend chosen")
@observes("elman_np.notebook.Backend", "package train predict")
@pytest.mark.parametrize("change", CHANGES)
def test_the_run_is_asked_for_with_its_options_and_its_numbers_are_printed(change):
    chosen = BASE | change
    package = "another" if change else "a package"
    asked, trained, lines = shown(argparse.Namespace(**chosen), package)
    dtype = np.dtype(chosen["dtype"])
    start = en.init_parameters(1, 1, 1, init="normal", rng=chosen["seed"], dtype=dtype)
    assert same([*asked.pop("params")], [*start])
    assert same(asked, {"x": X, "target": TARGET, "epochs": chosen["epochs"], "rng": chosen["order"]})

    def spelled(params):
        return ", ".join(
            f"{name} = {value:.4f}"
            for name, value in zip(("w_x", "w_h", "b_h", "w_y", "b_y"), flat(params), strict=True)
        )

    assert f"start, N(0, 1), seed {chosen['seed']}: {spelled(start)}" in lines
    assert any(line.endswith(f"dtype={dtype}) by {package}; sequence_length = 5") for line in lines)
    assert (
        f"In [5]  training: {chosen['epochs']} epochs, batches of 50 shuffled days, Adam at 0.01, {dtype}"
        in lines
    )
    assert [line for line in lines if line.startswith("Train")] == [
        f"Train Epoch: {epoch} [0/249 (0%)]\tLoss: {loss}"
        for epoch, loss in ((100, "2.500000"), (200, "5.125000"), (29_900, "0.250000"))
    ]
    y = [close + 1 + day / 1000 for day, close in enumerate(X.tolist())]
    printed = [line for line in lines if re.fullmatch(r"( *\d+\.\d{4})+", line)]
    assert [len(line.split()) for line in printed] == [10] * 24 + [9]
    assert " ".join(printed).split() == [f"{value:.4f}" for value in y]
    assert "last state: 0.1250" in lines
    assert lines.index(spelled(trained)) == lines.index("In [7]  the parameters") + 1
    assert spelled(notebook.PRINTED) in lines
    worth = {line[:24].rstrip(): line[25:] for line in lines[-4:]}
    assert worth == {
        "the printed parameters": "7.393",
        "this run": f"{off(y):.3f}",
        "the mean of the targets": f"{off([math.fsum(TARGET) / 249] * 249):.3f}",
        "tomorrow = today": f"{off(X.tolist()):.3f}",
    }


def off(predictions):
    squares = [(a - b) ** 2 for a, b in zip(predictions, TARGET.tolist(), strict=True)]
    return math.sqrt(math.fsum(squares) / len(squares))


@observes("python -m elman_np notebook", RUN)
@observes("python -m elman_torch notebook", RUN)
@observes("elman_np.notebook.main", "arguments")
@observes("elman_torch.notebook.main", "arguments")
@pytest.mark.parametrize("module", [notebook, torch_notebook])
@pytest.mark.parametrize("change", CHANGES)
def test_the_command_hands_its_options_to_the_run(module, change, monkeypatch):
    heard = []
    where = notebook.command if module is notebook else module
    monkeypatch.setattr(where, "show_run", lambda console, backend, chosen: heard.append((backend, chosen)))
    assert module.main([f"--{name}={value}" for name, value in change.items()]) == 0
    ((backend, chosen),) = heard
    defaults = BASE | {"epochs": 1_000}
    assert {name: getattr(chosen, name) for name in BASE} == defaults | change
    assert backend.package == ("elman_np" if module is notebook else "elman_torch")
    assert backend.predict is module.predict
    options = {"epochs": 1, "rng": 0}
    start = en.init_parameters(1, 1, 1, init="normal", rng=616)
    expected = module.train(start, X, TARGET, **options)
    assert same(backend.train(start, X, TARGET, **options), expected)


@observes("python -m elman_torch notebook", "per_day")
def test_per_day_walks_day_by_day(monkeypatch, capsys):
    walked, forward = [], torch_notebook.NotebookRNN.forward
    monkeypatch.setattr(
        torch_notebook.NotebookRNN, "forward", lambda self, x: walked.append(len(x)) or forward(self, x)
    )
    assert torch_notebook.main(["--epochs", "1"]) == 0
    assert walked == [249, 249]  # predictions alone
    assert torch_notebook.main(["--epochs", "1", "--per-day"]) == 0
    assert walked[2:] == [50, 50, 50, 50, 49, 249, 249]


def test_left_out_it_walks_stretches_side_by_side(monkeypatch):
    """Both ways give numbers that differ by rounding alone, so that who is called is what is seen."""
    walked, forward = [], torch_notebook.side_by_side
    monkeypatch.setattr(torch_notebook, "side_by_side", lambda *given: walked.append(1) or forward(*given))
    start = en.init_parameters(1, 1, 1, init="normal", rng=616)
    torch_notebook.train(start, X, TARGET, epochs=1, rng=0)
    assert len(walked) == 5
    torch_notebook.train(start, X, TARGET, per_day=True, epochs=1, rng=0)
    assert len(walked) == 5


@pytest.mark.parametrize(
    "error", [ArithmeticError("the loss is inf"), MemoryError()], ids=lambda e: type(e).__name__
)
@pytest.mark.parametrize("module", [notebook, torch_notebook])
def test_a_run_that_fails_is_a_line_on_stderr(module, error, monkeypatch, capsys):
    def fail(*given):
        raise error

    where = notebook.command if module is notebook else module
    monkeypatch.setattr(where, "show_run", fail)
    assert module.main([]) == commands.FAILED
    out, err = capsys.readouterr()
    assert out == ""
    package = "elman_np" if module is notebook else "elman_torch"
    assert err == f"python -m {package} notebook: error: {str(error) or 'MemoryError'}\n"


@pytest.mark.parametrize("module", [notebook, torch_notebook])
def test_the_whole_command_prints_the_run_that_its_options_give(module, capsys):
    options = ["--seed=3", "--order=2", "--epochs=2", "--dtype=float64"]
    assert module.main(options) == 0
    lines = capsys.readouterr().out.splitlines()
    start = en.init_parameters(1, 1, 1, init="normal", rng=3)
    end = module.train(start, X, TARGET, epochs=2, rng=2)
    y, h_n = module.predict(end, X)
    numbers = " ".join(line for line in lines if re.fullmatch(r"( *-?\d+\.\d{4})+", line)).split()
    assert numbers == [f"{value:.4f}" for value in y[:, 0]]
    assert f"last state: {h_n[0]:.4f}" in lines
    assert f"{'this run':24} {off(y[:, 0].tolist()):.3f}" in lines


@observes("python -m elman_np notebook", "starts picture")
@pytest.mark.parametrize(("arguments", "count"), [(["--starts=3"], 3), (["--starts=500", "--picture"], 500)])
def test_the_starts_are_studied_with_the_options_and_drawn_where_they_should(
    arguments, count, monkeypatch, capsys, tmp_path
):
    asked, found = [], list(notebook.studies(2, epochs=1))
    monkeypatch.setattr(
        notebook.command, "studies", lambda *given, **options: asked.append((given, options)) or found
    )
    drawn, draw = [], notebook.draw_fates
    monkeypatch.setattr(
        notebook.command, "draw_fates", lambda studies: drawn.append(studies) or draw(studies)
    )
    path = tmp_path / "fates.svg"
    arguments = [f"--picture={path}" if argument == "--picture" else argument for argument in arguments]
    assert notebook.main([*arguments, "--epochs=5", "--order=4"]) == 0
    assert asked == [((count,), {"epochs": 5, "order": 4})]
    printed = capsys.readouterr().out
    assert "2 starts of the notebook's training" in printed
    assert path.exists() == (f"--picture={path}" in arguments)
    assert drawn == ([found] if path.exists() else [])
    if path.exists():
        assert path.read_bytes().startswith(b"<?xml")
        assert f"Picture: {path}\n" in printed


@observes("elman_np.notebook.run_parser", "package")
def test_the_parser_says_whose_it_is():
    for package in ("elman_np", "elman_torch"):
        assert notebook.run_parser(package).prog == f"python -m {package} notebook"
    assert torch_notebook.parser().prog == "python -m elman_torch notebook"
    assert notebook.parser().prog == "python -m elman_np notebook"


@pytest.mark.parametrize("package", ["elman_np", "elman_torch"])
def test_the_first_argument_may_be_the_notebook(package, monkeypatch):
    import elman_torch.__main__

    given = []
    module = notebook if package == "elman_np" else torch_notebook
    monkeypatch.setattr(module, "main", lambda arguments: given.append(arguments) or 7)
    main = command.main if package == "elman_np" else elman_torch.__main__.main
    assert main(["notebook", "--seed", "3"]) == 7
    assert given == [["--seed", "3"]]
