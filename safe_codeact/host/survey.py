"""For `doctor`: what this machine offers, and what holds on it. Each line is tried, none is looked up."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from safe_codeact.confine.protections import Plan, plan_for, read_programs
from safe_codeact.confine.syscalls import allowed
from safe_codeact.errors import ConfinementUnavailable, SafeCodeActError
from safe_codeact.frozen import dataclass
from safe_codeact.host import groups
from safe_codeact.policy.effective import Policy
from safe_codeact.runtime import Runtime
from safe_codeact.wire import messages


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
    "names of calls": "Linux 5.0 or newer, and no filter with a listener of its own around (LXD and sysbox install one)",
    "landlock": "Linux 5.13 or newer, started with landlock among the names of its `lsm=` parameter: `cat "
    "/sys/kernel/security/lsm` shows them; in a container, a profile that allows landlock_*, as Docker's default does",
    "cgroup": "a folder of /sys/fs/cgroup with the controllers memory and pids that is this user's to divide: under systemd "
    "`Delegate=memory pids` and `DelegateSubgroup=host`; or `isolation: {cgroup: preferred}` in the policy",
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
    tried = _try_worker(policy)
    return [
        Line("kernel", "held", f"Linux {offers['kernel']} on {offers['machine']}, CPython {offers['python']}"),
        _layer(policy, "seccomp", offers["seccomp"], _filter_words(plan), "seccomp(2) is refused here"),
        _listener(policy, offers["listener"]),
        _layer(policy, "landlock", offers["landlock"], _landlock_words(offers["landlock"]), "no Landlock"),
        Line("limits", "held", _limit_words(plan)),
        _namespaces(policy, tried, offers["namespaces"]),
        _names(tried.prepared),
        _groups(policy),
        *tried.lines,
    ]


def _layer(policy: Policy, name: str, there: object, found: str, absent: str) -> Line:
    requirement = getattr(policy.isolation, name)
    if there and requirement != "off":
        return Line(name, "held", found)
    if requirement == "required":
        return Line(name, "missing", absent, _MEND[name])
    return Line(name, "not required", found if there else absent)


def _listener(policy: Policy, there: bool) -> Line:
    """No protection: without it the filter kills by itself."""
    if policy.isolation.seccomp == "off":
        return Line("names of calls", "not required", "without a filter no call is stopped")
    if there:
        return Line("names of calls", "held", "an action that the filter ends is told which call it was")
    return Line(
        "names of calls", "not required",
        "the filter kills, and an action is not told which call it was: a filter around this process has a listener "
        "already, or the kernel offers none",
        _MEND["names of calls"],
    )  # fmt: skip


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


def _namespaces(policy: Policy, tried: _Tried, problem: str) -> Line:
    """`problem` is the probe's, for where no zygote could be made."""
    prepared = tried.prepared
    if prepared is not None and prepared.namespaces:
        if tried.may_look:
            return Line(
                "namespaces", "held", "users, mounts, network, IPC, machine name and processes of the workers' own"
            )
        return Line(
            "namespaces", "not required",
            "entered by the workers' own word, and their table of processes by the kernel's: this process may not look",
            "CAP_SYS_PTRACE for this process, so that it can compare /proc/<pid>/ns",
        )  # fmt: skip
    problem = prepared.not_entered if prepared is not None else problem
    if not problem:
        return Line("namespaces", "not required", "to be had here; the worker below could not be made")
    state = "missing" if policy.isolation.namespaces == "required" else "not required"
    mend = _mend_namespaces(problem) if policy.isolation.namespaces != "off" else ""
    return Line("namespaces", state, f"none of the workers' own: {problem}", mend)


# What keeps an ordinary process from namespaces: a setting, the value that forbids, and the one command that allows.
_SETTINGS = {
    "user/max_user_namespaces": ("0", "sysctl -w user.max_user_namespaces=15000"),
    "kernel/unprivileged_userns_clone": ("0", "sysctl -w kernel.unprivileged_userns_clone=1"),
    "kernel/apparmor_restrict_unprivileged_userns": ("1", "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"),
}


def _mend_namespaces(problem: str) -> str:
    if problem.startswith("uid_map:"):
        return "start as an ordinary user, or, as root, with CAP_SETFCAP: without it root may not bring itself along"
    for name, (forbidding, command) in _SETTINGS.items():
        with contextlib.suppress(OSError):
            if Path("/proc/sys", name).read_text(encoding="ascii").strip() == forbidding:
                return f"`{command}`, by the machine's administrator"
    return "in a container, a seccomp profile that allows unshare(2), mount(2), pivot_root(2) and mount_setattr(2)"


def _names(prepared: messages.Prepared | None) -> Line:
    if prepared is not None and prepared.namespaces:
        return Line(
            "names of files", "held",
            "no path but the libraries', the policy's own and the slots' exists for a worker; below those, stat(2) tells",
        )  # fmt: skip
    return Line(
        "names of files", "not required",
        "without a mount namespace stat(2) and readlink(2) still tell whether a path exists, its size and its times",
    )  # fmt: skip


def _groups(policy: Policy) -> Line:
    folder, problem = groups.place()
    return _layer(
        policy,
        "cgroup",
        not problem,
        f"all workers together: pids.max, and memory.max where the runtime has max_memory_mb, below {folder}",
        problem,
    )


@dataclass(frozen=True, slots=True)
class _Tried:
    """What came of making a worker."""

    lines: list[Line]
    prepared: messages.Prepared | None = None
    may_look: bool = False  # at the namespaces of its processes


def _try_worker(policy: Policy) -> _Tried:
    try:
        with Runtime(policy, standby=1) as runtime, runtime.session() as session:
            observation = session.run("6 * 7")
            prepared = runtime._core.launcher.prepared()
            may_look = _may_look(prepared.first)
    except SafeCodeActError as error:
        return _Tried([Line("worker", "missing", str(error), _MEND["worker"])])
    if observation.value != "42":
        said = f"an action ended as {observation.outcome}: {observation.text}"
        return _Tried([Line("worker", "missing", said, _MEND["worker"])], prepared, may_look)
    as_root = " without any capability: its interpreter lies where no other user may read" if prepared.uid == 0 else ""
    roots = sorted({name.partition(".")[0] for name in prepared.missing})
    lines = [
        Line("libraries", "not required", f"allowed by the policy, and not installed: {', '.join(roots)}",
             f"pip install {' '.join(_PACKAGES.get(root, root) for root in roots)}")
        if roots else Line("libraries", "held", "all that the policy allows are installed"),
        Line("worker", "held", f"made, verified against its plan, and ran an action as uid {prepared.uid}{as_root}"),
    ]  # fmt: skip
    return _Tried(lines, prepared, may_look)


def _may_look(pid: int) -> bool:
    try:
        return bool(os.readlink(f"/proc/{pid}/ns/net"))
    except OSError:
        return False


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
