"""The bytes of a segment, and the note that makes a row of segments a version of a session.

    offset 0    header (64 bytes): magic, format, Python, bytecode magic, length of the note, size of the whole
    64          note: JSON; what may be known without loading: what was not kept and why, and the groups
    a page      streams (pickle protocol 5) and large buffers, aligned so that a mapped file gives aligned arrays

A group is a set of names that are loaded together, because they may share objects. It has one stream and the buffers
that go with it. Streams and buffers are places in the row: the last segment is read, the others hold what it points to,
so that what did not change is not written again.

Threat: the bytes were written by a process that ran model code, so every number in them may lie.
What we do: each place is compared with what is really there before anything is read; none overlaps a header or ends
behind its segment, so a lie costs a failed load.
A stream of another Python is refused by its bytecode magic: functions are stored as marshalled code.
"""

from __future__ import annotations

import importlib.util
import json
import struct
import sys
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple, Protocol

from safe_codeact.frozen import dataclass

MAGIC = b"SCA-NS\r\n"
FORMAT = 4
ALIGNMENT = 64
PAGE = 4096  # buffers of several pages begin with one: a change to one buffer is then no change to its neighbour
MAX_BUFFERS = 1 << 18  # a million segments of one byte are an attack on the loader, not data
MAX_NOTE = 64 << 20
_FEW = 20  # names that are looked for one by one
_HEADER = struct.Struct("<8sHHI4sQQ28x")  # 64 bytes
_BYTECODE = importlib.util.MAGIC_NUMBER
_PYTHON = (sys.version_info.major << 8) | sys.version_info.minor


class SnapshotError(Exception):
    """The bytes are not a snapshot that this worker can load. The message says what was found and what was expected."""


class Segment(Protocol):
    """One file of a version."""

    size: int

    def read(self, offset: int, length: int) -> bytes:
        """The bytes there; fewer where the file ends."""
        ...


class Place(NamedTuple):
    """Where bytes lie: the segment's number in the row, offset, length."""

    segment: int
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Names:
    """A group's names, a line each and one before them. There may be ten thousand, of which an action mentions none: they
    are taken apart only where one of them matters."""

    text: str

    @classmethod
    def of(cls, names: Collection[str]) -> Names:
        """Of names without line breaks in them."""
        return cls("\n".join(("", *names, "")) if names else "")

    def apart(self) -> list[str]:
        return self.text.split("\n")[1:-1]

    def has_any(self, names: Collection[str]) -> bool:
        if len(names) > _FEW:
            return not set(names).isdisjoint(self.apart())
        return any(f"\n{name}\n" in self.text for name in names)

    def without(self, names: Collection[str]) -> Names:
        if not self.has_any(names):
            return self
        return Names.of([name for name in self.apart() if name not in names])


@dataclass(frozen=True, slots=True)
class Group:
    """Names that are loaded together. `words` may name others that its functions use; None: any."""

    names: Names
    stream: Place
    buffers: tuple[Place, ...]
    needs: tuple[str, ...] = ()  # packages that loading uses
    words: str | None = ""
    always: bool = False  # loaded whatever an action mentions

    def places(self) -> list[Place]:
        """Everything that the group is made of."""
        return [self.stream, *self.buffers]


@dataclass(frozen=True, slots=True)
class Version:
    """A parsed note."""

    groups: tuple[Group, ...] = ()
    not_kept: tuple[tuple[str, str], ...] = ()


def padding(end: int, length: int) -> int:
    """Bytes to leave out before the next `length` bytes go to `end`."""
    return -end % (PAGE if length >= 4 * PAGE else ALIGNMENT)


def front(version: Version, size: int, own: int) -> bytes:
    """Everything before `size` bytes of streams and buffers. Places in segment `own` count from there."""
    note = json.dumps(
        {
            "not_kept": dict(version.not_kept),
            "groups": [
                {
                    "names": group.names.text,
                    "stream": group.stream,
                    "buffers": group.buffers,
                    "needs": list(group.needs),
                    "words": group.words,
                    "always": group.always,
                }
                for group in version.groups
            ],
            "own": own,
        },
        separators=(",", ":"),
    ).encode()
    body = _body(len(note))
    header = _HEADER.pack(MAGIC, FORMAT, _PYTHON, 0, _BYTECODE, len(note), body + size)
    return header + note + bytes(body - _HEADER.size - len(note))


def _body(note_size: int) -> int:
    end = _HEADER.size + note_size
    return end + -end % PAGE


