"""A168 large-tool-budget: a tool's budget is no bound.

What        `max_calls` above 1000, `max_session_calls` above 100000, `timeout_seconds` above 300, `max_result_kb` above 16384 or
            `approval_seconds` above 3600.
Why         A budget that no honest action reaches protects from no dishonest one.
Example     tools:
              search: {why: "finding things", max_calls: 100000}
Better      tools:
              search: {why: "finding things", max_calls: 20}
References  CWE-770
"""

from __future__ import annotations

from collections.abc import Iterator

from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.subject import Subject

_MOST = {
    "max_calls": 1000,
    "max_session_calls": 100_000,
    "timeout_seconds": 300,
    "max_result_kb": 16_384,
    "approval_seconds": 3600,
}


def check(subject: Subject) -> Iterator[Found]:
    for path, tool in subject.tools():
        for field, most in _MOST.items():
            value = getattr(tool, field)
            if not tool.deny and value is not None and value > most:
                place = (*path, field)
                yield Found(
                    path=place,
                    message=f"{tool.name}: {field}={value:g} is more than {most:g}, which bounds no one.",
                    fix=subject.replacing(place, f"{most:g}", f"lower it to {most:g}"),
                )


RULE = Rule("A168", "large-tool-budget", Severity.MEDIUM, Confidence.HIGH, check)
