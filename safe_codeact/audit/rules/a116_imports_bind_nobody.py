"""A116 imports-bind-nobody: import lines where any import goes.

What        `language.imports` in a file whose policy has `restricted: false`.
Why         Without the gate nobody reads the list: it looks like an allow-list and is none.
Example     language:
              restricted: false
              imports:
                - {module: math, why: "sums"}
Better      language:
              imports:
                - {module: math, why: "sums"}
References  CWE-1286
"""

from __future__ import annotations

from collections.abc import Iterator

from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    path = ("language", "imports")
    if not subject.policy.language.restricted and subject.says_itself(path):
        yield Found(
            path=path,
            own=True,
            at_key=True,
            message="the gate is off (`restricted: false`), so these lines bind nobody: any import goes.",
        )


RULE = Rule("A116", "imports-bind-nobody", Severity.MEDIUM, Confidence.HIGH, check)
