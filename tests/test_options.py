"""Every option there is, is observed: signatures and parsers are walked, and compared with what tests say.

A new option without a test that observes it fails here, and so does a test of an option that is gone.
"""

import inspect

import elman_np as en
import elman_np.__main__
import elman_torch as et
import elman_torch.__main__
import elman_torch.training
from elman_np import notebook, picture
from elman_np.checking import learner, oracles
from elman_np.checking.learner import running
from elman_torch import notebook as torch_notebook
from tests import (  # noqa: F401 (they fill OBSERVED)
    test_command_lines,
    test_file,
    test_forecasting,
    test_learner_running,
    test_misuses,
    test_options_checker,
    test_options_commands,
    test_options_network,
    test_options_notebook,
    test_options_training,
    test_parameters,
    test_saved,
    test_series,
    test_shown,
    test_stopped,
    test_verdicts,
)
from tests.support.observed import OBSERVED

# Public by __all__, or because a command or a page uses them.
EVERYTHING = {
    "elman_np": (en, en.__all__),
    "elman_torch": (et, et.__all__),
    "elman_np.notebook": (notebook, notebook.__all__),
    "elman_torch.notebook": (torch_notebook, None),
    "elman_torch.training": (elman_torch.training, None),
    "elman_np.picture": (picture, None),
    "elman_np.checking.learner": (learner, [name for name in learner.__all__ if name != "Report"]),
    "elman_np.checking.oracles": (oracles, ["forward_mode", "complex_step", "central_differences"]),
    "elman_np.__main__": (elman_np.__main__, ["forecast_errors", "errors_table"]),
}
PARSERS = {
    "python -m elman_np": elman_np.__main__.parser,
    "python -m elman_np notebook": notebook.parser,
    "python -m elman_np check": running.parser,
    "python -m elman_torch": elman_torch.__main__.parser,
    "python -m elman_torch notebook": torch_notebook.parser,
}


def own(module):
    """Public functions and classes that are defined in a module itself."""
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
        and (inspect.isfunction(value) or inspect.isclass(value))
    ]  # fmt: skip


def callables():
    """Name and signature of all functions, constructors, methods and setters; each once."""
    seen = set()
    for place, (module, names) in EVERYTHING.items():
        for name in names or own(module):
            value = getattr(module, name)
            if id(value) in seen or not (inspect.isfunction(value) or inspect.isclass(value)):
                continue
            seen.add(id(value))
            if inspect.isfunction(value):
                yield f"{place}.{name}", value
            else:
                yield from members(f"{place}.{name}", value)


def members(name, kind):
    """The constructor of a class if it has its own, and its public methods."""
    if "__init__" in vars(kind) or "__new__" in vars(kind):
        yield name, kind
    ours = [base for base in kind.__mro__ if base.__module__.startswith("elman_")]
    for attribute, value in (item for base in ours for item in vars(base).items()):
        if attribute.startswith("_") and attribute != "__call__":
            continue
        if isinstance(value, property):
            if value.fset is not None:
                yield f"{name}.{attribute}", value.fset
        elif isinstance(value, classmethod | staticmethod):
            yield f"{name}.{attribute}", getattr(kind, attribute)
        elif inspect.isfunction(value):
            yield f"{name}.{attribute}", value


def options(function):
    return {name for name in inspect.signature(function).parameters if name != "self"}


def parser_options(parser):
    return {action.dest for action in parser._actions if action.dest != "help"}


def everything():
    found = {name: options(function) for name, function in callables()}
    found |= {name: parser_options(parser()) for name, parser in PARSERS.items()}
    return {name: names for name, names in found.items() if names}


def test_every_option_is_observed():
    found = everything()
    missing = {name: sorted(names - OBSERVED.get(name, set())) for name, names in found.items()}
    assert {name: names for name, names in missing.items() if names} == {}


def test_no_option_is_named_that_is_gone():
    found = everything()
    gone = {name: sorted(names - found.get(name, set())) for name, names in OBSERVED.items()}
    assert {name: names for name, names in gone.items() if names} == {}


def test_the_walk_finds_what_there_is():
    """Functions, constructors, class methods, setters, calls and parsers; names that begin with _ are not."""
    found = everything()
    assert {"batch_size", "shuffle", "clip_norm"} < found["elman_np.train"]
    assert found["elman_np.ElmanRNN.from_params"] == {"params", "activation", "reset_every", "chunk"}
    assert found["elman_np.Adam.lr"] == {"lr"}
    assert found["elman_np.ElmanRNN.__call__"] == {"x", "h_0"}
    assert {"per_day", "dtype"} < found["python -m elman_torch notebook"]
    assert not any("._" in name.replace(".__call__", "").replace(".__main__", "") for name in found)
