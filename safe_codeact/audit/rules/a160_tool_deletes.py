"""A160 tool-deletes: a tool deletes, and nobody looks.

What        A tool that by its name or its `why` deletes, with neither `approval: ask` nor a `when`.
Why         What is deleted by a mistake, or by a text that told the model to, does not come back.
Example     tools:
              delete_customer: {why: "clean-up"}
Better      tools:
              delete_customer: {why: "clean-up", approval: ask, max_calls: 1}
References  CWE-862, OWASP LLM06:2025 (excessive agency)
"""

from __future__ import annotations

from safe_codeact.audit.deeds import Deed
from safe_codeact.audit.families import tools_that
from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Rule

RULE = Rule(
    "A160",
    "tool-deletes",
    Severity.HIGH,
    Confidence.MEDIUM,
    tools_that(Deed.DELETES, "let a person approve it, or say by `when` what may go"),
)
