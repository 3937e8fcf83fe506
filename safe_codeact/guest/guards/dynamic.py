"""eval and exec: the text is judged as an action is, then run with the action's builtins.

Threat: a text that the gate has not read; a dictionary of globals with the real builtins in it (CPython puts those of
the *guard's* frame into a dictionary that has none); a library as the caller.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Sequence
from types import CodeType, FrameType
from typing import Any

from safe_codeact.gate.check import judge_expression, judge_quiet
from safe_codeact.gate.names import GUARD, unmark
from safe_codeact.gate.rules import g303_dynamic_code
from safe_codeact.guest.guards.refusal import refusal
from safe_codeact.guest.guards.views import MARK, Names, caller, names_behind
from safe_codeact.policy.effective import Policy

_NEEDED = ("__build_class__",)
_MISSING: Any = object()


class DynamicCode:
    """`eval` and `exec` for one namespace. `builtins` is set once the dictionary is complete."""

    def __init__(self, policy: Policy, tools: Sequence[str], namespace: dict[str, Any]) -> None:
        self._policy = policy
        self._tools = tuple(tools)
        self._namespace = namespace
        self.builtins: dict[str, Any] = {}

    def eval(self) -> Callable[..., Any]:
        def eval(source: Any, globals: Any = None, locals: Any = None, /) -> Any:
            code = self._judged(source, "eval")
            return self._run(_real_eval, code, globals, locals, caller())

        return eval

    def exec(self) -> Callable[..., None]:
        def exec(source: Any, globals: Any = None, locals: Any = None, /, *, closure: Any = None) -> None:
            code = self._judged(source, "exec")
            self._run(_real_exec, code, globals, locals, caller())

        return exec

    def _judged(self, source: Any, what: str) -> CodeType:
        if isinstance(source, (bytes, bytearray)):
            source = bytes(source).decode("utf-8", "replace")
        if not isinstance(source, str):
            raise refusal(g303_dynamic_code.RULE, f"{what}() takes a text here, not a {type(source).__name__} object.")
        judge = judge_expression if what == "eval" else judge_quiet
        judgement = judge(str.__str__(source), self._policy, self._tools)
        if judgement.code is not None:
            return judgement.code
        first = judgement.report.findings[0]
        if first.code == "G103":
            ast.parse(source.lstrip(" \t") if what == "eval" else source, "<string>", what)  # CPython's own exception
        raise refusal(g303_dynamic_code.RULE, f"the text given to {what}() was refused: {first}")

    def _run(self, runner: Callable[..., Any], code: CodeType, given: Any, local: Any, frame: Any) -> Any:
        if isinstance(local, Names):
            local = names_behind(local)
        if isinstance(given, Names):
            given = names_behind(given)
        if given is None:
            given = self._namespace
            if frame is not None:
                given, local = frame.f_globals, _locals_of(frame, runner) if local is None else local
        if given is self._namespace:
            return runner(code, given, given if local is None else local)
        if type(given) is not dict:
            raise TypeError(f"globals must be a real dict; try eval(code, {{}}, mapping), not {type(given).__name__}")
        kept = given.get("__builtins__", _MISSING)
        given["__builtins__"] = self._merged(kept)
        try:
            return runner(code, given, local)
        finally:
            if kept is _MISSING:
                given.pop("__builtins__", None)
            else:
                given["__builtins__"] = kept

    def _merged(self, asked: Any) -> dict[str, Any]:
        """A copy of the action's builtins; of a dictionary that brings its own, those and the guards."""
        if asked is _MISSING or (isinstance(asked, dict) and MARK in asked):
            return dict(self.builtins)
        guards = {key: value for key, value in self.builtins.items() if key.startswith(GUARD) or key in _NEEDED}
        own = dict(asked) if isinstance(asked, dict) else {}
        return own | guards


def _locals_of(frame: FrameType, runner: Callable[..., Any]) -> Any:
    # The locals of a class body become the class: names that the gate judges in a class body would come in unread.
    if frame.f_locals is frame.f_globals or frame.f_code.co_flags & inspect.CO_OPTIMIZED:
        return frame.f_locals
    if runner is _real_exec:
        raise refusal(g303_dynamic_code.RULE, "exec() may not run in a class body.", "Write the definitions out.")
    return {unmark(name): value for name, value in frame.f_locals.items()}


_real_eval = eval  # SAFETY: only ever given code objects that the gate made of a judged text
_real_exec = exec  # SAFETY: as above
