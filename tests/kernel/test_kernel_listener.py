"""Hearing of a stopped call from outside: tried, never blocking, and never answered."""

from __future__ import annotations

import json
import platform
import subprocess
import sys

from kernel_children import in_child

from safe_codeact.confine.syscalls import LISTENED_STAGES, MACHINES, program_names

MACHINE = platform.machine()
_PREPARE = f"""
import select, socket, struct, time
from safe_codeact.confine.protections import read_programs
from safe_codeact.kernel import listener
TOLD = read_programs({program_names("workspace", MACHINE, LISTENED_STAGES)!r})[0]
def instruction(code, true, false, k): return struct.pack('<HBBI', code, true, false, k)
def ready(source, seconds=5):
    poller = select.poll()
    poller.register(source, select.POLLIN)
    return dict(poller.poll(seconds * 1000)).get(source, 0)
def confined(work):
    'A child under the filter that does its work; its pid and its listener.'
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        process.forbid_new_privileges()
        opened = seccomp.install_listened(TOLD)
        socket.send_fds(theirs, [b'x'], [opened])
        os.close(opened)
        work()
        os._exit(7)
    theirs.close()
    return child, socket.recv_fds(ours, 1, 1)[1][0]
"""


def test_a_listener_is_tried_with_the_workers_own_program_and_leaves_nothing() -> None:
    """It works here; no child and no descriptor is left."""
    said, _ = in_child(
        _PREPARE
        + """
before = os.listdir('/proc/self/fd')
works = listener.works(TOLD)
say(works=works, left=os.listdir('/proc/self/fd') != before, children=attempt(os.waitpid, -1, os.WNOHANG))
"""
    )
    assert said == {"works": True, "left": False, "children": "ECHILD"}


def test_a_filter_around_that_has_a_listener_leaves_none_for_us() -> None:
    """As in a container whose manager listens: EBUSY is heard as "no", and the trial leaves nothing there either."""
    said, _ = in_child(
        _PREPARE
        + """
process.forbid_new_privileges()
outer = seccomp.install_listened(instruction(6, 0, 0, 0x7fff0000))
say(works=listener.works(TOLD), errno=attempt(seccomp.install_listened, TOLD))
"""
    )
    assert said == {"works": False, "errno": "EBUSY"}


def test_a_filter_around_that_refuses_a_call_of_the_handover_leaves_none_for_us() -> None:
    """Every step of the trial may fail; each is "no"."""
    said, _ = in_child(
        _PREPARE
        + """
answers = []
for number, errno_ in ((libc._NUMBERS[libc.MACHINE]['seccomp'], 1), ({'x86_64': 46, 'aarch64': 211}[libc.MACHINE], 1),
                       ({'x86_64': 16, 'aarch64': 29}[libc.MACHINE], 22)):
    child = os.fork()
    if child == 0:
        process.forbid_new_privileges()
        seccomp.install(instruction(0x20, 0, 0, 0) + instruction(0x15, 0, 1, number)
                        + instruction(6, 0, 0, 0x50000 | errno_) + instruction(6, 0, 0, 0x7fff0000))
        os._exit(listener.works(TOLD))
    answers.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
say(answers=answers)
"""
    )
    assert said == {"answers": [0, 0, 0]}


def test_a_stopped_call_is_told_with_its_number_and_never_made() -> None:
    """Negative and large numbers too; while it waits the caller stands still, and killed it is gone."""
    said, _ = in_child(
        _PREPARE
        + """
answers = []
for number in (600, 2**30 - 1, -1):
    child, opened = confined(lambda: libc.LIBC.syscall(libc.ctypes.c_long(number)))
    assert ready(opened) & select.POLLIN
    heard = listener.receive(opened)
    still = os.waitpid(child, os.WNOHANG) == (0, 0)
    os.kill(child, signal.SIGKILL)
    answers.append([heard.number, heard.architecture, still, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])])
say(answers=answers)
"""
    )
    arch = MACHINES[MACHINE]
    assert said == {"answers": [[number, arch, True, -9] for number in (600, 2**30 - 1, -1)]}


def test_reading_never_waits_whatever_became_of_the_caller() -> None:
    """Nothing there yet; interrupted by a signal of its own; killed before anybody read; all gone."""
    said, _ = in_child(
        _PREPARE
        + """
def interrupted():
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    answer = libc.LIBC.syscall(libc.ctypes.c_long(600))
    os._exit(libc.ctypes.get_errno() if answer == -1 else 99)
quiet, opened = confined(lambda: time.sleep(5))
nothing = listener.receive(opened).number
os.kill(quiet, signal.SIGKILL)
os.waitpid(quiet, 0)
hung_up = ready(opened)
gone = listener.receive(opened).number
child, opened = confined(interrupted)
ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
interrupted_one = listener.receive(opened).number
child, opened = confined(lambda: libc.LIBC.syscall(libc.ctypes.c_long(600)))
pending = bool(ready(opened) & select.POLLIN)
os.kill(child, signal.SIGKILL)
os.waitpid(child, 0)
killed = listener.receive(opened).number
say(nothing=nothing, hung_up=hung_up == select.POLLHUP, gone=gone, ended=errno.errorcode[ended], pending=pending,
    interrupted=interrupted_one, killed=killed)
"""
    )
    assert said == {
        "nothing": None, "hung_up": True, "gone": None, "ended": "EINTR", "pending": True, "interrupted": None, "killed": None,
    }  # fmt: skip


def test_with_the_listener_gone_a_forbidden_call_fails_and_is_not_made() -> None:
    """ENOSYS: what a zygote that dies leaves behind, for as long as its workers outlive it."""
    said, _ = in_child(
        _PREPARE
        + """
ours, theirs = os.pipe()
def work():
    os.read(ours, 1)
    answer = libc.LIBC.syscall(libc.ctypes.c_long(600))
    os._exit(libc.ctypes.get_errno() if answer == -1 else 99)
child, opened = confined(work)
os.close(opened)
os.write(theirs, b'x')
say(ended=errno.errorcode[os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])])
"""
    )
    assert said == {"ended": "ENOSYS"}


def test_the_probe_says_whether_a_listener_will_be_heard() -> None:
    """As `doctor` asks it."""
    ended = subprocess.run(
        [sys.executable, "-s", "-P", "-m", "safe_codeact.kernel.probe"], capture_output=True, timeout=60, check=True
    )
    assert json.loads(ended.stdout)["listener"] is True


def test_every_descriptor_is_closed_but_the_one_that_is_kept() -> None:
    """Wherever it lies; and the low numbers are taken before anything needs them."""
    said, _ = in_child(
        """
process.take_descriptors_up_to(9)
taken = [number for number in range(3, 12) if os.path.exists(f'/proc/self/fd/{number}')]
lowest = os.dup(1)
answers = []
for keep in (None, 4, 11, 60):
    child = os.fork()
    if child == 0:
        for number in range(3, 64):
            os.dup2(1, number)
        process.close_descriptors_above(3, keep)
        os._exit(sum(attempt(os.fstat, number) != 'EBADF' for number in range(4, 64)) + (attempt(os.fstat, keep) == 'EBADF' if keep else 0) * 50)
    answers.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
say(taken=taken, lowest=lowest, answers=answers)
"""
    )
    assert said == {"taken": list(range(3, 10)), "lowest": 10, "answers": [0, 1, 1, 1]}
