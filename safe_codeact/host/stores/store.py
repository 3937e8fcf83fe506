"""What a runtime asks of a store: versions of sessions, each complete or not there at all.

A store deals in whole versions, and never in values: a version is a list of the vault's files, which nobody here looks
into. It has its own numbers for them, since a vault's are private to a runtime; what it knows a file of a vault by is
written on that file's label (`Vault.labels`), so that each file is read and sealed once, however many versions it is in.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import field
from typing import Protocol, runtime_checkable

from safe_codeact.frozen import dataclass
from safe_codeact.host.vault import Saved, Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How much may be kept, in MiB: of one session with its checkpoints, and in total. What versions share counts once."""

    session_mb: int = 4096
    total_mb: int = 16384


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Under what a version was made: it may hold compiled functions, which belong to one Python and one language."""

    policy: str = ""
    language: str = ""  # "compiled" (by the gate), "ungated" or "expression"
    python: str = ""  # major.minor


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A session as it is stored. `version` counts its commits; 0: it was never stored."""

    version: int = 0
    saved: Saved = field(default_factory=Saved)
    checkpoints: Mapping[str, Saved] = field(default_factory=dict)  # oldest first
    dropped: tuple[str, ...] = ()  # checkpoints that made room for others, as far back as is remembered
    origin: Origin = field(default_factory=Origin)
    journal: bytes = b""  # of an action that was begun on `saved` and has not ended; nothing that a store looks into


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSession:
    """One line of `Store.sessions()`. `size_bytes` counts what its versions share once."""

    id: str
    size_bytes: int
    checkpoints: int
    committed: datetime.datetime
    policy: str


@runtime_checkable
class Store(Protocol):
    """Keeps sessions for runtimes that come and go. Thread-safe; every method raises `StoreError`, and then changed nothing."""

    def load(self, session_id: str, vault: Vault) -> Record | None:
        """The last version that was committed, its files copied into the vault, which counts one reference for each
        mention of them; None where there is no such session. Nothing that fails its check stays in the vault."""

    def commit(self, session_id: str, record: Record, vault: Vault) -> Record:
        """Make this the session's last version, and give it back as it is stored: with its new number, without
        checkpoints that were dropped for room. Refused where `record.version` is not the stored one: the session went on
        elsewhere. When this returns, the version outlives the process; until then, the previous one does."""

    def forget(self, session_id: str, version: int | None = None) -> None:
        """Remove a session and its checkpoints; with `version`, only where it is still at that version."""

    def sessions(self) -> list[StoredSession]:
        """What is stored, sorted by id."""

    def close(self) -> None:
        """Let go of files and memory. Idempotent."""
