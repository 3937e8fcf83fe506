"""The worker confines itself, before it reads a byte of anything.

The order is the argument, and it is one table:
 1. the parent's death is ours, before anything that could hang; so is the machine's want of memory, while /proc is open;
 2. no new privileges: what makes 4 and 7 possible without root;
 3. into the slot while chdir is still ours to call, and our own page map while /proc is open;
 4. Landlock: its rules are descriptors, so they must still be open;
 5. close every descriptor but the socket, that map and the listener's way out: Landlock does not cover what is open
    already;
 6. limits: after the descriptors, because the rules of an interpreter whose packages lie inside its library are more
    than a worker may open, and before the filter forbids setting them;
 7. the filter, which forbids the calls above. Its listener, where there can be one, goes to the zygote and is closed
    here: who holds one could answer his own calls;
 8. the number of descriptors, which until then also bounds how many may be on their way to anybody;
 9. the program that takes back what 7 and 8 needed.
A step that fails ends the worker: it sends no receipt, and the host says `ConfinementFailed`.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass

from safe_codeact.confine.protections import Plan
from safe_codeact.confine.receipt import Receipt
from safe_codeact.kernel import landlock, process, seccomp

SOCKET = 3  # the worker's way to the host; 0, 1 and 2 are /dev/null
PAGEMAP = 4  # which of its own pages were written to (guest.namespace.segments); not there where /proc is not
_PAGE = os.sysconf("SC_PAGE_SIZE")
_LAST_LIMIT = "nofile"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What the zygote worked out once for all its workers."""

    plan: Plan
    programs: tuple[bytes, ...]
    programs_sha256: str
    listened: tuple[bytes, ...]  # what is installed in their place where a listener will be heard; () where none will
    listened_sha256: str
    landlock_abi: int
    rules: tuple[tuple[int, int], ...]  # O_PATH descriptors with rights: libraries and the policy's paths
    data_size: int  # the zygote's private writable memory, bytes
    address_space: int  # the zygote's mappings, bytes
    zygote: int  # its pid as workers see it: 0 where it is not in their process table
    proc: int  # a handle on /proc, which workers may have no name for
    namespaces: tuple[str, ...]  # of their own, which the zygote has entered


@dataclass(slots=True)
class Post:
    """What one worker gets for itself."""

    slot: str
    handover: socket.socket | None = None  # where its listener goes; None: the filter kills, and nobody listens
    pagemap: int = -1


def sizes(proc: int) -> tuple[int, int]:
    """This process's private writable memory and its mappings, in bytes (proc(5), statm)."""
    fields = process.read_proc(proc, "self/statm").split()
    return int(fields[5]) * _PAGE, int(fields[0]) * _PAGE


def _memory_limits(prepared: Prepared) -> dict[str, tuple[int, int]]:
    plan = prepared.plan
    soft = prepared.data_size + plan.memory
    space = prepared.address_space + plan.address_space
    return {"data": (soft, soft + plan.memory_reserve), "as": (space, space)}


def step_parent(prepared: Prepared, _post: Post) -> None:
    process.die_with_parent(prepared.zygote)
    process.die_before_others(prepared.proc)


def step_privileges(_prepared: Prepared, _post: Post) -> None:
    process.forbid_new_privileges()


def step_slot(_prepared: Prepared, post: Post) -> None:
    os.chdir(post.slot)


def step_pagemap(prepared: Prepared, post: Post) -> None:
    post.pagemap = process.open_pagemap(prepared.proc)  # its number may be taken until Landlock's rules are closed


def step_landlock(prepared: Prepared, post: Post) -> None:
    if prepared.plan.landlock:
        own = landlock.open_rule(post.slot, writable=prepared.plan.writable_slot)
        landlock.restrict((*prepared.rules, own), prepared.landlock_abi)


def step_descriptors(_prepared: Prepared, post: Post) -> None:
    if post.pagemap >= 0:
        os.dup2(post.pagemap, PAGEMAP)
    keep = post.handover.fileno() if post.handover is not None else None
    process.close_descriptors_above(SOCKET if post.pagemap < 0 else PAGEMAP, keep)


def step_limits(prepared: Prepared, _post: Post) -> None:
    process.set_limits({name: (soft, hard) for name, soft, hard in prepared.plan.limits if name != _LAST_LIMIT})
    process.set_limits(_memory_limits(prepared))


def step_filter(prepared: Prepared, post: Post) -> None:
    if not prepared.plan.seccomp:
        return
    if post.handover is None:
        seccomp.install(prepared.programs[0])
        return
    listener = seccomp.install_listened(prepared.listened[0])
    socket.send_fds(post.handover, [b"\0"], [listener])
    os.close(listener)
    post.handover.close()


def step_last_limit(prepared: Prepared, _post: Post) -> None:
    process.set_limits({name: (soft, hard) for name, soft, hard in prepared.plan.limits if name == _LAST_LIMIT})


def step_seal(prepared: Prepared, post: Post) -> None:
    if prepared.plan.seccomp:
        for program in _programs(prepared, post)[0][1:]:
            seccomp.install(program)


Step = Callable[[Prepared, Post], None]
STEPS: tuple[Step, ...] = (
    step_parent,
    step_privileges,
    step_slot,
    step_pagemap,
    step_landlock,
    step_descriptors,
    step_limits,
    step_filter,
    step_last_limit,
    step_seal,
)
# Which limits the kernel is asked about, and when: after the filter it may not be.
_ASK_AFTER: dict[Step, tuple[str, ...]] = {step_limits: (), step_last_limit: (_LAST_LIMIT,)}


def _programs(prepared: Prepared, post: Post) -> tuple[tuple[bytes, ...], str]:
    """Those that this worker gets, and their digest."""
    if not prepared.plan.seccomp:
        return (), ""
    if post.handover is None:
        return prepared.programs, prepared.programs_sha256
    return prepared.listened, prepared.listened_sha256


def lock_down(prepared: Prepared, post: Post) -> Receipt:
    """Apply every step to this process, for good. Raises `OSError` when one cannot be had."""
    uid = os.getuid()
    installed: dict[str, list[int]] = {}
    for step in STEPS:
        step(prepared, post)
        if step in _ASK_AFTER:
            installed |= process.read_limits(*_ASK_AFTER[step])
    memory = _memory_limits(prepared)
    if installed["data"] != list(memory["data"]):
        raise OSError(f"RLIMIT_DATA is {installed['data']}, planned {memory['data']}")
    programs, digest = _programs(prepared, post)
    return Receipt(
        pid=os.getpid(),
        uid=uid,
        namespaces=prepared.namespaces,
        landlock_abi=prepared.landlock_abi if prepared.plan.landlock else 0,
        programs_sha256=digest,
        listener=bool(programs) and post.handover is not None,
        instructions=sum(len(program) // 8 for program in programs),
        memory_limit=installed["data"][0],
        address_space_limit=installed["as"][0],
        limits=tuple((name, *installed[name]) for name, _soft, _hard in prepared.plan.limits),  # type: ignore[misc]
        descriptors=_open_descriptors(),
    )


def _open_descriptors() -> tuple[int, ...]:
    """Descriptors that are open, asked one by one: /proc is beyond Landlock by now."""
    found = []
    for number in range(64):
        try:
            os.fstat(number)
        except OSError:
            continue
        found.append(number)
    return tuple(found)
