"""A146 many-files: a workspace may hold many files.

What        `limits.workspace_files` above 50000.
Why         Files without content cost inodes and the host's time, and `workspace_mb` does not see them.
Example     limits: {workspace_files: 1000000}
Better      limits: {workspace_files: 1000}
References  CWE-770
"""

from __future__ import annotations

from safe_codeact.audit.families import limit_above
from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Rule

RULE = Rule(
    "A146",
    "many-files",
    Severity.MEDIUM,
    Confidence.HIGH,
    limit_above("limits.workspace_files", 50000, "files", "the host lists them after each action"),
)
