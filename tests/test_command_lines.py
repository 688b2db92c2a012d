"""What a stranger runs: both command lines, and the packages without what is optional."""

import argparse
import io
import os
import re
import runpy
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from rich.console import Console

import elman_np.__main__
import elman_torch.__main__
from elman_np import commands
from elman_torch.report import (
    compare_tensors,
    drift,
    drift_table,
    fitted,
    lockstep,
    lockstep_table,
    problems,
    tensor_table,
)
from tests.support.observed import observes

ROOT = Path(__file__).parents[1]

SMALL = ["--length", "5", "--hidden-size", "3", "--updates", "1", "3"]


def run(*command, **options):
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=120, **options)


def test_training_prints_errors_in_dollars_and_saves_a_picture(tmp_path, capsys):
    picture = tmp_path / "splg.png"
    assert elman_np.__main__.main(["--epochs", "3", "--picture", str(picture)]) == 0
    printed = capsys.readouterr().out
    for part in ("Elman network", "tomorrow = today", "mean of the training part", "0.342"):
        assert part in printed
    assert picture.read_bytes().startswith(b"\x89PNG")


WHOLE, SEED = "expected a whole number, 1 or more, got ", "expected a whole number, 0 or more, got "
RATE, NORM = "expected a finite number, 0 or more, got ", "expected a number above 0, got "
DAY, FOLDER = "expected a day such as '2023-01-31', got ", "expected a folder that exists, got "
REFUSED = {
    "elman_np": [
        ("--start yesterday", f"argument --start: {DAY}'yesterday'"),
        ("--end 2023-02-30", f"argument --end: {DAY}'2023-02-30'"),
        ("--start 1999-01-01", "start: expected a day from 2019-05-13"),
        ("--start 2023-05-01 --end 2023-04-01", "start: expected a day before end"),
        ("--start 2023-12-30 --end 2024-01-01", "start, end: expected at least one trading day"),
        ("--start 2023-12-28 --end 2024-01-01", "series: expected enough days for three parts, got 2"),
        ("--source ftp", "argument --source: invalid choice: 'ftp'"),
        ("--hidden-size 0", f"argument --hidden-size: {WHOLE}'0'"),
        (
            "--hidden-size 99999999999999999999",
            f"argument --hidden-size: expected at most {sys.maxsize}, got ",
        ),
        ("--hidden-size 8.0", f"argument --hidden-size: {WHOLE}'8.0'"),
        ("--activation gelu", "argument --activation: invalid choice: 'gelu'"),
        ("--length -1", f"argument --length: {WHOLE}'-1'"),
        ("--length 500", "length: expected at most 174, one less than the training part has days, got 500"),
        ("--cached", "error: --cached, --cache-dir: expected together with --source yahoo"),
        ("--cache-dir c", "error: --cached, --cache-dir: expected together with --source yahoo"),
        ("--epochs -3", f"argument --epochs: {WHOLE}'-3'"),
        ("--epochs many", f"argument --epochs: {WHOLE}'many'"),
        ("--batch-size 0", f"argument --batch-size: {WHOLE}'0'"),
        ("--lr -1", f"argument --lr: {RATE}'-1'"),
        ("--lr nan", f"argument --lr: {RATE}'nan'"),
        ("--lr inf", f"argument --lr: {RATE}'inf'"),
        ("--lr fast", f"argument --lr: {RATE}'fast'"),
        ("--clip-norm 0", f"argument --clip-norm: {NORM}'0'"),
        ("--clip-norm nan", f"argument --clip-norm: {NORM}'nan'"),
        ("--seed -1", f"argument --seed: {SEED}'-1'"),
        ("--picture none/x.png", f"argument --picture: {FOLDER}'none'"),
        ("--picture x.gif2", "argument --picture: expected a name that ends in ."),
        ("--picture .", "argument --picture: expected the name of a file, got '.'"),
        ("--picture=", "argument --picture: expected the name of a file, got ''"),
        ("train", "unrecognized arguments: train"),
        ("notebook --epochs 0", f"argument --epochs: {WHOLE}'0'"),
        ("notebook --seed -1", f"argument --seed: {SEED}'-1'"),
        ("notebook --order 1.5", f"argument --order: {SEED}'1.5'"),
        ("notebook --dtype float16", "argument --dtype: invalid choice: 'float16'"),
        ("notebook --starts 3 --seed 1", "seed: expected none beside --starts"),
        ("notebook --starts 3 --dtype float64", "dtype: expected none beside --starts"),
        ("notebook --picture x.png", "picture: expected together with --starts"),
        ("notebook --starts 0", f"argument --starts: {WHOLE}'0'"),
        ("notebook --picture none/x.png", f"argument --picture: {FOLDER}'none'"),
        ("check", "expected a file, or --new with a style"),
        ("check none.py", "file: there is no such file, 'none.py'"),
        ("check --new ruby", "argument --new: invalid choice: 'ruby'"),
        ("check x.py --seconds 0", f"argument --seconds: {NORM}'0'"),
        ("check x.py --seconds soon", f"argument --seconds: {NORM}'soon'"),
    ],
    "elman_torch": [
        ("--hidden-size 0", f"argument --hidden-size: {WHOLE}'0'"),
        ("--length 0", f"argument --length: {WHOLE}'0'"),
        ("--length 500", "length: expected at most 174"),
        ("--seed -1", f"argument --seed: {SEED}'-1'"),
        ("--updates 0", f"argument --updates: {WHOLE}'0'"),
        ("--updates 1 -5", f"argument --updates: {WHOLE}'-5'"),
        ("--updates", "argument --updates: expected at least one argument"),
        ("--device moon", "argument --device: 'moon' cannot be used"),
        ("notebook --epochs 0", f"argument --epochs: {WHOLE}'0'"),
        ("notebook --seed x", f"argument --seed: {SEED}'x'"),
    ],
}


