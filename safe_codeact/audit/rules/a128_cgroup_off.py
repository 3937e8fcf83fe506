"""A128 cgroup-off: the control group is switched off.

What        `isolation.cgroup: off`.
Why         Limits per process add up over workers; a control group bounds the sum. `preferred` takes one where it is
            delegated.
Example     isolation: {cgroup: off}
Better      isolation: {cgroup: preferred}
References  CWE-770
"""

from __future__ import annotations

from safe_codeact.audit.families import isolation_below
from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Rule

RULE = Rule(
    "A128",
    "cgroup-off",
    Severity.LOW,
    Confidence.HIGH,
    isolation_below("cgroup", "the bound on memory and processes by control group", off=Severity.LOW, preferred=None),
)
