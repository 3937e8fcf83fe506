"""G203 guarded-attribute: an attribute that only its guard may touch, in a place where no guard can stand.

Refuses   x.__dict__ |= {...}, x.obj += 1, del x.__dict__, for x.__class__ in ..., case C(__dict__=d), case C(obj=o).
Why       These names are judged by the object they are read from; such a place reads or writes without asking.
Behind it The same names in ordinary reads, calls and assignments go through a guard.
Instead   Use a plain read or assignment: x.__dict__.update(...), d = x.__dict__.
"""

from __future__ import annotations

import ast

from safe_codeact.gate.names import Stance, reading, writing
from safe_codeact.gate.rule import Rule, Situation


def check_augmented(situation: Situation, node: ast.AugAssign) -> None:
    target = node.target
    if isinstance(target, ast.Attribute):
        name = target.attr
        if writing(name) is Stance.GUARDED:
            return  # the walk finds the write itself
        if reading(name) is Stance.GUARDED:
            situation.find(RULE, target, f"`.{name}` cannot be changed in place.", f"Write `x.{name} = ...`.")
        elif reading(name) is Stance.REFUSED:
            situation.find(RULE, target, f"`.{name}` may not be read.")


def check_pattern(situation: Situation, node: ast.AST) -> None:
    for name in node.kwd_attrs:  # type: ignore[attr-defined]  # MatchClass
        if reading(name) in (Stance.GUARDED, Stance.REFUSED):
            situation.find(RULE, node, f"a class pattern may not read `.{name}`.", "Match the class, then read it.")


def report(situation: Situation, node: ast.Attribute) -> None:
    situation.find(
        RULE, node, f"`.{node.attr}` can only be set by a plain assignment.", f"Write `x.{node.attr} = ...`."
    )


def report_declaration(situation: Situation, node: ast.AST, name: str) -> None:
    situation.find(RULE, node, f"`{name}` can only be set by a plain assignment.", f"Write `{name} = (...)`.")


RULE = Rule("G203", "guarded-attribute", ((ast.AugAssign, check_augmented), (ast.MatchClass, check_pattern)))
