"""A162 tool-sends: a tool sends things out, and nobody looks.

What        A tool that by its name or its `why` sends things to people or services, with neither `approval: ask` nor a
            `when`.
Why         It is the way out for whatever the action has read (exfiltration), and what is sent is said in the
            operator's name.
Example     tools:
              send_email: {why: "answers"}
Better      tools:
              send_email: {why: "answers", max_calls: 1, when: "to in ['support@example.org']"}
References  CWE-201, OWASP LLM06:2025
"""

from __future__ import annotations

from safe_codeact.audit.deeds import Deed
from safe_codeact.audit.families import tools_that
from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Rule

RULE = Rule(
    "A162",
    "tool-sends",
    Severity.MEDIUM,
    Confidence.MEDIUM,
    tools_that(Deed.SENDS, "bound the receiver by `when`, or let a person approve it"),
)
