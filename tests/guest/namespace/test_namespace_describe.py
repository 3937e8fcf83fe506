"""`describe` and `to_plain`: bounded, and deaf to what guest classes say of themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from safe_codeact.guest.namespace import NotPlainValue, describe, to_plain


class Shouting:
    """Stands for a class of an action."""

    def __repr__(self) -> str:
        raise SystemExit

    __len__ = __sizeof__ = __str__ = __format__ = __repr__  # type: ignore[assignment]


def previews(**names: Any) -> dict[str, str]:
    return {line.name: line.preview for line in describe(names, 1000)}


def test_values_are_shown_by_what_they_are() -> None:
    assert previews(
        number=5,
        text="abc",
        items=[1, "a", None],
        one=(1,),
        table={"k": [1]},
        empty=set(),
        array=np.zeros((3, 4)),
        small=np.arange(3),
        frame=pd.DataFrame({"a": [1], "b": [2]}),
        series=pd.Series([1.5], name="s"),
        function=previews,
        cls=Shouting,
    ) == {
        "number": "5",
        "text": "'abc'",
        "items": "[1, 'a', None]",
        "one": "(1,)",
        "table": "{'k': [1]}",
        "empty": "set()",
        "array": "array (3, 4) of float64",
        "small": "array (3,) of int64: [0, 1, 2]",
        "frame": "DataFrame 1 × 2: a, b",
        "series": "Series of 1 float64: s",
        "function": "previews()",
        "cls": "class test_namespace_describe.Shouting",
    }


def test_guest_objects_are_not_asked() -> None:
    lines = describe({"a": Shouting(), "b": [Shouting()], "c": {1: Shouting()}}, 10)
    label = "<test_namespace_describe.Shouting>"
    assert [line.preview for line in lines] == [label, f"[{label}]", f"{{1: {label}}}"]


def test_previews_and_lists_are_bounded_and_in_order() -> None:
    deep: list[Any] = []
    deep.append(deep)
    names = {
        "z": "x" * 10_000_000,
        "y": list(range(1_000_000)),
        "x": {str(i): "v" * 1000 for i in range(1000)},
        "w": 10**100_000,
        "v": deep,
        "u": [["a" * 500] * 100] * 100,
        "t": pd.DataFrame(np.zeros((2, 500))),
        "s": range(10**500),
    }
    lines = describe(names, 5)
    assert [line.name for line in lines] == ["s", "t", "u", "v", "w"]
    assert all(len(line.preview) <= 200 for line in describe(names, 100))
    assert describe(names, 100)[4].preview.startswith("an integer of 332,193 bits")


def test_sizes_are_those_of_the_data() -> None:
    sizes = {line.name: line.size_bytes for line in describe({"a": np.zeros(1000), "t": "x" * 5000}, 9)}
    assert sizes["a"] == 8000
    assert 5000 <= sizes["t"] <= 5100


def test_private_and_special_names_are_told_apart() -> None:
    assert [line.name for line in describe({"__builtins__": {}, "_x": 1, "x": 2}, 9)] == ["_x", "x"]


PLAIN: list[Any] = [
    None,
    True,
    5,
    2.5,
    "é",
    b"\0",
    [1, (2, "a"), {"k": [None]}],
    {1: 2, None: 3, (1, "a"): 4},
]


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_plain_values_come_back_as_they_are(value: Any) -> None:
    assert to_plain(value) == value
    assert type(to_plain(value)) is type(value)


def test_numpy_numbers_become_numbers() -> None:
    plain = to_plain([np.int64(3), np.float32(0.5), np.bool_(True), {np.int8(1): np.float64(2)}])
    assert plain == [3, 0.5, True, {1: 2.0}]
    assert [type(part) for part in plain[:3]] == [int, float, bool]


class Text(str):
    pass


NOT_PLAIN: list[tuple[Any, str, str]] = [
    ({1}, "set", ""),
    ([1, {"a": (2, 3j)}], "complex", "[1]['a'][1]"),
    (Text("x"), "test_namespace_describe.Text", ""),
    ({Text("x"): 1}, "test_namespace_describe.Text", "<a key>"),
    (np.zeros(2), "numpy.ndarray", ""),
    ([np.complex128(1)], "numpy.complex128", "[0]"),
    (Shouting(), "test_namespace_describe.Shouting", ""),
    (bytearray(b"x"), "bytearray", ""),
]


@pytest.mark.parametrize(("value", "type_name", "path"), NOT_PLAIN, ids=[each[1] + each[2] for each in NOT_PLAIN])
def test_anything_else_is_refused_by_type_and_place(value: Any, type_name: str, path: str) -> None:
    with pytest.raises(NotPlainValue) as caught:
        to_plain(value)
    assert (caught.value.type_name, caught.value.path) == (type_name, path)


def test_cycles_depth_and_breadth_are_refused() -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    with pytest.raises(NotPlainValue, match="nested deeper than 64 levels"):
        to_plain(cycle)
    wide: list[Any] = [0]
    for _ in range(40):
        wide = [wide, wide]
    with pytest.raises(NotPlainValue, match="has more than 1,000,000 parts"):
        to_plain(wide)
