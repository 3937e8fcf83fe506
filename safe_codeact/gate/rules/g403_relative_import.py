"""G403 relative-import: an action is not part of a package.

Refuses   from . import x, from .module import y, import __main__.
Why       There is no package to be relative to, and the worker's own modules are not the action's.
Behind it The importer refuses levels and knows only the policy's modules.
Instead   Names of earlier actions are simply there; import modules by their full names.
"""

from __future__ import annotations

import ast

from safe_codeact.gate.rule import Rule, Situation


def check(situation: Situation, node: ast.ImportFrom) -> None:
    if node.level:
        dots = "." * min(node.level, 5)
        situation.find(
            RULE,
            node,
            f"`from {dots}{node.module or ''} import ...` is relative, and an action is not part of a package.",
            "Names of earlier actions are there without an import; modules need their full names.",
        )


RULE = Rule("G403", "relative-import", ((ast.ImportFrom, check),))
