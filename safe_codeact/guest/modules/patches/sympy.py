"""SymPy: `sympify` and everything that calls it evaluates text; `lambdify` runs text that it generated."""

from __future__ import annotations

import sys
from typing import Any

from safe_codeact.guest.modules.patches import expressions


def patch() -> None:
    """Read the text before SymPy evaluates it."""
    import sympy.parsing.sympy_parser as parser  # only where the policy has it loaded

    original = parser.eval_expr

    def eval_expr(code: str, local_dict: Any, global_dict: Any) -> Any:
        expressions.checked(code, "sympy", shadowing={*local_dict, *(set(global_dict) - {"__builtins__"})})
        return original(code, local_dict, global_dict)

    parser.eval_expr = eval_expr
    generated: Any = sys.modules["sympy.utilities.lambdify"]
    run = exec

    def checked_exec(code: Any, *namespaces: Any) -> None:
        if isinstance(code, str):
            expressions.check_generated(code, "sympy.lambdify")
        run(code, *namespaces)

    generated.exec = checked_exec
