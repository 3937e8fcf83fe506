"""A142 much-memory: an action may take much memory.

What        `limits.memory_mb` above 8192.
Why         The machine's own killer then ends whichever process it likes.
Example     limits: {memory_mb: 65536}
Better      limits: {memory_mb: 2048}
References  CWE-770
"""

from __future__ import annotations

from safe_codeact.audit.families import limit_above
from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Rule

RULE = Rule(
    "A142",
    "much-memory",
    Severity.MEDIUM,
    Confidence.HIGH,
    limit_above("limits.memory_mb", 8192, "MiB", "two such actions fill a common machine"),
)
