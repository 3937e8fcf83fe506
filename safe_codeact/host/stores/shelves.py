"""Which rows a commit adds, and which make room: versions share their blobs, and the oldest checkpoint goes first.

What is asked for and does not fit beside what may go is refused as a whole: nothing was dropped for it. A session's
current version never goes for another's sake.
"""

from __future__ import annotations

import time
from dataclasses import replace

from safe_codeact.errors import StoreError
from safe_codeact.host.stores.database import Database
from safe_codeact.host.stores.forms import Head, Label, journal_of, labels_of, pack_version, unpack_version
from safe_codeact.host.stores.store import Record, Room
from safe_codeact.host.vault import Saved, Vault

_REMEMBERED = 200  # checkpoints that were dropped, by session
_MB = 1024 * 1024
_OLDEST = (
    "SELECT version, session, checkpoint FROM versions WHERE checkpoint <> '' AND session = coalesce(?, session) "
    "ORDER BY version LIMIT ?"
)
_SIZE_OF_VERSIONS = "SELECT coalesce(sum(size), 0) FROM versions WHERE session = ?"
_SIZE_OF_BLOBS = (
    "SELECT coalesce(sum(size), 0) FROM (SELECT DISTINCT b.blob, b.size FROM versions v JOIN uses u USING (version) "
    "JOIN blobs b ON b.blob = u.blob WHERE v.session = ?)"
)


class Commit:
    """One commit, inside one transaction of a database."""

    def __init__(self, database: Database, room: Room, session: str, vault: Vault) -> None:
        self._database = database
        self._room = room
        self._session = session
        self._vault = vault
        self._copied: dict[str, Label] = {}

    def make(self, record: Record) -> Record:
        """The session as it is stored when the transaction ends."""
        database, session = self._database, self._session
        before = database.head(session)
        if (before.version if before else 0) != record.version:
            raise StoreError(
                f"session {session!r} went on elsewhere: this one goes on from version {record.version}, and "
                f"{database.name} holds version {before.version if before else 0}. Close it with keep=True and open it "
                "again to go on from there"
            )
        self._require_fit(record.saved)
        stored = self._checkpoints()
        lost = [name for name in (before.checkpoints if before else ()) if name not in stored]
        new = [name for name in record.checkpoints if name not in stored and name not in lost]
        for name in stored.keys() - record.checkpoints.keys():
            drop_version(database, stored[name])
        number = record.version + 1
        head = Head(version=number, committed=time.time(), checkpoints=tuple(record.checkpoints), origin=record.origin)
        database.put_head(session, head)
        for name in new:
            self._put(name, number, record.checkpoints[name])
        self._put("", number, record.saved, record.journal)
        self._make_room(new)
        kept = {name: record.checkpoints[name] for name in record.checkpoints if name in self._checkpoints()}
        dropped = (*record.dropped, *(name for name in record.checkpoints if name not in kept))[-_REMEMBERED:]
        final = replace(head, checkpoints=tuple(kept), dropped=dropped)
        if final != head:
            database.put_head(session, final)
        return replace(record, version=number, checkpoints=kept, dropped=dropped)

    def label(self) -> None:
        """After the transaction: remember what was copied."""
        self._vault.labels.update(self._copied)

    def _checkpoints(self) -> dict[str, int]:
        rows = self._database.execute(
            "SELECT checkpoint, version FROM versions WHERE session = ? AND checkpoint <> ''", self._session
        )
        return dict(rows.fetchall())

    def _put(self, checkpoint: str, number: int, saved: Saved, journal: bytes = b"") -> None:
        database = self._database
        uses = "SELECT u.blob FROM uses u JOIN versions v USING (version) WHERE v.session = ? AND v.checkpoint = ?"
        before = set(database.numbers(uses, self._session, checkpoint))
        labels = {blob: self._stored(blob, before) for blob in saved.blobs()}
        sizes = {label.number: label.size for label in labels.values()}
        version = database.put_content(
            self._session, checkpoint, number, sum(sizes.values()), pack_version(saved, labels, journal)
        )
        for blob in sizes.keys() - before:
            database.execute("INSERT INTO uses VALUES (?, ?)", version, blob)
        for blob in before - sizes.keys():
            database.execute("DELETE FROM uses WHERE version = ? AND blob = ?", version, blob)
        database.drop_unused(before - sizes.keys())

    def _stored(self, blob: str, held: set[int]) -> Label:
        """What a file of the vault is stored as; copied in where it is not stored, or no longer."""
        label = self._copied.get(blob) or self._vault.labels.get(blob)
        if isinstance(label, Label) and (label.number in held or self._database.has_blob(label.number)):
            return label
        with open(self._vault.open(blob), "rb") as file:
            label = self._copied[blob] = self._database.put_blob(file.fileno())
        return label

    # ---- room

    def _require_fit(self, saved: Saved) -> None:
        size = sum(self._size(blob) for blob in set(saved.blobs()))
        if size > self._room.session_mb * _MB:
            raise self._full(f"its state alone has {size:,} bytes, max_session_mb is {self._room.session_mb}")

    def _size(self, blob: str) -> int:
        label = self._vault.labels.get(blob)
        return label.size if isinstance(label, Label) else self._vault.size(blob)

    def _make_room(self, new: list[str]) -> None:
        database, room = self._database, self._room
        while self._size_of_session() > room.session_mb * _MB:
            self._drop_oldest(self._session, new, f"its versions have more than max_session_mb={room.session_mb}")
        while database.total > room.total_mb * _MB:
            self._drop_oldest(None, new, f"all sessions have more than max_total_mb={room.total_mb}")

    def _drop_oldest(self, whose: str | None, new: list[str], why: str) -> None:
        """Of the checkpoints of one session, or of all (None), but for the new ones: nobody could have used those."""
        rows = self._database.execute(_OLDEST, whose, len(new) + 1).fetchall()
        spare = [row for row, session, name in rows if session != self._session or name not in new]
        if not spare:
            raise self._full(why)
        drop_version(self._database, spare[0])

    def _size_of_session(self) -> int:
        """Exact only where it matters: what versions share counts once."""
        (size,) = self._database.numbers(_SIZE_OF_VERSIONS, self._session)
        if size > self._room.session_mb * _MB:
            (size,) = self._database.numbers(_SIZE_OF_BLOBS, self._session)
        return size

    def _full(self, why: str) -> StoreError:
        return StoreError(
            f"session {self._session!r} does not fit into {self._database.name}: {why}. It stays at its previous version; "
            "hold less, restore or close what is not needed, or raise the limit"
        )


