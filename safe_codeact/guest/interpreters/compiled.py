"""The ordinary interpreter: CPython runs the code that the gate compiled, in the session's namespace."""

from __future__ import annotations

import asyncio
import inspect
from types import CodeType
from typing import Any, Final

from safe_codeact.gate.check import Judgement
from safe_codeact.gate.names import ECHO, FUTURE


class _Nothing:
    """There was no last expression."""

    def __repr__(self) -> str:
        return "NOTHING"


NOTHING: Final = _Nothing()


def run(judgement: Judgement, namespace: dict[str, Any]) -> object:
    """Execute a judged action in `namespace` (an exact dict whose `__builtins__` are set).

    Returns the last expression's value, or `NOTHING`. What the action raises goes through; the namespace keeps what was
    bound until then.
    """
    code = judgement.code
    if code is None:
        raise ValueError("run() was given a refused action; show its findings instead")
    if type(namespace) is not dict or "__builtins__" not in namespace:
        raise TypeError("run() needs an exact dict with the guarded builtins under '__builtins__'")
    namespace["__name__"] = "__main__"
    try:
        # SAFETY: `code` was compiled by the gate from a text that it allowed, and by nothing else; with any other code
        # object, or without `__builtins__` in the dict, this would run with CPython's own builtins.
        _with_room(code, namespace)
    finally:
        value = namespace.pop(ECHO, NOTHING)
        namespace.pop(FUTURE, None)
    return value


def _with_room(code: CodeType, namespace: dict[str, Any]) -> None:
    if code.co_flags & inspect.CO_COROUTINE:
        asyncio.run(eval(code, namespace))  # noqa: S307
    else:
        exec(code, namespace)  # noqa: S102


# CPython keeps Python frames in chunks of 16 KiB that it maps when a call needs one and unmaps at its return: a hot call
# that happens to sit on a boundary pays for both each time (measured: sympy's solve at 2.4 times its CPU time). A frame that
# asks for a stack of just over 512 KiB gets a chunk of one MiB, and what it calls runs in the rest.
_with_room.__code__ = _with_room.__code__.replace(co_stacksize=66_000)
