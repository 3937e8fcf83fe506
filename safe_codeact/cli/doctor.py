"""`safe-codeact doctor`: what this machine offers, and whether a worker of the policy is held by it."""

from __future__ import annotations

import sys
from typing import Annotated

import typer


def doctor(
    policy: Annotated[str, typer.Option(metavar="P", help="A shipped policy's name, or a path.")] = "strict",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Try each protection that a policy asks for, on this machine.

    Exit status: 0 all that is required holds, 1 something is missing.
    """
    from safe_codeact import Policy  # start-up time
    from safe_codeact.cli import terminal
    from safe_codeact.host.verify import survey

    loaded = Policy.load(policy)
    lines = survey(loaded)
    usable = all(state != "missing" for _, state, _ in lines)
    if as_json:
        protections = [{"protection": name, "state": state, "detail": detail} for name, state, detail in lines]
        terminal.show_json({"policy": loaded.name, "usable": usable, "protections": protections})
    else:
        _show_table(lines)
        if not usable:
            terminal.complain(f"policy {loaded.name} cannot be used on this machine: what is missing above is required")
    return 0 if usable else 1


_COLOURS = {"held": "green", "missing": "bold red", "not required": "dim"}


def _show_table(lines: list[tuple[str, str, str]]) -> None:
    from rich.console import Console  # start-up time
    from rich.table import Table
    from rich.text import Text

    from safe_codeact.cli.terminal import escaped_line

    table = Table("protection", "state", "detail", box=None, pad_edge=False)
    for name, state, detail in lines:
        table.add_row(Text(escaped_line(name)), Text(state, style=_COLOURS.get(state, "")), Text(escaped_line(detail)))
    width = None if sys.stdout.isatty() else 200  # a file or a pipe has no edge to wrap at
    Console(highlight=False, width=width).print(table)
