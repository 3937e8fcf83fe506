"""G104 source-complexity: a source that is nested too deeply or has too many parts.

Refuses   More tokens, syntax tree nodes or levels than a hand-written program has.
Why       Parser, gate and compiler recurse: such a text is made to exhaust them.
Behind it CPython's own recursion checks, then the worker's memory and CPU limits.
Instead   Use a loop or a data structure instead of writing every case out.
"""

from __future__ import annotations

from safe_codeact.gate.rule import Rule, Situation

RULE = Rule("G104", "source-complexity")


def report(situation: Situation, what: str, place: tuple[int, int] = (1, 1)) -> None:
    situation.find(RULE, place, f"{what}.", "Use a loop or a data structure instead of writing every case out.")
