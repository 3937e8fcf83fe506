"""A166 tool-without-budget: a tool without a budget of its own.

What        A tool line that leaves `max_calls` to the default of 50. Medium where the tool's line says that it does
            what cannot be undone.
Why         Fifty searches are nothing, fifty refunds are. The line is where the difference is written down.
Example     tools:
              search: {why: "finding things"}
Better      tools:
              search: {why: "finding things", max_calls: 20}
References  CWE-799
"""

from __future__ import annotations

from collections.abc import Iterator

from safe_codeact.audit.deeds import deeds
from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    for path, tool in subject.tools():
        if not tool.deny and tool.name != "*" and not subject.is_given((*path, "max_calls")):
            does = next(iter(deeds(tool)), None)
            yield Found(
                path=path,
                at_key=True,
                severity=Severity.MEDIUM if does else None,
                message=f"{tool.name} has no `max_calls`: {tool.max_calls} calls per action is the default"
                + (f", and it {does.value}." if does else "."),
            )


RULE = Rule("A166", "tool-without-budget", Severity.LOW, Confidence.HIGH, check)
