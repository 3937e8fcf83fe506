"""A121 no-layer-left: neither gate nor kernel holds for sure.

What        `restricted: false` while seccomp or Landlock is not required.
Why         On a machine that lacks the one protection, or that was told to do without, code that nobody has read runs
            with the host user's files and network.
Example     language: {restricted: false}
            isolation: {seccomp: preferred}
Better      language: {restricted: false}
            isolation: {seccomp: required, landlock: required}
References  CWE-693, CWE-250
"""

from __future__ import annotations

from collections.abc import Iterator

from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    isolation = subject.policy.isolation
    loose = [name for name in ("seccomp", "landlock") if getattr(isolation, name) != "required"]
    if loose and not subject.policy.language.restricted:
        path = ("isolation", loose[0])
        yield Found(
            path=path,
            message=f"the gate is off, and {' and '.join(loose)} {'is' if len(loose) == 1 else 'are'} not required: "
            "there may be nothing that holds.",
            fix=subject.replacing(path, "required", "require it"),
        )


RULE = Rule("A121", "no-layer-left", Severity.CRITICAL, Confidence.HIGH, check)