def parse(segments: Sequence[Segment]) -> Version:
    """Raises `SnapshotError` for everything that is not a whole, consistent version of this Python."""
    last = segments[-1]
    head = last.read(0, _HEADER.size)
    if len(head) < _HEADER.size:
        raise SnapshotError(f"a snapshot of {len(head)} bytes is shorter than its header ({_HEADER.size} bytes)")
    magic, form, python, _, bytecode, note_size, total = _HEADER.unpack(head)
    if magic != MAGIC:
        raise SnapshotError("this is not a snapshot: it does not begin with the snapshot's magic bytes")
    if form != FORMAT:
        raise SnapshotError(f"snapshot format {form} was given, this version reads format {FORMAT}")
    if python != _PYTHON or bytecode != _BYTECODE:
        raise SnapshotError(
            f"the snapshot was written by Python {python >> 8}.{python & 255}, this is Python {_PYTHON >> 8}."
            f"{_PYTHON & 255}: functions are kept as bytecode, so a session goes on under the Python that began it"
        )
    if total > last.size:
        raise SnapshotError(f"the snapshot says it has {total} bytes, {last.size} were given")
    if note_size > MAX_NOTE or _body(note_size) > total:
        raise SnapshotError("the snapshot's header does not add up: its note is too large")
    note = _read_note(last.read(_HEADER.size, note_size))
    if note["own"] != len(segments) - 1:
        raise SnapshotError(f"the snapshot goes with {note['own']} other segments, {len(segments) - 1} were given")
    body = _body(note_size)
    ends = [*((_HEADER.size, segment.size) for segment in segments[:-1]), (body, total)]
    groups = tuple(_group(each, body, ends) for each in note["groups"])
    if sum(len(group.buffers) for group in groups) > MAX_BUFFERS:
        raise SnapshotError(f"the snapshot has more than {MAX_BUFFERS} buffers")
    return Version(groups, tuple(note["not_kept"].items()))


def _group(each: dict[str, Any], body: int, ends: Sequence[tuple[int, int]]) -> Group:
    return Group(
        names=Names(each["names"]),
        stream=_place(each["stream"], body, ends),
        buffers=tuple(_place(numbers, body, ends) for numbers in each["buffers"]),
        needs=tuple(each["needs"]),
        words=each["words"],
        always=each["always"],
    )


def _place(numbers: Any, body: int, ends: Sequence[tuple[int, int]]) -> Place:
    if type(numbers) is not list or len(numbers) != 3 or any(type(number) is not int for number in numbers):
        raise SnapshotError("a place in a snapshot is a list of three integers")
    segment, offset, length = numbers
    if not 0 <= segment < len(ends):
        raise SnapshotError(f"a buffer lies in segment {segment} of {len(ends)}")
    if segment == len(ends) - 1:
        offset += body
    begin, end = ends[segment]
    if offset < begin or offset % ALIGNMENT or length < 0 or offset + length > end:
        raise SnapshotError(f"a buffer of {length} bytes at {offset} is not inside its segment ({begin} to {end})")
    return Place(segment, offset, length)


_FORM: dict[str, Any] = {"names": str, "stream": list, "buffers": list, "needs": list, "always": bool}


def _read_note(data: bytes) -> dict[str, Any]:
    try:
        note = json.loads(data)
    except (ValueError, RecursionError):
        note = None
    if type(note) is not dict or set(note) != {"groups", "not_kept", "own"} or type(note["own"]) is not int:
        raise SnapshotError("the snapshot's note is not the JSON object that a snapshot begins with")
    not_kept, groups = note["not_kept"], note["groups"]
    if type(not_kept) is not dict or not all(type(reason) is str for reason in not_kept.values()):
        raise SnapshotError("the snapshot's note must map each name that was not kept to a reason")
    if type(groups) is not list or not all(_is_group(each) for each in groups):
        raise SnapshotError("the snapshot's note must list its groups of names")
    return note


def _is_group(each: Any) -> bool:
    if type(each) is not dict or set(each) != {*_FORM, "words"}:
        return False
    if any(type(each[field]) is not kind for field, kind in _FORM.items()) or type(each["words"]) not in (
        str,
        type(None),
    ):
        return False
    names = each["names"]
    lined = not names or (len(names) > 1 and names[0] == names[-1] == "\n")
    return lined and "\n__" not in names and all(type(name) is str for name in each["needs"])
