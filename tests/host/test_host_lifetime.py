"""Lifetime: whoever dies, closes, forks or is interrupted, nothing is left behind and nobody else notices."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from safe_codeact import AsyncRuntime, ConfinementFailed, Decision, Policy, Runtime, SessionClosed, StoreError, tool
from safe_codeact.host import capture as captures
from safe_codeact.host import launcher as launching
from safe_codeact.host import state as states

FILES = Policy.from_dict(
    {
        "version": 1, "extends": "strict", "filesystem": {"workspace": "rw"},
        "limits": {"workspace_files": 50, "workspace_mb": 4},
    }
)  # fmt: skip


@pytest.fixture(scope="module")
def runtime() -> Iterator[Runtime]:
    with Runtime(FILES) as made:
        yield made


def _ran(session: Any, source: str) -> str | None:
    observation = session.run(source)
    assert observation.outcome == "completed", observation.text
    return observation.value


def _until(claim: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 60
    while not (seen := claim()):
        assert time.monotonic() < deadline, "this never came"
        time.sleep(0.005)
    return seen


def _settled(runtime: Runtime) -> None:
    launcher = runtime._core.launcher
    _until(lambda: len(launcher._ready) == 2 and len(launcher._alive) == 2 and not launcher._starting)


def _held(runtime: Runtime) -> dict[str, Any]:
    """What of ours is there while nothing runs."""
    _settled(runtime)
    core = runtime._core
    zygote = core.launcher._zygote.pid
    return {
        "descriptors": len(os.listdir("/proc/self/fd")),
        "threads": threading.active_count(),
        "children": len(Path(f"/proc/{zygote}/task/{zygote}/children").read_text().split()),
        "slots": len(list((core.folder / "slots").iterdir())),
        "workspaces": len(list((core.folder / "workspaces").iterdir())),
        "versions": (len(core.vault._references), len(list((core.folder / "vault").iterdir()))),
    }


def _in_an_action(runtime: Runtime) -> None:
    _until(lambda: list((runtime._core.folder / "slots").glob("*/work/begun")))


def _acting_worker(runtime: Runtime) -> Any:
    return next(worker for worker in runtime._core.launcher._alive.values() if (worker.slot / "work").exists())


class _Acting:
    """An action in another thread; `ended` is what came of it."""

    def __init__(self, runtime: Runtime, session: Any, source: str = "while True: pass") -> None:
        self._runtime = runtime
        self._session = session
        self._source = "open('begun', 'w').close()\n" + source
        self.ended: Any = None

    def _run(self) -> None:
        try:
            self.ended = self._session.run(self._source)
        except Exception as error:
            self.ended = error

    def __enter__(self) -> _Acting:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        _in_an_action(self._runtime)
        return self

    def __exit__(self, *_raised: object) -> None:
        self._thread.join()


# ---- the zygote


def test_a_zygote_that_dies_is_replaced_and_sessions_lose_nothing(runtime: Runtime) -> None:
    session = runtime.session()
    session.files.write("kept.txt", b"kept")
    _ran(session, "x = [1]")
    old = runtime._core.launcher._zygote.pid
    os.kill(old, signal.SIGKILL)
    _until(lambda: runtime._core.launcher._zygote.pid != old)
    assert _ran(session, "x + [open('kept.txt').read()]") == "[1, 'kept']"


def test_an_action_whose_zygote_dies_has_crashed_and_changed_nothing(runtime: Runtime) -> None:
    session = runtime.session()
    _ran(session, "x = 1")
    with _Acting(runtime, session, "x = 2\nwhile True: pass") as acting:
        os.kill(runtime._core.launcher._zygote.pid, signal.SIGKILL)
    assert acting.ended.outcome == "crashed"
    assert _ran(session, "x") == "1"


def test_a_zygote_that_dies_again_and_again_is_an_error_and_no_loop() -> None:
    with Runtime("strict", standby=0) as runtime:
        launcher = runtime._core.launcher
        session = runtime.session()
        for _ in range(launching.MOST_RESTARTS):
            old = launcher._zygote.pid
            os.kill(old, signal.SIGKILL)
            _until(lambda old=old: launcher._zygote.pid != old)
        os.kill(launcher._zygote.pid, signal.SIGKILL)
        launcher._thread.join()
        for _ in range(2):
            with pytest.raises(ConfinementFailed) as raised:
                session.run("1")
            assert str(raised.value) == (
                "the zygote ended unexpectedly (exit status -9), and so did 3 before it within 10 seconds or without any "
                "worker in between. Look into the kernel's log for its reason, memory first; then make another Runtime."
            )


def test_a_zygote_that_does_not_answer_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launching, "ANSWER_SECONDS", 0.5)
    with Runtime("strict", standby=0) as runtime:
        stopped = runtime._core.launcher._zygote.pid
        os.kill(stopped, signal.SIGSTOP)
        assert _ran(runtime.session(), "6 * 7") == "42"
        assert not os.path.exists(f"/proc/{stopped}")


def test_a_standby_worker_that_dies_is_replaced(runtime: Runtime) -> None:
    _settled(runtime)
    launcher = runtime._core.launcher
    for pid in list(launcher._alive):
        os.kill(pid, signal.SIGKILL)
        _until(lambda pid=pid: pid not in launcher._alive)
    assert _ran(runtime.session(), "6 * 7") == "42"


# ---- the host

_KILLED = """
import sys, os
from safe_codeact import Policy, Runtime
policy = Policy.from_dict({"version": 1, "extends": "strict", "filesystem": {"workspace": "rw"},
                           "limits": {"workspace_files": 50}})
