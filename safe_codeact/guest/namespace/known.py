"""What a snapshot may refer to outside itself: live objects by name, and classes and functions by module and qualname.

Threat: a stream, or a guest's `__reduce__`, that names something the action was denied.
What doesn't work: trusting `module.qualname` as text. Dotted qualnames walk (`numpy` + `os.system`), modules re-export
what they import (`pandas.compat.subprocess.Popen`), and importing a named module runs it.
What we do: only modules that are loaded, or that belong to a granted package, are looked at; a dotted name is walked
through class dictionaries only; what is found must say the same of itself, and be in the table or granted by `Known`.
"""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Mapping
from typing import Any, Protocol

from safe_codeact.guest.namespace.allowed import (
    CLASS_MODULES,
    CLASSES,
    DENIED_CLASSES,
    DENIED_PREFIXES,
    RECONSTRUCTORS,
)
from safe_codeact.guest.namespace.raw import type_dict


class Known(Protocol):
    """The worker's knowledge of the live objects around a session. All three run in the confined worker."""

    def name_of(self, obj: object) -> str | None:
        """The stable name of an object that comes back by reference: "module:pandas", "builtin:getattr", "tool:x"."""

    def find(self, name: str) -> object:
        """The live object of such a name. Raises LookupError where this action has none."""

    def allows(self, module: str, qualname: str, obj: object) -> bool:
        """Whether the policy grants this class or function. The fixed table of `allowed` is asked before."""


class DefaultKnown:
    """`Known` over plain tables: the guarded builtins, module facades and tools of one action.

    `packages` are the roots whose classes the policy grants. What a facade shows comes back by reference, from the
    facade, whatever it is.
    """

    def __init__(
        self,
        *,
        builtins: Mapping[str, object] | None = None,
        modules: Mapping[str, object] | None = None,
        tools: Mapping[str, object] | None = None,
        packages: frozenset[str] = frozenset({"numpy", "pandas", "matplotlib", "scipy", "sympy"}),
    ) -> None:
        self._packages = packages
        self._modules = dict(modules or {})
        self._objects: dict[str, object] = {}
        for kind, table in (("builtin", builtins), ("module", modules), ("tool", tools)):
            for name, obj in (table or {}).items():
                self._objects[f"{kind}:{name}"] = obj
        for module, facade in self._modules.items():
            for name in dir(facade):
                if not name.startswith("_") and not isinstance(obj := getattr(facade, name, None), types.ModuleType):
                    self._objects.setdefault(f"attribute:{module}:{name}", obj)
        self._names = {id(obj): name for name, obj in self._objects.items() if not _is_plain(obj)}

    def name_of(self, obj: object) -> str | None:
        return self._names.get(id(obj))

    def find(self, name: str) -> object:
        return self._objects[name]

    def allows(self, module: str, qualname: str, obj: object) -> bool:
        return module.partition(".")[0] in self._packages and isinstance(obj, type)


def _is_plain(obj: object) -> bool:
    """Interned values (True, 0, "") would be found by identity wherever they occur."""
    return obj is None or type(obj) in (bool, int, float, complex, str, bytes, tuple, dict, list, set)


def resolve(module: str, qualname: str, known: Known) -> Any:
    """The object of a global reference, or LookupError with the reason why there is none for a snapshot."""
    if module in RECONSTRUCTORS and qualname in RECONSTRUCTORS[module]:
        return getattr(_module(module), qualname)
    if qualname.startswith("__pyx_unpickle_") and _package_granted(module, known):
        return getattr(_module(module, known), qualname)  # Cython's own: makes an instance of the class it is given
    found: Any = _module(module, known)
    for depth, part in enumerate(qualname.split(".")):
        if part.startswith("__") or part == "<locals>":
            raise LookupError(f"{module}.{qualname} is not a public name")
        if depth == 0:
            found = getattr(found, part, None)
        elif isinstance(found, type):
            found = type_dict(found).get(part)
        else:
            raise LookupError(f"{module}.{qualname} is not a class or function of {module}")
    if not granted(module, qualname, found, known):
        raise LookupError(f"{module}.{qualname} is not among what this policy lets a session keep")
    return found


def granted(module: str, qualname: str, obj: object, known: Known) -> bool:
    """Whether `obj`, found as module.qualname, may be named by a snapshot."""
    if isinstance(obj, type):
        return _class_granted(module, qualname, obj, known)
    if not isinstance(obj, types.FunctionType | types.BuiltinFunctionType) and type(obj).__module__ != "numpy":
        return False
    return known.allows(module, qualname, obj)


def _class_granted(module: str, qualname: str, cls: type, known: Known) -> bool:
    home = type_dict(cls).get("__module__", cls.__module__)
    if module == "builtins" and home == "builtins":
        return qualname in CLASSES["builtins"] or issubclass(cls, BaseException)
    if home == "builtins" or type(home) is not str:
        return False  # types.FunctionType, types.CodeType: builtins under another module's name
    for place in {module, home}:
        if qualname in CLASSES.get(place, ()) or (place in CLASS_MODULES and home in (module, place)):
            continue
        if f"{place}.{qualname}" in DENIED_CLASSES or place.startswith(DENIED_PREFIXES):
            return False
        if not known.allows(place, qualname, cls):
            return False
    return True


def _package_granted(module: str, known: Known) -> bool:
    """Whether a module may be imported for its classes. Modules that do something when they are imported may not."""
    root, *inner = module.split(".")
    if root not in sys.modules or root == "__main__" or module.startswith(DENIED_PREFIXES):
        return False
    if any(part.startswith("__") or part in ("tests", "testing", "conftest", "setup") for part in inner):
        return False
    return known.allows(root, "", object)


def _module(name: str, known: Known | None = None) -> types.ModuleType:
    loaded = sys.modules.get(name)
    if loaded is not None and name != "__main__":
        return loaded
    if known is not None and _package_granted(name, known):
        return importlib.import_module(name)
    if known is None and name in RECONSTRUCTORS:
        return importlib.import_module(name)
    raise LookupError(f"the module {name} is not loaded in this worker, or not granted")
