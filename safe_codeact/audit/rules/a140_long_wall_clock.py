"""A140 long-wall-clock: an action may hold its worker for long.

What        `limits.wall_seconds` above 300.
Why         The person or service that waits has gone by then; the worker and its memory stay, and a few such actions
            are all there is room for.
Example     limits: {wall_seconds: 3600}
Better      limits: {wall_seconds: 60}
References  CWE-770
"""

from __future__ import annotations

from safe_codeact.audit.families import limit_above
from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Rule

RULE = Rule(
    "A140",
    "long-wall-clock",
    Severity.MEDIUM,
    Confidence.HIGH,
    limit_above("limits.wall_seconds", 300, "seconds", "an action that hangs holds a worker that long"),
)
