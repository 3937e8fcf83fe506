"""Bytes for the wire: messages that their shapes allow, values made to hurt a decoder, and both cut, spliced and turned.

Noise never gets past a frame's head, so most examples begin as something honest: a message of a random type with random
fields, of which one field may then be replaced by hostile bytes, its frame's length mended. What is hostile is what has hurt
decoders: announced lengths that never come, nesting, keys that collide, numbers of thousands of bytes, extension types
inside each other, text that is no UTF-8.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from safe_codeact.wire import kinds as k
from safe_codeact.wire import messages as m
from safe_codeact.wire.encode import NotEncodable, frame, pack
from safe_codeact.wire.format import HEADER_BYTES
from safe_codeact.wire.shapes import BY_TYPE, SHAPES, Direction, Shape

MARK: Final = "zqxj"  # in texts that a worker sends; no reason for a refusal may repeat it
_PRIME: Final = 2**61 - 1  # CPython's hash of an int is its remainder by this

_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=24) | st.just(MARK * 3)
_labels = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=4) | st.just(MARK)
_edges = st.sampled_from([0, 127, 128, -32, -33, 2**31, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64, 2**800])
_scalars = st.none() | st.booleans() | st.integers(-300, 300) | _edges | st.floats() | _texts | st.binary(max_size=24)
_keys = st.recursive(_scalars, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=4)
plain_values: Final[SearchStrategy[Any]] = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, max_size=18)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(_keys, inner, max_size=6)
    ),
    max_leaves=20,
)


def fields_of(kind: k.Kind) -> SearchStrategy[Any]:
    """Values that a field of this kind accepts. A kind of tomorrow is tried as plain data: refused, and no error here."""
    make = _FIELDS.get(type(kind))
    return plain_values if make is None else make(kind)


def _text(kind: Any) -> SearchStrategy[str]:
    return st.text(
        st.characters(exclude_categories=["Cs"]), min_size=int(kind.filled), max_size=min(20, kind.max_bytes // 4)
    )


_FIELDS: Final[Mapping[type[Any], Callable[[Any], SearchStrategy[Any]]]] = {
    k.Text: _text,
    k.Label: lambda kind: _labels,
    k.RelativePath: lambda kind: st.sampled_from(["plot.png", "a/b.csv", "é", "..x", MARK]),
    k.Blob: lambda kind: st.binary(max_size=min(60, kind.max_bytes)),
    k.Whole: lambda kind: st.integers(kind.low, kind.high),
    k.Real: lambda kind: st.floats(kind.low, kind.high, allow_nan=False),
    k.Flag: lambda kind: st.booleans(),
    k.Choice: lambda kind: st.sampled_from(kind.words),
    k.Plain: lambda kind: plain_values,
    k.Optional: lambda kind: st.none() | fields_of(kind.kind),
    k.ListOf: lambda kind: st.lists(fields_of(kind.kind), max_size=min(4, kind.max_items)),
    k.TextMap: lambda kind: st.dictionaries(_labels, fields_of(kind.kind), max_size=min(4, kind.max_items)),
    k.Record: lambda kind: st.fixed_dictionaries({name: fields_of(part) for name, part in kind.fields.items()}),
    k.Instance: lambda kind: st.builds(kind.type, **{name: fields_of(part) for name, part in kind.fields.items()}),
}


def messages_of(shape: Shape) -> SearchStrategy[Any]:
    """Messages of one type, of which most can be sent."""
    return st.builds(shape.type, **{field.name: fields_of(field.kind) for field in shape.fields})


# ---- hostile bytes


def _collisions(count: int) -> bytes:
    """A map whose keys share one hash."""
    entries = b"".join(
        b"\xc7\x0c\x01" + (_PRIME * number).to_bytes(12, "big", signed=True) + b"\x00" for number in range(count)
    )
    return b"\xdf" + struct.pack(">I", count) + entries


def _extension(code: int, payload: bytes) -> bytes:
    return b"\xc9" + struct.pack(">I", len(payload)) + bytes([code]) + payload


_announced = st.sampled_from([0, 1, 15, 16, 255, 256, 65535, 65536, 2**31 - 1, 2**32 - 1])
# Past a bound by a little or by much: nesting, counts, keys that collide, long numbers.
_excessive: Final[SearchStrategy[bytes]] = st.one_of(
    st.integers(1, 200).map(lambda depth: b"\x91" * depth + b"\xc0"),
    st.integers(1, 200).map(lambda depth: b"\x81\x00" * depth + b"\xc0"),
    st.sampled_from([40, 90, 400]).map(_collisions),
    st.sampled_from([9, 1786, 3000]).map(lambda size: _extension(1, b"\x7f" * size)),
)
_odd: Final[SearchStrategy[bytes]] = st.one_of(
    st.tuples(st.sampled_from([b"\xdd", b"\xdf", b"\xdb", b"\xc6", b"\xc9"]), _announced).map(
        lambda drawn: drawn[0] + struct.pack(">I", drawn[1])
    ),
    st.tuples(st.integers(0, 600), st.sampled_from([b"\x00", b"\xc0", b"\x90", b"\xa1x"])).map(
        lambda drawn: b"\xdd" + struct.pack(">I", drawn[0]) + drawn[1] * drawn[0]
    ),
    st.tuples(st.integers(-2, 3), st.binary(max_size=12)).map(lambda drawn: _extension(drawn[0] & 0xFF, drawn[1])),
    st.integers(0, 80).map(lambda depth: _nested_tuples(depth)),
    st.tuples(st.integers(0, 3), st.binary(max_size=3)).map(  # a tuple beside something that it does not hold
        lambda drawn: _extension(2, bytes([0x90 | drawn[0]]) + b"\xc0" * drawn[0] + drawn[1])
    ),
    st.tuples(st.integers(0, 3), st.integers(1, 3)).map(  # or that its list holds, if nobody asks where it ends
        lambda drawn: bytes([0x91 + drawn[1]]) + _extension(2, bytes([0x90 | drawn[0]]) + b"\xc0" * sum(drawn))
    ),
    st.sampled_from([b"\xa2\xff\xfe", b"\xa3\xed\xa0\x80", b"\xc1", b"\xca\x7f\xc0\x00\x00", b"\x82\x01\xc0\x01\xc0"]),
    st.sampled_from(
        [b"\x81\x90\xc0", b"\x81\xc7\x02\x02\x91\x90\xc0", b"\x82\xa1a\xc0\xa1a\xc3", b"\x82\x01\xc0\xc3\xc0"]
    ),  # keys
    st.binary(max_size=24),
    plain_values.map(lambda value: _packed(value)),
)
_hostile: Final[SearchStrategy[bytes]] = st.sampled_from([_excessive, _odd]).flatmap(lambda kind: kind)
_AROUND: Final = {k.ListOf: b"\x91", k.TextMap: b"\x81\xa1k"}  # so that what is inside is looked at


def _nested_tuples(depth: int) -> bytes:
    value = b"\xc0"
    for _ in range(depth):
        value = _extension(2, b"\x91" + value)
    return value


def _packed(value: Any) -> bytes:
    try:
        return pack(value)
    except NotEncodable:
        return b"\xc0"


def _framed(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


@st.composite
def frames(draw: DrawFn, direction: Direction) -> bytes:
    """One frame of this direction: honest, or with one field replaced."""
    shape = draw(st.sampled_from([shape for shape in SHAPES if shape.direction is direction]))
    if draw(st.integers(0, 2)):
        try:
            return frame(draw(messages_of(shape)))
        except NotEncodable:
            return b""
    every = list(range(len(shape.fields)))
    plain = [number for number in every if shape.fields[number].bounds.max_depth > 1]  # what takes any value, mostly
    is_aimed = bool(plain) and draw(st.integers(0, 2)) > 0
    place = draw(st.sampled_from(plain if is_aimed else every))
    body = bytearray([0x90 | (len(shape.fields) + 1), shape.tag])
    for number, field in enumerate(shape.fields):
        if number != place:
            body += draw(_field_bytes(field.kind))
        elif is_aimed:
            body += _AROUND.get(type(field.kind), b"") + draw(_excessive if draw(st.booleans()) else _odd)
        else:
            body += draw(_hostile)
    return _framed(bytes(body))


@st.composite
def _field_bytes(draw: DrawFn, kind: k.Kind) -> bytes:
    try:
        return _packed(kind.plain(draw(fields_of(kind))))
    except k.Misfit:
        return b"\xc0"


@st.composite
def _turned(draw: DrawFn, data: bytes) -> bytes:
    """A few bytes set, put in, taken out or doubled; or the rest cut off."""
    turned = bytearray(data)
    for _ in range(draw(st.sampled_from([0, 0, 0, 0, 0, 1, 1, 2, 4]))):
        at = draw(st.integers(0, max(len(turned) - 1, 0)))
        match draw(st.sampled_from(["set", "insert", "delete", "double", "cut"])):
            case "set" if turned:
                turned[at] = draw(st.integers(0, 255))
            case "insert":
                turned[at:at] = draw(_hostile)
            case "delete":
                del turned[at : at + 2]
            case "double":
                turned[at:at] = turned[at : at + 16]
            case "cut":
                del turned[at:]
    return bytes(turned)


@st.composite
def streams(draw: DrawFn, direction: Direction = Direction.WORKER_TO_HOST) -> dict[str, Any]:
    """{"direction", "bytes": hex, "cuts": where the stream is split into chunks}."""
    whole = b"".join(draw(st.lists(frames(direction), min_size=1, max_size=4)))
    data = draw(_turned(whole)) if draw(st.integers(0, 9)) else draw(st.binary(max_size=40))
    cuts = draw(st.lists(st.integers(0, max(len(data), 1)), max_size=4).map(sorted))
    return {"direction": direction.name, "bytes": data.hex(), "cuts": cuts}


@st.composite
def values(draw: DrawFn) -> str:
    """Hex of what should be one value."""
    return draw(_turned(draw(_hostile))).hex()


def direction_of(message: m.Message) -> Direction:
    """Who may send it."""
    return BY_TYPE[type(message)].direction


assert HEADER_BYTES == 4  # what `_framed` writes
