"""A170 condition-always-true: a `when` that every call meets.

What        A condition that no arguments which it makes sense for can fail. Found by trying one value from each region
            that it can tell apart.
Why         It looks like a bound, also to the rules about tools without one.
Example     when: "amount <= 100 or amount > 100"
Better      when: "amount <= 100"
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
        if tool.when is not None and verdict(tool.when) == "always":
            yield Found(path=(*path, "when"), message=f"{tool.name}: `when` is true for every call: it bounds nothing.")


RULE = Rule("A170", "condition-always-true", Severity.HIGH, Confidence.MEDIUM, check)
