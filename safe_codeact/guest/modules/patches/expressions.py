"""May a library evaluate this text? An allowlist over the syntax tree of one expression.

The text is judged as the action's own source would be: no names or attributes that start with an underscore beyond what
`gate.names` reads openly, no builtin that runs, opens or looks anything up by name. What passes is evaluated by the
library with the library's own names.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Container
from typing import Any, Final

from safe_codeact.gate.names import FRAME_NAMES, INTERNAL_NAMES
from safe_codeact.gate.rules import g303_dynamic_code
from safe_codeact.guest.guards.refusal import ActionRefused, refusal
from safe_codeact.policy.knowledge import DENIED

_NODES: Final = (
    ast.Expression, ast.BoolOp, ast.boolop, ast.BinOp, ast.operator, ast.UnaryOp, ast.unaryop, ast.IfExp, ast.Compare, ast.cmpop,
    ast.Call, ast.keyword, ast.Constant, ast.Name, ast.expr_context, ast.Attribute, ast.Subscript, ast.Slice, ast.Tuple, ast.List,
    ast.Set, ast.Dict, ast.Starred, ast.Lambda, ast.arguments, ast.arg, ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp,
    ast.comprehension,
)  # fmt: skip
_GENERATED: Final = (
    *_NODES, ast.Module, ast.FunctionDef, ast.Return, ast.Assign, ast.AugAssign, ast.Expr, ast.For, ast.If, ast.Import,
    ast.ImportFrom, ast.alias, ast.Pass,
)  # fmt: skip

# What code that a library generated may use of the builtins. The rest runs, opens, or looks up by name.
_HARMLESS = (
    "abs all any bin bool bytes chr complex dict divmod enumerate filter float frozenset hash hex int isinstance "
    "issubclass iter len list map max min next oct ord pow range repr reversed round set slice sorted str sum "
    "tuple zip True False None NotImplemented Ellipsis ArithmeticError ValueError TypeError ZeroDivisionError "
    "IndexError KeyError OverflowError"
)
HARMLESS_BUILTINS: Final = frozenset(_HARMLESS.split())
HARMFUL_BUILTINS: Final = frozenset(dir(builtins)) - HARMLESS_BUILTINS
# What generated code may import: where the functions live that sympy prints.
_IMPORTED = (
    "numpy numpy.linalg scipy scipy.constants scipy.integrate scipy.linalg scipy.special sympy sympy.functions "
    "sympy.matrices sympy.plotting math cmath mpmath itertools functools"
)
_LIBRARIES: Final = frozenset(_IMPORTED.split())
_DENIED_ANYWHERE: Final = frozenset(name for module in ("numpy", "sympy", "scipy") for name in DENIED[module]) | {
    "save", "savez", "savez_compressed", "savetxt", "loadtxt", "genfromtxt", "fromregex", "load",
}  # fmt: skip
HARMFUL_NAMES: Final = HARMFUL_BUILTINS | _DENIED_ANYWHERE


def harmless_builtins() -> dict[str, Any]:
    """A fresh `__builtins__` for text that a library evaluates."""
    return {name: getattr(builtins, name) for name in HARMLESS_BUILTINS}


def refuse(text: str, found: str, library: str) -> ActionRefused:
    shown = text if len(text) <= 80 else text[:77] + "..."
    return refusal(
        g303_dynamic_code.RULE,
        f"{library} was given text to evaluate, {shown!r}, which uses {found}.",
        "Such text may hold names, numbers, operators and calls of the library's own functions; write the rest as code.",
    )


def checked(
    source: str | ast.Expression,
    library: str,
    *,
    shadowing: Container[str] = (),
    names: Container[str] = HARMFUL_NAMES,
) -> ast.Expression:
    """The tree of an expression that may be evaluated. `shadowing` are names that the evaluation binds itself, `names`
    those that are refused: none where it runs with the harmless builtins and sees the action's own names only.

    Raises SyntaxError as `compile` does, and `ActionRefused`.
    """
    tree = source if isinstance(source, ast.Expression) else ast.parse(source, mode="eval")
    text = source if isinstance(source, str) else ast.unparse(tree)
    _check(tree, text, library, _NODES, shadowing, names)
    return tree


def check_generated(text: str, library: str) -> None:
    """Refuses generated functions (statements) that do more than compute. Raises as `checked` does."""
    tree = ast.parse(text)
    own = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    own |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    _check(tree, text, library, _GENERATED, own, HARMFUL_NAMES)


def _check(
    tree: ast.AST,
    text: str,
    library: str,
    allowed: tuple[type[ast.AST], ...],
    shadowing: Container[str],
    harmful: Container[str],
) -> None:
    for node in ast.walk(tree):
        if not isinstance(node, allowed):
            raise refuse(text, f"{type(node).__name__}, which is no part of an expression", library)
        if isinstance(node, ast.Name) and node.id not in shadowing:
            if node.id.startswith("__") or node.id in harmful:
                raise refuse(text, f"the name {node.id!r}", library)
        elif isinstance(node, ast.Attribute):
            _check_attribute(node, text, library)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            _check_import(node, text, library)
        elif isinstance(node, ast.arg | ast.FunctionDef) and _name_of(node).startswith("__"):
            raise refuse(text, f"the name {_name_of(node)!r}", library)


def _name_of(node: ast.arg | ast.FunctionDef) -> str:
    return node.arg if isinstance(node, ast.arg) else node.name


def _check_attribute(node: ast.Attribute, text: str, library: str) -> None:
    name = node.attr
    if (
        name.startswith("_")
        or name in FRAME_NAMES
        or name in INTERNAL_NAMES
        or name in _DENIED_ANYWHERE
        or name in ("format", "format_map")
    ):
        raise refuse(text, f"the attribute {name!r}", library)
    if isinstance(node.value, ast.Name) and node.value.id == "builtins" and name not in HARMLESS_BUILTINS:
        raise refuse(text, f"the builtin {name!r}", library)


def _check_import(node: ast.Import | ast.ImportFrom, text: str, library: str) -> None:
    modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
    names = [alias.name for alias in node.names] if isinstance(node, ast.ImportFrom) else []
    for name in (*modules, *names):
        if name not in _LIBRARIES and name in modules:
            raise refuse(text, f"an import of {name!r}", library)
        if name.startswith("_") or name in _DENIED_ANYWHERE:
            raise refuse(text, f"the name {name!r}", library)
