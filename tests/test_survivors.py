"""What mutation testing left unnoticed is still what the source says, and what the page counts."""

import json
import re
from pathlib import Path

import pytest

from tests.programs.mutants import KEPT, TESTS

ROOT = Path(__file__).parents[1]
SURVIVORS = json.loads(KEPT.read_text())
PAGE = (ROOT / "docs" / "parity.md").read_text()


@pytest.mark.parametrize("file", SURVIVORS)
def test_each_survivors_line_is_still_there(file):
    """A line that has changed since is to be tried again: python -m tests.programs.mutants FILE."""
    lines = {line.strip() for line in (ROOT / file).read_text().splitlines()}
    gone = [line for change in SURVIVORS[file]["survivors"] for line in change
            if line.startswith("-") and line[1:].strip() not in lines]  # fmt: skip
    assert gone == []


def test_the_page_has_the_counts():
    table = dict(re.findall(r"^\| `(elman_\S+)` \| (\d+ \| \d+) \|", PAGE, re.MULTILINE))
    assert table == {
        file: f"{found['mutants']} | {len(found['survivors'])}" for file, found in SURVIVORS.items()
    }
    assert SURVIVORS.keys() <= TESTS.keys()
