"""A191 isolation-weakened: a protection that the parent requires.

What        A child's `isolation` that asks for less than its parent's.
Why         Who reads `extends: strict` counts on what strict requires.
Example     extends: strict
            isolation: {landlock: preferred}
Better      extends: strict
References  CWE-693
"""

from __future__ import annotations

from collections.abc import Iterator

from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.subject import Subject

_RANK = {"off": 0, "preferred": 1, "required": 2}


def check(subject: Subject) -> Iterator[Found]:
    if subject.parent is None:
        return
    for field in ("seccomp", "landlock", "namespaces", "cgroup"):
        asked, before = getattr(subject.policy.isolation, field), getattr(subject.parent.isolation, field)
        if _RANK[asked] < _RANK[before]:
            path = ("isolation", field)
            yield Found(
                path=path,
                message=f"isolation.{field}={asked} asks for less than {subject.parent.name}, which says {before}.",
                fix=subject.replacing(path, before, "as the parent"),
            )


RULE = Rule("A191", "isolation-weakened", Severity.HIGH, Confidence.HIGH, check)
