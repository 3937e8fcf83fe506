"""G102 source-text: a character that no source may contain.

Refuses   Null bytes, lone surrogates, and U+16FE4, which the gate uses to keep private names apart.
Why       Parser and reader would disagree about such a text, and U+16FE4 would forge a name.
Behind it The parser refuses the first two; nothing else may spell U+16FE4.
Instead   Remove the character; in a string, compute it with `chr(...)` where it is really meant.
"""

from __future__ import annotations

from safe_codeact.gate.rule import Rule, Situation

RULE = Rule("G102", "source-text")


def report(situation: Situation, source: str, position: int, what: str) -> None:
    line = source.count("\n", 0, position) + 1
    column = position - source.rfind("\n", 0, position)
    situation.find(RULE, (line, column), f"the source contains {what}.", "Remove that character.")
