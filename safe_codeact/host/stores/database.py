"""The tables of a store, in one SQLite database, each row sealed.

Threat: whoever can write the file, without the key, changes rows, swaps them, adds triggers and views, or writes numbers
that make a reader allocate; a disk that damages it; a file of another program or version; a host that is killed, or runs
out of disk, half-way; two hosts at once.

What we do: the schema is compared word for word with ours before anything is read by it; SQLite refuses values beyond
`_MOST_BYTES`; every row that decides anything carries a seal; what lost a row is found by the catalogue, a sum over all
sessions, before a session is said not to exist. A change is one transaction of one writer; WAL and synchronous=FULL: what
was committed survives SIGKILL and the loss of power, what was not leaves no trace.

What still gets through: SQLite itself reads the file first, so its parser is in reach of whoever can write it. And the
content is sealed, not encrypted.
"""

from __future__ import annotations

import contextlib
import functools
import hmac
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

from safe_codeact.errors import StoreError
from safe_codeact.host.stores.forms import Head, Label
from safe_codeact.host.stores.seal import Seal

BUSY_SECONDS = 30.0  # for another writer to finish
_APPLICATION = 0x5AFEC0DE  # what file(1) tells such a database by
_FORMAT = 1
_CHUNK = 1024 * 1024
_MOST_BYTES = 64 * 1024 * 1024  # of one value: a chunk, or the longest list of files
_ENTRIES = 2**256
_SCHEMA = """
CREATE TABLE catalogue (only INTEGER PRIMARY KEY, database BLOB, total INTEGER, entries BLOB, seal BLOB);
CREATE TABLE sessions (session TEXT PRIMARY KEY, head BLOB, seal BLOB) WITHOUT ROWID;
CREATE TABLE versions (version INTEGER PRIMARY KEY, session TEXT REFERENCES sessions ON DELETE CASCADE,
    checkpoint TEXT, number INTEGER, size INTEGER, content BLOB, seal BLOB, UNIQUE (session, checkpoint));
CREATE TABLE uses (version INTEGER REFERENCES versions ON DELETE CASCADE, blob INTEGER REFERENCES blobs,
    PRIMARY KEY (version, blob)) WITHOUT ROWID;
CREATE INDEX uses_of_blob ON uses (blob);
CREATE TABLE blobs (blob INTEGER PRIMARY KEY, size INTEGER, seal BLOB);
CREATE TABLE chunks (blob INTEGER REFERENCES blobs ON DELETE CASCADE, position INTEGER, data BLOB,
    PRIMARY KEY (blob, position));
"""
_SETTINGS = (
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
    "PRAGMA mmap_size = 0",  # a file that another process cuts short must be an error, not SIGBUS
    "PRAGMA journal_size_limit = 67108864",
)
_WAY_OUT = {
    "SQLITE_BUSY": "another process is writing to it; try again when that has ended",
    "SQLITE_FULL": "the disk is full; make room, or forget sessions",
    "SQLITE_READONLY": "it may not be written to; give this user the file and its folder",
    "SQLITE_CANTOPEN": "it cannot be opened; its folder must exist and be this user's to write to",
    "SQLITE_NOTADB": "it is no database, or a damaged one; name another file, or restore a copy",
    "SQLITE_CORRUPT": "it is damaged; restore a copy",
    "SQLITE_TOOBIG": "it holds a value larger than any that was stored; it was changed; restore a copy",
    "SQLITE_IOERR": "the disk, or a limit on the size of files, did not let it be read or written",
}