@pytest.mark.parametrize(
    ("package", "arguments", "message"),
    [pytest.param(p, *case, id=f"{p} {case[0]}") for p, cases in REFUSED.items() for case in cases],
)
def test_bad_input_is_refused_before_any_work(package, arguments, message, capsys, tmp_path, monkeypatch):
    """On stderr, by the name of the option, with status 2; nothing is printed, and no file is written."""
    monkeypatch.chdir(tmp_path)
    main = {"elman_np": elman_np.__main__, "elman_torch": elman_torch.__main__}[package].main
    given = arguments.split() if arguments else []
    with pytest.raises(SystemExit) as ended:
        main(given)
    assert ended.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in " ".join(err.split())
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_refused(monkeypatch, tmp_path):
    """Root may write anywhere, so that the answer of the system is planted."""
    there = tmp_path / "there.png"
    assert commands.picture(str(there)) == there
    for place in (tmp_path, there):
        monkeypatch.setattr(os, "access", lambda path, mode, place=place: Path(path) != place)
        with pytest.raises(argparse.ArgumentTypeError, match="expected a file that can be written, got"):
            commands.picture(str(there))
        there.touch()


def test_a_picture_that_cannot_be_saved_after_all_is_one_line(tmp_path, capsys):
    line = argparse.ArgumentParser(prog="the command")
    figure = Figure()
    (tmp_path / "gone").mkdir()
    path = tmp_path / "gone" / "x.png"
    (tmp_path / "gone").rmdir()
    assert commands.save_picture(line, commands.console(80), lambda: figure, path) == commands.FAILED
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("the command: error: ")
    assert "x.png" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("text", ["x" * 300, "note: " + "a [b]word[/b] " * 30 + "1"], ids=["long", "markup"])
def test_what_is_said_is_one_line_however_long(text, capsys):
    commands.say(commands.console(80), text)
    assert capsys.readouterr().out == f"{text}\n"


def test_what_is_said_has_no_colours_on_a_terminal_either():
    shown = io.StringIO()
    commands.say(Console(file=shown, force_terminal=True, color_system="truecolor"), "note: 12 of 'a' in /b")
    assert shown.getvalue() == "note: 12 of 'a' in /b\n"


