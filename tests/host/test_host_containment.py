"""What holds a worker with the gate switched off: every claim is made against the kernel, with Python that may do all."""

from __future__ import annotations

import os
import sysconfig
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safe_codeact import Policy, Runtime

_ENVIRONMENT_SECRET = "environment-" + os.urandom(12).hex()
# Held in the host's memory before the zygote starts: a zygote that were forked from the host would inherit it.
_MEMORY_SECRET = b"memory-" + os.urandom(12).hex().encode()
_LIBC = "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"


@pytest.fixture(scope="module", params=["off", "preferred"], ids=["the host's namespaces", "its own where it can"])
def runtime(request: pytest.FixtureRequest) -> Iterator[Runtime]:
    os.environ["SAFE_CODEACT_TEST_SECRET"] = _ENVIRONMENT_SECRET
    isolation = {"namespaces": request.param}
    policy = Policy.from_dict({"version": 1, "name": "held", "extends": "unrestricted", "isolation": isolation})
    try:
        with Runtime(policy) as made:
            yield made
    finally:
        del os.environ["SAFE_CODEACT_TEST_SECRET"]


@pytest.fixture
def session(runtime: Runtime) -> Any:
    return runtime.session()


def _error(session: Any, source: str) -> tuple[str, str]:
    observation = session.run(source)
    assert observation.error is not None, observation.text
    return str(observation.outcome), observation.error.type


def _closed(runtime: Runtime) -> tuple[str, str]:
    """How a path outside looks: Landlock refuses it; with mounts of its own there is no such path."""
    entered = runtime._core.launcher.prepared().namespaces
    return ("raised", "FileNotFoundError" if entered else "PermissionError")


class _Acting:
    """A worker in the middle of an action, seen from outside by its pid."""

    def __init__(self, runtime: Runtime, source: str) -> None:
        self._runtime = runtime
        self._session = runtime.session()
        self._session.files.write("wait", b"")
        self._source = source + (
            "\nimport os, time\nopen('starting', 'w').close()\nos.rename('starting', 'begun')\nfor _ in range(200): time.sleep(0.02)"
        )
        self.pid = 0

    def __enter__(self) -> int:
        launcher = self._runtime._core.launcher
        self._thread = threading.Thread(target=self._session.run, args=(self._source,))
        self._thread.start()
        slots = self._runtime._core.folder / "slots"
        while not (begun := list(slots.glob("*/work/begun"))):
            time.sleep(0.01)
        slot = begun[0].parents[1]
        self.pid = next(pid for pid, worker in launcher._alive.items() if worker.slot == slot)
        return self.pid

    def __exit__(self, *_raised: object) -> None:
        self._runtime._core.launcher._alive[self.pid].kill()
        self._thread.join()


def _writable_memory(pid: int) -> bytes:
    parts = []
    maps = Path(f"/proc/{pid}/maps").read_text().splitlines()
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            span, rights = line.split()[:2]
            if rights.startswith("rw"):
                start, end = (int(bound, 16) for bound in span.split("-"))
                memory.seek(start)
                while start < end and (read := memory.read(end - start)):
                    parts.append(read)
                    start += len(read)
    return b"".join(parts)


# ---- secrets of the host


def test_secrets_of_the_host_are_neither_in_the_environment_nor_in_the_memory_of_a_worker(runtime: Runtime) -> None:
    with _Acting(runtime, "planted = ''.join(['pla', 'nted', '-marker'])") as pid:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        memory = _writable_memory(pid)
    assert b"planted-marker" in memory, "the scan does not see what is there"
    for secret in (_ENVIRONMENT_SECRET.encode(), _MEMORY_SECRET):
        assert secret not in environment
        assert secret not in memory
    assert b"SAFE_CODEACT_TEST_SECRET" not in environment + memory


