"""The plan: everything that a worker of one policy installs before it reads a byte, decided here and applied elsewhere.

Frozen and plain: the host makes it, the zygote receives it, the worker executes it (`guest.lockdown`) and the host
compares the receipt with it (`confine.receipt`). Two figures are known only where the libraries have been imported, so
memory budgets are stated above the zygote's own size.
"""

from __future__ import annotations

import hashlib
import math
import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safe_codeact.confine.syscalls import LISTENED_STAGES, MACHINES, Profile, program_names
from safe_codeact.errors import ConfinementUnavailable
from safe_codeact.frozen import dataclass
from safe_codeact.policy.effective import Policy, Requirement

MIB = 1 << 20
NAMESPACES = ("user", "mnt", "net", "ipc", "uts", "pid")  # as /proc/<pid>/ns names them; all, or none
LANDLOCK_MINIMUM = 1  # ABI 1 covers every path that opens, lists, makes or removes
_SAVE_RESERVE = 64 * MIB  # between the soft and the hard limit: a full memory must not cost the state
_CPU_GRACE = 2  # seconds between the signal that an action sees and the one that nobody does
_DESCRIPTORS = 64
_PROGRAMS = Path(__file__).parent / "programs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What holds a worker. Sizes are bytes."""

    profile: Profile
    seccomp: bool
    landlock: bool
    namespaces: Requirement
    programs: tuple[str, ...]  # file names under confine/programs
    programs_sha256: str
    listened: tuple[str, ...]  # the same for where the zygote can listen for calls that would kill
    listened_sha256: str
    writable_slot: bool
    read: tuple[str, ...]  # the policy's own readable paths
    memory: int  # soft RLIMIT_DATA above the zygote's size
    memory_reserve: int  # hard limit above the soft one
    address_space: int  # RLIMIT_AS above the zygote's size
    limits: tuple[tuple[str, int, int], ...]  # name, soft, hard: absolute values
    drop_to: int  # uid and gid to become when the zygote starts as root

    def to_plain(self) -> dict[str, Any]:
        """Dicts, lists, strings and numbers only: what crosses to the zygote."""
        plain = asdict(self)
        return {
            **plain,
            "programs": list(self.programs),
            "listened": list(self.listened),
            "read": list(self.read),
            "limits": [list(limit) for limit in self.limits],
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Plan:
        """The inverse of `to_plain`; trusts its input (the host's own frame)."""
        return cls(
            **{
                **plain,
                "programs": tuple(plain["programs"]),
                "listened": tuple(plain["listened"]),
                "read": tuple(plain["read"]),
                "limits": tuple((name, soft, hard) for name, soft, hard in plain["limits"]),
            }
        )


def read_programs(names: tuple[str, ...]) -> tuple[bytes, ...]:
    """The shipped filters. Raises `ConfinementUnavailable` for one that is missing or empty."""
    programs = []
    for name in names:
        try:
            program = (_PROGRAMS / name).read_bytes()
        except OSError as error:
            raise ConfinementUnavailable(f"the shipped filter {name} cannot be read: {error}") from None
        if not program:
            raise ConfinementUnavailable(f"the shipped filter {name} is empty: reinstall safe-codeact")
        programs.append(program)
    return tuple(programs)


def digest_programs(programs: tuple[bytes, ...]) -> str:
    """SHA-256 over the filters in order, in hex."""
    return hashlib.sha256(b"".join(programs)).hexdigest()


def plan_for(policy: Policy) -> Plan:
    """The plan of a policy on this machine. Raises `ConfinementUnavailable` where no filter exists for it."""
    machine = platform.machine()
    if sys.platform != "linux" or machine not in MACHINES:
        raise ConfinementUnavailable(
            f"{sys.platform} on {machine} is not supported: expected Linux on {' or '.join(MACHINES)}"
        )
    profile: Profile = "computation" if policy.filesystem.workspace == "none" else "workspace"
    names, listened = program_names(profile, machine), program_names(profile, machine, LISTENED_STAGES)
    limits = policy.limits
    cpu = math.ceil(limits.cpu_seconds)
    largest_file = max(limits.state_mb, limits.workspace_mb if profile == "workspace" else 0) * MIB
    return Plan(
        profile=profile,
        seccomp=policy.isolation.seccomp != "off",
        landlock=policy.isolation.landlock != "off",
        namespaces=policy.isolation.namespaces,
        programs=names,
        programs_sha256=digest_programs(read_programs(names)),
        listened=listened,
        listened_sha256=digest_programs(read_programs(listened)),
        writable_slot=policy.filesystem.workspace == "rw",
        read=tuple(path.path for path in policy.filesystem.read),
        memory=limits.memory_mb * MIB,
        memory_reserve=_SAVE_RESERVE + limits.memory_mb * MIB // 4,
        address_space=(limits.memory_mb + limits.state_mb) * MIB + 2 * _SAVE_RESERVE + limits.memory_mb * MIB // 4,
        limits=(
            ("cpu", cpu, cpu + _CPU_GRACE),
            ("fsize", largest_file, largest_file),
            ("nofile", _DESCRIPTORS, _DESCRIPTORS),
            ("nproc", 0, 0),
            ("core", 0, 0),
            ("memlock", 0, 0),
            ("msgqueue", 0, 0),
        ),
        drop_to=65534,
    )
