"""scipy: programs that it would start, and the argument parsers that it generates for distributions.

Threat: `rv_continuous(shapes=...)` pastes the names of shapes into source and runs it. scipy checks the names, of whatever
the object's own `replace`, `split` and `__iter__` say they are; what is pasted is what `join` finds in memory.
What we do: read the generated text: functions that return their arguments, and nothing else.
"""

from __future__ import annotations

import ast
import sys
from builtins import exec as real_exec
from typing import Any, Final

from safe_codeact.guest.modules.attributes import library_name
from safe_codeact.guest.modules.patches.doors import close
from safe_codeact.guest.modules.patches.expressions import refuse

_NODES: Final = (
    ast.Module, ast.FunctionDef, ast.arguments, ast.arg, ast.Return, ast.Tuple, ast.Name, ast.Load, ast.Constant, ast.Call,
    ast.keyword, ast.Attribute,
)  # fmt: skip


def patch() -> None:
    close("scipy")


def patch_distributions() -> None:
    module: Any = sys.modules["scipy.stats._distn_infrastructure"]
    module.exec = _exec_parser


def patch_interpolators() -> None:
    """`Rbf(x, y, **{"__class__": C})`: keywords become attributes, whatever they are called."""
    kind: Any = sys.modules["scipy.interpolate._rbf"].Rbf
    original = kind.__init__

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        for name in kwargs:
            library_name(name, "the keyword")
        original(self, *args, **kwargs)

    __init__.__doc__ = original.__doc__
    kind.__init__ = __init__


def patch_parameters() -> None:
    """`make_distribution(d)` makes a class with a property for each key of `d.parameters`."""
    kind: Any = sys.modules["scipy.stats._distribution_infrastructure"]._Parameter  # type: ignore[attr-defined]
    original = kind.__init__

    def __init__(self: Any, name: str, *args: Any, **kwargs: Any) -> None:
        original(self, library_name(name, "the parameter"), *args, **kwargs)

    kind.__init__ = __init__


def _exec_parser(source: str, names: dict[str, Any]) -> None:
    text = str.__str__(source)
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, _NODES):
            raise refuse(text, f"{type(node).__name__}, which is no part of a list of shapes", "scipy.stats")
        if isinstance(node, ast.Attribute) and node.attr != "_argcheck_rvs":
            raise refuse(text, f"the attribute {node.attr!r}", "scipy.stats")
        if isinstance(node, ast.Call) and not isinstance(node.func, ast.Attribute):
            raise refuse(text, "a call", "scipy.stats")
    # SAFETY: the text defines functions that hand their arguments on; a default that ran code would be another node.
    real_exec(text, names)
