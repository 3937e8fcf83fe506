"""Modules that no library inside a worker has a use for, in every place where a loaded library holds them.

Threat: a library's own `subprocess.check_output(["latex", ...])`, `pickle.load(file)`, `importlib.import_module(name)`,
reached through arguments that are ordinary text and ordinary files.
What we do: after a library was imported, the names by which its modules hold these modules are bound to stand-ins that
refuse. The stand-ins keep the exceptions and constants, which `except` clauses name.
"""

from __future__ import annotations

import gc
import pickle
import subprocess
import sys
from collections.abc import Callable, Container, Mapping
from types import ModuleType
from typing import Any, NoReturn

from safe_codeact.guest.guards.refusal import ActionRefused


class Closed:
    """Stands in for a module: refuses what `refused` lists, and is the module for everything else."""

    def __init__(self, module: ModuleType, refused: Mapping[str, str]) -> None:
        self._module = module
        for name, reason in refused.items():
            if hasattr(module, name):
                setattr(self, name, _refusing(f"{module.__name__}.{name}", reason))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


class OnlyLoaded:
    """Stands in for `importlib` where a library imports what an argument names: the library's own, loaded modules."""

    def __init__(self, prefixes: tuple[str, ...], hint: str) -> None:
        self._prefixes, self._hint = prefixes, hint

    def import_module(self, name: str, package: str | None = None) -> ModuleType:
        found = sys.modules.get(name) if isinstance(name, str) and name.startswith(self._prefixes) else None
        if found is None:
            raise ImportError(f"{name!r} is not available. {self._hint}", name=str(name))
        return found


def _refusing(name: str, reason: str) -> Callable[..., NoReturn]:
    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        raise ActionRefused(f"{name} is not available: {reason}")

    return refuse


def refusing_method(name: str, reason: str) -> Callable[..., NoReturn]:
    """A method to put in the place of a library's own."""
    refuse = _refusing(name, reason)
    refuse.__name__ = refuse.__qualname__ = name.rpartition(".")[2]
    return refuse


_PROCESS = "an action starts no processes."
_PICKLE = "loading a pickle runs code; keep values in variables, or use CSV, JSON or npz files."

NO_PROCESS = Closed(
    subprocess,
    dict.fromkeys(("Popen", "run", "call", "check_call", "check_output", "getoutput", "getstatusoutput"), _PROCESS),
)
NO_PICKLE = Closed(pickle, dict.fromkeys(("load", "loads", "dump", "dumps", "Unpickler", "Pickler"), _PICKLE))


def close(package: str, *, pickles_in: Container[str] = ()) -> None:
    """Exchange `subprocess` in every loaded module of a package, and `pickle` in those named."""
    for name, module in list(sys.modules.items()):
        if name != package and not name.startswith(package + "."):
            continue
        contents = getattr(module, "__dict__", {})
        if contents.get("subprocess") is subprocess:
            contents["subprocess"] = NO_PROCESS
        if name in pickles_in and contents.get("pickle") is pickle:
            contents["pickle"] = NO_PICKLE


def type_contents(kind: type) -> dict[str, Any]:
    """The dictionary behind a type that C code made: immutable to `setattr`, and holding what no action may call.

    `forget_looked_up` must follow a change. Only in the zygote, before anything of an action has run.
    """
    return gc.get_referents(kind.__dict__)[0]  # type: ignore[no-any-return]


def forget_looked_up() -> None:
    """Drop CPython's cache of attributes found in types."""
    getattr(sys, "_clear_internal_caches", sys._clear_type_cache)()
