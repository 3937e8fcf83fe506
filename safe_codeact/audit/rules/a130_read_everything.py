"""A130 read-everything: every file is readable.

What        `/` under `filesystem.read`.
Why         All that the host's user may read: keys, histories, other customers' files, and this policy. Tools and the
            model carry it out.
Example     read: [{path: /, why: "convenience"}]
Better      read: [{path: /srv/catalogue, why: "the shared catalogue"}]
References  CWE-552, CWE-200
"""

from __future__ import annotations

from collections.abc import Iterator

from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    for path, line in subject.readable():
        if line.path == "/":
            yield Found(
                path=(*path, "path"), message="/ is every file of the machine: name the folder that the work needs."
            )


RULE = Rule("A130", "read-everything", Severity.CRITICAL, Confidence.HIGH, check)
