"""Formulas: what the expression interpreter understands, as a grammar of its own, and the code that runs them.

Threat: asteval walks a tree in Python and means something else than CPython in many corners (`{**d}` is a key None, a
missing attribute is None, functions see their caller's variables), and reads attributes of whatever it is given.
What doesn't work: asteval's own switches, which leave attributes, calls and formats open.
What we do: a source is a formula only if every node is one of `PARTS`, where both mean the same; methods are named here,
by the type that they belong to, and there is no other attribute. Values are bounded where they are made, in the guest.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from safe_codeact.gate.bounds import MOST_DEPTH, MOST_NODES
from safe_codeact.gate.guard_calls import call, named, placed
from safe_codeact.gate.names import ECHO, FUTURE, words
from safe_codeact.gate.rule import Situation
from safe_codeact.gate.rules import g104_source_complexity, g106_formula_syntax, g107_formula_name

STATEMENT = FUTURE + ":statement"  # the global that runs one statement of a formula, by its place in the source

# Node type → fields in which the walk goes on. What is not here is no part of a formula.
PARTS: dict[type[ast.AST], str] = {
    ast.Module: "body",
    ast.Expr: "value",
    ast.Assign: "targets value",
    ast.AugAssign: "target op value",
    ast.If: "test body orelse",
    ast.For: "target iter body orelse",
    ast.While: "test body orelse",
    ast.Break: "",
    ast.Continue: "",
    ast.Pass: "",
    ast.Constant: "",
    ast.Name: "",
    ast.JoinedStr: "values",
    ast.FormattedValue: "value format_spec",
    ast.List: "elts",
    ast.Tuple: "elts",
    ast.Set: "elts",
    ast.Dict: "keys values",
    ast.Subscript: "value slice",
    ast.Slice: "lower upper step",
    ast.UnaryOp: "operand",
    ast.BinOp: "left right",
    ast.BoolOp: "values",
    ast.Compare: "left comparators",
    ast.IfExp: "test body orelse",
    ast.Call: "func args keywords",
    ast.keyword: "value",
    ast.ListComp: "generators elt",
    ast.SetComp: "generators elt",
    ast.DictComp: "generators key value",
    ast.comprehension: "target iter ifs",
}
# The same for functions, where the policy lets formulas define them. What a `def` holds besides is judged in one place.
FUNCTION_PARTS: dict[type[ast.AST], str] = {ast.FunctionDef: "body", ast.Return: "value"}
_FIELDS = {**PARTS, **FUNCTION_PARTS}
_CONSTANTS = (type(None), bool, int, float, complex, str)

METHODS: dict[str, frozenset[str]] = {
    "str": words(
        "upper lower title capitalize casefold swapcase strip lstrip rstrip split rsplit splitlines partition rpartition "
        "startswith endswith removeprefix removesuffix replace join find rfind index rindex count isdigit isdecimal "
        "isnumeric isalpha isalnum isspace isupper islower istitle"
    ),
    "list": words("append insert extend pop remove index count sort reverse copy clear"),
    "dict": words("get keys values items pop setdefault update copy clear"),
    "set": words(
        "add discard remove pop union intersection difference symmetric_difference issubset issuperset isdisjoint copy"
    ),
    "tuple": words("index count"),
    "int": words("bit_length bit_count"),
    "float": words("is_integer"),
}
_ANY_METHOD = frozenset().union(*METHODS.values())


class FormulaWalk:
    """Judges one formula. `names` and `mentioned` as in `transform.ActionTransformer`."""

    renamed = False

    def __init__(self, situation: Situation) -> None:
        self.situation = situation
        self.names: set[str] = set()
        self.mentioned: set[str] = set()

    def visit(self, tree: ast.Module) -> None:
        parts = _FIELDS if self.situation.policy.language.functions else PARTS
        waiting: list[tuple[ast.AST, int]] = [(tree, 0)]
        count = 0
        while waiting:
            node, depth = waiting.pop()
            count += 1
            if count > MOST_NODES or depth > MOST_DEPTH:
                place = getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1
                g104_source_complexity.report(
                    self.situation, "the formula has too many parts, or too many levels", place
                )
                return
            if type(node) not in parts:
                g106_formula_syntax.report(self.situation, node)
                continue
            check = _CHECKS.get(type(node))
            if check is not None:
                check(self, node)
            waiting += [(child, depth + 1) for child in self._children(node)]

    def _children(self, node: ast.AST) -> list[ast.AST]:
        found: list[ast.AST] = []
        if isinstance(node, ast.FunctionDef):
            found += node.args.defaults
        for field in _FIELDS[type(node)].split():
            value = getattr(node, field)
            if field in ("op", "func") and not isinstance(value, ast.expr):
                continue
            items = value if isinstance(value, list) else [value]
            for item in items:
                if isinstance(item, ast.Attribute) and field == "func":
                    self._method(item)
                    item = item.value
                if item is not None:
                    found.append(item)
        return found

    def _method(self, node: ast.Attribute) -> None:
        if node.attr not in _ANY_METHOD:
            g107_formula_name.report_method(self.situation, node, node.attr, _ANY_METHOD)

    def _name(self, node: ast.Name) -> None:
        if node.id.startswith("_"):
            g107_formula_name.report_name(self.situation, node, node.id)
        (self.mentioned if isinstance(node.ctx, ast.Load) else self.names).add(node.id)

    def _constant(self, node: ast.Constant) -> None:
        if type(node.value) not in _CONSTANTS:
            g106_formula_syntax.report_value(self.situation, node, type(node.value).__name__)

    def _call(self, node: ast.Call) -> None:
        for word in node.keywords:
            if word.arg is None:
                g106_formula_syntax.report(self.situation, word, "`**` in a call")

    def _dict(self, node: ast.Dict) -> None:
        if None in node.keys:
            g106_formula_syntax.report(self.situation, node, "`**` in a dict")

    def _function(self, node: ast.FunctionDef) -> None:
        arguments = node.args
        everything = [*arguments.posonlyargs, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        noted = [each.annotation for each in arguments.args] + [node.returns]
        for unwanted, what in (
            (any(everything), "a parameter with `*` or `/`"),
            (any(noted), "an annotation"),
            (bool(node.decorator_list), "a decorator"),
            (bool(getattr(node, "type_params", ())), "a type parameter"),
        ):
            if unwanted:
                g106_formula_syntax.report(self.situation, node, what)
        for name in (node.name, *(each.arg for each in arguments.args)):
            if name.startswith("_"):
                g107_formula_name.report_name(self.situation, node, name)
        self.names.add(node.name)
        for inside in ast.walk(node):
            if isinstance(inside, ast.FunctionDef) and inside is not node:
                g106_formula_syntax.report(self.situation, inside, "`def` inside a function")

    def _comprehension(self, node: ast.comprehension) -> None:
        if node.is_async:
            g106_formula_syntax.report(self.situation, node.iter, "`async for`")


_CHECKS: dict[type[ast.AST], Callable[[FormulaWalk, Any], None]] = {
    ast.Name: FormulaWalk._name,
    ast.Constant: FormulaWalk._constant,
    ast.Call: FormulaWalk._call,
    ast.Dict: FormulaWalk._dict,
    ast.comprehension: FormulaWalk._comprehension,
    ast.FunctionDef: FormulaWalk._function,
}


def staged(tree: ast.Module) -> ast.Module:
    """A module that runs the statements of a formula one by one, each at its own line: what tracebacks are read from."""
    body: list[ast.stmt] = []
    for place, statement in enumerate(tree.body):
        run = call(statement, STATEMENT, ast.Constant(place))
        last = place == len(tree.body) - 1 and isinstance(statement, ast.Expr)
        made = ast.Assign(targets=[named(ECHO, ast.Store())], value=run) if last else ast.Expr(run)
        body.append(placed(made, statement))
    return ast.Module(body=body, type_ignores=[])
