"""A194 every-tool-inherited: named tools beside an inherited `"*"`.

What        A file that names tools and inherits the `"*"` line of its parent.
Why         The list reads as if these tools existed and no others. All others exist, too, with the parent's budget.
Example     extends: strict
            tools:
              search: {why: "finding things", max_calls: 20}
Better      extends: strict
            tools:
              "*": {deny: true}
              search: {why: "finding things", max_calls: 20}
References  CWE-1188
"""

from __future__ import annotations

from collections.abc import Iterator

from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    if subject.parent is None or not any(tool.name == "*" for tool in subject.policy.tools):
        return
    named = subject.node(("tools",), own=True)
    if named is not None and isinstance(named.content, dict) and named.content and "*" not in named.content:
        yield Found(
            path=("tools",),
            own=True,
            at_key=True,
            message=f'{subject.parent.name} has a "*" line, so every tool exists, not '
            'only those named here: add `"*": {deny: true}` if these are all.',
        )


RULE = Rule("A194", "every-tool-inherited", Severity.MEDIUM, Confidence.HIGH, check)
