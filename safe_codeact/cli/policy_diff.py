"""`safe-codeact policy diff OLD NEW`: what a change widens and narrows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from safe_codeact.audit.changes import Change


def policy_diff(
    old: Annotated[
        str, typer.Argument(metavar="OLD", help="A shipped policy's name, a path, or REVISION:PATH of git.")
    ],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The same.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Compare two policies by meaning; a widening comes with a program or a call that only NEW allows, where there is one.

    Exit status: 0 nothing is wider, 1 something is, 2 usage.
    """
    from safe_codeact.audit.changes import compare, is_wider  # start-up time, as below
    from safe_codeact.cli import terminal
    from safe_codeact.cli.audit import judge
    from safe_codeact.cli.revisions import policy_of

    before, now = policy_of(old), policy_of(new)
    changes = compare(before, now, judge)
    if as_json:
        digests = {"old": before.digest, "new": now.digest}
        terminal.show_json({**digests, "wider": is_wider(changes), "changes": [each.to_dict() for each in changes]})
    else:
        terminal.show("\n".join(_report(changes)))
    return 1 if is_wider(changes) else 0


def _report(changes: list[Change]) -> Iterator[str]:
    from safe_codeact.audit.changes import SECTIONS, Direction  # start-up time

    for section in SECTIONS:
        here = [change for change in changes if change.section == section]
        if not here:
            yield f"{section}: unchanged"
            continue
        yield f"{section}:"
        for change in sorted(here, key=lambda each: each.direction is Direction.NARROWED):
            yield f"  {'+' if change.direction is Direction.WIDENED else '-'} {change.direction.value}: {change.message}"
            if change.direction is Direction.WIDENED and change.witness is not None:
                yield (
                    f"      only NEW allows: {change.witness!r}"
                    if "\n" in change.witness
                    else (f"      only NEW allows: {change.witness}")
                )
    widened = sum(change.direction is Direction.WIDENED for change in changes)
    yield f"{widened} widened, {len(changes) - widened} narrowed."
