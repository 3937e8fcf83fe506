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
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safe_codeact.confine.protections import Plan, digest_programs, read_programs
from safe_codeact.guest import lockdown
from safe_codeact.guest.zygote import library_rules
from safe_codeact.kernel import battery, landlock, process

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
        for listener in (self._unix, self._abstract):
            listener.listen(64)
        for listener in (self._tcp, self._unix, self._abstract):
            listener.setblocking(False)
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
        came = [listener for listener in (self._tcp, self._unix, self._abstract) if self._accepts(listener)]
        canary = self._folder / "canary"
        whole = canary.exists() and canary.read_bytes() == b"alive" and canary.stat().st_mode & 0o777 == 0o666
        names = {entry.name for entry in self._folder.iterdir()}
        alive = Path(f"/proc/{self._victim}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] in "SRD"
        return bool(came) or not whole or names != {"secret", "canary"} or not alive

    @staticmethod
    def _accepts(listener: socket.socket) -> bool:
        try:
            listener.accept()[0].close()
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
        child = os.fork()
        if child == 0:
            self._besiege(attack, layer, writing)
        os.close(writing)
        os.set_blocking(reading, False)
        report, status = _wait(child, reading)
        os.close(reading)
        if report.startswith(b"!"):
            return True, os.fsdecode(report[1:])  # nothing was shown: that is not "held"
        if report.startswith(b"+") or self.place.secret in report or self.place.changed():
            return True, "succeeded"
        if os.WIFSIGNALED(status):
            return False, f"ended by {signal.Signals(os.WTERMSIG(status)).name}"
        return False, os.fsdecode(report[1:]) or "nothing came of it"

    def _besiege(self, attack: battery.Attempt, layer: str, writing: int) -> None:
        """In the child: put the layer up, attack, say so, end."""
        report = b"!the layer could not be put up, or the attack is wrong"
        try:
            process.die_with_parent(_SIEGE)
            process.set_limits({"core": (0, 0)})  # what the filter kills would leave its memory on the disk
            outside = self.place.outside()
            os.dup2(writing, _REPORT)
            os.chdir(self.place.slot)
            for step in _steps(layer):
                step(self.prepared, str(self.place.slot))
            report = battery.attempt(attack, outside)
        finally:
            os.write(_REPORT, report)
            os._exit(0)


_LAYER_STEPS: dict[str, tuple[Callable[[lockdown.Prepared, str], None], ...]] = {
    NONE: (),
    "seccomp": (lockdown.step_privileges, lockdown.step_seccomp),
    "landlock": (lockdown.step_privileges, lockdown.step_landlock),
    "limits": (lockdown.step_limits,),
    "descriptors": (lockdown.step_descriptors,),
}


def _steps(layer: str) -> tuple[Callable[[lockdown.Prepared, str], None], ...]:
    """Of one layer, or the worker's own, without the first: the siege is the parent here."""
    return lockdown.STEPS[1:] if layer == ALL else _LAYER_STEPS[layer]


def _wait(child: int, reading: int) -> tuple[bytes, int]:
    """The child's report and its status; one that does not end is killed."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
        time.sleep(0.0005)
    else:
        os.kill(child, signal.SIGKILL)
        _ended, status = os.waitpid(child, 0)
    try:
        return os.read(reading, 4096), status
    except BlockingIOError:
        return b"", status


def claimed(attack: battery.Attempt, layer: str, plan: Plan, abi: int) -> bool:
    """Whether a layer alone must hold an attack, under this plan and on this kernel."""
    if layer == ALL:
        return True
    by = attack.workspace_by if plan.profile == "workspace" and attack.workspace_by is not None else attack.by
    return layer in by or (layer == "landlock" and 0 < attack.by_abi <= abi)


def _table(siege: _Siege, plan: Plan, abi: int) -> list[dict[str, Any]]:
    off = {name for name in ("seccomp", "landlock") if not getattr(plan, name)}
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
    os.dup2(os.open(os.devnull, os.O_WRONLY), _REPORT)  # taken: in a child it replaces nothing that a layer needs
    abi = landlock.abi()
    programs = read_programs(plan.programs)
    data_size, address_space = lockdown.sizes()
    place = _Place(plan)
    prepared = lockdown.Prepared(
        plan=plan,
        programs=programs,
        programs_sha256=digest_programs(programs),
        landlock_abi=abi,
        rules=tuple(library_rules({})) if plan.landlock else (),
        data_size=data_size,
        address_space=address_space,
        zygote=os.getpid(),
    )
    try:
        rows = _table(_Siege(place, prepared), plan, abi)
    finally:
        place.close()
    sys.stdout.write(json.dumps({"profile": plan.profile, "landlock": abi, "attacks": rows}) + "\n")


if __name__ == "__main__":
    main()
