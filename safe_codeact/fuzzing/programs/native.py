"""System calls by ctypes, with arguments at random, in sequences that use one another's results.

Threat: a filter is a table of numbers and arguments, and holes in such tables lie where nobody looked: a number nobody knows,
an argument in the upper half of a register, a second call that uses what the first one made. What a sequence may not do
even where it succeeds is harm the machine: calls that would (a reboot, the clock, modules of the kernel) are not made.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from typing import Any, Final

from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]
_INTEL: Final = platform.machine() == "x86_64"

# Not made, because succeeding would harm the machine, or end this worker at once without telling anything (x86_64, aarch64).
_NOT_MADE: Final = {
    True: {
        169,
        246,
        320,
        175,
        313,
        176,
        164,
        227,
        159,
        305,
        167,
        168,
        163,
        153,
        172,
        173,
        170,
        171,
        103,
        180,
        60,
        231,
        15,
        34,
        219,
    },
    False: {142, 104, 294, 105, 273, 106, 170, 112, 171, 266, 224, 225, 89, 58, 161, 162, 116, 42, 93, 94, 139, 128},
}[_INTEL]
# Of interest by themselves: files, descriptors, processes, memory (x86_64, aarch64).
_INTERESTING: Final = {
    True: (2, 257, 437, 0, 1, 17, 18, 9, 10, 11, 25, 28, 41, 42, 44, 46, 47, 49, 53, 54, 56, 57, 58, 59, 322, 435, 62, 200, 234, 72, 16,
           32, 33, 292, 76, 77, 82, 86, 87, 88, 90, 91, 92, 133, 258, 259, 263, 264, 265, 266, 268, 276, 280, 316, 303, 304, 310, 311,
           101, 105, 117, 125, 126, 157, 158, 135, 155, 161, 165, 166, 272, 308, 317, 319, 323, 321, 298, 425, 426, 427, 434, 438, 424,
           444, 445, 446, 447, 448, 450, 452, 280, 279, 160, 302, 97, 203, 141, 29, 30, 64, 68, 240, 248, 250, 282, 284, 290, 291, 293,
           213, 22, 332, 262, 4, 5, 6, 78, 217, 8, 40, 275, 278, 285, 186, 39, 12, 13, 14, 202, 218, 273, 324, 334, 449, 451, 462),
    False: (56, 437, 63, 64, 67, 68, 222, 226, 215, 216, 233, 198, 203, 206, 211, 212, 200, 199, 220, 221, 281, 435, 129, 130, 131, 25, 29,
            23, 24, 45, 46, 38, 37, 36, 53, 33, 34, 35, 76, 88, 276, 264, 265, 270, 271, 117, 146, 147, 90, 91, 167, 92, 51, 40, 39, 97,
            268, 277, 279, 282, 280, 241, 425, 434, 438, 424, 444, 445, 446, 452, 261, 122, 140, 194, 190, 186, 180, 217, 219, 74, 85, 19,
            20, 59, 79, 61, 62, 71, 178, 172, 214, 98, 96, 99, 283, 449, 451, 462),
}[_INTEL]  # fmt: skip
_MOST_NUMBER: Final = 470

_PRELUDE: Final = """import ctypes, os
_c = ctypes.CDLL(None, use_errno=True).syscall
_c.restype = ctypes.c_long
_r = []
def call(n, *a):
    v = _c(ctypes.c_long(n), *[ctypes.c_char_p(x) if type(x) is bytes else ctypes.c_long(x) if type(x) is int else x for x in a])
    _r.append(v if v >= 0 else -ctypes.get_errno())
