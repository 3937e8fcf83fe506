"""A171 condition-never-true: a `when` that no call meets.

What        A condition that no arguments can meet. Found as for A170.
Why         The tool is listed and every call is refused; who then deletes the condition to mend it has no bound left.
Example     when: "currency == 'EUR' and currency == 'USD'"
Better      when: "currency in ['EUR', 'USD']"
References  CWE-570, CWE-571
"""

from __future__ import annotations

from collections.abc import Iterator

from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.subject import Subject
from safe_codeact.policy.samples import verdict


def check(subject: Subject) -> Iterator[Found]:
    for path, tool in subject.tools():
        if tool.when is not None and verdict(tool.when) == "never":
            yield Found(
                path=(*path, "when"),
                message=f"{tool.name}: `when` is true for no call: the tool cannot be used. Say `deny: true` if that is meant.",
            )


RULE = Rule("A171", "condition-never-true", Severity.MEDIUM, Confidence.MEDIUM, check)
