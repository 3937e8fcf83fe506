"""Bombs: what an action with native code can use up, seen from outside; and the session is usable after each."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safe_codeact import Policy, Runtime

_NATIVE = """
import ctypes, os, sys, mmap
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
NONE = ctypes.c_void_p(-1).value
"""
_ENDED = ("completed", "raised", "timed_out", "memory_exceeded", "crashed", "forbidden_syscall", "workspace_exceeded")

MEMORY = {
    "one large block": "x = bytearray(1 << 40)",
    "the heap": "while libc.sbrk(ctypes.c_long(1 << 20)) != -1: pass\nraise MemoryError",
    "written, then made read-only, again and again": "n = 0\n"
    "while (at := libc.mmap(None, 1 << 24, 3, 0x22, -1, 0)) != NONE:\n"
    "    ctypes.memset(at, 1, 1 << 24)\n    libc.mprotect(ctypes.c_void_p(at), ctypes.c_size_t(1 << 24), 1)\nraise MemoryError",
    "a copy of a file, page by page": "fd = os.open('own', 66)\nos.ftruncate(fd, 1 << 24)\n"
    "while (at := libc.mmap(None, 1 << 24, 3, 2, fd, 0)) != NONE: ctypes.memset(at, 1, 1 << 24)\nraise MemoryError",
    "page tables": "size = 200 << 30\nat = libc.mmap(None, size, 1, 0x4022, -1, 0)\nassert at == NONE\n"
    "while (at := libc.mmap(None, 1 << 26, 1, 0x4022, -1, 0)) != NONE:\n"
    "    for page in range(0, 1 << 26, 4096): ctypes.c_char.from_address(at + page).value\nraise MemoryError",
    "the soft limit raised to the hard one": "import resource\nresource.prlimit(0, resource.RLIMIT_DATA, (resource.prlimit(0, resource.RLIMIT_DATA)[1],) * 2)\n"
    "x = []\nwhile True: x.append(bytearray(1 << 20))",
}  # fmt: skip

DEPTH = {
    "functions": "sys.setrecursionlimit(10**9)\ndef f(n): return f(n + 1) + 1\nf(0)",
    "functions through C": "sys.setrecursionlimit(10**9)\nclass C:\n    def __getattr__(self, name): return getattr(self, name + 'x')\nC().y",
    "a source": "compile('-' * 10**6 + '1', 'x', 'eval')",
    "another source": "compile('(' * 10**5 + ')' * 10**5, 'x', 'eval')",
    "pickle": "import pickle\nx = []\nfor _ in range(10**5): x = [x]\nsys.setrecursionlimit(10**9)\npickle.dumps(x)",
    "the C stack itself": "at = ctypes.addressof(ctypes.c_int())\nsys.setrecursionlimit(10**9)\ndef f(*a): return max(a, key=lambda b: f(b, b))\nf(1, 2)",
}  # fmt: skip

ENDINGS = {
    "a signal that is its own": "ctypes.string_at(0)",
    "abort": "libc.abort()",
    "exit": "libc._exit(0)",
    "exit through Python": "os._exit(0)",
    "every descriptor closed": "for n in range(64):\n    try: os.close(n)\n    except OSError: pass",
    "its interpreter spoiled": "ctypes.memset(id(None), 0, 16)\nx = None",
    "a stopped clock": "import signal\nsignal.setitimer(signal.ITIMER_REAL, 0)\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nwhile True: pass",
}  # fmt: skip

CROWDS = {
    "processes": "n = 0\nfor _ in range(5000):\n    try: os.fork(); n += 1\n    except OSError: pass\nassert n == 0",
    "threads": "import threading\nn = 0\nfor _ in range(500):\n    try: threading.Thread(target=print).start(); n += 1\n    except RuntimeError: pass\nassert n == 0",
    "descriptors": "held = []\ntry:\n    while True: held.append(os.open('own', 66))\nexcept OSError: pass\nassert len(held) < 64",
    "names of one socket": "import fcntl\nheld = []\ntry:\n    while True: held.append(fcntl.fcntl(3, fcntl.F_DUPFD_CLOEXEC, 4))\nexcept OSError: pass\nassert len(held) < 64",
}  # fmt: skip

DISK = {
    "a sparse file": "fd = os.open('own', 66)\nos.ftruncate(fd, 1 << 40)",
    "a file with a hole": "fd = os.open('own', 66)\nos.lseek(fd, 1 << 40, 0)\nos.write(fd, b'x')",
    "a file that grows": "with open('own', 'wb') as file:\n    while True: file.write(bytes(1 << 20))",
    "space set aside": "os.posix_fallocate(os.open('own', 66), 0, 1 << 30)",
    "odd names": "for n in range(1, 256):\n    if n != 47: open(bytes([n]) * 255, 'w').close()\nraise OSError",
    "a deep tree": "for n in range(1500):\n    os.mkdir('d'); os.chdir('d')\nraise OSError",
    "many folders": "for n in range(3000): os.mkdir(str(n))\nraise OSError",
}  # fmt: skip


@pytest.fixture(scope="module")
def runtime() -> Iterator[Runtime]:
    policy = Policy.from_dict({
        "version": 1, "name": "bombs", "extends": "unrestricted",
        "limits": {"wall_seconds": 20, "cpu_seconds": 1, "memory_mb": 96, "state_mb": 32, "workspace_mb": 32},
    })  # fmt: skip
    with Runtime(policy) as made:
        yield made


@pytest.fixture(scope="module")
def session(runtime: Runtime) -> Any:
    made = runtime.session()
    assert made.run("kept = [1, 2, 3]").outcome == "completed"
    return made


def _run(session: Any, source: str) -> Any:
    observation = session.run(_NATIVE + source)
    assert observation.outcome in _ENDED, observation.text
    assert session.run("kept").value == "[1, 2, 3]"
    assert session.run("x = y = None").outcome == "completed"  # whatever filled the memory can be let go
    return observation


@pytest.mark.parametrize("name", MEMORY)
def test_memory_is_bounded_whatever_it_is_used_for(name: str, runtime: Runtime, session: Any) -> None:
    """The kernel's own figure for the worker stays below the plan, above what the zygote brought along."""
    observation = _run(session, MEMORY[name])
    assert observation.outcome in ("memory_exceeded", "timed_out", "raised"), observation.text
    zygote = Path(f"/proc/{runtime._core.launcher._zygote.pid}/status").read_text().split("VmRSS:")[1].split()[0]
    assert observation.usage.peak_memory_bytes < runtime._core.plan.address_space + int(zygote) * 1024


