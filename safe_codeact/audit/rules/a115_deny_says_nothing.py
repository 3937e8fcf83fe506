"""A115 deny-says-nothing: a `deny` of names that are hidden anyway.

What        Names under `deny` that the built-in list hides for everybody, all of a line's.
Why         The line reads as if it took something away. What it takes away was never there, and the reviewer looks no
            further.
Example     - {module: pandas, why: "tables", deny: [read_pickle]}
Better      - {module: pandas, why: "tables"}
"""

from __future__ import annotations

from collections.abc import Iterator

from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.subject import Subject
from safe_codeact.policy.knowledge import DENIED


def check(subject: Subject) -> Iterator[Found]:
    for path, rule in subject.imports():
        hidden = DENIED.get(rule.module, {})
        if rule.deny and all(name in hidden for name in rule.deny):
            yield Found(
                path=(*path, "deny"),
                message=f"{rule.module}: {', '.join(rule.deny)} {'is' if len(rule.deny) == 1 else 'are'} hidden under every policy.",
            )


RULE = Rule("A115", "deny-says-nothing", Severity.LOW, Confidence.HIGH, check)
