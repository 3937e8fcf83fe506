"""A127 namespaces-off: namespaces are switched off.

What        `isolation.namespaces: off`.
Why         Where they can be had they are a third layer. `preferred` takes them there and does without elsewhere.
Example     isolation: {namespaces: off}
Better      isolation: {namespaces: preferred}
References  CWE-693
"""

from __future__ import annotations

from safe_codeact.audit.families import isolation_below
from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Rule

RULE = Rule(
    "A127",
    "namespaces-off",
    Severity.LOW,
    Confidence.HIGH,
    isolation_below("namespaces", "a network, process table and mounts of its own", off=Severity.LOW, preferred=None),
)
