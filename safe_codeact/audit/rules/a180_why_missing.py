"""A180 why-missing: an allowance without a reason.

What        A line under `imports`, `tools` or `filesystem.read` without `why`. Medium for tools and paths.
Why         The next reviewer cannot tell whether it is still needed, and so it stays for ever.
Example     - {module: zlib}
Better      - {module: zlib, why: "compressed text inside other formats"}
References  CWE-1053
"""

from __future__ import annotations

from collections.abc import Iterator

from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.reasons import reasons
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    for path, label, why in reasons(subject):
        if not why:
            yield Found(
                path=path,
                at_key=path[0] == "tools",
                message=f"{label} has no `why`: who needs it?",
                severity=None if path[0] == "language" else Severity.MEDIUM,
            )


RULE = Rule("A180", "why-missing", Severity.LOW, Confidence.HIGH, check)