_b = ctypes.create_string_buffer(4096)
_at = ctypes.addressof(_b)
"""
_END: Final = "print(_r, _b.raw[:200])"

# An argument as it is written in the program.
_ARGUMENTS: Final = st.one_of(
    st.sampled_from(
        ["0", "1", "-1", "3", "-100", "_at", "4096", "b'@SECRET@'", "b'@CANARY@'", "b'@FOLDER@'", "b'@FOLDER@/made'", "b'own'",
         "b'.'", "b'/'", "b'/proc/self'", "(_r[-1] if _r else 0)", "(_r[0] if _r else 0)", "@VICTIM@", "@HOST@", "os.getpid()",
         "0o100", "0o1102", "0x10000000", "7", "0x22", "0x21", "9", "19", "(1 << 32) | 1", "(1 << 63) - 1", "0x40000000", "2", "16",
         "0x200000", "_at + 2048", "id(_b)", "ctypes.byref(_b)"]
    ),
    st.integers(-(2**63), 2**63 - 1).map(str),
    st.integers(0, 64).map(str),
)  # fmt: skip
_NUMBERS: Final = st.one_of(
    st.sampled_from(_INTERESTING),
    st.integers(0, _MOST_NUMBER),
    st.sampled_from(_INTERESTING).map(lambda number: number | 0x40000000),  # the x32 table
    st.sampled_from(_INTERESTING).map(lambda number: number | 1 << 32),  # the upper half is not looked at by the kernel
).filter(lambda number: number & 0x3FFFFFFF not in _NOT_MADE)

# What random arguments hardly ever come to: the first steps of an attack, each with the arguments that it needs.
_NAMED: Final = {
    True: (
        "call(257, -100, b'@SECRET@', 0, 0)\ncall(0, _r[-1], _at, 100)",
        "call(2, b'@SECRET@', 0, 0)\ncall(0, _r[-1], _at, 100)",
        "call(437, -100, b'@SECRET@', (ctypes.c_uint64 * 3)(0, 0, 0), 24)\ncall(17, _r[-1], _at, 100, 0)",
        "call(257, -100, b'@FOLDER@/made', 0o101, 0o666)",
        "call(85, b'@FOLDER@/made', 0o666)",
        "call(41, 2, 1, 0)\n_a = b'\\x02\\x00' + (@PORT@).to_bytes(2, 'big') + b'\\x7f\\x00\\x00\\x01' + bytes(8)\ncall(42, _r[-1], _a, 16)",
        "call(41, 1, 1, 0)\n_a = b'\\x01\\x00\\x00@ABSTRACT@'\ncall(42, _r[-1], ctypes.create_string_buffer(_a, len(_a)), len(_a))",
        "call(41, 2, 2, 0)\n_a = b'\\x02\\x00' + (@UDP@).to_bytes(2, 'big') + b'\\x7f\\x00\\x00\\x01' + bytes(8)\ncall(44, _r[-1], b'x', 1, 0, _a, 16)",
        "call(62, @VICTIM@, 19)", "call(200, @VICTIM@, 19)", "call(234, @VICTIM@, @VICTIM@, 19)",
        "call(434, @VICTIM@, 0)\ncall(424, _r[-1], 19, 0, 0)",
        "call(434, @HOST@, 0)\ncall(438, _r[-1], 0, 0)",
        "call(57)\nif _r[-1] == 0:\n    call(85, b'@FOLDER@/made', 0o666)\n    call(231, 0)",
        "call(58)\n", "call(56, 17, 0, 0, 0, 0)\nif _r[-1] == 0:\n    call(35, (ctypes.c_long * 2)(60, 0), 0)",
        "call(59, b'/bin/sh', 0, 0)",
        "call(76, b'@CANARY@', 0)", "call(87, b'@CANARY@')", "call(90, b'@CANARY@', 0)", "call(82, b'@SECRET@', b'own')",
        "call(86, b'@SECRET@', b'own')\ncall(2, b'own', 0, 0)\ncall(0, _r[-1], _at, 100)",
        "call(88, b'@SECRET@', b'own')\ncall(2, b'own', 0, 0)\ncall(0, _r[-1], _at, 100)",
        "call(133, b'@FOLDER@/made', 0o100644, 0)", "call(268, -100, b'@CANARY@', 0)", "call(280, -100, b'@CANARY@', 0, 0)",
        "call(303, -100, b'@SECRET@', _at, _at + 2048, 0)\ncall(304, 3, _at, 0)",
        "call(310, @VICTIM@, (ctypes.c_long * 2)(_at, 100), 1, (ctypes.c_long * 2)(_at, 100), 1, 0)",
        "call(101, 16, @VICTIM@, 0, 0)", "call(141, 0, @VICTIM@, 19)", "call(302, @VICTIM@, 7, (ctypes.c_long * 2)(1, 1), 0)",
        "call(161, b'@FOLDER@')\ncall(2, b'/secret', 0, 0)\ncall(0, _r[-1], _at, 100)",
        "call(80, b'@FOLDER@')\ncall(2, b'secret', 0, 0)\ncall(0, _r[-1], _at, 100)",
        "call(272, 0x10000000)\ncall(165, b'@FOLDER@', b'.', 0, 4096, 0)",
        "call(425, 4, _at)\ncall(426, _r[-1], 1, 1, 0, 0, 0)",
        "call(319, b'x', 0)\ncall(1, _r[-1], b'#!/bin/sh\\ntouch @FOLDER@/made', 40)\ncall(322, _r[-1], b'', 0, 0, 0x1000)",
        "call(9, 0, 4096, 7, 0x22, -1, 0)\nprint('executable' if _r[-1] > 0 else '')",
        "call(40, 1, 3, 0, 100)", "call(33, 3, 1)\nprint('x')", "call(1, 3, b'\\xff' * 100, 100)",
        "for _fd in range(3, 40):\n    call(17, _fd, _at, 200, 0)", "for _fd in range(3, 40):\n    call(18, _fd, b'hostile' * 20, 140, 0)",
        "for _fd in range(3, 40):\n    call(77, _fd, 0)", "call(46, 3, (ctypes.c_long * 7)(0, 0, 0, 0, 0, 0, 0), 0)",
    ),
    False: (
        "call(56, -100, b'@SECRET@', 0, 0)\ncall(63, _r[-1], _at, 100)",
        "call(56, -100, b'@FOLDER@/made', 0o101, 0o666)",
        "call(198, 2, 1, 0)\n_a = b'\\x02\\x00' + (@PORT@).to_bytes(2, 'big') + b'\\x7f\\x00\\x00\\x01' + bytes(8)\ncall(203, _r[-1], _a, 16)",
        "call(129, @VICTIM@, 19)", "call(130, @VICTIM@, 19)", "call(434, @VICTIM@, 0)\ncall(424, _r[-1], 19, 0, 0)",
        "call(220, 17, 0, 0, 0, 0)", "call(221, b'/bin/sh', 0, 0)", "call(45, b'@CANARY@', 0)", "call(35, -100, b'@CANARY@', 0)",
        "call(51, b'@FOLDER@')", "call(49, b'@FOLDER@')\ncall(56, -100, b'secret', 0, 0)\ncall(63, _r[-1], _at, 100)",
    ),
}[_INTEL]  # fmt: skip


@st.composite
def sequences(draw: Draw) -> str:
    """One to five calls, the later ones with the results of the earlier."""
    lines = []
    for kind in draw(st.lists(st.integers(0, 2), min_size=1, max_size=4)):
        if kind == 0:
            lines.append(draw(st.sampled_from(_NAMED)))
        else:
            number = draw(_NUMBERS)
            arguments = draw(st.lists(_ARGUMENTS, max_size=6))
            lines.append(f"call({number}, {', '.join(arguments)})" if arguments else f"call({number})")
    return _PRELUDE + "\n".join(lines) + "\n" + _END
