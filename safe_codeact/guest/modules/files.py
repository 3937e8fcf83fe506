"""Which files an action may name, and the `open` it is given.

Threat: a path that leaves the workspace (absolute, `..`, a symbolic link), a file descriptor instead of a path (3 is the
worker's connection to the host), and the raw `FileIO` at the bottom of every file object, whose class takes descriptors.
What doesn't work: comparing path text before resolving it; hiding `FileIO` in the facade of `io`, because
`type(open(p, "rb").raw)` is it again.
What we do: resolve first, then compare; refuse integers; put a raw class of our own beneath the standard buffers, which
resolves the path itself when it is built.
What still gets through: a library that opens a path by itself; the audit hook and Landlock stand behind it.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable
from typing import Any

_BUFFER = 64 * 1024


class Place:
    """Where an action stands: its workspace, what else it may read, and when it must end.

    One process runs one action, so there is one place per process: `enter` is called once, before the action.
    """

    def __init__(self) -> None:
        self.mode = "none"  # "none", "ro" or "rw", as in the policy
        self.workspace = ""  # absolute and resolved, or "" when there is none
        self.readable: tuple[str, ...] = ()
        self.environ: dict[str, str] = {}
        self._earlier: re.Pattern[str] | None = None  # matches the workspace as an earlier action's worker had it
        self._here = False  # whether the process's folder is the workspace

    def configure(self, mode: str, readable: tuple[str, ...]) -> None:
        self.mode = mode
        self.readable = tuple(os.path.realpath(path) for path in readable)

    def enter(self, workspace: str) -> None:
        """`workspace` should be the process's folder by now: then relative paths keep their spelling in error messages."""
        self.workspace = os.path.realpath(workspace) if workspace else ""
        self._here = bool(workspace) and os.getcwd() == self.workspace
        slot = re.fullmatch(r"(.*/)\d+(/[^/]+)", self.workspace)
        self._earlier = slot and re.compile(rf"{re.escape(slot[1])}\d+{re.escape(slot[2])}(?=/|\Z)")

    def reach(self, path: Any, *, writing: bool = False, follow: bool = True) -> str:
        """The path, if the action may use it. Raises `PermissionError`, or `TypeError` for what is no path.

        With `follow=False` the last component is not resolved: for what acts on the entry itself, as remove does.
        """
        text = self._spelled(path)
        real = self.resolve(text, writing=writing, follow=follow)
        return text if self._here and text else real

    def resolve(self, path: Any, *, writing: bool = False, follow: bool = True) -> str:
        """As `reach`; the result is absolute and resolved."""
        text = self._spelled(path)
        if not self.workspace and not self.readable:
            raise PermissionError(
                f"{text!r} cannot be used: this policy gives an action no files (filesystem.workspace: none). "
                "Keep the data in variables, or use io.StringIO where a file object is expected."
            )
        real = _resolved(os.path.join(self.workspace or os.sep, text), follow)
        if self.workspace and self.mode != "none" and within(real, self.workspace):
            if writing and self.mode != "rw":
                raise PermissionError(f"{text!r} cannot be written: this policy's workspace is read only.")
            return real
        if any(within(real, folder) for folder in self.readable):
            if writing:
                raise PermissionError(f"{text!r} cannot be written: it can only be read. {self._way_out()}")
            return real
        raise PermissionError(f"{text!r} is outside the workspace. {self._way_out()}")

    def open(
        self,
        file: Any,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        closefd: bool = True,
        opener: Callable[[str, int], int] | None = None,
    ) -> io.IOBase:
        """The builtin `open`, inside the workspace. The result is CPython's own buffered or text file object."""
        if not isinstance(mode, str):
            raise TypeError(f"open() argument 'mode' must be str, not {type(mode).__name__}")
        if opener is not None or not closefd:
            raise PermissionError(
                "open() takes no opener and no closefd=False here: an action has no file descriptors."
            )
        kind = _checked_mode(mode, buffering, encoding, errors, newline)
        raw = WorkspaceFile(file, kind)
        if buffering == 0:
            return raw
        size = _BUFFER if buffering in (-1, 1) else buffering
        buffered = _buffered(raw, kind, size)
        if "b" in mode:
            return buffered
        text = io.TextIOWrapper(buffered, encoding, errors, newline, buffering == 1)
        text.mode = mode
        return text

    def _spelled(self, path: Any) -> str:
        """The path's text. A workspace has another slot in each action: an absolute path that a session kept goes on meaning
        its own file. No other session's is meant by it, wherever it was then.
        """
        text = path_text(path)
        earlier = self._earlier.match(text) if self._earlier is not None else None
        return text if earlier is None else self.workspace + text[earlier.end() :]

    def _way_out(self) -> str:
        also = f" These can be read as well: {', '.join(self.readable)}." if self.readable else ""
        if not self.workspace:
            return f"This policy has no workspace.{also}"
        return f"Files live in the workspace, {self.workspace}; a relative path such as 'data.csv' is inside it.{also}"