@pytest.mark.parametrize("name", DEPTH)
def test_deep_recursion_ends_as_an_observation(name: str, session: Any) -> None:
    """In Python or in C: an exception of the action, or the death of its process."""
    _run(session, DEPTH[name])


@pytest.mark.parametrize("name", ENDINGS)
def test_an_action_that_ends_itself_costs_nobody_else(name: str, session: Any) -> None:
    """Whatever it does to its own process, the session goes on."""
    _run(session, ENDINGS[name])


@pytest.mark.parametrize("name", CROWDS)
def test_no_crowd_can_be_made(name: str, runtime: Runtime, session: Any) -> None:
    """Counted from outside all the while: the zygote has no more children than workers, and none has a child or a thread."""
    zygote = runtime._core.launcher._zygote.pid
    most, over = [0, 0], threading.Event()

    def count() -> None:
        while not over.is_set():
            workers = Path(f"/proc/{zygote}/task/{zygote}/children").read_text().split()
            most[0] = max(most[0], len(workers))
            for pid in workers:
                tasks = Path(f"/proc/{pid}/task")
                if tasks.exists():
                    most[1] = max(most[1], len(os.listdir(tasks)))
            time.sleep(0.002)

    counting = threading.Thread(target=count)
    counting.start()
    try:
        observation = _run(session, CROWDS[name])
    finally:
        over.set()
        counting.join()
    assert observation.outcome == "completed", observation.text
    assert most[0] <= 8  # standing by, at work, just ordered, not yet buried: a few each
    assert most[1] <= 1


