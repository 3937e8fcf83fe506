"""A policy's own examples, judged: what its author claims of it, and which lines no claim exercises.

The gate is handed in (`Judge`), because nothing in this package may import it: the policy is what the gate stands on.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeAlias

from safe_codeact.frozen import dataclass
from safe_codeact.policy.effective import Example, Policy
from safe_codeact.policy.parts import importable


class Breach(Protocol):
    """One finding of the gate, as far as an example asks about it."""

    @property
    def code(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def line(self) -> int: ...

    @property
    def message(self) -> str: ...


class Verdict(Protocol):
    """What the gate says about a source (`gate.report.GateReport`)."""

    @property
    def allowed(self) -> bool: ...

    @property
    def findings(self) -> Sequence[Breach]: ...

    @property
    def imports(self) -> Sequence[str]: ...

    @property
    def tools(self) -> Sequence[str]: ...


Judge: TypeAlias = Callable[[str, Policy, Sequence[str]], Verdict]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One example, judged. `complaint` is empty where the gate does what the example claims."""

    number: int  # from 0, as in the file
    example: Example
    complaint: str


@dataclass(frozen=True, slots=True)
class Rehearsal:
    outcomes: tuple[Outcome, ...]
    imports: tuple[str, ...]  # the modules with a line
    idle_imports: tuple[str, ...]  # those of them that no example imports
    tools: tuple[str, ...]  # the tools with a line of their own that exist
    idle_tools: tuple[str, ...]
    run: int = 0  # how many of them were run as well

    def with_acts(self, seen: Iterable[tuple[int, str]]) -> Rehearsal:
        """With what examples showed that were run: by number, a complaint or ""."""
        shown = dict(seen)
        outcomes = tuple(
            dataclasses.replace(each, complaint=each.complaint or shown.get(each.number, "")) for each in self.outcomes
        )
        return dataclasses.replace(self, outcomes=outcomes, run=len(shown))

    @property
    def holds(self) -> bool:
        return not any(outcome.complaint for outcome in self.outcomes)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for `--json`."""
        return {
            "holds": self.holds,
            "run": self.run,
            "examples": [
                {"number": each.number, "source": source_of(each.example), "complaint": each.complaint or None}
                for each in self.outcomes
            ],
            "imports": {"lines": len(self.imports), "idle": list(self.idle_imports)},
            "tools": {"lines": len(self.tools), "idle": list(self.idle_tools)},
        }


def rehearse(policy: Policy, judge: Judge) -> Rehearsal:
    """Every example judged by the gate, and the import and tool lines that no allowed one uses."""
    tools = tools_of(policy)
    used_modules: set[str] = set()
    used_tools: set[str] = set()
    outcomes = []
    for number, example in enumerate(policy.examples):
        verdict = judge(source_of(example), policy, tools)
        outcomes.append(Outcome(number, example, _complaint(example, verdict)))
        if example.allow is not None and verdict.allowed:
            used_modules |= _with_packages(verdict.imports)
            used_tools |= set(verdict.tools)
    modules = tuple(rule.module for rule in policy.language.imports) if policy.language.restricted else ()
    return Rehearsal(
        outcomes=tuple(outcomes),
        imports=modules,
        idle_imports=tuple(module for module in modules if not used_modules & importable([module])),
        tools=named_tools(policy),
        idle_tools=tuple(tool for tool in named_tools(policy) if tool not in used_tools),
    )


def named_tools(policy: Policy) -> tuple[str, ...]:
    """The tools with a line of their own that exist."""
    return tuple(rule.name for rule in policy.tools if rule.name != "*" and not rule.deny)


def tools_of(policy: Policy) -> tuple[str, ...]:
    """The tools that examples have: those with a line, and under a line for every tool those that an example answers for."""
    rules = {rule.name: rule for rule in policy.tools}
    if "*" not in rules or rules["*"].deny:
        return named_tools(policy)
    brought = dict.fromkeys(name for example in policy.examples for name in json.loads(example.tools or "{}"))
    return (*named_tools(policy), *(name for name in brought if name not in rules))


def source_of(example: Example) -> str:
    """The program of an example, whichever of the two it claims."""
    return example.allow if example.allow is not None else example.deny or ""


def _complaint(example: Example, verdict: Verdict) -> str:
    codes = sorted({finding.code for finding in verdict.findings})
    if example.allow is not None:
        if verdict.allowed:
            return ""
        first = verdict.findings[0]
        return (
            f"is to be allowed, and the gate refuses it: {first.code} {first.name}, line {first.line}: {first.message}"
        )
    if verdict.allowed:
        return "is to be refused, and the gate allows it"
    if example.rule is not None and example.rule not in codes:
        return f"is to be refused by {example.rule}, and the gate refuses it by {', '.join(codes)}"
    return ""


def _with_packages(modules: Sequence[str]) -> set[str]:
    """`import os.path` exercises the line for os, too: the statement binds it."""
    return {
        ".".join(parts[:count])
        for parts in (module.split(".") for module in modules)
        for count in range(1, len(parts) + 1)
    }
