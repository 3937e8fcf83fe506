"""What a snapshot may refer to by name: this worker's builtins, tools and modules, never anything else of the process."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from safe_codeact.guest import guards
from safe_codeact.guest.modules import Modules
from safe_codeact.policy.effective import Policy


class Knowledge:
    """`namespace.Known` for one action."""

    def __init__(self, policy: Policy, builtins: Mapping[str, Any], tools: Mapping[str, Any], facades: Modules) -> None:
        self._facades = facades
        self._restricted = policy.language.restricted
        self._roots = frozenset(rule.module.partition(".")[0] for rule in policy.language.imports)
        own = {rule.module.partition(".")[0] for rule in policy.language.imports if not rule.facade}
        self._stood_in = self._roots - own  # packages of which actions see nothing but a stand-in
        self._objects = {f"builtin:{name}": obj for name, obj in builtins.items() if callable(obj)}
        self._objects |= {f"tool:{name}": obj for name, obj in tools.items()}
        self._objects |= {f"guard:{name}": guard for name, guard in guards.KEPT.items()}
        self._objects["builtin:type"] = type  # what classes of the session are made of; "guard:type" is what it holds
        self._names = {id(obj): name for name, obj in self._objects.items()}

    def name_of(self, obj: object) -> str | None:
        """ "builtin:…", "tool:…", "module:…" or "attribute:…:…" for what lives in every worker; None for the session's own."""
        known = self._names.get(id(obj))
        if known is not None:
            return known
        if guards.stands_for_type(obj):
            return "guard:type"
        module = self._module_name(obj)
        if module is not None:
            return f"module:{module}"
        address = self._facades.address_of(obj)
        return None if address is None else f"attribute:{address[0]}:{address[1]}"

    def find(self, name: str) -> object:
        """The live object of such a name. Raises `LookupError` or `ImportError` where this action has none."""
        kind, _, rest = name.partition(":")
        if kind == "module":
            return self._facades.find(rest) if self._restricted else importlib.import_module(rest)
        if kind == "attribute":
            module, _, attribute = rest.rpartition(":")
            return self._facades.lookup(module, attribute)
        return self._objects[name]

    def _module_name(self, obj: object) -> str | None:
        """Of a facade, or, where nothing is restricted, of the module itself."""
        if self._restricted or not isinstance(obj, ModuleType):
            return self._facades.name_of(obj)
        return obj.__name__ if sys.modules.get(obj.__name__) is obj else None

    def allows(self, module: str, qualname: str, obj: object) -> bool:
        """Classes of the packages that the policy lets an action import; under no restriction, anything.

        Of a package with a stand-in only what that shows: a stream calls a class, and `logging.FileHandler` opens a file.
        """
        if not self._restricted:
            return True
        root = module.partition(".")[0]
        if root in self._stood_in and self._facades.address_of(obj) is None:
            return False
        return root in self._roots and isinstance(obj, type)
