"""Sessions that go on after their runtime has ended, or was killed, or could not keep what they did."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from store_turns import KEY, POLICY

from safe_codeact import AsyncRuntime, MemoryStore, Policy, Runtime, SQLiteStore, StoreError
from safe_codeact.host import lineage
from safe_codeact.host.stores.store import Room

MB = 1024 * 1024


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Any]:
    with SQLiteStore(tmp_path / "s.db", key=KEY) as made:
        yield made


@pytest.fixture(params=["memory", "sqlite"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    with MemoryStore() if request.param == "memory" else SQLiteStore(tmp_path / "s.db", key=KEY) as made:
        yield made


def _runtime(store: Any, policy: Policy | str = POLICY) -> Runtime:
    return Runtime(policy, store=store, standby=1)


def _value(session: Any, source: str) -> str | None:
    observation = session.run(source)
    assert (observation.outcome, observation.rollback) == ("completed", ""), observation.text
    return observation.value


def _files(session: Any) -> dict[str, bytes]:
    return {path: session.files.read(path) for path in session.files.list()}


# ---- from runtime to runtime


def test_a_session_goes_on_in_the_next_runtime(either: Any) -> None:
    """Names, definitions, closures, shared objects, random state, files, folders, links and modes of files."""
    with _runtime(either) as runtime:
        session = runtime.session("alice")
        _value(
            session,
            "import random, math\nrandom.seed(1)\nfirst = random.random()\nshared = [1]\npair = (shared, shared)",
        )
        _value(
            session,
            "def counter():\n    n = 0\n    def step():\n        nonlocal n\n        n += 1\n        return n\n    return step\n"
            "step = counter()\nstep()\nclass Point:\n    def __init__(self, x): self.x = x\npoint = Point(5)\n",
        )
        _value(
            session, "import os\nos.makedirs('a/b')\nopen('a/b/c.txt', 'w').write('deep')\nopen('empty', 'w').close()"
        )
        session.files.write("by_host.bin", bytes(range(256)))
        files = _files(session)
        expected = _value(session.fork(), "random.random()")
    with _runtime(either) as runtime:
        session = runtime.session("alice")
        assert _files(session) == files
        assert _value(session, "random.random()") == expected
        assert _value(session, "pair[0].append(2)\n(shared, pair[1] is shared)") == "([1, 2], True)"
        assert _value(session, "(step(), isinstance(point, Point), point.x, math.floor(2.5))") == "(2, True, 5, 2)"
        assert _value(session, "open('a/b/c.txt', 'a').write('er')\nopen('a/b/c.txt').read()") == "'deeper'"


def test_checkpoints_are_there_in_the_next_runtime(either: Any) -> None:
    with _runtime(either) as runtime:
        session = runtime.session("alice")
        _value(session, "x = 1\nopen('f.txt', 'w').write('one')")
        mark = session.checkpoint()
        _value(session, "x = 2\nopen('f.txt', 'w').write('two')\nopen('g.txt', 'w').write('new')")
    with _runtime(either) as runtime:
        session = runtime.session("alice")
        session.restore(mark)
        assert (_value(session, "x"), _files(session)) == ("1", {"f.txt": b"one"})
    with _runtime(either) as runtime:
        session = runtime.session("alice")
        assert (_value(session, "x"), _files(session)) == ("1", {"f.txt": b"one"})


def test_a_fork_is_a_session_of_its_own_in_the_store(store: Any) -> None:
    with _runtime(store) as runtime:
        session = runtime.session("alice")
        _value(session, "x = [1]\nopen('f.txt', 'w').write('one')")
        fork = session.fork()
        _value(fork, "x.append(2)\nopen('f.txt', 'w').write('two')")
        session.close()
    with _runtime(store) as runtime:
        fork = runtime.session(fork.id)
        assert (_value(fork, "x"), _files(fork)) == ("[1, 2]", {"f.txt": b"two"})
        assert runtime.session("alice").variables() == []


def test_what_is_closed_is_forgotten_unless_it_is_to_be_kept(store: Any) -> None:
    with _runtime(store) as runtime:
        sessions = [runtime.session(name) for name in ("closed", "kept", "left")]
        for session in sessions:
            _value(session, "x = 1")
            session.checkpoint()
        sessions[0].close()
        sessions[1].close(keep=True)
        assert _value(runtime.session("kept"), "x") == "1"
        with runtime.session("block") as session:
            _value(session, "x = 1")
    assert [each.id for each in store.sessions()] == ["kept", "left"]


def test_without_a_store_nothing_can_be_kept(tmp_path: Path) -> None:
    with Runtime("strict", standby=1) as runtime:
        session = runtime.session("alice")
        with pytest.raises(StoreError) as said:
            session.close(keep=True)
        assert str(said.value) == (
            "close(keep=True) needs a store, and this runtime has none: Runtime(…, store=SQLiteStore(…))"
        )
        assert _value(session, "1") == "1"


def test_a_session_that_went_on_elsewhere_says_so_and_overwrites_nothing(either: Any) -> None:
    with _runtime(either) as one, _runtime(either) as other:
        _value(one.session("s"), "x = 1\nopen('f.txt', 'w').write('one')")
        stale, ahead = one.session("s"), other.session("s")
        _value(ahead, "x = 2\nopen('f.txt', 'w').write('ahead')")
        ended = stale.run("x = 3\nprint('ran')\nopen('f.txt', 'w').write('stale')\nopen('g.txt', 'w').write('stale')")
        assert (ended.outcome, ended.stdout) == ("completed", "ran\n")
        assert ended.rollback.startswith(
            "The state could not be kept, and the session is as it was before: session 's' went on elsewhere: this one goes on "
            "from version 1, and "
        )
        assert ended.rollback in ended.text
        assert ended.rollback in ended.to_dict()["rollback"]
        for attempt in (
            lambda: stale.set("x", 3),
            lambda: stale.files.write("g.txt", b"stale"),
            lambda: stale.files.delete("f.txt"),
            stale.checkpoint,
        ):
            with pytest.raises(StoreError, match="went on elsewhere"):
                attempt()
            assert (_value_of(stale, "x"), _files(stale)) == (1, {"f.txt": b"one"})
        stale.close()
        assert (_value(ahead, "x"), _files(ahead)) == ("2", {"f.txt": b"ahead"})
        again = one.session("s")
        assert (_value(again, "x"), _files(again)) == ("2", {"f.txt": b"ahead"})


def _value_of(session: Any, name: str) -> Any:
    return session.get(name)


def test_going_back_to_a_checkpoint_that_cannot_be_stored_changes_nothing(store: Any) -> None:
    with _runtime(store) as one, _runtime(store) as other:
        stale = one.session("s")
        _value(stale, "x = 1\nopen('f.txt', 'w').write('one')")
        mark = stale.checkpoint()
        _value(stale, "x = 2\nopen('f.txt', 'w').write('two')\nopen('g.txt', 'w').write('new')")
        _value(other.session("s"), "x = 3")
        with pytest.raises(StoreError, match="went on elsewhere"):
            stale.restore(mark)
        assert (stale.get("x"), _files(stale)) == (2, {"f.txt": b"two", "g.txt": b"new"})
        fork = stale.fork()
        assert (fork.get("x"), _files(fork)) == (2, {"f.txt": b"two", "g.txt": b"new"})


# ---- what does not fit


def test_a_state_that_does_not_fit_leaves_names_and_files_as_they_were() -> None:
    with MemoryStore(max_session_mb=1) as store, _runtime(store) as runtime:
        session = runtime.session("s")
        _value(session, "x = 1\nopen('f.txt', 'w').write('one')")
        ended = session.run(
            "x = 2\nopen('f.txt', 'w').write('two')\nopen('g.txt', 'w').write('y' * 1_000_000)\nz = bytes(500_000)"
        )
        assert ended.outcome == "completed"
        assert "session 's' does not fit into the store in memory: its state alone has 1," in ended.rollback
        assert (_value(session, "x"), _files(session)) == ("1", {"f.txt": b"one"})
        with pytest.raises(StoreError, match="does not fit"):
            session.set("big", bytes(2 * MB))
        with pytest.raises(StoreError, match="does not fit"):
            session.files.write("big", bytes(2 * MB))
        assert (_value(session, "x = 3\nx"), _files(session)) == ("3", {"f.txt": b"one"})


def test_a_checkpoint_that_was_dropped_says_so_here_and_in_the_next_runtime() -> None:
    with MemoryStore(max_session_mb=2) as store:
        with _runtime(store) as runtime:
            session = runtime.session("s")
            marks = []
            for turn in range(4):
                _value(session, f"x = {turn}\nballast = bytes(600_000 + x)")
                marks.append(session.checkpoint())
            with pytest.raises(StoreError) as said:
                session.restore(marks[0])
            assert str(said.value) == (
                f"checkpoint '{marks[0]}' of session 's' was dropped: there was no room for it beside newer versions "
                "(max_session_mb, max_total_mb)"
            )
            held = len(runtime._core.vault._references)
            session.restore(marks[2])
            assert _value(session, "x") == "2"
            assert held == 3
        with _runtime(store) as runtime:
            session = runtime.session("s")
            with pytest.raises(StoreError, match="was dropped"):
                session.restore(marks[0])
            session.restore(marks[3])
            assert _value(session, "x") == "3"


def test_without_a_store_the_oldest_checkpoints_go_first_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lineage, "_ROOM", Room(session_mb=2, total_mb=3))
    with Runtime(POLICY, standby=1) as runtime:
        session, other = runtime.session("s"), runtime.session("t")
        marks = []
        for turn in range(4):
            _value(session, f"x = {turn}\nballast = bytes(600_000 + x)")
            marks.append(session.checkpoint())
        with pytest.raises(StoreError, match=r"was dropped: there was no room for it"):
            session.restore(marks[0])
        session.restore(marks[1])
        assert _value(session, "x") == "1"
        _value(other, "x = 1\nballast = bytes(1_500_000)")
        last = session.checkpoint()  # for which others go: of all sessions there is too much
        with pytest.raises(StoreError, match="was dropped"):
            session.restore(marks[2])
        session.restore(last)
        _value(other, "more = bytes(2_000_000)")
        with pytest.raises(StoreError, match=r"^a checkpoint of session 't' does not fit: its versions have 3,5"):
            other.checkpoint()
        assert _value(other, "x") == "1"


def test_a_full_disk_leaves_the_session_on_its_previous_version(tmp_path: Path) -> None:
    program = (
        "import resource, sys\nsys.path.insert(0, sys.argv[2])\nfrom store_turns import KEY, POLICY\n"
        "from safe_codeact import Runtime, SQLiteStore, StoreError\n"
        "with SQLiteStore(sys.argv[1] + '/s.db', key=KEY) as store, Runtime(POLICY, store=store, standby=1) as runtime:\n"
        "    session = runtime.session('s')\n"
        '    session.run(\'x = 1\\nopen("f.txt", "w").write("one")\')\n'
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, resource.RLIM_INFINITY))\n"
        '    ended = session.run(\'x = 2\\nopen("f.txt", "w").write("two")\\nballast = bytes(3_000_000)\')\n'
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))\n"
        "    assert ended.outcome == 'completed', ended.text\n"
        "    print(ended.rollback)\n"
        "    assert (session.get('x'), session.files.read('f.txt')) == (1, b'one')\n"
        "    ended = session.run('x += 10\\nx')\n"
        "    assert (ended.value, ended.rollback) == ('11', ''), ended.text\n"
    )
    here = str(Path(__file__).parent)
    done = subprocess.run([sys.executable, "-c", program, tmp_path, here], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("The state could not be kept, and the session is as it was before: ")
    assert (
        "s.db cannot be written (disk I/O error): the disk, or a limit on the size of files, did not let it"
        in done.stdout
    )
    with SQLiteStore(tmp_path / "s.db", key=KEY) as store, _runtime(store) as runtime:
        session = runtime.session("s")
        assert (_value(session, "x"), _files(session)) == ("11", {"f.txt": b"one"})


# ---- who may resume what


def test_a_session_resumes_only_where_its_functions_can_go_on(tmp_path: Path) -> None:
    ungated = Policy.from_dict({"version": 1, "name": "free", "extends": "strict", "language": {"restricted": False}})
    with MemoryStore() as store:
        with _runtime(store, ungated) as runtime:
            _value(runtime.session("s"), "def f(): return (lambda: 0).__code__")
        with _runtime(store, "strict") as runtime:
            with pytest.raises(StoreError) as said:
                runtime.session("s")
            assert str(said.value) == (
                "session 's' was kept under policy 'free' with language 'ungated', and policy 'strict' has 'compiled' here: "
                "its functions cannot go on. Resume it where that is the same, or take another session id"
            )
            assert len(runtime._core.vault._references) == 0
            assert runtime._core.sessions == {}
        with _runtime(store, ungated) as runtime:
            assert _value(runtime.session("s"), "f().co_name") == "'<lambda>'"


def test_a_session_with_files_resumes_only_where_there_is_a_workspace(store: Any) -> None:
    with _runtime(store) as runtime:
        runtime.session("s").files.write("f.txt", b"one")
    with _runtime(store, "strict") as runtime:
        with pytest.raises(StoreError, match=r"^session 's' has files, and policy 'strict' gives no workspace: "):
            runtime.session("s")
        assert len(runtime._core.vault._references) == 0
    with _runtime(store) as runtime:
        assert runtime.session("s").files.read("f.txt") == b"one"


def test_a_state_that_fails_its_check_reaches_no_worker(tmp_path: Path) -> None:
    with SQLiteStore(tmp_path / "s.db", key=KEY) as store, _runtime(store) as runtime:
        _value(runtime.session("s"), "x = 1")
        runtime.session("s").files.write("f.txt", b"one")
    with contextlib.closing(sqlite3.connect(tmp_path / "s.db", isolation_level=None)) as connection:
        connection.execute("UPDATE chunks SET data = zeroblob(3) WHERE length(data) = 3")
    with SQLiteStore(tmp_path / "s.db", key=KEY) as store, _runtime(store) as runtime:
        with pytest.raises(StoreError, match="a part of it is not what was stored: it was changed or damaged"):
            runtime.session("s")
        assert list((runtime._core.folder / "vault").iterdir()) == []
        assert list((runtime._core.folder / "workspaces").iterdir()) == []
        assert _value(runtime.session("t"), "2") == "2"


def test_a_store_that_actions_could_read_is_refused(tmp_path: Path) -> None:
    policy = Policy.from_dict(
        {"version": 1, "extends": "strict", "filesystem": {"read": [{"path": str(tmp_path), "why": "the catalogue"}]}}
    )
    with SQLiteStore(tmp_path / "s.db", key=KEY) as store, pytest.raises(StoreError) as said:
        Runtime(policy, store=store)
    assert str(said.value) == (
        f"store='{tmp_path}/s.db' lies in '{tmp_path}', which actions of policy '{policy.name}' may read: keep it elsewhere"
    )


def test_nothing_of_a_resumed_session_is_left_when_it_is_closed(store: Any) -> None:
    with _runtime(store) as runtime:
        _value(runtime.session("s"), "x = 1\nopen('f.txt', 'w').write('one')")
        runtime.session("s").checkpoint()
    with _runtime(store) as runtime:
        session = runtime.session("s")
        mark = session.checkpoint()
        session.restore(mark)
        _value(session, "x += 1\nopen('f.txt', 'w').write('two')")
        session.restore(mark)
        session.fork().close()
        session.close(keep=True)
        assert list((runtime._core.folder / "vault").iterdir()) == []
        assert runtime._core.vault.labels == {}
        runtime.session("s").close()
    assert store.sessions() == []


# ---- in an event loop


class _Watched:
    """A store that notes the threads which wait for it."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.threads: set[int] = set()

    def load(self, *arguments: Any) -> Any:
        return self._noted().load(*arguments)

    def commit(self, *arguments: Any) -> Any:
        return self._noted().commit(*arguments)

    def forget(self, *arguments: Any) -> None:
        self._noted().forget(*arguments)

    def sessions(self) -> Any:
        return self._store.sessions()

    def close(self) -> None:
        self._store.close()

    def _noted(self) -> Any:
        self.threads.add(threading.get_ident())
        return self._store


