"""Stores: the same claims for both, and what only the one on disk must withstand."""

from __future__ import annotations

import os
import random
import secrets
import sqlite3
import stat
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from safe_codeact import MemoryStore, SQLiteStore, StoreError
from safe_codeact.host.stores import database as databases
from safe_codeact.host.stores.store import Record, Store
from safe_codeact.host.vault import Kept, Saved, Vault

KEY = bytes(range(32))
MB = 1024 * 1024


class Side:
    """One runtime's view of a store: a vault, and versions by their contents."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store = store
        self.vault = Vault(folder / f"vault-{secrets.token_hex(4)}")

    def blob(self, data: bytes) -> str:
        blob = self.vault.new()
        with open(self.vault.open_new(blob), "wb") as file:
            file.write(data)
        return blob

    def saved(self, *names: bytes, **files: bytes) -> Saved:
        return Saved(tuple(map(self.blob, names)), tuple(Kept(path=p, blob=self.blob(d)) for p, d in files.items()))

    def commit(self, session: str, record: Record) -> Record:
        return self.store.commit(session, record, self.vault)

    def load(self, session: str) -> Record | None:
        return self.store.load(session, self.vault)

    def contents(self, saved: Saved) -> tuple[list[bytes], dict[str, bytes | None]]:
        def data(blob: str) -> bytes:
            return self.vault.path(blob).read_bytes()

        return [*map(data, saved.names)], {kept.path: data(kept.blob) if kept.blob else None for kept in saved.files}

    def held(self) -> int:
        assert len(self.vault._references) == len(list(self.vault._folder.iterdir()))
        return len(self.vault._references)


@pytest.fixture(params=["memory", "sqlite"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    made: list[Any] = []

    def maker(**limits: int) -> Any:
        store = (
            MemoryStore(**limits) if request.param == "memory" else SQLiteStore(tmp_path / "s.db", key=KEY, **limits)
        )
        made.append(store)
        return store

    yield maker
    for store in made:
        store.close()


def _rows(store: Any) -> dict[str, int]:
    tables = ("sessions", "versions", "uses", "blobs", "chunks")
    return {
        table: store._database._connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables
    }


# ---- both


def test_what_one_runtime_committed_another_loads(make: Callable[..., Any], tmp_path: Path) -> None:
    store = make()
    one, other = Side(store, tmp_path), Side(store, tmp_path)
    big = os.urandom(3 * MB + 1)
    files = (Kept(path="a"), Kept(path="a/b", blob=one.blob(b"deep"), executable=True), Kept(path="l", target="/etc"))
    mark = one.saved(b"older", big)
    assert store.load("s", other.vault) is None
    stored = one.commit("s", Record(saved=Saved((one.blob(b""), mark.names[1]), files), checkpoints={"m": mark}))
    assert stored.version == 1
    loaded = other.load("s")
    assert loaded is not None
    assert (loaded.version, loaded.dropped, loaded.origin) == (1, (), Record().origin)
    assert other.contents(loaded.saved) == ([b"", big], {"a": None, "a/b": b"deep", "l": None})
    assert [(kept.path, kept.target, kept.executable) for kept in loaded.saved.files] == [
        ("a", "", False), ("a/b", "", True), ("l", "/etc", False),
    ]  # fmt: skip
    assert other.contents(loaded.checkpoints["m"]) == ([b"older", big], {})
    assert loaded.saved.names[1] == loaded.checkpoints["m"].names[1]  # shared there, shared here
    other.vault.drop(loaded.saved)
    other.vault.drop(loaded.checkpoints["m"])
    assert other.held() == 0


def test_a_blob_is_stored_once_however_many_versions_and_forks_have_it(
    make: Callable[..., Any], tmp_path: Path
) -> None:
    store = make()
    side = Side(store, tmp_path)
    same = side.saved(b"same", f=b"file")
    record = side.commit("s", Record(saved=same, checkpoints={"a": same, "b": same}))
    side.commit("fork", Record(saved=same))
    assert _rows(store)["blobs"] == 2
    resumed = Side(store, tmp_path)
    loaded = resumed.load("s")
    assert loaded is not None
    resumed.commit("s", replace(loaded, saved=Saved((*loaded.saved.names, resumed.blob(b"new")))))
    assert _rows(store)["blobs"] == 3
    store.forget("s", record.version + 1)
    assert _rows(store) == {"sessions": 1, "versions": 1, "uses": 2, "blobs": 2, "chunks": 2}
    store.forget("fork")
    assert set(_rows(store).values()) == {0}
    assert store._database.row("SELECT total FROM catalogue") == (0,)


def test_a_turn_leaves_nothing_of_what_it_replaced(make: Callable[..., Any], tmp_path: Path) -> None:
    store = make()
    side = Side(store, tmp_path)
    record = Record()
    for turn in range(5):
        record = side.commit("s", replace(record, saved=side.saved(b"%d" % turn)))
    assert _rows(store) == {"sessions": 1, "versions": 1, "uses": 1, "blobs": 1, "chunks": 1}
    assert record.version == 5


def test_two_runtimes_of_one_session_cannot_overwrite_each_other(make: Callable[..., Any], tmp_path: Path) -> None:
    store = make()
    one, other = Side(store, tmp_path), Side(store, tmp_path)
    one.commit("s", Record(saved=one.saved(b"1")))
    mine, theirs = one.load("s"), other.load("s")
    assert mine is not None
    assert theirs is not None
    other.commit("s", replace(theirs, saved=other.saved(b"theirs")))
    with pytest.raises(StoreError, match=r"^session 's' went on elsewhere: this one goes on from version 1, and "):
        one.commit("s", replace(mine, saved=one.saved(b"mine")))
    with pytest.raises(StoreError, match="went on elsewhere"):
        one.commit("s", Record(saved=one.saved(b"new")))
    store.forget("s", 1)  # what one of them closes is not what the other goes on with
    again = one.load("s")
    assert again is not None
    assert one.contents(again.saved) == ([b"theirs"], {})


def test_sessions_says_what_is_stored(make: Callable[..., Any], tmp_path: Path) -> None:
    store = make()
    side = Side(store, tmp_path)
    assert store.sessions() == []
    same = side.saved(b"x" * 10)
    side.commit("b", Record(saved=same, checkpoints={"m": same}))
    side.commit("a", Record(saved=side.saved(b"y" * 20)))
    assert [(each.id, each.size_bytes, each.checkpoints) for each in store.sessions()] == [("a", 20, 0), ("b", 10, 1)]


def test_the_oldest_checkpoints_of_a_session_go_first(make: Callable[..., Any], tmp_path: Path) -> None:
    store = make(max_session_mb=4)
    side = Side(store, tmp_path)
    record = Record()
    for turn in range(6):
        saved = side.saved(bytes([turn]) * MB)
        record = side.commit("s", replace(record, saved=saved))
        record = side.commit("s", replace(record, checkpoints={**record.checkpoints, f"m{turn}": saved}))
    assert list(record.checkpoints) == ["m2", "m3", "m4", "m5"]
    assert record.dropped == ("m0", "m1")
    loaded = Side(store, tmp_path).load("s")
    assert loaded is not None
    assert (list(loaded.checkpoints), loaded.dropped) == (["m2", "m3", "m4", "m5"], ("m0", "m1"))


def test_the_oldest_checkpoints_of_all_sessions_go_for_the_total(make: Callable[..., Any], tmp_path: Path) -> None:
    store = make(max_session_mb=3, max_total_mb=4)
    side = Side(store, tmp_path)
    marks = side.saved(b"1" * MB), side.saved(b"2" * MB)
    first = side.commit("first", Record(saved=side.saved(b"small"), checkpoints={"old": marks[0], "newer": marks[1]}))
    side.commit("second", Record(saved=side.saved(b"3" * MB, b"4" * MB)))
    first = side.commit("first", first)
    assert (list(first.checkpoints), first.dropped) == (["newer"], ("old",))
    with pytest.raises(StoreError, match="all sessions have more than max_total_mb=4"):
        side.commit("third", Record(saved=side.saved(b"5" * (2 * MB))))
    loaded = side.load("first")
    assert loaded is not None
    assert list(loaded.checkpoints) == ["newer"]  # nothing went for what did not fit after all


def test_what_does_not_fit_leaves_the_session_on_its_previous_version(make: Callable[..., Any], tmp_path: Path) -> None:
    store = make(max_session_mb=2)
    side = Side(store, tmp_path)
    mark = side.saved(b"m" * MB)
    record = side.commit("s", Record(saved=side.saved(b"before"), checkpoints={"m": mark}))
    with pytest.raises(StoreError) as said:
        side.commit("s", replace(record, saved=side.saved(b"x" * (2 * MB + 1))))
    assert str(said.value).startswith("session 's' does not fit into ")
    assert "its state alone has 2,097,153 bytes, max_session_mb is 2. It stays at its previous version" in str(
        said.value
    )
    new = side.saved(b"y" * MB, b"z" * (MB // 2))
    with pytest.raises(StoreError, match="its versions have more than max_session_mb=2"):
        side.commit("s", replace(record, saved=side.saved(b"w" * MB), checkpoints={"m": mark, "new": new}))
    loaded = side.load("s")
    assert loaded is not None
    assert (side.contents(loaded.saved), list(loaded.checkpoints)) == (([b"before"], {}), ["m"])
    side.commit("s", replace(record, saved=side.saved(b"after")))


def test_a_checkpoint_that_was_dropped_for_another_session_is_stored_again_when_it_is_gone_back_to(
    make: Callable[..., Any], tmp_path: Path
) -> None:
    store = make(max_session_mb=4, max_total_mb=4)
    side = Side(store, tmp_path)
    mark = side.saved(b"1" * (2 * MB))
    record = side.commit("first", Record(saved=side.saved(b"small"), checkpoints={"m": mark}))
    other = side.commit("second", Record(saved=side.saved(b"3" * (3 * MB))))
    store.forget("second", other.version)
    side.commit("first", replace(record, saved=mark))
    loaded = Side(store, tmp_path)
    again = loaded.load("first")
    assert again is not None
    assert loaded.contents(again.saved) == ([b"1" * (2 * MB)], {})


@pytest.mark.parametrize(
    "path", ["../x", "/etc/x", "a/../../x", "a//b", "./a", "f/below", "unknown/x", "a\0b", "", "f"]
)
def test_a_path_that_is_no_file_of_a_workspace_is_refused_whoever_sealed_it(
    make: Callable[..., Any], tmp_path: Path, path: str
) -> None:
    side = Side(make(), tmp_path)
    file = Kept(path="f", blob=side.blob(b"x"))
    side.commit("s", Record(saved=Saved((), (file, Kept(path=path, blob=side.blob(b"y"))))))
    other = Side(side.store, tmp_path)
    with pytest.raises(StoreError, match=r"^a stored workspace cannot be made: "):
        other.load("s")
    assert other.held() == 0


def test_odd_names_come_back_as_they_were(make: Callable[..., Any], tmp_path: Path) -> None:
    side = Side(make(), tmp_path)
    names = ["\udcff\udc80", "ä 名", "a\nb", "x" * 255, "-rf", " "]
    side.commit("s", Record(saved=Saved((), tuple(Kept(path=name, blob=side.blob(b"x")) for name in names))))
    loaded = Side(side.store, tmp_path).load("s")
    assert loaded is not None
    assert [kept.path for kept in loaded.saved.files] == names


def test_threads_commit_side_by_side(make: Callable[..., Any], tmp_path: Path) -> None:
    store = make()
    side = Side(store, tmp_path)
    failed: list[Exception] = []

    def work(name: str) -> None:
        record = Record()
        try:
            for turn in range(20):
                record = side.commit(name, replace(record, saved=side.saved(f"{name}{turn}".encode())))
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(f"s{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    for number in range(4):
        loaded = side.load(f"s{number}")
        assert loaded is not None
        assert side.contents(loaded.saved) == ([f"s{number}19".encode()], {})


def test_a_closed_store_says_so(make: Callable[..., Any], tmp_path: Path) -> None:
    store = make()
    side = Side(store, tmp_path)
    store.close()
    store.close()
    for attempt in (
        lambda: side.load("s"),
        lambda: side.commit("s", Record()),
        lambda: store.forget("s"),
        store.sessions,
    ):
        with pytest.raises(StoreError, match=r" is closed$"):
            attempt()


def test_limits_are_never_unlimited(make: Callable[..., Any]) -> None:
    for limits in ({"max_session_mb": 0}, {"max_total_mb": 0}):
        with pytest.raises(ValueError, match=r"=0 must be at least 1\. There is no value for 'unlimited'\."):
            make(**limits)


# ---- on disk


@pytest.fixture
def side(tmp_path: Path) -> Iterator[Side]:
    with SQLiteStore(tmp_path / "s.db", key=KEY) as store:
        yield Side(store, tmp_path)


def _change(path: Path, *statements: str) -> None:
    """What somebody can do who may write the file."""
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


def _filled(path: Path) -> dict[str, Any]:
    """Two sessions with checkpoints, and what a reader must see of each."""
    seen = {}
    with SQLiteStore(path / "s.db", key=KEY) as store:
        side = Side(store, path)
        for name in ("alice", "bob"):
            record = Record()
            for turn in range(3):
                saved = side.saved(f"{name}{turn}".encode() * 50, f=f"{name}'s file {turn}".encode() * 400)
                record = side.commit(
                    name, replace(record, saved=saved, checkpoints={**record.checkpoints, f"m{turn}": saved})
                )
            seen[name] = _seen(side, record)
    return seen


def _seen(side: Side, record: Record) -> Any:
    marks = {name: side.contents(saved) for name, saved in record.checkpoints.items()}
    return record.version, side.contents(record.saved), marks


def _read(path: Path, name: str, session: str, key: bytes = KEY) -> Any:
    with SQLiteStore(path / name, key=key) as store:
        side = Side(store, path)
        record = side.load(session)
        return None if record is None else _seen(side, record)


ROWS_THAT_LIE = {
    "a blob's bytes": ("UPDATE chunks SET data = zeroblob(length(data))",),
    "two blobs' bytes in each other's place": (
        "UPDATE chunks SET data = (SELECT data FROM chunks c WHERE length(c.data) = length(chunks.data) AND c.blob <> chunks.blob)",
    ),
    "another session's blob": (
        "UPDATE chunks SET data = (SELECT data FROM chunks c JOIN uses u ON c.blob = u.blob JOIN versions v USING (version) "
        "WHERE v.session = 'bob') WHERE blob IN (SELECT blob FROM uses JOIN versions USING (version) WHERE session = 'alice')",
    ),
    "another session's blob under its own number": (
        "UPDATE blobs SET blob = -blob WHERE blob IN (SELECT blob FROM uses JOIN versions USING (version) WHERE session = 'alice')",
        "UPDATE chunks SET blob = -blob WHERE blob IN (SELECT blob FROM uses JOIN versions USING (version) WHERE session = 'alice')",
        "INSERT INTO chunks SELECT (SELECT min(-blob) FROM blobs WHERE blob < 0), position, data FROM chunks WHERE blob > 0 LIMIT 1",
        "INSERT INTO blobs SELECT (SELECT min(-blob) FROM blobs WHERE blob < 0), size, seal FROM blobs WHERE blob > 0 LIMIT 1",
    ),
    "a blob without bytes": ("DELETE FROM chunks",),
    "a blob that is not there": ("DELETE FROM chunks", "DELETE FROM uses", "DELETE FROM blobs"),
    "a blob that goes on": ("INSERT INTO chunks SELECT blob, 1048576, zeroblob(1000000) FROM blobs",),
    "text for bytes": ("UPDATE chunks SET data = 'text'",),
    "a number for bytes": ("UPDATE versions SET content = 7",),
    "nothing for bytes": ("UPDATE versions SET content = NULL",),
    "text for a seal": ("UPDATE versions SET seal = 'x'",),
    "another session's version": (
        "UPDATE versions SET session = CASE session WHEN 'alice' THEN 'b' ELSE 'a' END",
        "UPDATE versions SET session = CASE session WHEN 'b' THEN 'bob' ELSE 'alice' END",
    ),
    "a checkpoint as the current version": (
        "DELETE FROM versions WHERE checkpoint = ''", "UPDATE versions SET checkpoint = '', number = 3 WHERE checkpoint = 'm0'",
    ),
    "a checkpoint as another one": (
        "DELETE FROM versions WHERE checkpoint = 'm1'", "UPDATE versions SET checkpoint = 'm1' WHERE checkpoint = 'm0'",
    ),
    "a content of another version": (
        "UPDATE versions SET content = (SELECT content FROM versions v WHERE v.session = versions.session AND checkpoint = 'm0')",
    ),
    "no current version": ("DELETE FROM versions WHERE checkpoint = ''",),
    "the head of another session": (
        "UPDATE sessions SET head = (SELECT head FROM sessions s WHERE s.session <> sessions.session), "
        "seal = (SELECT seal FROM sessions s WHERE s.session <> sessions.session)",
    ),
    "a head with another version": ("UPDATE sessions SET head = replace(head, '\"version\":3', '\"version\":2')",),
    "a session under another name": ("UPDATE sessions SET session = session || 'x'",),
    "no sessions": ("DELETE FROM sessions",),
    "no catalogue": ("DELETE FROM catalogue",),
    "another catalogue": ("UPDATE catalogue SET entries = zeroblob(32)",),
    "a total that is no number": ("UPDATE catalogue SET total = 'much'",),
    "a catalogue of another database": ("UPDATE catalogue SET database = zeroblob(16)",),
    "a value that does not fit into memory": (
        "UPDATE chunks SET data = zeroblob(70000000) WHERE blob = "
        "(SELECT blob FROM uses JOIN versions USING (version) WHERE session = 'alice' AND checkpoint = '')",
    ),
    "a head that does not fit into memory": ("UPDATE sessions SET head = zeroblob(70000000) WHERE session = 'alice'",),
    "a trigger": ("CREATE TRIGGER t AFTER INSERT ON blobs BEGIN DELETE FROM chunks; END",),
    "a view in a table's place": ("ALTER TABLE chunks RENAME TO c", "CREATE VIEW chunks AS SELECT * FROM c"),
    "a schema that is no text": (
        "PRAGMA writable_schema = ON", "UPDATE sqlite_schema SET sql = CAST(x'63D4D4' AS TEXT) WHERE name = 'chunks'",
    ),
    "another table": ("CREATE TABLE other (x)",),
    "another index": ("CREATE INDEX i ON blobs (size)",),
    "another version of the tables": ("PRAGMA user_version = 2",),
    "another program's mark": ("PRAGMA application_id = 1",),
}  # fmt: skip


@pytest.mark.parametrize("lie", ROWS_THAT_LIE)
def test_whoever_has_no_key_makes_no_row_that_is_believed(tmp_path: Path, lie: str) -> None:
    seen = _filled(tmp_path)
    _change(tmp_path / "s.db", "PRAGMA foreign_keys = OFF", *ROWS_THAT_LIE[lie])
    with pytest.raises(StoreError, match=r"changed|damaged|a value larger than any|is gone"):
        _read(tmp_path, "s.db", "alice")
    try:
        assert _read(tmp_path, "s.db", "bob") == seen["bob"]
    except StoreError:
        return


def test_nothing_of_a_blob_that_fails_its_check_stays_in_the_vault(side: Side, tmp_path: Path) -> None:
    side.commit("s", Record(saved=side.saved(b"good", b"bad" * 1000)))
    _change(tmp_path / "s.db", "UPDATE chunks SET data = zeroblob(3000) WHERE length(data) = 3000")
    other = Side(side.store, tmp_path)
    with pytest.raises(StoreError, match="a part of it is not what was stored"):
        other.load("s")
    assert other.held() == 0
    assert other.vault.labels == {}


def test_a_row_of_another_database_with_the_same_key_is_not_believed(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir(mode=0o700)
        _filled(tmp_path / name)
    tables = ("sessions", "versions", "uses", "blobs", "chunks")
    _change(
        tmp_path / "one" / "s.db",
        f"ATTACH '{tmp_path}/two/s.db' AS two",
        *(f"DELETE FROM {table}" for table in tables),
        *(f"INSERT INTO {table} SELECT * FROM two.{table}" for table in tables),
    )
    with pytest.raises(StoreError, match="'alice' is not what was stored"):
        _read(tmp_path / "one", "s.db", "alice")


def test_bytes_turned_at_random_never_become_another_content(tmp_path: Path) -> None:
    """An error, or what was stored: also for the head of the file, the pages' own books, and the names of sessions."""
    seen = _filled(tmp_path)
    whole = (tmp_path / "s.db").read_bytes()
    chance = random.Random(5)
    errors = 0
    for _ in range(250):
        data = bytearray(whole)
        for _ in range(chance.choice((1, 1, 1, 4))):
            place = chance.choice((chance.randrange(100), chance.randrange(len(data)), chance.randrange(len(data))))
            data[place] ^= 1 << chance.randrange(8) if chance.random() < 0.5 else chance.randrange(1, 256)
        _as_file(tmp_path, bytes(data))
        for session, expected in seen.items():
            try:
                got = _read(tmp_path, "turned.db", session)
            except StoreError:
                errors += 1
            else:
                version, current, marks = expected
                assert got[:2] == (version, current)
                assert got[2].items() <= marks.items()  # a checkpoint may be missing: then it counts as dropped
    assert 100 < errors < 450


