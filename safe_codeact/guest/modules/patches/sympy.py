"""sympy and mpmath: `sympify`, which everything calls on text, `lambdify`, which compiles what was printed, and `var`.

Threat: `simplify("__import__('os').system('id')")`, `lambdify([], Symbol("open('/etc/passwd').read()"))`, a printer class
of the action's whose `module_imports` names any module, `var("__builtins__")`.
What we do: the text that sympy's parser produced is read once more before it is evaluated, with names of sympy and of
the caller only and without builtins; so is every function that `lambdify` generated.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import sys
from builtins import compile as real_compile
from builtins import eval as real_eval
from builtins import exec as real_exec
from types import CodeType
from typing import Any

from safe_codeact.gate.rules import g302_dynamic_attribute
from safe_codeact.guest.guards.refusal import refusal
from safe_codeact.guest.modules.attributes import action_frame, field_names
from safe_codeact.guest.modules.patches.doors import close
from safe_codeact.guest.modules.patches.expressions import HARMFUL_BUILTINS, check_generated, checked, harmless_builtins


def patch() -> None:
    close("sympy")
    parser = importlib.import_module("sympy.parsing.sympy_parser")
    parser.eval_expr = eval_expr  # type: ignore[attr-defined]
    parser.compile = keep_tree  # type: ignore[attr-defined]
    for name in ("sympy.utilities.lambdify", "sympy.plotting.experimental_lambdify"):
        module = sys.modules.get(name)
        if module is not None:
            module.compile = compile_generated  # type: ignore[attr-defined]
            module.exec = exec_generated  # type: ignore[attr-defined]
    for name in ("sympy.parsing.ast_parser", "sympy.physics.secondquant", "sympy.polys.polyconfig"):
        module = sys.modules.get(name)
        if module is not None:
            module.eval = eval_text  # type: ignore[attr-defined]
    _patch_functions()
    symbol = sys.modules["sympy.core.symbol"]
    symbol.var = sys.modules["sympy"].var = var  # type: ignore[attr-defined]
    sys.modules["sympy.utilities.magic"].pollute = bind  # type: ignore[attr-defined]
    for name in ("sympy.polys.rings", "sympy.polys.fields"):
        module = sys.modules.get(name)
        if module is not None and hasattr(module, "pollute"):
            module.pollute = bind  # type: ignore[attr-defined]


def patch_mpmath() -> None:
    """`mpmath.identify` evaluates the constants that it is given as text."""
    module = sys.modules.get("mpmath.identification")
    if module is not None:
        module.eval = eval_text  # type: ignore[attr-defined]
        module.dir = _names_there  # type: ignore[attr-defined]


def _names_there(obj: Any) -> list[str]:
    """`dir` without the names that `object` answers with "there is none": mpmath reads every one."""
    return [name for name in dir(obj) if hasattr(obj, name)]


def patch_sampling() -> None:
    """`sample(x, library="...")` imports the library first, and asks afterwards whether it knows it."""

    def sampling_library(name: str, *args: Any, **kwargs: Any) -> Any:
        text = str.__str__(name)
        return original(text, *args, **kwargs) if text in ("scipy", "numpy", "pymc3", "pymc") else None

    original: Any = sys.modules["sympy.stats.rv"].import_module  # type: ignore[attr-defined]
    for name in ("sympy.stats.rv", "sympy.stats.joint_rv", "sympy.stats.matrix_distributions"):
        module = sys.modules.get(name)
        if module is not None and getattr(module, "import_module", None) is original:
            module.import_module = sampling_library  # type: ignore[attr-defined]


def keep_tree(source: ast.Expression, filename: str, mode: str) -> ast.Expression:
    """`compile` of the parser: what it would compile is read by `eval_expr` first."""
    if not isinstance(source, ast.Expression):
        raise TypeError(f"sympy's parser compiles an expression, not a {type(source).__name__}")
    return source


def eval_expr(code: str | ast.Expression, local_dict: dict[str, Any], global_dict: dict[str, Any]) -> Any:
    """`sympy_parser.eval_expr`: the last step of `sympify`, over an expression that was read."""
    own = {**local_dict}  # an exact dict: a subclass could say that it has a name, and then leave it to the builtins
    tree = checked(code, "sympy", shadowing=own)
    # SAFETY: the expression has no underscored attribute and no harmful builtin by name, and the builtins are gone.
    names = {**global_dict, "__builtins__": harmless_builtins()}
    for name in HARMFUL_BUILTINS.intersection(names):
        if names[name] is getattr(builtins, name):
            del names[name]
    return real_eval(real_compile(tree, "<sympify>", "eval"), names, own)  # what this module is for


def eval_text(source: str | ast.Expression, globals: Any = None, locals: Any = None) -> Any:
    """`eval` of a library that computes with text."""
    tree = checked(source, "sympy")
    # SAFETY: as above.
    names = {**(globals or {}), "__builtins__": harmless_builtins()}
    return real_eval(real_compile(tree, "<text>", "eval"), names, locals)  # as above


def compile_generated(source: str, filename: str, mode: str, *args: Any, **kwargs: Any) -> CodeType:
    check_generated(source, "sympy.lambdify")
    return real_compile(source, filename, mode, *args, **kwargs)  # type: ignore[no-any-return]


def exec_generated(source: Any, globals: Any = None, locals: Any = None) -> None:
    """Runs generated code with the harmless builtins only: what it defines keeps them."""
    code = source if isinstance(source, CodeType) else compile_generated(source, "<lambdify>", "exec")
    if globals:  # a function's namespace; the one-line imports are run in an empty one, and need the import system
        globals["__builtins__"] = harmless_builtins()
    # SAFETY: `code` comes from `compile_generated`, the only compiler that the module has.
    real_exec(code, globals, locals)  # as above


def bind(names: Any, objects: Any) -> None:
    """Binds names in the globals of the action that called, as `var` and `vring` promise."""
    frame = action_frame()
    for name, obj in zip(names, objects, strict=False):
        if not str.isidentifier(name) or name.startswith("_"):
            raise refusal(
                g302_dynamic_attribute.RULE, f"sympy.var cannot bind {name!r}.", "Use symbols() and assign the result."
            )
        if frame is not None:
            frame.f_globals[str.__str__(name)] = obj


def var(names: Any, **args: Any) -> Any:
    """Create symbols and bind them as global variables of the same names."""
    import sympy  # only called once it is loaded

    made = sympy.symbols(names, **args)
    if made is not None:
        waiting, symbols = [made], []
        while waiting:
            each = waiting.pop()
            if isinstance(each, sympy.Basic | sympy.core.function.FunctionClass):
                symbols.append(each)
            else:
                waiting.extend(each)
        bind([each.name if isinstance(each, sympy.Basic) else each.__name__ for each in symbols], symbols)
    return made


def _patch_functions() -> None:
    """`Function("f", **{"__reduce__": ...})` makes a class of its keywords."""
    kind = sys.modules["sympy.core.function"].UndefinedFunction
    original = kind.__new__

    def __new__(mcl: Any, name: Any, bases: Any = None, __dict__: Any = None, **kwargs: Any) -> Any:
        field_names((*kwargs, *(__dict__ or {})))
        given = {} if bases is None else {"bases": bases}
        return original(mcl, name, __dict__=__dict__, **given, **kwargs)

    kind.__new__ = __new__
