"""A163 tool-executes: a tool executes programs or queries, and nobody looks.

What        A tool that by its name or its `why` executes programs or queries, with neither `approval: ask` nor a
            `when`.
Why         The confined action hands text to an interpreter that is not confined: all of the containment ends at this
            tool.
Example     tools:
              run_sql: {why: "questions about orders"}
Better      tools:
              orders_of: {why: "one customer's orders; reads only", max_calls: 5}
References  CWE-78, CWE-89, CWE-94
"""

from __future__ import annotations

from safe_codeact.audit.deeds import Deed
from safe_codeact.audit.families import tools_that
from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Rule

RULE = Rule(
    "A163",
    "tool-executes",
    Severity.HIGH,
    Confidence.MEDIUM,
    tools_that(Deed.EXECUTES, "offer the one question instead of the language, or let a person approve it"),
)
