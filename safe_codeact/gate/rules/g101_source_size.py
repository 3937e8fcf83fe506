"""G101 source-size: a source longer than the policy allows.

Refuses   A source of more bytes (UTF-8) than `limits.source_kb`.
Why       Parsing costs many times the text; data does not belong into code.
Behind it The worker's memory and CPU limits end a parse that grows.
Instead   Put data into a file of the workspace, or split the work over several actions.
"""

from __future__ import annotations

from safe_codeact.gate.rule import Rule, Situation

RULE = Rule("G101", "source-size")


def report(situation: Situation, size: int, limit: int) -> None:
    situation.find(
        RULE,
        (1, 1),
        f"the source has {size} bytes; {limit} are allowed (limits.source_kb={limit // 1024}).",
        "Split the work over several actions, or keep data in a file instead of in the code.",
    )
