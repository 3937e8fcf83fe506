"""The syscall tables: what ships is what the table says, for every call number, on both machines."""

from __future__ import annotations

import functools
import itertools
import sys
from pathlib import Path

import pytest

from safe_codeact.confine import names, syscalls
from safe_codeact.confine.protections import read_programs
from safe_codeact.kernel import export

sys.path.insert(0, str(Path(__file__).parent))
from bpf import ALLOW, ERRNO, KILL_PROCESS, USER_NOTIF, verdict

CASES = list(itertools.product(syscalls.PROFILES, syscalls.MACHINES))
PAIRS = {"killed": syscalls.STAGES, "told": syscalls.LISTENED_STAGES}
WAYS = list(itertools.product(PAIRS, syscalls.PROFILES, syscalls.MACHINES))
STOPS = {"killed": KILL_PROCESS, "told": USER_NOTIF}
I386, ARM = 0x40000003, 0x40000028
_SEVERITY = {KILL_PROCESS: 0, ERRNO: 1, USER_NOTIF: 2, ALLOW: 3}  # seccomp(2): the stricter of two answers is taken


@functools.cache
def _programs(profile: str, machine: str, way: str) -> tuple[bytes, ...]:
    return read_programs(syscalls.program_names(profile, machine, PAIRS[way]))


def decide(
    profile: str,
    machine: str,
    number: int,
    arguments: tuple[int, ...] = (),
    arch: int | None = None,
    way: str = "killed",
) -> int:
    """What the kernel does with both programs installed: the stricter answer."""
    answers = [
        verdict(program, arch or syscalls.MACHINES[machine], number, arguments)
        for program in _programs(profile, machine, way)
    ]
    return min(answers, key=lambda answer: _SEVERITY[answer & 0xFFFF0000])


def matching(line: syscalls.Allowed) -> list[tuple[int, ...]]:
    """Arguments that each case allows."""
    found = []
    for case in line.cases or ((),):
        arguments = [0] * 6
        for part in case:
            arguments[part.argument] = part.value
        found.append(tuple(arguments))
    return found


def neighbours(line: syscalls.Allowed) -> list[tuple[int, ...]]:
    """Arguments that differ from an allowed case in one masked bit, and match no other case."""
    if not line.cases:
        return []
    found = []
    for case, arguments in zip(line.cases, matching(line), strict=True):
        for part in case:
            for bit in range(32):
                if part.mask >> bit & 1:
                    changed = list(arguments)
                    changed[part.argument] ^= 1 << bit
                    if not any(all(changed[p.argument] & p.mask == p.value for p in other) for other in line.cases):
                        found.append(tuple(changed))
    return found


@pytest.mark.parametrize(("way", "profile", "machine"), WAYS)
def test_the_shipped_programs_say_what_the_table_says_for_every_number(way, profile, machine):
    """Numbers 0 to 600: allowed calls pass, denied ones get their errno, everything else kills, or is told."""
    allowed = {line.number(machine): line for line in syscalls.allowed(profile)}
    denied = {line.number(machine): line for line in syscalls.denied(profile)}
    for number in range(601):
        if number in allowed:
            for arguments in matching(allowed[number]):
                assert decide(profile, machine, number, arguments, way=way) == ALLOW, allowed[number].name
        elif number in denied:
            assert decide(profile, machine, number, way=way) == ERRNO | denied[number].errno, denied[number].name
        else:
            assert decide(profile, machine, number, way=way) == STOPS[way], number
    for number in (601, 0x3FFFFFFF, 0xFFFFFFFF):
        assert decide(profile, machine, number, way=way) == STOPS[way], number


@pytest.mark.parametrize(("profile", "machine"), CASES)
def test_both_pairs_of_programs_answer_alike_whatever_the_arguments(profile, machine):
    """Where the one kills, the other tells: no other difference where arguments count."""
    values = (0, 1, 2, 7, 0xFFFFFFFF, 1 << 32, 1 << 32 | 7, (1 << 64) - 1)
    judged = [
        line for line in (*syscalls.allowed(profile), *syscalls.HANDOVER) if line.cases or line in syscalls.HANDOVER
    ]
    for number in {line.number(machine) for line in judged} - {None}:
        for arguments in itertools.product(values, values, (0, 7, 4096), (0, 0x22, 1 << 32)):
            told = decide(profile, machine, number, arguments, way="told")
            assert told == decide(profile, machine, number, arguments), (number, arguments)


@pytest.mark.parametrize(("profile", "machine"), CASES)
def test_before_the_second_program_nothing_but_the_handover_is_allowed_beyond_the_table(profile, machine):
    """What `told` alone allows and the table does not: the calls of the handover, by their conditions."""
    [told, _closed] = read_programs(syscalls.program_names(profile, machine, syscalls.LISTENED_STAGES))
    arch = syscalls.MACHINES[machine]
    beyond = {line.number(machine): line for line in syscalls.HANDOVER}
    for number in range(601):
        if number not in beyond:
            assert verdict(told, arch, number) == decide(profile, machine, number, way="told"), number
        else:
            for arguments in matching(beyond[number]):
                assert verdict(told, arch, number, arguments) == ALLOW
                assert decide(profile, machine, number, arguments, way="told") & 0xFFFF0000 == ERRNO
    for arguments in [(0, 0), (0, 3), (1, 7), (0, 6)]:  # RLIMIT_CPU, RLIMIT_STACK, somebody else's, RLIMIT_NPROC
        assert verdict(told, arch, {"x86_64": 302, "aarch64": 261}[machine], arguments) & 0xFFFF0000 == ERRNO


