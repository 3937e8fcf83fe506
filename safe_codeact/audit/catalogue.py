"""policies/AUDIT.md, written from the rules: `python -m safe_codeact.audit.catalogue > policies/AUDIT.md`."""

from __future__ import annotations

import sys

from safe_codeact.audit.rules import RULES, summary

_OPENING = """\
# What the audit looks for

`safe-codeact audit PATH…` holds policy files against these rules; `safe-codeact explain A120` prints the page of one, with an
example, what to write instead, and references. The severity is what is lost when a finding is true, the confidence how often
it is. A single finding can be less, or more, severe than its rule.

<!-- Written by `python -m safe_codeact.audit.catalogue > policies/AUDIT.md`; a test keeps it in step. -->

| rule | name | finds | severity | confidence |
|---|---|---|---|---|
"""


def render() -> str:
    """The whole file."""
    rows = (
        f"| {rule.code} | {rule.name} | {summary(rule.code)} | {rule.severity} | {rule.confidence} |\n"
        for rule in RULES
    )
    return f"{_OPENING}{''.join(rows)}"


if __name__ == "__main__":
    sys.stdout.write(render())
