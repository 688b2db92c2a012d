"""A module that is slow to import, by the name that annotations use, and imported when it is used."""

from __future__ import annotations

from importlib import import_module


class Later:
    """Stands for a module in the globals of another, where `typing.get_type_hints` looks for its name.

    Parameters
    ----------
    name : str
        Of the module.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> object:
        return getattr(import_module(self._name), attribute)