def test_a_file_that_was_cut_short_is_an_error(tmp_path: Path) -> None:
    seen = _filled(tmp_path)
    whole = (tmp_path / "s.db").read_bytes()
    for size in [1, 50, 99, 100, 4095, *range(4096, len(whole), 4096)]:
        _as_file(tmp_path, whole[:size])
        for session, expected in seen.items():
            try:
                assert _read(tmp_path, "turned.db", session) == expected
            except StoreError:
                continue


def _as_file(folder: Path, data: bytes) -> None:
    for name in ("turned.db", "turned.db-wal", "turned.db-shm"):
        (folder / name).unlink(missing_ok=True)
    (folder / "turned.db").write_bytes(data)
    (folder / "turned.db").chmod(0o600)


def test_another_key_opens_nothing(tmp_path: Path) -> None:
    _filled(tmp_path)
    with pytest.raises(StoreError) as said:
        _read(tmp_path, "s.db", "alice", key=bytes(32))
    assert str(said.value) == (
        f"{tmp_path}/s.db was sealed with another key, changed by somebody without the key, or damaged. Give the key that it "
        "was made with, or restore a copy"
    )


@pytest.mark.parametrize(
    ("key", "given"), [(b"", "0 bytes"), (b"k" * 31, "31 bytes"), ("k" * 32, "str"), (None, "NoneType")]
)
def test_a_key_that_is_none_is_refused(tmp_path: Path, key: Any, given: str) -> None:
    with pytest.raises(ValueError, match=f"^key: {given} were given, at least 32 secret bytes are expected: "):
        SQLiteStore(tmp_path / "s.db", key=key)
    assert not (tmp_path / "s.db").exists()


