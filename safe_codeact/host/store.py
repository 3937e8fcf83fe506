"""Namespace snapshots: opaque bytes in files of a private folder, one file per version, never opened by name by a worker.

The host never looks inside. A version is immutable once it is kept: later versions are other files, so rolling back is
"keep the old name", a checkpoint or a fork is a second reference, and an idle session holds no descriptor.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

from safe_codeact.errors import StoreError


class MemoryStore:
    """Versions of all sessions of one runtime; gone with it. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700)
        self._lock = threading.Lock()
        self._references: dict[str, int] = {}
        self._made = 0

    def new(self) -> str:
        """Reserve a version; its file is made by `open_new`."""
        with self._lock:
            self._made += 1
            version = str(self._made)
            self._references[version] = 1
            return version

    def open_new(self, version: str) -> int:
        """A descriptor for writing a new version's bytes."""
        return os.open(self._folder / version, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def open(self, version: str) -> int:
        """A read-only descriptor. Raises `StoreError` when the version is gone."""
        try:
            return os.open(self._folder / version, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise StoreError(f"the session's state cannot be read: {error.strerror}. Its files were removed?") from None

    def size(self, version: str) -> int:
        """Bytes that the version's file holds."""
        return (self._folder / version).stat().st_size

    def share(self, version: str) -> str:
        """One more reference to a version."""
        with self._lock:
            self._references[version] += 1
        return version

    def drop(self, version: str) -> None:
        """One reference less; the last one removes the file."""
        with self._lock:
            self._references[version] -= 1
            if self._references[version]:
                return
            del self._references[version]
        (self._folder / version).unlink(missing_ok=True)
