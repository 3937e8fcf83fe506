"""A199 suppression-expired: a suppression whose date has passed.

What        A `# audit: allow … until` a day that has passed. The finding counts again, too.
Why         The author meant to look again by then.
Example     # audit: allow A120 until 2020-01-01: until the gate is ready
Better      Mend it, or give a new date with the reason of today.
"""

from __future__ import annotations

from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Rule

RULE = Rule("A199", "suppression-expired", Severity.MEDIUM, Confidence.HIGH)
