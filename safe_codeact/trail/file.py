"""The open file of a trail: one writer, a torn end set aside, and what reaches the disk when.

Threat: two processes that write one chain in turns, and each break it; a host that is killed in the middle of a line; a file that
somebody cuts, replaces or adds to while it is being written. What we do: an exclusive lock on the open file (flock(2): it
belongs to the open file, so a second writer is refused in the same process, too, and the kernel lets it go with the process);
appends only, each in one write(2), after a look at whether the file still ends where we left it; a last line without its end is
copied to a file beside it, cut off, and said in the next record. What still gets through: whoever may write the file may
rewrite all of it while nobody looks; that is what signed checkpoints are for.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import hashlib
import os
import secrets
import stat
from typing import Any, Literal

from safe_codeact.errors import TrailError
from safe_codeact.frozen import dataclass
from safe_codeact.trail import line

Sync = Literal["record", "action", "never"]
_LOOK = 64 * 1024  # bytes that are read at a time, from the end backwards


@dataclass(frozen=True, slots=True)
class Torn:
    """The unfinished line that was found at the end: where its bytes are now."""

    bytes: int
    sha256: str
    kept_in: str


class TrailFile:
    """A file that records are appended to. Not thread-safe: `Trail` has the lock."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.path.abspath(path)
        self.torn: Torn | None = None
        self.count, self.previous, self._end = 0, line.FIRST, 0
        self._process = os.getpid()
        self._descriptor = self._open()
        try:
            self._lock()
            self._go_on()
        except BaseException:
            os.close(self._descriptor)
            raise

    def append(self, kind: str, fields: dict[str, Any], key: bytes | None = None) -> bytes:
        """One more record; returns its line. Raises `OSError` and `TrailError`; then the file ends as before, if it lets us."""
        self.check()
        made = {"n": self.count, "at": _now(), "kind": kind, **fields}
        written, digest = line.write(made, self.previous, key)
        try:
            done = os.write(self._descriptor, written)
            if done != len(written):
                raise OSError(28, "the disk took a part of it only")
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._end)
            raise
        self._end += len(written)
        self.count, self.previous = self.count + 1, digest
        return written

    def check(self) -> None:
        """Raises `TrailError` where the file is not ours to go on with any more."""
        if os.getpid() != self._process:
            raise TrailError(
                f"the trail {self.path} belongs to process {self._process}; a forked copy may not write it: make another"
            )
        about = os.fstat(self._descriptor)
        if about.st_nlink == 0:
            raise TrailError(f"the trail {self.path} was removed or replaced while it was written: begin another")
        if about.st_size != self._end:
            raise TrailError(
                f"the trail {self.path} has {about.st_size:,} bytes, and {self._end:,} were written: somebody else "
                "changed it. Look at it with `safe-codeact trail verify`, and begin another"
            )

    def sync(self) -> None:
        """Waits until the disk has everything (fdatasync(2))."""
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        """The lock goes with the descriptor."""
        os.close(self._descriptor)

    def holds(self, written: bytes, offset: int) -> bool:
        """Whether a line is in the file at that place."""
        return os.pread(self._descriptor, len(written), offset) == written

    @property
    def end(self) -> int:
        return self._end

    def _open(self) -> int:
        try:
            descriptor = os.open(
                self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY, 0o600
            )
        except OSError as error:
            raise TrailError(f"the trail {self.path} cannot be opened: {error.strerror or error}") from None
        about, problem = os.fstat(descriptor), ""
        if not stat.S_ISREG(about.st_mode):
            problem = "is no file: name a file, or one that can be made"
        elif about.st_uid != os.geteuid() or about.st_mode & 0o022:
            problem = "can be written by others than this user: begin another, or take it back (chown, chmod go-w)"
        if problem:
            os.close(descriptor)
            raise TrailError(f"the trail {self.path} {problem}")
        return descriptor

    def _lock(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise TrailError(
                f"the trail {self.path} has a writer already: share one Trail between the runtimes of a process, and give "
                "every process a file of its own"
            ) from None

    def _go_on(self) -> None:
        """From the last whole line. Only that one is looked at: `verify` reads them all."""
        size = os.fstat(self._descriptor).st_size
        whole = self._last_end(size)
        if whole < size:
            self._set_aside(whole, size)
        self._end = whole
        if whole == 0:
            return
        begin = self._last_end(whole - 1)
        try:
            if whole - begin > line.MOST_BYTES:
                raise line.NoRecord("it is too long")
            last = line.read(os.pread(self._descriptor, whole - begin - 1, begin))
        except line.NoRecord as error:
            raise TrailError(
                f"{self.path} does not end in a record of a trail ({error}): look at it with `safe-codeact trail verify`, "
                "and begin another file"
            ) from None
        self.count, self.previous = last["n"] + 1, self._hash_at(whole)

    def _hash_at(self, whole: int) -> str:
        return os.pread(self._descriptor, 64, whole - 67).decode("ascii")

    def _last_end(self, size: int) -> int:
        """Where the last line that ends before `size` ends; 0 where none does."""
        while size > 0:
            begin = max(0, size - _LOOK)
            found = os.pread(self._descriptor, size - begin, begin).rfind(b"\n")
            if found >= 0:
                return begin + found + 1
            size = begin
        return 0

    def _set_aside(self, whole: int, size: int) -> None:
        """Copied first, and on the disk, before it is cut off: a second crash loses nothing either."""
        if size - whole > line.MOST_BYTES:
            raise TrailError(f"{self.path} ends in {size - whole:,} bytes that are no record: begin another file")
        rest = os.pread(self._descriptor, size - whole, whole)
        digest = hashlib.sha256(rest).hexdigest()
        kept_in = f"{self.path}.torn-{whole}-{digest[:8]}"  # by its content: no torn end takes another one's place
        replace_file(kept_in, rest)
        os.ftruncate(self._descriptor, whole)
        self.torn = Torn(size - whole, digest, kept_in)


def replace_file(path: str, content: bytes) -> None:
    """The old content or the new one, whatever happens meanwhile."""
    fresh = f"{path}.{secrets.token_hex(8)}.new"  # a name that nobody can have laid a link at
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