@pytest.mark.parametrize("name", DISK)
def test_one_file_is_bounded_and_what_is_left_behind_can_be_removed(name: str, runtime: Runtime, session: Any) -> None:
    """Blocks on the disk, counted by the host, stay below the policy's figure; then everything is deleted."""
    observation = _run(session, DISK[name])
    assert observation.outcome in ("raised", "workspace_exceeded"), observation.text
    assert observation.error is None or observation.error.type in ("OSError", "PermissionError")
    files = session._state.workspace
    assert sum(entry.size for entry in files.entries()) <= runtime.policy.limits.workspace_mb << 20
    for entry in os.scandir(files.folder):
        files.delete(os.fsdecode(entry.name))
    assert not os.listdir(files.folder)


def test_a_timer_does_not_outlive_its_action(runtime: Runtime, session: Any) -> None:
    """An alarm set for later rings nobody: the process is gone."""
    observation = session.run("import signal\nsignal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)\nmine = 1")
    assert observation.outcome == "completed", observation.text
    assert session.run("import time\ntime.sleep(0.2)\nmine").value == "1"


# ---- the one socket


def test_frames_that_are_none_end_the_action_and_nothing_else(session: Any) -> None:
    """Noise, a giant announced, a message out of turn, and an answer nobody asked for."""
    for frame in ("b'\\xff' * 4096", "b'\\xff\\xff\\xff\\xff' + b'x' * 64", "b'\\x00\\x00\\x00\\x00'", "bytes(100000)"):
        observation = session.run(f"import os\nos.write(3, {frame})\nimport time\ntime.sleep(5)")
        assert observation.outcome == "broke_protocol", observation.text
    assert session.run("kept").value == "[1, 2, 3]"


def test_half_a_frame_does_not_make_the_host_wait_past_its_deadline(session: Any) -> None:
    """The first bytes of a frame and then the process's end: the observation comes."""
    observation = session.run("import os\nos.write(3, bytes([0, 0, 16, 0]) + b'x')\nos._exit(0)")
    assert observation.outcome in ("crashed", "broke_protocol"), observation.text
    assert session.run("kept").value == "[1, 2, 3]"


def test_the_stored_state_cannot_be_changed_from_inside(runtime: Runtime, session: Any) -> None:
    """The old snapshot's descriptor takes no write, no truncation and no shared mapping; the file is what it was."""
    source = """
import os, mmap, fcntl
old = min(n for n in range(4, 64) if _is_open(n) and os.fstat(n).st_size)  # not the map of its pages
done = []
for attempt in (
    lambda: os.write(old, b'x'), lambda: os.ftruncate(old, 0), lambda: os.pwrite(old, b'x', 0),
    lambda: mmap.mmap(old, 0), lambda: os.open('/proc/self/fd/%d' % old, os.O_RDWR), lambda: os.fchmod(old, 0o777),
    lambda: fcntl.fcntl(old, fcntl.F_SETFL, os.O_RDWR), lambda: os.posix_fallocate(old, 0, 1 << 20),
):
    try: attempt(); done.append(attempt)
    except OSError: pass
assert not done
raise SystemExit(3)
"""
    opened = "import os\ndef _is_open(n):\n    try: os.fstat(n); return True\n    except OSError: return False\n"
    folder = runtime._core.folder / "vault"
    vault = session._state.core.vault
    kept = vault.share(session._state._saved)
    (segment,) = kept.names
    before = (folder / segment).read_bytes()
    observation = session.run(opened + source)
    assert observation.error.type == "SystemExit", observation.text
    assert (folder / segment).read_bytes() == before
    vault.drop(kept)
    assert session.run("kept").value == "[1, 2, 3]"


def test_noise_in_place_of_the_new_state_costs_only_that_state(session: Any) -> None:
    """What the worker writes is the worker's; the next worker refuses it, and a checkpoint brings the session back."""
    checkpoint = session.checkpoint()
    for noise in ("b''", "b'\\x80' * 4096", "os.urandom(65536)"):
        observation = session.run(
            "import os\nnew = max(n for n in range(4, 64) if _is_open(n)) if 0 else 5\n"
            f"data = {noise}\nimport safe_codeact.guest.worker as worker\n"
            "worker._save = lambda channel, *_: (os.write(channel.descriptors[-1], data), {})"
        )
        assert observation.outcome in ("completed", "raised"), observation.text
        after = session.run("kept")
        assert after.outcome in ("raised", "crashed", "completed"), after.text
        session.restore(checkpoint)
        assert session.run("kept").value == "[1, 2, 3]"
