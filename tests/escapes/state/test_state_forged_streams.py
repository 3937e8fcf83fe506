"""Whoever wrote the bytes gets no callable out of a snapshot that the policy did not grant.

The streams are what a worker could write that was taken over. Loading them must call nothing that is watched, bind
nothing of what was asked, and either refuse the snapshot or say that the name could not be kept.
"""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from state_jobs import run_state_jobs

PROTO = b"\x80\x05"


def text(value: str) -> bytes:
    data = value.encode()
    return b"X" + len(data).to_bytes(4, "little") + data


def named(module: str, qualname: str) -> bytes:
    """STACK_GLOBAL"""
    return text(module) + text(qualname) + b"\x93"


def bound_to(value: bytes, name: str = "x") -> bytes:
    """A whole stream that binds `name` to what `value` leaves on the stack."""
    return PROTO + b"}" + text(name) + value + b"s}\x86."


def call(module: str, qualname: str, *arguments: bytes) -> bytes:
    return bound_to(named(module, qualname) + b"(" + b"".join(arguments) + b"tR")


STEP = "safe_codeact.guest.namespace.rebuild"
REFERENCES = [
    ("os", "system"),
    ("posix", "system"),
    ("builtins", "eval"),
    ("builtins", "exec"),
    ("builtins", "getattr"),
    ("builtins", "__import__"),
    ("builtins", "open"),
    ("builtins", "type"),
    ("builtins", "globals"),
    ("builtins", "compile"),
    ("builtins", "memoryview"),
    ("builtins", "SystemExit.__init__"),
    ("builtins", "object.__subclasses__"),
    ("operator", "attrgetter"),
    ("operator", "methodcaller"),
    ("operator", "getitem"),
    ("types", "FunctionType"),
    ("types", "CodeType"),
    ("types", "ModuleType"),
    ("functools", "partial.__call__"),
    ("functools", "reduce"),
    ("subprocess", "Popen"),
    ("sys", "modules"),
    ("sys", "exit"),
    ("numpy", "os"),
    ("numpy", "os.system"),
    ("numpy", "load"),
    ("numpy", "memmap"),
    ("numpy", "fromfile"),
    ("numpy._core", "_ufunc_reconstruct"),
    ("numpy._core.memmap", "memmap"),
    ("numpy.lib._datasource", "DataSource"),
    ("numpy.testing._private.utils", "runstring"),
    ("numpy.f2py.__main__", "main"),
    ("pandas", "read_pickle"),
    ("pandas", "DataFrame.to_pickle"),
    ("pandas", "DataFrame.to_pickle.__globals__"),
    ("pandas", "DataFrame.__init__.__globals__"),
    ("pandas.io.common", "get_handle"),
    ("pandas.compat", "sys"),
    ("pandas", "ExcelFile"),
    ("matplotlib.animation", "FFMpegWriter"),
    ("matplotlib.cbook", "subprocess.Popen"),
    ("importlib", "import_module"),
    ("ctypes", "CDLL"),
    ("_io", "FileIO"),
    ("_io", "open"),
    ("socket", "socket"),
    ("copyreg", "add_extension"),
    ("pickle", "loads"),
    ("marshal", "loads"),
    ("antigravity", "fly_id"),
    ("__main__", "run"),
    ("collections", "abc"),
    ("collections", "_sys.modules"),
    ("random", "_os.system"),
    ("", ""),
    (STEP, "marshal"),
    (STEP, "Rebuilder"),
    (STEP, "Rebuilder._globals"),
    (STEP, "Rebuilder.finish"),
    (STEP, "Rebuilder.known.__globals__"),
    ("safe_codeact.guest.namespace.known", "resolve"),
    ("safe_codeact.guest.namespace.snapshot", "restore"),
    ("safe_codeact.errors", "StoreError"),
]


@pytest.fixture(scope="module")
def references() -> dict[tuple[str, str, bool], dict[str, Any]]:
    keys = [(*reference, called) for reference in REFERENCES for called in (False, True)]
    jobs = []
    for module, qualname, called in keys:
        stream = call(module, qualname, text("id > /tmp/owned")) if called else bound_to(named(module, qualname))
        jobs.append({"stream": stream.hex()})
    return dict(zip(keys, run_state_jobs(jobs), strict=True))