def test_only_this_user_can_open_the_files(side: Side, tmp_path: Path) -> None:
    side.commit("s", Record(saved=side.saved(b"x")))
    files = sorted(tmp_path.glob("s.db*"))
    assert [file.name for file in files] == ["s.db", "s.db-shm", "s.db-wal"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_place_where_others_could_write_is_refused(tmp_path: Path) -> None:
    everybodys = tmp_path / "everybodys"
    everybodys.mkdir()
    everybodys.chmod(0o1777)
    readable, folder, link = tmp_path / "readable.db", tmp_path / "folder.db", tmp_path / "link.db"
    SQLiteStore(readable, key=KEY).close()
    readable.chmod(0o640)
    folder.mkdir()
    link.symlink_to(readable)
    for path, said in [
        (everybodys / "s.db", "everybody, or another user, may write to its folder"),
        (tmp_path / "missing" / "s.db", "cannot be opened: No such file or directory"),
        (readable, "expected a file of this user that nobody else may open: chmod 600"),
        (folder, "expected a file of this user"),
        (link, "expected a file of this user"),
    ]:
        with pytest.raises(StoreError, match=said):
            SQLiteStore(path, key=KEY)


def test_what_is_no_store_is_left_alone(tmp_path: Path) -> None:
    notes, other = tmp_path / "notes.txt", tmp_path / "other.db"
    notes.write_text("buy milk\n" * 100)
    _change(other, "CREATE TABLE t (x)", "INSERT INTO t VALUES (1)")
    for path in (notes, other):
        path.chmod(0o600)
    with pytest.raises(StoreError, match="it is no database, or a damaged one; name another file"):
        SQLiteStore(notes, key=KEY)
    with pytest.raises(StoreError, match="is not a store of this version"):
        SQLiteStore(other, key=KEY)
    assert notes.read_text() == "buy milk\n" * 100


def test_a_forked_copy_of_the_process_may_not_use_it(side: Side) -> None:
    record = side.commit("s", Record(saved=side.saved(b"x")))
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # CPython 3.12 warns where threads run: that is the point here
        child = os.fork()
    if not child:
        said = ""
        try:
            side.store.load("s", side.vault)
        except StoreError as error:
            said = str(error)
        side.store.close()
        os._exit(0 if "a forked copy may not use it" in said else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    side.commit("s", record)


def test_two_processes_write_to_one_file(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nfrom dataclasses import replace\n"
        "from safe_codeact.host.stores.store import Record\nfrom safe_codeact.host.vault import Saved, Vault\n"
        "from safe_codeact import SQLiteStore\n"
        "folder, name = Path(sys.argv[1]), sys.argv[2]\nvault = Vault(folder / name)\n"
        "with SQLiteStore(folder / 's.db', key=bytes(range(32))) as store:\n"
        "    record = Record()\n"
        "    for turn in range(40):\n"
        "        blob = vault.new()\n"
        "        with open(vault.open_new(blob), 'wb') as file:\n"
        "            file.write(f'{name}{turn}'.encode())\n"
        "        record = store.commit(name, replace(record, saved=Saved((blob,))), vault)\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", program, tmp_path, name]) for name in ("one", "two", "three")]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    for name in ("one", "two", "three"):
        assert _read(tmp_path, "s.db", name) == (40, ([f"{name}39".encode()], {}), {})


