"""A164 tool-fetches: a tool fetches addresses, and nothing bounds which.

What        A tool that by its name or its `why` fetches addresses, with neither `approval: ask` nor a `when`.
Why         It reaches what the host reaches: the metadata service, internal pages; and an address can carry data out.
Example     tools:
              fetch_url: {why: "reading pages"}
Better      tools:
              docs_page: {why: "one page of our documentation; reads only", max_calls: 5}
References  CWE-918
"""

from __future__ import annotations

from safe_codeact.audit.deeds import Deed
from safe_codeact.audit.families import tools_that
from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Rule

RULE = Rule(
    "A164",
    "tool-fetches",
    Severity.MEDIUM,
    Confidence.MEDIUM,
    tools_that(Deed.FETCHES, "offer the site instead of the address, or bound it by `when`"),
)
