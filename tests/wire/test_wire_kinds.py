"""Each kind of field, from both sides: what it takes, and its nearest neighbours that it does not."""

from __future__ import annotations

import math
from typing import Any

import pytest

from safe_codeact.wire.encode import TooLarge, pack
from safe_codeact.wire.format import Bounds
from safe_codeact.wire.kinds import (
    Blob,
    Choice,
    Flag,
    Kind,
    Label,
    ListOf,
    Misfit,
    Number,
    Optional,
    Real,
    Record,
    RelativePath,
    Text,
    TextMap,
    Whole,
)

BOTH_SIDES: list[tuple[Kind, list[Any], list[Any]]] = [
    (Text(4), ["", "abcd", "éé", "😀", "\n"], ["abcde", "ééa", b"ab", None, 1, ["a"]]),
    (Text(4, filled=True), ["a"], [""]),
    (
        Label(8),
        ["search", "é", "a b", "日本"],
        ["", "a\nb", "\x1b[2J", "\x00", "a\u202eb", "\u200b", "\ud800", "x" * 9, b"a"],
    ),
    (
        RelativePath(20),
        ["a.png", "out/a b.png", "日本.png", "..a", "a..", "...", "a/.b"],
        [
            "",
            "/a",
            "a/",
            "a//b",
            ".",
            "..",
            "../a",
            "a/../b",
            "a/.",
            "a\x00",
            "a\nb",
            "a\x9b2J",
            "a\u2028b",
            "x" * 21,
            b"a",
        ],
    ),
    (Blob(3), [b"", b"abc"], [b"abcd", "abc", bytearray(b"a"), None]),
    (Whole(-1, 5), [-1, 0, 5], [-2, 6, True, 1.0, "1", None, 2**70]),
    (Real(0.0, 9.5), [0.0, 9.5, -0.0], [math.nan, math.inf, -math.inf, -1e-9, 9.6, "1", True, None]),
    (Number(), [0, -(2**63), 1.5, -0.0], [2**63, math.nan, math.inf, 1e19, True, "1", None]),
    (Flag(), [True, False], [0, 1, None, "true"]),
    (Choice(("", "missing")), ["", "missing"], ["Missing", "missing ", None, b"missing"]),
    (Optional(Whole(1, 5)), [None, 1], [0, False, ""]),
    (ListOf(Whole(0, 1), 2), [[], [0, 1]], [[0, 1, 0], [2], (0,), {0}, "01", None]),
    (
        TextMap(Flag(), 2, 3),
        [{}, {"abc": True, "é": False}],
        [{"abcd": True}, {"": True}, {1: True}, {"a": 1}, [], None],
    ),
    (TextMap(Flag(), 1, 3), [{"a": True}], [{"a": True, "b": True}]),
    (
        Record({"a": Flag(), "b": Text(1)}),
        [{"b": "", "a": True}],
        [{}, {"a": True}, {"a": True, "b": "", "c": 1}, [], None],
    ),
]


@pytest.mark.parametrize(("kind", "taken", "refused"), BOTH_SIDES, ids=lambda part: repr(part)[:40])
def test_a_kind_takes_its_own_and_refuses_the_nearest_neighbours(
    kind: Kind, taken: list[Any], refused: list[Any]
) -> None:
    for value in taken:
        assert kind.accept(value) == value
        assert kind.plain(value) == value
    for value in refused:
        with pytest.raises(Misfit):
            kind.accept(value)
        with pytest.raises(Misfit):
            kind.plain(value)


@pytest.mark.parametrize("value", [["é" * 600], ["é" * 300, "é" * 300], {"é" * 300: "é" * 300}, [1.5] * 120, 10**2_500])
def test_the_bound_of_bytes_counts_what_is_written_not_characters(value: Any) -> None:
    bounds = Bounds(max_bytes=1_000, max_nodes=1_000, max_depth=4, max_int_bytes=2_000)
    with pytest.raises(TooLarge):
        pack(value, bounds)
