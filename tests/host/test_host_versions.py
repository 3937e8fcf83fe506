"""Versions: whatever becomes of an action, the files of its session are one version or another, bit for bit."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from safe_codeact import AsyncRuntime, Policy, Runtime
from safe_codeact.host import capture as captures
from safe_codeact.host import state as states
from safe_codeact.host.vault import Kept, Saved, Vault
from safe_codeact.host.worker import Worker
from safe_codeact.host.workspace import Quota, Workspace
from safe_codeact.wire.conversation import Conversation

_SMALL = {
    "version": 1,
    "extends": "strict",
    "language": {"restricted": False},
    "filesystem": {"workspace": "rw"},
    "limits": {
        "workspace_files": 60, "workspace_mb": 4, "state_mb": 8, "output_kb": 4, "wall_seconds": 20, "cpu_seconds": 20,
    },
    "output": {"on_limit": "kill"},
}  # fmt: skip


@pytest.fixture(scope="module")
def runtime() -> Iterator[Runtime]:
    with Runtime(Policy.from_dict(_SMALL)) as made:
        yield made


def _ran(session: Any, source: str) -> str:
    observation = session.run(source)
    assert observation.outcome == "completed", observation.text
    return str(observation.value)


def _digest(session: Any) -> str:
    """Of everything in a workspace: names, kinds, modes and bytes."""
    top = session._state.workspace.folder
    found = hashlib.sha256()
    for path in sorted(top.rglob("*")):
        about = path.lstat()
        content = os.readlink(path) if path.is_symlink() else path.read_bytes().hex() if path.is_file() else ""
        found.update(f"{str(path.relative_to(top))!r} {about.st_mode:o} {content}\n".encode())
    return found.hexdigest()


def _blobs(session: Any) -> dict[str, str]:
    vault = session._state.core.vault
    return {blob: hashlib.sha256(vault.path(blob).read_bytes()).hexdigest() for blob in session._state._saved.blobs()}


_SETTING = (
    "import os\nfor name in ('kept', 'grown', 'gone', 'moved', 'emptied', 'foldered'):\n"
    "    with open(name, 'w') as f: _ = f.write(name * 100)\n"
    "os.makedirs('d/e')\nwith open('d/e/leaf', 'w') as f: _ = f.write('leaf')\n"
    "os.mkdir('empty')\nos.close(os.open('tool', os.O_WRONLY | os.O_CREAT, 0o755))\nx = 1"
)
_MEDDLING = (
    "x = 2\nimport os, shutil\nopen('grown', 'a').write('more'); open('emptied', 'w').close(); os.remove('gone')\n"
    "os.rename('moved', 'd/moved'); os.remove('foldered'); os.mkdir('foldered'); open('foldered/f', 'w').write('f')\n"
    "shutil.rmtree('d/e'); os.rmdir('empty'); open('new', 'w').write('new'); os.mkdir('closed', 0)\n"
    "held = open('grown', 'r+b'); held.write(b'half'); held.flush()\n"
)

_ENDS = {
    "crashed by a bad pointer": ("import ctypes; ctypes.string_at(0)", "crashed"),
    "aborted": ("import os; os.abort()", "crashed"),
    "exited": ("import os; os._exit(3)", "crashed"),
    "a call that nothing allows": ("import ctypes; ctypes.CDLL(None).ptrace(0, 0, 0, 0)", "forbidden_syscall"),
    "too much output": ("print('x' * 6000)", "output_exceeded"),
    "no frame": ("os.write(3, bytes([255]) * 64)", "broke_protocol"),
    "too many files": ("for n in range(80): open(f'n{n}', 'w').close()", "workspace_exceeded"),
    "too much in a file": ("open('big', 'wb').write(bytes(5 << 20))", "workspace_exceeded"),
    "a file too large for any": ("open('grown', 'r+b').truncate(6 << 20)", "workspace_exceeded"),
    "a state that does not fit": ("y = os.urandom(9 << 20)", "completed"),
}


@pytest.fixture
def session(runtime: Runtime) -> Iterator[Any]:
    with runtime.session() as made:
        _ran(made, _SETTING)
        yield made


@contextlib.contextmanager
def _unchanged(session: Any) -> Iterator[None]:
    before = _digest(session), _blobs(session), session._state._saved, session.files.list()
    yield
    assert (_digest(session), _blobs(session), session._state._saved, session.files.list()) == before
    assert _ran(session, "import os\nx, os.path.getsize('grown'), os.listdir('d'), os.listdir('empty')") == (
        "(1, 500, ['e'], [])"
    )
    assert (_digest(session), session._state._saved.files) == (before[0], before[2].files)


@pytest.mark.parametrize(("end", "outcome"), _ENDS.values(), ids=_ENDS.keys())
def test_an_action_that_is_killed_leaves_the_previous_version_bit_for_bit(session: Any, end: str, outcome: str) -> None:
    with _unchanged(session):
        observation = session.run(_MEDDLING + end)
        assert observation.outcome == outcome, observation.text
        assert [artifact.name for artifact in observation.artifacts] == []


def test_an_action_that_no_exception_ends_leaves_the_previous_version(
    session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(states, "_JUDGE_SECONDS", 0.5)
    monkeypatch.setattr(states, "_HARD_GRACE_SECONDS", 0.3)
    deaf = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])\nwhile True: pass"
    with _unchanged(session):
        assert session.run(_MEDDLING + deaf, timeout=0.3).outcome == "timed_out"


def _when_begun(runtime: Runtime, act: Callable[[Any], None]) -> threading.Thread:
    def wait() -> None:
        while not (begun := list((runtime._core.folder / "slots").glob("*/work/closed"))):
            time.sleep(0.002)
        slot = begun[0].parents[1]
        act(next(worker for worker in runtime._core.launcher._alive.values() if worker.slot == slot))

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_an_action_that_the_machine_kills_leaves_the_previous_version(runtime: Runtime, session: Any) -> None:
    with _unchanged(session):
        thread = _when_begun(runtime, lambda worker: os.kill(worker.pid, signal.SIGKILL))
        assert session.run(_MEDDLING + "while True: pass").outcome == "memory_exceeded"
        thread.join()


def test_a_cancelled_action_leaves_the_previous_version() -> None:
    async def cancelled() -> None:
        async with AsyncRuntime(Policy.from_dict(_SMALL), standby=1) as runtime:
            session = await runtime.session()
            await session.run(_SETTING)
            before = _digest(session), session._state._saved
            running = asyncio.create_task(session.run(_MEDDLING + "while True: pass"))
            while not list((runtime._core.folder / "slots").glob("*/work/closed")):
                await asyncio.sleep(0.002)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            assert await session.files.list() == sorted(
                ("kept", "grown", "gone", "moved", "emptied", "foldered", "tool", "d/e/leaf")
            )
            assert (_digest(session), session._state._saved) == before

    asyncio.run(cancelled())


def test_what_raises_keeps_what_it_did_as_in_a_notebook(session: Any) -> None:
    observation = session.run("open('grown', 'a').write('more')\nopen('new', 'w').write('new')\n1 / 0")
    assert observation.outcome == "raised"
    assert (session.files.read("grown"), session.files.read("new")) == (b"grown" * 100 + b"more", b"new")
    assert sorted(artifact.name for artifact in observation.artifacts) == ["grown", "new"]


def test_asking_for_a_variable_changes_no_file(runtime: Runtime) -> None:
    """Loading a state runs code of the action's; it has no workspace there."""
    with runtime.session() as session:
        _ran(
            session,
            "class Odd:\n    def __init__(self): self.a = 1\n    def __setstate__(self, state):\n        import os\n"
            "        for name in ('f', 'work/f', '../work/f', 'g'):\n            try: open(name, 'w').write('odd')\n"
            "            except OSError: pass\n"
            "_ = open('f', 'w').write('f')\nodd = Odd()",
        )
        before = _digest(session), session._state._saved.files
        session.variables()
        session.set("plain", 1)
        assert session.get("plain") == 1
        assert (_digest(session), session._state._saved.files) == before


