"""A197 suppression-unclear: a suppression that does not count.

What        A comment `# audit: …` that is not of the form, has no reason, or names a rule that there is not.
Why         Its author believes that something is settled.
Example     # audit: allow A120
Better      # audit: allow A120 until 2027-06-30: the code is our own, and is reviewed
"""

from __future__ import annotations

from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Rule

RULE = Rule("A197", "suppression-unclear", Severity.MEDIUM, Confidence.HIGH)
