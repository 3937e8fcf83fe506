"""A165 tool-changes: a tool changes records, and nobody looks.

What        A tool that by its name or its `why` changes records, with neither `approval: ask` nor a `when`.
Why         A change can be undone if somebody notices.
Example     tools:
              update_ticket: {why: "state of a ticket"}
Better      tools:
              update_ticket: {why: "state of a ticket", max_calls: 3, when: "state in ['open', 'waiting']"}
References  CWE-862, OWASP LLM06:2025 (excessive agency)
"""

from __future__ import annotations

from safe_codeact.audit.deeds import Deed
from safe_codeact.audit.families import tools_that
from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Rule

RULE = Rule(
    "A165",
    "tool-changes",
    Severity.LOW,
    Confidence.MEDIUM,
    tools_that(Deed.CHANGES, "bound what it may change by `when`"),
)
