"""Frames of a worker whose interpreter is owned: each is refused, for the reason that is meant, in our own words."""

from __future__ import annotations

import struct
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire_strategies import THOROUGH, direction_of, messages

from safe_codeact.wire.decode import Decoder, unpack
from safe_codeact.wire.encode import frame, pack
from safe_codeact.wire.format import MIB, Bounds
from safe_codeact.wire.messages import Finished, Forked, Output, ToolCall, ToolReply
from safe_codeact.wire.shapes import BY_TYPE, Direction
from safe_codeact.wire.violation import ProtocolViolation

P = 2**61 - 1  # sys.hash_info.modulus: its multiples all hash to 0


def raw(body: bytes, length: int | None = None) -> bytes:
    return struct.pack(">I", len(body) if length is None else length) + body


def body(kind: type, *fields: bytes) -> bytes:
    return bytes([0x90 | (len(fields) + 1), BY_TYPE[kind].tag]) + b"".join(fields)


def call(args: bytes = b"\x90", kwargs: bytes = b"\x80", call_: bytes = b"\x01", name: bytes = b"\xa1f") -> bytes:
    return raw(body(ToolCall, call_, name, args, kwargs))


def finished(**changed: bytes) -> bytes:
    fields = {
        "ended": b"\xa9completed",
        "value": b"\xc0",
        "error": b"\xc0",
        "not_kept": b"\x80",
        "saved_bytes": b"\xff",
        "kept": b"\x90",
        "output_bytes": b"\x00",
        "has_final_answer": b"\xc2",
        "final_answer": b"\xc0",
    }
    return raw(body(Finished, *(fields | changed).values()))


def lists(depth: int) -> bytes:
    return b"\x91" * (depth - 1) + b"\x90"


def tuples(depth: int) -> bytes:
    data = b"\xd4\x02\x90"
    for _ in range(depth - 1):
        data = b"\xc9" + struct.pack(">I", len(data) + 1) + b"\x02\x91" + data
    return data


TOO_EARLY = "it ends too early, or is longer than its bound"
NO_VALUE = "a byte that starts no value the wire has"
TOO_DEEP = "it is nested deeper than its bound"
TOO_MANY = "it holds more values than its bound"
UNKNOWN_EXT = "an extension type that the wire does not have"
BAD_LENGTH = "a frame longer than any message, or shorter"
BAD_TAG = "a tag that this side may not send"

