"""`save` and `restore` at their edges: what is said of names that can't be kept, limits, headers, buffers, hooks."""

from __future__ import annotations

import builtins
import contextlib
import io
import json
import sqlite3
import struct
import threading
from typing import Any

import numpy as np
import pytest

from safe_codeact.guest.namespace import (
    DefaultKnown,
    HeldSegment,
    Segments,
    SnapshotError,
    StateTooLarge,
    layout,
    needs,
    restore,
    save,
)


def fresh() -> dict[str, Any]:
    table = {name: value for name, value in vars(builtins).items() if not name.startswith("_")}
    return {"__builtins__": table | {"__build_class__": builtins.__build_class__}, "__name__": "session"}


def saved(namespace: dict[str, Any], **options: Any) -> tuple[bytes, dict[str, str]]:
    out = io.BytesIO()
    known = DefaultKnown(builtins=namespace["__builtins__"])
    result = save(namespace, known=known, out=out, limit_bytes=1 << 28, **options)
    assert result.bytes_written == len(out.getvalue())
    return out.getvalue(), result.not_kept


def loaded(data: bytes | bytearray) -> tuple[dict[str, Any], Any]:
    namespace = fresh()
    result = restore(Segments([HeldSegment(data)]), namespace, known=DefaultKnown(builtins=namespace["__builtins__"]))
    return {name: value for name, value in namespace.items() if not name.startswith("__")}, result


def test_what_cannot_be_kept_is_said_with_type_reason_and_way_out() -> None:
    namespace = fresh()
    with open("/dev/null") as file, contextlib.closing(sqlite3.connect(":memory:")) as conn:
        namespace |= {
            "conn": conn,
            "file": file,
            "gen": (x for x in ()),
            "keys": {}.keys(),
            "view": memoryview(b""),
            "lock": threading.Lock(),
            "module": sqlite3,
            "inside": [1, {"gen": (x for x in ())}],
            "kept": 1,
        }
        data, not_kept = saved(namespace)
    assert not_kept == {
        "conn": "sqlite3.Connection objects can't be kept: open it again",
        "file": "_io.TextIOWrapper objects can't be kept: open it again",
        "gen": "generator objects can't be kept: a running generator cannot be saved; keep list(...) of it, "
        "or make it again",
        "keys": "dict_keys objects can't be kept: keep list(...) of it",
        "view": "memoryview objects can't be kept: keep bytes(...) of it",
        "lock": "_thread.lock objects can't be kept: an action runs alone and needs no lock",
        "module": "the module sqlite3 can't be kept: import it again",
        "inside": "generator objects can't be kept: a running generator cannot be saved; keep list(...) of it, "
        "or make it again",
    }
    names, result = loaded(data)
    assert names == {"kept": 1}
    assert result.not_kept == not_kept


def test_reasons_are_remembered_until_the_name_is_bound_again() -> None:
    data, _ = saved(fresh() | {"a": 1}, remembered={"gone": "a reason", "a": "an old reason"})
    assert loaded(data)[1].not_kept == {"gone": "a reason"}


def test_extras_are_saved_beside_the_names() -> None:
    data, not_kept = saved(fresh() | {"a": 1}, extras={"random": (3, (1, 2)), "bad": sqlite3})
    names, result = loaded(data)
    assert (names, result.extras, not_kept) == ({"a": 1}, {"random": (3, (1, 2))}, {})


def test_names_with_two_underscores_are_not_state() -> None:
    data, _ = saved(fresh() | {"__doc__": 1, "__own": 2, "_": 3})
    assert loaded(data)[0] == {"_": 3}


def test_a_state_that_does_not_fit_is_refused_before_anything_is_written() -> None:
    namespace = fresh() | {"big": np.zeros(1000), "text": "a" * 8000}
    for limit in (100, 8100, 16_000):
        out = io.BytesIO()
        with pytest.raises(StateTooLarge) as caught:
            save(namespace, known=DefaultKnown(), out=out, limit_bytes=limit)
        assert out.getvalue() == b""
        assert f"more than the {limit:,} that limits.state_mb allows" in str(caught.value)


