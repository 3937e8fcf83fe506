"""Run a formula as a worker would: through the gate, or as if the gate had let it through; and in plain CPython."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from safe_codeact.gate.bounds import ACTION_FILENAME
from safe_codeact.gate.check import Judgement
from safe_codeact.gate.formulas import staged
from safe_codeact.gate.report import GateReport
from safe_codeact.guest.interpreters import dispatch, expression, functions
from safe_codeact.guest.interpreters.definitions import Function
from safe_codeact.policy.effective import Language, Policy

POLICY = Policy(language=Language(interpreter="expression"))
FUNCTIONS = Policy(language=Language(interpreter="expression", functions=True))
NOT_ALLOWED = (
    TypeError,
    NameError,
    AttributeError,
    NotImplementedError,
    expression.TooMuch,
    ValueError,
    ZeroDivisionError,
)


def final_answer(answer: object) -> None:
    """What every action has."""


def run(judgement: Judgement, policy: Policy = POLICY) -> tuple[Any, dict[str, Any]]:
    """Its value and the names it bound."""
    names: dict[str, Any] = {"__name__": "__main__"}
    provided = {"final_answer": final_answer, "ToolError": RuntimeError}
    names["__builtins__"] = dispatch.builtins_for(policy, None, names, provided)  # type: ignore[arg-type]
    return dispatch.run(judgement, names), names


def unjudged(source: str) -> Judgement:
    """As if the gate had let it through."""
    tree = ast.parse(source)
    return Judgement(GateReport(allowed=True), compile(staged(tree), ACTION_FILENAME, "exec"), tree)


def outcome(action: Any, capsys: pytest.CaptureFixture[str]) -> tuple[str, str, str, dict[str, Any]]:
    """Value, error, output and the values of the names, as texts that can be compared."""
    try:
        value, names = action()
        shown, error = ("" if value is expression.compiled.NOTHING else repr(value)), ""
        kept = {name: _named(each) for name, each in names.items() if not name.startswith("__")}
    except Exception as problem:
        shown, error, kept = "", f"{type(problem).__name__}: {problem}", {}
    return shown, error, capsys.readouterr().out, kept


def _named(value: Any) -> str:
    if type(value) is Function:
        return f"function {value.name}"
    return f"function {value.__name__}" if type(value) is type(_named) else repr(value)


def plain(source: str) -> tuple[Any, dict[str, Any]]:
    """What CPython makes of it."""
    names = {**functions.FUNCTIONS}
    tree = ast.parse(source)
    value: Any = expression.compiled.NOTHING
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "", "exec"), names)
    if last is not None:
        value = eval(compile(ast.Expression(last.value), "", "eval"), names)
    return value, {name: each for name, each in names.items() if functions.FUNCTIONS.get(name, names) is not each}
