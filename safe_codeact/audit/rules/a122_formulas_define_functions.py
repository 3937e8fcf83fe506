"""A122 formulas-define-functions: formulas that may define functions.

What        `functions: true` under `interpreter: expression`.
Why         Recursion makes the work of a formula exponential in its length; counted steps end it, so it costs that
            many steps each time.
Example     language: {interpreter: expression, functions: true}
Better      language: {interpreter: expression}
References  CWE-674
"""

from __future__ import annotations

from collections.abc import Iterator

from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    language, path = subject.policy.language, ("language", "functions")
    if language.interpreter == "expression" and language.functions:
        yield Found(
            path=path,
            message="formulas may define functions, and call them 60 deep.",
            fix=subject.replacing(path, "false", "formulas without functions"),
        )


RULE = Rule("A122", "formulas-define-functions", Severity.LOW, Confidence.HIGH, check)
