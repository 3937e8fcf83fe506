"""The only code of the host that a worker's bytes enter.

Threat         A worker whose interpreter is owned sends whatever it likes, as often as it likes: announced lengths that
               never come, a million nested lists, 4 GiB in six bytes, keys that flood a dict, half a frame for ever.
What fails     A decoder in C (a bug there is the host's memory), one that recurses over its input, one that allocates
               what a length announces, and checking a value after it was built.
What we do     Iterative, pure Python. A frame's length is held against the bound of its tag after six bytes. Every
               field is read within its own bounds: bytes, nodes, depth; a container's count is held against the bytes
               that are left before its first item is read. Then the kind of the field checks the value, exactly.
Gets through   Any message that its shape allows, at any rate: which may follow which, and how many, is
               `wire.conversation`'s part. Decoding takes time linear in the frame, about 0.3 µs per node.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from safe_codeact.wire.crowding import is_crowded
from safe_codeact.wire.format import (
    EXT_INT,
    EXT_TUPLE,
    HEAD_BYTES,
    HEADER_BYTES,
    PLAIN_BOUNDS,
    WEIGHT_PER_BYTE,
    WEIGHT_PER_NODE,
    Bounds,
)
from safe_codeact.wire.kinds import Misfit
from safe_codeact.wire.messages import Message
from safe_codeact.wire.shapes import BY_TAG, Direction, Shape
from safe_codeact.wire.violation import ProtocolViolation

_Read = Callable[[bytes, int, int], tuple[Any, int]]  # data, position after the lead, end → value, position after it
_Build = Callable[[list[Any], int, int], Any]  # items, position after the last, where the payload stops → container


def unpack(data: bytes | memoryview, bounds: Bounds = PLAIN_BOUNDS) -> Any:
    """The one plain value that `data` encodes, all of it. Raises `ProtocolViolation`."""
    if memoryview(data).nbytes > bounds.max_bytes:
        raise ProtocolViolation("the value is longer than its bound")
    own = bytes(data)  # a copy: what a memoryview shows may change while it is read
    value, at, _ = _read_value(own, 0, len(own), bounds)
    if at != len(own):
        raise ProtocolViolation("bytes follow the value")
    return value


def _read_value(data: bytes, at: int, end: int, bounds: Bounds) -> tuple[Any, int, int]:
    """→ the value at `at`, the position after it, and the number of its nodes."""
    end = min(end, at + bounds.max_bytes)
    if at < end and (read := _SCALARS[data[at]]) is not None:  # most fields: what follows, where nothing is nested
        value, at = read(data, at + 1, end)
        return value, at, 1
    nodes = 1
    outer: list[tuple[list[Any], int, _Build, int]] = []  # the containers around the open one
    items: list[Any] = []  # what the open one holds so far; the outermost stands for the place of the value itself
    wanted, stop = 1, 0
    build: _Build = _as_list
    while True:
        while len(items) == wanted:
            if not outer:
                return items[0], at, nodes
            built = build(items, at, stop)
            items, wanted, build, stop = outer.pop()
            items.append(built)
        if at >= end:
            raise _truncated()
        lead = data[at]
        if (read := _SCALARS[lead]) is not None:
            value, at = read(data, at + 1, end)
            items.append(value)
            continue
        if lead in _EXTENSIONS:
            code, at, after = _extension(data, at + 1, end, lead)
            if code == EXT_INT:
                items.append(_big_int(data, at, after, bounds))
                at = after
                continue
            outer.append((items, wanted, build, stop))
            build, stop = _as_tuple, after
            wanted, at = _count(data, at, after, _ARRAYS)
        else:
            outer.append((items, wanted, build, stop))
            build, forms = (_as_dict, _MAPS) if lead in _MAPS else (_as_list, _ARRAYS)
            wanted, at = _count(data, at, end, forms)
        items = []
        nodes += wanted
        if nodes > bounds.max_nodes:
            raise ProtocolViolation("it holds more values than its bound")
        if len(outer) > bounds.max_depth:
            raise ProtocolViolation("it is nested deeper than its bound")


def _truncated() -> ProtocolViolation:
    return ProtocolViolation("it ends too early, or is longer than its bound")


def _length(data: bytes, at: int, end: int, width: int) -> tuple[int, int]:
    """→ the big-endian number of `width` bytes at `at`, and the position after it."""
    after = at + width
    if after > end:
        raise _truncated()
    return int.from_bytes(data[at:after], "big"), after


def _count(data: bytes, at: int, end: int, forms: dict[int, tuple[int, int, int]]) -> tuple[int, int]:
    """→ how many items the container whose lead is at `at` announces, and where they begin.

    Each item takes a byte or more, so a count beyond the bytes that are left is refused before anything is kept.
    """
    form = forms.get(data[at]) if at < end else None
    if form is None:
        raise ProtocolViolation("a byte that starts no value the wire has")
    inline, width, each = form
    announced, at = _length(data, at + 1, end, width)
    wanted = (inline + announced) * each
    if wanted > end - at:
        raise _truncated()
    return wanted, at


def _extension(data: bytes, at: int, end: int, lead: int) -> tuple[int, int, int]:
    """→ the extension's type, where its payload begins and where it stops."""
    fixed, width = _EXTENSIONS[lead]
    announced, at = _length(data, at, end, width)
    after = at + 1 + fixed + announced
    if after > end:
        raise _truncated()
    code = data[at]
    if code not in (EXT_INT, EXT_TUPLE):
        raise ProtocolViolation("an extension type that the wire does not have")
    return code, at + 1, after


