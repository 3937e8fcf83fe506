"""The bytes of a snapshot: a fixed header, a JSON note, a pickle stream, aligned buffers.

    offset 0    header (64 bytes): magic, format, bytecode magic, lengths, number of buffers, size of the whole
    64          note: JSON; what may be known without loading (modules needed, names, what was not kept and why)
    ...         table: one (offset, length) pair of u64 per buffer
    ...         stream: pickle protocol 5
    ...         buffers, each at a multiple of 64 from the start, so that a mapped file gives aligned arrays

Threat: the bytes were written by a process that ran model code, so every number in them may lie.
What we do: each length is compared with what is really there before anything is sliced; buffers may not overlap the
header or end behind the data; slices of a memoryview never read outside it, so a lie costs a failed load.
A stream of another Python is refused by its bytecode magic: functions are stored as marshalled code.
"""

from __future__ import annotations

import importlib.util
import json
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

MAGIC = b"SCA-NS\r\n"
FORMAT = 1
ALIGNMENT = 64
MAX_BUFFERS = 1 << 20  # a million segments of one byte are an attack on the loader, not data
MAX_NOTE = 16 << 20
_HEADER = struct.Struct("<8sHHI4sIQQQQ8x")  # 64 bytes
_PAIR = struct.Struct("<QQ")
_BYTECODE = importlib.util.MAGIC_NUMBER
_PYTHON = (sys.version_info.major << 8) | sys.version_info.minor


class SnapshotError(Exception):
    """The bytes are not a snapshot that this worker can load. The message says what was found and what was expected."""


@dataclass(frozen=True, slots=True)
class Parts:
    """A parsed snapshot: views into the given data, nothing copied."""

    note: dict[str, Any]
    stream: memoryview
    buffers: list[memoryview]


def pack(note: dict[str, Any], stream_bytes: int, buffers: Sequence[memoryview]) -> tuple[bytes, list[bytes], int]:
    """Everything before the stream, the padding in front of each buffer, and the size of the whole."""
    note_bytes = json.dumps(note, separators=(",", ":")).encode()
    end = _HEADER.size + len(note_bytes) + _PAIR.size * len(buffers) + stream_bytes
    paddings: list[bytes] = []
    table = bytearray()
    for buffer in buffers:
        gap = -end % ALIGNMENT
        paddings.append(b"\0" * gap)
        table += _PAIR.pack(end + gap, buffer.nbytes)
        end += gap + buffer.nbytes
    header = _HEADER.pack(
        MAGIC, FORMAT, _PYTHON, 0, _BYTECODE, len(buffers), len(note_bytes), len(table), stream_bytes, end
    )
    return header + note_bytes + bytes(table), paddings, end


def parse(data: bytes | bytearray | memoryview) -> Parts:
    """Raises `SnapshotError` for everything that is not a whole, consistent snapshot of this Python."""
    view = memoryview(data).cast("B")
    if len(view) < _HEADER.size:
        raise SnapshotError(f"a snapshot of {len(view)} bytes is shorter than its header ({_HEADER.size} bytes)")
    magic, form, python, _, bytecode, count, note_size, table_size, stream_size, total = _HEADER.unpack_from(view)
    if magic != MAGIC:
        raise SnapshotError("this is not a snapshot: it does not begin with the snapshot's magic bytes")
    if form != FORMAT:
        raise SnapshotError(f"snapshot format {form} was given, this version reads format {FORMAT}")
    if python != _PYTHON or bytecode != _BYTECODE:
        raise SnapshotError(
            f"the snapshot was written by Python {python >> 8}.{python & 255}, this is Python {_PYTHON >> 8}."
            f"{_PYTHON & 255}: functions are kept as bytecode, so a session goes on under the Python that began it"
        )
    if total > len(view):
        raise SnapshotError(f"the snapshot says it has {total} bytes, {len(view)} were given")
    if note_size > MAX_NOTE or count > MAX_BUFFERS or table_size != count * _PAIR.size:
        raise SnapshotError("the snapshot's header does not add up: its note or its table of buffers is too large")
    table_at = _HEADER.size + note_size
    stream_at = table_at + table_size
    stream_end = stream_at + stream_size
    if stream_end > total:
        raise SnapshotError(f"the snapshot's parts end at {stream_end}, behind its end at {total}")
    return Parts(
        note=_read_note(bytes(view[_HEADER.size : table_at])),
        stream=view[stream_at:stream_end],
        buffers=[_buffer(view, pair, stream_end, total) for pair in _PAIR.iter_unpack(view[table_at:stream_at])],
    )


def _buffer(view: memoryview, pair: tuple[int, int], begin: int, total: int) -> memoryview:
    offset, length = pair
    if offset < begin or offset % ALIGNMENT or offset + length > total:
        raise SnapshotError(f"a buffer of {length} bytes at {offset} is not inside the snapshot ({begin} to {total})")
    return view[offset : offset + length]


def _read_note(data: bytes) -> dict[str, Any]:
    try:
        note = json.loads(data)
    except (ValueError, RecursionError):
        note = None
    if type(note) is not dict or set(note) != {"needs", "not_kept"}:
        raise SnapshotError("the snapshot's note is not the JSON object that a snapshot begins with")
    needs, not_kept = note["needs"], note["not_kept"]
    if type(needs) is not list or not all(type(name) is str for name in needs):
        raise SnapshotError("the snapshot's note must list the modules it needs as strings")
    if type(not_kept) is not dict or not all(type(reason) is str for reason in not_kept.values()):
        raise SnapshotError("the snapshot's note must map each name that was not kept to a reason")
    return note
