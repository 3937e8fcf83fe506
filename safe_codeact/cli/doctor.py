"""`safe-codeact doctor`: what this machine offers, whether a worker of the policy is held by it, and by which layer."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from safe_codeact.host.survey import Line


def doctor(
    policy: Annotated[str, typer.Option(metavar="P", help="A shipped policy's name, or a path.")] = "strict",
    attack: Annotated[bool, typer.Option("--attack", help="Try to break each layer alone, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Try each protection that a policy asks for, on this machine.

    Exit status: 0 all that is required holds, 1 something is missing, or an attack got through a layer that claims it.
    """
    from safe_codeact import Policy  # start-up time
    from safe_codeact.cli import terminal
    from safe_codeact.host import survey

    loaded = Policy.load(policy)
    lines = survey.survey(loaded)
    usable = all(line.state != "missing" for line in lines)
    siege = survey.attack(loaded) if attack else None
    fallen = [] if siege is None else _fallen(siege)
    if as_json:
        terminal.show_json({
            "policy": loaded.name,
            "usable": usable,
            "protections": [
                {"protection": line.protection, "state": line.state, "detail": line.detail, "mend": line.mend} for line in lines
            ],
            **({} if siege is None else {"siege": siege, "fallen": fallen}),
        })  # fmt: skip
    else:
        _show_survey(lines)
        if siege is not None:
            _show_siege(siege)
    if not usable and not as_json:
        terminal.complain(f"policy {loaded.name} cannot be used on this machine: what is missing above is required")
    for words in fallen:
        terminal.complain(words)
    return 0 if usable and not fallen else 1


def _fallen(siege: dict[str, Any]) -> list[str]:
    return [
        f"{row['kind']}, {row['attack']}: got through {'all layers together' if layer == 'all' else f'{layer} alone'} ({cell['how']})"
        for row in siege["attacks"]
        for layer, cell in row["layers"].items()
        if cell["fell"]
    ]


_COLOURS = {"held": "green", "missing": "bold red", "fell": "bold red", "not required": "dim"}


def _show_survey(lines: list[Line]) -> None:
    _show(
        ("protection", "state", "detail"),
        [(line.protection, line.state, line.detail) for line in lines],
    )
    mends = [(line.protection, line.mend) for line in lines if line.mend]
    if mends:
        _show(("to mend", ""), mends)


def _show_siege(siege: dict[str, Any]) -> None:
    """A layer's cell is empty where the layer, alone, claims nothing about the attack."""
    layers = [
        name for name in ("seccomp", "landlock", "limits", "descriptors", "namespaces", "all") if _appears(siege, name)
    ]
    rows = []
    for row in siege["attacks"]:
        cells = [_word(row["layers"].get(layer)) for layer in layers]
        rows.append((row["kind"], row["attack"], "succeeds" if row["offered"] else "not offered here", *cells))
    _show(("attack", "", "nothing on", *(f"{layer} alone" if layer != "all" else layer for layer in layers)), rows)
    tried = sum(len(row["layers"]) for row in siege["attacks"])
    held = tried - len(_fallen(siege))
    _show(
        ("", ""),
        [(f"{len(siege['attacks'])} attacks, {tried} tries against a layer", f"{held} held, {tried - held} fell")],
    )


def _appears(siege: dict[str, Any], layer: str) -> bool:
    return any(layer in row["layers"] for row in siege["attacks"])


def _word(cell: dict[str, Any] | None) -> str:
    if cell is None:
        return ""
    return "fell" if cell["fell"] else "held"


def _show(titles: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    from rich.console import Console  # start-up time
    from rich.table import Table
    from rich.text import Text

    from safe_codeact.cli.terminal import escaped_line

    table = Table(*titles, box=None, pad_edge=False, show_header=any(titles))
    for row in rows:
        table.add_row(*(Text(escaped_line(word), style=_COLOURS.get(word, "")) for word in row))
    width = None if sys.stdout.isatty() else 200  # a file or a pipe has no edge to wrap at
    Console(highlight=False, width=width).print(table)