def path_text(path: Any) -> str:
    """The path as an exact str: a subclass could answer differently when it is asked again."""
    if isinstance(path, int):
        raise PermissionError(f"{path!r} is a file descriptor; an action opens files by their path.")
    found = os.fspath(path)
    text = os.fsdecode(found) if isinstance(found, bytes) else str.__str__(found)
    if "\0" in text:
        raise ValueError("embedded null byte")
    return text


def _resolved(path: str, follow: bool) -> str:
    if follow:
        return os.path.realpath(path)
    folder, name = os.path.split(path.rstrip(os.sep) or os.sep)
    if name in (os.curdir, os.pardir):  # an entry's own name is neither, so it cannot lead upwards unresolved
        folder, name = path, ""
    return os.path.join(os.path.realpath(folder), name).rstrip(os.sep) or os.sep


def within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


class WorkspaceFile(io.RawIOBase):
    """The raw file beneath what `open` returns. Its class is reachable from there, so it checks the path itself."""

    def __init__(self, file: Any, mode: str = "r") -> None:
        writing = any(letter in mode for letter in "wax+")
        self._file = io.FileIO(HERE.reach(file, writing=writing), mode)
        self.name = file

    @property
    def mode(self) -> str:
        return self._file.mode

    def readinto(self, buffer: Any) -> int | None:
        return self._file.readinto(buffer)

    def readall(self) -> bytes:
        return self._file.readall()

    def write(self, data: Any) -> int | None:
        return self._file.write(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def truncate(self, size: int | None = None) -> int:
        return self._file.truncate(size)

    def fileno(self) -> int:
        return self._file.fileno()

    def isatty(self) -> bool:
        return False

    def readable(self) -> bool:
        return self._file.readable()

    def writable(self) -> bool:
        return self._file.writable()

    def seekable(self) -> bool:
        return self._file.seekable()

    def close(self) -> None:
        if hasattr(self, "_file"):  # not yet, where the path was refused
            self._file.close()
        super().close()


def _checked_mode(mode: str, buffering: int, encoding: str | None, errors: str | None, newline: str | None) -> str:
    """The raw file's mode. Refuses what CPython's `open` refuses, in its words."""
    letters = set(mode)
    if letters - set("axrwb+t") or len(mode) > len(letters):
        raise ValueError(f"invalid mode: {mode!r}")
    if "t" in letters and "b" in letters:
        raise ValueError("can't have text and binary mode at once")
    if len(letters & set("axrw")) != 1:
        raise ValueError("must have exactly one of create/read/write/append mode")
    if "b" in letters:
        for name, value in (("an encoding", encoding), ("an errors", errors), ("a newline", newline)):
            if value is not None:
                raise ValueError(f"binary mode doesn't take {name} argument")
    elif buffering == 0:
        raise ValueError("can't have unbuffered text I/O")
    if buffering < -1:
        raise ValueError("invalid buffering size")
    return "".join(letter for letter in mode if letter not in "tb")


def _buffered(raw: WorkspaceFile, mode: str, size: int) -> Any:
    if "+" in mode:
        return io.BufferedRandom(raw, size)
    return io.BufferedReader(raw, size) if "r" in mode else io.BufferedWriter(raw, size)


# The process's one place. A module-level object because the functions that stand in for `os` and `pathlib` are module-level
# too: a snapshot refers to them by name, and must find the same place in the next worker.
HERE = Place()


def guarded_open(
    file: Any,
    mode: str = "r",
    buffering: int = -1,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    closefd: bool = True,
    opener: Callable[[str, int], int] | None = None,
) -> io.IOBase:
    """The builtin `open` of actions."""
    return HERE.open(file, mode, buffering, encoding, errors, newline, closefd, opener)


guarded_open.__name__ = guarded_open.__qualname__ = "open"
