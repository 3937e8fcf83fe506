"""A148 limits-missing: no limits are written down.

What        A file without `limits`, whose parents have none either.
Why         The defaults hold, and they suit the analysis of tables on a developer's machine. Nobody has decided that
            they suit this use.
Example     version: 1
            name: support
Better      limits: {wall_seconds: 20, cpu_seconds: 5, memory_mb: 128}
References  CWE-770
"""

from __future__ import annotations

from collections.abc import Iterator

from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    if not subject.is_given(("limits",)):
        yield Found(path=(), message="there is no `limits` section: the defaults were not chosen for this use.")


RULE = Rule("A148", "limits-missing", Severity.MEDIUM, Confidence.HIGH, check)
