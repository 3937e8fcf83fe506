"""A141 long-computing: an action may compute for long.

What        `limits.cpu_seconds` above 120.
Why         Every action that a model gets wrong costs as much: an endless loop, a pattern that backtracks.
Example     limits: {cpu_seconds: 1800}
Better      limits: {cpu_seconds: 60}
References  CWE-400
"""

from __future__ import annotations

from safe_codeact.audit.families import limit_above
from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Rule

RULE = Rule(
    "A141",
    "long-computing",
    Severity.MEDIUM,
    Confidence.HIGH,
    limit_above("limits.cpu_seconds", 120, "seconds", "a runaway loop costs a core that long"),
)
