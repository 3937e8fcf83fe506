"""The wire format on one page: what encode writes and what decode reads.

A frame is a 4-byte big-endian length and that many bytes of MessagePack: one array `[tag, field, field, …]`, fields in
the order of the message's dataclass. The array's head and the tag are one byte each, so byte 4 tells how many fields
follow and byte 5 which message this is, and a frame can be refused before its body is read.

Values are None, bool, int, float, str, bytes, list, tuple and dict, and they come back exactly: the same types, NaN
and the infinities included. MessagePack has no tuple and no int beyond 64 bits, so two extension types carry them;
keys of a dict may be anything hashable of the above, and the wire does not care about their type.

    ext 1   an int: big-endian two's complement
    ext 2   a tuple: one MessagePack array, which fills the extension's payload exactly

Every other extension type is refused, the timestamp (-1) too. A non-canonical form (a small int in 9 bytes) is read:
refusing it would protect nothing.
"""

from __future__ import annotations

from safe_codeact.frozen import dataclass

HEADER_BYTES = 4
HEAD_BYTES = 2  # the array's head and the tag
MAX_FIELDS = 15  # what a one-byte array head can count, the tag included
EXT_INT = 1
EXT_TUPLE = 2

# What one decoded value can cost the host, for budgets over many frames: a byte of UTF-8 becomes up to 4 bytes of
# str (one astral character widens them all), and the dearest nodes are a dict of one entry (232 bytes for 3 nodes)
# and a str of one character beyond Latin-1 (80 bytes and its pointer).
WEIGHT_PER_BYTE = 4
WEIGHT_PER_NODE = 96


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How large one value may be on the wire.

    `max_bytes` counts its encoded form, heads included. `max_nodes` counts every scalar and container, keys too.
    `max_depth` is 0 for a scalar, 1 for `[]`, 2 for `[[]]`. `max_int_bytes` bounds the payload of an int that needs
    more than 64 bits.
    """

    max_bytes: int
    max_nodes: int
    max_depth: int
    max_int_bytes: int = 0


KIB = 1024
MIB = 1024 * 1024

# What `pack` and `unpack` take when nobody says otherwise, and what session.get, session.set and a tool's result may
# be. 64 MiB: arrays travel as buffers, so that is 8 million float64. Depth 64: deeper than any data that people print,
# and far from where C code that walks nested values (comparison, repr, hash) nears the end of a thread's stack.
PLAIN_BOUNDS = Bounds(max_bytes=64 * MIB, max_nodes=1_000_000, max_depth=64, max_int_bytes=MIB)