@pytest.mark.parametrize(("way", "profile", "machine"), WAYS)
def test_the_nearest_neighbour_of_every_condition_is_refused(way, profile, machine):
    """One bit beside an allowed argument answers with an errno."""
    tried = 0
    for line in syscalls.allowed(profile):
        number = line.number(machine)
        for arguments in neighbours(line) if number is not None else ():
            assert decide(profile, machine, number, arguments, way=way) == ERRNO | syscalls.OTHER_ARGUMENTS, (
                line.name,
                arguments,
            )
            tried += 1
    assert tried > 100


@pytest.mark.parametrize(("way", "profile", "machine"), WAYS)
def test_other_architectures_and_x32_kill(way, profile, machine):
    """The same number under another architecture, or with x32's bit, is another call: it kills."""
    for number in range(601):
        assert decide(profile, machine, number, arch=I386 if machine == "x86_64" else ARM, way=way) == KILL_PROCESS
        if machine == "x86_64":
            assert decide(profile, machine, number | 0x40000000, way=way) == KILL_PROCESS


@pytest.mark.parametrize(("profile", "machine"), CASES)
def test_libseccomp_makes_the_shipped_programs_from_the_table_here_and_now(profile, machine):
    """The shipped bytes are not older than the table: a fresh export decides alike for every number and neighbour."""
    stages = (*syscalls.STAGES, *syscalls.LISTENED_STAGES)
    for stage, shipped in zip(stages, read_programs(syscalls.program_names(profile, machine, stages)), strict=True):
        fresh = export.compile_filter(profile, machine, stage)
        arch = syscalls.MACHINES[machine]
        probes = [(number, ()) for number in range(601)]
        for line in syscalls.allowed(profile):
            if line.number(machine) is not None:
                probes += [(line.number(machine), arguments) for arguments in matching(line) + neighbours(line)]
        for number, arguments in probes:
            assert verdict(fresh, arch, number, arguments) == verdict(shipped, arch, number, arguments), (stage, number)


@pytest.mark.parametrize("machine", syscalls.MACHINES)
def test_the_shipped_names_are_those_of_the_table_and_of_libseccomp(machine):
    """A number is a call's on this machine; what libseccomp here does not know yet may be named all the same."""
    shipped, fresh = names.names(machine), export.names(machine)
    assert {number: fresh.get(number, name) for number, name in shipped.items()} == shipped
    for profile in syscalls.PROFILES:
        for line in (*syscalls.allowed(profile), *syscalls.denied(profile)):
            if line.number(machine) is not None:
                assert shipped[line.number(machine)] == line.name


def test_a_call_is_named_by_its_own_architectures_table():
    """The same number is another call elsewhere; what has no name keeps its number."""
    said = [names.words_for(101, arch) for arch in (*syscalls.MACHINES.values(), I386)]
    assert said == [
        "the system call `ptrace`",
        "the system call `nanosleep`",
        "system call 101 of architecture 0x40000003",
    ]
    assert names.words_for(600, syscalls.MACHINES["x86_64"]) == "system call 600"


def test_every_line_has_a_reason_of_its_own_kind_and_no_call_stands_twice():
    """An allowance without a reason, or two lines for one call, is a mistake."""
    for profile in syscalls.PROFILES:
        lines = [*syscalls.allowed(profile), *syscalls.denied(profile)]
        assert all(len(line.reason) >= 6 for line in (*lines, *syscalls.HANDOVER))
        names = [line.name for line in lines]
        assert len(names) == len(set(names)), sorted({name for name in names if names.count(name) > 1})


def test_nothing_that_leaves_the_process_is_allowed():
    """The calls that reach other processes, the network or the kernel's back doors stand in no allowed table."""
    never = {
        "clone", "clone3", "fork", "vfork", "execve", "execveat", "socket", "socketpair", "connect", "sendmsg", "sendto",
        "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_open", "pidfd_getfd", "kcmp", "kill", "tkill", "tgkill",
        "io_uring_setup", "bpf", "userfaultfd", "perf_event_open", "keyctl", "add_key", "request_key", "memfd_create",
        "shmget", "mount", "unshare", "setns", "ioctl", "prctl", "seccomp", "fallocate", "link", "symlink", "mknodat",
        "chmod", "fchmodat", "fchownat", "utimensat", "setxattr", "sendmmsg", "open_by_handle_at", "init_module",
    }  # fmt: skip
    for profile in syscalls.PROFILES:
        assert not never & {line.name for line in syscalls.allowed(profile)}


def test_the_computation_profile_is_small():
    """At most 40 calls on either machine, so that one can read them all."""
    for machine in syscalls.MACHINES:
        assert sum(line.number(machine) is not None for line in syscalls.allowed("computation")) <= 40
