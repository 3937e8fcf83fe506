"""A173 denial-of-nothing: a tool is denied that no line allows.

What        `deny: true` for a tool, without a `"*"` line, in a file whose parents have no line for it.
Why         Without `"*"` a tool without a line does not exist anyway: the denial suggests that others do.
Example     tools:
              refund: {deny: true}
Better      Leave the line out, or say in a comment why the tool must never get one.
References  CWE-561
"""

from __future__ import annotations

from collections.abc import Iterator

from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    if any(tool.name == "*" for _, tool in subject.tools()):
        return
    known = {tool.name for tool in subject.parent.tools} if subject.parent is not None else set()
    for path, tool in subject.tools():
        if tool.deny and tool.name not in known:
            yield Found(
                path=(*path, "deny"),
                message=f'{tool.name} does not exist without a line, since there is no "*" line: the denial changes nothing.',
            )


RULE = Rule("A173", "denial-of-nothing", Severity.LOW, Confidence.HIGH, check)
