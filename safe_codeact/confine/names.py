"""What a system call is called: for the observation of a worker that the filter killed.

The table of `confine.syscalls` names the calls that are answered; those that kill are all the others, so their names
ship beside the programs, as `kernel.export` found them.
"""

from __future__ import annotations

import functools
from pathlib import Path

from safe_codeact.confine.syscalls import MACHINES

_PROGRAMS = Path(__file__).parent / "programs"


def names_file(machine: str) -> str:
    """The file under `programs/` with a line for each call: its number and its name."""
    return f"names.{machine}.txt"


@functools.cache
def names(machine: str) -> dict[int, str]:
    """Every call that was known when the programs were made, by number."""
    lines = (_PROGRAMS / names_file(machine)).read_text(encoding="ascii").splitlines()
    return {int(number): name for number, _, name in (line.partition(" ") for line in lines)}


def words_for(number: int, architecture: int) -> str:
    """How an observation names a call: the system call `ptrace`, or its number where no name is known.

    `architecture` is an AUDIT_ARCH of include/uapi/linux/audit.h: the same number is another call on another machine.
    """
    for machine, audit in MACHINES.items():
        if audit == architecture and number in names(machine):
            return f"the system call `{names(machine)[number]}`"
    known = architecture in MACHINES.values()
    return f"system call {number}" if known else f"system call {number} of architecture {architecture:#x}"
