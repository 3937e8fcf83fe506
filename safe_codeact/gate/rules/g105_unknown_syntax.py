"""G105 unknown-syntax: a construct on which nobody has decided.

Refuses   Syntax tree nodes without a stance in `gate.grammar`.
Why       A new Python may bring syntax that reaches what the other rules guard.
Behind it RestrictedPython refuses node types that it does not know.
Instead   Write it with the syntax of Python 3.13.
"""

from __future__ import annotations

import ast

from safe_codeact.gate.rule import Rule, Situation

RULE = Rule("G105", "unknown-syntax")


def report(situation: Situation, node: ast.AST) -> None:
    name = type(node).__name__
    situation.find(RULE, node, f"`{name}` is syntax that the gate does not know.", "Write it with older syntax.")
