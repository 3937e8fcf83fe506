"""A saved file is copied when code opens it for writing: what versions share cannot be written, and nobody need notice.

The files that an action finds in its workspace are part of the session's last version and read-only for ever
(`host.capture`). An audit hook is told of each file before it is opened (CPython's `open` event comes from `open`, `os.open`
and whatever is built on them; SQLite says `sqlite3.connect`); where it is to be written, and may not be, the hook puts a
private copy in its place. A version therefore costs what is opened for writing, once per action and file.

The hook grants nothing: without it the same open fails with EACCES, which is the kernel's word. That is also what is left
where no event tells of the file: an open relative to a descriptor (`dir_fd`), SQL's ATTACH (SQLite then reads only), and
C libraries that open files by themselves.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from os import urandom  # the kernel's: how many copies an action makes is no part of what is recorded of it
from typing import Any
from urllib.parse import unquote

_CHUNK = 1 << 20
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_BESIDE = ("", "-journal", "-wal", "-shm")  # what SQLite keeps with a database, and opens with it

Masked = Callable[[], AbstractContextManager[None]]


def install(workspace: str, masked: Masked, *, no_opener: bool) -> None:
    """From here on, for the rest of this process. `masked` holds the soft deadline back: no copy is left half made.

    `no_opener`: what opens a file by a path opens that path. Else somebody's `opener` may open another file than the
    event names, and a file that is only to be emptied is copied as well, since it may be the wrong one.
    """
    sys.addaudithook(make_hook(workspace, masked, no_opener=no_opener))


def make_hook(workspace: str, masked: Masked, *, no_opener: bool) -> Callable[[str, tuple[Any, ...]], None]:
    """The hook of one process."""
    inside = os.path.realpath(workspace).rstrip("/") + "/"
    writes, leaves = os.O_ACCMODE | os.O_TRUNC, os.O_EXCL  # O_EXCL: what is there already will not be opened

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = args
            if flags & writes and not flags & leaves and not isinstance(path, int):
                # Only `FileIO` says a mode; `os.open` may be relative to a `dir_fd`, which no event tells.
                emptied = no_opener and mode is not None and flags & os.O_TRUNC
                _make_own(os.fsdecode(path), inside, masked, emptied=bool(emptied))
        elif event == "sqlite3.connect":
            for path in _database_files(args[0]):
                _make_own(path, inside, masked, emptied=False)

    return hook


def _database_files(database: Any) -> list[str]:
    name = os.fsdecode(database)
    if name.startswith("file:"):  # https://www.sqlite.org/uri.html
        name, _, options = name[5:].partition("?")
        if "mode=ro" in options or "immutable=1" in options:
            return []
        name = unquote(name.removeprefix("//localhost").removeprefix("//"))
    return [name + suffix for suffix in _BESIDE] if name and name != ":memory:" else []


def _make_own(path: str, inside: str, masked: Masked, *, emptied: bool) -> None:
    """Replace a file of the workspace that may not be written by a copy that may. Raises `OSError`: the disk is full."""
    try:
        seen = os.stat(path)
        if seen.st_mode & 0o222 or not stat.S_ISREG(seen.st_mode):
            return
        real = os.path.realpath(path)
    except (OSError, ValueError):
        return  # nothing there that could be opened: the open itself says so
    if real.startswith(inside):
        with masked():
            _replace(real, seen, 0 if emptied and real == os.path.abspath(path) else seen.st_size)


def _replace(path: str, seen: os.stat_result, size: int) -> None:
    copy = f"{os.path.dirname(path)}/.copied-{urandom(8).hex()}"
    target = os.open(copy, _CREATE, 0o600 | seen.st_mode & 0o111)
    try:
        try:
            if size:
                _copy(path, target, size)
        finally:
            os.close(target)
        os.rename(copy, path)
    except BaseException:
        os.unlink(copy)
        raise


def _copy(path: str, target: int, size: int) -> None:
    """Holes stay holes: a sparse file would outgrow the memory that its reader has, or the disk."""
    source = os.open(path, _READ)
    try:
        os.ftruncate(target, size)
        position = 0
        while position < size:
            position = _next_data(source, position, size)
            end = min(os.lseek(source, position, os.SEEK_HOLE), size) if position < size else size
            os.lseek(source, position, os.SEEK_SET)
            os.lseek(target, position, os.SEEK_SET)
            while position < end:
                data = memoryview(os.read(source, min(_CHUNK, end - position)))
                position += len(data)
                while data:
                    data = data[os.write(target, data) :]
    finally:
        os.close(source)


def _next_data(source: int, position: int, size: int) -> int:
    try:
        return os.lseek(source, position, os.SEEK_DATA)
    except OSError:  # ENXIO: nothing but a hole from here on
        return size
