"""What a snapshot may refer to by name: this worker's builtins, tools and modules, never anything else of the process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safe_codeact.guest.modules import Modules
from safe_codeact.policy.effective import Policy


class Knowledge:
    """`namespace.Known` for one action."""

    def __init__(self, policy: Policy, builtins: Mapping[str, Any], tools: Mapping[str, Any], facades: Modules) -> None:
        self._facades = facades
        self._restricted = policy.language.restricted
        self._roots = frozenset(rule.module.partition(".")[0] for rule in policy.language.imports)
        self._objects = {f"builtin:{name}": obj for name, obj in builtins.items() if callable(obj)}
        self._objects |= {f"tool:{name}": obj for name, obj in tools.items()}
        self._names = {id(obj): name for name, obj in self._objects.items()}

    def name_of(self, obj: object) -> str | None:
        """ "builtin:…", "tool:…" or "module:…" for what lives in every worker; None for what the session made."""
        known = self._names.get(id(obj))
        if known is not None:
            return known
        module = self._facades.name_of(obj)
        return None if module is None else f"module:{module}"

    def find(self, name: str) -> object:
        """The live object of such a name. Raises `LookupError` where this action has none."""
        kind, _, rest = name.partition(":")
        if kind == "module":
            return self._facades.find(rest)
        return self._objects[name]

    def allows(self, module: str, qualname: str, obj: object) -> bool:
        """Classes of the packages that the policy lets an action import; under no restriction, anything."""
        if not self._restricted:
            return True
        return module.partition(".")[0] in self._roots and isinstance(obj, type)
