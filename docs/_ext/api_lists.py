"""The API page's lists of names, as a Git host shows them, become what the docstrings say of each name.

An item is a name with a link to its file, and after a colon the members to be shown::

    - [`Tape`](../elman_np/bptt.py): `h`
    - [`ElmanRNN`](../elman_np/model.py): all members, `__call__`

The name is looked up in the package of the file, or, where the package does not pass it on, in the file. A
name with dots is meant as it stands.
"""

from __future__ import annotations

import importlib
import re

from sphinx.application import Sphinx

PAGE = "api"
ITEM = re.compile(r"^- \[`([\w.]+)`\]\(\.\./([\w/]+)\.py\)(?:: (.*))?$", re.MULTILINE)


def directive(item: re.Match[str]) -> str:
    """Return the directive that shows what the item names."""
    name, path, members = item.groups()
    module = path.removesuffix("/__init__").replace("/", ".")
    package = importlib.import_module(module.partition(".")[0])
    if "." not in name:
        name = f"{package.__name__ if name in package.__all__ else module}.{name}"
    home, _, own = name.rpartition(".")
    options = "".join(f"   {option}\n" for option in _options(members or ""))
    kind = _kind(getattr(importlib.import_module(home), own))
    context = name.partition(".")[0]
    return f"```{{eval-rst}}\n.. currentmodule:: {context}\n.. {kind}:: {name}\n{options}```\n"


def _kind(found: object) -> str:
    if not isinstance(found, type):
        return "autofunction" if callable(found) and hasattr(found, "__code__") else "autodata"
    return "autoexception" if issubclass(found, BaseException) else "autoclass"


def _options(members: str) -> list[str]:
    names = re.findall(r"`(\w+)`", members)
    special = [name for name in names if name.startswith("__")]
    plain = [name for name in names if name not in special]
    options = [":members:"] if members.startswith("all members") else []
    if members.startswith("all members, inherited ones too"):
        options.append(":inherited-members:")
    if plain:
        options.append(f":members: {', '.join(plain)}")
    if special:
        options.append(f":special-members: {', '.join(special)}")
    return options


def _expand(app: Sphinx, docname: str, source: list[str]) -> None:
    if docname == PAGE:
        source[0] = ITEM.sub(directive, source[0])


def setup(app: Sphinx) -> dict[str, object]:
    """Register the rewriting."""
    app.connect("source-read", _expand)
    return {"version": "1", "parallel_read_safe": True}
