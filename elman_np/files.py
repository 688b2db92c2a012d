"""A file that is written whole or not at all, whatever happens meanwhile."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO


def write_whole(path: str | os.PathLike[str], write: Callable[[BinaryIO], object]) -> None:
    """Let `write` fill a new file beside `path`, then put it in the place of `path` at one stroke.

    Until then `path` is what it was; afterwards, also after a loss of power, it is the new file. A process
    that is killed in between may leave the unfinished file, whose name begins with a dot and ends in `.part`.
    The new file has the mode of the old one; one that must not be written is not replaced.

    Raises
    ------
    OSError
        If the file cannot be written: no such folder, no permission, a full disk. `path` is what it was.
    """
    place = Path(os.path.realpath(path))  # through links, which stay
    if place.is_dir():
        raise _refusal(errno.EISDIR, path)
    if not place.parent.is_dir():
        raise _refusal(errno.ENOENT, place.parent)
    mode = stat.S_IMODE(place.stat().st_mode) if place.exists() else None
    if mode is not None and not os.access(place, os.W_OK):
        raise _refusal(errno.EACCES, path)
    unfinished = place.with_name(f".{place.name}.{os.urandom(8).hex()}.part")
    try:
        with open(unfinished, "xb") as file:
            if mode is not None:
                unfinished.chmod(mode)  # before there is anything to read
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, place)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    _sync_folder(place.parent)


def _refusal(code: int, path: str | os.PathLike[str]) -> OSError:
    """Return what the system says of a path, as its own kind of OSError."""
    return OSError(code, os.strerror(code), os.fspath(path))


def _sync_folder(folder: Path) -> None:
    """Let the new name be on the disk too; Windows has no way to ask for that."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
