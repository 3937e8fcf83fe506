"""Which names a class body binds, so that its private ones can be renamed with the attributes they become.

A class body is the one scope whose names are attributes. A name that it reads before it binds it (`_limit = _limit`) is
the module's, and stays as it is written.
"""

from __future__ import annotations

import ast

from safe_codeact.gate.grammar import FIELDS
from safe_codeact.gate.names import is_private
from safe_codeact.gate.rules.g202_reserved_variable import bound_by

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class ClassNames:
    """The private names that one class body binds, and the reads of them that come before any binding."""

    __slots__ = ("_declared", "bound", "earlier")

    def __init__(self, body: list[ast.stmt]) -> None:
        self.bound: set[str] = set()
        self.earlier: set[int] = set()  # id() of Name nodes that read the enclosing scope
        self._declared: set[str] = set()
        for statement in body:
            self._scan(statement)

    def _bind(self, name: str) -> None:
        if is_private(name) and name not in self._declared:
            self.bound.add(name)

    def _scan(self, node: ast.AST) -> None:
        if isinstance(node, ast.Name):
            if type(node.ctx) is not ast.Load:
                self._bind(node.id)
            elif node.id.startswith("_") and node.id not in self.bound:
                self.earlier.add(id(node))
            return
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            self._declared.update(node.names)
            return
        inside = FIELDS.get(type(node), ())
        if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            inside = ("decorator_list", "bases", "keywords")
            if not isinstance(node, ast.ClassDef):
                inside = ("decorator_list", "returns")
                self._scan_arguments(node.args)
        elif isinstance(node, _COMPREHENSIONS):
            self._scan(node.generators[0].iter)
            return
        for field in inside:
            value = getattr(node, field, None)
            if isinstance(value, list):
                for item in value:
                    if item is not None:
                        self._scan(item)
            elif isinstance(value, ast.AST):
                self._scan(value)
        for name in bound_by(node):
            if not isinstance(node, ast.arg):
                self._bind(name)

    def _scan_arguments(self, arguments: ast.arguments) -> None:
        for expression in (*arguments.defaults, *arguments.kw_defaults):
            if expression is not None:
                self._scan(expression)
        for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            if argument.annotation is not None:
                self._scan(argument.annotation)
