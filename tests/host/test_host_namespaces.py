"""Namespaces alone, with the gate, the filter and Landlock off: what they hold, what they end with, and the way without.

Where a machine offers none, the same attempts must go as they go without, and the runtime must say so.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from safe_codeact import ConfinementFailed, Policy, Runtime
from safe_codeact.confine.protections import NAMESPACES
from safe_codeact.wire import messages

_PREPARED = """
import ctypes, os, socket
libc = ctypes.CDLL(None, use_errno=True)
def done(result):
    if result < 0: raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return True
def nested():
    'A user namespace inside, with every capability that it brings.'
    uid, gid = os.getuid(), os.getgid()
    return done(libc.unshare(0x10000000 | 0x20000))
"""
# Name → source, whose last expression says whether it got anything. All but those in _NEVER succeed without.
ATTEMPTS = {
    "a file's size": "os.stat(CANARY).st_size == 5",
    "where a link leads": "os.readlink(LINK) == CANARY",
    "a file's times": "os.stat(FOLDER).st_mtime > 0",
    "whether a program is there": "os.path.exists('/bin/sh') or os.path.exists('/usr/bin/env')",
    "reading": "open(CANARY).read() == 'alive'",
    "listing": "'canary' in os.listdir(FOLDER)",
    "writing": "open(CANARY, 'a').write('') == 0",
    "touching": "os.utime(CANARY) is None",
    "by way of dots": "open('../' * 20 + CANARY).read() == 'alive'",
    "changing the folder first": "os.chdir(FOLDER)\nopen('canary').read() == 'alive'",
    "other processes": "len([n for n in os.listdir('/proc') if n.isdigit()]) > 0",
    "another root": "open('/proc/self/root' + CANARY).read() == 'alive'",
    "whether the host is there": "try: os.kill(HOST, 0)\nexcept PermissionError: pass\nTrue",
    "its parent": "os.getppid() > 1",
    "the loopback": "socket.create_connection(('127.0.0.1', PORT), 5).close() is None",
    "datagrams": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', PORT)) == 1",
    "an abstract socket": "socket.socket(socket.AF_UNIX).connect(ABSTRACT) is None",
    "a socket in a folder": "socket.socket(socket.AF_UNIX).connect(FOLDER + '/socket') is None",
    "a segment of System V": "done(libc.shmget(KEY, 0, 0))",
    "the machine's name": "os.uname().nodename == NODE",
    "a handle on the host": "os.pidfd_open(HOST) >= 0",
    "code from a file of its own": "import mmap\nf = open('code', 'wb+')\nf.write(bytes(4096))\nf.flush()\n"
    "mmap.mmap(f.fileno(), 4096, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_EXEC) is not None",
}
_NEVER = {
    "a descriptor that leads out": "import stat\ndef leads(n):\n    try: return stat.S_ISDIR(os.fstat(n).st_mode)\n"
    "    except OSError: return False\nany(leads(n) for n in range(1000))",
    "mounting": "done(libc.mount(b'x', b'/tmp', b'tmpfs', 0, None))",
    "letting a mount go": "done(libc.umount2(os.getcwd().encode(), 2)) or done(libc.umount2(LIBRARY, 2))",
    "a library made writable": "done(libc.mount(None, LIBRARY, None, 0x1000 | 0x20, None))",
    "writing beside a library": "open(LIBRARY.decode() + '/escaped', 'w').close() is None",
    "a root in a root": "os.makedirs('r', exist_ok=True)\nos.chroot('r')\nopen('../' * 20 + CANARY).read() == 'alive'",
    "another name for the machine": "done(libc.sethostname(b'x', 1))",
    "nested: a library made writable": "nested()\ndone(libc.mount(None, LIBRARY, None, 0x1000 | 0x20, None))",
    "nested: letting the root go": "nested()\ndone(libc.umount2(b'/', 2)) and open(CANARY).read() == 'alive'",
    "nested: letting a library go": "nested()\ndone(libc.umount2(LIBRARY, 2))",
    "nested: a process table": "nested()\nos.makedirs('p', exist_ok=True)\ndone(libc.mount(b'proc', b'p', b'proc', 0, None)) and "
    "os.path.exists('p/1')",
    "nested: the machine's settings": "nested()\nos.makedirs('s', exist_ok=True)\ndone(libc.mount(b'sysfs', b's', b'sysfs', 0, None))",
    "nested: a disk": "nested()\nos.makedirs('d', exist_ok=True)\ndone(libc.mount(b'/dev/vda', b'd', b'ext4', 1, None))",
    "nested: out of the root": "nested()\nos.makedirs('r', exist_ok=True)\nfd = os.open('/', 0)\nos.chroot('r')\nos.fchdir(fd)\n"
    "os.chdir('../' * 20)\nos.chroot('.')\nopen(CANARY).read() == 'alive'",
    "a file by its number": "h = ctypes.create_string_buffer(bytes([8, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]), 32)\n"
    "done(libc.open_by_handle_at(os.open('.', 0), h, 0)) and os.path.exists(CANARY)",
}  # fmt: skip


def _runtime(namespaces: str, **more: str) -> Runtime:
    return Runtime(Policy.from_dict({
        "version": 1, "name": "alone", "extends": "strict", "language": {"restricted": False},
        "filesystem": {"workspace": "rw"}, "limits": {"workspace_mb": 8, "workspace_files": 20},
        "isolation": {"seccomp": "off", "landlock": "off", "namespaces": namespaces, **more},
    }))  # fmt: skip


@pytest.fixture(scope="module")
def alone() -> Iterator[Runtime]:
    with _runtime("preferred") as made:
        yield made


@pytest.fixture(scope="module")
def without() -> Iterator[Runtime]:
    with _runtime("off") as made:
        yield made


def _prepared(runtime: Runtime) -> messages.Prepared:
    return runtime._core.launcher.prepared()


def _until(claim: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 60
    while not (seen := claim()):
        assert time.monotonic() < deadline, "this never came"
        time.sleep(0.005)
    return seen


class Outside:
    """What there is to get at."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for above in (folder, *folder.parents[:-1]):
            with contextlib.suppress(PermissionError):
                above.chmod(above.stat().st_mode | 0o055)
        folder.chmod(0o777)
        self.canary = folder / "canary"
        self.canary.write_text("alive")
        self.canary.chmod(0o666)
        (folder / "link").symlink_to(self.canary)
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.abstract, self.unix = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
        self.abstract.bind(f"\0{os.urandom(8).hex()}")
        self.unix.bind(str(folder / "socket"))
        (folder / "socket").chmod(0o777)
        for each in (self.abstract, self.unix):
            each.listen(8)
        for each in (self.tcp, self.abstract, self.unix):
            each.setblocking(False)
        self.key = int.from_bytes(os.urandom(3), "little") | 1
        self._segment = ctypes.CDLL(None).shmget(self.key, 4096, 0o1666)
        assert self._segment >= 0

    def came(self) -> int:
        """How many connected."""
        count = 0
        for each in (self.tcp, self.abstract, self.unix):
            with contextlib.suppress(BlockingIOError):
                while True:
                    each.accept()[0].close()
                    count += 1
        return count

    def names(self) -> str:
        """As source."""
        told = {
            "CANARY": str(self.canary), "FOLDER": str(self.folder), "LINK": str(self.folder / "link"),
            "PORT": self.tcp.getsockname()[1], "ABSTRACT": self.abstract.getsockname(), "HOST": os.getpid(),
            "KEY": self.key, "NODE": os.uname().nodename, "LIBRARY": os.path.dirname(os.__file__).encode(),
        }  # fmt: skip
        return "\n".join(f"{name} = {value!r}" for name, value in told.items()) + "\n"

    def close(self) -> None:
        ctypes.CDLL(None).shmctl(self._segment, 0, None)
        for each in (self.tcp, self.abstract, self.unix):
            each.close()


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    made = Outside(tmp_path_factory.mktemp("outside"))
    yield made
    made.close()