def drop_version(database: Database, version: int) -> None:
    """Remove a version, and the blobs that only it used."""
    blobs = database.numbers("SELECT blob FROM uses WHERE version = ?", version)
    database.execute("DELETE FROM versions WHERE version = ?", version)
    database.drop_unused(blobs)


def forget(database: Database, session: str) -> None:
    """Remove a session's versions, and itself."""
    for version in database.numbers("SELECT version FROM versions WHERE session = ?", session):
        drop_version(database, version)
    database.drop_head(session)


def load(database: Database, session: str, vault: Vault) -> Record | None:
    """A session, its files copied into the vault."""
    head = database.head(session)
    if head is None:
        database.require_all()  # before it is taken for a new one
        return None
    contents = {"": database.content(session, "", head.version)}
    contents |= {name: database.content(session, name) for name in head.checkpoints}
    current = contents[""]
    if current is None:
        raise StoreError(
            f"{database.name}: the last version of session {session!r} is gone: it was changed. Restore a copy"
        )
    there = {name: content for name, content in contents.items() if content is not None}
    places: dict[Label, str] = {}
    try:
        for label in labels_of(*there.values()):
            places[label] = blob = vault.new()
            with open(vault.open_new(blob), "wb") as file:
                database.copy_blob(label, file.fileno())
        versions = {name: unpack_version(content, places.__getitem__) for name, content in there.items()}
        for version in versions.values():
            vault.share(version)
        vault.labels.update({blob: label for label, blob in places.items()})
    finally:
        vault.drop_blobs(places.values())
    saved = versions.pop("")
    lost = tuple(name for name in head.checkpoints if name not in versions)
    return Record(
        version=head.version,
        saved=saved,
        checkpoints=versions,
        dropped=(*head.dropped, *lost),
        origin=head.origin,
        journal=journal_of(current),
    )


def sizes(database: Database) -> dict[str, int]:
    """Bytes of each session, what its versions share counted once."""
    rows = database.execute(
        "SELECT session, sum(size) FROM (SELECT DISTINCT v.session, b.blob, b.size FROM versions v "
        "JOIN uses u USING (version) JOIN blobs b ON b.blob = u.blob) GROUP BY session"
    )
    return dict(rows.fetchall())
