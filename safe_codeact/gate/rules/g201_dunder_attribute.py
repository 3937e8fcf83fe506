"""G201 dunder-attribute: double-underscore attributes that hand over what an object is made of.

Refuses   x.__globals__, x.__code__, x.__subclasses__, x.__mro__, x.__bases__, x.__self__, x.__wrapped__, x.mro ...
Why       From any object they lead to every class, function and module that the interpreter holds.
Behind it `getattr` and string formats apply the same table at run time; the kernel layer holds without this rule.
Instead   type(x), isinstance(x, C), x.__class__.__name__, x.__dict__, vars(x) and the operator methods all work.
"""

from __future__ import annotations

import ast

from safe_codeact.gate.names import FRAME_NAMES, Stance, reading, writing
from safe_codeact.gate.rule import Rule, Situation

HINTS = {
    "__subclasses__": "Keep a list of the classes you define.",
    "__mro__": "Use isinstance(x, C) or issubclass(C, D).",
    "__bases__": "Use isinstance(x, C) or issubclass(C, D).",
    "__base__": "Use isinstance(x, C) or issubclass(C, D).",
    "mro": "Use isinstance(x, C) or issubclass(C, D).",
    "__globals__": "Use the variables by name, or globals() to look.",
    "__builtins__": "Call the builtin by its name.",
    "__wrapped__": "Keep a reference to the undecorated function.",
    "__self__": "Keep a reference to the object.",
    "__func__": "Use C.method to get the function.",
    "__reduce__": "Use the `copy` module if the policy allows it.",
    "__import__": "Write an import statement.",
}


def check(situation: Situation, node: ast.Attribute) -> None:
    name = node.attr
    if type(node.ctx) is ast.Load:
        if reading(name) is not Stance.REFUSED or name in FRAME_NAMES:
            return
        situation.find(RULE, node, f"`.{name}` may not be read: {_why(name)}.", HINTS.get(name, ""))
    elif writing(name) is Stance.REFUSED and name not in FRAME_NAMES:
        hint = "Define it in the class body." if name.startswith("__") else ""
        situation.find(RULE, node, f"`.{name}` may not be set or deleted: {_why(name)}.", hint)


def _why(name: str) -> str:
    return "it hands over what the object is made of" if name != "__import__" else "imports are statements"


RULE = Rule("G201", "dunder-attribute", ((ast.Attribute, check),))
