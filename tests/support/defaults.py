"""The default of every option: what those who leave it out get, and count on.

    python -m tests.support.defaults

writes them anew, and the difference says what changes for them.
"""

from __future__ import annotations

import inspect
import json
from pathlib import Path

PATH = Path(__file__).with_name("defaults.json")


def shown(value: object) -> str:
    """A default as its source has it; of a value that is made, what it is."""
    if isinstance(value, float):  # to the digits that every machine's cube root has
        return f"{value:.12g}"
    return value.__name__ if inspect.isclass(value) else str(value).removeprefix("torch.")


def measure() -> dict[str, dict[str, str]]:
    """Return the defaults of all that `test_options.py` walks, by function or command, and option."""
    from tests.test_options import PARSERS, callables

    found = {
        name: {
            option.name: shown(option.default)
            for option in inspect.signature(function).parameters.values()
            if option.default is not option.empty
        }
        for name, function in callables()
    }
    found |= {
        name: {action.dest: shown(action.default) for action in parser()._actions if action.dest != "help"}
        for name, parser in PARSERS.items()
    }
    return {name: defaults for name, defaults in sorted(found.items()) if defaults}


if __name__ == "__main__":
    PATH.write_text(json.dumps(measure(), indent=1) + "\n")
