"""Methods with private names that a library documents as its subclasses' to define.

Threat: a private name of a library's class is its internals; the action's own private names are therefore spelled otherwise
in compiled code, and the library never sees them.
What doesn't work: refusing all of them. `_pdf` is how scipy's manual makes a distribution, `_eval_derivative` how sympy's
teaches it a function.
What we do: these few are there under the library's spelling as well. They are functions of the action, called by the
library with what public methods are called with.
What still gets through: nothing that a public method of the same class would not.
"""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Callable, Mapping
from typing import Any, Final

_METHODS: Final = (types.FunctionType, classmethod, staticmethod, property)
# The class that documents them → their names.
_DOCUMENTED: Final[Mapping[str, Callable[[str], object]]] = {
    "scipy.stats._distn_infrastructure.rv_generic": re.compile(
        "_(log)?(pdf|cdf|sf|pmf)|_ppf|_isf|_rvs|_stats|_munp|_entropy|_argcheck|_get_support"
    ).fullmatch,
    "sympy.core.basic.Basic": re.compile("_eval_[a-zA-Z_]+|_latex|_pretty|_sympystr|_sympyrepr|_mathml").fullmatch,
    "sympy.printing.printer.Printer": re.compile("_print_[a-zA-Z_]+").fullmatch,
}


def extend(made: type) -> None:
    """What a library does with the names of a subclass when it is made, once more: they are there only now."""
    assumptions: Any = sys.modules.get("sympy.core.assumptions")
    if assumptions is not None and any(base is sys.modules["sympy.core.basic"].Basic for base in type.mro(made)):  # type: ignore[attr-defined]
        assumptions._prepare_class_assumptions(made)


def is_documented(made: type, name: str, value: Any) -> bool:
    """Whether a class may define `name` for the library that it derives from."""
    if not any(type(value) is kind for kind in _METHODS):
        return False
    return any(
        (documented := _DOCUMENTED.get(f"{base.__module__}.{base.__qualname__}")) is not None and documented(name)
        for base in type.mro(made)[1:]
        if type(base.__module__) is str
    )
