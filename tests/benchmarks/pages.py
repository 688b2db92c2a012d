"""Lay out measured tables, keep them for each machine, and put them into the pages that ask for them.

What was measured on a machine is kept in a file of its own, `docs/measured/<machine>.json`. A page asks by
`<!-- measured: gradients -->`; what stands from there to `<!-- end -->` is replaced by the tables of all
machines, one below the other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAGES = ("docs/speed.md", "docs/notebook.md", "README.md")


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Lay out a table; its first `left` columns hold words, the others numbers."""
    rules = ["---"] * left + ["---:"] * (len(head) - left)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rules, *rows))


def records(root: Path = ROOT) -> dict[str, dict[str, Any]]:
    """Return what was kept of each machine, by its name."""
    kept = [json.loads(path.read_text()) for path in sorted((root / "docs" / "measured").glob("*.json"))]
    return {record["processor"]: record for record in kept}


def keep(processor: str, parts: Mapping[str, Any], root: Path = ROOT) -> None:
    """Keep parts that were measured on a machine, in place of older ones, and write the pages."""
    record = records(root).get(processor, {}) | {"processor": processor, **parts}
    name = re.sub(r"[^a-z0-9]+", "-", processor.lower()).strip("-")
    folder = root / "docs" / "measured"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    write(tables(root), root)


def tables(root: Path = ROOT) -> dict[str, str]:
    """Return each part as all machines have it, below their names."""
    found: dict[str, list[str]] = {}
    for processor, record in records(root).items():
        for part, text in record.items():
            if isinstance(text, str) and text.startswith("|"):
                found.setdefault(part, []).append(f"On {processor}:\n\n{text}")
            elif part == "machine":
                found.setdefault(part, []).append(text)
    return {part: "\n\n".join(texts) for part, texts in found.items()}


def write(parts: Mapping[str, str], root: Path = ROOT) -> None:
    """Write each part wherever a page asks for it."""
    for page in PAGES:
        path = root / page
        text = path.read_text()
        for name, part in parts.items():
            asked = rf"(<!-- measured: {name} -->\n).*?(<!-- end -->)"
            text = re.sub(asked, lambda m, part=part: f"{m[1]}\n{part}\n\n{m[2]}", text, flags=re.DOTALL)
        path.write_text(text)
