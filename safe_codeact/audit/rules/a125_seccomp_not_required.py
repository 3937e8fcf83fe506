"""A125 seccomp-not-required: the filter on system calls is not required.

What        `isolation.seccomp` that is not `required`.
Why         It alone keeps a worker from sockets, from other processes and from most of the kernel. Every kernel since
            3.17 has it; a machine without it is the exception to hear of.
Example     isolation: {seccomp: preferred}
Better      isolation: {seccomp: required}
References  CWE-693
"""

from __future__ import annotations

from safe_codeact.audit.families import isolation_below
from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Rule

RULE = Rule(
    "A125",
    "seccomp-not-required",
    Severity.HIGH,
    Confidence.HIGH,
    isolation_below("seccomp", "the filter on system calls", off=Severity.CRITICAL, preferred=Severity.HIGH),
)
