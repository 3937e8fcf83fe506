"""A145 much-workspace: a workspace may grow large.

What        `limits.workspace_mb` above 8192.
Why         The disk is everybody's: a full one stops the services beside this one.
Example     limits: {workspace_mb: 500000}
Better      limits: {workspace_mb: 512}
References  CWE-770
"""

from __future__ import annotations

from safe_codeact.audit.families import limit_above
from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Rule

RULE = Rule(
    "A145",
    "much-workspace",
    Severity.MEDIUM,
    Confidence.HIGH,
    limit_above("limits.workspace_mb", 8192, "MiB", "it fills the host's disk"),
)
