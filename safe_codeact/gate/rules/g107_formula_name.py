"""G107 formula-name: a method or a variable that no formula has.

Refuses   "{}".format(x), x.__class__, values.tolist(), _name = 1, where the policy says `interpreter: expression`.
Why       Methods are allowed by name, for texts, lists, dicts and sets; there are no other attributes.
Behind it The interpreter looks the method up for the exact type of the value, and nowhere else.
Instead   Use an f-string, an operator, or one of the methods; the hint names the nearest.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Collection

from safe_codeact.gate.rule import Rule, Situation

RULE = Rule("G107", "formula-name")


def report_method(situation: Situation, node: ast.AST, name: str, known: Collection[str]) -> None:
    near = difflib.get_close_matches(name[:80], sorted(known), n=1, cutoff=0.6)
    hint = f"Did you mean `.{near[0]}()`?" if near else "Use an operator or a function."
    hint = 'Write an f-string: f"{x:.2f}".' if name in ("format", "format_map") else hint
    situation.find(RULE, node, f"`.{name}()` is no method of a formula.", hint)


def report_name(situation: Situation, node: ast.AST, name: str) -> None:
    situation.find(RULE, node, f"`{name}`: names of a formula do not start with an underscore.", "Use another name.")
