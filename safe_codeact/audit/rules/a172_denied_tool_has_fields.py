"""A172 denied-tool-has-fields: fields of a tool that is denied.

What        A line with `deny: true` and a budget, an approval or a condition in the same file.
Why         Nothing but `deny` counts. Who deletes the `deny` brings the rest to life, unreviewed.
Example     tools:
              refund: {deny: true, max_calls: 50}
Better      tools:
              refund: {deny: true}
References  CWE-561
"""

from __future__ import annotations

from collections.abc import Iterator

from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.subject import Subject

_FIELDS = (
    *("max_calls", "max_session_calls", "rate", "timeout_seconds", "max_result_kb", "max_argument_kb"),
    *("approval", "approval_seconds", "when", "redact"),
)


def check(subject: Subject) -> Iterator[Found]:
    for path, tool in subject.tools():
        said = [field for field in _FIELDS if subject.says_itself((*path, field))]
        if tool.deny and said and subject.says_itself((*path, "deny")):
            yield Found(
                path=(*path, said[0]),
                message=f"{tool.name} is denied, so {', '.join(said)} {'says' if len(said) == 1 else 'say'} nothing.",
            )


RULE = Rule("A172", "denied-tool-has-fields", Severity.LOW, Confidence.HIGH, check)
