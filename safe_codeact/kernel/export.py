"""Makes the filters that are shipped: `python -m safe_codeact.kernel.export` after a change of `confine.syscalls`.

Run by an engineer, not at run time: needs the libseccomp library and the `pyseccomp` package (extra `dev`). The
programs land in `confine/programs/` and are committed with the table; a test runs each of them in a small interpreter
against the table, for every call number, and another one compares them with what libseccomp makes here and now. The
names of all calls land there too, for the calls that no table names.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyseccomp  # the compiler; the package that ships never imports this module

from safe_codeact.confine import syscalls
from safe_codeact.confine.names import names_file

PROGRAMS = Path(syscalls.__file__).parent / "programs"
_BINARY_TREE = 2  # SCMP_FLTATR_CTL_OPTIMIZE: a call is found in about log2(n) comparisons
_ARCHITECTURES = {"x86_64": pyseccomp.Arch.X86_64, "aarch64": pyseccomp.Arch.AARCH64}
# Calls that came after the compiler: the same numbers everywhere (scripts/syscall.tbl of Linux 6.17).
_NEWER = dict(enumerate((
    "cachestat", "fchmodat2", "map_shadow_stack", "futex_wake", "futex_wait", "futex_requeue", "statmount", "listmount",
    "lsm_get_self_attr", "lsm_set_self_attr", "lsm_list_modules", "mseal", "setxattrat", "getxattrat", "listxattrat",
    "removexattrat", "open_tree_attr", "file_getattr", "file_setattr",
), 451))  # fmt: skip


def compile_filter(profile: syscalls.Profile, machine: str, stage: str) -> bytes:
    """One of the programs of a profile on a machine."""
    return _COMPILERS[stage](profile, machine)


def _known(profile: syscalls.Profile, machine: str, default: int = pyseccomp.KILL_PROCESS) -> bytes:
    made = _filter(machine, default)
    table: list[syscalls.Allowed | syscalls.Denied] = [*syscalls.allowed(profile), *syscalls.denied(profile)]
    for line in table:
        if line.number(machine) is not None:
            made.add_rule(pyseccomp.ALLOW, line.name)
    return _exported(made)


def _judged(profile: syscalls.Profile, machine: str, more: tuple[syscalls.Allowed, ...] = ()) -> bytes:
    made = _filter(machine, pyseccomp.ERRNO(syscalls.OTHER_ARGUMENTS))
    lines = [line for line in (*syscalls.allowed(profile), *more) if line.number(machine) is not None]
    for line in lines:
        for case in line.cases or ((),):
            made.add_rule(pyseccomp.ALLOW, line.name, *_conditions(case))
    granted = {line.name for line in lines}
    for refusal in syscalls.denied(profile):
        # The program's own default answers `OTHER_ARGUMENTS`.
        if (
            refusal.number(machine) is not None
            and refusal.name not in granted
            and refusal.errno != syscalls.OTHER_ARGUMENTS
        ):
            made.add_rule(pyseccomp.ERRNO(refusal.errno), refusal.name)
    return _exported(made)


def _told(profile: syscalls.Profile, machine: str) -> bytes:
    known = _known(profile, machine, pyseccomp.NOTIFY)
    return linked(known, _judged(profile, machine, syscalls.HANDOVER))


def _closed(profile: syscalls.Profile, machine: str) -> bytes:
    made = _filter(machine, pyseccomp.ALLOW)
    errnos = {refusal.name: refusal.errno for refusal in syscalls.denied(profile)}
    for line in syscalls.HANDOVER:
        for case in line.cases or ((),):
            answer = pyseccomp.ERRNO(errnos.get(line.name, syscalls.OTHER_ARGUMENTS))
            made.add_rule(answer, line.name, *_conditions(case))
    return _exported(made)


_COMPILERS: dict[str, Callable[[syscalls.Profile, str], bytes]] = {
    "known": _known,
    "judged": _judged,
    "told": _told,
    "closed": _closed,
}
_INSTRUCTION = struct.Struct("<HBBI")  # struct sock_filter
_RETURN, _JUMP, _ALLOW = 0x06, 0x05, 0x7FFF0000


def linked(first: bytes, second: bytes) -> bytes:
    """One program: what `first` allows is left to `second`, and everything else is the answer of `first`."""
    size = len(first) // _INSTRUCTION.size
    made = bytearray()
    for position, (code, true, false, k) in enumerate(_INSTRUCTION.iter_unpack(first)):
        passes = (code, k) == (_RETURN, _ALLOW)
        made += (
            _INSTRUCTION.pack(_JUMP, 0, 0, size - position - 1) if passes else _INSTRUCTION.pack(code, true, false, k)
        )
    return bytes(made + second)


def _filter(machine: str, default: int) -> Any:
    made: Any = pyseccomp.SyscallFilter(default)
    made.set_attr(pyseccomp.Attr.ACT_BADARCH, pyseccomp.KILL_PROCESS)
    made.set_attr(pyseccomp.Attr.CTL_OPTIMIZE, _BINARY_TREE)
    wanted = _ARCHITECTURES[machine]
    if pyseccomp.system_arch() != wanted:
        made.add_arch(wanted)
        made.remove_arch(pyseccomp.system_arch())
    return made


def _conditions(case: tuple[syscalls.Masked, ...]) -> list[Any]:
    return [pyseccomp.Arg(part.argument, pyseccomp.MASKED_EQ, part.mask, part.value) for part in case]


def _exported(made: Any) -> bytes:
    with tempfile.TemporaryFile() as file:
        made.export_bpf(file)
        file.seek(0)
        return file.read()


def names(machine: str) -> dict[int, str]:
    """Every call that the compiler knows on a machine, by number."""
    found = dict(_NEWER)
    for number in range(min(_NEWER)):
        try:
            name = pyseccomp.resolve_syscall(_ARCHITECTURES[machine], number)
        except ValueError:  # no such call
            continue
        found[number] = name.decode() if isinstance(name, bytes) else name
    return dict(sorted(found.items()))


def main() -> None:
    PROGRAMS.mkdir(exist_ok=True)
    for machine in syscalls.MACHINES:
        for profile in syscalls.PROFILES:
            for stage in (*syscalls.STAGES, *syscalls.LISTENED_STAGES):
                [name] = syscalls.program_names(profile, machine, (stage,))
                program = compile_filter(profile, machine, stage)
                (PROGRAMS / name).write_bytes(program)
                print(f"{name}: {len(program) // _INSTRUCTION.size} instructions")
        lines = [f"{number} {name}\n" for number, name in names(machine).items()]
        (PROGRAMS / names_file(machine)).write_text("".join(lines), encoding="ascii")


if __name__ == "__main__":
    main()
