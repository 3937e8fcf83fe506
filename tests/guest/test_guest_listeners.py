"""What the zygote makes of a worker that hands its listener over well, badly, or never, and of the calls it hears of."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

_BEFORE = """
import ctypes, json, os, platform, select, signal, socket, time
from safe_codeact.confine.protections import read_programs
from safe_codeact.confine.syscalls import LISTENED_STAGES, program_names
from safe_codeact.guest.listeners import Listeners
from safe_codeact.kernel import process, seccomp
from safe_codeact.kernel.libc import LIBC
TOLD = read_programs(program_names("workspace", platform.machine(), LISTENED_STAGES))[0]
poller, told, pids = select.poll(), [], {}
listeners = Listeners(poller, told.append)
def worker(work):
    'Fork one that runs `work` on its end of the handover; its pid.'
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        ours.close()
        work(theirs)
        signal.pause()
        os._exit(0)
    theirs.close()
    pidfd = os.pidfd_open(child)
    pids[pidfd] = child
    poller.register(pidfd, select.POLLIN)
    listeners.expect(child, pidfd, ours)
    return child
def well(handover):
    process.forbid_new_privileges()
    opened = seccomp.install_listened(TOLD)
    socket.send_fds(handover, [b'x'], [opened])
    os.close(opened)
    handover.close()
def serve():
    'As the zygote: until every worker has ended; their statuses in the order of their ends.'
    ended = {}
    while pids:
        for descriptor, events in sorted(poller.poll(10_000), key=lambda event: event[0] not in listeners):
            if descriptor in pids:
                child = pids.pop(descriptor)
                ended[child] = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
                poller.unregister(descriptor)
                listeners.forget(descriptor)
                os.close(descriptor)
            else:
                listeners.hear(descriptor, events)
    return ended
before = sorted(os.listdir('/proc/self/fd'))
def say(**values):
    print(json.dumps({**values, 'left': sorted(os.listdir('/proc/self/fd')) != before}))
"""


def _zygote(source: str) -> dict[str, Any]:
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", _BEFORE + source], capture_output=True, timeout=60, check=False
    )
    assert ended.returncode == 0, ended.stderr.decode()
    said: dict[str, Any] = json.loads(ended.stdout)
    return said


def test_a_worker_that_hands_nothing_over_is_killed() -> None:
    """It closed its end, sent no descriptor, sent something that is none, or ended: nothing is told, nothing is left."""
    said = _zygote("""
children = [worker(work) for work in (
    lambda handover: handover.close(),
    lambda handover: handover.send(b'x'),
    lambda handover: os._exit(3),
)]
ended = serve()
say(ended=[ended[child] for child in children], told=len(told))
""")
    assert said == {"ended": [-9, -9, 3], "told": 0, "left": False}


def test_each_worker_is_told_once_with_its_own_call_however_many_there_are() -> None:
    """Forty at once, each with another number; one notification ends one worker."""
    said = _zygote("""
def calls(number):
    def work(handover):
        well(handover)
        for _ in range(100):
            LIBC.syscall(ctypes.c_long(number))
    return work
children = {worker(calls(number)): number for number in range(600, 640)}
ended = serve()
say(statuses=sorted(set(ended.values())), right={each.pid: each.number for each in told} == children, told=len(told))
""")
    assert said == {"statuses": [-9], "right": True, "told": 40, "left": False}


def test_a_worker_that_is_killed_while_its_call_waits_leaves_nothing() -> None:
    """Whether it was told or not depends on who comes first; its end is heard in any case."""
    said = _zygote("""
def work(handover):
    well(handover)
    LIBC.syscall(ctypes.c_long(600))
children = [worker(work) for _ in range(20)]
for child in children[::2]:
    os.kill(child, signal.SIGKILL)
ended = serve()
say(statuses=sorted(set(ended.values())), told={each.pid for each in told} >= set(children[1::2]))
""")
    assert said == {"statuses": [-9], "told": True, "left": False}


def test_a_worker_that_ends_without_a_forbidden_call_is_not_told() -> None:
    """By itself, or by another signal."""
    said = _zygote("""
def ends(status):
    def work(handover):
        well(handover)
        os._exit(status)
    return work
def waits(handover):
    well(handover)
    time.sleep(60)
children = [worker(ends(0)), worker(ends(5)), worker(waits)]
os.kill(children[2], signal.SIGTERM)
ended = serve()
say(ended=[ended[child] for child in children], told=len(told))
""")
    assert said == {"ended": [0, 5, -15], "told": 0, "left": False}
