"""`safe-codeact explain G204`: the page of a rule of the gate, or of the audit (`A120`)."""

from __future__ import annotations

from typing import Annotated

import typer


def explain(
    code: Annotated[str, typer.Argument(metavar="CODE", help="The code of a finding, as G204 or A120.")],
) -> int:
    """Print the page of a rule: what it refuses, why, what is behind it, and what to write instead.

    Exit status: 0, or 2 where there is no such rule.
    """
    from safe_codeact.audit import rules as audit_rules  # start-up time, as below
    from safe_codeact.cli import terminal
    from safe_codeact.cli.sources import UnusableInput
    from safe_codeact.gate import rules

    about_policies = code.upper().startswith("A")
    page, known = (audit_rules.page, audit_rules.RULES) if about_policies else (rules.page, rules.RULES)
    try:
        terminal.show(page(code.upper()).strip("\n"))
    except KeyError:
        codes = ", ".join(sorted(rule.code for rule in known))
        raise UnusableInput(f"{code}: there is no rule of that code: the rules are {codes}.") from None
    return 0
