"""A session that is kept in a folder: its database, and beside it the key that seals it.

Whoever can read the folder has both, so the seal adds nothing there but to notice damage: the folder is its owner's alone.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path

from safe_codeact import SQLiteStore
from safe_codeact.cli.sources import UnusableInput

SESSION = "session"  # a folder holds one
_DATABASE = "state.db"
_KEY = "key"
_KEY_BYTES = 32


def open_store(folder: Path) -> SQLiteStore:
    """The folder's store; both are made where they are missing. Raises `UnusableInput` and `StoreError`."""
    try:
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        about = folder.stat()
        if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid() or about.st_mode & 0o077:
            raise UnusableInput(f"--state {folder}: expected a folder that is this user's alone: mkdir -m 700")
        key = _key(folder)
    except OSError as error:
        raise UnusableInput(f"--state {folder}: cannot be used: {error.strerror or error}.") from None
    return SQLiteStore(folder / _DATABASE, key=key)


def _key(folder: Path) -> bytes:
    path = folder / _KEY
    if not path.exists():
        if (folder / _DATABASE).exists():
            raise UnusableInput(
                f"--state {folder}: {_DATABASE} is there without its {_KEY}, and cannot be read. Restore {_KEY}, or name "
                "another folder."
            )
        _make_key(path)
    key = path.read_bytes()
    if len(key) != _KEY_BYTES:
        raise UnusableInput(f"--state {folder}: {_KEY} has {len(key)} bytes, {_KEY_BYTES} were made. Restore it.")
    return key


def _make_key(path: Path) -> None:
    """Complete or not there at all; of two commands at once, one makes it."""
    fresh = path.with_name(f".{_KEY}-{secrets.token_hex(8)}")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(secrets.token_bytes(_KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    with contextlib.suppress(FileExistsError):
        os.link(fresh, path)
    fresh.unlink()
