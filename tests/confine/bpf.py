"""A small interpreter for classic BPF as seccomp uses it: what the kernel would answer, computed here.

Source: Documentation/networking/filter.rst and include/uapi/linux/{bpf_common,seccomp}.h of Linux.
"""

from __future__ import annotations

import struct

KILL_PROCESS = 0x80000000
ALLOW = 0x7FFF0000
USER_NOTIF = 0x7FC00000
ERRNO = 0x00050000

_JUMPS = {
    0x15: lambda a, k: a == k,
    0x25: lambda a, k: a > k,
    0x35: lambda a, k: a >= k,
    0x45: lambda a, k: bool(a & k),
}


def verdict(program: bytes, arch: int, number: int, arguments: tuple[int, ...] = ()) -> int:
    """The action word for one call. Raises on an instruction that seccomp would not accept."""
    values = (arguments + (0,) * 6)[:6]
    data = struct.pack("<IIQ6Q", number & 0xFFFFFFFF, arch, 0, *values)
    accumulator = 0
    position = 0
    while True:
        code, jump_true, jump_false, k = struct.unpack_from("<HBBI", program, position * 8)
        position += 1
        if code == 0x20:  # load word at k
            (accumulator,) = struct.unpack_from("<I", data, k)
        elif code == 0x06:  # return k
            return k
        elif code == 0x05:  # jump always
            position += k
        elif code == 0x54:  # and with k
            accumulator &= k
        elif code in _JUMPS:
            position += jump_true if _JUMPS[code](accumulator, k) else jump_false
        else:
            raise ValueError(f"instruction {code:#x} at {position - 1} is not known")