runtime = Runtime(policy)
session = runtime.session()
session.files.write("deep/er/secret.txt", b"secret")
session.run("x = 1\\nimport os\\nos.mkdir('a')\\nopen('a/b', 'w').close()")
print(runtime._core.folder, flush=True)
sys.stdin.read()
"""


def _host(tmp_path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _KILLED],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip


def test_the_folder_of_a_killed_host_is_removed_at_the_next_start_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "owner.lock").write_text("kept")
    (tmp_path / "safe_codeact-link").symlink_to(target)
    (tmp_path / "safe_codeact-without-owner").mkdir()
    (tmp_path / "safe_codeact-fifo").mkdir()
    os.mkfifo(tmp_path / "safe_codeact-fifo" / "owner.lock")
    (tmp_path / "safe_codeact-owner-link").mkdir()
    (tmp_path / "safe_codeact-owner-link" / "owner.lock").symlink_to(target / "owner.lock")
    (tmp_path / "safe_codeact-file").write_text("kept")
    others = set(tmp_path.iterdir())
    with _host(tmp_path) as living, _host(tmp_path) as dead:
        assert living.stdout is not None
        assert dead.stdout is not None
        kept, swept = Path(living.stdout.readline().strip()), Path(dead.stdout.readline().strip())
        dead.kill()
        dead.wait()
        assert (swept / "workspaces").exists()
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        _until(lambda: _sweeps(swept))
        assert (kept / "workspaces").exists()
        assert living.stdin is not None
        living.stdin.close()
        assert living.wait() == 0
    assert set(tmp_path.iterdir()) == others
    assert (target / "owner.lock").read_text() == "kept"


def _sweeps(folder: Path) -> bool:
    """The dead host's workers may take a moment to die; each start tries again."""
    with Runtime("strict", standby=0):
        return not folder.exists()


def _used(use: Callable[[], Any]) -> str:
    try:
        use()
    except BaseException as error:
        return type(error).__name__
    return "went through"


def _in_a_fork(use: Callable[[], Any]) -> str:
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 warns of threads: the very case
        child = os.fork()
    if child == 0:
        os.write(write, _used(use).encode())
        os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with open(read) as answer:
        return answer.read()


def test_a_forked_copy_is_told_so_whatever_it_does_and_the_original_goes_on(runtime: Runtime) -> None:
    session = runtime.session()
    _ran(session, "x = 1")
    mark = session.checkpoint()
    uses: list[Callable[[], Any]] = [
        lambda: session.run("1"), lambda: session.get("x"), lambda: session.set("x", 2), session.variables,
        session.checkpoint, lambda: session.restore(mark), session.fork, session.files.list,
        lambda: session.files.write("a", b""), runtime.session, runtime.__enter__,
    ]  # fmt: skip
    assert [_in_a_fork(use) for use in uses] == ["SessionClosed"] * len(uses)
    assert [_in_a_fork(use) for use in (session.close, runtime.close)] == ["went through"] * 2
    assert _ran(session, "x") == "1"


def test_a_copy_forked_while_an_action_runs_does_not_wait_for_its_lock(runtime: Runtime) -> None:
    session = runtime.session()
    with _Acting(runtime, session, "import time\nwhile True: time.sleep(0.01)"):
        assert _in_a_fork(lambda: session.run("1")) == "SessionClosed"
        _acting_worker(runtime).kill()
    assert _ran(session, "1") == "1"


def test_a_forked_copy_that_lives_on_does_not_hide_the_death_of_a_worker(runtime: Runtime) -> None:
    """It holds copies of the sockets: no stream ends by itself any more."""
    session = runtime.session()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        signal.pause()
        os._exit(0)
    try:
        with _Acting(runtime, session) as acting:
            _acting_worker(runtime).kill()
        assert acting.ended.outcome == "memory_exceeded"  # and not timed_out, at the hard deadline
        assert _ran(session, "1") == "1"
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _child(session: Any, answers: Any) -> None:
    answers.put(_used(lambda: session.run("1")))


