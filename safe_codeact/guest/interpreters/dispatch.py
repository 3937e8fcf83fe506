"""Which interpreter runs an action, and with which builtins: one table by the policy's `language` section."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from safe_codeact.gate.check import Judgement
from safe_codeact.guest.guards import guarded_builtins
from safe_codeact.guest.interpreters import compiled
from safe_codeact.guest.modules import Modules
from safe_codeact.guest.modules.files import guarded_open
from safe_codeact.policy.effective import Policy

NOTHING = compiled.NOTHING


def builtins_for(
    policy: Policy, facades: Modules, names: dict[str, Any], provided: Mapping[str, Any]
) -> dict[str, Any]:
    """The `__builtins__` of an action; `provided` are ours and the tools, which win over a builtin's name."""
    if policy.language.interpreter == "expression":
        functions = _expression().functions
        return {**functions.FUNCTIONS, **provided, functions.DEFINITIONS: policy.language.functions}
    return guarded_builtins(policy, facades.importer, namespace=names, open_=guarded_open, tools=dict(provided))


def run(judgement: Judgement, names: dict[str, Any]) -> object:
    """Run to the end; the last expression's value, or `NOTHING`."""
    if judgement.formula is not None:
        return _expression().run(judgement, names)
    return compiled.run(judgement, names)


def _expression() -> Any:
    """Loaded by the zygotes whose policy has formulas (`guest.preload`); the others do without asteval."""
    return importlib.import_module("safe_codeact.guest.interpreters.expression")
