"""A session's files, as the host touches them: by descriptor, without following a link, without recursion.

Threat: the action owns what lies in here. It may leave links, FIFOs, names of 255 bytes, trees deeper than a recursion
or a path may be; and whatever the host opens by name could be swapped. We open one component after the other with
O_NOFOLLOW below the workspace's own folder, and only while no worker holds it (a session runs one action at a time and
its worker is dead when files are read).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # a FIFO must not make the host wait
MAX_DEPTH = 64  # folders below the workspace that are listed; deeper ones are kept but not shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One regular file: its path relative to the workspace, its size in bytes, and what tells versions apart."""

    path: str
    size: int
    stamp: tuple[int, int, int]


def parts_of(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """The components of a relative path. Raises `ValueError` for one that leaves the workspace or names nothing."""
    given = os.fspath(path)
    parts = PurePosixPath(given).parts if isinstance(given, str) else ()
    if not parts or given.startswith("/") or ".." in parts or "\0" in given:
        raise ValueError(
            f"{given!r} is not a path inside the workspace: expected a relative one without '..', such as 'data/sales.csv'"
        )
    return parts


class Workspace:
    """The folder of one session. `owner` is the uid that its worker runs as."""

    def __init__(self, folder: Path, owner: int) -> None:
        self.folder = folder
        self._owner = owner
        folder.mkdir(mode=0o700)
        self._give(folder)

    def write(self, path: str | os.PathLike[str], data: bytes) -> None:
        """Make or replace a file, and the folders above it."""
        *above, name = parts_of(path)
        with self._open_folder(above, make=True) as folder:
            descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _FILE, 0o600, dir_fd=folder)
            with open(descriptor, "wb") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise ValueError(f"{os.fspath(path)!r} is not a regular file")
                self._give(descriptor)
                file.write(data)

    def read(self, path: str | os.PathLike[str], limit: int | None = None) -> bytes:
        """A file's bytes (its first `limit`). Raises `FileNotFoundError`, or `ValueError` for what is not a file."""
        *above, name = parts_of(path)
        with self._open_folder(above, make=False) as folder:
            descriptor = os.open(name, os.O_RDONLY | _FILE, dir_fd=folder)
            with open(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise ValueError(f"{os.fspath(path)!r} is not a regular file")
                return file.read(-1 if limit is None else limit)

    def delete(self, path: str | os.PathLike[str]) -> None:
        """Remove a file, or a folder with all that is in it."""
        *above, name = parts_of(path)
        with self._open_folder(above, make=False) as folder:
            if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                _remove_tree(name, folder)
            else:
                os.unlink(name, dir_fd=folder)

    def entries(self) -> list[Entry]:
        """All regular files, sorted by path."""
        found: list[Entry] = []
        pending: list[tuple[str, ...]] = [()]
        while pending:
            above = pending.pop()
            with self._open_folder(above, make=False) as folder, os.scandir(folder) as listing:
                for item in listing:
                    here = (*above, item.name)
                    if item.is_dir(follow_symlinks=False):
                        if len(here) <= MAX_DEPTH:
                            pending.append(here)
                    elif item.is_file(follow_symlinks=False):
                        seen = item.stat(follow_symlinks=False)
                        stamp = (seen.st_mtime_ns, seen.st_size, seen.st_ino)
                        found.append(Entry(path=_shown("/".join(here)), size=seen.st_size, stamp=stamp))
        return sorted(found, key=lambda entry: entry.path)

    def copy_to(self, folder: Path) -> Workspace:
        """A second workspace with the same files."""
        copy = Workspace(folder, self._owner)
        for entry in self.entries():
            copy.write(entry.path, self.read(entry.path))
        return copy

    def remove(self) -> None:
        """Everything in it, and itself."""
        parent = os.open(self.folder.parent, _FOLDER)
        try:
            _remove_tree(self.folder.name, parent)
        finally:
            os.close(parent)

    def _give(self, target: int | Path) -> None:
        if self._owner != os.getuid():
            os.chown(target, self._owner, self._owner)

    @contextlib.contextmanager
    def _open_folder(self, parts: tuple[str, ...] | list[str], *, make: bool) -> Iterator[int]:
        descriptor = os.open(self.folder, _FOLDER)
        try:
            for part in parts:
                if make:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(part, 0o700, dir_fd=descriptor)
                below = os.open(part, _FOLDER, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = below
                if make:
                    self._give(descriptor)
            yield descriptor
        finally:
            os.close(descriptor)


def _shown(path: str) -> str:
    """Odd bytes of a file name as escapes: what is reported is text that any log can hold."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _remove_tree(name: str, parent: int) -> None:
    """Remove a folder of any depth: every folder inside is first moved up beside it, so two descriptors are enough."""
    pending = [name]
    moved = 0
    while pending:
        current = pending.pop()
        descriptor = os.open(current, _FOLDER, dir_fd=parent)
        try:
            os.fchmod(descriptor, 0o700)
            with os.scandir(descriptor) as listing:
                inside = [(item.name, item.is_dir(follow_symlinks=False)) for item in listing]
            for item, is_folder in inside:
                if is_folder:
                    moved += 1
                    beside = f".removed-{os.getpid()}-{id(pending)}-{moved}"
                    os.rename(item, beside, src_dir_fd=descriptor, dst_dir_fd=parent)
                    pending.append(beside)
                else:
                    os.unlink(item, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        os.rmdir(current, dir_fd=parent)


def remove_private_folder(folder: Path) -> None:
    """A runtime's whole folder: the workspaces one by one (they may be deep), then what we made ourselves."""
    for workspace in [*(folder / "workspaces").glob("*"), *(folder / "slots").glob("*/*")]:
        parent = os.open(workspace.parent, _FOLDER)
        try:
            _remove_tree(workspace.name, parent)
        finally:
            os.close(parent)
    shutil.rmtree(folder, ignore_errors=True)