def _big_int(data: bytes, at: int, after: int, bounds: Bounds) -> int:
    if not 0 < after - at <= bounds.max_int_bytes:
        raise ProtocolViolation("an int of more bytes than its bound, or of none")
    return int.from_bytes(data[at:after], "big", signed=True)


def _as_list(items: list[Any], at: int, stop: int) -> list[Any]:
    return items


def _as_tuple(items: list[Any], at: int, stop: int) -> tuple[Any, ...]:
    if at != stop:
        raise ProtocolViolation("a tuple that does not fill its extension")
    return tuple(items)


def _as_dict(items: list[Any], at: int, stop: int) -> dict[Any, Any]:
    if not items:
        return {}
    keys = items[0::2]
    try:
        if is_crowded(keys):
            raise ProtocolViolation("keys chosen to collide")
        built = dict(zip(keys, items[1::2], strict=True))
    except TypeError:  # a list or a dict, in a tuple perhaps: nothing else that is decoded is unhashable
        raise ProtocolViolation("a key that cannot be hashed") from None
    if len(built) != len(keys):
        raise ProtocolViolation("the same key twice")
    return built


def _constant(value: Any) -> _Read:
    return lambda data, at, end: (value, at)


def _number(form: str) -> _Read:
    size, unpack_from = struct.calcsize(form), struct.Struct(form).unpack_from

    def read(data: bytes, at: int, end: int) -> tuple[Any, int]:
        if at + size > end:
            raise _truncated()
        return unpack_from(data, at)[0], at + size

    return read


def _text_at(data: bytes, at: int, end: int, size: int) -> tuple[str, int]:
    after = at + size
    if after > end:
        raise _truncated()
    try:
        return data[at:after].decode(), after
    except UnicodeDecodeError:
        raise ProtocolViolation("text that is not UTF-8") from None


def _short_text(size: int) -> _Read:
    return lambda data, at, end: _text_at(data, at, end, size)


def _text(width: int) -> _Read:
    def read(data: bytes, at: int, end: int) -> tuple[str, int]:
        size, at = _length(data, at, end, width)
        return _text_at(data, at, end, size)

    return read


def _blob(width: int) -> _Read:
    def read(data: bytes, at: int, end: int) -> tuple[bytes, int]:
        size, at = _length(data, at, end, width)
        if at + size > end:
            raise _truncated()
        return data[at : at + size], at + size

    return read


# By lead byte: how many items it counts itself, how many bytes of count follow, values per item.
_ARRAYS = {0x90 | count: (count, 0, 1) for count in range(16)} | {0xDC: (0, 2, 1), 0xDD: (0, 4, 1)}
_MAPS = {0x80 | count: (count, 0, 2) for count in range(16)} | {0xDE: (0, 2, 2), 0xDF: (0, 4, 2)}
# By lead byte: the fixed length of the payload, or how many bytes of length follow.
_EXTENSIONS = {0xD4 + power: (2**power, 0) for power in range(5)} | {0xC7: (0, 1), 0xC8: (0, 2), 0xC9: (0, 4)}
_SCALAR_FORMS: dict[int, _Read] = {
    **{lead: _constant(lead) for lead in range(0x80)},
    **{0xA0 | size: _short_text(size) for size in range(32)},
    **{lead: _constant(lead - 0x100) for lead in range(0xE0, 0x100)},
    0xC0: _constant(None),
    0xC2: _constant(False),
    0xC3: _constant(True),
    **{0xC4 + power: _blob(2**power) for power in range(3)},
    **{
        0xCA + index: _number(form)
        for index, form in enumerate((">f", ">d", ">B", ">H", ">I", ">Q", ">b", ">h", ">i", ">q"))
    },
    **{0xD9 + power: _text(2**power) for power in range(3)},
}
_SCALARS: tuple[_Read | None, ...] = tuple(_SCALAR_FORMS.get(lead) for lead in range(0x100))


def read_body(shape: Shape, data: bytes, at: int) -> tuple[Message, int]:
    """→ the message whose fields begin at `at` and end with `data`, and its weight: what it can cost in memory."""
    values = []
    nodes = 0
    end = len(data)
    for field in shape.fields:
        try:
            value, at, more = _read_value(data, at, end, field.bounds)
            values.append(field.accept(value))
        except Misfit as misfit:
            raise ProtocolViolation(f"{shape.type.__name__}.{field.name}: expected {misfit}") from None
        except ProtocolViolation as violation:
            raise ProtocolViolation(f"{shape.type.__name__}.{field.name}: {violation.reason}") from None
        nodes += more
    if at != end:
        raise ProtocolViolation(f"{shape.type.__name__}: bytes follow the last field")
    message: Message = shape.type(*values)
    return message, WEIGHT_PER_BYTE * end + WEIGHT_PER_NODE * nodes


