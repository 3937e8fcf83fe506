"""G402 denied-name: a name of an allowed module that stays hidden.

Refuses   pandas.read_pickle, numpy.memmap ..., and what a policy's `deny` lists.
Why       These corners run code or read raw memory; the rest of the module does not need them.
Behind it The module's facade does not have the name either.
Instead   The finding says why it is hidden; use the module's other functions.
"""

from __future__ import annotations

import ast

from safe_codeact.gate.rule import Rule, Situation
from safe_codeact.policy.knowledge import DENIED


def check_from(situation: Situation, node: ast.ImportFrom) -> None:
    if node.level or not node.module:
        return
    for alias in node.names:
        reason = why_denied(situation, node.module, alias.name)
        if reason is not None:
            situation.find(RULE, alias, f"`{node.module}.{alias.name}` is not available: {reason}")


def check_attribute(situation: Situation, node: ast.Attribute) -> None:
    # `pd.read_pickle`, `np.lib.format`: the alias is known because an import statement of this source bound it.
    path = [node.attr]
    value = node.value
    while isinstance(value, ast.Attribute) and len(path) < 6:
        path.append(value.attr)
        value = value.value
    if not isinstance(value, ast.Name) or value.id not in situation.aliases:
        return
    module = ".".join([situation.aliases[value.id], *reversed(path[1:])])
    reason = why_denied(situation, module, node.attr)
    if reason is not None:
        situation.find(RULE, node, f"`{module}.{node.attr}` is not available: {reason}")


def why_denied(situation: Situation, module: str, name: str) -> str | None:
    """The reason why `module.name` is hidden, or None."""
    if name in situation.modules.get(module, ()):
        return "this policy denies it."
    reason = DENIED.get(module, {}).get(name)
    return None if reason is None else f"{reason.rstrip('.')}."


RULE = Rule("G402", "denied-name", ((ast.ImportFrom, check_from), (ast.Attribute, check_attribute)))
