"""Which system call the filter stopped: told from outside the worker, or said not to be known; and nobody gets at the ear."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safe_codeact import Outcome, Policy, Runtime, StoreError, tool

X86 = platform.machine() == "x86_64"
PTRACE = 101 if X86 else 117
_CALL = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def call(number, *arguments):
    'The result, or minus the errno.'
    given = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result = libc.syscall(ctypes.c_long(number), *given)
    return result if result >= 0 else -ctypes.get_errno()
"""
_NAMED = "The kernel's filter ended the action: it made the system call `ptrace`, which no policy allows."
_UNNAMED = "The kernel's filter ended the action: it made a system call (the kernel does not tell which), which no policy allows."


OPEN = Policy.from_dict({"version": 1, "name": "open", "extends": "strict", "language": {"restricted": False},
                         "limits": {"wall_seconds": 20}})  # fmt: skip


@pytest.fixture(scope="module")
def runtime() -> Iterator[Runtime]:
    with Runtime(OPEN, max_workers=16) as made:
        yield made


def test_the_observation_names_the_call_and_the_session_goes_on(runtime: Runtime) -> None:
    """In the text and in the error; what the action bound is not kept, what was there is."""
    session = runtime.session()
    session.run("kept = 1")
    observation = session.run(_CALL + f"kept = 2\nprint('before')\ncall({PTRACE}, 0, 0, 0, 0)\nprint('after')")
    assert observation.outcome is Outcome.forbidden_syscall
    assert observation.text == "before\n" + _NAMED
    assert observation.error is not None
    assert (observation.error.type, observation.error.message, observation.error.line) == (
        "ForbiddenSystemCall",
        _NAMED,
        None,
    )
    assert session.run("kept").value == "1"


@pytest.mark.parametrize("number", [600, 2**29, -1])
def test_a_call_without_a_name_is_told_by_its_number(runtime: Runtime, number: int) -> None:
    observation = runtime.session().run(_CALL + f"call({number})")
    assert f"it made system call {number}, which no policy allows" in observation.text


def test_a_call_of_another_architecture_kills_and_is_not_told(runtime: Runtime) -> None:
    """The filter kills by itself there: a number means another call, and nobody is asked. (x32 is x86_64's alone.)"""
    for number in [0x40000000 | 39] * X86:
        observation = runtime.session().run(_CALL + f"call({number})")
        assert (observation.outcome, observation.text) == (Outcome.forbidden_syscall, _UNNAMED)


