"""A136 read-shadowed: a readable path below another one.

What        A line of `filesystem.read` that another line grants already.
Why         Deleting it changes nothing, which is not what it looks like.
Example     read: [{path: /srv/data, why: "all tables"}, {path: /srv/data/sales, why: "sales"}]
Better      read: [{path: /srv/data/sales, why: "sales"}]
"""

from __future__ import annotations

from collections.abc import Iterator

from safe_codeact.audit import places
from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    lines = list(subject.readable())
    for path, line in lines:
        above = next((o.path for _, o in lines if o.path != line.path and places.is_below(line.path, o.path)), None)
        if above is not None:
            yield Found(
                path=(*path, "path"),
                message=f"{line.path} is readable already, by the line for {above}.",
                fix=subject.deleting_item(path, "delete the line"),
            )


RULE = Rule("A136", "read-shadowed", Severity.LOW, Confidence.HIGH, check)
