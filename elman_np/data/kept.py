"""Downloads kept on disk: bars with what was asked and when, checked when they are read."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman_np.data.bars import PRICES, find_fault
from elman_np.data.trading_days import new_york_day
from elman_np.files import write_whole
from elman_np.later import Later

if TYPE_CHECKING:
    import polars as pl
else:
    pl = Later("polars")


class CacheWarning(UserWarning):
    """The prices came from the cache, or could not be kept there, or a file of it is damaged."""


# To be heard each time, not once a line; what the user's own filters say comes before.
warnings.simplefilter("always", CacheWarning, append=True)


@dataclass(frozen=True)
class Kept:
    """A download as it is kept.

    Parameters
    ----------
    symbol : str
    start, end : date
        The bars are all there are from `start` to before `end`; a day in progress is not among them.
    downloaded : datetime
        When, with a time zone.
    bars : polars.DataFrame
        As `elman_np.data.bars.find_fault` wants them.
    """

    symbol: str
    start: date
    end: date
    downloaded: datetime
    bars: pl.DataFrame

    def __str__(self) -> str:
        return f"{self.start} to before {self.end}, downloaded on {self.downloaded:%Y-%m-%d %H:%M} UTC"


def cache_folder(cache_dir: str | os.PathLike[str] | None) -> Path:
    """Return `cache_dir`, else the folder that ELMAN_CACHE_DIR names, else the platform's for caches."""
    if cache_dir is not None:
        if not isinstance(cache_dir, str | os.PathLike):
            raise TypeError(f"cache_dir: expected the path of a folder, got {cache_dir!r}")
        return Path(cache_dir)
    if named := os.environ.get("ELMAN_CACHE_DIR"):
        return Path(named)
    import platformdirs

    return platformdirs.user_cache_path("elman", appauthor=False)


def write(folder: Path, name: str, kept: Kept) -> None:
    """Keep a download under a name, whole or not at all; warn if that fails."""
    content = packed(kept)
    text = json.dumps({"sha256": digest(json.dumps(content)), "kept": content}, indent=1, allow_nan=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / f"{name}.json", lambda file: file.write(text.encode()))
    except OSError as error:
        warnings.warn(f"the prices were not kept in {folder}: {error}", CacheWarning, stacklevel=4)


def read(path: Path) -> Kept:
    """Read a kept download, or raise `ValueError` if it is not as it was written, or not right."""
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
        if whole["sha256"] != digest(json.dumps(whole["kept"])):
            raise ValueError("its checksum differs")
        kept = unpacked(whole["kept"])
    # Whatever is wrong with a file, the caller hears one kind.
    except Exception as error:
        raise ValueError(f"{path.name} is damaged ({error})") from error
    if fault := find_fault(kept.bars, kept.start, kept.end, today=new_york_day(kept.downloaded)):
        raise ValueError(f"{path.name} has {fault}")
    return kept


def read_all(folder: Path, symbol: str) -> tuple[list[Kept], list[str]]:
    """Read what is kept of a symbol, the newest first, and what to say of files that are not right."""
    good, bad = [], []
    for path in sorted(folder.glob(f"{symbol}-*.json")):
        try:
            good.append(read(path))
        except ValueError as error:
            bad.append(str(error))
    return sorted(good, key=lambda kept: kept.downloaded, reverse=True), bad


def digest(content: str) -> str:
    """Return the SHA-256 of a text."""
    return hashlib.sha256(content.encode()).hexdigest()


def packed(kept: Kept) -> dict[str, Any]:
    """Turn a download into what JSON can hold; each float comes back in every bit."""
    columns = {name: kept.bars[name].to_list() for name in (*PRICES, "Volume")}
    days = [day.isoformat() for day in kept.bars["Date"].to_list()]
    return {
        "symbol": kept.symbol,
        "start": kept.start.isoformat(),
        "end": kept.end.isoformat(),
        "downloaded": kept.downloaded.isoformat(),
        "bars": {"Date": days, **columns},
    }


def unpacked(content: dict[str, Any]) -> Kept:
    """Turn what `packed` made into a download again."""
    columns = content["bars"]
    days = pl.Series([date.fromisoformat(day) for day in columns["Date"]], dtype=pl.Date)
    volume = pl.Series(columns["Volume"], dtype=pl.Int64)
    prices = {name: pl.Series(columns[name], dtype=pl.Float64) for name in PRICES}
    return Kept(
        content["symbol"],
        date.fromisoformat(content["start"]),
        date.fromisoformat(content["end"]),
        datetime.fromisoformat(content["downloaded"]),
        pl.DataFrame({"Date": days, **prices, "Volume": volume}),
    )