def test_an_event_loop_never_waits_for_the_store(store: Any) -> None:
    watched = _Watched(store)

    async def main() -> None:
        for turn in range(2):
            async with AsyncRuntime(POLICY, store=watched, standby=1) as runtime:
                session = await runtime.session("s")
                assert (await session.run("x = 1" if not turn else "x += 1\nx")).value == (None if not turn else "2")
                await session.set("y", turn)
                await session.files.write("f.txt", b"%d" % turn)
                await session.restore(await session.checkpoint())
                await (await session.fork()).close()
                await session.close(keep=True)

    asyncio.run(main())
    assert watched.threads
    assert threading.get_ident() not in watched.threads
    with _runtime(store) as runtime:
        session = runtime.session("s")
        assert (session.get("x"), session.get("y"), _files(session)) == (2, 1, {"f.txt": b"1"})


def test_a_cancelled_turn_has_ended_before_the_session_goes_on(store: Any) -> None:
    """However far it was, what comes next finds names and files of one version."""

    async def main() -> None:
        async with AsyncRuntime(POLICY, store=store, standby=1) as runtime:
            session = await runtime.session("s")
            await session.run("n = 0\nopen('n.txt', 'w').write('0')")
            chance = random.Random(3)
            for _ in range(25):
                turn = asyncio.ensure_future(session.run("n += 1\nopen('n.txt', 'w').write(str(n))"))
                await asyncio.sleep(chance.random() * 0.05)
                turn.cancel()
                await asyncio.wait({turn})
                assert await session.get("n") == int(await session.files.read("n.txt"))
            assert not (await session.run("n")).rollback

    asyncio.run(main())


