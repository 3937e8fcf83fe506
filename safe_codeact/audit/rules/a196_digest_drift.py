"""A196 digest-drift: the policy is not the one that was pinned.

What        A lock beside the file (`support.lock` for `support.yaml`) with another digest, or one that cannot be read.
Why         Something changed since the lock was written: this file, one that it extends, or the shipped policy of a
            newer release. A runtime refuses it.
Example     safe-codeact policy lock support.yaml, then an edit
Better      Review the change with `policy diff`, then lock again.
References  CWE-353
"""

from __future__ import annotations

from collections.abc import Iterator

from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.subject import Subject
from safe_codeact.errors import InvalidPolicy
from safe_codeact.policy import lock


def check(subject: Subject) -> Iterator[Found]:
    try:
        lock.compare(subject.file.identity, subject.policy)
    except InvalidPolicy as drift:
        yield Found(path=(), message=str(drift))


RULE = Rule("A196", "digest-drift", Severity.HIGH, Confidence.HIGH, check)