def test_restore_refuses_a_namespace_without_guarded_builtins() -> None:
    data, _ = saved(fresh())
    with pytest.raises(ValueError, match="guarded builtins"):
        restore(Segments([HeldSegment(data)]), {}, known=DefaultKnown())


def test_a_failed_restore_leaves_the_namespace_as_it_was() -> None:
    data, _ = saved(fresh() | {"a": [1, 2, 3]})
    namespace = fresh() | {"old": 1}
    before = dict(namespace)
    with pytest.raises(SnapshotError):
        restore(Segments([HeldSegment(data[:-2])]), namespace, known=DefaultKnown())
    assert namespace == before


def test_large_arrays_are_not_copied_and_are_aligned() -> None:
    data, _ = saved(fresh() | {"a": np.arange(10_000), "b": np.ones(5_000, "u1")})
    memory = bytearray(data)
    names, _ = loaded(memory)
    assert np.shares_memory(names["a"], np.frombuffer(memory, "u1"))
    # where a mapped file begins, memory is aligned; a bytearray gives the offset alone
    offset = names["a"].__array_interface__["data"][0] - np.frombuffer(memory, "u1").__array_interface__["data"][0]
    assert offset % layout.ALIGNMENT == 0
    names["a"][0] = 7
    assert names["a"].flags.writeable


def test_needs_tells_the_packages_without_loading() -> None:
    data, _ = saved(fresh() | {"a": np.arange(3)})
    assert "numpy" in needs(Segments([HeldSegment(data)]))
    assert "numpy" not in needs(Segments([HeldSegment(saved(fresh() | {"a": 1})[0])]))


def test_the_same_names_give_the_same_bytes() -> None:
    namespace = fresh() | {"a": [1, 2], "b": {"x": np.arange(2000)}}
    assert saved(namespace)[0] == saved(namespace)[0]


def test_a_known_object_that_is_gone_is_said_and_the_rest_is_kept() -> None:
    def tool() -> None: ...

    out = io.BytesIO()
    namespace = fresh() | {"t": tool, "inside": [tool], "kept": 1}
    save(namespace, known=DefaultKnown(tools={"search": tool}), out=out, limit_bytes=1 << 20)
    names, result = loaded(out.getvalue())
    assert result.not_kept == {"t": "search is not available to this action"}
    assert sorted(names) == ["inside", "kept"]
    with pytest.raises(NameError, match="search is not available to this action"):
        names["inside"][0]()


HEADER_LIES = {
    "shorter than its header": lambda data: data[:40],
    "empty": lambda data: b"",
    "other magic": lambda data: b"PK\x03\x04" + data[4:],
    "other format": lambda data: data[:8] + struct.pack("<H", 99) + data[10:],
    "other Python": lambda data: data[:10] + struct.pack("<H", 0x0302) + data[12:],
    "other bytecode": lambda data: data[:16] + b"\0\0\0\0" + data[20:],
    "a note without end": lambda data: data[:20] + struct.pack("<Q", 2**60) + data[28:],
    "a note shorter than it is": lambda data: data[:20] + struct.pack("<Q", 20) + data[28:],
    "a total without end": lambda data: data[:28] + struct.pack("<Q", 2**60) + data[36:],
    "a total of nothing": lambda data: data[:28] + struct.pack("<Q", 0) + data[36:],
    "a note that is no JSON": lambda data: data.replace(b'{"not_kept"', b'["not_kept"', 1),
    "a note that is deeply nested": lambda data: (
        data[:20] + struct.pack("<QQ", 100_000, 300_000) + data[36:64] + b"[" * 300_000
    ),
    "other segments": lambda data: data.replace(b'"own":0', b'"own":3', 1),
    "names that are no text": lambda data: data.replace(b'"names":"\\nbbb\\n"', b'"names":["bbbbb"]', 1),
    "names without their lines": lambda data: data.replace(b'"names":"\\nbbb\\n"', b'"names":"bbbbbbb"', 1),
    "a name without its end": lambda data: data.replace(b'"names":"\\nbbb\\n"', b'"names":"\\nbbbbb"', 1),
    "a special name": lambda data: data.replace(b'"names":"\\nbbb\\n"', b'"names":"\\n__x\\n"', 1),
    "words that are no text": lambda data: data.replace(b'"words":""', b'"words":12', 1),
    "a group with a field too many": lambda data: data.replace(b'"words":"",', b'"words":"","x":1,', 1),
}


