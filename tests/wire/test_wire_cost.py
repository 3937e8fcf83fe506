"""What hostile bytes can cost the host: memory by what came, not by what was announced; steps linear in the bytes."""

from __future__ import annotations

import gc
import random
import struct
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from safe_codeact.wire.conversation import Conversation
from safe_codeact.wire.crowding import SMALL, STEPS_PER_KEY, is_crowded
from safe_codeact.wire.decode import Decoder, unpack
from safe_codeact.wire.encode import frame, pack
from safe_codeact.wire.format import KIB, MIB
from safe_codeact.wire.messages import Execute, Fetched, Judged, Output, Ready
from safe_codeact.wire.shapes import BY_TYPE, Direction
from safe_codeact.wire.violation import ProtocolViolation

P = 2**61 - 1  # sys.hash_info.modulus


def _peak(work: Callable[[], Any]) -> int:
    """Bytes that `work` held at most, beyond what was there before; its result is alive until the end."""
    gc.collect()
    tracemalloc.start()
    try:
        result = work()
        peak = tracemalloc.get_traced_memory()[1]
        del result
        return peak
    finally:
        tracemalloc.stop()


def _refused(data: bytes) -> None:
    with pytest.raises(ProtocolViolation):
        Decoder(Direction.WORKER_TO_HOST).feed(data)


def test_an_announced_length_costs_nothing_until_its_bytes_come() -> None:
    head = struct.pack(">I", 64 * MIB) + bytes([0x94, BY_TYPE[Fetched].tag])
    decoder = Decoder(Direction.WORKER_TO_HOST)
    assert _peak(lambda: decoder.feed(head)) < 16 * KIB
    assert _peak(lambda: decoder.feed(bytes(100 * KIB))) < 400 * KIB


@pytest.mark.parametrize(
    "field",
    [
        b"\xdd\x00\x0f\x42\x40",
        b"\xdf\x00\x0f\x42\x40",
        b"\xc6\x3f\xff\xff\xff",
        b"\xdb\x3f\xff\xff\xff",
        b"\xc9\x3f\xff\xff\xff\x01",
        b"\xdd\xff\xff\xff\xff" * 60,
    ],
)
def test_a_count_that_the_frame_does_not_back_allocates_nothing(field: bytes) -> None:
    body = bytes([0x94, BY_TYPE[Fetched].tag]) + b"\xa0\xa0" + field
    data = struct.pack(">I", len(body)) + body
    assert _peak(lambda: _refused(data)) < 64 * KIB


def test_a_depth_bomb_is_left_at_its_bound() -> None:
    body = bytes([0x94, BY_TYPE[Fetched].tag]) + b"\xa0\xa0" + b"\x91" * 4_000_000
    data = struct.pack(">I", len(body)) + body
    assert _peak(lambda: _refused(data)) < 3 * len(data)


def test_a_flood_of_values_is_refused_by_its_count_before_one_is_kept() -> None:
    body = bytes([0x94, BY_TYPE[Fetched].tag]) + b"\xa0\xa0\xdd" + struct.pack(">I", 2_000_000) + b"\x80" * 2_000_000
    data = struct.pack(">I", len(body)) + body
    assert _peak(lambda: _refused(data)) < 3 * len(data)


@pytest.mark.parametrize(
    "dear",
    [
        {},
        [],
        {1: 2},
        [[]],
        (),
        ((),),
        1.5,
        2**63,
        "ab",
        "é",
        "日",
        "😀",
        b"",
        b"ab",
        {"a": {}},
        {(1,): ()},
        [None],
        dict.fromkeys(range(6)),
        dict.fromkeys(range(11)),
        "😀" + "a" * 30,
        -(2**70),
    ],
    ids=repr,
)
def test_no_value_weighs_more_than_the_decoder_says(dear: Any) -> None:
    message = Fetched("", "list", [dear] * 5_000)
    data = frame(message)
    decoder = Decoder(Direction.WORKER_TO_HOST)
    del message
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        [kept] = decoder.feed(data)
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert kept
    assert held <= decoder.weight


class _Counting(bytearray):
    """A buffer that counts the bytes that are copied into and out of it."""

    copied = 0

    def __iadd__(self, other: Any) -> Any:
        self.copied += len(other)
        return super().__iadd__(other)

    def __getitem__(self, index: Any) -> Any:
        taken = super().__getitem__(index)
        self.copied += len(taken) if isinstance(index, slice) else 0
        return taken

    def __bytes__(self) -> bytes:
        self.copied += len(self)
        return bytes(memoryview(self))


def _steps(work: Callable[[], Any]) -> int:
    """Bytecode instructions that `work` executes in Python code."""
    count = 0

    def trace(called: Any, event: str, argument: Any) -> Any:
        nonlocal count
        called.f_trace_opcodes = True
        called.f_trace_lines = False
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def _by_single_bytes(data: bytes) -> tuple[int, int]:
    decoder = Decoder(Direction.WORKER_TO_HOST)
    decoder._buffer = counting = _Counting()

    def feed() -> None:
        for at in range(len(data)):
            decoder.feed(data[at : at + 1])

    return _steps(feed), counting.copied


