"""A185 examples-missing: no examples.

What        A file without `examples`.
Why         Examples are what the author means, and are run: without them nobody notices when a change means something
            else.
Example     version: 1
            name: support
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
    if not subject.policy.examples:
        yield Found(path=(), message="the file has no `examples`: what is it to allow, and what not?")


RULE = Rule("A185", "examples-missing", Severity.LOW, Confidence.HIGH, check)
