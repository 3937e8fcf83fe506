"""pandas: `eval` and `query` evaluate text, and a method may be named by text."""

from __future__ import annotations

from typing import Any

from safe_codeact.guest.modules.attributes import plain_name
from safe_codeact.guest.modules.patches import expressions


def patch() -> None:
    """Read expressions and method names before pandas uses them."""
    import pandas.core.apply as application  # only where the policy has it loaded
    import pandas.core.computation.expr as computation

    original_init = computation.Expr.__init__

    def init(self: Any, expr: str, *args: Any, **kwargs: Any) -> None:
        text = str.__str__(expr)
        expressions.checked(text.replace("__pd_eval_local_", "").replace("@", ""), "pandas", names=frozenset())
        original_init(self, text, *args, **kwargs)

    computation.Expr.__init__ = init
    original_str = application.Apply._apply_str

    def apply_str(self: Any, obj: Any, func: str, *args: Any, **kwargs: Any) -> Any:
        name = plain_name(func, "the method's name")
        if name.startswith("to_"):
            raise PermissionError(f"{name!r} cannot be named by text: call the method itself")
        return original_str(self, obj, name, *args, **kwargs)

    application.Apply._apply_str = apply_str
