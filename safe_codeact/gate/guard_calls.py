"""The guards by name, and how a call of one is written into a tree.

The names live in the builtins of the action. They contain a character that no source may contain, so no name of the
action can shadow them: neither a variable nor a parameter.
"""

from __future__ import annotations

import ast
from typing import Any

from safe_codeact.gate.names import GUARD

READ = GUARD + "read"  # (object, name)
WRITE = GUARD + "write"  # (value, object, name)
FORMAT = GUARD + "format"  # (object, *args, **kwargs): object.format(...)
TYPE_OF = GUARD + "type"  # (what `type` is bound to, object): type(object)
HOOK = GUARD + "hook:"  # and the method's name: (argument): what that method is told, as the action may see it
SLOTS = GUARD + "slots"  # (value of __slots__)
MATCH_ARGS = GUARD + "match_args"  # (value of __match_args__)


def placed(new: Any, old: ast.AST) -> Any:
    """`new` and its unplaced children, at the place of `old`."""
    for node in ast.walk(new):
        if "lineno" in node._attributes and not hasattr(node, "lineno"):
            ast.copy_location(node, old)
    return new


def named(name: str, context: ast.expr_context | None = None) -> ast.Name:
    return ast.Name(id=name, ctx=context or ast.Load())


def call(place: ast.AST, guard: str, *arguments: ast.expr) -> ast.Call:
    made: ast.Call = placed(ast.Call(func=named(guard), args=[], keywords=[]), place)
    for argument in arguments:
        if not hasattr(argument, "lineno"):
            ast.copy_location(argument, place)
    made.args = list(arguments)
    return made


def declared(name: str, value: ast.expr) -> ast.Call:
    return call(value, SLOTS if name == "__slots__" else MATCH_ARGS, value)
