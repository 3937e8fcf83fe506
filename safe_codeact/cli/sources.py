"""Program text from files and from standard input."""

from __future__ import annotations

import os
import stat
import sys

from safe_codeact.errors import SafeCodeActError

# The gate has the policy's own, smaller bound (`limits.source_kb`, at most 1024); this one is for the memory of this
# process.
_MOST_BYTES = 16 * 1024 * 1024


class UnusableInput(SafeCodeActError):
    """A file that cannot be read as program text; the message says which and why."""


def read_source(name: str) -> str:
    """The text of a file, or of standard input for "-". Raises `UnusableInput`."""
    try:
        raw = _read_standard_input() if name == "-" else _read_file(name)
    except (OSError, ValueError) as error:
        reason = _REASONS.get(type(error)) or (error.strerror if isinstance(error, OSError) else str(error))
        raise UnusableInput(f"{name}: cannot be read: {reason}.") from None
    if len(raw) > _MOST_BYTES:
        raise UnusableInput(f"{name}: has more than {_MOST_BYTES // 1024 // 1024} MiB, which is no program.")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise UnusableInput(
            f"{name}:{line}: byte 0x{raw[error.start]:02x} is not UTF-8: programs are UTF-8 text; save it as that."
        ) from None


_REASONS: dict[type[Exception], str] = {
    FileNotFoundError: "there is no such file",
    IsADirectoryError: "it is a folder; name the files in it",
    PermissionError: "this user may not read it",
}


def _read_standard_input() -> bytes:
    if sys.stdin is None:
        raise ValueError("standard input is closed")
    return sys.stdin.buffer.read(_MOST_BYTES + 1)


def _read_file(name: str) -> bytes:
    """Files, and pipes as the shell's `<(…)` makes them; no folder, and no device that never ends."""
    with open(name, "rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
            raise ValueError("it is a device or a socket, not a file")
        return file.read(_MOST_BYTES + 1)