def test_another_writer_is_waited_for_and_then_named(
    side: Side, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "BUSY_SECONDS", 0.05)
    holder = sqlite3.connect(tmp_path / "s.db", isolation_level=None)
    with SQLiteStore(tmp_path / "s.db", key=KEY) as store:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another process is writing to it; try again when that has ended"):
            store.commit("s", Record(saved=side.saved(b"x")), side.vault)
        holder.execute("ROLLBACK")
        assert store.commit("s", Record(saved=side.saved(b"x")), side.vault).version == 1
    holder.close()


def test_a_disk_that_is_full_leaves_the_previous_version(tmp_path: Path) -> None:
    """The child's files may not grow beyond 1 MiB: SQLite's writes fail half-way, as on a full disk."""
    program = (
        "import resource, sys\nfrom pathlib import Path\nfrom dataclasses import replace\n"
        "from safe_codeact.host.stores.store import Record\nfrom safe_codeact.host.vault import Saved, Vault\n"
        "from safe_codeact import SQLiteStore, StoreError\n"
        "folder = Path(sys.argv[1])\nvault = Vault(folder / 'vault')\n"
        "def blob(data):\n"
        "    made = vault.new()\n"
        "    with open(vault.open_new(made), 'wb') as file:\n"
        "        file.write(data)\n"
        "    return made\n"
        "with SQLiteStore(folder / 's.db', key=bytes(range(32))) as store:\n"
        "    record = store.commit('s', Record(saved=Saved((blob(b'before'),))), vault)\n"
        "    big = Saved((blob(b'x' * 3000000),))\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (1000000, resource.RLIM_INFINITY))\n"
        "    try:\n"
        "        store.commit('s', replace(record, saved=big), vault)\n"
        "    except StoreError as error:\n"
        "        print(error)\n"
        "    assert big.names[0] not in vault.labels\n"
        "    record = store.commit('s', replace(record, saved=Saved((blob(b'after'),))), vault)\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))\n"
        "    store.commit('t', Record(saved=big), vault)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(
        f"{tmp_path}/s.db cannot be written (disk I/O error): the disk, or a limit on the size"
    )
    assert _read(tmp_path, "s.db", "s") == (2, ([b"after"], {}), {})
    assert _read(tmp_path, "s.db", "t") == (1, ([b"x" * 3000000], {}), {})
