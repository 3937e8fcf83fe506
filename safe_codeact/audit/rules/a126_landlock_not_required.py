"""A126 landlock-not-required: the rules on files are not required.

What        `isolation.landlock` that is not `required`.
Why         It alone says which files a worker opens: without it, all that the host's user may read. Kernels since 5.13
            have it.
Example     isolation: {landlock: off}
Better      isolation: {landlock: required}
References  CWE-693
"""

from __future__ import annotations

from safe_codeact.audit.families import isolation_below
from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Rule

RULE = Rule(
    "A126",
    "landlock-not-required",
    Severity.HIGH,
    Confidence.HIGH,
    isolation_below("landlock", "the rules on files", off=Severity.CRITICAL, preferred=Severity.HIGH),
)