def shape_of(head: bytes | bytearray, shapes: Mapping[int, Shape]) -> Shape:
    """The shape of a frame by its first six bytes, its announced length held against the bound of its tag."""
    shape = shapes.get(head[HEADER_BYTES + 1])
    if shape is None:
        raise ProtocolViolation("a tag that this side may not send")
    name = shape.type.__name__
    if head[HEADER_BYTES] != 0x90 | (len(shape.fields) + 1):
        raise ProtocolViolation(f"{name}: not an array of {len(shape.fields)} fields")
    if int.from_bytes(head[:HEADER_BYTES], "big") > shape.max_bytes:
        raise ProtocolViolation(f"{name}: longer than its bound")
    return shape


class Decoder:
    """Chunks of a stream to messages.

    A frame is refused at its fourth byte if it is longer than `max_frame` (default: the longest that `direction` has),
    at its sixth if its tag does not allow it, or if `admit(type)` raises: so nothing is buffered for a message that is
    out of turn. After a violation every further call raises the same one.
    """

    def __init__(
        self, direction: Direction, max_frame: int | None = None, admit: Callable[[type[Any]], None] | None = None
    ) -> None:
        self._shapes = BY_TAG[direction]
        longest = max(shape.max_bytes for shape in self._shapes.values())
        self._max_frame = longest if max_frame is None else min(max_frame, longest)
        self._admit = admit
        self._buffer = bytearray()  # of the current frame only: never more than it announced, never ahead of what came
        self._wanted = HEADER_BYTES
        self._shape: Shape | None = None
        self._violation: ProtocolViolation | None = None
        self.weight = 0  # of the message that came last, in bytes

    @property
    def is_between_frames(self) -> bool:
        """Whether the stream could end here without cutting a frame in two."""
        return not self._buffer

    def feed(self, chunk: bytes) -> list[Message]:
        """The messages that `chunk` completes. Raises `ProtocolViolation`."""
        return list(self.messages(chunk))

    def messages(self, chunk: bytes) -> Iterator[Message]:
        """As `feed`, one by one: `admit` sees a message only after the one before it was taken."""
        if self._violation is not None:
            raise self._violation
        at = 0
        while at < len(chunk):
            try:
                message, after = (None, at) if self._buffer else self._at_once(chunk, at)
                if message is None:
                    message, after = self._gather(chunk, at)
            except ProtocolViolation as violation:
                self._violation = violation
                self._buffer.clear()
                raise
            at = after
            if message is not None:
                yield message

    def _at_once(self, chunk: bytes, at: int) -> tuple[Message | None, int]:
        """A frame that lies in `chunk` as a whole: asked what `_gather` asks, in the same order, without the buffer."""
        body = at + HEADER_BYTES + HEAD_BYTES
        if len(chunk) < body:
            return None, at
        end = at + HEADER_BYTES + self._announced(chunk[at : at + HEADER_BYTES])
        if len(chunk) < end:
            return None, at
        shape = self._admitted(chunk[at:body])
        message, self.weight = read_body(shape, chunk[at:end], HEADER_BYTES + HEAD_BYTES)
        return message, end

    def _gather(self, chunk: bytes, at: int) -> tuple[Message | None, int]:
        """The next piece of a frame that comes in several."""
        taken = chunk[at : at + self._wanted - len(self._buffer)]
        self._buffer += taken
        message = self._advance() if len(self._buffer) == self._wanted else None
        return message, at + len(taken)

    def _advance(self) -> Message | None:
        """Called when as much as was wanted is there: the header, then the head, then the whole frame."""
        if self._wanted == HEADER_BYTES:
            self._announced(self._buffer)
            self._wanted = HEADER_BYTES + HEAD_BYTES
            return None
        if self._shape is None:
            self._shape = self._admitted(self._buffer)
            self._wanted = HEADER_BYTES + int.from_bytes(self._buffer[:HEADER_BYTES], "big")
            return None
        data = bytes(self._buffer)
        self._buffer.clear()
        message, self.weight = read_body(self._shape, data, HEADER_BYTES + HEAD_BYTES)
        self._shape, self._wanted = None, HEADER_BYTES
        return message

    def _announced(self, header: bytes | bytearray) -> int:
        length = int.from_bytes(header, "big")
        if not HEAD_BYTES < length <= self._max_frame:
            raise ProtocolViolation("a frame longer than any message, or shorter")
        return length

    def _admitted(self, head: bytes | bytearray) -> Shape:
        shape = shape_of(head, self._shapes)
        if self._admit is not None:
            self._admit(shape.type)
        return shape