def test_a_process_of_multiprocessing_may_not_use_the_runtime_and_its_end_ends_nothing(runtime: Runtime) -> None:
    session = runtime.session()
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        process = context.Process(target=_child, args=(session, answers))
        process.start()
    assert answers.get() == "SessionClosed"
    process.join()
    assert _ran(session, "6 * 7") == "42"


def test_a_runtime_made_in_a_thread_that_ends_goes_on() -> None:
    made: list[Runtime] = []
    thread = threading.Thread(target=lambda: made.append(Runtime("strict")))
    thread.start()
    thread.join()
    with made[0] as runtime:
        session = runtime.session()
        assert [_ran(session, "6 * 7") for _ in range(4)] == ["42"] * 4


# ---- closing, interrupting, cancelling


def test_closing_the_runtime_while_an_action_runs_ends_it_and_leaves_nothing() -> None:
    runtime = Runtime(FILES)
    session = runtime.session()
    session.files.write("a", b"x")
    zygote = runtime._core.launcher._zygote.pid
    with _Acting(runtime, session) as acting:
        runtime.close()
    assert isinstance(acting.ended, SessionClosed)
    assert not runtime._core.folder.exists()
    assert not os.path.exists(f"/proc/{zygote}")
    session.close()


def test_closing_the_runtime_while_a_tool_is_at_work_ends_the_action() -> None:
    called, goes_on = threading.Event(), threading.Event()

    @tool
    def wait() -> None:
        """Waits."""
        called.set()
        goes_on.wait(60)

    runtime = Runtime("strict", tools=[wait])
    ended: list[str] = []
    thread = threading.Thread(target=lambda: ended.append(_used(lambda: runtime.session().run("wait()"))))
    thread.start()
    called.wait(60)
    runtime.close()
    goes_on.set()
    thread.join()
    assert ended == ["SessionClosed"]
    assert not runtime._core.folder.exists()


@contextlib.contextmanager
def _interrupt(when: Callable[[], Any]) -> Iterator[None]:
    """Ctrl-C to this very thread, once `when` holds."""
    thread = threading.Thread(
        target=lambda: (when(), signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT))
    )
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        yield
    thread.join()


def test_ctrl_c_in_an_action_ends_it_and_the_session_goes_on_as_before(runtime: Runtime) -> None:
    session = runtime.session()
    _ran(session, "x = 1")
    before = _held(runtime)
    with _interrupt(lambda: _in_an_action(runtime)):
        session.run("open('begun', 'w').close()\nx = 2\nwhile True: pass")
    assert _ran(session, "x") == "1"
    assert session.files.list() == []
    assert _held(runtime) == before


def test_ctrl_c_while_waiting_for_a_worker_gives_the_place_back() -> None:
    with Runtime(FILES, standby=0, max_workers=1) as runtime:
        busy, session = runtime.session(), runtime.session()
        with _Acting(runtime, busy, "import time\nwhile True: time.sleep(0.01)"):
            with _interrupt(lambda: _until(lambda: runtime._core._admission._line)):
                session.run("1")
            next(iter(runtime._core.launcher._alive.values())).kill()
        assert _ran(session, "6 * 7") == "42"
        assert _ran(busy, "6 * 7") == "42"


def test_cancelling_while_waiting_for_a_worker_or_in_a_tool_gives_everything_back() -> None:
    called = asyncio.Event()

    @tool
    async def wait() -> None:
        """Waits."""
        called.set()
        await asyncio.sleep(60)

    async def flow() -> None:
        async with AsyncRuntime("strict", tools=[wait], standby=0, max_workers=1) as runtime:
            first, second = await runtime.session(), await runtime.session()
            busy = asyncio.create_task(first.run("x = 1\nwait()"))
            await called.wait()
            queued = asyncio.create_task(second.run("1"))
            while not runtime._core._admission._line:
                await asyncio.sleep(0.005)
            for task in (queued, busy):
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            assert (await second.run("6 * 7")).value == "42"
            assert [line.name for line in await first.variables()] == []

    asyncio.run(flow())


# ---- what is on the operator's side and fails


def _asking(approve: Any, session_run: str = "pay(5)") -> Any:
    @tool
    def pay(amount: int) -> str:
        """Pays."""
        return f"paid {amount}"

    policy = Policy.from_dict(
        {"version": 1, "extends": "strict", "tools": {"pay": {"why": "a test", "approval": "ask"}}}
    )
    with Runtime(policy, tools=[pay], approve=approve, standby=0) as runtime:
        return runtime.session().run(session_run)


def _fails(_call: Any) -> Decision:
    raise LookupError("the key of the approvals' database is hunter2")


async def _agrees(_call: Any) -> Decision:
    return Decision(approved=True)


