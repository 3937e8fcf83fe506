"""A120 gate-off: the gate is switched off.

What        `language.restricted: false`.
Why         One layer is left instead of two: a hole in the kernel, reachable by the allowed system calls, is enough.
            The audit of imports ends here, since every import goes.
Example     language: {restricted: false}
Better      language:
              imports:
                - {module: numpy, why: "what the code needs it for"}
References  CWE-693
"""

from __future__ import annotations

from collections.abc import Iterator

from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    path = ("language", "restricted")
    if not subject.policy.language.restricted and subject.says_itself(path):
        yield Found(
            path=path,
            message="any Python runs: the kernel layer alone holds.",
            fix=subject.replacing(path, "true", "switch the gate on"),
        )


RULE = Rule("A120", "gate-off", Severity.HIGH, Confidence.HIGH, check)