def _worked(runtime: Runtime, outside: Outside, source: str) -> bool:
    observation = runtime.session().run(_PREPARED + outside.names() + source)
    assert observation.outcome in ("completed", "raised"), observation.text
    assert observation.error is None or observation.error.type in _ORDINARY, observation.text
    return observation.value == "True"


_ORDINARY = {
    "FileNotFoundError", "PermissionError", "ProcessLookupError", "OSError", "ConnectionRefusedError", "NotADirectoryError",
}  # fmt: skip


@pytest.mark.parametrize("name", ATTEMPTS)
def test_what_is_outside_is_not_there(name: str, alone: Runtime, without: Runtime, outside: Outside) -> None:
    """Without namespaces the attempt succeeds; with them there is nothing that it could be about."""
    assert _worked(without, outside, ATTEMPTS[name]), "the attempt is not one"
    outside.came()
    entered = bool(_prepared(alone).namespaces)
    assert _worked(alone, outside, ATTEMPTS[name]) is not entered
    assert outside.came() == 0 or not entered
    assert outside.canary.read_text() == "alive"


@pytest.mark.parametrize("name", _NEVER)
def test_there_is_no_way_out_and_none_to_make_one(name: str, alone: Runtime, outside: Outside) -> None:
    """Not by descriptors, mounts, roots in roots, or namespaces inside the namespaces. Capabilities are gone either way."""
    if not _prepared(alone).namespaces and name.startswith("nested"):
        assert _prepared(alone).not_entered
        return
    assert not _worked(alone, outside, _NEVER[name])
    assert outside.canary.read_text() == "alive"