def test_a_worker_reading_its_own_environ_array_finds_nothing_of_the_hosts(session: Any) -> None:
    observation = session.run(
        _LIBC + "array = ctypes.POINTER(ctypes.c_char_p).in_dll(libc, 'environ')\nfound, n = [], 0\n"
        "while array[n]:\n    found.append(array[n].decode()); n += 1\nprint(found)"
    )
    assert observation.outcome == "completed", observation.text
    assert "LANG=C.UTF-8" in observation.stdout
    assert _ENVIRONMENT_SECRET not in observation.stdout
    assert "SAFE_CODEACT_TEST_SECRET" not in observation.stdout


def test_packages_of_the_interpreter_below_a_virtual_environment_cannot_be_read(runtime: Runtime) -> None:
    """They lie in the folder of the standard library, of which everything else can."""
    stdlib = Path(sysconfig.get_path("stdlib"))
    session = runtime.session()
    folders = {each for each in stdlib.glob("*-packages") if each != Path(sysconfig.get_path("purelib"))}
    for folder in folders:
        assert _error(session, f"import os\nos.listdir({str(folder)!r})") == _closed(runtime)
        for file in sorted(folder.glob("*/__init__.py"))[:3]:
            assert _error(session, f"open({str(file)!r}).read()") == _closed(runtime)
    assert session.run(f"len(open({str(stdlib / 'this.py')!r}).read()) > 0").value == "True"


def test_an_application_beside_the_libraries_cannot_be_read(runtime: Runtime) -> None:
    package = Path(sysconfig.get_path("purelib")) / f"customer_application_{os.getpid()}"
    package.mkdir()
    secret = package / "settings.py"
    try:
        secret.write_text("KEY = 'customer-secret'")
        (package / "__init__.py").touch()
        secret.chmod(0o644)
        session = runtime.session()
        assert _error(session, f"open({str(secret)!r}).read()") == _closed(runtime)
        assert _error(session, f"import os\nos.listdir({str(package)!r})") == _closed(runtime)
        assert session.run(f"import {package.name}.settings").error is not None
        assert session.run("import numpy\nopen(numpy.__file__).read(1)").outcome == "completed"
    finally:
        for file in package.rglob("*.py"):
            file.unlink()
        package.rmdir()


@pytest.mark.parametrize("path", ["/etc/passwd", "/etc/hostname", "/proc/self/environ", "/proc/self/mem", __file__])
def test_files_of_the_machine_cannot_be_read(runtime: Runtime, session: Any, path: str) -> None:
    assert os.path.exists(path)
    assert _error(session, f"open({path!r}, 'rb').read(1)") == _closed(runtime)


def test_another_sessions_files_can_neither_be_listed_nor_opened(runtime: Runtime) -> None:
    other, session = runtime.session(), runtime.session()
    other.files.write("theirs.txt", b"theirs")
    resting = other._state.workspace.folder
    with _Acting(runtime, "") as pid:
        acting = runtime._core.launcher._alive[pid].slot / "work"
        assert (acting / "begun").exists()
        refused = ("raised", "PermissionError")  # by Landlock: the slots are in one mount
        for folder, name, how in ((resting, "theirs.txt", _closed(runtime)), (acting, "begun", refused)):
            assert _error(session, f"import os\nos.listdir({str(folder)!r})") == how
            assert _error(session, f"open({str(folder / name)!r})") == how
        assert _error(session, f"import os\nos.listdir({str(acting.parents[1])!r})") == ("raised", "PermissionError")
    assert session.run("open('own', 'w').write('x')").outcome == "completed"


