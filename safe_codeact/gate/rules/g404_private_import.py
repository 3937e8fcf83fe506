"""G404 private-import: a module's private name.

Refuses   from random import _os, from typing import __builtins__, import a._b.
Why       What a module keeps to itself is mostly other modules.
Behind it Facades expose public names only.
Instead   Import the public name that does the job.
"""

from __future__ import annotations

import ast

from safe_codeact.gate.rule import Rule, Situation

PUBLIC = frozenset({"__version__", "__doc__", "__name__", "__author__", "__all__"})


def check(situation: Situation, node: ast.ImportFrom) -> None:
    if node.level or node.module == "__future__":
        return
    for alias in node.names:
        if alias.name.startswith("_") and alias.name not in PUBLIC:
            situation.find(RULE, alias, f"`{alias.name}` is private to `{node.module}`.", "Import a public name.")


RULE = Rule("G404", "private-import", ((ast.ImportFrom, check),))
