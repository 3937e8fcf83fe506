"""The world around a worker, and every way in which a program could have changed it or told of it.

Nothing here asks the program: files are read back, listeners asked whether anybody came, processes looked up in /proc.
What programs go for is named in their text by placeholders (`@SECRET@`), because an example that is run again finds
another folder and other ports.
"""

from __future__ import annotations

import base64
import contextlib
import os
import resource
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

_SIGNALLED: Final = ("Z", "T", "t", "X")  # states that somebody's signal leaves a process in
_GROWTH = 512 << 20  # bytes that the host's own memory may grow by over a run
_LEFT_SECONDS = 5.0  # for processes that are ending to be gone
ENVIRONMENT: Final = "SAFE_CODEACT_FUZZ_SECRET"


class Outside:
    """A folder, listeners and a victim; a context manager. `breach` says what has happened, in a word."""

    def __init__(self) -> None:
        self.token = "token-" + secrets.token_hex(16)
        raw = self.token.encode()
        self._forms = [
            self.token,
            self.token[::-1],
            raw.hex(),
            base64.b64encode(raw).decode()[:24],
            repr(list(raw))[1:-1],
        ]

    def __enter__(self) -> Self:
        self._uid = os.getuid()
        self._root = Path(tempfile.mkdtemp(prefix="safe_codeact-outside-"))
        self._root.chmod(0o755)
        self._folder = self._root / "outside"
        self._listen()
        os.environ[ENVIRONMENT] = self.token
        self._victim = self._start_victim()
        self._memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        self._before_us = set(_descendants(os.getpid()))
        self.renew()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        os.environ.pop(ENVIRONMENT, None)
        self._victim.kill()
        self._victim.wait()
        for each in self._listeners.values():
            each.close()
        shutil.rmtree(self._root, ignore_errors=True)

    def _listen(self) -> None:
        self._abstract = "safe-codeact-fuzz-" + secrets.token_hex(6)
        self._listeners: dict[str, socket.socket] = {"tcp": socket.create_server(("127.0.0.1", 0))}
        for name, address in (("unix", str(self._root / "unix")), ("abstract", "\0" + self._abstract)):
            made = self._listeners[name] = socket.socket(socket.AF_UNIX)
            made.bind(address)
            made.listen(16)
        (self._root / "unix").chmod(0o777)
        udp = self._listeners["udp"] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        for each in self._listeners.values():
            each.setblocking(False)

    def _start_victim(self) -> subprocess.Popen[bytes]:
        """Somebody else's process, with the token in its environment."""
        owner: dict[str, Any] = {"user": self._uid, "group": self._uid} if os.getuid() == 0 else {}
        made: subprocess.Popen[bytes] = subprocess.Popen(
            ["/bin/sleep", "100000"], env={"TOKEN": self.token}, start_new_session=True, **owner
        )
        return made

    def belong_to(self, uid: int) -> None:
        """The victim is a process of the same user as the workers: nothing but the layers under test keeps them apart."""
        self._uid = uid
        self._victim.kill()
        self._victim.wait()
        self._victim = self._start_victim()
        self.renew()

    def renew(self) -> None:
        """Everything as it was before an example."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        for name, content in (("secret", self.token), ("canary", "alive")):
            (self._folder / name).write_text(content)
            (self._folder / name).chmod(0o666)
        self._folder.chmod(0o777)
        if os.getuid() == 0:  # the workers' own, as far as users go
            for path in (self._folder, *self._folder.iterdir()):
                os.chown(path, self._uid, self._uid)
        if self._victim.poll() is not None or _state(self._victim.pid) in _SIGNALLED:
            self._victim.kill()
            self._victim.wait()
            self._victim = self._start_victim()
        self._heard()
        self._shown = self._look()

    def names(self) -> dict[str, str]:
        """What stands for the placeholders in a program's text."""
        return {
            "@SECRET@": str(self._folder / "secret"),
            "@CANARY@": str(self._folder / "canary"),
            "@FOLDER@": str(self._folder),
            "@UNIX@": str(self._root / "unix"),
            "@ABSTRACT@": self._abstract,
            "@PORT@": str(self._listeners["tcp"].getsockname()[1]),
            "@UDP@": str(self._listeners["udp"].getsockname()[1]),
            "@HOST@": str(os.getpid()),
            "@VICTIM@": str(self._victim.pid),
        }

    def filled(self, text: str) -> str:
        """A program's text with the placeholders replaced."""
        for name, value in self.names().items():
            text = text.replace(name, value)
        return text

    def told(self, *texts: str) -> str:
        """Whether one of the texts that came out holds the token, in one of the forms a program could give it."""
        return "the secret came out" if any(form in text for text in texts for form in self._forms) else ""

    def breach(self) -> str:
        """What has happened out here since `renew`, or ""."""
        came = self._heard()
        if came:
            return f"somebody came to the {came[0]} listener"
        if self._look() != self._shown:
            return "a file outside was changed"
        if self._victim.poll() is not None or _state(self._victim.pid) in _SIGNALLED:
            return "another process was signalled"
        if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - self._memory > _GROWTH:
            return "the host's memory grew"
        return ""

    def left_running(self, zygotes: int) -> str:
        """Whether there are processes below this one that are no zygote, no standby worker and none of ours: those
        of an action that has ended. Waits a little for what is ending."""
        deadline = time.monotonic() + _LEFT_SECONDS
        while True:
            extra = [pid for pid in _descendants(os.getpid()) if pid not in self._before_us]
            if len(extra) <= zygotes:
                return ""
            if time.monotonic() > deadline:
                return "a process was left behind"
            time.sleep(0.02)

    def _look(self) -> list[tuple[str, int, int, bytes]]:
        seen = []
        for path in sorted(self._folder.rglob("*")):
            about = path.lstat()
            content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
            seen.append((str(path), about.st_mode, about.st_nlink, content))
        return seen

    def _heard(self) -> list[str]:
        came = []
        for name, each in self._listeners.items():
            with contextlib.suppress(BlockingIOError):
                if name == "udp":
                    each.recv(100)
                else:
                    each.accept()[0].close()
                came.append(name)
        return came


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


def _descendants(root: int) -> list[int]:
    """Processes below one, without those that have ended and only wait for their parent."""
    parents: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError, ValueError):
                fields = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
                if fields[0] not in ("Z", "X"):
                    parents[int(entry)] = int(fields[1])
    found = []
    for pid in parents:
        above = parents[pid]
        while above not in (0, 1, root):
            above = parents.get(above, 0)
        if above == root:
            found.append(pid)
    return found