def test_nothing_outside_the_slot_is_written(session: Any, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    canary.write_text("alive")
    for folder in (tmp_path, *tmp_path.parents[:-1]):
        folder.chmod(folder.stat().st_mode | 0o011)
    canary.chmod(0o666)
    for source in (
        f"open({str(canary)!r}, 'w')",
        f"import os\nos.unlink({str(canary)!r})",
        f"import os\nos.truncate({str(canary)!r}, 0)",
        f"import os\nos.rename({str(canary)!r}, 'mine')",
        f"import os\nos.link({str(canary)!r}, 'mine')",
        f"import os\nos.symlink({str(canary)!r}, 'mine')\nopen('mine', 'w')",
        "open('/tmp/safe_codeact-escaped', 'w')",
        "open('../beside', 'w')",
    ):
        assert session.run(source).outcome in ("raised", "forbidden_syscall"), source
    assert canary.read_text() == "alive"
    assert not os.path.exists("/tmp/safe_codeact-escaped")


# ---- system calls


@pytest.mark.parametrize(
    "source",
    [
        "import socket\nsocket.socket()",
        "import socket\nsocket.socket(socket.AF_UNIX)",
        "import os\nos.fork()",
        "import os\nos.execv('/bin/true', ['true'])",
        "import subprocess\nsubprocess.run(['/bin/true'])",
        "import os\nos.kill({host}, 0)",
        "import mmap\nmmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)",
        "import mmap\nmmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC)",
    ],
)
def test_a_system_call_that_no_action_needs_is_denied(session: Any, source: str) -> None:
    assert _error(session, source.replace("{host}", str(os.getpid()))) == ("raised", "PermissionError")


@pytest.mark.parametrize("call", ["libc.kill({host}, 0)", "libc.kill(-1, 0)", "libc.mprotect(0, 0, 4)"])
def test_a_system_call_made_past_python_is_denied(session: Any, call: str) -> None:
    observation = session.run(
        _LIBC + f"result = {call.replace('{host}', str(os.getpid()))}\n(result, ctypes.get_errno() in (1, 13))"
    )
    assert observation.value == "(-1, True)", observation.text


def test_ptrace_ends_the_action(session: Any) -> None:
    assert session.run("x = 1").outcome == "completed"
    assert session.run(_LIBC + "x = 2\nlibc.ptrace(0, 0, 0, 0)").outcome == "forbidden_syscall"
    assert session.run("x").value == "1"


# ---- the process


def test_the_kernel_says_that_the_worker_is_held(runtime: Runtime) -> None:
    with _Acting(runtime, "") as pid:
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    held = {name: int(status[name].strip(), 16) for name in ("CapEff", "CapPrm", "CapInh", "NoNewPrivs", "Seccomp")}
    assert held == {"CapEff": 0, "CapPrm": 0, "CapInh": 0, "NoNewPrivs": 1, "Seccomp": 2}


def test_a_worker_holds_only_its_socket_and_what_came_with_the_request(runtime: Runtime) -> None:
    with _Acting(runtime, "") as pid:
        opened = {int(entry.name): os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()}
    assert {opened.pop(number) for number in (0, 1, 2)} == {"/dev/null"}
    assert opened.pop(3).startswith("socket:")
    assert opened.pop(4, f"/proc/{pid}/pagemap").endswith("/pagemap")  # of its own pages; not there where /proc is not
    state = str(runtime._core.folder / "vault")
    assert len(opened) == 1, opened
    assert all(target.startswith((state, "/memfd:")) for target in opened.values()), opened


def test_fifty_actions_leave_no_descriptor_and_no_process_in_the_host(runtime: Runtime) -> None:
    session = runtime.session()

    def counts() -> tuple[int, int]:
        launcher = runtime._core.launcher
        while len(launcher._ready) < 2 or len(launcher._alive) > 2 or launcher._starting:
            time.sleep(0.01)
        zygote = launcher._zygote.pid
        children = Path(f"/proc/{zygote}/task/{zygote}/children").read_text().split()
        return len(os.listdir("/proc/self/fd")), len(children)

    assert session.run("n = 0").outcome == "completed"
    before = counts()
    for _ in range(50):
        assert session.run("n += 1").outcome == "completed"
    assert session.get("n") == 50
    assert counts() == before
