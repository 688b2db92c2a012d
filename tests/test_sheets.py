"""The two sheets say what the chapters say: all equations, and each letter with one meaning in a chapter."""

import collections
import re

import pytest

from tests.programs.equations_page import DOCS, chapters, equations, page

GREEK = frozenset(
    re.findall(
        r"\w+",
        "alpha beta gamma delta Delta varepsilon zeta eta theta kappa lambda Lambda mu xi pi rho sigma Sigma "
        "tau psi omega",
    )
)
FENCE = re.compile(r"^```(\w*)[^\n]*\n.*?^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(?<!\$)`[^`\n$]+`(?!\$)")
MATHS = re.compile(
    r"^```math\n(.*?)^```|\$`([^`\n]+)`\$|(?<![\w$\\-])\$(?!\s)([^$\n`]+?)(?<!\s)\$(?![\w$])", re.M | re.S
)
WORDS = re.compile(r"\\(?:text|mathrm|begin|end)\{[^{}]*\}|\\qquad\\text\{[^{}]*\}")
NAMES = re.compile(r"d?(?:w_x|w_h|b_h|w_y|b_y|h_0|h_n)(?![A-Za-z])")
SAME_EVERYWHERE = frozenset("TBIHOxhyL")
ROW = re.compile(r"^\| \$(?P<letter>\\?\w+)\$ \| (?P<chapters>[\d, -]+) \| (?P<meaning>.+) \|$", re.MULTILINE)
BLOCK = re.compile(
    r"^ *(?P<fence>`{3,})(?P<kind>[^`\n]*)\n(?P<code>.*?)^ *(?P=fence)$", re.MULTILINE | re.DOTALL
)
COLUMN = 90  # characters of code beside each other on the site
OTHER_AUTHORS = re.compile(r"^## The names that others use\n.*?^## ", re.MULTILINE | re.DOTALL)


def letters(text):
    """Single letters of all formulas: w_x and the like are names, and `d` before a letter is a gradient."""
    text = FENCE.sub(lambda fence: fence[0] if fence[1] == "math" else "", OTHER_AUTHORS.sub("## ", text))
    text = CODE.sub("", text)
    found = set()
    for formula in (next(filter(None, match.groups())) for match in MATHS.finditer(text)):
        bare = WORDS.sub(" ", NAMES.sub(" ", formula))
        found |= GREEK & set(re.findall(r"\\([A-Za-z]+)", bare))
        for run in re.findall(r"[A-Za-z]+", re.sub(r"\\[A-Za-z]+", " ", bare)):
            found |= {run[1]} if len(run) == 2 and run[0] == "d" else set(run)
    return found - SAME_EVERYWHERE


def numbers(text):
    """1-3, 5 is 1, 2, 3, 5."""
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        yield from range(int(first), int(last or first) + 1)


def table():
    """Return of each (letter, chapter) the meanings in docs/symbols.md."""
    meanings = collections.defaultdict(list)
    for row in ROW.finditer((DOCS / "symbols.md").read_text(encoding="utf-8")):
        for number in numbers(row["chapters"]):
            meanings[row["letter"].lstrip("\\"), number].append(row["meaning"])
    return meanings


def test_the_page_of_equations_is_made_from_the_chapters():
    written = (DOCS / "equations.md").read_text(encoding="utf-8")
    assert (
        re.sub(r"\n<sub>.*</sub>\n\Z", "", written) == page()
    )  # the last line is written by the docs' build


def test_every_number_in_a_chapter_is_found():
    for name in chapters():
        text = (DOCS / name).read_text(encoding="utf-8")
        assert [f"({equation.number})" for equation in equations(name)] == re.findall(
            r"\\qquad\s*\\text\{(\(\d+\.\d+[a-z]?\))\}", text
        )


@pytest.mark.parametrize(("number", "name"), list(enumerate(chapters(), start=1)))
def test_each_letter_has_one_meaning_in_a_chapter(number, name):
    meanings = table()
    listed = {letter for letter, chapter in meanings if chapter == number}
    assert listed == letters((DOCS / name).read_text(encoding="utf-8"))
    assert [key for key, found in meanings.items() if len(found) > 1] == []


def test_seven_equations_are_only_steps_of_an_argument():
    """The front page names them."""
    texts = {name: (DOCS / name).read_text(encoding="utf-8") for name in chapters()}
    with_code = {
        number for text in texts.values() for number in re.findall(r"^```python eq=(\S+)", text, re.M)
    }
    rest = {equation.number for name in texts for equation in equations(name)} - with_code
    assert rest == {"6.1a", "6.1b", "6.2a", "6.2b", "7.5a", "8.1a", "8.1b"}


def test_a_round_d_is_the_immediate_derivative():
    """Of a sum with respect to a weight, on one line of the forward pass; all others are upright."""
    for path in DOCS.glob("*.md"):
        for round_d in re.findall(r"\\partial (?:\w+\}?)", path.read_text(encoding="utf-8")):
            assert round_d in {r"\partial a_t", r"\partial a_t}", r"\partial w_h", r"\partial w_h}"}, (
                path.name
            )


@pytest.mark.parametrize("name", chapters())
def test_a_chapter_says_what_it_needs_and_what_it_was_for_and_its_minutes_are_those_of_its_words(name):
    text = (DOCS / name).read_text(encoding="utf-8")
    places = [
        text.index(part) for part in ("\n> **Needs:** ", " minutes", "\n## In short\n", "\n**You can now** ")
    ]
    assert places == sorted(places)
    minutes = int(re.search(r"\*\*Time:\*\* (\d+) minutes", text)[1])
    assert abs(minutes - len(text.split()) / 150) <= 5
    front = re.search(rf"\]\({name}\): .* \((\d+)", (DOCS / "index.md").read_text(encoding="utf-8"))
    assert int(front[1]) == minutes


def test_letters_are_found_in_formulas_and_nowhere_else():
    text = (
        "# d\n\n```python\n$q$\n```\n\n`v`, $dz = \\eta\\, a_k$ and $`w_h^\\top \\text{no}`$.\n\n"
        "```math\nb^2\n```\n"
    )
    assert letters(text) == {"z", "eta", "a", "k", "b"}


def too_long(text):
    """Return the lines of code that are wider than the site's column, which could be broken.

    A formula is no code, `text` is what a command prints, and the lines below a numbered equation are those
    of the source: the build compares them.
    """
    return [
        line
        for block in BLOCK.finditer(text)
        if block["kind"] not in ("math", "text") and " eq=" not in block["kind"]
        for line in block["code"].splitlines()
        if len(line) > COLUMN
    ]


@pytest.mark.parametrize("path", sorted(DOCS.glob("*.md")), ids=lambda path: path.stem)
def test_code_is_no_wider_than_the_column(path):
    assert too_long(path.read_text(encoding="utf-8")) == []


def test_a_line_of_code_that_is_too_wide_is_found():
    fits, wide = "a" * COLUMN, "b" * (COLUMN + 1)
    kinds = "python", "py", "sh", "", "math", "text", "python eq=3.4", "python eq=3.4 file=elman_np/bptt.py"
    found = {
        kind for kind in kinds if too_long(f"{wide}\n\n```{kind}\n{fits}\n{wide}\n```\n{wide}\n") == [wide]
    }
    assert found == {"python", "py", "sh", ""}
