"""Imports run one way, and each wing knows only what it stands on."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# What a module stands on, inside its own package; a folder is named for all that is in it.
ALLOWED = {
    "arrays": (),
    "later": (),
    "tables": (),
    "parameters": ("arrays",),
    "cell": ("arrays", "parameters"),
    "recurrence": ("arrays", "cell"),
    "bptt": ("arrays", "parameters", "cell", "recurrence"),
    "losses": ("arrays", "data"),
    "adam": ("arrays", "parameters"),
    "model": ("arrays", "parameters", "cell", "recurrence", "bptt"),
    "data": ("arrays", "data", "files"),
    "commands": ("data",),
    "progress": (),
    "training": ("arrays", "model", "bptt", "losses", "adam", "data", "progress"),
    "forecasting": ("arrays", "model", "data"),
    "files": (),
    "saved": ("arrays", "parameters", "recurrence", "model", "adam", "data", "training", "files"),
    "picture": ("arrays", "losses", "training"),
    "checking.marks": (),
    "checking.balls": ("arrays",),
    "checking.chains": ("arrays", "checking.balls"),
    "checking.adam_bounds": ("arrays", "adam", "checking.balls"),
    "checking.bounds": (
        *("arrays", "parameters", "cell", "recurrence"),
        *("checking.balls", "checking.chains", "checking.adam_bounds"),
    ),
    "checking.step_bounds": (
        *("arrays", "parameters", "cell", "recurrence", "checking.balls", "checking.bounds"),
    ),
    "checking.comparison": ("arrays", "checking.balls"),
    "checking.oracles": ("arrays", "parameters", "cell", "recurrence", "bptt"),
    "checking.mistakes": ("checking.marks", "checking.mistakes"),
}
ON_TOP = ("checking", "notebook", "__main__", "__init__")
"""They may use all of the network, and nothing of the network may use them."""


def modules():
    for path in sorted((ROOT / "elman_np").rglob("*.py")):
        parts = path.relative_to(ROOT / "elman_np").with_suffix("").parts
        name = ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)
        yield pytest.param(path, name, id=name)


def imports(path):
    """Names of all modules that a file imports, also inside its functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if is_module(ROOT / whole.replace(".", "/")) else node.module


def is_module(path):
    return path.is_dir() or path.with_suffix(".py").exists()


def inside(name, places):
    return any(name == place or name.startswith(f"{place}.") for place in places)


@pytest.mark.parametrize(("path", "name"), list(modules()))
def test_a_module_imports_only_what_it_stands_on(path, name):
    used = {module for module in imports(path) if is_module(ROOT / module.replace(".", "/"))}
    assert not any(module.split(".")[0] == "elman_torch" for module in imports(path))
    within = {module.removeprefix("elman_np.") for module in used if module != "elman_np"}
    place = next((place for place in ALLOWED if inside(name, [place])), None)
    if place is None:
        assert inside(name, ON_TOP), f"{name}: say in ALLOWED what it stands on"
        return
    assert "elman_np" not in set(imports(path))
    assert {module for module in within if not inside(module, [*ALLOWED[place], "later", "tables"])} == set()


def test_shapes_need_no_package():
    """Whoever installs a package alone has its types: `typing.Annotated` says shapes, and not jaxtyping."""
    paths = [path for package in ("elman_np", "elman_torch") for path in (ROOT / package).rglob("*.py")]
    assert [path.name for path in paths if "jaxtyping" in imports(path)] == []


def test_no_wing_is_listed_that_is_gone():
    names = [param.values[1] for param in modules()]
    assert [place for place in ALLOWED if not any(inside(name, [place]) for name in names)] == []


def test_pytorch_is_never_imported_by_the_numpy_package():
    """Whatever is imported of it, inside functions too, in a process of its own."""
    names = [f"elman_np.{param.values[1]}" for param in modules() if "__" not in param.values[1]]
    code = (
        f"import sys, importlib; [importlib.import_module(n) for n in {names}]; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
