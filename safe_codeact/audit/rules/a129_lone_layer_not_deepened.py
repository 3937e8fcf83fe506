"""A129 lone-layer-not-deepened: the last layer is not as deep as it can be.

What        `restricted: false` while namespaces are only `preferred`.
Why         Without the gate the kernel layer is all there is; a worker without namespaces of its own shares the
            machine's network stack, mounts and process table behind one filter.
Example     language: {restricted: false}
            isolation: {namespaces: preferred}
Better      language: {restricted: false}
            isolation: {namespaces: required}
References  CWE-653
"""

from __future__ import annotations

from collections.abc import Iterator

from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    if not subject.policy.language.restricted and subject.policy.isolation.namespaces != "required":
        yield Found(
            path=("isolation", "namespaces")
            if subject.is_given(("isolation", "namespaces"))
            else ("language", "restricted"),
            message="the gate is off, and namespaces are not required: where they cannot be had, one filter is all that is left.",
        )


RULE = Rule("A129", "lone-layer-not-deepened", Severity.MEDIUM, Confidence.MEDIUM, check)
