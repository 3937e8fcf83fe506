"""A132 read-home: a home folder is readable.

What        /home, /root, /Users, or one user's whole home.
Why         Homes hold keys, tokens, shell histories and browsers' cookies, in files whose names begin with a dot and
            that nobody lists.
Example     read: [{path: /home/anna, why: "her reports"}]
Better      read: [{path: /home/anna/reports, why: "her reports"}]
References  CWE-552, CWE-522
"""

from __future__ import annotations

from collections.abc import Iterator

from safe_codeact.audit import places
from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    for path, line in subject.readable():
        if places.is_home(line.path):
            yield Found(
                path=(*path, "path"),
                message=f"{line.path} is a home folder, with its keys, tokens and histories: name the folder in it.",
            )


RULE = Rule("A132", "read-home", Severity.HIGH, Confidence.HIGH, check)
