"""How a mistake is written down, and how the package is run with one of them in it."""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import CodeType, ModuleType

from elman_np.checking.marks import equation_of

PACKAGE = "elman_np"
HOME = Path(__file__).parents[2]


@dataclass(frozen=True)
class Change:
    """Other text for a piece of our source."""

    name: str
    what: str
    """A sentence: what is computed in place of what."""
    file: str
    """Inside `elman_np`, folders included."""
    old: str
    """Occurs once in the file."""
    new: str

    @property
    def text(self) -> str:
        """The file's text after the change.

        Raises
        ------
        LookupError
            Unless the old text occurs exactly once: then the source has moved on, and the entry must follow.
        """
        return self.within(_read(self.file))

    def within(self, text: str) -> str:
        """Return a text of the file, in which other changes may be already, after this one."""
        if (count := text.count(self.old)) != 1:
            raise LookupError(f"{self.name}: its old text occurs {count} times in {self.file}, not once")
        return text.replace(self.old, self.new)

    @property
    def equation(self) -> str | None:
        """The number of the equation whose lines it changes, if it changes marked lines."""
        return equation_of(_read(self.file).partition(self.old.lstrip())[0])


@dataclass(frozen=True, kw_only=True)
class Mistake(Change):
    """A change that alters results."""

    hint: str
    """How it can be seen, or mended."""
    hidden_in_float32: str = ""
    """Why float32 cannot show it, if it cannot."""
    hidden_in_float64: str = ""
    """Why float64 cannot show it, if it cannot."""


def plant(*changes: Change, only: Sequence[str] = ()) -> ModuleType:
    """Run the whole package afresh with one change in it, or several, and return it.

    Nothing in `sys.modules` is touched: the modules of the copy find each other, and no one else does.

    Parameters
    ----------
    *changes : Change
    only : sequence of str
        If given, only these modules are run, and what they stand on; the package has what they define. That
        is quicker than the whole.

    Raises
    ------
    LookupError
        If the text to be changed is gone.
    """
    changed, modules = dict[str, str](), dict[str, ModuleType]()
    for change in changes:
        changed[change.file] = change.within(changed.get(change.file) or _read(change.file))

    def load(name: str) -> ModuleType:
        folder, _, last = name.rpartition(".")
        if folder:
            load(folder)
        if name not in modules:  # the folder's own text may have loaded it
            file = _file(name)
            module = modules[name] = ModuleType(name)
            module.__file__ = str(HOME / file)
            module.__dict__["__builtins__"] = vars(builtins) | {"__import__": find}
            exec(_compiled(file, changed.get(file) or _read(file)), module.__dict__)
            if folder:
                setattr(modules[folder], last, module)
        return modules[name]

    def find(
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        if name.split(".")[0] != PACKAGE:
            return __import__(name, globals, locals, fromlist or (), level)
        module = load(name)
        for item in fromlist or ():
            if not hasattr(module, item):
                load(f"{name}.{item}")
        return module if fromlist else modules[PACKAGE]

    if only:
        package = modules[PACKAGE] = ModuleType(PACKAGE)
        for name in only:
            load(f"{PACKAGE}.{name}")
            package.__dict__.update(
                {k: v for k, v in vars(modules[f"{PACKAGE}.{name}"]).items() if k[0] != "_"}
            )
        return package
    load(PACKAGE)
    for change in changes:
        load(".".join([PACKAGE, *Path(change.file).with_suffix("").parts]))
    return modules[PACKAGE]


def _file(module: str) -> str:
    """Where a module's text is, inside the package: a file of its name, or a folder's `__init__.py`."""
    path = Path(*module.split(".")[1:])
    return (path / "__init__.py" if (HOME / path).is_dir() else path.with_suffix(".py")).as_posix()


def _read(file: str) -> str:
    return (HOME / file).read_text(encoding="utf-8")


@lru_cache(maxsize=32)
def _compiled(file: str, text: str) -> CodeType:
    return compile(text, str(HOME / file), "exec")