# ---- forks, checkpoints, restores

_NATIVE = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
here, flags = b'kept', (os.O_RDWR, os.O_WRONLY, os.O_RDWR | os.O_TRUNC, os.O_WRONLY | os.O_APPEND, os.O_RDWR | os.O_CREAT)
reading = libc.open(here, os.O_RDONLY)
assert reading > 0
zero = ctypes.create_string_buffer(b'HACKED' * 20)
attempts = {f'open {each:o}': lambda each=each: libc.open(here, each, 0o600) for each in flags}
attempts |= {
    'chmod': lambda: libc.chmod(here, 0o666), 'fchmod': lambda: libc.fchmod(reading, 0o666),
    'fchmodat': lambda: libc.fchmodat(-100, here, 0o666, 0), 'fchmodat2': lambda: libc.syscall(452, -100, here, 0o666, 0),
    'chown': lambda: libc.chown(here, 65534, 65534), 'write': lambda: libc.write(reading, zero, 100),
    'pwrite': lambda: libc.pwrite(reading, zero, 100, 0), 'truncate': lambda: libc.truncate(here, ctypes.c_long(1)),
    'ftruncate': lambda: libc.ftruncate(reading, ctypes.c_long(1)),
    'fallocate': lambda: libc.fallocate(reading, 3, ctypes.c_long(0), ctypes.c_long(4096)),
    'setxattr': lambda: libc.setxattr(here, b'system.posix_acl_access', zero, 28, 0),
    'setxattr user': lambda: libc.setxattr(here, b'user.a', zero, 2, 0),
    'copy_file_range': lambda: libc.copy_file_range(reading, None, reading, None, 4096, 0),
    'reopened': lambda: libc.open(b'/proc/self/fd/%d' % reading, os.O_RDWR),
    'other name': lambda: libc.link(here, b'other') or libc.open(b'other', os.O_RDWR),
    'moved': lambda: libc.rename(here, b'moved away') or libc.open(b'moved away', os.O_RDWR),
    'utimensat': lambda: libc.utimensat(-100, b'moved away', None, 0),
    'ioctl': lambda: libc.ioctl(reading, 0x40086602, zero), 'sendfile': lambda: libc.sendfile(reading, reading, None, 100),
}
libc.mmap.restype = ctypes.c_void_p
attempts['mmap'] = lambda: -1 if libc.mmap(None, 4096, 3, 1, reading, ctypes.c_long(0)) == 2 ** 64 - 1 else 0
[name for name, attempt in attempts.items() if attempt() not in (-1, 2 ** 32 - 1)]
"""


def test_native_code_cannot_write_to_what_versions_share(session: Any) -> None:
    mark = session.checkpoint()
    with session.fork() as copy, session.fork() as other:
        before = _digest(session), _blobs(session)
        assert _ran(copy, _NATIVE) == "[]"
        assert "'open 2', 'open 1'" in _ran(other, "open('kept', 'a').close()\n" + _NATIVE)  # its own copy
        assert copy.run("import os\nos.unlink('grown'); os.write(3, bytes(9))").outcome == "broke_protocol"
        assert (_digest(session), _blobs(session)) == before
        assert copy.files.read("moved away") == b"kept" * 100
        session.restore(mark)
        assert _digest(session) == before[0]


def test_forks_run_side_by_side_from_one_state(session: Any) -> None:
    copies = [session.fork() for _ in range(4)]
    answers: list[str] = []

    def write(number: int, copy: Any) -> None:
        source = (
            f"x += {number}\nopen('grown', 'w').write('{number}' * 9)\n_ = open('own{number}', 'w').write('own')\nx"
        )
        answers.append(_ran(copy, source))

    threads = [threading.Thread(target=write, args=each) for each in enumerate(copies)]
    before = _digest(session)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ["1", "2", "3", "4"]
    for number, copy in enumerate(copies):
        assert copy.files.read("grown") == str(number).encode() * 9
        assert [name for name in copy.files.list() if "own" in name] == ["grown", f"own{number}"]
        copy.close()
    assert _digest(session) == before


def test_a_checkpoint_copies_nothing_and_an_untouched_workspace_is_not_walked(
    session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = session._state.core.vault
    time.sleep(0.1)  # a folder's times are believed once they are older than the clock's tick
    _ran(session, "1")
    with monkeypatch.context() as patched:
        patched.setattr(Workspace, "listing", None)
        patched.setattr(captures, "capture", None)
        before = len(vault._references), len(os.listdir(vault._folder))
        mark = session.checkpoint()
        assert (len(vault._references), len(os.listdir(vault._folder))) == before
        _ran(session, "open('kept').read() + str(x)")
    saved = session._state._saved.files
    _ran(session, "_ = open('grown', 'a').write('!')")
    changed = {kept.path for kept in session._state._saved.files} - {"grown"}
    assert {kept for kept in session._state._saved.files if kept.path in changed} < set(saved)
    session.restore(mark)
    assert session._state._saved.files == saved


def test_a_long_life_of_writes_checkpoints_restores_and_deaths_agrees_with_a_model(runtime: Runtime) -> None:
    """Each step is done to the session and to a dictionary."""
    rolled = random.Random(5)
    session, model = runtime.session(), dict[str, bytes]()
    marks: dict[str, dict[str, bytes]] = {}
    names = [f"{folder}f{number}" for folder in ("", "d/", "d/e/") for number in range(4)]
    for step in range(120):
        name, data = rolled.choice(names), f"{step} ".encode() * rolled.randrange(1, 50)
        match rolled.randrange(8):
            case 0:
                session.files.write(name, data)
                model[name] = data
            case 1 | 2:
                source = f"import os\nos.makedirs(os.path.dirname({name!r}) or '.', exist_ok=True)\n"
                mode = rolled.choice("aw")
                _ran(session, f"{source}_ = open({name!r}, '{mode}b').write({data!r})")
                model[name] = (model.get(name, b"") if mode == "a" else b"") + data
            case 3 if model:
                victim = rolled.choice(sorted(model))
                _ran(session, f"import os\nos.remove({victim!r})")
                del model[victim]
            case 4 if model:
                source = f"_ = open({rolled.choice(sorted(model))!r}, 'w').write('half')\nopen('new', 'w').close()\nimport os\n"
                assert session.run(source + "os._exit(1)").outcome == "crashed"
            case 5:
                marks[session.checkpoint()] = dict(model)
            case 6 if marks:
                mark = rolled.choice(sorted(marks))
                session.restore(mark)
                model = dict(marks[mark])
            case 7 if model:
                copy = session.fork()
                _ran(copy, f"_ = open({rolled.choice(sorted(model))!r}, 'r+b').write(b'#')")
                copy.close()
        assert {path: session.files.read(path) for path in session.files.list()} == model, step
    session.close()


def test_closed_sessions_leave_no_blob(runtime: Runtime) -> None:
    vault = runtime._core.vault
    before = dict(vault._references), sorted(os.listdir(vault._folder))
    for _ in range(3):
        with runtime.session() as session:
            _ran(session, _SETTING)
            mark = session.checkpoint()
            session.run(_MEDDLING)
            session.run(_MEDDLING + "os._exit(1)")
            with session.fork() as copy:
                copy.files.delete("d")
                copy.files.write("kept", b"other")
            session.restore(mark)
    assert (dict(vault._references), sorted(os.listdir(vault._folder))) == before


# ---- what lies in a workspace


def _tracked(tmp_path: Path) -> tuple[Workspace, captures.Tracked, Vault]:
    workspace = Workspace(tmp_path / "w", os.getuid(), Quota(entries=2000, size=1 << 30))
    vault = Vault(tmp_path / "vault")
    return workspace, captures.Tracked(workspace, vault), vault


def test_two_names_of_one_file_are_one_blob_and_a_moved_file_stays_the_one_that_it_was(tmp_path: Path) -> None:
    workspace, tracked, vault = _tracked(tmp_path)
    (workspace.folder / "a").write_text("a")
    os.link(workspace.folder / "a", workspace.folder / "b")
    first = tracked.capture(tracked.look())
    assert first == (Kept(path="a", blob="1"), Kept(path="b", blob="1"))
    os.rename(workspace.folder / "a", workspace.folder / "c")
    second = tracked.capture(tracked.look())
    assert second == (Kept(path="b", blob="1"), Kept(path="c", blob="1"))
    assert vault._references == {"1": 4}
    vault.drop(Saved(files=first))
    tracked.become(second)
    assert sorted(os.listdir(workspace.folder)) == ["b", "c"]
    vault.drop(Saved(files=second))
    assert os.listdir(tmp_path / "vault") == []


def test_what_is_no_file_folder_or_link_is_removed_and_links_are_kept_unfollowed(tmp_path: Path) -> None:
    workspace, tracked, _vault = _tracked(tmp_path)
    (tmp_path / "outside").write_text("outside")
    os.mkfifo(workspace.folder / "fifo")
    (workspace.folder / "link").symlink_to(tmp_path / "outside")
    (workspace.folder / "nowhere").symlink_to("x" * 255)
    (workspace.folder / "unreadable").touch(mode=0)
    files = tracked.capture(tracked.look())
    assert files == (
        Kept(path="link", target=str(tmp_path / "outside")),
        Kept(path="nowhere", target="x" * 255),
        Kept(path="unreadable", blob="1"),
    )
    assert not (workspace.folder / "fifo").exists()
    assert (tmp_path / "outside").stat().st_mode & 0o222
    tracked.become(files)
    assert sorted(tracked.items) == sorted(os.listdir(workspace.folder)) == ["link", "nowhere", "unreadable"]


def test_paths_longer_than_the_system_takes_are_captured_and_made_again(tmp_path: Path) -> None:
    workspace, tracked, _vault = _tracked(tmp_path)
    name, here = "n" * 255, os.open(workspace.folder, os.O_RDONLY)
    for _ in range(40):
        os.mkdir(name, dir_fd=here)
        below = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(os.open("leaf", os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=below))
        os.close(here)
        here = below
    os.close(here)
    files = tracked.capture(tracked.look())
    assert len(files) == 80
    before = len(os.listdir("/proc/self/fd"))
    tracked.become(files)
    assert tracked.look() is tracked.items
    assert len(tracked.items) == 80
    assert len(os.listdir("/proc/self/fd")) == before
    workspace.remove()


@pytest.mark.parametrize("planted", ["link", "chmod"])
def test_a_capture_that_fails_half_way_holds_no_reference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, planted: str
) -> None:
    workspace, tracked, vault = _tracked(tmp_path)
    for number in range(10):
        (workspace.folder / f"f{number}").touch()
    calls, original = iter(range(100)), getattr(os, planted)

    def broken(*arguments: Any, **options: Any) -> Any:
        if next(calls) == 5:
            raise OSError(28, "No space left on device")
        return original(*arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(captures.os, planted, broken)
        now = tracked.look()
        with pytest.raises(OSError, match="No space"):
            tracked.capture(now)
    assert (vault._references, os.listdir(tmp_path / "vault")) == ({}, [])
    assert len(tracked.capture(tracked.look())) == 10


def test_where_no_link_can_be_had_versions_are_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, tracked, vault = _tracked(tmp_path)
    (workspace.folder / "a").write_text("a")

    def none(*_arguments: Any, **_options: Any) -> None:
        raise OSError(31, "Too many links")

    monkeypatch.setattr(captures.os, "link", none)
    first = tracked.capture(tracked.look())
    assert tracked.blobs == {}
    (workspace.folder / "a").unlink()
    (workspace.folder / "a").write_text("b")
    second = tracked.capture(tracked.look())
    assert [vault.path(kept.blob).read_text() for kept in first + second] == ["a", "b"]
    tracked.become(first)
    assert ((workspace.folder / "a").read_text(), (workspace.folder / "a").stat().st_mode & 0o777) == ("a", 0o444)


def test_a_blob_that_came_from_a_store_can_be_written_by_nobody_once_it_lies_in_a_workspace(tmp_path: Path) -> None:
    workspace, tracked, vault = _tracked(tmp_path)
    blob = vault.new()
    with open(vault.open_new(blob), "wb") as file:
        file.write(b"#!")
    tracked.become([Kept(path="d"), Kept(path="d/run", blob=blob, executable=True)])
    made = workspace.folder / "d" / "run"
    assert (made.read_bytes(), made.stat().st_mode & 0o777, made.stat().st_nlink) == (b"#!", 0o555, 2)


def test_a_change_within_the_clocks_tick_is_seen(tmp_path: Path) -> None:
    """A folder's time may be the same before and after: young ones are not believed."""
    workspace, tracked, _vault = _tracked(tmp_path)
    for number in range(200):
        name = workspace.folder / f"f{number}"
        name.touch()
        os.utime(workspace.folder, ns=(1, int(time.time()) * 10**9))
        tracked.capture(tracked.look())
        name.rename(workspace.folder / f"g{number}")
        os.utime(workspace.folder, ns=(1, tracked._folders[0][1][1]))
        assert f"g{number}" in tracked.look()


def test_a_worker_that_is_still_in_a_system_call_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Late:
        def __init__(self, answers: list[bool]) -> None:
            self.answers = answers

        def has_stopped(self, _seconds: float) -> bool:
            (workspace.folder / "late").touch()
            return self.answers.pop(0)

    workspace, tracked, _vault = _tracked(tmp_path)
    tracked.entered_by(Late([False, True]))  # type: ignore[arg-type]
    with pytest.raises(TimeoutError, match="does not end"):
        tracked.look()
    assert list(tracked.look()) == ["late"]


def test_a_process_has_stopped_when_it_is_past_its_last_system_call_and_not_before(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    here, there = socket.socketpair()
    worker = Worker(here, Conversation(output_limit=1), tmp_path / "slot")
    try:
        worker.announced(process.pid, os.getpid())
        assert not worker.has_stopped(0.05)
        worker.kill()
        assert worker.has_stopped(60)
        process.wait()
        assert worker.has_stopped(0)
    finally:
        process.kill()
        process.wait()
        worker.bury(None)
        here.close()
        there.close()
    assert worker.has_stopped(0)
