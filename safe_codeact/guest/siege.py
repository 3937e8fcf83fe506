"""`safe-codeact doctor --attack`: tries to break each layer alone, on this machine. A program; the plan comes on stdin.

Threat: a layer that another one hides. With everything on, a filter that allows sockets would not be noticed where
Landlock refuses them, and the day Landlock is missing it would. So each layer is put up alone, in throwaway children,
and must hold what it is there for; then all together; and, as the control, none: what succeeds there shows that the
attack is one. No policy can ask for these plans: they exist only between a fork and its end, in this program.
"""

from __future__ import annotations

import json
import os
import secrets
import select
import shutil
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from safe_codeact.confine.names import words_for
from safe_codeact.confine.protections import Plan, digest_programs, read_programs
from safe_codeact.frozen import dataclass
from safe_codeact.guest import enclosure, lockdown
from safe_codeact.guest.listeners import Listeners
from safe_codeact.guest.zygote import libraries, library_rules
from safe_codeact.kernel import battery, landlock, listener, process
from safe_codeact.wire import messages

NONE, ALL = "none", "all"
_PATIENCE_SECONDS = 5.0
_REPORT = 3  # where a child says how it went; the lockdown keeps this one descriptor


class _Place:
    """What there is to attack, and what has become of it."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._root = Path(tempfile.mkdtemp(prefix="safe_codeact-siege-"))
        self._root.chmod(0o711)
        self.secret = secrets.token_hex(16).encode()
        self._folder, self.slot = self._root / "outside", self._root / "slot"
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self._unix, self._abstract = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
        self._unix.bind(str(self._root / "socket"))
        (self._root / "socket").chmod(0o777)
        self._name = b"\0safe-codeact-" + secrets.token_hex(8).encode()
        self._abstract.bind(self._name)
        for opened in (self._unix, self._abstract):
            opened.listen(64)
        for opened in (self._tcp, self._unix, self._abstract):
            opened.setblocking(False)
        self._victim = 0
        self.left_open = -1
        self.renew()

    def renew(self) -> None:
        """Everything as it was before an attack."""
        for folder, mode in ((self._folder, 0o777), (self.slot, 0o777)):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            folder.chmod(mode)
        (self._folder / "secret").write_bytes(self.secret)
        (self._folder / "canary").write_bytes(b"alive")
        (self._folder / "canary").chmod(0o666)
        if self.left_open >= 0:
            os.close(self.left_open)
        self.left_open = os.open(self._folder / "secret", os.O_RDONLY)
        self._end_victim()  # always: one that was killed a moment ago may not be dead yet
        self._victim = self._start_victim()
        self.changed()  # whoever came before came to an earlier attack

    def _start_victim(self) -> int:
        child = os.fork()
        if child == 0:
            process.die_with_parent(_SIEGE)
            while True:
                time.sleep(1000)
        return child

    def _end_victim(self) -> None:
        if self._victim:
            os.kill(self._victim, signal.SIGKILL)
            os.waitpid(self._victim, 0)

    def outside(self) -> battery.Outside:
        """As the attacks are told."""
        return battery.Outside(
            folder=str(self._folder),
            secret=str(self._folder / "secret"),
            canary=str(self._folder / "canary"),
            port=self._tcp.getsockname()[1],
            path_socket=str(self._root / "socket"),
            abstract=self._name,
            victim=self._victim,
            left_open=self.left_open,
            writable_slot=self._plan.writable_slot,
            memory=self._plan.memory + self._plan.memory_reserve + (64 << 20),
            file_size={name: hard for name, _soft, hard in self._plan.limits}["fsize"],
        )

    def changed(self) -> bool:
        """Whether something happened out here, whoever says what."""
        came = [opened for opened in (self._tcp, self._unix, self._abstract) if self._accepts(opened)]
        canary = self._folder / "canary"
        whole = canary.exists() and canary.read_bytes() == b"alive" and canary.stat().st_mode & 0o777 == 0o666
        names = {entry.name for entry in self._folder.iterdir()}
        alive = Path(f"/proc/{self._victim}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] in "SRD"
        return bool(came) or not whole or names != {"secret", "canary"} or not alive

    @staticmethod
    def _accepts(opened: socket.socket) -> bool:
        try:
            opened.accept()[0].close()
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        self._end_victim()
        shutil.rmtree(self._root, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class _Siege:
    place: _Place
    prepared: lockdown.Prepared

    def cell(self, attack: battery.Attempt, layer: str) -> tuple[bool, str]:
        """Whether the attack fell through this layer, and how it ended."""
        self.place.renew()
        reading, writing = os.pipe()
        handover, theirs = socket.socketpair() if self.prepared.listened else (None, None)
        child = os.fork()
        if child == 0:
            self._besiege(attack, layer, writing, theirs)
        os.close(writing)
        if theirs is not None:
            theirs.close()
        os.set_blocking(reading, False)
        stopped, report, status = _wait(child, reading, handover)
        os.close(reading)
        if report.startswith(b"!"):
            return True, os.fsdecode(report[1:])  # nothing was shown: that is not "held"
        if report.startswith(b"+") or self.place.secret in report or self.place.changed():
            return True, "succeeded"
        if stopped is not None and stopped.number is not None:
            return False, f"ended by the filter: {words_for(stopped.number, stopped.architecture)}"
        if os.WIFSIGNALED(status):
            return False, f"ended by {signal.Signals(os.WTERMSIG(status)).name}"
        return False, os.fsdecode(report[1:]) or "nothing came of it"

    def _besiege(self, attack: battery.Attempt, layer: str, writing: int, handover: socket.socket | None) -> None:
        """In the child: put the layer up, attack, say so, end."""
        report = b"!the layer could not be put up, or the attack is wrong"
        try:
            process.die_with_parent(_SIEGE)
            process.set_limits({"core": (0, 0)})  # what the filter kills would leave its memory on the disk
            outside = self.place.outside()
            os.dup2(writing, _REPORT)
            os.chdir(self.place.slot)
            post = lockdown.Post(str(self.place.slot), handover)
            for step in _steps(layer):
                step(self.prepared, post)
            report = battery.attempt(attack, outside)
        finally:
            os.write(_REPORT, report)
            os._exit(0)


def _enter(prepared: lockdown.Prepared, post: lockdown.Post) -> None:
    """Into namespaces of its own, as their first process: the one that went there waits for it, and ends."""
    enclosure.enter(post.slot, enclosure.laid_out(post.slot, _libraries(prepared.plan)))
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        os._exit(0)
    process.die_with_parent(0)
    os.chdir(post.slot)


def _libraries(plan: Plan) -> list[str]:
    return [*libraries({}), *plan.read]


_LAYER_STEPS: dict[str, tuple[lockdown.Step, ...]] = {
    NONE: (),
    "seccomp": (lockdown.step_privileges, lockdown.step_filter, lockdown.step_seal),
    "landlock": (lockdown.step_privileges, lockdown.step_landlock),
    "limits": (lockdown.step_limits, lockdown.step_last_limit),
    "descriptors": (lockdown.step_descriptors,),
    "namespaces": (_enter,),
}


def _steps(layer: str) -> tuple[lockdown.Step, ...]:
    """Of one layer, or the worker's own, without the first: the siege is the parent here."""
    return lockdown.STEPS[1:] if layer == ALL else _LAYER_STEPS[layer]


