"""A durable store, changed by somebody who may write its file and has no key: `StoreError`, or what was stored.

An example is a few steps of that somebody: rows set, copied over each other, exchanged or removed, bytes turned, the file
cut. Rows of two sessions lie in one database, so that there is something of another's to be given.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from safe_codeact import SQLiteStore, StoreError
from safe_codeact.fuzzing import Course, Escape, Run, Setting, Target
from safe_codeact.host.stores.store import Record
from safe_codeact.host.vault import Kept, Saved, Vault

_KEY: Final = bytes(range(32))
_COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "catalogue": ("database", "total", "entries", "seal"),
    "sessions": ("session", "head", "seal"),
    "versions": ("version", "session", "checkpoint", "number", "size", "content", "seal"),
    "uses": ("version", "blob"),
    "blobs": ("blob", "size", "seal"),
    "chunks": ("blob", "position", "data"),
}
_places = st.sampled_from([(table, column) for table, columns in _COLUMNS.items() for column in columns])
_values = st.sampled_from(
    [
        "0",
        "1",
        "2",
        "-1",
        "NULL",
        "'alice'",
        "'bob'",
        "''",
        "'m'",
        "x'00'",
        "zeroblob(32)",
        "zeroblob(100)",
        "9223372036854775807",
    ]
) | st.binary(min_size=1, max_size=32).map(lambda data: f"x'{data.hex()}'")


@st.composite
def _changes(draw: DrawFn) -> list[list[Any]]:
    """Steps of an attacker who may write the file: rows set, exchanged, copied over each other or removed; bytes turned."""
    made = []
    for kind in draw(
        st.lists(st.sampled_from(["set", "copy", "copy", "exchange", "delete", "byte", "cut"]), min_size=1, max_size=3)
    ):
        table, column = draw(_places)
        rows = [draw(st.integers(0, 5)), draw(st.integers(0, 5))]
        more = draw(_values) if kind == "set" else draw(st.integers(0, 255))
        made.append([kind, table, column, *rows, more, draw(st.integers(0, 9_999))])
    return made


class _Sealed:
    """One database of two sessions, copied for each example."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._vaults = 0
        self._stored: dict[str, list[Any]] = {}
        vault = self._vault()
        with SQLiteStore(folder / "whole.db", key=_KEY) as store:
            for session in ("alice", "bob"):
                record = Record()
                for turn in range(3):
                    saved = Saved(
                        (_blob(vault, f"{session} {turn}".encode() * 9),),
                        (Kept(path="f.txt", blob=_blob(vault, f"file {session} {turn}".encode())),),
                    )
                    marks = {**record.checkpoints, **({"m": saved} if turn == 1 else {})}
                    record = store.commit(
                        session, Record(version=record.version, saved=saved, checkpoints=marks), vault
                    )
                self._stored[session] = _content(vault, record)

    def run(self, changes: list[list[Any]]) -> Course:
        """Raises `Escape`."""
        file = self._folder / "changed.db"
        for suffix in ("", "-wal", "-shm", "-journal"):
            Path(f"{file}{suffix}").unlink(missing_ok=True)
        shutil.copyfile(self._folder / "whole.db", file)
        file.chmod(0o600)
        for change in changes:
            _change(file, *change)
        believed = 0
        for session, stored in self._stored.items():
            loaded = self._loaded(file, session)
            # A checkpoint may have made room for another session's: that one is gone says nothing.
            if loaded is not None and (loaded[:2] != stored[:2] or any(each not in stored for each in loaded)):
                raise Escape("a row was believed that nobody with the key wrote", f"{session}: {loaded!r:.200}")
            believed += loaded is not None
        return Course(alive=believed < len(self._stored), classes=("forgery",))

    def _loaded(self, file: Path, session: str) -> list[Any] | None:
        vault = self._vault()
        try:
            with SQLiteStore(file, key=_KEY) as store:
                record = store.load(session, vault)
                if record is None:
                    raise Escape("a stored session is said not to be there", session)
                return _content(vault, record)
        except StoreError:
            return None
        except Escape:
            raise
        except Exception as error:
            raise Escape(
                "a changed store raised something else than StoreError", f"{type(error).__name__}: {error}"
            ) from error
        finally:
            shutil.rmtree(vault._folder)

    def _vault(self) -> Vault:
        self._vaults += 1
        return Vault(self._folder / f"vault-{self._vaults}")


def _blob(vault: Vault, data: bytes) -> str:
    blob = vault.new()
    with open(vault.open_new(blob), "wb") as file:
        file.write(data)
    return blob


def _content(vault: Vault, record: Record) -> list[Any]:
    versions = {"": record.saved, **record.checkpoints}
    return [
        record.version,
        *(
            [
                name,
                [vault.path(blob).read_bytes() for blob in saved.names],
                [(kept.path, vault.path(kept.blob).read_bytes()) for kept in saved.files],
            ]
            for name, saved in sorted(versions.items())
        ),
    ]


_VALUE: Final = "(SELECT {column} FROM {table} LIMIT 1 OFFSET {row})"
_STATEMENTS: Final[dict[str, str]] = {
    "set": "UPDATE {table} SET {column} = {value} WHERE {at} = {row}",
    "copy": "UPDATE {table} SET {column} = {other} WHERE {at} = {row}",
    "exchange": "UPDATE {table} SET {column} = CASE {column} WHEN {one} THEN {other} WHEN {other} THEN {one} ELSE {column} END",
    "delete": "DELETE FROM {table} WHERE {at} = {row}",
}


def _change(file: Path, kind: str, table: str, column: str, one: int, other: int, value: Any, where: int) -> None:
    if kind in ("byte", "cut"):
        data = bytearray(file.read_bytes())
        if data:
            at = len(data) * where // 10_000
            data[at:] = data[at + 1 :] if kind == "cut" and where % 2 else bytes([value]) + data[at + 1 :]
        file.write_bytes(data)
        return
    names = {"table": table, "column": column, "at": "rowid" if table not in ("sessions", "uses") else column}
    one_of, other_of = (_VALUE.format(**names, row=row) for row in (one, other))
    row_of = _VALUE.format(table=table, column=names["at"], row=one)
    statement = _STATEMENTS[kind].format(**names, value=value, one=one_of, other=other_of, row=row_of)
    with (
        contextlib.closing(sqlite3.connect(file)) as connection,
        contextlib.suppress(sqlite3.Error, UnicodeDecodeError),
    ):
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute(statement)
        connection.commit()


@contextlib.contextmanager
def _open_sealed(_setting: Setting) -> Iterator[Run]:
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:  # noqa: S108
        yield _Sealed(Path(folder)).run


STORE: Final = Target(
    name="store",
    layer="state",
    classes=("forgery",),
    claim="whoever writes a store's file without its key gives a session an error, or what was stored",
    examples=lambda _setting: _changes(),
    open=_open_sealed,
)
