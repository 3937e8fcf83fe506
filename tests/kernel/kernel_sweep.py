"""A program: makes every system call under the shipped filters of a profile, each where it cannot harm, and says what came.

The filters kill (`killed`), or the child hands its listener out as a worker does and is killed by who hears of a call
(`told`). Calls that the table answers without running them share one child; the rest have one each. Output: JSON, number →
an errno, or minus the signal; then, for each argument tried beside an allowed one, the same; and the calls that were told
as another one than was made.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import select
import signal
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "confine"))
from test_confine_syscalls import matching, neighbours

from safe_codeact.confine import syscalls
from safe_codeact.confine.protections import read_programs
from safe_codeact.guest.listeners import Listeners
from safe_codeact.kernel import process, seccomp
from safe_codeact.wire import messages

PROFILE, MACHINE = sys.argv[1], platform.machine()
TOLD = sys.argv[2] == "told"
STAGES = syscalls.LISTENED_STAGES if TOLD else syscalls.STAGES
PROGRAMS = read_programs(syscalls.program_names(PROFILE, MACHINE, STAGES))  # type: ignore[arg-type]
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long
# They end the process, or return to a place that no handler came from.
ENDS_ITSELF = {"exit", "exit_group", "rt_sigreturn"}
MISTOLD: list[tuple[int, int | None]] = []


def call(number: int, arguments: tuple[int, ...]) -> int:
    """0, or the errno."""
    result = LIBC.syscall(ctypes.c_long(number), *(ctypes.c_long(each) for each in arguments))
    return ctypes.get_errno() if result == -1 else 0


def confined(work: list[tuple[int, tuple[int, ...]]]) -> list[int]:
    """The answers of one confined child, in order; those it did not live to give are missing."""
    reading, writing = os.pipe()
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        process.forbid_new_privileges()
        if TOLD:
            socket.send_fds(theirs, [b"x"], [seccomp.install_listened(PROGRAMS[0])])
        for program in PROGRAMS[TOLD:]:
            seccomp.install(program)
        for number, arguments in work:
            os.write(writing, bytes([call(number, arguments)]))
        os._exit(0)
    os.close(writing)
    theirs.close()
    stopped = listen(child, ours) if TOLD else None
    ours.close()
    with open(reading, "rb") as pipe:
        answers = list(pipe.read())
    _pid, status = os.waitpid(child, 0)
    if stopped is not None and (stopped.number, stopped.architecture) != (
        work[len(answers)][0],
        syscalls.MACHINES[MACHINE],
    ):
        MISTOLD.append((work[len(answers)][0], stopped.number))
    if len(answers) < len(work):
        answers.append(-os.WTERMSIG(status) if os.WIFSIGNALED(status) else -1000)
    return answers


def listen(child: int, handover: socket.socket) -> messages.Forbidden | None:
    """As the zygote does, until the child has ended; what it was killed for."""
    heard: list[messages.Forbidden] = []
    poller, pidfd = select.poll(), os.pidfd_open(child)
    listeners = Listeners(poller, heard.append)
    listeners.expect(child, pidfd, handover)
    poller.register(pidfd, select.POLLIN)
    events: dict[int, int] = {}
    while pidfd not in events:
        events = dict(poller.poll())
        for source in [each for each in events if each in listeners]:
            listeners.hear(source, events[source])
    listeners.forget(pidfd)
    os.close(pidfd)
    return heard[0] if heard else None


def guarded(line: syscalls.Allowed, arguments: tuple[int, ...]) -> tuple[int, ...]:
    """The judged arguments as they are, every other one impossible."""
    judged = {part.argument for case in line.cases for part in case}
    return tuple(value if index in judged else -1 for index, value in enumerate(arguments))


def main() -> None:
    allowed = {line.number(MACHINE): line for line in syscalls.allowed(PROFILE)}  # type: ignore[arg-type]
    denied = [line.number(MACHINE) for line in syscalls.denied(PROFILE)]  # type: ignore[arg-type]
    seen: dict[int, list[int]] = {}
    answered = [(number, (-1,) * 6) for number in denied if number is not None]
    for (number, _), answer in zip(answered, confined(answered), strict=True):
        seen[number] = [answer]
    beside: list[tuple[str, list[int], int]] = []
    for number in range(601):
        if number in allowed:
            line = allowed[number]
            for arguments in matching(line):
                seen.setdefault(number, []).extend(confined([(number, guarded(line, arguments))]))
            work = [(number, guarded(line, arguments)) for arguments in neighbours(line)]
            beside += [
                (line.name, list(given), answer) for (_, given), answer in zip(work, confined(work), strict=True)
            ]
        elif number not in seen:
            seen[number] = confined([(number, (-1,) * 6)])
    killed = -int(signal.SIGKILL if TOLD else signal.SIGSYS)
    sys.stdout.write(json.dumps({"seen": seen, "beside": beside, "killed": killed, "mistold": MISTOLD}))


main()
