"""Makes the filters that are shipped: `python -m safe_codeact.kernel.export` after a change of `confine.syscalls`.

Run by an engineer, not at run time: needs the libseccomp library and the `pyseccomp` package (extra `dev`). The
programs land in `confine/programs/` and are committed with the table; a test runs each of them in a small interpreter
against the table, for every call number, and another one compares them with what libseccomp makes here and now.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pyseccomp  # the compiler; the package that ships never imports this module

from safe_codeact.confine import syscalls

PROGRAMS = Path(syscalls.__file__).parent / "programs"
_BINARY_TREE = 2  # SCMP_FLTATR_CTL_OPTIMIZE: a call is found in about log2(n) comparisons
_ARCHITECTURES = {"x86_64": pyseccomp.Arch.X86_64, "aarch64": pyseccomp.Arch.AARCH64}


def compile_filter(profile: syscalls.Profile, machine: str, stage: str) -> bytes:
    """One of the two programs of a profile on a machine, as libseccomp exports it."""
    known = stage == "known"
    made: Any = pyseccomp.SyscallFilter(pyseccomp.KILL_PROCESS if known else pyseccomp.ERRNO(syscalls.OTHER_ARGUMENTS))
    made.set_attr(pyseccomp.Attr.ACT_BADARCH, pyseccomp.KILL_PROCESS)
    made.set_attr(pyseccomp.Attr.CTL_OPTIMIZE, _BINARY_TREE)
    wanted = _ARCHITECTURES[machine]
    if pyseccomp.system_arch() != wanted:
        made.add_arch(wanted)
        made.remove_arch(pyseccomp.system_arch())
    for line in syscalls.allowed(profile):
        if line.number(machine) is None:
            continue
        for case in ((),) if known or not line.cases else line.cases:
            conditions = [pyseccomp.Arg(part.argument, pyseccomp.MASKED_EQ, part.mask, part.value) for part in case]
            made.add_rule(pyseccomp.ALLOW, line.name, *conditions)
    for refusal in syscalls.denied(profile):
        if refusal.number(machine) is not None:
            answer = pyseccomp.ALLOW if known else pyseccomp.ERRNO(refusal.errno)
            if known or refusal.errno != syscalls.OTHER_ARGUMENTS:  # the stage's own default says the same
                made.add_rule(answer, refusal.name)
    with tempfile.TemporaryFile() as file:
        made.export_bpf(file)
        file.seek(0)
        return file.read()


def main() -> None:
    PROGRAMS.mkdir(exist_ok=True)
    for profile in syscalls.PROFILES:
        for machine in syscalls.MACHINES:
            names = syscalls.program_names(profile, machine)
            for stage, name in zip(syscalls.STAGES, names, strict=True):
                program = compile_filter(profile, machine, stage)
                (PROGRAMS / name).write_bytes(program)
                print(f"{name}: {len(program) // 8} instructions")


if __name__ == "__main__":
    main()
