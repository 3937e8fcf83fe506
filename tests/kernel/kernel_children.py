"""Runs a function of `safe_codeact.kernel` where it belongs: in a child of its own, which it may ruin."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

_BEFORE = """
import ctypes, errno, json, os, resource, signal, sys
from safe_codeact.kernel import landlock, libc, process, seccomp
def attempt(function, *arguments, **options):
    'What a call gives: its result, or the name of its errno.'
    try:
        return function(*arguments, **options)
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error.errno))
def say(**values):
    os.write(1, json.dumps(values).encode())
"""


def in_child(source: str, *, uid: int | None = None, **options: Any) -> tuple[dict[str, Any], int]:
    """What the source said with `say(…)`, and the status it ended with (negative: a signal)."""
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", _BEFORE + source],
        capture_output=True, timeout=60, check=False, user=uid, **options,
    )  # fmt: skip
    assert ended.returncode <= 0 or ended.stdout, ended.stderr.decode()
    return (json.loads(ended.stdout) if ended.stdout else {}), ended.returncode


def status_field(name: str, pid: int | None = None) -> str:
    """One line of /proc/<pid>/status."""
    with open(f"/proc/{pid or os.getpid()}/status", encoding="ascii") as file:
        return next((line.split(":", 1)[1].strip() for line in file if line.startswith(name + ":")), "")