class Database:
    """One connection, used by one thread at a time. `name` is how messages call it."""

    seal: Seal

    def __init__(self, path: str, name: str, key: bytes) -> None:
        self.name = name
        self._process = os.getpid()
        self._lock = threading.RLock()
        self._total = 0
        self._entries = 0
        self._connection: sqlite3.Connection | None = None
        with self._translated("opened"):
            self._connection = sqlite3.connect(
                path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                self._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MOST_BYTES)
                for setting in _SETTINGS:
                    self.execute(setting)
                self._prepare(key)
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Idempotent. In a forked copy of the process nothing is touched: connection and lock are its parent's."""
        if os.getpid() != self._process:
            return
        with self._lock:
            if self._connection is not None:
                with contextlib.suppress(sqlite3.Error):
                    self._connection.close()
            self._connection = None

    # ---- transactions

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """One unchanging view of the database, while others write."""
        with self._transaction("BEGIN", "read"):
            yield

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """All that is written in here, or nothing."""
        with self._transaction("BEGIN IMMEDIATE", "written"):
            before = self._total, self._entries
            yield
            if before != (self._total, self._entries):
                self._write_catalogue()

    @contextlib.contextmanager
    def _transaction(self, begin: str, what: str) -> Iterator[None]:
        if os.getpid() != self._process:  # before the lock, which a forked copy may have inherited as taken
            raise StoreError(
                f"{self.name} belongs to process {self._process}; a forked copy may not use it: open another"
            )
        with self._lock, self._translated(what):
            if self._connection is None:
                raise StoreError(f"{self.name} is closed")
            with self._begun(begin):
                self._read_catalogue()
                yield

    @contextlib.contextmanager
    def _begun(self, begin: str) -> Iterator[None]:
        connection = self._connection
        assert connection is not None
        connection.execute(begin)
        try:
            yield
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:  # after some errors SQLite has rolled back by itself
                connection.execute("ROLLBACK")

    @contextlib.contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorname", "") or ""
            way_out = next((text for name, text in _WAY_OUT.items() if code.startswith(name)), "it may be damaged")
            raise StoreError(f"{self.name} cannot be {what} ({error}): {way_out}") from None
        except (OverflowError, UnicodeDecodeError):  # also of SQLite's own message about a name that is no text
            raise StoreError(f"{self.name} cannot be {what}: it was changed or damaged. Restore a copy") from None
        except OSError as error:
            raise StoreError(f"{self.name} cannot be {what}: {error.strerror or error}") from None

    # ---- rows

    def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
        """One statement inside a transaction."""
        assert self._connection is not None
        return self._connection.execute(sql, values)

    def row(self, sql: str, *values: object) -> Any:
        """The first row, or None."""
        return self.execute(sql, *values).fetchone()

    def numbers(self, sql: str, *values: object) -> list[int]:
        """The first column of every row."""
        return [_number(value) for (value,) in self.execute(sql, *values)]

    @property
    def total(self) -> int:
        """Bytes of all blobs, as this transaction leaves them."""
        return self._total

    def head(self, session: str) -> Head | None:
        """A session's head. None also where it was lost: `require_all` knows."""
        row = self.row("SELECT head, seal FROM sessions WHERE session = ?", session)
        if row is None:
            return None
        self._check_head(session, *row)
        return Head.unpack(row[0])

    def heads(self) -> Iterator[tuple[str, Head]]:
        """Every session, by id."""
        self.require_all()
        for session, data in self.execute("SELECT session, head FROM sessions ORDER BY session").fetchall():
            yield session, Head.unpack(data)

    def require_all(self) -> None:
        """Raises `StoreError` where the sessions are not all that were stored, each as it was. Looks at each."""
        entries = 0
        for session, data, seal in self.execute("SELECT session, head, seal FROM sessions").fetchall():
            self._check_head(session, data, seal)
            entries += int.from_bytes(seal, "big")
        if entries % _ENTRIES != self._entries:
            raise StoreError(f"{self.name} has lost sessions, or holds older ones: it was changed. Restore a copy")

    def put_head(self, session: str, head: Head) -> None:
        """Write a session's head, in place of the one that is there."""
        data = head.pack()
        seal = self.seal.of("session", session, data)
        self._enter(session, int.from_bytes(seal, "big"))
        self.execute(
            "INSERT INTO sessions VALUES (?, ?, ?) ON CONFLICT (session) DO UPDATE SET head = excluded.head, "
            "seal = excluded.seal",
            session, data, seal,
        )  # fmt: skip

    def drop_head(self, session: str) -> None:
        """Remove a session, whose versions were removed before."""
        self._enter(session, 0)
        self.execute("DELETE FROM sessions WHERE session = ?", session)

    def _enter(self, session: str, entry: int) -> None:
        """The catalogue is the sum of all heads' seals."""
        row = self.row("SELECT seal FROM sessions WHERE session = ?", session)
        before = int.from_bytes(_bytes(row[0]), "big") if row else 0
        self._entries = (self._entries + entry - before) % _ENTRIES

    def _check_head(self, session: object, data: object, seal: object) -> None:
        self._check(seal, self.seal.of("session", str(session), _bytes(data)), f"session {session!r}")

    def content(self, session: str, checkpoint: str, number: int | None = None) -> bytes | None:
        """A version's stored form: the current one ("") or a checkpoint's; with `number`, it must be that one."""
        row = self.row(
            "SELECT number, content, seal FROM versions WHERE session = ? AND checkpoint = ?", session, checkpoint
        )
        if row is None or (number is not None and row[0] != number):
            return None
        data = _bytes(row[1])
        seal = self.seal.of("version", session, checkpoint, _number(row[0]), data)
        self._check(row[2], seal, f"session {session!r}")
        return data

    def put_content(self, session: str, checkpoint: str, number: int, size: int, data: bytes) -> int:
        """Write a version in place of the one that is there; its row's number."""
        seal = self.seal.of("version", session, checkpoint, number, data)
        self.execute(
            "INSERT INTO versions (session, checkpoint, number, size, content, seal) VALUES (?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (session, checkpoint) DO UPDATE SET number = excluded.number, size = excluded.size, "
            "content = excluded.content, seal = excluded.seal",
            session, checkpoint, number, size, data, seal,
        )  # fmt: skip
        (version,) = self.row("SELECT version FROM versions WHERE session = ? AND checkpoint = ?", session, checkpoint)
        return _number(version)

    # ---- blobs

    def put_blob(self, descriptor: int) -> Label:
        """Copy a file in, sealed while it is read."""
        label = Label(secrets.randbits(63), os.fstat(descriptor).st_size)
        seal = self.seal.begin("blob", label.number, label.size)
        self.execute("INSERT INTO blobs VALUES (?, ?, ?)", label.number, label.size, b"")
        for position in range(0, label.size, _CHUNK):
            data = os.pread(descriptor, _CHUNK, position)
            if len(data) != min(_CHUNK, label.size - position):
                raise StoreError(f"a file of the session changed while it was copied into {self.name}")
            seal.update(data)
            self.execute("INSERT INTO chunks VALUES (?, ?, ?)", label.number, position, data)
        self.execute("UPDATE blobs SET seal = ? WHERE blob = ?", seal.digest(), label.number)
        self._total += label.size
        return label

    def copy_blob(self, label: Label, descriptor: int) -> None:
        """Copy a blob out. When this raises, the file holds what nobody may see."""
        row = self.row("SELECT seal FROM blobs WHERE blob = ?", label.number)
        seal = self.seal.begin("blob", label.number, label.size)
        size = 0
        chunks = self.execute("SELECT data FROM chunks WHERE blob = ? ORDER BY position", label.number)
        with contextlib.closing(chunks):
            for (data,) in chunks:
                size += len(_bytes(data))
                if size > label.size:
                    break
                seal.update(data)
                _write_all(descriptor, data)
        self._check(row[0] if row else None, seal.digest() if size == label.size else b"", "a part of it")

    def has_blob(self, number: int) -> bool:
        """Whether a blob is still there."""
        return self.row("SELECT 1 FROM blobs WHERE blob = ?", number) is not None

    def drop_unused(self, numbers: Iterable[int]) -> None:
        """Remove those of these blobs that no version uses any more."""
        for number in numbers:
            row = self.row(
                "SELECT size FROM blobs WHERE blob = ? AND NOT EXISTS (SELECT 1 FROM uses u WHERE u.blob = blobs.blob)",
                number,
            )
            if row is not None:
                self.execute("DELETE FROM blobs WHERE blob = ?", number)
                self._total -= _number(row[0])

    # ---- opening

    def _prepare(self, key: bytes) -> None:
        """The tables, where the file is new; else a comparison with them."""
        self._switch_to_wal()
        with self._begun("BEGIN IMMEDIATE"):
            if self.row("SELECT 1 FROM sqlite_schema") is None:
                for statement in _SCHEMA.split(";"):
                    self.execute(statement)
                self.execute(f"PRAGMA application_id = {_APPLICATION}")
                self.execute(f"PRAGMA user_version = {_FORMAT}")
                self.seal = Seal(key, identity := secrets.token_bytes(16))
                self.execute("INSERT INTO catalogue VALUES (1, ?, 0, ?, ?)", identity, b"", b"")
                self._write_catalogue()
            assert self._connection is not None
            if _facts(self._connection) != _facts_of_ours():
                raise StoreError(
                    f"{self.name} is not a store of this version: another program or another version made it, or somebody "
                    "changed its tables. Name another file"
                )
            self.seal = Seal(key, _bytes((self.row("SELECT database FROM catalogue WHERE only = 1") or (b"",))[0]))
            self._read_catalogue()

    def _switch_to_wal(self) -> None:
        """Whoever switches first needs the file alone for a moment, and SQLite does not wait for that."""
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                self.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def _read_catalogue(self) -> None:
        total, entries, seal = self.row("SELECT total, entries, seal FROM catalogue WHERE only = 1") or (0, b"", b"")
        if not _is(seal, self.seal.of("catalogue", _number(total), _bytes(entries))):
            raise StoreError(
                f"{self.name} was sealed with another key, changed by somebody without the key, or damaged. Give the key "
                "that it was made with, or restore a copy"
            )
        self._total, self._entries = total, int.from_bytes(entries, "big")

    def _write_catalogue(self) -> None:
        entries = self._entries.to_bytes(32, "big")
        seal = self.seal.of("catalogue", self._total, entries)
        self.execute("UPDATE catalogue SET total = ?, entries = ?, seal = ? WHERE only = 1", self._total, entries, seal)

    def _check(self, given: object, expected: bytes, what: str) -> None:
        if not _is(given, expected):
            raise StoreError(f"{self.name}: {what} is not what was stored: it was changed or damaged. Restore a copy")


def _facts(connection: sqlite3.Connection) -> list[object]:
    return [
        connection.execute("PRAGMA application_id").fetchall(),
        connection.execute("PRAGMA user_version").fetchall(),
        connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name").fetchall(),
    ]


@functools.cache
def _facts_of_ours() -> list[object]:
    """What SQLite, of whichever version, makes of our tables."""
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(_SCHEMA)
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        connection.execute(f"PRAGMA user_version = {_FORMAT}")
        return _facts(connection)


def _is(given: object, expected: bytes) -> bool:
    return isinstance(given, bytes) and hmac.compare_digest(given, expected)


def _number(value: object) -> int:
    if not isinstance(value, int):
        raise StoreError(f"a store holds {type(value).__name__} where a number belongs: it was changed or damaged")
    return value


def _bytes(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise StoreError(f"a store holds {type(value).__name__} where bytes belong: it was changed or damaged")
    return value


def _write_all(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]
