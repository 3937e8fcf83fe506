"""A198 suppression-unused: a suppression that suppresses nothing.

What        A `# audit: allow` on a line where its rule finds nothing.
Why         What it excused is gone. It would excuse the next thing that comes to stand there.
Example     limits: {wall_seconds: 30} # audit: allow A140: long reports
Better      limits: {wall_seconds: 30}
"""

from __future__ import annotations

from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Rule

RULE = Rule("A198", "suppression-unused", Severity.LOW, Confidence.HIGH)
