"""Two targets for the only code of the host that a worker's bytes enter: the stream decoder, and single values.

What must hold for any bytes: a message or `ProtocolViolation`, and nothing else; the same whatever chunks the stream comes
in; nothing after a violation; every value within the bounds of its field, counted here once more; no more memory than the
frame's weight says; and no reason that repeats what was sent. For single values `msgpack` reads the same bytes.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import msgpack
from hypothesis.strategies import SearchStrategy

from safe_codeact.fuzzing import Course, Escape, Run, Setting, Target
from safe_codeact.fuzzing.wire_examples import MARK, streams, values
from safe_codeact.wire.decode import Decoder, unpack
from safe_codeact.wire.encode import NotEncodable, frame
from safe_codeact.wire.format import EXT_INT, EXT_TUPLE, PLAIN_BOUNDS, Bounds
from safe_codeact.wire.messages import Message
from safe_codeact.wire.shapes import BY_TYPE, Direction
from safe_codeact.wire.violation import ProtocolViolation

_LONGEST_REASON: Final = 300  # the longest is one that lists the choices of a field
_MOST_ALIKE: Final = 100  # keys of one dict with one hash: building it costs the square of that
_MESSAGE_BYTES: Final = 2_000  # of a message object and its lists, beside what is weighed


def is_same(one: Any, other: Any) -> bool:
    """Equal with the same types all the way down; NaN is itself, and 0.0 is not -0.0."""
    if type(one) is not type(other):
        return False
    if type(one) is float:
        both = math.isnan(one) and math.isnan(other)
        return both or (one == other and math.copysign(1, one) == math.copysign(1, other))
    if type(one) in (list, tuple):
        return len(one) == len(other) and all(map(is_same, one, other))
    if type(one) is dict:
        pairs = zip(one.items(), other.items(), strict=True) if len(one) == len(other) else ()
        return len(one) == len(other) and all(is_same(a, c) and is_same(b, d) for (a, b), (c, d) in pairs)
    if hasattr(type(one), "__dataclass_fields__"):
        return all(is_same(getattr(one, name), getattr(other, name)) for name in type(one).__dataclass_fields__)
    return bool(one == other)


def measured(value: Any) -> tuple[int, int, int, int]:
    """(nodes, depth, the longest int in bytes, bytes of memory) of plain data, counted without recursion."""
    nodes = deepest = longest = 0
    memory, seen = 0, set()
    waiting: list[tuple[Any, int]] = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        nodes += 1
        if id(item) not in seen:
            seen.add(id(item))
            memory += sys.getsizeof(item)
        if type(item) is int and not -(2**63) <= item < 2**64:
            longest = max(longest, item.bit_length() // 8 + 1)
        if type(item) in (list, tuple, dict):
            deepest = max(deepest, depth + 1)
            inner = [part for pair in item.items() for part in pair] if type(item) is dict else item
            waiting += [(part, depth + 1) for part in inner]
    return nodes, deepest, longest, memory


def require_within(value: Any, bounds: Bounds, where: str) -> int:
    """The memory that a value takes. Raises `Escape` where it is past its bounds, or a dict in it was built of collisions."""
    nodes, depth, longest, memory = measured(value)
    for what, is_now, most in (
        ("nodes", nodes, bounds.max_nodes),
        ("levels", depth, bounds.max_depth),
        ("bytes in an int", longest, bounds.max_int_bytes),
    ):
        if is_now > most:
            raise Escape(f"a decoded value has more {what} than its bound", f"{where}: {is_now} > {most}")
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if type(item) is dict:
            alike = Counter(map(hash, item)).most_common(1)
            if alike and alike[0][1] > _MOST_ALIKE:
                raise Escape("a dict was built of keys that collide", f"{where}: {alike[0][1]} keys with one hash")
            waiting += [*item.keys(), *item.values()]
        elif type(item) in (list, tuple):
            waiting += item
    return memory


def require_own_words(violation: ProtocolViolation) -> None:
    """A reason reaches logs and terminals; the sender is hostile."""
    reason = violation.reason
    if not reason.isascii() or not reason.isprintable() or len(reason) > _LONGEST_REASON or MARK in reason:
        raise Escape("a refusal repeats what was sent", repr(reason)[:200])


# ---- the stream


def _heard(direction: Direction, chunks: list[bytes]) -> tuple[list[Message], str]:
    """The messages of a stream, and why it ended ("": it did not)."""
    decoder = Decoder(direction)
    heard: list[Message] = []
    fed = 0
    for number, chunk in enumerate(chunks):
        try:
            for message in decoder.messages(chunk):
                _require_message(message, decoder.weight)
                heard.append(message)
        except ProtocolViolation as violation:
            require_own_words(violation)
            _require_silence(decoder, violation, chunks[number + 1 :] or [chunk])
            return heard, violation.reason
        except Escape:
            raise
        except Exception as error:
            raise Escape("the decoder raised something of its own", f"{type(error).__name__}: {error}") from error
        fed += len(chunk)
        if len(decoder._buffer) > fed:
            raise Escape("the decoder holds more than it was sent", f"{len(decoder._buffer)} > {fed}")
    return heard, ""


def _require_silence(decoder: Decoder, violation: ProtocolViolation, chunks: list[bytes]) -> None:
    for chunk in chunks:
        try:
            heard = decoder.feed(chunk)
        except ProtocolViolation as again:
            if again.reason == violation.reason:
                continue
            raise Escape("after a violation another one was said", again.reason) from None
        raise Escape("a message was taken after a violation", repr(heard)[:200])


def _require_message(message: Message, weight: int) -> None:
    memory = sys.getsizeof(message)
    for field in BY_TYPE[type(message)].fields:
        value = getattr(message, field.name)
        try:
            plain = field.kind.plain(value)
        except Exception as error:
            where = f"{type(message).__name__}.{field.name}"
            raise Escape("a decoded field is none that its kind accepts", f"{where}: {error!r}") from error
        memory += require_within(plain, field.bounds, f"{type(message).__name__}.{field.name}")
    if memory > weight + _MESSAGE_BYTES:
        raise Escape("a message takes more memory than its weight", f"{type(message).__name__}: {memory} > {weight}")
    try:
        again = Decoder(BY_TYPE[type(message)].direction).feed(frame(message))
    except (NotEncodable, ProtocolViolation) as error:
        raise Escape("a decoded message cannot be sent again", str(error)[:200]) from error
    if len(again) != 1 or not is_same(again[0], message):
        raise Escape("a message comes back as another one", repr(again)[:200])


def decode(example: dict[str, Any]) -> Course:
    """One stream, whole and in chunks. Raises `Escape`."""
    direction, data = Direction[example["direction"]], bytes.fromhex(example["bytes"])
    places = [0, *(min(cut, len(data)) for cut in sorted(example["cuts"])), len(data)]
    chunks = [data[start:end] for start, end in itertools.pairwise(places)]
    whole, in_parts = _heard(direction, [data]), _heard(direction, chunks)
    if whole[1] != in_parts[1] or not is_same(whole[0], in_parts[0]):
        raise Escape("a stream is read otherwise in other chunks", f"{whole!r:.200} / {in_parts!r:.200}")
    return Course(alive=bool(whole[0]), classes=("parsers", "revival"))


def _examples(_setting: Setting) -> SearchStrategy[Any]:
    return streams() | streams(Direction.WORKER_TO_HOST) | streams(Direction.ZYGOTE_TO_HOST)


@contextlib.contextmanager
def _open_decoder(_setting: Setting) -> Iterator[Run]:
    yield decode


DECODER: Final = Target(
    name="decoder",
    layer="wire",
    classes=("parsers", "revival"),
    claim="any bytes of a worker are messages within their bounds, or a violation in our own words",
    examples=_examples,
    open=_open_decoder,
)


# ---- single values, beside msgpack

# Refusals that msgpack does not share: each is a decision of ours.
_STRICTER: Final = frozenset(
    {
        "keys chosen to collide",
        "an extension type that the wire does not have",
        "an int of more bytes than its bound, or of none",
        "it holds more values than its bound",
        "it is nested deeper than its bound",
    }
)


class _OracleRefuses(Exception):
    pass


def _oracle_extension(code: int, payload: bytes) -> Any:
    if code == EXT_INT and payload:
        return int.from_bytes(payload, "big", signed=True)
    if code == EXT_TUPLE:
        value = _oracle(payload)
        if type(value) is list:
            return tuple(value)
    raise _OracleRefuses


def _oracle_map(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):  # msgpack by itself takes the last one
        raise _OracleRefuses
    return found


def _oracle(data: bytes) -> Any:
    try:
        return msgpack.unpackb(
            data, raw=False, strict_map_key=False, ext_hook=_oracle_extension, object_pairs_hook=_oracle_map
        )
    except (ValueError, TypeError, msgpack.UnpackException, RecursionError, _OracleRefuses) as error:
        raise _OracleRefuses from error


def _agree(example: str) -> Course:
    data = bytes.fromhex(example)
    try:
        ours = unpack(data)
    except ProtocolViolation as violation:
        require_own_words(violation)
        if violation.reason not in _STRICTER:
            with contextlib.suppress(_OracleRefuses):
                raise Escape("msgpack reads what is refused", f"{violation.reason}: {_oracle(data)!r:.200}") from None
        return Course(alive=False, classes=("parsers",))
    except Exception as error:
        raise Escape("the decoder raised something of its own", f"{type(error).__name__}: {error}") from error
    require_within(ours, PLAIN_BOUNDS, "a value")
    try:
        theirs = _oracle(data)
    except _OracleRefuses:
        raise Escape("msgpack refuses what is read", repr(ours)[:200]) from None
    if not is_same(ours, theirs):
        raise Escape("msgpack reads it otherwise", f"{ours!r:.100} / {theirs!r:.100}")
    return Course(alive=True, classes=("parsers",))


@contextlib.contextmanager
def _open_values(_setting: Setting) -> Iterator[Run]:
    yield _agree


VALUES: Final = Target(
    name="decoder-values",
    layer="wire",
    classes=("parsers",),
    claim="a value is read as msgpack reads it, or refused",
    examples=lambda _setting: values(),
    open=_open_values,
)
