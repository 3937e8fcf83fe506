"""For `doctor`: what this machine offers, and what holds on it. Each line is tried, none is looked up."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from safe_codeact.confine.protections import Plan, plan_for, read_programs
from safe_codeact.confine.syscalls import allowed
from safe_codeact.errors import ConfinementUnavailable, SafeCodeActError
from safe_codeact.policy.effective import Policy
from safe_codeact.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Line:
    """One protection: "held", "missing" or "not required", what was found, and what would mend it."""

    protection: str
    state: str
    detail: str
    mend: str = ""


_MEND = {
    "seccomp": "a kernel with CONFIG_SECCOMP_FILTER; in a container, a profile that allows seccomp(2), as the default one "
    "does: `docker run` without `--security-opt seccomp=…` of your own",
    "landlock": "Linux 5.13 or newer, started with landlock among the names of its `lsm=` parameter: `cat "
    "/sys/kernel/security/lsm` shows them; in a container, a profile that allows landlock_*, as Docker's default does",
    "namespaces, cgroup": "`isolation: {namespaces: preferred, cgroup: preferred}` in the policy: this version installs neither",
    "worker": "the message says what failed; `safe-codeact doctor --attack` tries the layers one by one",
}
# What each ABI of Landlock added, in words (https://docs.kernel.org/userspace-api/landlock.html).
_ABI_ADDED = {1: "files", 2: "moves", 3: "truncation", 4: "TCP", 5: "devices", 6: "abstract sockets and signals"}


def survey(policy: Policy) -> list[Line]:
    """For `doctor`: each line tried on this very machine.

    The kernel is asked in a child process (the host never loads `ctypes`), and a real worker of the policy is made.
    """
    try:
        plan = plan_for(policy)
        offers = json.loads(_program("safe_codeact.kernel.probe", "", 60))
    except SafeCodeActError as error:
        return [Line("kernel", "missing", str(error), "Linux on x86_64 or aarch64")]
    return [
        Line("kernel", "held", f"Linux {offers['kernel']} on {offers['machine']}, CPython {offers['python']}"),
        _layer(policy, "seccomp", offers["seccomp"], _filter_words(plan), "seccomp(2) is refused here"),
        _layer(policy, "landlock", offers["landlock"], _landlock_words(offers["landlock"]), "no Landlock"),
        Line("limits", "held", _limit_words(plan)),
        Line(
            "names of files", "not required",
            "without a mount namespace stat(2) and readlink(2) still tell whether a path exists, its size and its times",
        ),
        _unused(policy),
        *_try_worker(policy),
    ]  # fmt: skip


def _layer(policy: Policy, name: str, there: object, found: str, absent: str) -> Line:
    requirement = getattr(policy.isolation, name)
    if there and requirement != "off":
        return Line(name, "held", found)
    if requirement == "required":
        return Line(name, "missing", absent, _MEND[name])
    return Line(name, "not required", found if there else absent)


def _filter_words(plan: Plan) -> str:
    calls = sum(line.number(platform.machine()) is not None for line in allowed(plan.profile))
    size = sum(len(program) // 8 for program in read_programs(plan.programs))
    return f"the {plan.profile} profile: {calls} calls allowed, in {size} instructions"


def _landlock_words(abi: int) -> str:
    known = ", ".join(words for number, words in _ABI_ADDED.items() if number <= abi)
    lacking = ", ".join(words for number, words in _ABI_ADDED.items() if number > abi)
    return f"ABI {abi}: {known}" + (f"; the filter alone refuses {lacking}" if lacking else "")


def _limit_words(plan: Plan) -> str:
    limits = {name: hard for name, _soft, hard in plan.limits}
    mib = 1 << 20
    return (
        f"{plan.memory // mib} MiB for the action, at most {plan.address_space // mib} MiB in all above the interpreter's "
        f"own; {limits['cpu']} s of CPU, {limits['nofile']} descriptors, files up to {limits['fsize'] // mib} MiB, no core dump"
    )


def _unused(policy: Policy) -> Line:
    if "required" in (policy.isolation.namespaces, policy.isolation.cgroup):
        return Line("namespaces, cgroup", "missing", "not used by this version", _MEND["namespaces, cgroup"])
    return Line("namespaces, cgroup", "not required", "not used by this version")


def _try_worker(policy: Policy) -> list[Line]:
    try:
        with Runtime(policy, standby=1) as runtime, runtime.session() as session:
            observation = session.run("6 * 7")
            uid, absent = runtime.worker_uid, runtime._core.launcher.prepared().missing
    except SafeCodeActError as error:
        return [Line("worker", "missing", str(error), _MEND["worker"])]
    if observation.value != "42":
        return [
            Line("worker", "missing", f"an action ended as {observation.outcome}: {observation.text}", _MEND["worker"])
        ]
    as_root = " without any capability: its interpreter lies where no other user may read" if uid == 0 else ""
    roots = sorted({name.partition(".")[0] for name in absent})
    return [
        Line("libraries", "not required", f"allowed by the policy, and not installed: {', '.join(roots)}",
             f"pip install {' '.join(_PACKAGES.get(root, root) for root in roots)}")
        if roots else Line("libraries", "held", "all that the policy allows are installed"),
        Line("worker", "held", f"made, verified against its plan, and ran an action as uid {uid}{as_root}"),
    ]  # fmt: skip


_PACKAGES = {
    "sklearn": "scikit-learn",
    "PIL": "pillow",
    "yaml": "PyYAML",
    "bs4": "beautifulsoup4",
    "dateutil": "python-dateutil",
}


def attack(policy: Policy) -> dict[str, Any]:
    """For `doctor --attack`: `{"profile", "landlock", "attacks": [{"kind", "attack", "offered", "layers": {…}}]}`.

    A program of its own besieges each layer in throwaway children. Raises `ConfinementUnavailable` where it cannot run.
    """
    told = json.dumps(plan_for(policy).to_plain())
    result: dict[str, Any] = json.loads(_program("safe_codeact.guest.siege", told, 300))
    return result


def _program(module: str, told: str, seconds: float) -> str:
    asked = subprocess.run(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-s", "-P", "-m", module],
        input=told,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    if asked.returncode != 0:
        last = asked.stderr.strip().splitlines()[-1:] or ["no word"]
        raise ConfinementUnavailable(f"{module} ended with status {asked.returncode}: {last[0]}")
    return asked.stdout