def test_where_matplotlib_is_missing_that_is_said_and_nothing_failed(capsys, tmp_path):
    def draw():
        raise ImportError("no matplotlib")

    line = argparse.ArgumentParser(prog="command")
    assert commands.save_picture(line, commands.console(80), draw, tmp_path / "x.png") == 0
    assert capsys.readouterr().out == ("No picture: Matplotlib is missing; pip install 'matplotlib>=3.9'\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "status", "said", "silenced"),
    [
        (BrokenPipeError(), commands.BROKEN_PIPE, "", 1),
        (OSError(28, "No space left on device"), commands.FAILED, "[Errno 28] No space left on device", 1),
        (MemoryError(), commands.FAILED, "MemoryError", 1),
        (ImportError("no such package"), commands.FAILED, "no such package", 1),
        (None, 7, "", 0),
    ],
    ids=lambda value: type(value).__name__,
)
def test_how_a_command_ends(error, status, said, silenced, capsys, monkeypatch):
    """What is not printed yet goes nowhere, where it cannot go."""
    calls = []
    monkeypatch.setattr(commands, "_print_no_more", lambda: calls.append(1))

    def main():
        if error is not None:
            raise error
        return 7

    with pytest.raises(SystemExit) as ended:
        commands.run(main, "python -m command")
    assert ended.value.code == status
    assert len(calls) == silenced
    assert capsys.readouterr() == ("", f"python -m command: error: {said}\n" if said else "")


def test_what_is_printed_no_more_goes_nowhere(monkeypatch, tmp_path):
    with open(tmp_path / "there", "w", encoding="utf-8") as there:
        monkeypatch.setattr(sys, "stdout", there)
        print("first", flush=True)
        commands._print_no_more()
        print("second", flush=True)
    assert (tmp_path / "there").read_text(encoding="utf-8") == "first\n"


def test_dots_of_a_folder_are_no_ending(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "v1.2").mkdir()
    found = {text: str(commands.picture(text)) for text in ("./out", "v1.2/out", "../out", "./v1.2/out.svg")}
    assert str(commands.picture("x.PNG")) == "x.PNG"
    with pytest.raises(argparse.ArgumentTypeError, match=r"^expected the name of a file, got 'v1\.2'$"):
        commands.picture("v1.2")
    assert found == {"./out": "out.png", "v1.2/out": "v1.2/out.png", "../out": "../out.png",
                     "./v1.2/out.svg": "v1.2/out.svg"}  # fmt: skip


