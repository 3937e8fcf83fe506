"""What a worker says it installed, and everything that is wrong with it.

Threat: a step of the lockdown that silently did nothing. The worker reports before it reads anything; the host compares
with the plan, and with what the kernel itself says in `/proc/<pid>/status`, which the worker cannot write. Anything
wrong is a list of sentences; the host kills the worker on the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safe_codeact.confine.protections import LANDLOCK_MINIMUM, NAMESPACES, Plan
from safe_codeact.frozen import dataclass
from safe_codeact.policy.effective import Requirement


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The worker's own word, taken after its last step."""

    pid: int
    uid: int
    namespaces: tuple[str, ...]  # names under /proc/<pid>/ns; (): those of the host
    landlock_abi: int  # 0: not restricted
    programs_sha256: str  # "": no filter
    listener: bool  # the zygote hears which call was stopped; otherwise the filter kills, and nobody does
    instructions: int
    memory_limit: int  # soft RLIMIT_DATA, bytes
    address_space_limit: int  # RLIMIT_AS, bytes
    limits: tuple[tuple[str, int, int], ...]
    descriptors: tuple[int, ...]  # open ones

    def to_plain(self) -> dict[str, Any]:
        """Plain data for the wire."""
        return {
            "pid": self.pid,
            "uid": self.uid,
            "namespaces": list(self.namespaces),
            "landlock_abi": self.landlock_abi,
            "programs_sha256": self.programs_sha256,
            "listener": self.listener,
            "instructions": self.instructions,
            "memory_limit": self.memory_limit,
            "address_space_limit": self.address_space_limit,
            "limits": [list(limit) for limit in self.limits],
            "descriptors": list(self.descriptors),
        }


_ENTERED: Mapping[Requirement, tuple[list[str], ...]] = {
    "required": (list(NAMESPACES),),
    "preferred": (list(NAMESPACES), []),
    "off": ([],),
}


def faults_of_receipt(receipt: Mapping[str, Any], plan: Plan) -> list[str]:
    """What the worker says it did otherwise than planned. Trusts no shape: the mapping came over the wire."""
    faults = []
    told = receipt.get("listener")
    if not isinstance(told, bool):
        faults.append("it does not say whether the zygote hears of its calls")
    planned = plan.listened_sha256 if told is True else plan.programs_sha256
    if plan.seccomp and receipt.get("programs_sha256") != planned:
        faults.append("the filter that was installed is not the planned one")
    if plan.seccomp and not receipt.get("instructions"):
        faults.append("the filter that was installed is empty")
    abi = receipt.get("landlock_abi")
    if plan.landlock and (not isinstance(abi, int) or abi < LANDLOCK_MINIMUM):
        faults.append("Landlock was not installed")
    if receipt.get("namespaces") not in _ENTERED[plan.namespaces]:
        faults.append(
            f"namespaces are {plan.namespaces}, and it says that it entered {receipt.get('namespaces')!s:.100}"
        )
    if [list(limit) for limit in plan.limits] != receipt.get("limits"):
        faults.append("the resource limits are not the planned ones")
    if receipt.get("descriptors") not in ([0, 1, 2, 3], [0, 1, 2, 3, 4]):  # 4: the worker's own page map
        faults.append("descriptors other than 0 to 4 are open")
    return faults


def fields_of(status: str) -> dict[str, str]:
    """The lines of a `/proc/<pid>/status` (proc(5)) by name."""
    pairs = (line.partition(":") for line in status.splitlines())
    return {key: value.strip() for key, _, value in pairs}


def faults_of_links(theirs: Mapping[str, str], ours: Mapping[str, str]) -> list[str]:
    """What the links under `/proc/<pid>/ns` say of a worker that entered namespaces: none may be the host's."""
    return [
        f"/proc says that its {name} namespace is the host's"
        for name in NAMESPACES
        if theirs.get(name, ours[name]) == ours[name]
    ]


def faults_of_status(status: str, plan: Plan, parent: str = "", *, enclosed: bool = False) -> list[str]:
    """What `/proc/<pid>/status` says against the plan. A field that is missing is a fault.

    `parent` is the zygote's: a kernel that counts filters (5.11) must count exactly the plan's on top of its. `enclosed`:
    in namespaces of its own, where whoever made them had every capability, and must have dropped it from every set.
    """
    fields, above = fields_of(status), fields_of(parent)
    empty = "0" * 16
    wanted = {"NoNewPrivs": "1", "CapEff": empty, "CapPrm": empty, "CapInh": empty, "CapAmb": empty, "Threads": "1"}
    if enclosed:
        wanted["CapBnd"] = empty
    if plan.seccomp:
        wanted["Seccomp"] = "2"
        if "Seccomp_filters" in above:
            wanted["Seccomp_filters"] = str(int(above["Seccomp_filters"]) + len(plan.programs))
    return [
        f"/proc says {key}: {fields.get(key, 'nothing')}, expected {value}"
        for key, value in wanted.items()
        if fields.get(key) != value
    ]
