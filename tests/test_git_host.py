"""What a Git host shows of the pages, which nobody builds: links, and no directives."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def git_host():
    sys.path.insert(0, str(DOCS / "_ext"))
    try:
        pytest.importorskip("sphinx", reason="the docs need the extra `docs`")
        import git_host
    finally:
        sys.path.remove(str(DOCS / "_ext"))
    return git_host


def test_each_row_names_its_line_and_each_page_its_neighbours(git_host):
    """If this fails: `python docs/build.py` writes these lines anew."""
    assert [path.name for path, _ in git_host.stale(DOCS)] == []
    text = (DOCS / "bptt.md").read_text()
    line = (ROOT / "elman_np" / "cell.py").read_text().splitlines().index("    # (3.9)") + 2
    assert f"```\n<sub>[elman_np/cell.py:{line}](../elman_np/cell.py#L{line})</sub>\n" in text
    assert text.splitlines()[-1].startswith("<sub>[← The loss](loss.md) · [all pages](index.md) · [")


def test_what_stands_there_for_a_git_host_alone_is_left_out_of_the_site(git_host):
    text = (DOCS / "bptt.md").read_text()
    left = git_host.without_own_lines(text)
    assert "<sub>" not in left
    assert left.count("\n") == text.count("\n")


def test_the_front_pages_row_is_that_of_the_source(git_host):
    assert f">{git_host.read_marks(ROOT).place('3.4').code}<" in (DOCS / "figures" / "row.svg").read_text()


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.stem)
def test_no_page_has_a_raw_directive(page):
    assert "```{" not in page.read_text()
