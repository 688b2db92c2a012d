"""What an installation says of itself: licences, links, and the installs that messages name."""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]


def sources():
    for package in ("elman_np", "elman_torch"):
        for path in (ROOT / package).rglob("*.py"):
            yield path, path.read_text(encoding="utf-8")


def test_an_install_that_a_message_names_exists():
    """This package is in no index, so that 'elman[torch]' is none; each hint is a requirement of an extra."""
    hints = [
        (path.name, hint) for path, text in sources() for hint in re.findall(r"pip install '(.*?)'", text)
    ]
    assert {hint for _, hint in hints} <= {one for extra in EXTRAS.values() for one in extra}
    assert {"__init__.py", "commands.py", "yahoo.py"} <= {name for name, _ in hints}


def test_the_licence_says_that_the_prices_are_not_mit():
    assert PROJECT["license"] == "MIT AND LicenseRef-Yahoo-prices"
    (named,) = re.findall(
        r"The prices in (\S+) are not under this licence", Path(ROOT, "LICENSE").read_text()
    )
    assert (ROOT / named).is_file()


def test_a_package_index_is_shown_no_link_that_it_cannot_follow():
    text = PROJECT["readme"]["text"]
    assert re.findall(r"\]\(|<img|<a ", text) == []
    for command in re.findall(r"python -m (\w+) --help", text):
        assert (ROOT / command / "__main__.py").is_file()


def test_what_needs_the_tests_packages_is_not_installed_with_the_package():
    """No module of the packages imports what only the tests or the docs install."""
    declared = [*PROJECT["dependencies"], *EXTRAS["torch"], *EXTRAS["plot"], *EXTRAS["live"]]
    known = {re.split(r"[><=\[]", one)[0] for one in declared} | {"elman_np", "elman_torch", "__future__"}
    found = {
        name.partition(".")[0]
        for _, text in sources()
        for name in re.findall(r"^ *(?:import|from) ([a-z_][\w.]*)(?= import|$| as)", text, re.MULTILINE)
    }
    assert found - known - set(sys.stdlib_module_names) == set()
