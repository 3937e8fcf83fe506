"""The immutable files that a runtime's sessions are made of: parts of their names, and files of their workspaces.

Each file is written once, by one worker or the host, and never again: versions share what did not change, going back is
"keep the old references", and an idle session holds no descriptor. The host never looks inside.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterable
from pathlib import Path

from safe_codeact.errors import StoreError
from safe_codeact.frozen import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One name in a saved workspace: a folder (no blob, no target), a file (`blob`), or a symbolic link (`target`)."""

    path: str  # as the system spells it (PEP 383 for bytes that are no UTF-8)
    blob: str = ""
    target: str = ""
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Saved:
    """One version of a session: its names' segments, oldest first, and its files. Every blob counts as a reference."""

    names: tuple[str, ...] = ()
    files: tuple[Kept, ...] = ()

    def blobs(self) -> Iterable[str]:
        """The vault's files that this version is made of."""
        yield from self.names
        yield from (kept.blob for kept in self.files if kept.blob)


class Vault:
    """Files of one private folder, counted by reference; gone with the runtime. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700)
        self._lock = threading.Lock()
        self._references: dict[str, int] = {}
        self.labels: dict[str, object] = {}  # what the runtime's store knows a blob by, for as long as the blob lives
        self.total = 0  # bytes of the blobs that versions are made of
        self._sizes: dict[str, int] = {}
        self._made = 0

    def new(self) -> str:
        """Reserve a blob with one reference; its file is made by `open_new`, or by linking one to `path`."""
        with self._lock:
            self._made += 1
            blob = str(self._made)
            self._references[blob] = 1
            return blob

    def path(self, blob: str) -> Path:
        """Where a blob's file is."""
        return self._folder / blob

    def open_new(self, blob: str) -> int:
        """A descriptor for writing a new blob's bytes."""
        return os.open(self._folder / blob, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def open(self, blob: str) -> int:
        """A read-only descriptor. Raises `StoreError` when the blob is gone."""
        try:
            return os.open(self._folder / blob, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise StoreError(f"the session's state cannot be read: {error.strerror}. Its files were removed?") from None

    def size(self, blob: str) -> int:
        """Bytes that the blob's file holds."""
        return (self._folder / blob).stat().st_size

    def share(self, saved: Saved) -> Saved:
        """One more reference to everything in a version."""
        with self._lock:
            for blob in saved.blobs():
                self._references[blob] += 1
                if blob not in self._sizes:  # part of a version now: it changes no more
                    with contextlib.suppress(OSError):  # the runtime is being closed
                        self._sizes[blob] = self.size(blob)
                        self.total += self._sizes[blob]
        return saved

    def drop(self, saved: Saved) -> None:
        """One reference less to everything in a version; the last one removes the file."""
        self.drop_blobs(saved.blobs())

    def drop_blobs(self, blobs: Iterable[str]) -> None:
        """One reference less to each."""
        for blob in blobs:
            with self._lock:
                self._references[blob] -= 1
                if self._references[blob]:
                    continue
                del self._references[blob]
                self.labels.pop(blob, None)
                self.total -= self._sizes.pop(blob, 0)
            (self._folder / blob).unlink(missing_ok=True)
