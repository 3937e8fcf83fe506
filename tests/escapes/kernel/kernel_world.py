"""The world outside the worker, and every way in which an attack could have changed it.

Nothing here asks the attacker: files are read back, listeners asked whether anybody came, processes looked up in /proc,
and the worker itself is examined from outside in the middle of its action.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

_STATUS = (
    "Uid", "Gid", "Groups", "TracerPid", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp",
    "Seccomp_filters", "Threads", "NSpgid", "NSsid", "Umask", "VmLck", "VmPin", "Cpus_allowed", "Mems_allowed",
    "Speculation_Store_Bypass", "SpeculationIndirectBranch", "THP_enabled", "SigQ",
)  # fmt: skip
KEY = 0x5AFE  # of what attacks make with System V's calls
_LINKS = ("cwd", "root", "exe", "ns/mnt", "ns/net", "ns/pid", "ns/user", "ns/uts", "ns/ipc", "ns/cgroup", "ns/time")
_FILES = ("limits", "timers", "timerslack_ns", "oom_score_adj", "personality", "comm", "coredump_filter")


def _read(path: Path | str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError as error:
        return type(error).__name__


def _link(path: Path) -> str:
    try:
        return os.readlink(path)
    except OSError as error:
        return type(error).__name__


def examine(pid: int) -> dict[str, Any]:
    """One process as the kernel describes it: everything that an attack in there could change for good."""
    folder = Path(f"/proc/{pid}")
    status = dict(line.split(":", 1) for line in _read(folder / "status").splitlines() if ":" in line)
    seen: dict[str, Any] = {name: status.get(name, "").strip() for name in _STATUS}
    # The queue is per user and counts everybody's; the soft data limit may be raised up to the hard one by design.
    seen["SigQ"] = ""
    seen |= {name: _link(folder / name) for name in _LINKS}
    seen |= {name: _read(folder / name) for name in _FILES}
    seen["limits"] = re.sub(r"(Max data size\s+)\d+", r"\1·", seen["limits"])
    seen["scheduling"] = _read(folder / "stat").rpartition(")")[2].split()[15:17]  # priority and nice
    seen["threads"] = len(list((folder / "task").iterdir())) if folder.exists() else 0
    seen["children"] = _children(pid)
    seen["descriptors"] = sorted(_link(entry) for entry in _entries(folder / "fd"))
    maps = [line.split(maxsplit=5) for line in _read(folder / "maps").splitlines()]
    rows = [(fields[0], fields[1], fields[5] if len(fields) > 5 else "") for fields in maps if len(fields) >= 5]
    seen["executable"] = {(where, rights, what) for where, rights, what in rows if "x" in rights}
    seen["shared"] = {(where, what) for where, rights, what in rows if rights.endswith("s")}
    return seen


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    if listed.exists():  # not on every kernel
        return [int(child) for child in _read(listed).split() if child.isdigit()]
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _read(entry / "stat").rpartition(")")[2].split()
            if len(fields) > 1 and fields[1].isdigit():
                parents[int(entry.name)] = int(fields[1])
    return [child for child, parent in parents.items() if parent == pid]


def changes(clean: dict[str, Any], seen: dict[str, Any], slot: str) -> list[str]:
    """What is different from a process that attacked nothing. `slot`: files below it are its own to open."""
    found = []
    for name, value in seen.items():
        before = clean[name]
        if name == "descriptors":
            extra = list(value)
            for each in before:
                if each in extra:
                    extra.remove(each)
            extra = [each for each in extra if not (slot and each.startswith(slot))]
            extra = [each for each in extra if "/vault/" not in each and not each.startswith("socket:")]
            extra = [each for each in extra if not each.endswith("/pagemap")]  # every worker has its own from the start
            # A second name for the socket it has is a descriptor that somebody made: counted, not compared by number.
            if sum(each.startswith("socket:") for each in value) > sum(each.startswith("socket:") for each in before):
                extra.append("one socket more")
            found += [f"open: {each}" for each in extra]
        elif name in ("executable", "shared"):
            found += [f"{name}: {row}" for row in sorted(value - before)]
        elif name == "cwd":  # Landlock has no right for changing folders: what matters is what can be opened from there
            continue
        elif value != before:
            found.append(f"{name}: {before!r} became {value!r}")
    return found


_EXITING = 4  # PF_EXITING among the flags of /proc/<pid>/stat


class World:
    """Files, listeners, processes and the machine's own settings, with a token that must never come out."""

    def __init__(self, folder: Path) -> None:
        self.token = "token-" + secrets.token_hex(12)
        self.folder = folder
        for above in (folder, *folder.parents[:-1]):
            with contextlib.suppress(PermissionError):
                above.chmod(above.stat().st_mode | 0o011)
        self.signals: list[int] = []
        self._restore = {
            number: signal.signal(number, lambda caught, _frame: self.signals.append(caught))
            for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP, signal.SIGIO, signal.SIGCONT)
        }
        self._held = ctypes.create_string_buffer(self.token.encode())  # in the host's own memory, at a known address
        self._listen()
        self._start_victim()
        self.reset()

    def close(self) -> None:
        """Put back what was replaced in this process."""
        for number, handler in self._restore.items():
            signal.signal(number, handler)
        self._victim.kill()
        self._victim.wait()
        for each in self._listeners.values():
            each.close()

    # ---- what attacks are told

    def names(self, **more: Any) -> dict[str, Any]:
        """The names that an attack's source may use."""
        return {
            "FOLDER": str(self.folder / "outside").encode(),
            "CANARY": str(self.folder / "outside" / "canary").encode(),
            "SECRET": str(self.folder / "outside" / "secret").encode(),
            "UNIX": str(self.folder / "unix").encode(),
            "ABSTRACT": self._abstract,
            "PORT": self._listeners["tcp"].getsockname()[1],
            "UDP": self._listeners["udp"].getsockname()[1],
            "PORT6": self._listeners["tcp6"].getsockname()[1] if "tcp6" in self._listeners else 0,
            "HOST": os.getpid(),
            "HOST_TOKEN": ctypes.addressof(self._held),
            "VICTIM": self._victim.pid,
            "VICTIM_TOKEN": self._victim_address,
            "TOKEN_LENGTH": len(self.token),
            **more,
        }

    # ---- what there is to see

    def reset(self) -> None:
        """Make the files anew; take over what else is as it is."""
        libc = ctypes.CDLL(None)
        for find, remove in (("shmget", "shmctl"), ("semget", "semctl"), ("msgget", "msgctl")):
            found = getattr(libc, find)(KEY, 0, 0)
            if found >= 0:
                getattr(libc, remove)(found, 0, 0, 0)
        if hasattr(libc, "mq_unlink"):
            libc.mq_unlink(b"/safe-codeact-x")
        outside = self.folder / "outside"
        if outside.exists():
            subprocess.run(["chattr", "-R", "-ia", str(outside)], stderr=subprocess.DEVNULL, check=False)
            shutil.rmtree(outside, ignore_errors=True)
        (outside / "below").mkdir(parents=True)
        (outside / "canary").write_text("alive")
        (outside / "secret").write_text(self.token)
        (outside / "run").write_text("#!/bin/sh\ntouch " + str(outside / "ran"))
        for path, mode in (
            (outside, 0o777),
            (outside / "below", 0o777),
            (outside / "canary", 0o666),
            (outside / "run", 0o777),
        ):
            path.chmod(mode)
        self.signals.clear()
        self._hear()
        if self._victim.poll() is not None or self._state() in "Tt":
            self._victim.kill()
            self._victim.wait()
            self._start_victim()
        self._before = self._look()

    def breaches(self, *said: str) -> list[str]:
        """What has happened out here, and whether any of the texts that came out holds the token."""
        found = [f"{name}: {was!r} became {now!r}" for name, was, now in self._differences()]
        found += [f"somebody came to {name}" for name in self._hear()]
        found += [f"signal {number} arrived at the host" for number in self.signals]
        found += ["the token came out" for text in said if self.token in text or self.token[:16] in text]
        return found

    def _differences(self) -> list[tuple[str, Any, Any]]:
        now = self._look()
        return [
            (name, self._before.get(name), now.get(name))
            for name in {**self._before, **now}
            if self._before.get(name) != now.get(name)
        ]

    def _look(self) -> dict[str, Any]:
        seen: dict[str, Any] = {}
        for path in [self.folder / "outside", *sorted((self.folder / "outside").rglob("*"))]:
            about = path.lstat()
            content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
            attributes = [(name, os.getxattr(path, name)) for name in os.listxattr(path, follow_symlinks=False)]
            seen[str(path)] = (
                about.st_mode,
                about.st_uid,
                about.st_nlink,
                about.st_size,
                about.st_mtime_ns,
                content,
                attributes,
            )
        self._settle()
        seen["victim"] = (self._victim.poll(), self._state(), self._victim_status())
        for name in ("/proc/sysvipc/shm", "/proc/sysvipc/sem", "/proc/sysvipc/msg"):
            seen[name] = [line.split()[:2] for line in _read(name).splitlines()]  # key and identifier
        for name in ("/proc/self/mounts", "/proc/swaps", "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname"):
            seen[name] = _read(name)
        seen["/dev/shm"] = sorted(os.listdir("/dev/shm")) if os.path.isdir("/dev/shm") else []
        seen["clock"] = round((time.time() - time.monotonic()) / 30)  # seconds that no clock discipline makes
        return seen

    def _settle(self) -> None:
        """Wait until the victim has taken the signals that were sent to it: on a busy machine it is still to run."""
        deadline = time.monotonic() + 10
        while self._victim.poll() is None and time.monotonic() < deadline:
            status = dict(line.split(":", 1) for line in _read(f"/proc/{self._victim.pid}/status").splitlines())
            fields = _read(f"/proc/{self._victim.pid}/stat").rpartition(")")[2].split()
            pending = any(int(status.get(name, "0"), 16) for name in ("SigPnd", "ShdPnd"))
            if not pending and not (fields and int(fields[6]) & _EXITING):
                return
            time.sleep(0.001)

    def _state(self) -> str:
        fields = _read(f"/proc/{self._victim.pid}/stat").rpartition(")")[2].split()
        state = fields[0] if fields else "X"
        return "S" if state in "SRD" else state

    def _victim_status(self) -> tuple[str, ...]:
        folder = Path(f"/proc/{self._victim.pid}")
        status = dict(line.split(":", 1) for line in _read(folder / "status").splitlines() if ":" in line)
        kept = [status.get(name, "") for name in ("TracerPid", "Cpus_allowed", "Uid")]
        return (*kept, _read(folder / "limits"), *_read(folder / "stat").rpartition(")")[2].split()[15:17])

    # ---- who listens, and who is to be harmed

    def _listen(self) -> None:
        self._abstract = b"\0safe-codeact-" + secrets.token_hex(6).encode()
        self._listeners: dict[str, socket.socket] = {}
        wanted = [
            ("tcp", socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            ("udp", socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            ("unix", socket.AF_UNIX, socket.SOCK_STREAM, str(self.folder / "unix")),
            ("abstract", socket.AF_UNIX, socket.SOCK_STREAM, self._abstract),
            ("tcp6", socket.AF_INET6, socket.SOCK_STREAM, ("::1", 0)),
        ]
        for name, family, kind, address in wanted:
            made = socket.socket(family, kind)
            try:
                made.bind(address)
            except OSError:
                made.close()
                assert name == "tcp6", f"no listener can be made for {name}"
                continue
            made.setblocking(False)
            if kind == socket.SOCK_STREAM:
                made.listen(8)
            self._listeners[name] = made
        (self.folder / "unix").chmod(0o777)

    def _hear(self) -> list[str]:
        came = []
        for name, each in self._listeners.items():
            with contextlib.suppress(BlockingIOError):
                if name == "udp":
                    each.recv(100)
                else:
                    each.accept()[0].close()
                came.append(name)
        return came

    def _start_victim(self) -> None:
        """Somebody else's process: its token lies in its environment, at an address that /proc tells."""
        self._victim = subprocess.Popen(["sleep", "1000"], env={"TOKEN": self.token}, start_new_session=True)
        while b"sleep" not in Path(f"/proc/{self._victim.pid}/cmdline").read_bytes():
            time.sleep(0.001)
        fields = _read(f"/proc/{self._victim.pid}/stat").rpartition(")")[2].split()
        self._victim_address = int(fields[47]) + len("TOKEN=")
