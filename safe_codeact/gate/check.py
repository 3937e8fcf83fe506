"""The gate's two doors: `check` says whether a source may run, `judge` says it and hands out the code. One verdict.

The source is bounded, parsed, walked once (every rule, RestrictedPython's allowlist and the rewriting share the walk)
and compiled. RestrictedPython's own `compile_restricted_exec` is not called: it compiles without `dont_inherit`, from a
module with `from __future__ import annotations`, which would turn every annotation of the action into a string.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Sequence
from types import CodeType
from typing import Literal

from safe_codeact.frozen import dataclass
from safe_codeact.gate.bounds import ACTION_FILENAME, MOST_COPIES, MOST_HANDLERS, bounded, copies, handlers, parsed
from safe_codeact.gate.formulas import FormulaWalk, staged
from safe_codeact.gate.names import ECHO, MARKER, unmark
from safe_codeact.gate.report import GateReport
from safe_codeact.gate.rule import Situation
from safe_codeact.gate.rules import g103_syntax_error, g104_source_complexity
from safe_codeact.gate.transform import ActionTransformer, TooComplex
from safe_codeact.policy.effective import Policy

_FLAGS = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


@dataclass(frozen=True, slots=True)
class Judgement:
    """`code` is there exactly when the report allows. A top-level `await` makes it a coroutine's code."""

    report: GateReport
    code: CodeType | None
    formula: ast.Module | None = (
        None  # under `interpreter: expression`: the statements that `code` runs by their places
    )


def check(source: str, *, policy: Policy | str | None = None, tools: Sequence[str] = ()) -> GateReport:
    """Whether `source` may run under `policy` (a `Policy`, a shipped name or a path; None: "strict").

    Never raises for any text; raises `InvalidPolicy` where the policy cannot be loaded.
    """
    if not isinstance(policy, Policy):
        policy = Policy.load("strict" if policy is None else policy)
    return judge(source, policy, tools).report


def judge(source: str, policy: Policy, tools: Sequence[str]) -> Judgement:
    """The verdict on an action, and its code. The last bare expression's value lands in the global `names.ECHO`."""
    return _judge(source, policy, tools, "action")


def judge_quiet(source: str, policy: Policy, tools: Sequence[str]) -> Judgement:
    """The verdict on statements, as `exec` takes them: no value is kept."""
    return _judge(source, policy, tools, "exec")


def judge_expression(source: str, policy: Policy, tools: Sequence[str]) -> Judgement:
    """The verdict on a single expression, as `eval` takes it, and its code in "eval" mode."""
    return _judge(source.strip(" \t\r\n"), policy, tools, "eval")


def _judge(source: str, policy: Policy, tools: Sequence[str], mode: Literal["action", "exec", "eval"]) -> Judgement:
    situation = Situation(policy=policy, tools=tuple(tools))
    text = bounded(source, situation)
    tree = None if text is None else parsed(text, situation)
    if tree is None:
        return Judgement(_report(situation, None), None)
    if mode == "eval" and not (len(tree.body) == 1 and isinstance(tree.body[0], ast.Expr)):
        g103_syntax_error.report(situation, SyntaxError("eval() takes one expression"))
        return Judgement(_report(situation, None), None)
    if handlers(source, tree) > MOST_HANDLERS:
        g104_source_complexity.report(situation, "too many `try`, `with` and comprehensions are inside each other")
        return Judgement(_report(situation, None), None)
    if policy.language.interpreter == "expression":
        return _judged_formula(tree, situation)
    walk = ActionTransformer(situation)
    if mode == "action":
        walk.echo(tree)
    code = None
    try:
        if policy.language.restricted:
            walk.visit(tree)
        if walk.duplicates and copies(tree)[0] > MOST_COPIES:
            g104_source_complexity.report(
                situation,
                f"compiled with every copy of its `finally` blocks the source has more than {MOST_COPIES} parts",
            )
        if not situation.findings and not walk.errors:
            code = _compiled(tree, mode)
            if walk.renamed:
                code = _without_markers(code)
    except TooComplex:
        pass
    except SyntaxError as error:  # what only the compiler sees: `return` outside a function, two parameters of one name
        g103_syntax_error.report(situation, error)
    except (RecursionError, MemoryError):
        g104_source_complexity.report(situation, "the source is nested more deeply than CPython compiles")
    except ValueError as error:
        g103_syntax_error.report(situation, SyntaxError(str(error)))
    return Judgement(_report(situation, walk), code)


def _judged_formula(tree: ast.Module, situation: Situation) -> Judgement:
    walk = FormulaWalk(situation)
    walk.visit(tree)
    if situation.findings:
        return Judgement(_report(situation, walk), None)
    try:
        code = _compiled(staged(tree), "exec")
        _compiled(tree, "exec")  # never run; says what only the compiler sees: `break` outside of a loop
    except SyntaxError as error:
        g103_syntax_error.report(situation, error)
        return Judgement(_report(situation, walk), None)
    except (RecursionError, MemoryError):
        g104_source_complexity.report(situation, "the formula is nested more deeply than CPython compiles")
        return Judgement(_report(situation, walk), None)
    return Judgement(_report(situation, walk), code, tree)


def _compiled(tree: ast.Module, mode: str) -> CodeType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SyntaxWarning: `x is 1` is the action's business
        code: CodeType
        if mode == "eval":
            (only,) = tree.body
            assert isinstance(only, ast.Expr)
            code = compile(ast.Expression(only.value), ACTION_FILENAME, "eval", dont_inherit=True)
        else:
            flags = _FLAGS if mode == "action" else 0
            code = compile(tree, ACTION_FILENAME, "exec", flags=flags, dont_inherit=True)
        return code


def _report(situation: Situation, walk: ActionTransformer | FormulaWalk | None) -> GateReport:
    findings = tuple(sorted(situation.findings, key=lambda finding: (finding.line, finding.column, finding.code)))
    return GateReport(
        allowed=not findings,
        findings=findings,
        imports=tuple(sorted(situation.imports)),
        names=tuple(sorted(name for name in walk.names if name != ECHO)) if walk else (),
        tools=tuple(sorted(walk.mentioned.intersection(situation.tools))) if walk else (),
    )


def _without_markers(code: CodeType) -> CodeType:
    """The code with definitions named as the action wrote them: `__name__`, tracebacks, annotations.

    Renamed attributes stand in `co_names` and in the tuples of class patterns, and stay. A string constant with the
    marker is a name that the compiler made of a renamed definition, because no source may contain the marker.
    """
    constants = tuple(
        _without_markers(value)
        if isinstance(value, CodeType)
        else value.replace(MARKER, "")
        if type(value) is str and MARKER in value
        else value
        for value in code.co_consts
    )
    return code.replace(
        co_consts=constants,
        co_name=unmark(code.co_name),
        co_qualname=code.co_qualname.replace(MARKER, ""),
    )
