"""A131 read-system: a folder of the system is readable.

What        A path at, below or above /etc, /proc, /sys, /dev, /run, /var/run, /var/log, /var/lib, /tmp and their like.
Why         They hold password hashes, the environments of other processes, sockets and service secrets, and what
            others left behind.
Example     read: [{path: /etc, why: "time zone"}]
Better      - {module: zoneinfo, why: "time zones"}
References  CWE-552, CWE-538
"""

from __future__ import annotations

from collections.abc import Iterator

from safe_codeact.audit import places
from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    for path, line in subject.readable():
        system = next((each for each in places.SYSTEM if places.is_below(line.path, each)), None)
        if system is None and line.path == "/var":
            system = "/var/log"
        if system is not None:
            yield Found(
                path=(*path, "path"),
                message=f"{line.path} is a folder of the system: it holds {places.SYSTEM[system]}.",
            )


RULE = Rule("A131", "read-system", Severity.HIGH, Confidence.HIGH, check)
