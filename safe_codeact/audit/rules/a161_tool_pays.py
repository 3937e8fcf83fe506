"""A161 tool-pays: a tool moves money, and nobody looks.

What        A tool that by its name or its `why` moves money, with neither `approval: ask` nor a `when`.
Why         A customer's message can ask for it as well as the operator's.
Example     tools:
              refund: {why: "support may refund"}
Better      tools:
              refund: {why: "support may refund", max_calls: 1, when: "amount <= 100"}
References  CWE-862, OWASP LLM06:2025 (excessive agency)
"""

from __future__ import annotations

from safe_codeact.audit.deeds import Deed
from safe_codeact.audit.families import tools_that
from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Rule

RULE = Rule(
    "A161",
    "tool-pays",
    Severity.HIGH,
    Confidence.MEDIUM,
    tools_that(Deed.PAYS, "bound the amount by `when`, or let a person approve it"),
)
