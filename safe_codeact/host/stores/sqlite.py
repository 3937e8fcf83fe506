"""The two stores: a file that outlives the process, and the memory of this process."""

from __future__ import annotations

import contextlib
import datetime
import os
import secrets
import stat
from pathlib import Path
from types import TracebackType
from typing import Self

from safe_codeact.errors import StoreError
from safe_codeact.host.stores import shelves
from safe_codeact.host.stores.database import Database
from safe_codeact.host.stores.seal import MIN_KEY_BYTES
from safe_codeact.host.stores.store import Record, Room, StoredSession
from safe_codeact.host.vault import Vault

_DEFAULT = Room()
_HEADER_BYTES = 100
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class _DatabaseStore:
    """A `Store` in one SQLite database. A context manager; thread-safe."""

    def __init__(self, path: str, name: str, key: bytes, max_session_mb: int, max_total_mb: int) -> None:
        for limit, value in (("max_session_mb", max_session_mb), ("max_total_mb", max_total_mb)):
            if value < 1:
                raise ValueError(f"{limit}={value!r} must be at least 1. There is no value for 'unlimited'.")
        self._room = Room(session_mb=max_session_mb, total_mb=max_total_mb)
        self._database = Database(path, name, key)

    def load(self, session_id: str, vault: Vault) -> Record | None:
        """See `Store.load`."""
        with self._database.reading():
            return shelves.load(self._database, session_id, vault)

    def commit(self, session_id: str, record: Record, vault: Vault) -> Record:
        """See `Store.commit`."""
        with self._database.writing():
            commit = shelves.Commit(self._database, self._room, session_id, vault)
            stored = commit.make(record)
        commit.label()
        return stored

    def forget(self, session_id: str, version: int | None = None) -> None:
        """See `Store.forget`. What it leaves in the file is overwritten in time, not at once."""
        with self._database.writing():
            head = self._database.head(session_id)
            if head is not None and version in (None, head.version):
                shelves.forget(self._database, session_id)

    def sessions(self) -> list[StoredSession]:
        """See `Store.sessions`."""
        with self._database.reading():
            sizes = shelves.sizes(self._database)
            return [
                StoredSession(
                    id=session,
                    size_bytes=sizes.get(session, 0),
                    checkpoints=len(head.checkpoints),
                    committed=datetime.datetime.fromtimestamp(head.committed, datetime.UTC),
                    policy=head.origin.policy,
                )
                for session, head in self._database.heads()
            ]

    def close(self) -> None:
        """See `Store.close`."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.close()


class MemoryStore(_DatabaseStore):
    """Sessions for the runtimes of this process, one after the other or side by side; gone with it.

    `max_session_mb` bounds one session with its checkpoints, `max_total_mb` all of them, in MiB: the oldest checkpoints go
    first, and what then does not fit is refused with `StoreError`.
    """

    def __init__(self, *, max_session_mb: int = _DEFAULT.session_mb, max_total_mb: int = _DEFAULT.total_mb) -> None:
        super().__init__(":memory:", "the store in memory", secrets.token_bytes(32), max_session_mb, max_total_mb)


class SQLiteStore(_DatabaseStore):
    """Sessions in one SQLite file, for runtimes of any process that has the key (at least 32 secret bytes; keep them).

    The file is made with mode 0600; its folder must exist, be this user's (or root's), and not be everybody's. Every version is
    on the disk when the action's observation is returned (WAL, synchronous=FULL): it survives SIGKILL and, as far as the
    disk keeps what it acknowledged, the loss of power. Content is sealed against change (HMAC-SHA256), not encrypted.
    Several processes may use one file; two that go on from the same version of a session cannot overwrite each other.

    Raises `ValueError` for the arguments, `StoreError` for a file that cannot be used: another key, another program's,
    damaged, or readable by others. Limits as for `MemoryStore`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        key: bytes,
        max_session_mb: int = _DEFAULT.session_mb,
        max_total_mb: int = _DEFAULT.total_mb,
    ) -> None:
        if not isinstance(key, bytes) or len(key) < MIN_KEY_BYTES:
            given = f"{len(key)} bytes" if isinstance(key, bytes) else type(key).__name__
            raise ValueError(
                f"key: {given} were given, at least {MIN_KEY_BYTES} secret bytes are expected: secrets.token_bytes(32), "
                "made once and kept apart from the database"
            )
        file = Path(os.path.abspath(path))
        self.path = file.parent.resolve() / file.name
        _require_private(self.path)
        super().__init__(str(self.path), str(self.path), key, max_session_mb, max_total_mb)


def _require_private(path: Path) -> None:
    """Make the file where there is none. Raises `StoreError` where others could change it, or what stands beside it.

    The folder counts too: SQLite keeps `-wal` and `-shm` there, and whoever may write there can put their own in place.
    """
    try:
        folder = path.parent.stat()
        if folder.st_uid not in (0, os.getuid()) or folder.st_mode & stat.S_IWOTH:
            raise StoreError(
                f"{path}: everybody, or another user, may write to its folder. Use one of your own: mkdir -m 700"
            )
        with contextlib.suppress(FileExistsError):
            os.mknod(path, stat.S_IFREG | 0o600)  # not open(2): closing it would let go of another connection's locks
        about = path.lstat()
    except OSError as error:
        raise StoreError(
            f"{path} cannot be opened: {error.strerror}. Name a file in a folder that exists and is yours"
        ) from None
    if not stat.S_ISREG(about.st_mode) or about.st_uid != os.getuid() or about.st_mode & _OTHERS:
        raise StoreError(f"{path}: expected a file of this user that nobody else may open: chmod 600 '{path}'")
    if 0 < about.st_size < _HEADER_BYTES:  # SQLite takes that for a new one, and would write over what is left
        raise StoreError(f"{path} is no database, or a damaged one. Name another file, or restore a copy")
