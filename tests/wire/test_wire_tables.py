"""Arrays and frames cross as dtype, shape and bytes, and nothing that is no array or frame becomes one."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safe_codeact.wire import tables
from safe_codeact.wire.decode import unpack
from safe_codeact.wire.encode import pack

ARRAYS = {
    "floats": np.arange(4.0),
    "columns first": np.arange(6).reshape(2, 3).T,
    "no dimension": np.array(5),
    "empty": np.zeros((0, 3)),
    "text": np.array(["a", "bé"]),
    "empty text": np.array([], dtype="U5"),
    "objects": np.array([1, "a", None, (1, "b")], dtype=object),
    "bools": np.array([True, False]),
    "days": np.array(["2020", "NaT"], dtype="M8[D]"),
    "bytes": np.array([b"a", b"bc"]),
    "complex": np.array([1 + 2j]),
    "the other byte order": np.arange(3, dtype=">i4"),
}
FRAME = pd.DataFrame(
    {
        "whole": [1, 2, 3],
        "text": ["x", None, "z"],
        "category": pd.Categorical(["u", "v", None], ordered=True),
        "moment": pd.date_range("2024-01-01", periods=3),
        "zoned": pd.date_range("2024-01-01", periods=3, tz="Europe/Berlin"),
        "utc": pd.date_range("2024-01-01", periods=3, tz="UTC"),
        "nullable": pd.array([1, None, 3], dtype="Int64"),
        "flag": pd.array([True, None, False], dtype="boolean"),
        "real": [1.5, None, 2],
        "span": pd.to_timedelta([1, 2, 3], unit="h"),
        "string": pd.array(["p", None, "q"], dtype="string"),
        "mixed": np.array([1, "a", None], dtype=object),
        ("a", 1): [0, 0, 0],
    }
)
FRAMES = {
    "all columns": FRAME,
    "an index of numbers": FRAME.set_index("whole"),
    "an index of two levels": FRAME.set_index(["whole", "moment"]),
    "an index of categories": FRAME.set_index("category"),
    "an index of zoned moments": FRAME.set_index("zoned"),
    "mixed names": FRAME[["whole", "real"]].T,
    "no rows": FRAME.iloc[:0],
    "nothing": pd.DataFrame(),
    "the same name twice": FRAME[["whole", "whole"]],
    "two levels of columns": FRAME.groupby("real").agg({"whole": ["sum", "mean"]}),
}


def _across(value: object) -> Any:
    carried = tables.flatten(value)
    assert carried is not None
    type_name, plain = carried
    return tables.build(type_name, unpack(pack(plain)))


@pytest.mark.parametrize("title", ARRAYS)
def test_an_array_comes_back_as_it_was(title: str) -> None:
    made = _across(ARRAYS[title])
    assert made.dtype == ARRAYS[title].dtype or made.dtype.kind == "U"
    np.testing.assert_array_equal(made, ARRAYS[title])
    assert made.flags.writeable


@pytest.mark.parametrize("title", FRAMES)
def test_a_frame_comes_back_as_it_was(title: str) -> None:
    pd.testing.assert_frame_equal(_across(FRAMES[title]), FRAMES[title], check_freq=False)


@pytest.mark.parametrize("column", list(FRAME.columns), ids=str)
def test_a_series_comes_back_as_it_was(column: Any) -> None:
    pd.testing.assert_series_equal(_across(FRAME[column]), FRAME[column], check_freq=False)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (pd.Series([pd.Period("2024", "Y")]), "period"),
        (pd.Series([{}]), "dict"),
        (np.zeros(2, [("a", "i4")]), "convert it"),
        (np.zeros(2, np.longdouble), "convert it"),
        (pd.DataFrame({"a": [{1}]}), "set"),
    ],
    ids=["periods", "dicts", "records", "long doubles", "sets in a column"],
)
def test_what_has_no_plain_form_is_said_with_the_way_out(value: object, said: str) -> None:
    with pytest.raises(tables.NotCarried, match=said):
        tables.flatten(value)


def test_a_subclass_is_not_taken_for_its_base() -> None:
    class Mine(pd.DataFrame):
        pass

    assert tables.flatten(Mine()) is None
    assert tables.flatten(np.ma.array([1])) is None


HOSTILE: dict[str, tuple[str, Any]] = {
    "a dtype of pointers": (tables.ARRAY, ["|O", [1], bytes(8)]),
    "a dtype that names a class": (tables.ARRAY, ["<f8,O", [1], bytes(16)]),
    "a dtype of fields": (tables.ARRAY, ["{'names': []}", [1], b""]),
    "bytes short of the shape": (tables.ARRAY, ["<f8", [2], bytes(8)]),
    "a shape beyond memory": (tables.ARRAY, ["<f8", [2**40, 2**40], b""]),
    "a shape that overflows to its bytes": (tables.ARRAY, ["<f8", [2**61, 8], b""]),
    "a negative length": (tables.ARRAY, ["<f8", [-1], b""]),
    "a length that is a bool": (tables.ARRAY, ["<f8", [True], bytes(8)]),
    "forty dimensions": (tables.ARRAY, ["<f8", [1] * 40, bytes(8)]),
    "text beyond Unicode": (tables.ARRAY, ["<U1", [1], b"\xff\xff\xff\x7f"]),
    "a shape of nothing that is vast": (tables.ARRAY, ["|S0", [2**62], b""]),
    "a unit that does not exist": (tables.ARRAY, ["<M8[zz]", [1], bytes(8)]),
    "a zone that is a path": (tables.SERIES, [None, ["range", 0, 1, 1, None], ["zoned", "dateutil//etc/passwd", ["<M8[ns]", [1], bytes(8)]]]),
    "a zone above the database": (tables.SERIES, [None, ["range", 0, 1, 1, None], ["zoned", "../passwd", ["<M8[ns]", [1], bytes(8)]]]),
    "codes without a category": (tables.SERIES, [None, ["range", 0, 1, 1, None], ["category", False, ["text", "str", ["a"]], ["|i1", [1], b"\x07"]]]),
    "columns of two lengths": (tables.FRAME, [["range", 0, 2, 1, None], ["range", 0, 1, 1, None], [["array", ["<f8", [1], bytes(8)]]]]),
    "a range without end": (tables.SERIES, [None, ["range", 0, 2**60, 1, None], ["array", ["<f8", [1], bytes(8)]]]),
    "a column of two dimensions": (tables.SERIES, [None, ["range", 0, 1, 1, None], ["array", ["<f8", [1, 1], bytes(8)]]]),
    "a name that is a list": (tables.SERIES, [[], ["range", 0, 0, 1, None], ["array", ["<f8", [0], b""]]]),
    "another type": ("builtins.eval", "1"),
    "no parts": (tables.FRAME, []),
}  # fmt: skip


@pytest.mark.parametrize("title", HOSTILE)
def test_what_is_no_array_or_frame_is_refused(title: str) -> None:
    with pytest.raises(tables.Malformed):
        tables.build(*HOSTILE[title])


def test_bools_are_nothing_but_true_and_false() -> None:
    assert tables.build(tables.ARRAY, ["|b1", [3], b"\x00\x02\xff"]).tobytes() == b"\x00\x01\x01"


_LEAVES = st.none() | st.booleans() | st.integers(-3, 2**70) | st.floats() | st.binary(max_size=17) | st.sampled_from(
    ["<f8", "|b1", "O", "U", "<M8[ns]", "array", "range", "one", "multi", "text", "zoned", "masked", "category", "str", "UTC", "Int64"]
)  # fmt: skip
_PLAIN = st.recursive(_LEAVES, lambda inner: st.lists(inner, max_size=5) | st.tuples(inner), max_leaves=12)


@given(st.sampled_from([*tables.TYPE_NAMES, "x"]), _PLAIN)
@settings(max_examples=400, deadline=None)
def test_any_plain_data_is_an_array_a_frame_or_malformed(type_name: str, plain: Any) -> None:
    try:
        made = tables.build(type_name, plain)
    except tables.Malformed:
        return
    assert isinstance(made, (np.ndarray, pd.Series, pd.DataFrame))


def test_neither_numpy_nor_pandas_is_imported_before_a_value_of_theirs_is_carried() -> None:
    program = "import sys\nfrom safe_codeact.wire import tables\ntables.flatten([1])\nprint('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=dict(os.environ))
    assert done.stdout == "False\n"
