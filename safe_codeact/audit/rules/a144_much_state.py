"""A144 much-state: a session may keep much.

What        `limits.state_mb` above 8192.
Why         State is per session and outlives the action: a thousand sessions keep a thousand times as much.
Example     limits: {state_mb: 60000}
Better      limits: {state_mb: 512}
References  CWE-770
"""

from __future__ import annotations

from safe_codeact.audit.families import limit_above
from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Rule

RULE = Rule(
    "A144",
    "much-state",
    Severity.MEDIUM,
    Confidence.HIGH,
    limit_above("limits.state_mb", 8192, "MiB", "each session keeps that much"),
)
