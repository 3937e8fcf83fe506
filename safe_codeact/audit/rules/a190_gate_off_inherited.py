"""A190 gate-off-inherited: the gate is off by inheritance.

What        A file that extends a policy with `restricted: false` and says nothing of it itself.
Why         Nothing in the file shows that any Python runs; its import lines look like an allow-list.
Example     extends: unrestricted
Better      extends: analysis
References  CWE-1188
"""

from __future__ import annotations

from collections.abc import Iterator

from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    parent = subject.parent
    if (
        parent is not None
        and not subject.policy.language.restricted
        and not subject.says_itself(("language", "restricted"))
    ):
        yield Found(
            path=("extends",),
            own=True,
            message=f"{parent.name} switches the gate off, and this file does not say so: any Python runs.",
        )


RULE = Rule("A190", "gate-off-inherited", Severity.HIGH, Confidence.HIGH, check)
