"""The probe says what this kernel offers, and says so in a process of its own."""

from __future__ import annotations

import json
import platform
import subprocess
import sys

from kernel_children import in_child

from safe_codeact.kernel import landlock, seccomp


def test_the_probe_agrees_with_the_kernel() -> None:
    """One JSON document, with what the calls themselves say."""
    ended = subprocess.run(
        [sys.executable, "-s", "-P", "-m", "safe_codeact.kernel.probe"], capture_output=True, timeout=60, check=True
    )
    said = json.loads(ended.stdout)
    assert said["landlock"] == landlock.abi()
    assert said["seccomp"] is seccomp.available() is True
    assert (said["kernel"], said["machine"]) == (platform.release(), platform.machine())
    assert said["python"] == platform.python_version()


def test_the_probe_says_when_the_calls_are_refused() -> None:
    """Behind a filter that answers everything of Landlock's and seccomp's with an errno: 0 and False, no exception."""
    said, _ = in_child("""
import struct
def instruction(code, true, false, k): return struct.pack('<HBBI', code, true, false, k)
numbers = [libc._NUMBERS[libc.MACHINE][name] for name in ('landlock_create_ruleset', 'seccomp')]
program = instruction(0x20, 0, 0, 0)
for position, number in enumerate(numbers):
    program += instruction(0x15, len(numbers) - position, 0, number)
program += instruction(6, 0, 0, 0x7fff0000) + instruction(6, 0, 0, 0x50000 | errno.EPERM)
process.forbid_new_privileges()
seccomp.install(program)
say(abi=landlock.abi(), available=seccomp.available())
""")
    assert said == {"abi": 0, "available": False}
