"""The docs' build fails when page, code and tests drift apart, or when a page breaks its own rules.

A small tree of docs is copied, one thing in it is broken, and the build must say so.
"""

import contextlib
import io
import os
import re
import runpy
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
MUST = "CI" in os.environ  # there, what the docs need must not be missing

if not MUST:
    pytest.importorskip("sphinx", reason="the docs need the extra `docs`")
    pytest.importorskip("myst_parser", reason="the docs need the extra `docs`")
    if shutil.which("npm") is None:
        pytest.skip("the docs need node and npm", allow_module_level=True)

INDEX = """\
# Front

## Chapters

1. [One](one.md): a chapter
2. [Two](two.md): and another
"""
ONE = r"""# One

<a id="eq-1-1"></a>

```math
a = w\, x \qquad\text{(1.1)}
```

```python eq=1.1
a = w * x
```

The square costs \$0; see [(1.1)](#eq-1-1) and [(1.2)](two.md#eq-1-2).

![A line from left to right](figures/line.svg)

*A line.*
"""
TWO = r"""# Two

<a id="eq-1-2"></a>

```math
y = a^2 \qquad\text{(1.2)}
```

```python eq=1.2 file=elman_np/cell.py
y = a * a
if y > 1:
    y = 1
```

By [(1.1)](one.md#eq-1-1), $y$ is $`w^2 x^2 < 1`$. One of $+$, $-$, $=$ or none. In the other file:

```python eq=1.1 file=elman_np/fast.py
a = w * x
```

```python eq=1.2 file=elman_np/fast.py
y = a**2
```

<a id="eq-1-3"></a>

```math
z = -y \qquad\text{(1.3)}
```

```python eq=1.3
z = -y
```
"""
CELL = """\
def step(w, x):
    # (1.1)
    a = w * x
    # (1.2)
    y = a * a
    if y > 1:
        y = 1

    return y
"""
FAST = """\
def fast(w, x):
    # (1.1)
    a = w * x
    # (1.2)
    y = a**2
    # (1.3)
    z = -y

    return z
"""
TESTS = """\
import pytest

ALL = tuple(f"1.{i}" for i in (1, 2, 3))


@pytest.mark.eq(
    *ALL
)
@pytest.mark.parametrize("x", [1])
def test_step(x): ...


class TestMore:
    pytestmark = pytest.mark.eq("1.1")

    def test_more(self): ...
"""
TREE = {
    "docs/index.md": INDEX,
    "docs/one.md": ONE,
    "docs/two.md": TWO,
    "docs/figures/line.svg": '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"/>',
    "elman_np/cell.py": CELL,
    "elman_np/fast.py": FAST,
    "tests/deep/test_step.py": TESTS,
}


class Breakage(NamedTuple):
    """What is replaced where (all of a new file is put in place of nothing), and what the build must say."""

    name: str
    path: str
    old: str
    new: str
    message: str
    builder: str = "dummy"  # reads and resolves all pages, and writes none


