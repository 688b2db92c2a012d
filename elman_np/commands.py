"""What the command lines of both packages share: what an option may be, where they print, and how they end.

Bad input is refused by `argparse`, on stderr, with status 2, before any work. What fails later is said
there too, with the status `FAILED`, which means nothing else.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import traceback
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from rich.console import Console
from rich.table import Table

from elman_np.data.conversion import Labelled, read_series
from elman_np.data.days import check_day
from elman_np.data.file import read_file
from elman_np.later import Later

if TYPE_CHECKING:
    from matplotlib import figure as mpl
else:
    mpl = Later("matplotlib.figure")

FAILED = 5
"""The work could not be done, or could not be printed: no verdict, and no complaint about the input."""

STATUSES = f"Exit status: 0 done, 2 bad options, {FAILED} could not be done."
"""For the help of what gives no verdict."""

BROKEN_PIPE, INTERRUPTED = 141, 130
"""What a shell reports of a command whose reader is gone (`| head`), and of one that Ctrl-C has ended."""


def count(text: str) -> int:
    """Read a whole number, 1 or more, that an array can have as its length."""
    value = _whole(text, 1)
    if value > sys.maxsize:
        raise argparse.ArgumentTypeError(f"expected at most {sys.maxsize}, got {text!r}")
    return value


def seed(text: str) -> int:
    """Read a whole number, 0 or more."""
    return _whole(text, 0)


def rate(text: str) -> float:
    """Read a finite number, 0 or more."""
    return _number(text, "a finite number, 0 or more", lambda value: 0 <= value < math.inf)


def above_zero(text: str) -> float:
    """Read a number above 0."""
    return _number(text, "a number above 0", lambda value: value > 0)


def day(text: str) -> date:
    """Read a day such as 2023-01-31."""
    try:
        return check_day("day", text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error).removeprefix("day: ")) from None


def picture(text: str) -> Path:
    """Read where to save a picture, in a format that Matplotlib has; .png where the name has no ending."""
    path = Path(text)
    if not path.name or path.is_dir():
        raise argparse.ArgumentTypeError(f"expected the name of a file, got {text!r}")
    path = path if path.suffix else path.with_suffix(".png")
    endings = _picture_endings()
    if endings and path.suffix[1:].lower() not in endings:
        raise argparse.ArgumentTypeError(f"expected a name that ends in .{', .'.join(endings)}, got {text!r}")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"expected a folder that exists, got {str(path.parent)!r}")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"expected a file that can be written, got {text!r}")
    return path


def _picture_endings() -> list[str]:
    """Return what Matplotlib can write; nothing where it is missing."""
    try:
        from matplotlib.backend_bases import FigureCanvasBase
    except ImportError:
        return []
    return sorted(FigureCanvasBase.get_supported_filetypes())


def _whole(text: str, least: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if value < least:
        raise argparse.ArgumentTypeError(f"expected a whole number, {least} or more, got {text!r}")
    return value


def _number(text: str, expected: str, fits: Callable[[float], bool]) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not fits(value):
        raise argparse.ArgumentTypeError(f"expected {expected}, got {text!r}")
    return value


class HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Tells the default of an option, where it has one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default is None else super()._get_help_string(action)


def add_file_options(line: argparse.ArgumentParser) -> None:
    """Add what says that the series comes out of a file."""
    line.add_argument("--file", type=Path, help="a CSV or Parquet file to use in place of SPLG's closes")
    line.add_argument("--column", help="the file's numbers")
    line.add_argument(
        "--date", help="the file's dates, such as 2023-01-31; if left out, the only column of them, if any"
    )


def read_file_options(
    options: argparse.Namespace, start: date | None = None, end: date | None = None
) -> Labelled | None:
    """Read the series that these options ask for; None where they ask for none.

    Raises
    ------
    ValueError
        If the file is not what it should be, or its column no series.
    """
    if options.file is None:
        for name in ("column", "date"):
            if getattr(options, name) is not None:
                raise ValueError(f"--{name}: expected together with --file")
        return None
    frame = read_file(options.file, options.column, options.date, start=start, end=end)
    return read_series(options.file.name, frame)


class _Terminal(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to `run`: Rich would end with 1, which says here that something differs."""
        raise BrokenPipeError


def console(width: int) -> Console:
    """Return where a command prints: as wide as the terminal, or `width` where it prints into a file."""
    return _Terminal() if sys.stdout.isatty() else _Terminal(width=width)


def say_where_no_dates(console: Console, series: Labelled | None) -> None:
    """Say it where a file's rows are taken as they stand: nothing told whether the oldest is the first."""
    if series is not None and series.dates is None:
        say(console, "note: no column of dates found; rows taken as they stand")


def save_picture(
    line: argparse.ArgumentParser, console: Console, draw: Callable[[], mpl.Figure], path: Path
) -> int:
    """Save what `draw` draws, or say what is missing for it; return the status of the command."""
    try:
        draw().savefig(path, dpi=150)
    except ImportError:
        say(console, "No picture: Matplotlib is missing; pip install 'matplotlib>=3.9'")
    except OSError as error:
        return failed(line, error)
    else:
        say(console, f"Picture: {path}")
    return 0


def natural_width(table: Table) -> int:
    """Return how wide a table is where nothing is broken or cut off."""
    return Console(width=1_000).measure(table).maximum


def say(console: Console, text: str) -> None:
    """Print a line as it is, however long: a terminal breaks it, a file keeps it whole."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def failed(line: argparse.ArgumentParser, error: Exception) -> int:
    """Say on stderr why the work could not be done; return the status for that."""
    _say_error(line.prog, error)
    return FAILED


def _say_error(program: str, error: Exception) -> None:
    reason = str(error) or type(error).__name__
    print(f"{program}: error: {reason}", file=sys.stderr)


def run(main: Callable[[], int], program: str) -> NoReturn:
    """Run a command and end the process with its status, quietly where nobody reads or Ctrl-C was pressed.

    A full disk, or too little memory, is a line on stderr. Any other error is a mistake of ours, and is shown
    whole. The status of both is `FAILED`: Python's own, 1, says here that something differs.
    """
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (until the end)
    try:
        try:
            status = main()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        _print_no_more()
        status = BROKEN_PIPE
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        status = INTERRUPTED
    except (OSError, MemoryError, ImportError) as error:
        _print_no_more()
        _say_error(program, error)
        status = FAILED
    except Exception:
        traceback.print_exc()
        status = FAILED
    sys.exit(status)


def _print_no_more() -> None:
    """Let what is not printed yet go nowhere: Python would try once more at the end, and fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
