"""A193 line-restated: a line that the parent has already.

What        A line of `imports`, `tools` or `filesystem.read` that changes nothing of its parent's but the reason.
Why         It looks like a decision of this file. When the parent drops its line, this one keeps the grant, unnoticed.
Example     extends: strict
            language: {imports: [{module: math, why: "sums"}]}
Better      extends: strict
"""

from __future__ import annotations

from collections.abc import Iterator

from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.reasons import inherited_lines
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    for path, label in inherited_lines(subject):
        yield Found(
            path=path,
            own=True,
            at_key=path[0] == "tools",
            message=f"{label} is granted by {subject.parent.name if subject.parent else ''} in the same way.",
            fix=subject.deleting_item(path, "delete the line", own=True),
        )


RULE = Rule("A193", "line-restated", Severity.LOW, Confidence.HIGH, check)