@pytest.mark.parametrize("title", list(HEADER_LIES))
def test_a_lying_header_is_refused(title: str) -> None:
    data, _ = saved(fresh() | {"a": np.arange(3000), "bbb": 1})
    with pytest.raises(SnapshotError):
        loaded(HEADER_LIES[title](data))


def with_note(data: bytes, change: Any) -> bytes:
    """The snapshot with another note, and everything else where it was."""
    size = struct.unpack_from("<Q", data, 20)[0]
    note = json.loads(data[64 : 64 + size])
    change(note)
    changed = json.dumps(note).encode()
    assert len(changed) <= 4096 - 64
    return data[:20] + struct.pack("<Q", len(changed)) + data[28:64] + changed.ljust(4096 - 64, b"\0") + data[4096:]


PLACES = ("segment", "offset", "length")


@pytest.mark.parametrize("of", ["stream", "buffers"])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("value", [-1, 0, 1, 63, 64, 2**20, 2**63, 2**64 - 64, 2**200, 1.0, True, None, "0", [0]])
def test_a_place_outside_the_snapshot_is_refused(of: str, place: str, value: Any) -> None:
    """Or loads what is there: a stream that is none, a buffer that an array does not fit into."""
    data, _ = saved(fresh() | {"a": np.arange(3000)})

    def change(note: Any) -> None:
        [group] = note["groups"]
        target = group["stream"] if of == "stream" else group["buffers"][0]
        target[PLACES.index(place)] = value

    changed = with_note(data, change)
    if type(value) is int and 0 <= value <= 64 and (place != "offset" or value % 64 == 0):
        try:
            names, result = loaded(changed)
        except SnapshotError:
            return
        assert list(names) + list(result.not_kept) == ["a"]
        return
    with pytest.raises(SnapshotError):
        loaded(changed)


def test_no_flipped_byte_and_no_cut_crashes_the_loader() -> None:
    """Every prefix, and every byte changed in four ways: refused, or loaded as something; never anything else."""
    data = saved(fresh() | {"a": [1, "two", (3.0, None)], "b": {"k": b"v"}, "c": {1, 2}})[0]
    for cut in range(len(data)):
        with pytest.raises(SnapshotError):
            loaded(data[:cut])
    outcomes = {"refused": 0, "loaded": 0}
    for at in range(len(data)):
        for change in (1, 8, 0x80, 0xFF):
            changed = bytearray(data)
            changed[at] ^= change
            try:
                loaded(changed)
                outcomes["loaded"] += 1
            except SnapshotError:
                outcomes["refused"] += 1
    assert outcomes["refused"] > 500


def test_a_name_with_a_line_break_is_not_kept_and_the_others_are() -> None:
    """No code can spell it; `globals()` may bind it, where nothing is restricted. The reason is told."""
    data, not_kept = saved(fresh() | {"a\nb": 1, "a": 2, "b": [3]})
    assert not_kept == {"a\nb": "a name with a line break in it is not kept"}
    names, result = loaded(data)
    assert names == {"a": 2, "b": [3]}
    assert result.not_kept == not_kept


@pytest.mark.parametrize("count", [1, 19, 20, 21, 300])
def test_names_are_found_whether_few_or_many_are_asked_for(count: int) -> None:
    """And a part of a name, or two names in a row, are not one."""
    names = layout.Names.of(["ab", "abc", "b", "", "ü"])
    others = [f"x{number}" for number in range(count - 1)]
    assert all(names.has_any([*others, name]) for name in ("ab", "abc", "b", "", "ü"))
    assert not any(names.has_any([*others, name]) for name in ("a", "bc", "c", "u", "x"))
    assert names.without([*others, "abc"]).apart() == ["ab", "b", "", "ü"]
    assert layout.Names.of([]).apart() == []
    assert not layout.Names.of([]).has_any([*others, ""])
