"""A147 many-tool-calls: an action may call tools very often.

What        `limits.tool_calls` above 1000.
Why         A loop around a tool is written quickly; what it costs is paid outside, in rows, messages and invoices.
Example     limits: {tool_calls: 100000}
Better      limits: {tool_calls: 100}
References  CWE-799, OWASP LLM06:2025
"""

from __future__ import annotations

from safe_codeact.audit.families import limit_above
from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Rule

RULE = Rule(
    "A147",
    "many-tool-calls",
    Severity.MEDIUM,
    Confidence.HIGH,
    limit_above("limits.tool_calls", 1000, "calls", "each runs on the host, with the host's rights"),
)
