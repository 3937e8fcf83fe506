"""A143 much-output: an action may print much.

What        `limits.output_kb` above 4096.
Why         Output is kept in the host's memory and paid for as tokens.
Example     limits: {output_kb: 65536}
Better      limits: {output_kb: 256}
References  CWE-770
"""

from __future__ import annotations

from safe_codeact.audit.families import limit_above
from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Rule

RULE = Rule(
    "A143",
    "much-output",
    Severity.MEDIUM,
    Confidence.HIGH,
    limit_above("limits.output_kb", 4096, "KiB", "the host holds it, and no model reads it"),
)
