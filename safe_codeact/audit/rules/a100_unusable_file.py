"""A100 unusable-file: the file is no policy.

What        A file that does not load, or that extends one that does not.
Why         Nothing can be said of it, and a runtime refuses it. It is a finding, so that one broken file does not hide
            those of the others.
Example     limits: {memory_mb: unlimited}
Better      limits: {memory_mb: 1024}
"""

from __future__ import annotations

from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Rule

RULE = Rule("A100", "unusable-file", Severity.CRITICAL, Confidence.HIGH)
