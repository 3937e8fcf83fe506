"""A106 import-unbounded-cpu: an import whose running time its input decides.

What        A line for a module in which a short text or expression can take exponential time.
Why         The processor limit ends it, so it costs what `limits.cpu_seconds` allows, each time. Reported where that
            is more than 60 seconds.
Example     - {module: re, why: "patterns"}
            limits: {cpu_seconds: 600}
Better      limits: {cpu_seconds: 20}
References  CWE-1333, CWE-400
"""

from __future__ import annotations

from collections.abc import Iterator

from safe_codeact.audit.families import imports_that
from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.knowledge import Effect
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.subject import Subject

_MOST_SECONDS = 60
_imports = imports_that(Effect.CPU)


def check(subject: Subject) -> Iterator[Found]:
    if subject.policy.limits.cpu_seconds > _MOST_SECONDS:
        yield from _imports(subject)


RULE = Rule("A106", "import-unbounded-cpu", Severity.LOW, Confidence.HIGH, check)