FRAMES: dict[str, tuple[bytes, str]] = {
    # the envelope
    "no body at all": (raw(b""), BAD_LENGTH),
    "a body of one byte": (raw(b"\x91"), BAD_LENGTH),
    "a body without fields": (raw(b"\x91\x30"), BAD_LENGTH),
    "4 GiB announced": (b"\xff\xff\xff\xff", BAD_LENGTH),
    "65 MiB announced for an Output": (raw(body(Output), 64 * MIB) + b"", "Output: not an array of 2 fields"),
    "1 MiB announced for an Output": (raw(b"\x93\x32", MIB), "Output: longer than its bound"),
    "17 MiB announced for a Display": (raw(b"\x94\x33", 17 * MIB), "Display: longer than its bound"),
    "a tag that nobody has": (raw(b"\x93\x7f\x01\x02"), BAD_TAG),
    "a tag in two bytes": (raw(b"\x93\xcc\x32\xa6stdout\xa1x"), BAD_TAG),
    "a negative tag": (raw(b"\x93\xff\xa6stdout\xa1x"), BAD_TAG),
    "a map instead of an array": (raw(b"\x83\x32\xa6stdout\xa1x"), "Output: not an array of 2 fields"),
    "an array head in three bytes": (raw(b"\xdc\x00\x03\x32\xa6stdout\xa1x"), BAD_TAG),
    "a host's ToolReply": (frame(ToolReply(1, "x")), BAD_TAG),
    "a zygote's Forked": (frame(Forked(1, 77)), BAD_TAG),
    "a field too few": (raw(body(Output, b"\xa6stdout")), "Output: not an array of 2 fields"),
    "a field too many": (raw(body(Output, b"\xa6stdout", b"\xa1x", b"\xc0")), "Output: not an array of 2 fields"),
    "a field missing behind an honest count": (raw(b"\x93\x32\xa6stdout"), f"Output.text: {TOO_EARLY}"),
    "bytes after the last field": (
        raw(body(Output, b"\xa6stdout", b"\xa1x") + b"\xc0"),
        "Output: bytes follow the last field",
    ),
    # announced and not backed
    "text of 4 GiB in five bytes": (call(name=b"\xdb\xff\xff\xff\xff"), f"ToolCall.name: {TOO_EARLY}"),
    "bytes of 4 GiB in five bytes": (call(args=b"\x91\xc6\xff\xff\xff\xff"), f"ToolCall.args: {TOO_EARLY}"),
    "a list of 4 billion in five bytes": (call(args=b"\xdd\xff\xff\xff\xff"), f"ToolCall.args: {TOO_EARLY}"),
    "a list of a million in six bytes": (call(args=b"\xdd\x00\x0f\x42\x40\xc0"), f"ToolCall.args: {TOO_EARLY}"),
    "a map of 4 billion in five bytes": (call(kwargs=b"\xdf\xff\xff\xff\xff"), f"ToolCall.kwargs: {TOO_EARLY}"),
    "a map of half as many pairs as bytes are left": (call(kwargs=b"\x82\xa1a\x01"), f"ToolCall.kwargs: {TOO_EARLY}"),
    "an extension of 4 GiB": (call(args=b"\x91\xc9\xff\xff\xff\xff\x01"), f"ToolCall.args: {TOO_EARLY}"),
    "a float cut short": (call(kwargs=b"\x81\xa1a\xcb\x00"), f"ToolCall.kwargs: {TOO_EARLY}"),
    "a length cut short": (call(kwargs=b"\x81\xa1a\xda\x00"), f"ToolCall.kwargs: {TOO_EARLY}"),
    # many and deep
    "a depth bomb": (call(args=lists(1_000)), f"ToolCall.args: {TOO_DEEP}"),
    "a depth bomb of a million": (call(args=lists(1_000_000)), f"ToolCall.args: {TOO_DEEP}"),
    "a depth bomb of tuples": (call(args=b"\x91" + tuples(64)), f"ToolCall.args: {TOO_DEEP}"),
    "a depth bomb of maps": (call(kwargs=b"\x81\xa1a" * 100 + b"\x80"), f"ToolCall.kwargs: {TOO_DEEP}"),
    "one list too deep": (call(args=lists(65)), f"ToolCall.args: {TOO_DEEP}"),
    "a million None": (call(args=b"\xdd" + struct.pack(">I", 10**6) + b"\xc0" * 10**6), f"ToolCall.args: {TOO_MANY}"),
    "60,000 empty dicts": (call(args=b"\x91\xdc\xea\x60" + b"\x80" * 60_000), f"ToolCall.args: {TOO_MANY}"),
    "1,001 arguments": (
        call(args=b"\xdc\x03\xe9" + b"\xc0" * 1_001),
        "ToolCall.args: expected a list of at most 1000 items",
    ),
    # text, keys, extensions
    "text that is not UTF-8": (call(args=b"\x91\xa2\xc3\x28"), "ToolCall.args: text that is not UTF-8"),
    "an overlong slash": (call(args=b"\x91\xa2\xc0\xaf"), "ToolCall.args: text that is not UTF-8"),
    "a surrogate in UTF-8": (call(args=b"\x91\xa3\xed\xa0\x80"), "ToolCall.args: text that is not UTF-8"),
    "a code point past Unicode": (call(args=b"\x91\xa4\xf4\x90\x80\x80"), "ToolCall.args: text that is not UTF-8"),
    "text cut inside a character": (call(args=b"\x91\xa1\xc3"), "ToolCall.args: text that is not UTF-8"),
    "the same key twice": (call(kwargs=b"\x82\xa1a\x01\xa1a\x02"), "ToolCall.kwargs: the same key twice"),
    "1 and True as keys": (call(args=b"\x91\x82\x01\x01\xc3\x02"), "ToolCall.args: the same key twice"),
    "0.0 and -0.0 as keys": (
        call(args=b"\x91\x82" + pack(0.0) + b"\x01" + pack(-0.0) + b"\x02"),
        "ToolCall.args: the same key twice",
    ),
    "a list as a key": (call(args=b"\x91\x81\x90\x01"), "ToolCall.args: a key that cannot be hashed"),
    "a map as a key": (call(args=b"\x91\x81\x80\x01"), "ToolCall.args: a key that cannot be hashed"),
    "a tuple with a list in it as a key": (
        call(args=b"\x91\x81\xd5\x02\x91\x90\x01"),
        "ToolCall.args: a key that cannot be hashed",
    ),
    "an int as a keyword": (call(kwargs=b"\x81\x01\x01"), "ToolCall.kwargs: expected keys of 1 to 512 bytes of text"),
    "bytes as a keyword": (
        call(kwargs=b"\x81\xc4\x01a\x01"),
        "ToolCall.kwargs: expected keys of 1 to 512 bytes of text",
    ),
    "an empty keyword": (call(kwargs=b"\x81\xa0\x01"), "ToolCall.kwargs: expected keys of 1 to 512 bytes of text"),
    "2,000 keys that collide": (
        call(args=b"\x91" + pack({index * P: 0 for index in range(1, 2_000)})),
        "ToolCall.args: keys chosen to collide",
    ),
    "a timestamp": (call(args=b"\x91\xd6\xff\x00\x00\x00\x00"), f"ToolCall.args: {UNKNOWN_EXT}"),
    "an extension of type 3": (call(args=b"\x91\xd4\x03\x00"), f"ToolCall.args: {UNKNOWN_EXT}"),
    "an extension of type 127": (call(args=b"\x91\xc7\x01\x7f\x00"), f"ToolCall.args: {UNKNOWN_EXT}"),
    "the byte that MessagePack never uses": (call(args=b"\x91\xc1"), f"ToolCall.args: {NO_VALUE}"),
    "an int of no bytes": (
        call(args=b"\x91\xc7\x00\x01"),
        "ToolCall.args: an int of more bytes than its bound, or of none",
    ),
    "an int of a megabyte": (
        call(args=b"\x91\xc9" + struct.pack(">I", 10**6) + b"\x01" + b"\x7f" * 10**6),
        "ToolCall.args: an int of more bytes than its bound, or of none",
    ),
    "an int that str() would refuse to print": (
        call(args=b"\x91" + pack(2**14_400)),
        "ToolCall.args: an int of more bytes than its bound, or of none",
    ),
    "an empty tuple extension": (call(args=b"\x91\xc7\x00\x02"), f"ToolCall.args: {NO_VALUE}"),
    "a tuple extension that holds a map": (call(args=b"\x91\xd4\x02\x80"), f"ToolCall.args: {NO_VALUE}"),
    "a tuple extension with bytes left over": (
        call(args=b"\x92\xd5\x02\x90\xc0\x01"),
        "ToolCall.args: a tuple that does not fill its extension",
    ),
    "a tuple whose items reach past its extension": (
        call(args=b"\x91\xd5\x02\x91\xa3abc"),
        "ToolCall.args: a tuple that does not fill its extension",
    ),
    # types and values of fields
    "a call id that is a bool": (call(call_=b"\xc3"), "ToolCall.call: expected an int from 1 to 1000000000"),
    "a call id that is a float": (call(call_=pack(1.0)), "ToolCall.call: expected an int from 1 to 1000000000"),
    "a call id that is text": (call(call_=b"\xa11"), "ToolCall.call: expected an int from 1 to 1000000000"),
    "a call id that is None": (call(call_=b"\xc0"), "ToolCall.call: expected an int from 1 to 1000000000"),
    "a call id of 0": (call(call_=b"\x00"), "ToolCall.call: expected an int from 1 to 1000000000"),
    "a negative call id": (call(call_=b"\xff"), "ToolCall.call: expected an int from 1 to 1000000000"),
    "a call id of 2**63": (call(call_=pack(2**63)), "ToolCall.call: expected an int from 1 to 1000000000"),
    "a call id of 2**70": (call(call_=pack(2**70)), f"ToolCall.call: {TOO_EARLY}"),
    "a call id of 2**70, short": (
        call(call_=b"\xc7\x02\x01\x00\x01"),
        "ToolCall.call: an int of more bytes than its bound, or of none",
    ),
    "a tool's name in bytes": (call(name=b"\xc4\x01f"), "ToolCall.name: expected 1 to 512 bytes of printable text"),
    "a tool's name that is empty": (call(name=b"\xa0"), "ToolCall.name: expected 1 to 512 bytes of printable text"),
    "a tool's name with a line feed": (
        call(name=b"\xa2f\n"),
        "ToolCall.name: expected 1 to 512 bytes of printable text",
    ),
    "a tool's name that turns the line around": (
        call(name=pack("f\u202e")),
        "ToolCall.name: expected 1 to 512 bytes of printable text",
    ),
    "a tool's name of 64 KiB": (call(name=pack("f" * 65_536)), f"ToolCall.name: {TOO_EARLY}"),
    "a tool's name that is a list of a million": (
        call(name=b"\xdd" + struct.pack(">I", 10**6) + b"\xc0" * 10**6),
        f"ToolCall.name: {TOO_EARLY}",
    ),
    "args in a map": (call(args=b"\x80"), "ToolCall.args: expected a list of at most 1000 items"),
    "args in a tuple": (call(args=pack(())), "ToolCall.args: expected a list of at most 1000 items"),
    "kwargs in a list": (call(kwargs=b"\x90"), "ToolCall.kwargs: expected a dict of at most 1000 entries"),
    "an Output to a third stream": (
        raw(body(Output, b"\xa3log", b"\xa1x")),
        "Output.stream: expected one of 'stdout', 'stderr'",
    ),
    "an Output of bytes": (
        raw(body(Output, b"\xa6stdout", b"\xc4\x01x")),
        "Output.text: expected text of 1 to 65536 bytes",
    ),
    "an Output of nothing": (
        raw(body(Output, b"\xa6stdout", b"\xa0")),
        "Output.text: expected text of 1 to 65536 bytes",
    ),
    "an ending of its own": (
        finished(ended=b"\xa7escaped"),
        "Finished.ended: expected one of 'completed', 'raised', 'timed_out', 'memory_exceeded'",
    ),
    "a value that is no text": (finished(value=b"\x2a"), "Finished.value: expected text of 0 to 262144 bytes"),
    "an error with a key too many": (
        finished(error=pack({"type": "E", "message": "", "traceback": "", "line": None, "x": 1})),
        f"Finished.error: {TOO_MANY}",
    ),
    "an error with another key": (
        finished(error=pack({"type": "E", "message": "", "traceback": "", "lines": None})),
        "Finished.error: expected a dict with exactly the keys type, message, traceback, line",
    ),
    "an error on line 0": (
        finished(error=pack({"type": "E", "message": "", "traceback": "", "line": 0})),
        "Finished.error: expected an int from 1 to 2147483648",
    ),
    "saved bytes of -2": (
        finished(saved_bytes=b"\xfe"),
        "Finished.saved_bytes: expected an int from -1 to 1125899906842624",
    ),
    "a segment of a number too high": (finished(kept=b"\x91\x10"), "Finished.kept: expected an int from 0 to 15"),
    "more segments than a version has": (
        finished(kept=b"\xdc\x00\x10" + bytes(16)),
        "Finished.kept: it holds more values than its bound",
    ),
    "an int where a flag stands": (finished(has_final_answer=b"\x01"), "Finished.has_final_answer: expected a bool"),
    "an answer of 2 MiB": (finished(final_answer=pack("x" * 2 * MIB)), f"Finished.final_answer: {TOO_EARLY}"),
}


