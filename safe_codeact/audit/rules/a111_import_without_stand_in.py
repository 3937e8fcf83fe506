"""A111 import-without-stand-in: the real module where there is a stand-in.

What        A line for a module that has a curated stand-in, without `facade: true`, and of which no other rule speaks.
Why         The stand-in holds what models use of the module; the module itself holds more, and each release of Python
            adds to it.
Example     - {module: logging, why: "messages"}
Better      - {module: logging, facade: true, why: "messages"}
References  CWE-749
"""

from __future__ import annotations

from collections.abc import Iterator

from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.knowledge import granted
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.subject import Subject
from safe_codeact.policy.facades import CURATED, STAND_INS


def check(subject: Subject) -> Iterator[Found]:
    if not subject.policy.language.restricted:
        return
    for path, rule in subject.imports():
        if rule.module in CURATED and not rule.facade and not any(granted(rule)):
            place = (*path, "module")
            yield Found(
                path=place,
                message=f"{rule.module} is the real module; the stand-in has what models use of it: {STAND_INS[rule.module]}.",
                fix=subject.adding(place, "facade: true", "use the stand-in"),
            )


RULE = Rule("A111", "import-without-stand-in", Severity.MEDIUM, Confidence.HIGH, check)
