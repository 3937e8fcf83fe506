"""How a session goes from one version to the next: in the store first, where there is one, and then here.

Killed before the store has a version, a session is resumed at the previous one; killed after, at that one. A store that
cannot keep a version raises, and then nothing has changed here either. Without a store nothing is copied or written: the
versions are references into the runtime's vault.
"""

from __future__ import annotations

import secrets
import sys
from dataclasses import replace

from safe_codeact.errors import StoreError
from safe_codeact.host.stores.store import Origin, Record, Room, Store
from safe_codeact.host.vault import Saved, Vault
from safe_codeact.policy.effective import Policy

_ROOM = Room()  # of a runtime without a store
_MB = 1024 * 1024


def origin_of(policy: Policy) -> Origin:
    """What a version that is made under this policy belongs to."""
    language = policy.language
    kind = "ungated" if language.interpreter == "compiled" and not language.restricted else language.interpreter
    return Origin(policy=policy.name, language=kind, python=f"{sys.version_info.major}.{sys.version_info.minor}")


class Lineage:
    """One session's present version and its checkpoints. Used by one thread at a time."""

    def __init__(self, session: str, vault: Vault, store: Store | None, origin: Origin) -> None:
        self._session = session
        self._vault = vault
        self._store = store
        self._record = Record(origin=origin)  # as the store has it; its references are ours

    @property
    def saved(self) -> Saved:
        """The present version."""
        return self._record.saved

    @property
    def journal(self) -> bytes:
        """Of an action that was begun on the present version and has not ended; b"": there is none."""
        return self._record.journal

    def note(self, journal: bytes) -> None:
        """Keep this journal with the present version. Raises `StoreError`; then the one before is kept."""
        if journal != self._record.journal:
            self._commit(self.saved, dict(self._record.checkpoints), journal)

    def resume(self) -> None:
        """Take up the session where the store has it, if it does. Raises `StoreError`; then no reference is left."""
        record = None if self._store is None else self._store.load(self._session, self._vault)
        if record is None:
            return
        try:
            self._require_kin(record.origin)
        except StoreError:
            self._drop(record)
            raise
        self._record = replace(record, origin=self._record.origin)

    def go_on_from(self, saved: Saved) -> None:
        """Make this the present version, with references of its own and no journal. Raises `StoreError`; then nothing has
        changed."""
        old = self.saved
        fresh = _without(saved, old)
        self._vault.share(fresh)
        try:
            self._commit(saved, dict(self._record.checkpoints))
        except BaseException:
            self._vault.drop(fresh)
            raise
        self._vault.drop(_without(old, saved))

    def checkpoint(self) -> str:
        """Remember the present version."""
        name = secrets.token_hex(8)
        shared = self._vault.share(self.saved)
        try:
            self._commit(self.saved, {**self._record.checkpoints, name: shared}, self.journal)
        except BaseException:
            self._vault.drop(shared)
            raise
        return name

    def at(self, checkpoint: str) -> Saved:
        """A checkpoint's version. Raises `StoreError` for an id that is not one of this session's."""
        saved = self._record.checkpoints.get(checkpoint)
        if saved is not None:
            return saved
        if checkpoint in self._record.dropped:
            raise StoreError(
                f"checkpoint {checkpoint!r} of session {self._session!r} was dropped: there was no room for it beside "
                "newer versions (max_session_mb, max_total_mb)"
            )
        raise StoreError(f"{checkpoint!r} is not a checkpoint of session {self._session!r}")

    def end(self, *, keep: bool) -> None:
        """Let go of every version; the store forgets the session, unless it is to keep it. Raises `StoreError`.

        What went on elsewhere since is not ours to forget.
        """
        if self._store is None and keep:
            raise StoreError(
                "close(keep=True) needs a store, and this runtime has none: Runtime(…, store=SQLiteStore(…))"
            )
        if self._store is not None and not keep:
            self._store.forget(self._session, self._record.version)
        self._drop(self._record)
        self._record = Record(origin=self._record.origin)

    def _commit(self, saved: Saved, checkpoints: dict[str, Saved], journal: bytes = b"") -> None:
        before = self._record
        record = Record(
            version=before.version,
            saved=saved,
            checkpoints=checkpoints,
            dropped=before.dropped,
            origin=before.origin,
            journal=journal,
        )
        if self._store is not None:
            record = self._store.commit(self._session, record, self._vault)
        elif checkpoints.keys() != before.checkpoints.keys():
            record = self._fitted(record)
        for name in checkpoints.keys() - record.checkpoints.keys():
            self._vault.drop(checkpoints[name])
        self._record = record

    def _fitted(self, record: Record) -> Record:
        """What a store does for its limits, where the vault is all there is: without the oldest checkpoints, if need be.

        Looked at when a checkpoint is made: nothing else makes versions pile up.
        """
        vault = self._vault
        *older, _new = record.checkpoints
        kept = dict(record.checkpoints)
        size, total = vault.total, vault.total
        if total > _ROOM.session_mb * _MB:
            size = self._size(record.saved, *kept.values())
        while size > _ROOM.session_mb * _MB or total > _ROOM.total_mb * _MB:
            if not older:
                raise StoreError(
                    f"a checkpoint of session {self._session!r} does not fit: its versions have {size:,} bytes, at most "
                    f"{_ROOM.session_mb} MiB are kept of one session and {_ROOM.total_mb} MiB of all"
                )
            del kept[older.pop(0)]
            before, size = size, self._size(record.saved, *kept.values())
            total -= before - size
        dropped = tuple(name for name in record.checkpoints if name not in kept)
        return replace(record, checkpoints=kept, dropped=(*record.dropped, *dropped))

    def _size(self, *versions: Saved) -> int:
        blobs = {blob for saved in versions for blob in saved.blobs()}
        return sum(map(self._vault.size, blobs))

    def _drop(self, record: Record) -> None:
        for version in (record.saved, *record.checkpoints.values()):
            self._vault.drop(version)

    def _require_kin(self, origin: Origin) -> None:
        """A version holds compiled functions: what one Python compiled crashes another, and what was compiled without the
        gate would run under a policy that has it."""
        ours = self._record.origin
        for what, theirs, expected in (
            ("Python", origin.python, ours.python),
            ("language", origin.language, ours.language),
        ):
            if theirs != expected:
                raise StoreError(
                    f"session {self._session!r} was kept under policy {origin.policy!r} with {what} {theirs!r}, and policy "
                    f"{ours.policy!r} has {expected!r} here: its functions cannot go on. Resume it where that is the same, or "
                    "take another session id"
                )


def _without(saved: Saved, other: Saved) -> Saved:
    """What is not the very same in another version: most turns change no file, and there may be thousands."""
    return Saved(
        () if saved.names is other.names else saved.names,
        () if saved.files is other.files else saved.files,
    )
