"""A session's files, as the host touches them: by descriptor, without following a link, without recursion.

Threat: the action owns what lies in here. It may leave links, FIFOs, names of 255 bytes, folders that nobody may read,
trees deeper than a recursion or a path may be; and whatever the host opens by name could be swapped. We open one
component after the other with O_NOFOLLOW below the workspace's own folder. A tree that is too deep, too large or has
too many entries is over the quota (`host.quota` looks during an action, `host.state` judges after it), so that what lies
here between two actions is always small enough to be read back. Nothing is written in place: a file here may be part of
versions as well (`host.capture`).
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import field
from pathlib import Path, PurePosixPath
from typing import Any

from safe_codeact.frozen import dataclass

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC  # how a folder is opened
_FILE = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # a FIFO must not make the host wait
MAX_DEPTH = 64  # folders below the workspace; a walk holds two descriptors for each level


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """`entries` counts whatever has a name: files, folders, links. `size` is in bytes, of regular files."""

    entries: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One regular file: its path relative to the workspace, its size in bytes, and what tells versions apart."""

    path: str
    size: int
    stamp: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Item:
    """What has a name in a workspace. `stamp` tells versions of a file apart; `deep`: a folder that is not entered."""

    is_file: bool
    is_folder: bool
    size: int
    stamp: tuple[int, int, int]  # the time of the last change (ns), size, inode
    deep: bool = False
    is_link: bool = False
    mode: int = field(default=0, compare=False)  # permissions as they were found

    @property
    def inode(self) -> int:
        return self.stamp[2]


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

    def __init__(self, folder: Path, owner: int, quota: Quota) -> None:
        self.folder = folder
        self.quota = quota
        self.owner = owner
        folder.mkdir(mode=0o700)
        self._give(folder)

    def write(self, path: str | os.PathLike[str], data: bytes, among: Mapping[str, Item] | None = None) -> None:
        """Make or replace a file, and the folders above it. Raises `OSError` (EDQUOT) where it would not fit, and
        `ValueError` for what is there and no file. `among`: the listing, where it is known."""
        *above, name = parts_of(path)
        self._check_room("/".join((*above, name)), len(data), self.listing() if among is None else dict(among))
        with self._open_folder(above, make=True) as folder:
            with contextlib.suppress(FileNotFoundError):
                if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                    raise ValueError(f"{os.fspath(path)!r} is not a regular file")
            beside = f".written-{secrets.token_hex(8)}"
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FILE, 0o600, dir_fd=folder)
            try:
                with open(descriptor, "wb") as file:
                    self._give(descriptor)
                    file.write(data)
                os.rename(beside, name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                os.unlink(beside, dir_fd=folder)
                raise

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
                remove_tree(name, folder)
            else:
                os.unlink(name, dir_fd=folder)

    def listing(self) -> dict[str, Item]:
        """Whatever has a name here, by its path as the system spells it (PEP 383 for bytes that are no UTF-8)."""
        return dict(walk(self.folder))

    def entries(self) -> list[Entry]:
        """All regular files, sorted by path."""
        return sorted(
            (
                Entry(path=shown(path), size=item.size, stamp=item.stamp)
                for path, item in self.listing().items()
                if item.is_file
            ),
            key=lambda entry: entry.path,
        )

    @contextlib.contextmanager
    def replaced(self) -> Iterator[Path]:
        """A new folder to fill, which takes the place of this workspace's own unless something is raised."""
        fresh = self.folder.with_name(f"{self.folder.name.partition('.')[0]}.{secrets.token_hex(4)}")
        fresh.mkdir(mode=0o700)
        try:
            self._give(fresh)
            yield fresh
        except BaseException:
            _remove(fresh)
            raise
        old, self.folder = self.folder, fresh
        with contextlib.suppress(OSError):  # what cannot be removed now goes with the runtime's folder
            _remove(old)

    def remove(self) -> None:
        """Everything in it, and itself."""
        _remove(self.folder)

    def _check_room(self, path: str, size: int, listing: dict[str, Item]) -> None:
        replaced = listing.pop(path, None)
        folders = (
            [part for part in PurePosixPath(path).parents[:-1] if str(part) not in listing] if not replaced else []
        )
        room = Quota(entries=self.quota.entries - len(folders) - 1, size=self.quota.size - size)
        over = excess(listing.values(), room)
        if over or path.count("/") > MAX_DEPTH:
            raise OSError(
                errno.EDQUOT,
                f"the workspace would hold more than {self.quota.entries:,} files and folders, {self.quota.size:,} bytes "
                f"or {MAX_DEPTH} folders in one another (limits.workspace_files, limits.workspace_mb)",
                path,
            )

    def _give(self, target: int | Path) -> None:
        if self.owner != os.getuid():
            os.chown(target, self.owner, self.owner)

    @contextlib.contextmanager
    def _open_folder(self, parts: tuple[str, ...] | list[str], *, make: bool) -> Iterator[int]:
        descriptor = os.open(self.folder, FOLDER)
        try:
            for part in parts:
                if make:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(part, 0o700, dir_fd=descriptor)
                below = os.open(part, FOLDER, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = below
                if make:
                    self._give(descriptor)
            yield descriptor
        finally:
            os.close(descriptor)


def walk(top: Path) -> Iterator[tuple[str, Item]]:
    """Every name below a folder, a folder before what is in it. What vanishes meanwhile is left out."""
    listings: list[tuple[str, Any, int]] = []  # path with a slash, names, descriptor
    try:
        _enter(listings, "", os.open(top, FOLDER))
        while listings:
            above, names, descriptor = listings[-1]
            entry = next(names, None)
            if entry is None:
                _leave(listings.pop())
                continue
            path = above + entry.name
            with contextlib.suppress(FileNotFoundError):
                seen = os.stat(entry.name, dir_fd=descriptor, follow_symlinks=False)
                yield path, _item(seen, deep=not _entered(listings, path, entry.name, seen))
    finally:
        for left in listings:
            _leave(left)


def _item(seen: os.stat_result, *, deep: bool) -> Item:
    is_file, is_folder = stat.S_ISREG(seen.st_mode), stat.S_ISDIR(seen.st_mode)
    return Item(
        is_file=is_file,
        is_folder=is_folder,
        size=seen.st_size if is_file else 0,
        stamp=(seen.st_mtime_ns, seen.st_size, seen.st_ino),
        deep=deep and is_folder,
        is_link=stat.S_ISLNK(seen.st_mode),
        mode=stat.S_IMODE(seen.st_mode),
    )


def _entered(listings: list[tuple[str, Any, int]], path: str, name: str, seen: os.stat_result) -> bool:
    """Whether the walk goes on inside. What was a folder a moment ago may be anything by now."""
    if not stat.S_ISDIR(seen.st_mode) or len(listings) > MAX_DEPTH:
        return False
    try:
        _enter(listings, path + "/", open_folder(name, listings[-1][2]))
    except NotADirectoryError:
        return False
    return True


def _leave(listed: tuple[str, Any, int]) -> None:
    listed[1].close()
    os.close(listed[2])


def _enter(listings: list[tuple[str, Any, int]], above: str, descriptor: int) -> None:
    try:
        listings.append((above, os.scandir(descriptor), descriptor))
    except BaseException:
        os.close(descriptor)
        raise


def open_folder(name: str, parent: int) -> int:
    """A folder's descriptor, also where its mode lets nobody in. Raises `OSError` for what is no folder (any more)."""
    try:
        return os.open(name, FOLDER, dir_fd=parent)
    except PermissionError:
        handle = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            os.chmod(f"/proc/self/fd/{handle}", 0o700)  # the very folder that the handle is, whatever has its name now
            return os.open(name, FOLDER, dir_fd=parent)
        finally:
            os.close(handle)


def excess(items: Iterable[Item], quota: Quota, held: Container[int] = (), spare: int = 0) -> str:
    """What is over the quota, in words; "" where nothing is. Looks no further than the first excess.

    `held` are inodes whose size is not counted: those of files that a version holds, whatever has a name for them here.
    `spare` entries may be there besides.
    """
    size = 0
    for entries, item in enumerate(items, 1):
        if item.inode not in held:
            size += item.size
        if entries > quota.entries + spare:
            return f"more than {quota.entries:,} files and folders"
        if size > quota.size:
            return f"more than {quota.size // 2**20:,} MiB of files"
        if item.deep:
            return f"more than {MAX_DEPTH} folders in one another"
    return ""


def shown(path: str) -> str:
    """Odd bytes of a file name as escapes: what is reported is text that any log can hold."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _remove(folder: Path) -> None:
    parent = os.open(folder.parent, FOLDER)
    try:
        remove_tree(folder.name, parent)
    finally:
        os.close(parent)


def remove_tree(name: str, parent: int) -> None:
    """Remove a folder of any depth: every folder inside is first moved up beside it, so two descriptors are enough."""
    pending = [name]
    moved = 0
    while pending:
        current = pending.pop()
        descriptor = open_folder(current, parent)
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
