"""statsmodels and patsy: formulas, which are Python expressions in text, and results that are stored as pickles."""

from __future__ import annotations

import sys
from builtins import compile as real_compile
from types import CodeType
from typing import Any

from safe_codeact.guest.modules.attributes import action_names
from safe_codeact.guest.modules.patches.doors import close
from safe_codeact.guest.modules.patches.expressions import checked


def patch() -> None:
    close("statsmodels", pickles_in=frozenset({"statsmodels.iolib.smpickle", "statsmodels.base.model"}))


def patch_patsy() -> None:
    """A formula's factors are read before they are evaluated, and see the action's names wherever they are evaluated."""
    evaluation = sys.modules["patsy.eval"]

    def gated_compile(source: str, filename: str, mode: str, *args: Any, **kwargs: Any) -> CodeType:
        checked(source, "patsy")
        return real_compile(source, filename, mode, *args, **kwargs)  # type: ignore[no-any-return]

    def capture(cls: Any, eval_env: Any = 0, reference: int = 0) -> Any:
        if isinstance(eval_env, cls):
            return eval_env
        own_globals, own_locals = action_names()
        return cls([own_locals, own_globals], 0)

    evaluation.compile = gated_compile  # type: ignore[attr-defined]
    evaluation.EvalEnvironment.capture = classmethod(capture)
