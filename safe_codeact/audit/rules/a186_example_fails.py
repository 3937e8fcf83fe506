"""A186 example-fails: an example that does not hold.

What        An example that the gate decides otherwise, or refuses by another rule.
Why         The file does something else than its author claims.
Example     - {allow: "import os"}
Better      - {deny: "import os", rule: G401}
"""

from __future__ import annotations

from collections.abc import Iterator

from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.subject import Subject
from safe_codeact.policy.rehearsal import rehearse


def check(subject: Subject) -> Iterator[Found]:
    for outcome in rehearse(subject.policy, subject.judge).outcomes:
        if outcome.complaint:
            key = "allow" if outcome.example.allow is not None else "deny"
            yield Found(path=("examples", outcome.number, key), own=True, message=f"the example {outcome.complaint}.")


RULE = Rule("A186", "example-fails", Severity.HIGH, Confidence.HIGH, check)
