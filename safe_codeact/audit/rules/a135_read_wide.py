"""A135 read-wide: a whole top folder is readable.

What        A folder directly below `/`, as /srv, /data, /opt or /mnt, which no other rule names.
Why         A grant of a folder grants all below it, what is put there next year too.
Example     read: [{path: /data, why: "the tables"}]
Better      read: [{path: /data/sales/2026, why: "the tables of the year"}]
References  CWE-552
"""

from __future__ import annotations

from collections.abc import Iterator

from safe_codeact.audit import places
from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    for path, line in subject.readable():
        if (
            places.is_wide(line.path)
            and line.path not in places.SYSTEM
            and not places.is_home(line.path)
            and line.path != "/var"
        ):
            yield Found(
                path=(*path, "path"),
                message=f"{line.path} is a top folder, with all that is and will be below it: name the part that the work needs.",
            )


RULE = Rule("A135", "read-wide", Severity.MEDIUM, Confidence.MEDIUM, check)