@pytest.mark.parametrize("name", FRAMES)
def test_a_hostile_frame_is_refused_for_the_reason_meant(name: str) -> None:
    data, reason = FRAMES[name]
    decoder = Decoder(Direction.WORKER_TO_HOST)
    with pytest.raises(ProtocolViolation) as refused:
        decoder.feed(data)
    assert refused.value.reason == reason


def test_the_table_of_hostile_frames_is_not_refused_for_want_of_an_honest_neighbour() -> None:
    assert Decoder(Direction.WORKER_TO_HOST).feed(call()) == [ToolCall(1, "f", [], {})]
    assert Decoder(Direction.WORKER_TO_HOST).feed(call(args=lists(64)))
    assert Decoder(Direction.WORKER_TO_HOST).feed(call(args=b"\x91" + tuples(63)))
    assert Decoder(Direction.WORKER_TO_HOST).feed(call(args=b"\x91\xd4\x02\x90")) == [ToolCall(1, "f", [()], {})]
    assert Decoder(Direction.WORKER_TO_HOST).feed(call(args=b"\x91" + pack(2**14_000)))
    assert Decoder(Direction.WORKER_TO_HOST).feed(call(args=b"\x91" + pack(dict.fromkeys(range(20000), 0))))
    assert Decoder(Direction.WORKER_TO_HOST).feed(call(call_=b"\xcf" + bytes(7) + b"\x01")) == [
        ToolCall(1, "f", [], {})
    ]
    assert Decoder(Direction.WORKER_TO_HOST).feed(finished())


