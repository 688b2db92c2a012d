"""The options of each command: what they are called, what they are if left out, and that the help says it."""

import argparse
from datetime import date
from pathlib import Path

import pytest
import torch

import elman_np.__main__
import elman_torch.__main__
from elman_np import commands, notebook
from elman_np.checking.learner import running
from elman_torch import notebook as torch_notebook

FILE = {
    "--file": (None, "data.csv", Path("data.csv")),
    "--column": (None, "x", "x"),
    "--date": (None, "d", "d"),
}
RUN = {
    "--seed": (616, "0", 0),
    "--order": (0, "3", 3),
    "--epochs": (1000, "1", 1),
    "--dtype": ("float32", "float64", "float64"),
}
COMMANDS = {
    # name of the option: its value if left out, and what one value is read as
    "python -m elman_np": (
        elman_np.__main__.parser,
        "Train an Elman network on SPLG's closes",
        commands.STATUSES,
        FILE
        | {
            "--start": (None, "2023-01-31", date(2023, 1, 31)),
            "--end": (None, "2023-01-31", date(2023, 1, 31)),
            "--source": ("bundled", "yahoo", "yahoo"),
            "--cached": (False, None, True),
            "--cache-dir": (None, "here", Path("here")),
            "--hidden-size": (8, "1", 1),
            "--activation": ("tanh", "relu", "relu"),
            "--length": (20, "1", 1),
            "--epochs": (200, "1", 1),
            "--batch-size": (32, "1", 1),
            "--lr": (0.01, "0", 0.0),
            "--clip-norm": (1.0, "inf", float("inf")),
            "--seed": (0, "7", 7),
            "--picture": (None, "x.svg", Path("x.svg")),
        },
    ),
    "python -m elman_np notebook": (
        notebook.parser,
        "Every step of the notebook",
        commands.STATUSES,
        RUN | {"--starts": (None, "1", 1), "--picture": (None, "x.svg", Path("x.svg"))},
    ),
    "python -m elman_np check": (
        running.parser,
        "Judge the BPTT or Adam in a file of yours.",
        f"{commands.FAILED} could not be judged",
        {
            "file": (None, "mine.py", Path("mine.py")),
            "--new": (None, "cell", "cell"),
            "--seconds": (60.0, "0.5", 0.5),
        },
    ),
    "python -m elman_torch": (
        elman_torch.__main__.parser,
        f"2 bad options, {commands.FAILED} could not be done.",
        "Another command: python -m elman_torch notebook",
        FILE
        | {
            "--hidden-size": (8, "1", 1),
            "--length": (20, "1", 1),
            "--seed": (0, "7", 7),
            "--updates": ([1, 10, 200, 1000], "3", [3]),
            "--device": (torch.device("cpu"), "cpu", torch.device("cpu")),
        },
    ),
    "python -m elman_torch notebook": (
        torch_notebook.parser,
        "Every step of the notebook",
        commands.STATUSES,
        RUN | {"--per-day": (False, None, True)},
    ),
}
SHOWN = {torch.device("cpu"): "cpu"}
every = pytest.mark.parametrize("name", COMMANDS)


def in_one_line(line):
    return " ".join(line.format_help().split())


@every
def test_the_options_are_these_and_left_out_they_are_this(name):
    make, _, _, options = COMMANDS[name]
    line = make()
    found = {(action.option_strings or [action.dest])[-1]: action for action in line._actions}
    assert {*found} - {"--help", "--version"} == {*options}
    assert vars(line.parse_args([])) == {found[option].dest: value[0] for option, value in options.items()}
    for option, (_, text, value) in options.items():
        given = [option] * option.startswith("-") + [text] * (text is not None)
        read = getattr(line.parse_args(given), found[option].dest)
        assert read == value, option
        assert type(read) is type(value), option


@every
def test_the_help_says_what_each_is_and_its_default(name, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    make, says, ends, options = COMMANDS[name]
    line = make()
    said = in_one_line(line)
    assert line.prog == name
    assert said.startswith(f"usage: {name} [-h] ")
    assert says in said
    assert ends in said
    assert max(map(len, line.format_help().splitlines())) <= 80
    for action in line._actions:
        option = (action.option_strings or [action.dest])[-1]
        assert action.help, option
        if option not in options:
            continue
        default = options[option][0]
        shown = f"{action.help} (default: {default})" if default is not None else action.help
        assert " ".join(shown.split()) in said, option
        assert (f"{action.help} (default" in said) == (default is not None), option


@every
def test_a_choice_that_is_none_is_refused(name, capsys):
    line = COMMANDS[name][0]()
    chosen = [action for action in line._actions if action.choices]
    assert bool(chosen) == (name != "python -m elman_torch")
    for action in chosen:
        with pytest.raises(SystemExit):
            line.parse_args([action.option_strings[0], "NONE"])
        assert "invalid choice: 'NONE'" in capsys.readouterr().err


def test_what_a_day_may_be():
    assert commands.day("2024-02-29") == date(2024, 2, 29)
    for text in ("2023-02-29", "day", ""):
        with pytest.raises(argparse.ArgumentTypeError, match=f"^expected .*got '{text}'"):
            commands.day(text)
