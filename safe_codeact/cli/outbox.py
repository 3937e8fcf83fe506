"""Artifacts as files on the user's disk.

Threat: the names are the action's. They may climb (`../../.bashrc`), be absolute, hidden, a device, longer than the
file system takes, or differ only where the terminal does not show it. What we do: a name keeps its letters, digits,
dots and dashes, loses its folders' separators, and is made unique; files are opened without following a link.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from safe_codeact import Artifact

_MAX_NAME = 100
_MAX_FILES = 1_000


def write_artifacts(artifacts: Iterable[Artifact], folder: Path) -> list[Path]:
    """Writes each artifact into `folder` (made where missing). Gives the paths. Raises `OSError`."""
    paths: list[Path] = []
    for artifact in list(artifacts)[:_MAX_FILES]:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / _unique(safe_name(artifact.name), {path.name for path in paths})
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        with open(descriptor, "wb") as file:
            file.write(artifact.data)
        paths.append(path)
    return paths


def safe_name(name: str) -> str:
    """A plain file name made from an artifact's: `plots/a b.png` becomes `plots-a_b.png`."""
    flat = name.strip("/").replace("/", "-").replace("\\", "-")
    plain = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "_" for letter in flat)
    plain = plain.lstrip(".-")
    stem, dot, suffix = plain.rpartition(".")
    if dot and len(suffix) <= 10:
        plain = stem[: _MAX_NAME - len(suffix) - 1] + dot + suffix
    return plain[:_MAX_NAME] or "artifact"


def _unique(name: str, taken: set[str]) -> str:
    if name not in taken:
        return name
    stem, dot, suffix = name.rpartition(".") if "." in name else (name, "", "")
    number = next(number for number in range(2, _MAX_FILES + 2) if f"{stem}-{number}{dot}{suffix}" not in taken)
    return f"{stem}-{number}{dot}{suffix}"
