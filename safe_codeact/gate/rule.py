"""What a rule is, and what it is told of the action it judges. Rules share one walk over the tree (`transform`)."""

from __future__ import annotations

import ast
import difflib
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from safe_codeact.gate.report import Finding
from safe_codeact.policy.effective import Policy
from safe_codeact.policy.parts import importable

MOST_FINDINGS = 50  # a model cannot use more, and a hostile source must not choose the size of its own report


_importable = functools.lru_cache(maxsize=64)(importable)  # the same few policies, judged under again and again


@dataclass(frozen=True, slots=True)
class Rule:
    """`checks`: the node types the rule wants to see. A rule without any speaks before the walk, or at run time."""

    code: str
    name: str
    checks: tuple[tuple[type[ast.AST], Callable[[Situation, Any], None]], ...] = ()


@dataclass(slots=True)
class Situation:
    """The policy, the tools, and what the walk has seen so far."""

    policy: Policy
    tools: tuple[str, ...]
    findings: list[Finding] = field(default_factory=list)
    imports: set[str] = field(default_factory=set)
    aliases: dict[str, str] = field(default_factory=dict)  # variable → the module it was imported as
    in_class_body: bool = False
    import_may_fail: bool = False  # inside `try: ... except ImportError:`
    modules: dict[str, frozenset[str]] = field(init=False)  # importable module → names hidden in it

    def __post_init__(self) -> None:
        denied = {rule.module: frozenset(rule.deny) for rule in self.policy.language.imports}
        self.modules = {name: denied.get(name, frozenset()) for name in _importable(tuple(denied))}

    def find(self, rule: Rule, node: ast.AST | tuple[int, int], message: str, hint: str = "") -> None:
        if len(self.findings) >= MOST_FINDINGS:
            return
        if isinstance(node, tuple):
            line, column = node
        else:
            line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1
        finding = Finding(code=rule.code, name=rule.name, line=line, column=column, message=message, hint=hint)
        if finding not in self.findings:
            self.findings.append(finding)

    def nearest_module(self, name: str) -> str | None:
        found = difflib.get_close_matches(name[:80], sorted(self.modules), n=1, cutoff=0.75)
        return found[0] if found else None

    def tool_list(self) -> str:
        return ", ".join(f"`{name}`" for name in self.tools[:12])


def quoted(names: Sequence[str], most: int = 30) -> str:
    """`a`, `b` and 3 more."""
    shown = ", ".join(f"`{name}`" for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
