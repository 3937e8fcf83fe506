"""statsmodels, patsy and formulaic: formulas, which are Python expressions in text, and results that are stored as pickles.

Threat: `smf.ols("y ~ __import__('os').system('id')", df)`, and frames: both formula engines look names up in the frame
of whoever calls them.
What we do: each factor is read before it is compiled, runs with the harmless builtins only, and sees the action's names
wherever it is evaluated. Names are not refused: a column may be called `open` or `type`, and no builtin is behind it.
"""

from __future__ import annotations

import ast
import functools
import sys
from builtins import compile as real_compile
from builtins import eval as real_eval
from collections.abc import Mapping
from types import CodeType
from typing import Any

from safe_codeact.guest.modules.attributes import action_names, library_name
from safe_codeact.guest.modules.patches.doors import close
from safe_codeact.guest.modules.patches.expressions import checked, harmless_builtins

# What formulaic puts into an expression after it was parsed.
_INSERTED = frozenset(f"__FORMULAIC_{name}__" for name in ("CONTEXT", "METADATA", "STATE", "SPEC"))


def patch() -> None:
    close("statsmodels", pickles_in=frozenset({"statsmodels.iolib.smpickle", "statsmodels.base.model"}))


def patch_models() -> None:
    """`OLS(y, x, **{"_name": value})`: keywords that a model does not know become its attributes, whatever they are called."""
    model: Any = sys.modules["statsmodels.base.model"].Model
    original = model.__init__

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        for name in kwargs:
            library_name(name, "the keyword")
        original(self, *args, **kwargs)

    __init__.__doc__ = original.__doc__
    model.__init__ = __init__


def patch_plots() -> None:
    """`result.plot_added_variable(1, resid_type="_name")` draws an attribute of the result."""
    plots: Any = sys.modules["statsmodels.graphics.regressionplots"]
    original = plots.added_variable_resids

    @functools.wraps(original)
    def added_variable_resids(results: Any, focus_exog: Any, resid_type: Any = None, *args: Any, **kwargs: Any) -> Any:
        if resid_type is not None:
            resid_type = library_name(resid_type, "the residual type")
        return original(results, focus_exog, resid_type, *args, **kwargs)

    plots.added_variable_resids = added_variable_resids


def patch_patsy() -> None:
    evaluation: Any = sys.modules["patsy.eval"]
    evaluation.compile = _compile_factor
    evaluation.eval = _eval_factor
    evaluation.EvalEnvironment.capture = classmethod(_capture)


def patch_formulaic() -> None:
    transforms: Any = sys.modules["formulaic.utils.stateful_transforms"]
    transforms.compile = _compile_factor
    transforms.eval = _eval_factor
    context: Any = sys.modules["formulaic.utils.context"]
    context.sys = _ActionFrames


def _compile_factor(source: str | ast.Expression, filename: str, mode: str, *flags: Any) -> CodeType:
    tree = checked(source, "the formula", shadowing=_INSERTED, names=())
    return real_compile(tree, filename, "eval", *flags)  # type: ignore[no-any-return]


def _eval_factor(code: CodeType, globals: Any = None, locals: Any = None) -> Any:
    # SAFETY: `code` comes from `_compile_factor`, the only compiler that these modules have; without builtins of its own in
    # the globals, CPython would put in those of this module: the real ones.
    return real_eval(code, {"__builtins__": harmless_builtins()}, locals)


def _capture(cls: Any, eval_env: Any = 0, reference: int = 0) -> Any:
    if isinstance(eval_env, cls):
        return eval_env
    frame = sys._getframe(1)
    for _ in range(eval_env + reference if isinstance(eval_env, int) else 0):
        frame = frame.f_back or frame
    if type(frame.f_locals) is sys.modules["patsy.eval"].VarLookupDict:  # type: ignore[comparison-overlap]
        return cls([frame.f_locals], 0)  # a factor that looks names up itself: Q("weight.kg")
    own_globals, own_locals = action_names()
    return cls([own_locals, own_globals], 0)


class _ActionFrames:
    """Stands in for `sys` where the names of a caller are looked up: every caller is the action."""

    @staticmethod
    def _getframe(depth: int = 0) -> _Names:
        return _Names()


class _Names:
    """What is read of a frame: copies of the action's names."""

    f_locals: Mapping[str, Any]
    f_globals: Mapping[str, Any]

    def __init__(self) -> None:
        self.f_globals, self.f_locals = action_names()
