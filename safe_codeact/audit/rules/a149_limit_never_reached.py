"""A149 limit-never-reached: a limit that another one makes unreachable.

What        `cpu_seconds` above `wall_seconds`; a workspace's limits without a workspace.
Why         One process cannot compute for longer than it lives: the figure binds nothing, though a reviewer counts on
            it.
Example     limits: {wall_seconds: 10, cpu_seconds: 60}
Better      limits: {wall_seconds: 10, cpu_seconds: 5}
"""

from __future__ import annotations

from collections.abc import Iterator

from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    limits, path = subject.policy.limits, ("limits", "cpu_seconds")
    if limits.cpu_seconds > limits.wall_seconds and subject.is_given(path):
        yield Found(
            path=path,
            message=f"limits.cpu_seconds={limits.cpu_seconds:g} is never reached: the action ends after "
            f"wall_seconds={limits.wall_seconds:g}.",
            fix=subject.replacing(path, f"{limits.wall_seconds:g}", "as much as the wall clock"),
        )


RULE = Rule("A149", "limit-never-reached", Severity.LOW, Confidence.HIGH, check)
