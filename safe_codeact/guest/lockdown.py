"""The worker confines itself, before it reads a byte of anything.

The order is the argument, and it is one table:
 1. the parent's death is ours, before anything that could hang; so is the machine's want of memory, while /proc is open;
 2. no new privileges: what makes 4 and 7 possible without root;
 3. into the slot while chdir is still ours to call;
 4. Landlock: its rules are descriptors, so they must still be open;
 5. close every descriptor but the socket: Landlock does not cover what is open already;
 6. limits: after the descriptors, because the rules of an interpreter whose packages lie inside its library are more
    than a worker may open, and before the filter forbids setting them;
 7. seccomp last: it forbids the calls above.
A step that fails ends the worker: it sends no receipt, and the host says `ConfinementFailed`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from safe_codeact.confine.protections import Plan
from safe_codeact.confine.receipt import Receipt
from safe_codeact.kernel import landlock, process, seccomp

SOCKET = 3  # the worker's one descriptor besides 0, 1 and 2, which are /dev/null
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What the zygote worked out once for all its workers."""

    plan: Plan
    programs: tuple[bytes, ...]
    programs_sha256: str
    landlock_abi: int
    rules: tuple[tuple[int, int], ...]  # O_PATH descriptors with rights: libraries and the policy's paths
    data_size: int  # the zygote's private writable memory, bytes
    address_space: int  # the zygote's mappings, bytes
    zygote: int  # its pid


def sizes() -> tuple[int, int]:
    """This process's private writable memory and its mappings, in bytes (proc(5), statm)."""
    with open("/proc/self/statm", encoding="ascii") as file:
        fields = file.read().split()
    return int(fields[5]) * _PAGE, int(fields[0]) * _PAGE


def _memory_limits(prepared: Prepared) -> dict[str, tuple[int, int]]:
    plan = prepared.plan
    soft = prepared.data_size + plan.memory
    space = prepared.address_space + plan.address_space
    return {"data": (soft, soft + plan.memory_reserve), "as": (space, space)}


def step_parent(prepared: Prepared, _slot: str) -> None:
    process.die_with_parent(prepared.zygote)
    process.die_before_others()


def step_privileges(_prepared: Prepared, _slot: str) -> None:
    process.forbid_new_privileges()


def step_slot(_prepared: Prepared, slot: str) -> None:
    os.chdir(slot)


def step_limits(prepared: Prepared, _slot: str) -> None:
    process.set_limits({name: (soft, hard) for name, soft, hard in prepared.plan.limits})
    process.set_limits(_memory_limits(prepared))


def step_landlock(prepared: Prepared, slot: str) -> None:
    if prepared.plan.landlock:
        own = landlock.open_rule(slot, writable=prepared.plan.writable_slot)
        landlock.restrict((*prepared.rules, own), prepared.landlock_abi)


def step_descriptors(_prepared: Prepared, _slot: str) -> None:
    process.close_descriptors_above(SOCKET)


def step_seccomp(prepared: Prepared, _slot: str) -> None:
    if prepared.plan.seccomp:
        for program in prepared.programs:
            seccomp.install(program)


STEPS: tuple[Callable[[Prepared, str], None], ...] = (
    step_parent,
    step_privileges,
    step_slot,
    step_landlock,
    step_descriptors,
    step_limits,
    step_seccomp,
)


def lock_down(prepared: Prepared, slot: str) -> Receipt:
    """Apply every step to this process, for good. Raises `OSError` when one cannot be had."""
    receipt_limits = tuple(prepared.plan.limits)
    memory = _memory_limits(prepared)
    for step in STEPS[:-1]:
        step(prepared, slot)
    installed = process.read_limits()  # the kernel's word; after the filter it may no longer be asked
    receipt = Receipt(
        pid=os.getpid(),
        uid=os.getuid(),
        landlock_abi=prepared.landlock_abi if prepared.plan.landlock else 0,
        programs_sha256=prepared.programs_sha256 if prepared.plan.seccomp else "",
        instructions=sum(len(program) // 8 for program in prepared.programs) if prepared.plan.seccomp else 0,
        memory_limit=installed["data"][0],
        address_space_limit=installed["as"][0],
        limits=tuple((name, *installed[name]) for name, _soft, _hard in receipt_limits),  # type: ignore[misc]
        descriptors=_open_descriptors(),
    )
    if installed["data"] != list(memory["data"]):
        raise OSError(f"RLIMIT_DATA is {installed['data']}, planned {memory['data']}")
    step_seccomp(prepared, slot)
    return receipt


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
