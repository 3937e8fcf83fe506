"""A137 read-code: an application's code is readable.

What        A path with a part such as `site-packages`, `venv`, `src` or `app`.
Why         Code tells how to attack what it runs, and keys in it are common. Libraries that the policy allows are
            readable without a line.
Example     read: [{path: /opt/shop/src, why: "price tables"}]
Better      read: [{path: /opt/shop/price-tables, why: "price tables"}]
References  CWE-540
"""

from __future__ import annotations

from collections.abc import Iterator

from safe_codeact.audit import places
from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    for path, line in subject.readable():
        if places.holds_code(line.path):
            yield Found(
                path=(*path, "path"),
                message=f"{line.path} looks like code: libraries need no line, and the host's own code is nothing for an action.",
            )


RULE = Rule("A137", "read-code", Severity.MEDIUM, Confidence.LOW, check)