@pytest.mark.parametrize("called", [False, True], ids=["named", "called"])
@pytest.mark.parametrize("reference", REFERENCES, ids=[".".join(each) for each in REFERENCES])
def test_a_stream_cannot_name_what_the_policy_does_not_grant(
    reference: tuple[str, str], called: bool, references: dict[tuple[str, str, bool], dict[str, Any]]
) -> None:
    answer = references[(*reference, called)]
    assert "broken" not in answer, answer
    assert answer["bound"] == []
    assert "x" in answer["not_kept"] or answer["error"].startswith("SnapshotError: ")
    assert answer["touched"] == []


STREAMS: dict[str, bytes] = {
    "the INST opcode": PROTO + b"}" + text("x") + b"(" + text("id") + b"ios\nsystem\ns}\x86.",
    "the OBJ opcode": PROTO + b"}" + text("x") + b"(" + named("os", "system") + text("id") + b"os}\x86.",
    "the GLOBAL opcode": PROTO + b"}" + text("x") + b"cposix\nsystem\n" + text("id") + b"\x85Rs}\x86.",
    "a persistent id": PROTO + b"}" + text("x") + b"Pabc\ns}\x86.",
    "a persistent id from the stack": PROTO + b"}" + text("x") + text("id") + b"Qs}\x86.",
    "an extension code": PROTO + b"}" + text("x") + b"\x82\x01s}\x86.",
    "NEWOBJ of a class that is not granted": PROTO
    + b"}"
    + text("x")
    + named("subprocess", "Popen")
    + b"("
    + text("id")
    + b"t\x81s}\x86.",
    "NEWOBJ_EX of type": PROTO + b"}" + text("x") + named("builtins", "type") + b"(" + text("A") + b")}t}\x92s}\x86.",
    "a name with two underscores": bound_to(text("own"), "__builtins__"),
    "a name that is no string": PROTO + b"}K\x01K\x02s}\x86.",
    "no dict at all": PROTO + text("x") + b".",
    "a list for the extras": PROTO + b"}]\x86.",
    "an empty stream": b"",
    "a stream that never ends": PROTO + b"}" * 1000,
    "marks without end": PROTO + b"(" * 100_000 + b".",
    "a stack underflow": PROTO + b"00000.",
    "a string that says it has 4 GB": PROTO + b"}" + text("x") + b"X\xff\xff\xff\xffabc",
    "bytes that say they have 2**62": PROTO + b"}" + text("x") + b"\x8e" + (2**62).to_bytes(8, "little") + b"abc",
    "a bytearray that says it has 2**62": PROTO + b"}" + text("x") + b"\x96" + (2**62).to_bytes(8, "little") + b"abc",
    "a frame that says it has 2**62": PROTO + b"\x95" + (2**62).to_bytes(8, "little") + b"}.",
    "a missing memo entry": PROTO + b"}" + text("x") + b"h\x07s}\x86.",
    "a buffer that is not there": PROTO + b"}" + text("x") + b"\x97s}\x86.",
    "a protocol of the future": b"\x80\x7f}}\x86.",
    "text for a number": PROTO + b"}" + text("x") + b"I" + b"9" * 10_000 + b"\ns}\x86.",
}
STEPS: dict[str, bytes] = {
    "an unknown step": call(STEP, "Rebuilder.nothing"),
    "a constant that is not in the table": call(STEP, "Rebuilder.constant", text("os"), text("environ")),
    "code that is no code": call(STEP, "Rebuilder.code", b"C\x01N"),
    "a bound method by a special name": call(STEP, "Rebuilder.bound", text("abc"), text("__class__")),
    "an attribute that is no bound method": call(STEP, "Rebuilder.bound", b"K\x01", text("real")),
    "a class's special method": call(STEP, "Rebuilder.class_method", named("builtins", "int"), text("__subclasses__")),
    "an object shown by a facade that is not": call(STEP, "Rebuilder.exported", text("os"), text("system")),
    "functions over the globals of os": call(
        STEP, "Rebuilder.function", b"N" + text("os") + text("f") + b"N"
    ),
    "an instance made by another class": call(
        STEP, "Rebuilder.instance", named("builtins", "int"), named("builtins", "str"), b")", b"}"
    ),
    "an Enum by a plain metaclass": call(
        STEP, "Rebuilder.enum_class", named("builtins", "object"), text("E"), b")", b"}", b"}"
    ),
    "a skeleton by no metaclass": call(STEP, "Rebuilder.skeleton", named("builtins", "int"), text("A"), b")", b"}"),
    "class state for DataFrame": bound_to(
        named(STEP, "Rebuilder.fill_class") + named("pandas", "DataFrame") + b"}" + text("hacked") + b"K\x01s]\x86\x86R"
    ),
    "instance state for DataFrame": bound_to(
        named(STEP, "Rebuilder.fill_library") + named("pandas", "DataFrame")
        + b"N}" + text("hacked") + b"K\x01s\x86\x86R"
    ),
    "function state for a guard": bound_to(
        named(STEP, "Rebuilder.fill_function")
        + named(STEP, "Rebuilder.known") + text("builtin:getattr") + b"\x85R)\x86R"
    ),
    "attributes for a module's facade": bound_to(
        named(STEP, "Rebuilder.fill_library")
        + named(STEP, "Rebuilder.known") + text("module:math") + b"\x85R}" + text("pi") + b"K\x03s\x86R"
    ),
    "a known object that is not there": call(STEP, "Rebuilder.known", text("builtin:__loader__")),
    "a subscript of a plain object": call(STEP, "Rebuilder.subscript", b"}", text("x")),
    "a type variable that is none": call(STEP, "Rebuilder.type_variable", text("os"), text("T"), b")", b"}"),
    "an object array over bytes": bound_to(
        named(STEP, "Rebuilder.array") + b"(C\x08AAAAAAAA" + named("numpy", "dtype") + text("O") + b"\x85R"
        + b"K\x01\x85" + text("C") + b"\x88tR"
    ),
    "an array larger than its buffer": bound_to(
        named(STEP, "Rebuilder.array") + b"(C\x08AAAAAAAA" + named("numpy", "dtype") + text("f8") + b"\x85R"
        + b"J\xff\xff\xff\x7f\x85" + text("C") + b"\x88tR"
    ),
}  # fmt: skip
LOOK = """
import math, pandas
print(math.pi, hasattr(pandas.DataFrame, 'hacked'), getattr(math, 'pi'))
try:
    getattr(math, '__dict__')
except AttributeError:
    print('guarded')
"""


