"""What commands are given about records: a file of runs or of a trail, a key in a file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safe_codeact.cli.sources import UnusableInput

if TYPE_CHECKING:
    from safe_codeact import Policy, Trail
    from safe_codeact.cli.learning import Program

_MOST_KEY_BYTES = 4096


def read_key(path: Path | None) -> bytes | None:
    """The bytes of a key's file, as they are: 16 at least. Raises `UnusableInput`."""
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            key = file.read(_MOST_KEY_BYTES + 1)
    except OSError as error:
        raise UnusableInput(f"the key {path} cannot be read: {error.strerror or error}.") from None
    if not 16 <= len(key) <= _MOST_KEY_BYTES:
        raise UnusableInput(
            f"the key {path} has {len(key)} bytes; expected 16 or more: head -c 32 /dev/urandom > {path}"
        )
    return key


def open_trail(path: Path | None, key: Path | None) -> contextlib.AbstractContextManager[Trail | None]:
    """The trail that a command writes, closed at its end; None without a path. Raises `UnusableInput` and `TrailError`."""
    if path is None:
        if key is not None:
            raise UnusableInput(f"--trail-key {key} signs a trail: name one with --trail FILE.")
        return contextlib.nullcontext()
    from safe_codeact import Trail  # start-up time

    return Trail(path, key=read_key(key))


def trajectories_of(path: Path) -> Iterator[dict[str, Any]] | None:
    """The runs of a file of trajectories; None for another one. Raises `UnusableInput`."""
    from safe_codeact.agent.trajectory import FORMAT, read_trajectories  # start-up time

    if FORMAT.encode() not in beginning(path):
        return None
    return _runs(path, read_trajectories)


def beginning(path: Path) -> bytes:
    """What a file's format is told by. Raises `UnusableInput`."""
    try:
        with path.open("rb") as file:
            return file.read(200)
    except OSError as error:
        raise UnusableInput(f"{path}: cannot be read: {error.strerror or error}.") from None


def _runs(path: Path, read: Any) -> Iterator[dict[str, Any]]:
    try:
        yield from read(path)
    except (OSError, ValueError) as error:
        raise UnusableInput(str(error)) from None


def programs_of(name: str) -> list[Program]:
    """What a file has to run: itself, or the sessions of a trail or of trajectories. Raises `UnusableInput`, `TrailError`."""
    from safe_codeact.agent.trajectory import FORMAT as RUNS  # start-up time, as below
    from safe_codeact.cli.learning import Program
    from safe_codeact.cli.sources import read_source
    from safe_codeact.replay import trails, trajectories
    from safe_codeact.trail.line import FORMAT as TRAIL

    begins = b"" if name == "-" else beginning(Path(name))
    if RUNS.encode() in begins:
        found = trajectories.recordings(name, _any_policy())
    elif TRAIL.encode() in begins:
        found = trails.recordings(name, _any_policy())
    else:
        return [Program.of_source(name, read_source(name))]
    return [program for each in found for program in Program.of_recording(f"{name}, {each.name}", each)]


def contents_of(given: list[str]) -> dict[str, bytes]:
    """`PATH=F` and `F` as contents by path. Raises `UnusableInput`."""
    from safe_codeact.cli.assignment import read_file  # start-up time

    found = {}
    for each in given:
        name, _, place = each.partition("=")
        found[name if place else Path(name).name] = read_file(Path(place or name))
    return found


def _any_policy() -> Policy:
    """Which one a record was made under says nothing about what its actions need."""
    from safe_codeact import Policy

    return Policy.from_dict({"version": 1, "name": "learning"})
