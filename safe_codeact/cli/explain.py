"""`safe-codeact explain G204`: the page of a rule."""

from __future__ import annotations

from typing import Annotated

import typer


def explain(code: Annotated[str, typer.Argument(metavar="CODE", help="The code of a finding, as G204.")]) -> int:
    """Print the page of a rule: what it refuses, why, what is behind it, and what to write instead.

    Exit status: 0, or 2 where there is no such rule.
    """
    from safe_codeact.cli import terminal  # start-up time
    from safe_codeact.cli.sources import UnusableInput
    from safe_codeact.gate import rules

    try:
        page = rules.page(code.upper())
    except KeyError:
        known = ", ".join(sorted(rule.code for rule in rules.RULES))
        raise UnusableInput(f"{code}: there is no rule of that code: the rules are {known}.") from None
    terminal.show(page.strip("\n"))
    return 0
