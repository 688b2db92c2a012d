"""A file that is written whole or not at all, whatever happens meanwhile."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO


def write_whole(path: str | os.PathLike[str], write: Callable[[BinaryIO], object]) -> None:
    """Let `write` fill a new file beside `path`, then put it in the place of `path` at one stroke.

    Until then `path` is what it was; afterwards, also after a loss of power, it is the new file. A process
    that is killed in between may leave the unfinished file, whose name begins with a dot and ends in `.part`.

    Raises
    ------
    OSError
        If the file cannot be written: no such folder, no permission, a full disk. `path` is what it was.
    """
    place = Path(os.path.realpath(path))  # through links, which stay
    unfinished = place.with_name(f".{place.name}.{os.urandom(8).hex()}.part")
    try:
        with open(unfinished, "xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, place)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    _sync_folder(place.parent)


def _sync_folder(folder: Path) -> None:
    """Let the new name be on the disk too; Windows has no way to ask for that."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