BREAKAGES = [
    Breakage(
        "the code changes, and another file still has the page's",
        "elman_np/cell.py",
        "a = w * x",
        "a = w * x + 1",
        "(1.1): the page's code is not that of elman_np/cell.py:3",
    ),
    Breakage(
        "a line joins the code",
        "elman_np/cell.py",
        "y = 1\n",
        "y = 1\n    y += 0\n",
        "(1.2): the page's code is not that of elman_np/cell.py:5",
    ),
    Breakage(
        "the code of another file changes",
        "elman_np/fast.py",
        "a**2",
        "a * a",
        "(1.2): the page's code is not that of elman_np/fast.py:5",
    ),
    Breakage(
        "the page's code changes",
        "docs/one.md",
        "a = w * x\n",
        "a = x * w\n",
        "(1.1): the page's code is not that of elman_np/cell.py:3",
    ),
    Breakage(
        "the code of another file changes, and the specification still has the page's",
        "elman_np/fast.py",
        "a = w * x",
        "a = x * w",
        "(1.1): the page's code is not that of elman_np/fast.py:3",
    ),
    Breakage(
        "the page's code is that of another equation",
        "docs/two.md",
        "eq=1.1 file",
        "eq=1.3 file",
        "(1.3): the page's code is not that of elman_np/fast.py:7",
    ),
    Breakage(
        "a row names a file without the mark",
        "docs/two.md",
        "eq=1.3",
        "eq=1.3 file=elman_np/cell.py",
        "no '# (1.3)' in elman_np/cell.py",
    ),
    Breakage(
        "a row names a file that is not there",
        "docs/two.md",
        "eq=1.3",
        "eq=1.3 file=elman_np/gone.py",
        "no '# (1.3)' in elman_np/gone.py",
    ),
    Breakage(
        "a row could mean either of two files, and neither is the specification",
        "elman_np/slow.py",
        "",
        "def slow(y):\n    # (1.3)\n    z = -y\n",
        "'# (1.3)' is in elman_np/fast.py and elman_np/slow.py: the row must name its file",
    ),
    Breakage(
        "the mark is gone",
        "elman_np/fast.py",
        "    # (1.3)\n",
        "",
        "no '# (1.3)' in elman_np",
    ),
    Breakage(
        "the specification's mark is gone, and another file has the same code",
        "elman_np/cell.py",
        "    # (1.1)\n",
        "",
        "(1.1) of elman_np/fast.py:3 is shown in one already",
    ),
    Breakage(
        "two rows show the same lines",
        "docs/two.md",
        "```python eq=1.3\nz = -y\n```\n",
        "```python eq=1.3\nz = -y\n```\n" * 2,
        "(1.3) of elman_np/fast.py:7 is shown in two already",
    ),
    Breakage(
        "a file has the mark twice",
        "elman_np/fast.py",
        "    return z",
        "    # (1.1)\n    a = w * x\n\n    return z",
        "(1.1) is marked in this file already, at line 2",
    ),
    Breakage(
        "no row shows a file's lines",
        "elman_np/slow.py",
        "",
        "def slow(w, x):\n    # (1.1)\n    a = x * w\n",
        "no row shows (1.1) of elman_np/slow.py:3",
    ),
    Breakage(
        "a row is misspelt",
        "docs/two.md",
        "eq=1.2 file=elman_np/fast.py",
        "eq=1.2 files=elman_np/fast.py",
        "no row shows (1.2) of elman_np/fast.py:5",
    ),
    Breakage(
        "the mark is not on a line by itself",
        "elman_np/fast.py",
        "y = a**2",
        "y = a**2  # (1.1)",
        "an equation's mark has a line to itself",
    ),
    Breakage(
        "the mark stands above nothing",
        "elman_np/fast.py",
        "    # (1.3)\n",
        "    # (1.3)\n\n",
        "no code below the mark (1.3)",
    ),
    Breakage(
        "the page leaves the code out",
        "docs/one.md",
        "```python eq=1.1\na = w * x\n```\n",
        "",
        "(1.1) has code at elman_np/cell.py:3, which must follow it",
    ),
    Breakage(
        "no test is marked",
        "tests/deep/test_step.py",
        "(1, 2, 3)",
        "(1, 3)",
        "(1.2) is implemented, but no test is marked eq('1.2')",
    ),
    Breakage(
        "the mark of a test cannot be read",
        "tests/deep/test_step.py",
        '"1.1"',
        "str(missing)",
        "cannot read pytest.mark.eq(str(missing))",
    ),
    Breakage(
        "a test cites an equation that is nowhere",
        "tests/deep/test_step.py",
        '"1.1"',
        '"1.1", "9.9"',
        "a test cites (9.9), which is on no page",
    ),
    Breakage(
        "the code cites an equation that is nowhere",
        "elman_np/fast.py",
        "    return z",
        "    # (9.9)\n    return z",
        "the code cites (9.9), which is on no page",
    ),
    Breakage(
        "a number is given twice",
        "docs/two.md",
        r"y = a^2 \qquad\text{(1.2)}",
        r"y = a^2 \qquad\text{(1.1)}",
        "(1.1) is defined in one already",
    ),
    Breakage(
        "a formula has two numbers",
        "docs/two.md",
        r"\qquad\text{(1.2)}",
        r"\qquad\text{(1.2)} \qquad\text{(1.3)}",
        "more than one number in a formula",
    ),
    Breakage(
        "the anchor is gone",
        "docs/two.md",
        '<a id="eq-1-2"></a>\n',
        "",
        '(1.2) needs <a id="eq-1-2"></a> above it',
    ),
    Breakage(
        "an anchor stands above something else",
        "docs/one.md",
        "The square",
        '<a id="eq-1-3"></a>\n\nThe square',
        '<a id="eq-1-3"></a> is not above its equation',
    ),
    Breakage(
        "a link names another equation",
        "docs/one.md",
        "[(1.1)](#eq-1-1)",
        "[(1.2)](#eq-1-1)",
        "the link text '(1.2)' does not name #eq-1-1",
    ),
    Breakage(
        "a link to another page names another equation",
        "docs/two.md",
        "[(1.1)](one.md#eq-1-1)",
        "[(1.2)](one.md#eq-1-1)",
        "the link text '(1.2)' does not name #eq-1-1",
    ),
    Breakage(
        "a link leads nowhere",
        "docs/one.md",
        "[(1.1)](#eq-1-1)",
        "[(1.7)](#eq-1-7)",
        "'myst' cross-reference target not found: 'eq-1-7'",
    ),
    Breakage(
        "a link to another page leads nowhere",
        "docs/one.md",
        "[(1.2)](two.md#eq-1-2)",
        "[(1.7)](two.md#eq-1-7)",
        "local id not found in doc 'two': 'eq-1-7'",
    ),
    Breakage(
        "bad LaTeX",
        "docs/one.md",
        r"w\, x",
        r"\frac{w x",
        "KaTeX: KaTeX parse error",
        builder="html",
    ),
    Breakage(
        "a macro that a Git host refuses",
        "docs/one.md",
        r"w\, x",
        r"\operatorname{w} x",
        r"a Git host does not render \operatorname",
    ),
    Breakage(
        "mathematics in a line that Markdown would alter",
        "docs/two.md",
        "$`w^2 x^2 < 1`$",
        "$w^2 x^2 < 1$",
        "write $`w^2 x^2 < 1`$: a Git host's Markdown would alter it",
    ),
    Breakage(
        "a dollar that is no mathematics",
        "docs/one.md",
        r"\$0",
        "$0",
        "a '$' that is not mathematics",
    ),
    Breakage(
        "too many formulas for a Git host",
        "docs/two.md",
        "By [(1.1)]",
        "$x$ " * 2000 + "\n\nBy [(1.1)]",
        "of 2000 on a Git host: split the page",
    ),
    Breakage(
        "the figure is gone",
        "docs/one.md",
        "figures/line.svg",
        "figures/gone.svg",
        "image file not readable: figures/gone.svg",
    ),
    Breakage(
        "a figure without alternative text",
        "docs/one.md",
        "A line from left to right",
        "",
        "figure figures/line.svg has no alternative text",
    ),
    Breakage(
        "a figure without a caption",
        "docs/one.md",
        "*A line.*\n",
        "",
        "figure figures/line.svg has no caption",
    ),
    Breakage(
        "a page that the front page does not list",
        "docs/index.md",
        "2. [Two](two.md): and another\n",
        "",
        "document isn't included in any toctree",
    ),
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Make the small tree, with the real build around it."""
    try:
        runpy.run_path(str(ROOT / "docs" / "build.py"))["install_packages"]()
    except SystemExit as end:
        if MUST:
            raise
        pytest.skip(str(end))
    root = tmp_path_factory.mktemp("tree")
    for path, text in TREE.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    for name in ("conf.py", "_ext", "_static", "_templates", "node_modules"):
        (root / "docs" / name).symlink_to(ROOT / "docs" / name)
    return root


def build(root, builder):
    """Build with warnings as errors: the exit status, the pages' HTML, and what was said."""
    from sphinx.cmd.build import build_main

    said = io.StringIO()
    options = ["-W", "--keep-going", "-n", "-E", "-q", "--no-color", "-D", "html_theme=basic"]
    before = list(sys.path)
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        status = build_main([*options, "-b", builder, str(root / "docs"), str(root / "site")])
    sys.path[:] = before
    return status, {path.stem: path.read_text() for path in (root / "site").glob("*.html")}, said.getvalue()


@pytest.mark.filterwarnings("ignore")
def test_the_tree_is_sound_and_shows_equation_code_and_test(tree):
    status, pages, said = build(tree, "html")
    assert (status, said) == (0, "")
    one, two = (re.sub(r"<[^>]+>", "", pages[name]) for name in ("one", "two"))
    assert "elman_np/cell.py:3" in one
    assert re.search(r"checked by 2 tests\s+test_more\s+test_step", one)  # who cites fewer equations first
    assert "elman_np/cell.py:5-7" in two
    assert re.search(r"checked by 1 test\s+test_step", two)
    assert "also in elman_np/fast.py:5" in two
    assert "elman_np/fast.py:7" in two  # the only file that has this equation
    without_mathml = re.sub(r"<math.*?</math>", "", pages["two"], flags=re.DOTALL)
    assert "One of +, −, = or none." in re.sub(r"<[^>]+>", "", without_mathml)
    assert 'id="eq-1-1"' in pages["one"]
    assert "<math" in pages["one"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("breakage", BREAKAGES, ids=[breakage.name for breakage in BREAKAGES])
def test_the_build_notices_when(breakage, tree, tmp_path):
    broken = tmp_path / "tree"
    shutil.copytree(tree, broken, symlinks=True, ignore=shutil.ignore_patterns("site"))
    path = broken / breakage.path
    text = path.read_text() if path.exists() else ""
    assert text.count(breakage.old) == 1, "the breakage must break one place"
    path.write_text(text.replace(breakage.old, breakage.new))
    status, _, said = build(broken, breakage.builder)
    assert status == 1
    assert breakage.message in said
