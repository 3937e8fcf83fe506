"""A187 nothing-denied: no example of what is refused.

What        Examples that are all `allow`, where the gate is on.
Why         A policy that allows everything passes all of them.
Example     examples:
              - {allow: "import math"}
Better      examples:
              - {allow: "import math"}
              - {deny: "import os", rule: G401}
"""

from __future__ import annotations

from collections.abc import Iterator

from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    examples = subject.policy.examples
    if examples and subject.policy.language.restricted and all(each.deny is None for each in examples):
        yield Found(path=("examples",), own=True, at_key=True, message="no example says what is to be refused.")


RULE = Rule("A187", "nothing-denied", Severity.LOW, Confidence.HIGH, check)