def test_a_byte_at_a_time_costs_steps_and_copies_linear_in_the_bytes() -> None:
    short, long = (frame(Output("stdout", "x" * size)) for size in (2_000, 8_000))
    short_steps, short_copied = _by_single_bytes(short)
    long_steps, long_copied = _by_single_bytes(long)
    assert long_copied < 3 * len(long)
    assert short_copied < 3 * len(short)
    assert long_steps < 1.1 * short_steps * len(long) / len(short)


@pytest.mark.parametrize(
    "value",
    [
        lambda n: list(range(n)),
        lambda n: "x" * n,
        lambda n: ["ab"] * n,
        lambda n: [()] * n,
        lambda n: {f"{index}": {} for index in range(n)},
        lambda n: {index * 1024: 1 for index in range(n)},
        lambda n: [{1: 2}] * n,
    ],
)
def test_decoding_takes_steps_linear_in_the_value(value: Callable[[int], Any]) -> None:
    few, many = pack(value(1_000)), pack(value(4_000))
    assert _steps(lambda: unpack(many)) < 5.5 * _steps(lambda: unpack(few))


def test_keys_that_collide_are_refused_in_linear_steps() -> None:
    def steps(count: int) -> int:
        keys = [index * P for index in range(1, count)]
        crowded = []
        taken = _steps(lambda: crowded.append(is_crowded(keys)))
        assert crowded == [True]
        return taken

    assert steps(8_000) < 5 * steps(2_000)


def _chain_attack(size: int) -> list[int]:
    """Ints with distinct hashes for a table of `size`: the first fill one long chain, the others are sought to enter it
    near its beginning and walk it all. Looking for equal hashes would see nothing here.
    """
    mask = size - 1
    chain, slot = [], 1
    for _ in range(size // 3):
        chain.append(slot)
        slot = (slot * 5 + 1) & mask
    filled, early = set(chain), set(chain[: size // 12])
    found: list[int] = []
    candidate = size
    while len(found) < size // 4:
        candidate += 1
        slot, perturb = candidate & mask, candidate
        while perturb and slot in filled:
            perturb >>= 5
            slot = (slot * 5 + perturb + 1) & mask
        if slot in early:
            found.append(candidate)
    return chain + found


@pytest.mark.parametrize("more", [0, 6_000])
def test_distinct_hashes_that_share_one_long_chain_are_seen_at_any_size_of_the_growing_table(more: int) -> None:
    attack = _chain_attack(2_048)
    assert len({hash(key) for key in attack}) == len(attack)
    assert is_crowded(attack + [2**40 + index for index in range(more)])
    assert not is_crowded(random.Random(7).sample(range(2**60), len(attack)))


@pytest.mark.parametrize(
    "keys",
    [
        [index * P for index in range(1, 500)],
        [(0, index * P) for index in range(1, 500)],
        [float(index * P) for index in range(1, 500)] + [index * P for index in range(1, 500)],
        [P * 2**index for index in range(500)],
        [float(2**60) * index for index in range(1, 300)] + [-(index * P) for index in range(1, 300)],
        [index + P * other for index in range(20) for other in range(1, 200)],
    ],
)
def test_keys_chosen_to_collide_are_seen(keys: list[Any]) -> None:
    assert is_crowded(list(dict.fromkeys(keys)))


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        *((f"multiples of 2**{power}", [index << power for index in range(3_000)]) for power in range(0, 61, 4)),
        *((f"fractions by 2**{power}", [index / 2**power for index in range(3_000)]) for power in range(0, 40, 4)),
        ("negative ints", [-index for index in range(3_000)]),
        ("pairs", [(row, column) for row in range(60) for column in range(60)]),
        ("tenths", [index * 0.1 for index in range(3_000)]),
        ("days in nanoseconds", [(1_700_000_000 + 86_400 * index) * 10**9 for index in range(3_000)]),
        ("text", [f"key {index}" for index in range(3_000)]),
        ("squares", [index * index for index in range(3_000)]),
        ("powers of two", [2**index for index in range(1_000)]),
        ("random", random.Random(7).sample(range(2**62), 3_000)),
        ("few that collide", [index * P for index in range(SMALL)]),
    ],
)
def test_ordinary_keys_are_not_taken_for_a_flood(name: str, keys: list[Any]) -> None:
    assert not is_crowded(keys), f"{name} take more than {STEPS_PER_KEY} steps per key"


def test_a_hundred_thousand_tiny_frames_in_one_chunk_are_so_many_messages() -> None:
    data = frame(Output("stdout", "x")) * 100_000
    assert len(Decoder(Direction.WORKER_TO_HOST).feed(data)) == 100_000


def test_tiny_frames_without_end_meet_the_cap_of_the_conversation() -> None:
    conversation = Conversation(output_limit=MIB)
    conversation.receive(frame(Ready({})))
    conversation.send(Execute("1", [], 0, 1.0, ""))
    report = {"allowed": True, "findings": [], "imports": [], "names": [], "tools": []}
    conversation.receive(frame(Judged(report, [])))
    tiny = frame(Output("stdout", "x")) * 1_000

    def flood() -> None:
        for _ in range(1_000):
            conversation.receive(tiny)

    with pytest.raises(ProtocolViolation, match=r"^output in too many pieces$"):
        flood()
    assert conversation.received_messages <= MIB // 8 + 2_000