# ---- killed


def _turns(folder: Path, seed: int, kills: int) -> list[str]:
    """One host after the other, each killed at a moment of its own; what is wrong with where the next one went on."""
    chance = random.Random(seed)
    allowed = {"0 0"}
    faults = []
    program = [sys.executable, Path(__file__).with_name("store_turns.py"), folder]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        for life in range(kills):
            print(seed * 1000 + life, file=server.stdin, flush=True)
            lines = [server.stdout.readline().split(maxsplit=1) for _ in range(2)]
            said = dict(lines)  # the child's first line may come before its number
            time.sleep(chance.random() * 0.12)
            os.kill(int(said["pid"]), signal.SIGKILL)
            if said.get("now", "").strip() not in allowed:
                faults.append(f"life {life} of {seed}: {lines} where {allowed} was expected")
            allowed = {said.get("now", "").strip()}
            while (line := server.stdout.readline().strip()) not in ("ended", ""):
                word, _, state = line.partition(" ")
                allowed = {state} if word == "now" else {*allowed, state}
    return faults


def test_a_host_that_is_killed_at_any_moment_is_resumed_at_a_version_that_was_committed(tmp_path: Path) -> None:
    """24 hosts killed with SIGKILL: the next one goes on from what was last acknowledged, or from the step under way, with names
    and files of the same turn."""
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir(mode=0o700)
    with ThreadPoolExecutor(2) as pool:
        faults = list(pool.map(_turns, folders, (1, 2), (12, 12)))
    assert faults == [[], []]