def test_the_kernel_says_that_nothing_of_the_hosts_is_shared(alone: Runtime) -> None:
    """All six links, the root, the ids and the sets of capabilities of a worker that stands by."""
    pid = _until(lambda: [each.pid for each in alone._core.launcher._ready])[0]
    same = {
        name for name in NAMESPACES if os.readlink(f"/proc/{pid}/ns/{name}") == os.readlink(f"/proc/self/ns/{name}")
    }
    status = Path(f"/proc/{pid}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    uid = str(alone.worker_uid)
    assert fields["Uid"].split() == [uid] * 4
    assert {fields[name].strip() for name in ("CapEff", "CapPrm", "CapInh", "CapAmb")} == {"0" * 16}
    if not _prepared(alone).namespaces:
        assert same == set(NAMESPACES)
        assert _prepared(alone).not_entered
        return
    assert same == set()
    assert fields["CapBnd"].strip() == "0" * 16
    assert int(fields["NSpid"].split()[0]) == pid != int(fields["NSpid"].split()[1])
    assert Path(f"/proc/{pid}/uid_map").read_text().split() == [uid, uid, "1"]
    mounts = [line.split() for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines()]
    slots = str(alone._core.folder / "slots")
    for mount in mounts:
        options = set(mount[5].split(","))
        assert {"nosuid", "nodev", "noexec"} <= options, mount
        assert ("rw" in options) == (mount[4] == os.path.realpath(slots)), mount
    assert not any(" proc " in " ".join(mount) for mount in mounts)


def test_the_first_process_of_the_table_is_held_like_a_worker() -> None:
    """No capability, the filter, its limits, and no descriptor but its end of a pipe."""
    with Runtime("strict") as runtime:
        first = _first(runtime)
        if not first:
            assert _prepared(runtime).not_entered
            return
        held = _until(lambda: "Seccomp:\t2" in Path(f"/proc/{first}/status").read_text() and _descriptors(first))
        fields = dict(
            line.split(":\t", 1) for line in Path(f"/proc/{first}/status").read_text().splitlines() if ":\t" in line
        )
        assert {fields[name].strip() for name in ("CapEff", "CapPrm", "CapInh", "CapAmb", "CapBnd")} == {"0" * 16}
        assert fields["NSpid"].split() == [str(first), "1"]
        assert fields["NoNewPrivs"].strip() == "1"
        assert sorted(held) == [0, 1, 2, 3]
        assert {held[number] for number in (0, 1, 2)} == {"/dev/null"}
        assert held[3].startswith("pipe:")


def _descriptors(pid: int) -> dict[int, str]:
    return {int(entry.name): os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()}


def test_files_of_a_workspace_go_in_and_out_and_keep_their_owner(alone: Runtime) -> None:
    """The host moves them into the slot from outside, in the middle of the worker's life."""
    session = alone.session()
    session.files.write("in.txt", b"in")
    observation = session.run(
        "import os\nopen('out.txt', 'w').write(open('in.txt').read() * 2)\nos.stat('out.txt').st_uid"
    )
    assert observation.value == str(alone.worker_uid)
    assert session.files.read("out.txt") == b"inin"


def test_what_a_policy_grants_is_readable_by_the_names_it_was_granted_by(tmp_path: Path) -> None:
    """A link to a folder elsewhere, a single file, a device; beside them nothing, and nothing is writable."""
    for above in (tmp_path, *tmp_path.parents[:-1]):
        with contextlib.suppress(PermissionError):
            above.chmod(above.stat().st_mode | 0o055)
    (tmp_path / "real" / "deep").mkdir(parents=True)
    (tmp_path / "real" / "deep" / "a").write_text("granted")
    (tmp_path / "single").write_text("granted")
    (tmp_path / "beside").write_text("secret")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    granted = [str(tmp_path / "link"), str(tmp_path / "single"), "/dev/urandom"]
    policy = Policy.from_dict({
        "version": 1, "name": "reading", "extends": "strict", "language": {"restricted": False},
        "limits": {"workspace_mb": 8, "workspace_files": 20},
        "filesystem": {"workspace": "rw", "read": [{"path": path, "why": "test"} for path in granted]},
    })  # fmt: skip
    with Runtime(policy) as runtime:
        entered = bool(_prepared(runtime).namespaces)
        session = runtime.session()
        for name in ("link/deep/a", "single", "real/deep/a"):
            assert session.run(f"open({str(tmp_path / name)!r}).read()").value == "'granted'", name
        assert session.run("len(open('/dev/urandom', 'rb').read(4))").value == "4"
        closed = session.run(f"open({str(tmp_path / 'beside')!r}).read()")
        assert closed.error is not None
        assert closed.error.type == ("FileNotFoundError" if entered else "PermissionError")
        assert session.run(f"open({str(tmp_path / 'real/deep/a')!r}, 'a')").outcome == "raised"


def test_a_folder_for_temporary_files_behind_a_link_is_found_by_both_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers are told the one, and find themselves in the other."""
    for above in (tmp_path, *tmp_path.parents[:-1]):
        with contextlib.suppress(PermissionError):
            above.chmod(above.stat().st_mode | 0o055)
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "link"))
    with _runtime("preferred") as runtime:
        session = runtime.session()
        session.files.write("in.txt", b"in")
        said = session.run("import os\nos.path.dirname(os.path.dirname(os.getcwd())), open('in.txt').read()").value
        [folder] = (tmp_path / "real").iterdir()
        assert said == repr((str(folder / "slots"), "in"))
    assert list((tmp_path / "real").iterdir()) == []


def test_a_policy_that_grants_everything_goes_on_without() -> None:
    """There is nothing to leave out; the reason is told, and the action reads what it was granted."""
    policy = Policy.from_dict({
        "version": 1, "name": "all", "extends": "strict", "filesystem": {"read": [{"path": "/", "why": "test"}]},
        "language": {"restricted": False},
    })  # fmt: skip
    with Runtime(policy) as runtime:
        assert _prepared(runtime).namespaces == []
        assert _prepared(runtime).not_entered
        assert runtime.session().run("len(open('/proc/version').read()) > 0").value == "True"


# ---- ends


def _gone(pids: list[int]) -> Callable[[], bool]:
    return lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids)


def _inside(runtime: Runtime) -> list[int]:
    launcher = runtime._core.launcher
    return [pid for pid in (launcher._zygote.pid, _first(runtime), *launcher._alive) if pid]


def _first(runtime: Runtime) -> int:
    prepared = runtime._core.launcher._zygote.prepared
    assert prepared is not None
    return prepared.first


@pytest.mark.parametrize("whom", ["zygote", "first"])
def test_the_end_of_the_zygote_or_of_the_table_ends_all_and_sessions_go_on(whom: str) -> None:
    """Another zygote takes over, in namespaces of its own; nothing of the old ones is left."""
    with _runtime("preferred") as runtime:
        session = runtime.session()
        assert session.run("x = 41").outcome == "completed"
        before = _until(lambda: len(runtime._core.launcher._ready) == 2 and _inside(runtime))
        victim = runtime._core.launcher._zygote.pid if whom == "zygote" or not _first(runtime) else _first(runtime)
        os.kill(victim, signal.SIGKILL)
        _until(_gone(before))
        assert session.run("x + 1").value == "42"
        again = runtime._core.launcher._zygote.prepared
        assert again is not None
        assert again.namespaces == _prepared(runtime).namespaces


def test_closing_leaves_no_process_and_no_zombie() -> None:
    """Everything is reaped when `close` returns."""
    runtime = _runtime("preferred")
    assert runtime.session().run("1").outcome == "completed"
    inside = _inside(runtime)
    runtime.close()
    assert _gone(inside)()


def test_a_host_that_is_killed_takes_everything_along() -> None:
    """By SIGKILL, with an action in the middle of its work."""
    program = (
        "import threading, time\nfrom safe_codeact import Runtime\nruntime = Runtime('strict')\nsession = runtime.session()\n"
        "threading.Thread(target=session.run, args=('import time\\ntime.sleep(20)',), daemon=True).start()\n"
        "launcher = runtime._core.launcher\nwhile len(launcher._alive) < 3: time.sleep(0.01)\n"
        "print(launcher._zygote.pid, launcher.prepared().first, *launcher._alive, flush=True)\ntime.sleep(100)"
    )
    host = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert host.stdout is not None
    inside = [int(pid) for pid in host.stdout.readline().split() if pid != "0"]
    host.kill()
    host.communicate()
    assert len(inside) >= 4
    _until(lambda: not any(_runs(pid) for pid in inside))


def _runs(pid: int) -> bool:
    """Not gone, and not a zombie that nobody but the machine's first process may reap."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


# ---- without


def _behind_a_filter(names: str, *command: str) -> dict[str, Any]:
    """Run a program behind a filter that answers these calls with EPERM, and what it printed."""
    program = (
        "import os, struct, sys\nfrom safe_codeact.kernel import libc, process, seccomp\n"
        "def instruction(code, true, false, k): return struct.pack('<HBBI', code, true, false, k)\n"
        "numbers = {'unshare': (272, 97), 'mount_setattr': (442, 442), 'pivot_root': (155, 41), 'umount2': (166, 39)}\n"
        "filter = instruction(0x20, 0, 0, 0)\n"
        "for name in sys.argv[1].split(): filter += instruction(0x15, 0, 1, numbers[name][libc.MACHINE != 'x86_64']) + "
        "instruction(6, 0, 0, 0x50001)\n"
        "process.forbid_new_privileges()\nseccomp.install(filter + instruction(6, 0, 0, 0x7fff0000))\n"
        "os.execv(sys.executable, [sys.executable, *sys.argv[2:]])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, names, *command], capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.stdout, ended.stderr
    said: dict[str, Any] = json.loads(ended.stdout)
    return said


_REPORT = """
import json, os
from safe_codeact import ConfinementUnavailable, Policy, Runtime
def policy(need): return Policy.from_dict({'version': 1, 'name': 'x', 'extends': 'strict', 'isolation': {'namespaces': need}})
with Runtime(policy('preferred')) as runtime:
    launcher = runtime._core.launcher
    value = runtime.session().run('6 * 7').value
    prepared = launcher.prepared()
    same = all(os.readlink(f'/proc/{launcher._zygote.pid}/ns/{name}') == os.readlink(f'/proc/self/ns/{name}')
               for name in ('user', 'mnt', 'net', 'ipc', 'uts', 'pid', 'pid_for_children'))
try:
    Runtime(policy('required'))
    refused = ''
except ConfinementUnavailable as error:
    refused = str(error)
print(json.dumps({'value': value, 'entered': prepared.namespaces, 'why': prepared.not_entered, 'same': same, 'refused': refused}))
"""


@pytest.mark.parametrize("call", ["unshare", "mount_setattr", "pivot_root", "umount2"])
def test_where_a_step_is_refused_nothing_is_half_done_and_the_reason_is_told(call: str) -> None:
    """`preferred` goes on in the host's own namespaces, all of them; `required` does not go on."""
    said = _behind_a_filter(call, "-c", _REPORT)
    reason = said["why"]
    assert said["value"] == "42"
    assert said["entered"] == []
    assert said["same"] is True
    assert reason.endswith("Operation not permitted")
    assert said["refused"] == (
        f"isolation.namespaces: required, and not to be had here: {reason}. In a container, a profile that allows "
        "unshare(2) and mount(2) is needed, elsewhere user namespaces for this account (`sysctl "
        "user.max_user_namespaces`); or say `preferred`. `safe-codeact doctor` says what this machine offers."
    )


def test_doctor_says_what_is_missing_and_what_would_mend_it() -> None:
    """A line of its own; the policy only prefers them, so the machine is usable."""
    document = _behind_a_filter("unshare", "-m", "safe_codeact", "doctor", "--json")
    lines = {line["protection"]: line for line in document["protections"]}
    assert document["usable"] is True
    assert lines["namespaces"]["state"] == lines["names of files"]["state"] == "not required"
    assert lines["namespaces"]["detail"] == "none of the workers' own: unshare: Operation not permitted"
    assert lines["namespaces"]["mend"]
    assert "stat(2) and readlink(2) still tell" in lines["names of files"]["detail"]


def test_a_policy_that_wants_none_gets_none(without: Runtime) -> None:
    """And says whose wish that was."""
    assert _prepared(without).namespaces == []
    assert _prepared(without).not_entered == "the policy says `namespaces: off`"


def test_a_worker_without_what_is_required_is_never_used(without: Runtime) -> None:
    """Planted: the host expects namespaces that the zygote was not asked for."""
    with _runtime("off") as runtime:
        runtime._core.launcher._plan = replace(runtime._core.plan, namespaces="required")
        with pytest.raises(
            ConfinementFailed, match="a worker is not held as planned: namespaces are required, and it says"
        ):
            _until(lambda: [runtime.session().run("1") for _ in range(4)] and None)
