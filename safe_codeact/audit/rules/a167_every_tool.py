"""A167 every-tool: every tool of the host exists inside.

What        A `"*"` line under `tools`. Medium without `max_calls`.
Why         A tool that is added to the host next year is offered to the model the same day, without a change here.
Example     tools:
              "*": {why: "all of ours"}
Better      tools:
              search: {why: "finding things", max_calls: 20}
References  CWE-1188
"""

from __future__ import annotations

from collections.abc import Iterator

from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    for path, tool in subject.tools():
        if tool.name == "*":
            bounded = subject.is_given((*path, "max_calls"))
            yield Found(
                path=path,
                at_key=True,
                severity=None if bounded else Severity.MEDIUM,
                message="every tool that the host hands over exists inside, those it will hand over next year too"
                + ("." if bounded else ", and without a budget."),
            )


RULE = Rule("A167", "every-tool", Severity.LOW, Confidence.HIGH, check)