def test_a_picture_without_an_ending_is_a_png_and_is_called_so(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert elman_np.__main__.main(["--epochs", "1", "--picture", "x"]) == 0
    assert capsys.readouterr().out.endswith("Picture: x.png\n")
    assert [path.name for path in tmp_path.iterdir()] == ["x.png"]
    assert Path("x.png").read_bytes().startswith(b"\x89PNG")


def test_what_fails_later_is_said_on_stderr(capsys, monkeypatch, tmp_path):
    """A status of its own and one line, where the input was good and the work could not be done."""

    def diverge(*given, **options):
        raise ArithmeticError("the loss is inf")

    monkeypatch.setitem(sys.modules, "yfinance", None)
    monkeypatch.setattr(elman_np, "train", diverge)
    for arguments, message in (
        (["--source", "yahoo"], "pip install 'yfinance>=1.3,<2'"),
        ([], "the loss is inf"),
    ):
        assert elman_np.__main__.main([*arguments, "--picture", str(tmp_path / "no.png")]) == commands.FAILED
        err = capsys.readouterr().err
        assert err.startswith("python -m elman_np: error: ")
        assert message in err
        assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@observes("python -m elman_np", "version")
@observes("python -m elman_torch", "version")
def test_the_version_is_said(capsys):
    for module, more in ((elman_np.__main__, ""), (elman_torch.__main__, f", PyTorch {torch.__version__}")):
        with pytest.raises(SystemExit) as ended:
            module.main(["--version"])
        assert ended.value.code == 0
        assert capsys.readouterr().out == f"elman {elman_np.__version__}{more}\n"


@pytest.mark.parametrize(
    "command",
    [
        ["elman_np", "check", "--new", "cell"],
        ["elman_np", "--epochs", "1"],
    ],
)
def test_a_reader_that_is_gone_ends_a_command_quietly(command, tmp_path):
    """As `| head` does when it has seen enough; the status is that of SIGPIPE, and none of the command's."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", *command], stdout=writer, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    os.close(writer)
    assert done.stderr == ""
    assert done.returncode == commands.BROKEN_PIPE


def test_a_command_without_stdout_still_ends_with_its_status(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(SystemExit) as ended:
        commands.run(lambda: commands.console(80).print("unheard") or 3, "command")
    assert ended.value.code == 3
    sys.stdout.close()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a disk that is always full")
@pytest.mark.parametrize(
    "command",
    [
        ["elman_np", "check", "--new", "cell"],
        pytest.param(["elman_torch", "notebook", "--epochs", "1"], marks=pytest.mark.slow),
    ],
)
def test_a_full_disk_is_a_line_and_no_verdict(command, tmp_path):
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-m", *command], stdout=full, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    assert done.stderr == f"python -m {command[0]}: error: [Errno 28] No space left on device\n"
    assert done.returncode == commands.FAILED


def test_an_error_of_ours_is_shown_whole_and_is_no_verdict(capsys):
    def main():
        raise AssertionError("not thought of")

    with pytest.raises(SystemExit) as ended:
        commands.run(main, "command")
    assert ended.value.code == commands.FAILED
    assert capsys.readouterr().err.endswith("AssertionError: not thought of\n")
    known = {0, 1, 2, 3, 4, commands.BROKEN_PIPE, commands.INTERRUPTED}
    assert commands.FAILED not in known | set(elman_torch.__main__.EXIT.values())


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_a_training_that_ends_far_off_is_a_line_and_no_table(activation, capsys, tmp_path):
    """One update throws the network so far that its loss is not finite."""
    wild = ["--batch-size=500", "--epochs=1", "--lr=1e300", f"--activation={activation}"]
    picture = tmp_path / "x.png"
    assert elman_np.__main__.main([*wild, f"--picture={picture}"]) == commands.FAILED
    out, err = capsys.readouterr()
    assert "RMSE" not in out
    assert err.splitlines()[-1].startswith("python -m elman_np: error: ")
    assert err.endswith("try a smaller learning rate, clip_norm, or scaled inputs\n")
    assert "Warning" not in err
    assert not picture.exists()


def test_errors_that_are_not_finite_are_no_table():
    close = np.arange(9.0)
    with np.errstate(over="ignore"), pytest.raises(ArithmeticError, match="error is not finite"):
        elman_np.__main__.forecast_errors(close, close * 1e300, 5, 7)


TAKEN = {
    commands.count: [("1", 1), ("1000001", 1_000_001), (str(sys.maxsize), sys.maxsize)],
    commands.seed: [("0", 0), (str(2**200), 2**200)],
    commands.rate: [("0", 0.0), ("-0.0", 0.0), ("5e-324", 5e-324), ("1.5", 1.5), ("1e308", 1e308)],
    commands.above_zero: [("5e-324", 5e-324), ("1e308", 1e308), ("inf", np.inf)],
}
REFUSED = {
    commands.count: ["0", "-1", "1.0", "", "x", str(sys.maxsize + 1)],
    commands.seed: ["-1", "0.5", "x"],
    commands.rate: ["-5e-324", "inf", "nan", "x", ""],
    commands.above_zero: ["0", "-0.0", "-1", "nan", "-inf", "x"],
}


@pytest.mark.parametrize("read", TAKEN, ids=lambda read: read.__name__)
def test_a_number_is_taken_up_to_its_border_and_no_further(read):
    for text, value in TAKEN[read]:
        assert read(text) == value, text
        assert type(read(text)) is type(value)
    for text in REFUSED[read]:
        with pytest.raises(argparse.ArgumentTypeError, match=re.escape(f"got {text!r}")):
            read(text)


def test_ctrl_c_is_one_line(capsys):
    def main():
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as ended:
        commands.run(main, "command")
    assert ended.value.code == commands.INTERRUPTED
    assert capsys.readouterr().err == "interrupted\n"


def test_the_parity_report_prints_its_tables(capsys):
    """Each below the name of its problem, then both of the trainings, as they are when they are made anew."""
    assert elman_torch.__main__.main(SMALL) == 0
    printed = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    chosen, updates = problems(5, 3, 0), [1, 3]
    versions = f"NumPy {np.__version__} against PyTorch {torch.__version__}"
    legend = [
        f"{'' if i else name:15}{line}"
        for name, meaning in elman_torch.__main__.LEGEND.items()
        for i, line in enumerate(meaning.splitlines())
    ]
    tables = [
        [problem.name, *shown(tensor_table(compare_tensors(problem, "cpu")), 80), ""] for problem in chosen
    ]
    meant = [
        *textwrap.wrap(f"{versions} on SPLG, windows of 5, H = 3, from the same parameters.", 80),
        "",
        *legend,
        "",
        *(line for table in tables for line in table),
        "Training in lockstep: worst obs./bound of the gradients and of Adam's update,",
        "and the widest bound, as a part of its tensor",
        *shown(lockstep_table({problem.name: list(lockstep(problem, updates)) for problem in chosen}), 80),
        "",
        "Not judged: two trainings that run freely, largest difference of a parameter",
        *shown(drift_table({problem.name: list(drift(problem, updates)) for problem in chosen}), 80),
        "Values far from 1 drive tanh into saturation. What is left of the gradient there",
        "is rounding itself, Adam divides it by its own size, and two correct programs",
        "part.",
        "",
    ]
    assert "\n".join(printed[: len(meant)]) == "\n".join(meant)
    assert printed[len(meant)].startswith("AGREED: ")
    assert max(map(len, printed)) <= 80


def test_a_device_that_cannot_be_used_is_refused_with_pytorchs_first_line(monkeypatch):
    def zeros(*_, **__):
        raise RuntimeError("no such driver\nand much more")

    monkeypatch.setattr(torch, "zeros", zeros)
    with pytest.raises(argparse.ArgumentTypeError) as refused:
        elman_torch.__main__.device("cpu")
    assert str(refused.value) == "'cpu' cannot be used: no such driver"


def shown(table, width):
    console = Console(width=width)
    with console.capture() as captured:
        console.print(fitted(table, width))
    return [line.rstrip() for line in captured.get().splitlines()]


def test_the_tables_are_whole_at_sixty_columns():
    """Each number and each shape of the wide table stands in the narrow one, unbroken."""
    problem = problems(20, 8, 0)[3]
    comparison = compare_tensors(problem, "cpu")
    compared = {problem.name: list(lockstep(problem, [1]))}
    drifts = {problem.name: [(step, 1e-3) for step in (1, 10, 200, 1000)]}
    for make in (
        lambda: tensor_table(comparison), lambda: lockstep_table(compared), lambda: drift_table(drifts)
    ):  # fmt: skip
        wide, narrow = shown(make(), 200), shown(make(), 60)
        assert max(map(len, narrow)) <= 60 < max(map(len, wide))
        assert {word for line in wide[2:] for word in line.split()} <= set(" ".join(narrow).split())
    shapes = [line for line in shown(tensor_table(comparison), 60) if "20 x 155 x 1" in line]
    assert [line.split()[0] for line in shapes] == ["y", "dx"]


@pytest.mark.parametrize("package", ["elman_np", "elman_torch"])
def test_help_explains(package, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [package, "--help"])
    monkeypatch.delitem(sys.modules, f"{package}.__main__", raising=False)
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(package, run_name="__main__")
    assert not ended.value.code
    assert "--seed" in capsys.readouterr().out


def test_importing_numpys_backend_loads_nothing_heavy():
    heavy = {"torch", "polars", "matplotlib", "rich", "yfinance", "jaxtyping"}
    code = f"import sys, elman_np; print(sorted({heavy} & set(sys.modules)))"
    assert run("-c", code).stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("missing", "code", "message"),
    [
        ("torch", "import elman_torch", "elman_torch needs PyTorch: pip install 'torch>=2.6,<2.14'"),
        (
            "matplotlib",
            "from elman_np.__main__ import main; main(['--epochs', '1'])",
            "No picture: Matplotlib is missing; pip install 'matplotlib>=3.9'",
        ),
        ("yfinance", "import elman_np; elman_np.load_splg(source='yahoo')", "pip install 'yfinance>=1.3,<2'"),
    ],
)
def test_what_is_missing_is_said_in_one_line(missing, code, message, tmp_path):
    """None in sys.modules makes an import fail as if the package were not installed."""
    result = run("-c", f"import sys; sys.modules[{missing!r}] = None; {code}", cwd=tmp_path)
    assert message in result.stdout + result.stderr


def test_public_names_are_there():
    for package in (elman_np, elman_torch):
        assert all(hasattr(package, name) for name in package.__all__)
    assert elman_np.__version__ == elman_torch.__version__
    assert np.dtype(np.float64) == elman_np.ElmanRNN(rng=0).dtype