@pytest.mark.parametrize("direction", [d for d in Direction if d is not Direction.WORKER_TO_HOST])
def test_a_frame_of_one_direction_is_refused_in_every_other(direction: Direction) -> None:
    with pytest.raises(ProtocolViolation, match=BAD_TAG):
        Decoder(direction).feed(call())


def test_after_a_violation_everything_is_refused() -> None:
    decoder = Decoder(Direction.WORKER_TO_HOST)
    with pytest.raises(ProtocolViolation):
        decoder.feed(b"\xff" * 8)
    with pytest.raises(ProtocolViolation, match=BAD_LENGTH):
        decoder.feed(call())


def test_a_smaller_bound_for_frames_is_held_at_the_fourth_byte() -> None:
    decoder = Decoder(Direction.WORKER_TO_HOST, max_frame=1_000)
    assert decoder.feed(b"\x00\x00\x03") == []
    with pytest.raises(ProtocolViolation, match=BAD_LENGTH):
        decoder.feed(b"\xe9")


def test_a_frame_that_may_not_come_now_is_refused_at_its_sixth_byte() -> None:
    def admit(kind: type[Any]) -> None:
        raise ProtocolViolation(f"no {kind.__name__} now")

    decoder = Decoder(Direction.WORKER_TO_HOST, admit=admit)
    assert decoder.feed(call()[:5]) == []
    with pytest.raises(ProtocolViolation, match=r"^no ToolCall now$"):
        decoder.feed(call()[5:6])


