"""G205 class-definition: what a class body may not define, or not in this way.

Refuses   __reduce__, __getstate__, __array_interface__, __buffer__, __class__ ... in a class body; __getattr__ and its
          kin other than by a plain `def`; __slots__ and __match_args__ other than by a plain assignment; a metaclass
          of metaclasses.
Why       C code believes these: where memory is, how an object is rebuilt, which attributes a pattern reads.
Behind it Class creation checks again what metaclasses add; the kernel layer holds without this rule.
Instead   Use the ordinary operator methods, properties, dataclasses.
"""

from __future__ import annotations

import ast

from safe_codeact.gate.names import DEFINABLE, is_dunder, words
from safe_codeact.gate.rule import Rule, Situation
from safe_codeact.gate.rules.g202_reserved_variable import bound_by

# Methods that C code calls with a compiled name or with somebody else's class, and the place of that parameter.
HOOKS = {
    "__getattr__": 1,
    "__getattribute__": 1,
    "__setattr__": 1,
    "__delattr__": 1,
    "__set_name__": 2,
    "__subclasshook__": 1,
    "__subclasscheck__": 1,
}
DECLARATIONS = frozenset({"__slots__", "__match_args__"})


def check_name(situation: Situation, node: ast.Name) -> None:
    if situation.in_class_body and type(node.ctx) is not ast.Load and is_dunder(node.id):
        _judge(situation, node, node.id, by_name=True)


def check_binding(situation: Situation, node: ast.AST) -> None:
    if situation.in_class_body:
        for name in bound_by(node):
            if is_dunder(name):
                _judge(situation, node, name, by_name=False)


def _judge(situation: Situation, node: ast.AST, name: str, *, by_name: bool) -> None:
    if name not in DEFINABLE:
        situation.find(RULE, node, f"a class may not define `{name}`.", _HINTS.get(name, ""))
    elif name in HOOKS and not _is_plain_hook(node, name):
        situation.find(
            RULE,
            node,
            f"`{name}` must be a `def` that names its parameters, {_DECORATORS.get(name, 'undecorated')}.",
            f"Write `def {name}({_PARAMETERS.get(name, 'self, name')}):`.",
        )
    elif name in DECLARATIONS and not by_name:
        situation.find(RULE, node, f"`{name}` must be set by an assignment.", f"Write `{name} = (...)`.")


_PARAMETERS = {
    "__setattr__": "self, name, value",
    "__set_name__": "self, owner, name",
    "__subclasshook__": "cls, subclass",
    "__subclasscheck__": "cls, subclass",
}
_DECORATORS = {"__subclasshook__": "under @classmethod alone"}
_HINTS = {
    "__reduce__": "Objects are copied and kept by their attributes.",
    "__getstate__": "Objects are copied and kept by their attributes.",
    "__setstate__": "Objects are copied and kept by their attributes.",
    "__class__": "isinstance(x, C) asks the real class; use a subclass.",
}


def _is_plain_hook(node: ast.AST, name: str) -> bool:
    if not isinstance(node, ast.FunctionDef):
        return False
    decorators = [item.id if isinstance(item, ast.Name) else "" for item in node.decorator_list]
    if decorators != (["classmethod"] if name in _DECORATORS else []):
        return False
    return len(node.args.posonlyargs) + len(node.args.args) > HOOKS[name]


_BINDERS = words("FunctionDef AsyncFunctionDef ClassDef alias ExceptHandler MatchAs MatchStar MatchMapping")

RULE = Rule(
    "G205",
    "class-definition",
    ((ast.Name, check_name), *((getattr(ast, name), check_binding) for name in _BINDERS)),
)