def _wait(child: int, reading: int, handover: socket.socket | None) -> tuple[messages.Forbidden | None, bytes, int]:
    """The call that the filter stopped, the child's report and its status; one that does not end is killed."""
    stopped: list[messages.Forbidden] = []
    poller, pidfd = select.poll(), os.pidfd_open(child)
    poller.register(pidfd, select.POLLIN)
    listeners = Listeners(poller, stopped.append)
    if handover is not None:
        listeners.expect(child, pidfd, handover)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (left := deadline - time.monotonic()) > 0:
        events = dict(poller.poll(left * 1000))
        for descriptor in [each for each in events if each in listeners]:
            listeners.hear(descriptor, events[descriptor])
        if pidfd in events:
            break
    os.kill(child, signal.SIGKILL)  # it is not reaped yet: the pid is still its own
    _ended, status = os.waitpid(child, 0)
    listeners.forget(pidfd)
    os.close(pidfd)
    try:
        report = os.read(reading, 4096)
    except BlockingIOError:
        report = b""
    return stopped[0] if stopped else None, report, status


def claimed(attack: battery.Attempt, layer: str, plan: Plan, abi: int) -> bool:
    """Whether a layer alone must hold an attack, under this plan and on this kernel."""
    if layer == ALL:
        return True
    by = attack.workspace_by if plan.profile == "workspace" and attack.workspace_by is not None else attack.by
    if layer == "namespaces":
        return battery.held_by_namespaces(attack)
    return layer in by or (layer == "landlock" and 0 < attack.by_abi <= abi)


def _table(siege: _Siege, plan: Plan, abi: int) -> list[dict[str, Any]]:
    off = {name for name in ("seccomp", "landlock") if not getattr(plan, name)}
    slot = str(siege.place.slot)
    if plan.namespaces == "off" or enclosure.why_not(slot, enclosure.laid_out(slot, _libraries(plan))):
        off.add("namespaces")
    layers = [layer for layer in (*battery.LAYERS, ALL) if layer not in off]
    rows = []
    for attack in battery.BATTERY:
        offered, how = siege.cell(attack, NONE)
        row: dict[str, Any] = {"kind": attack.kind, "attack": attack.name, "offered": offered, "unconfined": how}
        cells = {}
        for layer in layers:
            if claimed(attack, layer, plan, abi):
                fell, how = siege.cell(attack, layer)
                cells[layer] = {"fell": fell, "how": how}
        rows.append({**row, "layers": cells})
    return rows


_SIEGE = os.getpid()


def main() -> None:
    plan = Plan.from_plain(json.load(sys.stdin))
    process.take_descriptors_up_to(max(_REPORT, lockdown.PAGEMAP))  # in a child they replace nothing that a layer needs
    abi = landlock.abi()
    programs, listened = read_programs(plan.programs), read_programs(plan.listened)
    if not plan.seccomp or not listener.works(listened[0]):
        listened = ()
    proc = process.open_proc()
    data_size, address_space = lockdown.sizes(proc)
    place = _Place(plan)
    prepared = lockdown.Prepared(
        plan=plan,
        programs=programs,
        programs_sha256=digest_programs(programs),
        listened=listened,
        listened_sha256=digest_programs(listened),
        landlock_abi=abi,
        rules=tuple(library_rules(libraries({}))) if plan.landlock else (),
        data_size=data_size,
        address_space=address_space,
        zygote=os.getpid(),
        proc=proc,
        namespaces=(),
    )
    try:
        rows = _table(_Siege(place, prepared), plan, abi)
    finally:
        place.close()
    sys.stdout.write(json.dumps({"profile": plan.profile, "landlock": abi, "attacks": rows}) + "\n")


if __name__ == "__main__":
    main()