@THOROUGH
@given(messages, st.data())
def test_a_mutated_frame_gives_messages_or_a_violation_and_nothing_else(message: Any, data: st.DataObject) -> None:
    mutated = bytearray(frame(message))
    for _ in range(data.draw(st.integers(1, 3))):
        mutated[data.draw(st.integers(0, len(mutated) - 1))] = data.draw(st.integers(0, 255))
    decoder = Decoder(direction_of(message))
    try:
        taken = decoder.feed(bytes(mutated))
    except ProtocolViolation:
        return
    for back in taken:
        assert Decoder(direction_of(back)).feed(frame(back)), "what was taken fits its own shape"


@THOROUGH
@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=12, max_size=30).map("{}#".format))
def test_a_reason_never_quotes_what_was_received(secret: str) -> None:
    for data in (
        raw(body(Output, pack(secret), b"\xa1x")),
        finished(ended=pack(secret)),
        finished(error=pack({secret: 1, "message": "", "traceback": "", "line": 0})),
        call(kwargs=pack({secret: 0})[:1] + b"\x01\x01"),
        call(kwargs=b"\x82" + (pack(secret) + b"\x01") * 2),
    ):
        with pytest.raises(ProtocolViolation) as refused:
            Decoder(Direction.WORKER_TO_HOST).feed(data)
        assert secret not in str(refused.value)


@pytest.mark.parametrize(
    ("data", "bounds", "reason"),
    [
        (b"\x01\x02", Bounds(max_bytes=9, max_nodes=9, max_depth=9), "bytes follow the value"),
        (b"\x01\x02", Bounds(max_bytes=1, max_nodes=9, max_depth=9), "the value is longer than its bound"),
        (b"\x92\x01\x02", Bounds(max_bytes=9, max_nodes=2, max_depth=9), TOO_MANY),
        (b"\x91\x90", Bounds(max_bytes=9, max_nodes=9, max_depth=1), TOO_DEEP),
        (b"\x90", Bounds(max_bytes=9, max_nodes=9, max_depth=0), TOO_DEEP),
        (b"", Bounds(max_bytes=9, max_nodes=9, max_depth=9), TOO_EARLY),
    ],
)
def test_unpack_holds_each_bound_by_itself(data: bytes, bounds: Bounds, reason: str) -> None:
    with pytest.raises(ProtocolViolation) as refused:
        unpack(data, bounds)
    assert refused.value.reason == reason


def test_unpack_reads_a_memoryview_as_the_bytes_it_shows() -> None:
    data = msgpack.packb({"a": [1, b"x"]})
    value = unpack(memoryview(data))
    assert value == {"a": [1, b"x"]}
    assert type(value["a"][1]) is bytes
    with pytest.raises(ProtocolViolation, match="longer than its bound"):
        unpack(memoryview(bytes(80)).cast("Q"), Bounds(max_bytes=79, max_nodes=9, max_depth=9))