@pytest.mark.parametrize(
    ("approve", "value", "error"),
    [
        (lambda _call: Decision(approved=True), "'paid 5'", None),
        (_agrees, "'paid 5'", None),
        (lambda _call: Decision(approved=False, reason="too much"), None, "pay was rejected: too much"),
        (_fails, None, "pay needs a person's approval, and asking for it failed"),
        (lambda _call: True, None, "pay needs a person's approval, and asking for it failed"),
        (None, None, "pay needs a person's approval, and nobody is there to give it"),
    ],
    ids=["approves", "approves asynchronously", "rejects", "fails", "returns something else", "nobody"],
)
def test_an_approver_s_answer_or_failure_ends_in_the_action_without_its_words(
    approve: Any, value: str | None, error: str | None
) -> None:
    observation = _asking(approve)
    assert observation.value == value
    assert (observation.error.message if observation.error else None) == error


def test_a_tool_that_ends_its_own_thread_does_not_end_the_host_s() -> None:
    @tool
    def leave() -> None:
        """Leaves."""
        sys.exit(3)

    with Runtime("strict", tools=[leave], standby=0) as runtime:
        observation = runtime.session().run("leave()")
    assert observation.error is not None
    assert observation.error.message == "RuntimeError: the tool raised SystemExit"


_HANGS = """
import threading
from safe_codeact import Policy, Runtime, tool
@tool
def hang() -> None:
    "Never returns."
    threading.Event().wait()
policy = Policy.from_dict({"version": 1, "extends": "strict", "tools": {"hang": {"why": "t", "timeout_seconds": 0.05}}})
with Runtime(policy, tools=[hang]) as runtime:
    session = runtime.session()
    for _ in range(12):
        print(session.run("hang()").error.message)
"""


def test_tools_that_hang_neither_hold_up_other_calls_nor_the_end_of_the_host() -> None:
    done = subprocess.run([sys.executable, "-c", _HANGS], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "hang took longer than it may\n" * 12


def test_a_request_that_fails_on_the_way_leaves_no_version_no_worker_and_no_slot(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = runtime.session()
    session.files.write("a", b"x")
    _ran(session, "x = 1")
    mark = session.checkpoint()
    _ran(session, "x = 1; _ = open('b', 'w').write('y')")
    before = _held(runtime)

    def broken(*_arguments: Any) -> Any:
        raise OSError("planted")

    with monkeypatch.context() as patched:
        patched.setattr(states.SessionState, "execute", broken)
        for _ in range(3):
            with pytest.raises(OSError, match="planted"):
                session.run("x = 2")
    with monkeypatch.context() as patched:
        patched.setattr(captures, "materialise", broken)
        for use in (lambda: session.restore(mark), session.fork):
            with pytest.raises(OSError, match="planted"):
                use()
    with monkeypatch.context() as patched:
        patched.setattr(captures, "capture", broken)
        with pytest.raises(OSError, match="planted"):
            session.files.write("c", b"z")
        assert "The files could not be kept" in session.run("x = 2\n_ = open('a', 'w').write('z')").text
    assert (_ran(session, "x"), session.files.list(), session.files.read("a")) == ("1", ["a", "b"], b"x")
    assert _held(runtime) == before


def test_a_state_whose_file_is_gone_is_an_error_and_leaves_nothing(runtime: Runtime) -> None:
    session = runtime.session()
    _ran(session, "x = 1")
    before = _held(runtime)
    (runtime._core.folder / "vault" / session._state._saved.names[-1]).unlink()
    for _ in range(3):
        with pytest.raises(StoreError, match="No such file"):
            session.run("x")
    after = _held(runtime)
    assert after["versions"] == (before["versions"][0], before["versions"][1] - 1)
    assert {**after, "versions": 0} == {**before, "versions": 0}


def test_no_descriptor_left_in_the_host_is_an_error_and_then_it_goes_on(runtime: Runtime) -> None:
    import resource

    session = runtime.session()
    _ran(session, "x = 1")
    before = _held(runtime)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before["descriptors"] + 1, hard))
    try:
        for _ in range(4):
            with contextlib.suppress(OSError, StoreError, ConfinementFailed):
                session.run("x")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert _ran(session, "x") == "1"
    assert _held(runtime) == before


_ENDS = ["x += 1", "1 / 0", "import subprocess", "open('f', 'w').write('x')", "raise SystemExit", "print('y' * 10**6)"]


def test_three_hundred_actions_leave_no_descriptor_thread_process_or_file(runtime: Runtime) -> None:
    session = runtime.session()
    for source in ("x = 0", *_ENDS * 5):  # of long outputs, five are kept
        session.run(source)
    before = _held(runtime)
    for _ in range(50):
        for source in _ENDS:
            session.run(source)
    now = _held(runtime)
    assert {what: held for what, held in now.items() if held > before[what]} == {}, before
    assert session.get("x") == 55
