"""`safe-codeact trail verify FILE`: whether a trail is whole, and the first record that is not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def trail_verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A trail.")],
    key: Annotated[
        Path | None, typer.Option(metavar="K", help="The file with the key that signed it: then signatures count.")
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(metavar="C", help="A checkpoint that was kept elsewhere [FILE.checkpoint, where it is]."),
    ] = None,
    closed: Annotated[bool, typer.Option("--closed", help="Demand that the trail was closed.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Read a whole trail, and name the first record that was edited, removed, put in, moved or cut off.

    Without a key, only what was not written anew by somebody who knows the format is found. Exit status: 0 whole, 1 not, 2 usage.
    """
    import dataclasses  # start-up time, as below

    from safe_codeact.cli import terminal
    from safe_codeact.cli.recorded import read_key
    from safe_codeact.trail.verify import verify

    verdict = verify(file, key=read_key(key), checkpoint=checkpoint)
    if closed and verdict.is_whole and not verdict.is_closed:
        said = f"record {verdict.records} and all after it are missing, or the trail was never closed"
        verdict = dataclasses.replace(verdict, broken=said)
    if as_json:
        terminal.show_json({"whole": verdict.is_whole, **dataclasses.asdict(verdict)})
        return 0 if verdict.is_whole else 1
    if not verdict.is_whole:
        place = f"{file}:{verdict.line}" if verdict.line else str(file)
        terminal.show(f"{place}: {verdict.broken}.\n{verdict.records} records before it are whole.")
        return 1
    end = (
        "closed"
        if verdict.is_closed
        else "not closed: it is being written, or its host was killed, or its end was cut off"
    )
    terminal.show(f"{file}: {verdict.records} records, whole; {end}.")
    if key is not None:
        unsigned = verdict.records - verdict.signed
        terminal.show(f"Signed by this key up to record {verdict.signed - 1}; {unsigned} records since.")
    else:
        terminal.show("No key was given: whoever could write the file could also write all of it anew.")
    return 0
