"""Programs that once were an escape, of this gate's attempts or of a peer's advisory: what is mutated.

One file per class of `fuzzing.CLASSES`; `# %% title` opens a program. Each binds `loot` to what it gets. The files are made
from the attempts that the project's tests hold (`python tests/escapes/export.py` in a checkout; a test compares), and a
checkout's own `fuzz/corpus/*.programs` are read besides, by name, where a run is given them.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

_OPENS = "# %% "


@dataclass(frozen=True, slots=True)
class Known:
    """One program. `family`: the class, which is the file's name."""

    family: str
    title: str
    source: str


def parse(family: str, text: str) -> list[Known]:
    """The programs of one file's text."""
    found = []
    for part in ("\n" + text).split("\n" + _OPENS)[1:]:
        title, _, source = part.partition("\n")
        found.append(Known(family, title, source))
    return found


@functools.cache
def shipped() -> tuple[Known, ...]:
    """All programs of the package, in the order of their files' names."""
    found: list[Known] = []
    for entry in sorted(resources.files(__name__).iterdir(), key=lambda each: each.name):
        if entry.name.endswith(".programs"):
            text = entry.read_bytes().decode("utf-8")
            found += parse(entry.name.removesuffix(".programs"), text)
    return tuple(found)


def from_folder(folder: Path) -> tuple[Known, ...]:
    """The programs of a folder of somebody's own."""
    found: list[Known] = []
    for path in sorted(folder.glob("*.programs")):
        found += parse(path.stem, path.read_bytes().decode("utf-8"))
    return tuple(found)
