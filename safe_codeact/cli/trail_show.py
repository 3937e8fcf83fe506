"""`safe-codeact trail show FILE`: a trail, or the runs of an agent, for a person."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def trail_show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A trail, or trajectories (JSONL).")],
    session: Annotated[str | None, typer.Option(metavar="S", help="Only what belongs to this session.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the records as JSON, one a line.")] = False,
) -> int:
    """Print a trail, or the trajectories of an agent. Nothing is verified: that is `trail verify`.

    Exit status: 0, 1 where a line is no record (what stands before it is printed), 2 usage.
    """
    from safe_codeact.cli import terminal  # start-up time, as below
    from safe_codeact.cli.recorded import trajectories_of
    from safe_codeact.trail.reading import lines
    from safe_codeact.trail.show import barred, readable

    runs = trajectories_of(file)
    if runs is not None:
        from safe_codeact.agent.trajectory import readable as run_readable

        for run in runs:
            terminal.show("\n".join(barred(run_readable(run), "|", most=None)))
        return 0
    mine: set[int] = set()  # the actions of the session that was asked for
    for each in lines(file):
        record = each.record
        if record is None:
            terminal.complain(f"{file}:{each.number}: {each.problem}; `safe-codeact trail verify {file}` says more.")
            return 1
        if session is not None:
            if record.get("session") == session:
                mine.add(record["n"])
            elif record.get("action") not in mine:
                continue
        try:
            terminal.show(json.dumps(record) if as_json else "\n".join(readable(record)))
        except (KeyError, TypeError, AttributeError, ValueError, RecursionError):
            terminal.complain(f"{file}:{each.number}: the record lacks a field of its kind, or has another one's.")
            return 1
    return 0
