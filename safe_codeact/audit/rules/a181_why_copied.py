"""A181 why-copied: one reason for two lines.

What        A `why` that another line of the policy has word for word.
Why         It was pasted, so it is the reason of at most one of them.
Example     - {module: zlib, why: "needed for data"}
            - {module: gzip, why: "needed for data"}
Better      - {module: zlib, why: "adler32 of small texts"}
"""

from __future__ import annotations

from collections.abc import Iterator

from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.reasons import reasons
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    first: dict[str, str] = {}
    for path, label, why in reasons(subject):
        same = " ".join(why.lower().split()).rstrip(".")
        if same and same in first:
            yield Found(path=(*path, "why"), message=f"{label} has the reason of {first[same]}, word for word.")
        elif same:
            first[same] = label


RULE = Rule("A181", "why-copied", Severity.LOW, Confidence.HIGH, check)
