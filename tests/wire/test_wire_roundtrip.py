"""What is packed comes back the same, type for type; what `frame` lets through is what the other side takes."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire_strategies import QUICK, THOROUGH, direction_of, is_same, messages, plain_values

from safe_codeact.wire.decode import Decoder, unpack
from safe_codeact.wire.encode import NotEncodable, TooLarge, frame, pack
from safe_codeact.wire.format import KIB, Bounds
from safe_codeact.wire.intake import read_frame
from safe_codeact.wire.messages import Execute, Fetched, Finished, Output, ToolCall, ToolReply
from safe_codeact.wire.shapes import SHAPES, Direction


@THOROUGH
@given(plain_values)
def test_a_plain_value_comes_back_the_same(value: Any) -> None:
    assert is_same(unpack(pack(value)), value)


@pytest.mark.parametrize("size", [0, 1, 15, 16, 31, 32, 255, 256, 65_535, 65_536])
def test_every_length_form_comes_back_the_same(size: int) -> None:
    values: list[Any] = ["x" * size, b"x" * size, [None] * size, (None,) * size, dict.fromkeys(range(size))]
    for value in values:
        assert is_same(unpack(pack(value)), value)


@pytest.mark.parametrize("bits", [*range(70), 255, 256, 4_000, 200_000])
def test_every_width_of_int_comes_back_the_same(bits: int) -> None:
    for value in (2**bits, 2**bits - 1, 2**bits + 1):
        assert is_same(unpack(pack([value, -value])), [value, -value])


def test_a_dict_keeps_its_order() -> None:
    value = {"b": 1, "a": 2, 3: 4, None: 5, (1, "x"): 6, b"": 7, False: 8, 2.5: 9}
    assert list(unpack(pack(value)).items()) == list(value.items())


@pytest.mark.parametrize("text", ["", "é", "日本", "😀", "\x00", "\u2028\x1b]0;", "a\u0300", "\U0010ffff"])
def test_text_comes_back_as_it_was_written(text: str) -> None:
    assert unpack(pack(text)) == text


@THOROUGH
@given(messages)
def test_a_message_comes_back_the_same_from_either_reader(message: Any) -> None:
    data = frame(message)
    [back] = Decoder(direction_of(message)).feed(data)
    assert is_same(back, message)
    if direction_of(message) in (Direction.HOST_TO_WORKER, Direction.HOST_TO_ZYGOTE):
        stream = bytearray(data + b"next")

        def recv(size: int) -> bytes:
            taken = bytes(stream[: min(size, 7)])
            del stream[: len(taken)]
            return taken

        assert is_same(read_frame(recv), message)
        assert stream == b"next"


@THOROUGH
@given(st.sampled_from(SHAPES), st.data())
def test_a_message_with_anything_in_its_fields_is_refused_before_it_is_sent_or_taken_as_it_is(
    shape: Any, data: st.DataObject
) -> None:
    message = shape.type(*(data.draw(plain_values) for _ in shape.fields))
    try:
        encoded = frame(message)
    except NotEncodable:
        return
    [back] = Decoder(shape.direction).feed(encoded)
    assert back == message or "nan" in repr(message)


@QUICK
@given(st.lists(messages, max_size=5), st.randoms(use_true_random=False))
def test_messages_come_back_however_the_stream_is_cut(sent: list[Any], random: Any) -> None:
    direction = Direction.WORKER_TO_HOST
    sent = [message for message in sent if direction_of(message) is direction]
    stream = b"".join(frame(message) for message in sent)
    cuts = sorted(random.choices(range(len(stream) + 1), k=6))
    decoder = Decoder(direction)
    pieces = [stream[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert is_same([message for piece in pieces for message in decoder.feed(piece)], sent)
    assert decoder.is_between_frames


class _Colour(enum.IntEnum):
    red = 1


class _Point(NamedTuple):
    x: int


class _Text(str):
    pass


class _Dict(dict):  # type: ignore[type-arg]
    def items(self) -> Any:
        raise AssertionError("the encoder called a method of the value")


@dataclasses.dataclass
class _Thing:
    x: int = 1


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (_Colour.red, "_Colour"),
        (_Point(1), "_Point"),
        (_Text("x"), "_Text"),
        (_Dict(x=1), "_Dict"),
        (_Thing(), "_Thing"),
        ({1, 2}, "set"),
        (frozenset(), "frozenset"),
        (bytearray(b"x"), "bytearray"),
        (memoryview(b"x"), "memoryview"),
        (1j, "complex"),
        (range(3), "range"),
        (..., "ellipsis"),
        (print, "builtin_function_or_method"),
        (lambda: 0, "function"),
        (int, "type"),
        (iter([]), "list_iterator"),
    ],
)
def test_only_exact_plain_types_are_packed(value: Any, name: str) -> None:
    with pytest.raises(NotEncodable) as refused:
        pack({"rows": [0, (value,)]})
    assert refused.value.path == "['rows'][1][0]"
    assert refused.value.type_name.split(".")[-1] == name
    assert str(refused.value).endswith(f"{name} is not plain data")


def test_a_numpy_number_is_not_taken_for_the_float_it_inherits_from() -> None:
    numpy = pytest.importorskip("numpy")
    with pytest.raises(NotEncodable, match=r"^the value: numpy\.float64 is not plain data$"):
        pack(numpy.float64(1.5))


def test_a_lone_surrogate_is_named_with_its_place() -> None:
    with pytest.raises(NotEncodable) as refused:
        frame(ToolCall(1, "search", ["ok", "a\ud800"], {}))
    assert str(refused.value) == "ToolCall.args[1]: text with a lone surrogate at index 1, which UTF-8 cannot hold"


def test_a_bad_key_is_named_by_its_position() -> None:
    with pytest.raises(NotEncodable) as refused:
        pack({"a": 1, frozenset(): 2})
    assert str(refused.value) == "<key 1>: frozenset is not plain data"


@pytest.mark.parametrize("wide", [1, 10])
def test_a_cycle_ends_at_the_bound_of_depth(wide: int) -> None:
    cycle: list[Any] = []
    cycle.extend([cycle] * wide)
    with pytest.raises(TooLarge, match=r"nested deeper than 64, or contains itself$"):
        pack(cycle)


def test_a_cycle_that_widens_before_it_deepens_ends_at_the_bound_of_nodes() -> None:
    level: list[Any] = [0]
    for _ in range(60):
        level = [level, level]
    with pytest.raises(TooLarge, match=r"more than 5000 values \(keys and containers count\)$"):
        pack(level, Bounds(max_bytes=10**9, max_nodes=5_000, max_depth=64))


def test_depth_is_64_on_both_sides() -> None:
    def nested(depth: int) -> Any:
        value: Any = []
        for _ in range(depth - 1):
            value = [value]
        return value

    assert unpack(pack(nested(64))) == nested(64)
    with pytest.raises(TooLarge):
        pack(nested(65))


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (Output("stdlog", "x"), "Output.stream: expected one of 'stdout', 'stderr', got str of length 6"),
        (Output("stdout", ""), "Output.text: expected text of 1 to 65536 bytes, got str of length 0"),
        (Output("stdout", "é" * 40_000), "Output.text: expected text of 1 to 65536 bytes, got str of length 40000"),
        (ToolCall(0, "f", [], {}), "ToolCall.call: expected an int from 1 to 1000000000, got int"),
        (
            ToolCall(1, "f\x1b[2J", [], {}),
            "ToolCall.name: expected 1 to 512 bytes of printable text, got str of length 5",
        ),
        (ToolCall(1, "f", ["x" * 2_000_000], {}), "ToolCall.args[0]: 2000000 bytes, where 1048576 can be sent"),
        (ToolCall(1, "f", [], {"n": 2**20_000}), "ToolCall.kwargs['n']: an int of 2501 bytes, where 1785 can be sent"),
        (
            ToolCall(1, "f", [[0] * 60_000], {}),
            "ToolCall.args[0][49998]: more than 50000 values (keys and containers count)",
        ),
        (ToolCall(1, "f", [], {"k": print}), "ToolCall.kwargs['k']: builtin_function_or_method is not plain data"),
        (ToolReply(1, None, "OSError"), None),
        (Fetched("", "int", True), ""),
    ],
)
def test_a_message_that_the_other_side_would_refuse_is_refused_before_it_is_sent(message: Any, complaint: Any) -> None:
    if complaint == "":
        assert frame(message)
        return
    with pytest.raises(NotEncodable) as refused:
        frame(message)
    if complaint is not None:
        assert str(refused.value) == complaint


def test_a_value_at_its_bound_passes_and_one_byte_more_does_not() -> None:
    assert Decoder(Direction.WORKER_TO_HOST).feed(frame(Output("stdout", "x" * 64 * KIB)))
    with pytest.raises(TooLarge):
        frame(Output("stdout", "x" * (64 * KIB + 1)))


def test_seconds_given_as_int_travel_as_the_float_that_the_field_is() -> None:
    [back] = Decoder(Direction.HOST_TO_WORKER).feed(frame(Execute("1", [], 0, 30, "")))  # type: ignore[arg-type]
    assert type(back.wall_seconds) is float


def test_something_that_is_no_message_is_refused() -> None:
    with pytest.raises(NotEncodable, match=r"^the value: _Thing is not a message$"):
        frame(_Thing())  # type: ignore[arg-type]


def test_a_finished_with_everything_in_it_comes_back() -> None:
    error = {"type": "ValueError", "message": "no", "traceback": "Traceback …", "line": 3}
    message = Finished("raised", None, error, {"conn": "sqlite3"}, -1, [0, 3], 10, True, {"answer": (1, 2.5)})
    assert Decoder(Direction.WORKER_TO_HOST).feed(frame(message)) == [message]
