"""What a stranger runs: both command lines, and the packages without what is optional."""

import subprocess
import sys

import numpy as np
import pytest

import elman_np.__main__
import elman_torch.__main__

SMALL = ["--length", "5", "--hidden-size", "3", "--updates", "1", "3"]


def run(*command, **options):
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=120, **options)


def test_training_prints_errors_in_dollars_and_saves_a_picture(tmp_path, capsys):
    picture = tmp_path / "splg.png"
    assert elman_np.__main__.main(["--epochs", "3", "--picture", str(picture)]) == 0
    printed = capsys.readouterr().out
    for part in ("Elman network", "tomorrow = today", "mean of the training closes", "0.342"):
        assert part in printed
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--start", "1999-01-01"], "start"),
        (["--length", "500"], "length"),
        (["--lr", "-1"], "lr"),
        (["--hidden-size", "0"], "hidden_size"),
        (["--epochs", "0"], "epochs"),
    ],
)
def test_bad_options_end_with_one_clear_line(arguments, message, capsys, tmp_path):
    assert elman_np.__main__.main([*arguments, "--picture", str(tmp_path / "no.png")]) == 1
    assert f"error: {message}" in capsys.readouterr().out
    assert not (tmp_path / "no.png").exists()


def test_the_parity_report_prints_its_tables(capsys):
    assert elman_torch.__main__.main(SMALL) == 0
    printed = capsys.readouterr().out
    assert "AGREED: " in printed
    for part in (
        "tanh, raw dollars, float32",
        "relu, standardised, float64",
        "Training in lockstep",
        "Not judged",
    ):
        assert part in printed
    assert max(map(len, printed.splitlines())) <= 80


@pytest.mark.parametrize("package", ["elman_np", "elman_torch"])
def test_help_explains(package):
    result = run("-m", package, "--help")
    assert result.returncode == 0
    assert "--seed" in result.stdout


def test_importing_numpys_backend_loads_nothing_heavy():
    heavy = {"torch", "polars", "matplotlib", "rich", "yfinance", "jaxtyping"}
    code = f"import sys, elman_np; print(sorted({heavy} & set(sys.modules)))"
    assert run("-c", code).stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("missing", "code", "message"),
    [
        ("torch", "import elman_torch", "elman_torch needs PyTorch: pip install 'elman[torch]'"),
        (
            "matplotlib",
            "from elman_np.__main__ import main; main(['--epochs', '1'])",
            "No picture: Matplotlib is missing; pip install 'elman[plot]'",
        ),
        ("yfinance", "import elman_np; elman_np.load_splg(source='yahoo')", "pip install 'elman[live]'"),
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