@pytest.fixture(scope="module")
def streams() -> dict[str, dict[str, Any]]:
    table = STREAMS | STEPS
    jobs = [{"stream": stream.hex(), "look": LOOK} for stream in table.values()]
    return dict(zip(table, run_state_jobs(jobs), strict=True))


@pytest.mark.parametrize("title", list(STREAMS | STEPS))
def test_a_forged_stream_gets_nothing(title: str, streams: dict[str, dict[str, Any]]) -> None:
    answer = streams[title]
    assert "broken" not in answer, answer
    assert answer["bound"] == []
    assert answer["not_kept"] or answer["error"].startswith("SnapshotError: ")
    assert answer["touched"] == []
    assert answer["stdout"] == "3.141592653589793 False 3.141592653589793\nguarded\n"


def test_a_memo_index_of_four_billion_costs_no_memory() -> None:
    """The C loader fails to make a table of that size; the patient one reads the harmless value."""
    stream = PROTO + b"}r\xfe\xff\xff\xff" + text("x") + b"K\x01s}\x86."
    assert run_state_jobs([{"stream": stream.hex()}])[0]["bound"] == ["x"]


def test_a_watched_call_is_seen() -> None:
    """A time zone is granted, and reading it opens a file: the watch that the other tests rely on works."""
    answer = run_state_jobs([{"stream": call(STEP, "Rebuilder.zone", text("Asia/Tokyo")).hex()}])[0]
    assert answer["bound"] == ["x"]
    assert any(event.startswith("open ") for event in answer["touched"])


def test_the_forged_streams_are_streams() -> None:
    """The same forms with a harmless name load, so that a refusal is not the fault of the test."""
    assert pickle.loads(call("builtins", "len", text("abc"))) == ({"x": 3}, {})
    answers = run_state_jobs(
        [
            {"stream": call("datetime", "date", b"K\x05M\xe8\x03"[2:], b"K\x02", b"K\x03").hex(), "look": "print(x)"},
            {"stream": bound_to(named("pandas", "DataFrame")).hex(), "look": "print(x.__name__)"},
            {"stream": call(STEP, "Rebuilder.bound", text("abc"), text("upper")).hex(), "look": "print(x())"},
            {"stream": call(STEP, "Rebuilder.known", text("builtin:len")).hex(), "look": "print(x([]))"},
        ]
    )
    assert [answer["stdout"] for answer in answers] == ["1000-02-03\n", "DataFrame\n", "ABC\n", "0\n"]
