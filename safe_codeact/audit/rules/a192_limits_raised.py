"""A192 limits-raised: a limit far above the parent's.

What        A child's limit of four times its parent's or more. A workspace's where the parent has one.
Why         The parent's figures were chosen together; who raises one far should say why.
Example     extends: tools-only
            limits: {memory_mb: 4096}
Better      extends: tools-only
            limits: {memory_mb: 256}
References  CWE-770
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    if subject.parent is None:
        return
    for field in dataclasses.fields(subject.policy.limits):
        now, before = getattr(subject.policy.limits, field.name), getattr(subject.parent.limits, field.name)
        none_before = field.name.startswith("workspace") and subject.parent.filesystem.workspace == "none"
        if now >= 4 * before and not none_before:
            yield Found(
                path=("limits", field.name),
                message=f"limits.{field.name}={now:g} is {now / before:.3g} times what {subject.parent.name} allows ({before:g}).",
            )


RULE = Rule("A192", "limits-raised", Severity.LOW, Confidence.HIGH, check)