def test_many_at_once_are_each_told_their_own(runtime: Runtime) -> None:
    """Twelve sessions, a call each."""
    said: dict[int, str] = {}
    sessions = {number: runtime.session() for number in range(700, 712)}

    def run(number: int) -> None:
        said[number] = sessions[number].run(_CALL + f"call({number})").text

    threads = [threading.Thread(target=run, args=(number,)) for number in sessions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(f"system call {number}," in said[number] for number in sessions), said


def test_a_forbidden_call_while_saving_or_restoring_is_told_and_costs_no_state(runtime: Runtime) -> None:
    """By code of the action that runs after it, or before the next one."""
    session = runtime.session()
    session.run("kept = 1")
    while_saving = (
        "import sys\nkept = 2\n"
        "for name in [name for name in sys.modules if name.startswith('safe_codeact.guest.namespace')]:\n"
        f"    vars(sys.modules[name]).update(save=lambda *a, **k: call({PTRACE}, 0, 0, 0, 0))"
    )
    assert session.run(_CALL + while_saving).text == _NAMED
    assert session.run("kept").value == "1"
    session.run(
        "import os\nhere = os.getpid()\nclass Key:\n    def __hash__(self):\n        import ctypes, os\n"
        "        if os.getpid() != here: ctypes.CDLL(None).ptrace(0, 0, 0, 0)\n        return 1\nmade = {Key(): 1}"
    )
    assert session.run("len(made)").text == _NAMED
    with pytest.raises(StoreError, match="the worker ended without an answer"):
        session.get("made")
    assert session.get("kept") == 1


def test_no_process_but_the_zygote_holds_a_listener() -> None:
    """Seen from outside: one for each worker, standing by or at work, and in no worker any."""
    seen: list[tuple[int, int]] = []

    def count() -> tuple[int, int]:
        starting = list(launcher._starting.values())
        locked_down = [pid for pid, worker in list(launcher._alive.items()) if worker not in starting]
        inside = sum(len(_listeners(pid)) for pid in locked_down)
        return len(_listeners(launcher._zygote.pid)), inside

    @tool
    def look() -> None:
        """Count them while an action runs."""
        seen.append(count())

    with Runtime(OPEN, tools=[look], standby=3) as own:
        launcher = own._core.launcher
        assert own.session().run("look()").outcome is Outcome.completed
        while len(launcher._ready) < 3 or len(launcher._alive) > 3:
            time.sleep(0.01)
        seen.append(count())
    assert all(listeners >= 1 and inside == 0 for listeners, inside in seen), seen
    assert seen[-1] == (3, 0)


def _opened(pid: int) -> list[str]:
    try:
        return [os.readlink(f"/proc/{pid}/fd/{number}") for number in os.listdir(f"/proc/{pid}/fd")]
    except FileNotFoundError:  # it ended
        return []


def _listeners(pid: int) -> list[str]:
    return [link for link in _opened(pid) if "seccomp notify" in link]


_ATTACKS = {
    "a listener among its descriptors": "room = ctypes.create_string_buffer(200)\n"
    "got = [fd for fd in range(1024) if libc.ioctl(fd, ctypes.c_ulong(0xC0502100), room) == 0]",
    "a listener of its own": "made = call(317 if X86 else 277, 1, 8, ctypes.byref(program))\ngot = [made] if made >= 0 else []",
    "another filter": "got = [1] if call(317 if X86 else 277, 1, 0, ctypes.byref(program)) >= 0 else []",
    "a filter by prctl": "got = [1] if call(157 if X86 else 167, 22, 2, ctypes.byref(program), 0, 0) >= 0 else []",
    "sizes of notifications": "got = [1] if call(317 if X86 else 277, 3, 0, ctypes.create_string_buffer(64)) >= 0 else []",
    "sendmsg to the host": "got = [1] if call(46 if X86 else 211, 3, ctypes.create_string_buffer(56), 0) >= 0 else []",
    "more descriptors": "got = [1] if call(302 if X86 else 261, 0, 7, (ctypes.c_uint64 * 2)(512, 512), 0) >= 0 else []",
    "more descriptors, with high bits": "got = [1] if call(302 if X86 else 261, 0, 2**32 + 7, (ctypes.c_uint64 * 2)(64, 64), 0) >= 0 else []",
}


@pytest.mark.parametrize("attack", _ATTACKS.values(), ids=_ATTACKS)
def test_native_code_gets_at_no_listener_and_at_nothing_of_the_handover(runtime: Runtime, attack: str) -> None:
    """Each is refused with an errno, and afterwards a forbidden call is told as ever."""
    program = "program = (ctypes.c_uint64 * 2)(1, ctypes.addressof(ctypes.c_uint64(0x7FFF000000000006)))\n"
    session = runtime.session()
    observation = session.run(
        f"{_CALL}X86 = {X86}\n{program}{attack}\nprint('got', got, flush=True)\ncall({PTRACE}, 0, 0, 0, 0)"
    )
    assert observation.text == "got []\n" + _NAMED


_INTERRUPTED = """
import signal
class Action(ctypes.Structure):
    _fields_ = [('handler', ctypes.c_void_p), ('mask', ctypes.c_ulong * 16), ('flags', ctypes.c_int), ('restorer', ctypes.c_void_p)]
libc.sigaction(signal.SIGALRM, ctypes.byref(Action(ctypes.cast(libc.labs, ctypes.c_void_p))), None)
soon = (ctypes.c_long * 4)(0, 0, 0, 30)
survived = []
for _ in range(100_000):
    libc.setitimer(0, soon, None)
    survived.append(call(PTRACE, 0, 0, 0, 0))
    print(survived[-1], flush=True)
"""


def test_a_worker_that_interrupts_its_own_calls_makes_none_of_them_and_is_killed(runtime: Runtime) -> None:
    """Each that was taken back by a signal failed with EINTR; the first that is heard ends it."""
    observation = runtime.session().run(f"{_CALL}PTRACE = {PTRACE}\n{_INTERRUPTED}")
    assert observation.outcome is Outcome.forbidden_syscall
    assert set(observation.stdout.split()) <= {"-4"}


@pytest.fixture
def paused() -> Iterator[Any]:
    """A runtime whose zygote can be stopped while a worker waits in a forbidden call."""
    reached = threading.Event()

    @tool
    def mark() -> None:
        """The next thing that the action does is the call."""
        reached.set()

    with Runtime(OPEN, tools=[mark], standby=1) as made:
        session = made.session()
        session.run("kept = 1")
        zygote = made._core.launcher._zygote.pid

        def begin() -> tuple[threading.Thread, list[Any]]:
            while not made._core.launcher._ready:
                time.sleep(0.01)
            os.kill(zygote, signal.SIGSTOP)
            heard: list[Any] = []
            thread = threading.Thread(
                target=lambda: heard.append(session.run(_CALL + f"kept = 2\nmark()\ncall({PTRACE}, 0, 0, 0, 0)"))
            )
            thread.start()
            assert reached.wait(30)
            time.sleep(0.2)  # nothing tells us that it is in the call; if it is not yet, the end is the same
            return thread, heard

        yield begin, session, zygote, made._core.launcher


def test_a_worker_killed_while_its_call_waits_leaves_nothing_behind(paused: Any) -> None:
    """The zygote hears too late: it goes on all the same."""
    begin, session, zygote, launcher = paused
    thread, heard = begin()
    for worker in list(launcher._alive.values()):
        worker.kill()
    os.kill(zygote, signal.SIGCONT)
    thread.join()
    assert heard[0].outcome in (
        Outcome.memory_exceeded,
        Outcome.forbidden_syscall,
    )  # SIGKILL, and who sent it is not told
    assert session.run("kept").value == "1"
    assert session.run(_CALL + f"call({PTRACE}, 0, 0, 0, 0)").text == _NAMED


def test_a_zygote_that_dies_while_a_call_waits_takes_the_worker_along(paused: Any) -> None:
    """Nothing was told; the call was never made (the kernel fails it, and then the worker dies, in this order or at once);
    another zygote serves the session."""
    begin, session, zygote, _launcher = paused
    thread, heard = begin()
    os.kill(zygote, signal.SIGKILL)
    thread.join()
    ended = heard[0]
    failed = ended.outcome is Outcome.completed  # it had its errno, and an end of its own, before the signal came
    killed = (Outcome.crashed, Outcome.forbidden_syscall, Outcome.timed_out)
    assert ended.value == "-38" if failed else ended.outcome in killed
    assert session.run("kept").value == ("2" if failed else "1")
    assert session.run(_CALL + f"call({PTRACE}, 0, 0, 0, 0)").text == _NAMED


_BEHIND_A_LISTENER = """
import ctypes, json, struct, sys
from safe_codeact import Policy, Runtime
from safe_codeact.kernel import process, seccomp
process.forbid_new_privileges()
around = seccomp.install_listened(struct.pack('<HBBI', 6, 0, 0, 0x7fff0000))
policy = Policy.from_dict({'version': 1, 'name': 'x', 'extends': 'strict', 'language': {'restricted': False}})
receipts = []
with Runtime(policy) as runtime:
    launcher = runtime._core.launcher
    admit = launcher._admit
    launcher._admit = lambda worker, ready: (receipts.append(ready.receipt['listener']), admit(worker, ready))
    session = runtime.session()
    value = session.run('kept = 42\\nkept').value
    ended = session.run("import ctypes\\nctypes.CDLL(None).ptrace(0, 0, 0, 0)")
    after = session.run('kept').value
print(json.dumps([value, ended.outcome, ended.text, after, sorted(set(receipts))]))
"""


def test_where_nobody_can_listen_the_filter_kills_and_the_observation_says_so() -> None:
    """Behind a filter that has a listener already, as some containers put one around: visible in receipt and text."""
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", _BEHIND_A_LISTENER], capture_output=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr.decode()
    assert json.loads(ended.stdout) == ["42", "forbidden_syscall", _UNNAMED, "42", [False]]


def test_doctor_says_whether_calls_are_named(tmp_path: Path) -> None:
    """A line of its own, which nothing requires, and what would mend it."""
    program = (
        "import os, struct, sys\nfrom safe_codeact.kernel import process, seccomp\nprocess.forbid_new_privileges()\n"
        "os.set_inheritable(seccomp.install_listened(struct.pack('<HBBI', 6, 0, 0, 0x7fff0000)), True)\n"
        "os.execv(sys.executable, [sys.executable, '-m', 'safe_codeact', 'doctor', '--json'])"
    )
    lines = []
    for command in (["-m", "safe_codeact", "doctor", "--json"], ["-c", program]):
        ended = subprocess.run([sys.executable, *command], capture_output=True, timeout=120, check=False, cwd=tmp_path)
        document = json.loads(ended.stdout)
        assert (ended.returncode, document["usable"]) == (0, True)
        lines += [line for line in document["protections"] if line["protection"] == "names of calls"]
    assert [line["state"] for line in lines] == ["held", "not required"]
    assert "has a listener" in lines[1]["detail"]
    assert "Linux 5.0" in lines[1]["mend"]
