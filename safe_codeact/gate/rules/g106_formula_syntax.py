"""G106 formula-syntax: Python that is no part of a formula.

Refuses   import, def, lambda, class, with, try, del, attributes, `*` and `**` in calls, generator expressions ...,
          where the policy says `interpreter: expression`. With `functions: true`, a plain `def` is let through.
Why       The expression interpreter computes values step by step, each step bounded; it runs no program.
Behind it The interpreter has no code for what is not in the grammar; the kernel layer holds without this rule.
Instead   Use assignments, operators, calls of the functions that are there, if, for, and comprehensions.
"""

from __future__ import annotations

import ast

from safe_codeact.gate.rule import Rule, Situation

RULE = Rule("G106", "formula-syntax")

_SHOWN = {
    "Import": "`import`",
    "ImportFrom": "`import`",
    "FunctionDef": "`def`",
    "AsyncFunctionDef": "`async def`",
    "Lambda": "`lambda`",
    "ClassDef": "`class`",
    "Attribute": "an attribute",
    "Starred": "`*` before a value",
    "GeneratorExp": "a generator expression",
    "NamedExpr": "`:=`",
    "Try": "`try`",
    "With": "`with`",
    "Delete": "`del`",
    "Raise": "`raise`",
    "Assert": "`assert`",
    "Await": "`await`",
    "Match": "`match`",
    "AnnAssign": "an annotation",
}
_HINTS = {
    "Import": "The functions of a formula are there without one.",
    "ImportFrom": "The functions of a formula are there without one.",
    "GeneratorExp": "Write a list: [x * 2 for x in values].",
    "Attribute": "Call a method: name.upper(), values.append(3).",
    "AnnAssign": "Write `name = value`.",
    "Try": "Test the value with `if` before it is used.",
    "Lambda": "Write a comprehension.",
    "FunctionDef": "Write the calculation out, or in a `for` loop.",
}


def report(situation: Situation, node: ast.AST, what: str = "") -> None:
    kind = type(node).__name__
    shown = what or _SHOWN.get(kind, f"`{kind}`")
    situation.find(RULE, node, f"{shown} is no part of a formula.", _HINTS.get(kind, ""))


def report_value(situation: Situation, node: ast.AST, kind: str) -> None:
    situation.find(RULE, node, f"a {kind} is no value of a formula.", "Use numbers, texts, lists, dicts and sets.")
