"""The decoder beside `msgpack`: it reads the same, and refuses more only where it says so."""

from __future__ import annotations

from typing import Any

import msgpack
from hypothesis import example, given
from hypothesis import strategies as st
from wire_strategies import THOROUGH, is_same, plain_values

from safe_codeact.wire.decode import unpack
from safe_codeact.wire.encode import pack
from safe_codeact.wire.format import EXT_INT, EXT_TUPLE
from safe_codeact.wire.violation import ProtocolViolation

# Refusals that msgpack does not share: each is a decision of ours.
_STRICTER = {
    "the same key twice",
    "keys chosen to collide",
    "an extension type that the wire does not have",
    "an int of more bytes than its bound, or of none",
    "it holds more values than its bound",
    "it is nested deeper than its bound",
}


class _OracleRefuses(Exception):
    pass


def _extension(code: int, payload: bytes) -> Any:
    if code == EXT_INT and payload:
        return int.from_bytes(payload, "big", signed=True)
    if code == EXT_TUPLE:
        value = _read(payload)
        if type(value) is list:
            return tuple(value)
    raise _OracleRefuses


def _read(data: bytes) -> Any:
    return msgpack.unpackb(data, raw=False, strict_map_key=False, ext_hook=_extension)


def _oracle(data: bytes) -> Any:
    try:
        return _read(data)
    except (ValueError, TypeError, msgpack.UnpackException, _OracleRefuses) as error:
        raise _OracleRefuses from error


def _agree(data: bytes) -> None:
    try:
        ours = unpack(data)
    except ProtocolViolation as violation:
        if violation.reason in _STRICTER:
            return
        try:
            theirs = _oracle(data)
        except _OracleRefuses:
            return
        raise AssertionError(f"refused ({violation.reason}) what msgpack reads as {theirs!r}") from violation
    assert is_same(ours, _oracle(data))


@THOROUGH
@given(plain_values)
def test_msgpack_reads_what_we_pack(value: Any) -> None:
    assert is_same(_oracle(pack(value)), value)


_native = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(width=32)
    | st.text(max_size=40)
    | st.binary(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=3) | st.integers(0, 99), inner, max_size=18)
    ),
    max_leaves=30,
)


@THOROUGH
@given(_native, st.booleans())
def test_we_read_what_msgpack_packs(value: Any, single: bool) -> None:
    data = msgpack.packb(value, use_single_float=single)
    assert is_same(unpack(data), _oracle(data))


@THOROUGH
@given(plain_values, st.data())
def test_mutated_bytes_are_read_alike_or_refused(value: Any, data: st.DataObject) -> None:
    mutated = bytearray(pack(value))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(mutated)))
        match data.draw(st.sampled_from(["set", "insert", "delete", "cut"])):
            case "set" if at < len(mutated):
                mutated[at] = data.draw(st.integers(0, 255))
            case "insert":
                mutated[at:at] = data.draw(st.binary(max_size=4))
            case "delete":
                del mutated[at : at + 2]
            case "cut":
                del mutated[at:]
    _agree(bytes(mutated))


@THOROUGH
@given(st.binary(max_size=60))
@example(b"")
@example(b"\xc7\x00\x02")
@example(b"\xd4\x02\x90")
@example(b"\x81\xca\x7f\xc0\x00\x00\xc0")
def test_any_bytes_are_read_alike_or_refused(data: bytes) -> None:
    _agree(data)


def test_every_lead_byte_with_a_few_tails_is_read_alike_or_refused() -> None:
    tails = [b"", b"\x00", b"\x01\x02", b"\x00\x00\x00\x01\x02\x90", bytes(9), b"\xff" * 9, b"a" * 40, b"\x02\x90" * 20]
    for lead in range(256):
        for tail in tails:
            for cut in range(len(tail) + 1):
                _agree(bytes([lead]) + tail[:cut])
