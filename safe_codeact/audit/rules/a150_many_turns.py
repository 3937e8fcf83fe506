"""A150 many-turns: an agent may take many turns.

What        `agent.max_turns` above 100.
Why         A model that goes in circles goes on until the last turn.
Example     agent: {max_turns: 1000}
Better      agent: {max_turns: 20}
References  OWASP LLM10:2025
"""

from __future__ import annotations

from safe_codeact.audit.families import limit_above
from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Rule

RULE = Rule(
    "A150",
    "many-turns",
    Severity.LOW,
    Confidence.HIGH,
    limit_above("agent.max_turns", 100, "turns", "each is a paid call of the model"),
)
