"""The shipped filters in the running kernel: every call number, and every argument beside an allowed one."""

from __future__ import annotations

import itertools
import json
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from safe_codeact.confine import syscalls

MACHINE = platform.machine()
# uretprobe and uprobe of x86_64: newer kernels answer them before any filter is asked (kernel/seccomp.c,
# `seccomp_uprobe_exception`), with SIGILL and ENXIO unless a probe's own trampoline calls.
_BEFORE_ANY_FILTER = {335: -4, 336: 6} if MACHINE == "x86_64" else {}
_ENDS_ITSELF = {"exit": -1000, "exit_group": -1000, "rt_sigreturn": -11}


@pytest.fixture(scope="module", params=itertools.product(syscalls.PROFILES, ("killed", "told")), ids=" ".join)
def sweep(request: pytest.FixtureRequest) -> tuple[syscalls.Profile, dict[str, Any]]:
    program = Path(__file__).parent / "kernel_sweep.py"
    ended = subprocess.run(
        [sys.executable, str(program), *request.param], capture_output=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr.decode()
    return request.param[0], json.loads(ended.stdout)


def test_the_kernel_decides_every_number_as_the_table_says(sweep: tuple[syscalls.Profile, dict[str, Any]]) -> None:
    """Numbers 0 to 600: allowed ones run, denied ones answer their errno, all others kill, and are told by their number."""
    profile, said = sweep
    allowed = {line.number(MACHINE): line for line in syscalls.allowed(profile)}
    denied = {line.number(MACHINE): line for line in syscalls.denied(profile)}
    wrong = []
    for number in range(601):
        answers = said["seen"][str(number)]
        if number in allowed:
            ends = _ENDS_ITSELF.get(allowed[number].name)
            right = all(
                answer == ends if ends else answer >= 0 and answer != syscalls.OTHER_ARGUMENTS for answer in answers
            )
        elif number in denied:
            right = answers == [denied[number].errno]
        else:
            right = answers in ([said["killed"]], [_BEFORE_ANY_FILTER.get(number)])
        if not right:
            wrong.append((number, answers))
    assert not wrong
    assert not said["mistold"]


def test_the_kernel_refuses_every_neighbour_of_an_allowed_argument(
    sweep: tuple[syscalls.Profile, dict[str, Any]],
) -> None:
    """One bit beside: an errno, no effect."""
    _profile, said = sweep
    assert len(said["beside"]) > 100
    assert not [each for each in said["beside"] if each[2] != syscalls.OTHER_ARGUMENTS]
