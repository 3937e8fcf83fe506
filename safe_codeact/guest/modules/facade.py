"""What an import gives: a module object that holds a module's public names, and no way to the module itself.

Threat: every module object leads to everything (`random._os`, `json.codecs`, `typing.sys`), and CPython's own fallback
finds submodules behind one's back: where a `from` import finds no attribute it looks for
`sys.modules[module.__name__ + "." + name]`.
What doesn't work: a class with `__getattribute__` (a specialised attribute load checks for the exact module type, and
loses its speed over anything else, also over a module with `__getattr__`); hiding names by underscore alone.
What we do: an exact `types.ModuleType` with a dict of its own, filled once with what may be seen; its `__name__` never
prefixes a key of `sys.modules` (a package's carries `names.MARKER`, which the streams and messages drop, so that errors
read as CPython's); a module object is put into it only if it is a facade as well.
What still gets through: the objects are the library's own, so what their public attributes and arguments can do is the
business of `policy.knowledge`, `guest.modules.patches` and the gate.
"""

from __future__ import annotations

import sys
from collections.abc import Container, Iterable, Mapping
from types import ModuleType
from typing import Any

from safe_codeact.gate.names import MARKER
from safe_codeact.guest.guards import shield

# Names that describe a library and are read by ordinary code (`np.__version__`).
_DESCRIBING = ("__version__", "__doc__")
# Names that a module without `__all__` has from elsewhere, and documents as its own.
_ADOPTED: Mapping[str, frozenset[str]] = {"hmac": frozenset({"compare_digest"})}


def packages() -> frozenset[str]:
    """The names that something in `sys.modules` could be found behind: packages, and `os` because of `os.path`."""
    parents = {name.rpartition(".")[0] for name in sys.modules}
    return frozenset(parents | {name for name, module in sys.modules.items() if hasattr(module, "__path__")})


def new_facade(
    module: str, names: Mapping[str, Any], *, taken: Container[str], star: Iterable[str] | None = None
) -> ModuleType:
    """A facade of `module` with these names. `taken` is `packages()`: the names of their facades carry the marker.
    `star` is what `from module import *` binds; default: all names.
    """
    facade = ModuleType(module + MARKER if module in taken else module)
    contents = vars(facade)
    contents.update((name, shield(value)) for name, value in names.items())  # a metaclass makes classes of dictionaries
    contents["__all__"] = [name for name in (names if star is None else star) if name in names and name[:1] != "_"]
    return facade


def public_names(raw: ModuleType, denied: Iterable[str]) -> dict[str, Any]:
    """The names of a loaded module that an action may see, submodules left out.

    `__all__` decides where there is one, and whatever else the package itself defines is public too, as long as its
    name says so: models write names that an `__all__` forgot. What the module only imported for its own use is not.
    """
    declared = list(getattr(raw, "__all__", ()))
    hidden = frozenset(denied)
    found: dict[str, Any] = {}
    contents = vars(raw)  # not getattr: a package's own `__getattr__` would import what nobody asked for
    for name in declared:
        if isinstance(name, str) and _shown(name, hidden) and not isinstance(contents.get(name, sys), ModuleType):
            found[name] = contents[name]
    root = raw.__name__.partition(".")[0]
    owned = not declared or _is_package_entry(raw)
    for name, value in list(contents.items()):
        if name in found or not owned or not _shown(name, hidden):
            continue
        if _defined_in(value, root, raw) or name in _ADOPTED.get(raw.__name__, ()):
            found[name] = value
    for name in _DESCRIBING:
        value = contents.get(name)
        if isinstance(value, str):
            found[name] = value
    return found


def _shown(name: str, hidden: frozenset[str]) -> bool:
    return not name.startswith("_") and name not in hidden


def _is_package_entry(raw: ModuleType) -> bool:
    """The standard library's `__all__` lists are complete; those of packages forget names."""
    return raw.__name__.partition(".")[0] not in sys.stdlib_module_names


def _defined_in(value: object, root: str, raw: ModuleType) -> bool:
    """Whether a name without an entry in `__all__` belongs to the module, rather than being one of its imports."""
    if isinstance(value, ModuleType):
        return False
    home = getattr(value, "__module__", None)
    if home is None:
        home = getattr(type(value), "__module__", None)
        # plain data and instances of the package's own classes; an instance of another library's class is an import
        return home == "builtins" or _root(home) == root or (not hasattr(raw, "__file__"))
    return isinstance(home, str) and (_root(home) == root or not hasattr(raw, "__file__"))


def _root(name: object) -> str:
    """The package of a dotted name. What CPython implements in C says `_bisect` where programs say `bisect`."""
    root = name.partition(".")[0] if isinstance(name, str) else ""
    return root.lstrip("_") if root[1:] in sys.stdlib_module_names else root
