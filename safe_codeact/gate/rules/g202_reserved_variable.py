"""G202 reserved-variable: variables that belong to the import system and the compiler.

Refuses   __builtins__, __import__, __build_class__, __loader__, __spec__ ...; binding __name__ or __debug__.
Why       They hold, or decide, what the action's code is given to work with.
Behind it The builtins that the action gets hold nothing it may not use.
Instead   Import with a statement; call builtins by their names. Reading __name__ works.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from safe_codeact.gate.names import FORBIDDEN_BINDINGS, FORBIDDEN_VARIABLES
from safe_codeact.gate.rule import Rule, Situation

HINTS = {
    "__import__": "Write `import module` instead.",
    "__builtins__": "Call the builtin by its name.",
}


def _found(situation: Situation, node: ast.AST, name: str) -> None:
    situation.find(RULE, node, f"the variable `{name}` is reserved.", HINTS.get(name, ""))


def check_name(situation: Situation, node: ast.Name) -> None:
    name = node.id
    if name.startswith("__"):
        reserved = FORBIDDEN_VARIABLES if type(node.ctx) is ast.Load else FORBIDDEN_BINDINGS
        if name in reserved:
            _found(situation, node, name)


def check_binding(situation: Situation, node: ast.AST) -> None:
    for name in bound_by(node):
        if name in FORBIDDEN_BINDINGS:
            _found(situation, node, name)


def bound_by(node: ast.AST) -> Iterator[str]:
    """The names that a node binds through a string field, not through a Name node."""
    for field in _STRING_FIELDS.get(type(node).__name__, ()):
        value = getattr(node, field)
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            yield from value


_STRING_FIELDS = {
    "FunctionDef": ("name",),
    "AsyncFunctionDef": ("name",),
    "ClassDef": ("name",),
    "arg": ("arg",),
    "alias": ("asname", "name"),
    "ExceptHandler": ("name",),
    "Global": ("names",),
    "Nonlocal": ("names",),
    "MatchAs": ("name",),
    "MatchStar": ("name",),
    "MatchMapping": ("rest",),
    "TypeVar": ("name",),
    "TypeVarTuple": ("name",),
    "ParamSpec": ("name",),
}

RULE = Rule(
    "G202",
    "reserved-variable",
    (
        (ast.Name, check_name),
        *((kind, check_binding) for name in _STRING_FIELDS if (kind := getattr(ast, name, None)) is not None),
    ),
)
