"""A169 tool-budget-never-reached: a tool's budget that another limit ends first.

What        `max_calls` above `limits.tool_calls` or above the line's own `max_session_calls`, or `timeout_seconds` above
            `limits.wall_seconds`.
Why         The larger figure is never reached, and says something about the tool that is not so.
Example     limits: {tool_calls: 10}
            tools:
              search: {why: "finding things", max_calls: 50}
Better      tools:
              search: {why: "finding things", max_calls: 10}
"""

from __future__ import annotations

from collections.abc import Iterator

from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.subject import Subject

_ENDED_BY = {"max_calls": "tool_calls", "timeout_seconds": "wall_seconds"}


def check(subject: Subject) -> Iterator[Found]:
    for path, tool in subject.tools():
        for field, limit in _ENDED_BY.items():
            value, end = getattr(tool, field), getattr(subject.policy.limits, limit)
            if not tool.deny and value > end and subject.is_given((*path, field)):
                place = (*path, field)
                yield Found(
                    path=place,
                    message=f"{tool.name}: {field}={value:g} is never reached: limits.{limit}={end:g} ends it first.",
                    fix=subject.replacing(place, f"{end:g}", f"as limits.{limit}"),
                )
    yield from _in_session(subject)


def _in_session(subject: Subject) -> Iterator[Found]:
    for path, tool in subject.tools():
        end, place = tool.max_session_calls, (*path, "max_calls")
        if not tool.deny and end is not None and tool.max_calls > end and subject.is_given(place):
            yield Found(
                path=place,
                message=f"{tool.name}: max_calls={tool.max_calls} is never reached: max_session_calls={end} ends it first.",
                fix=subject.replacing(place, f"{end}", "as max_session_calls"),
            )


RULE = Rule("A169", "tool-budget-never-reached", Severity.LOW, Confidence.HIGH, check)
