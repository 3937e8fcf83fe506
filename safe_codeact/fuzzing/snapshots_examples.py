"""Object graphs as programs of several turns, and the bytes of states that nobody saved.

A graph is a list of statements about eight names: containers, instances, classes, functions with closures, arrays and their
views, frames; names that share, cycles, changes in a later turn that must be seen through every other name. The last
statement of each turn is always the same: print what there is, with every object numbered where it is met first, so that two
names for one list are told from two lists that are equal.

Hostile states are pickle streams put together opcode by opcode: what a worker could write that was taken over.
"""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

NAMES: Final = ("v0", "v1", "v2", "v3", "v4", "v5")
_CONSTANTS: Final = (
    "0", "-7", "2 ** 80", "1.5", "float('nan')", "-0.0", "True", "None", "'text'", "'é\\ud800'", "b'bytes'", "2j", "...",
    "range(3)", "slice(1, 2)", "frozenset({1, 2})", "(1, (2, 3))", "datetime.date(2026, 1, 2)", "Decimal('1.10')", "Fraction(1, 3)",
    "datetime.timedelta(days=1)", "Colour.RED", "Pair(1, 'x')", "len", "int", "math.sqrt", "re.compile('a+')", "''", "[]", "{}",
)  # fmt: skip
# What a later turn finds defined: classes and functions that other turns use.
PRELUDE: Final = '''
import collections, dataclasses, datetime, enum, functools, math, re
from decimal import Decimal
from fractions import Fraction
import numpy as np
import pandas as pd

class Point:
    kind = 'point'
    def __init__(self, x, y):
        self.x = x
        self.y = y
    def total(self):
        return (self.x, self.y, self.kind)

class Special(Point):
    def total(self):
        return ('special', super().total())

class Slotted:
    __slots__ = ('x',)
    def __init__(self, x):
        self.x = x

@dataclasses.dataclass
class Record:
    x: object
    tags: list = dataclasses.field(default_factory=list)

class Colour(enum.Enum):
    RED = 1
    BLUE = 2

Pair = collections.namedtuple('Pair', 'first second')

def counter(start):
    count = [0]
    def bump(by=1):
        count[0] += 1
        return (start, count[0], by)
    return bump

def _atom(value):
    if isinstance(value, np.ndarray):
        return False
    return value is None or value is ... or isinstance(value, (bool, int, float, complex, str, bytes, range, slice, enum.Enum,
        datetime.date, datetime.timedelta, Decimal, Fraction, re.Pattern, np.generic))

def look(value, seen):
    if _atom(value):
        return repr(value)
    if isinstance(value, (tuple, frozenset)):
        inner = sorted(map(repr, value)) if isinstance(value, frozenset) else [look(part, seen) for part in value]
        return ('Pair' if isinstance(value, Pair) else 'tuple' if isinstance(value, tuple) else 'frozenset') + str(inner)
    if id(value) in seen:
        return '#' + str(seen[id(value)])
    seen[id(value)] = len(seen)
    if isinstance(value, (list, set, collections.deque)):
        inner = sorted(map(repr, value)) if isinstance(value, set) else [look(part, seen) for part in value]
        return str(len(seen)) + str(inner)
    if isinstance(value, dict):
        return 'dict' + str(isinstance(value, collections.OrderedDict)) + str([(look(k, seen), look(p, seen)) for k, p in value.items()])
    if isinstance(value, np.ndarray):
        if value.dtype == object:
            return 'objects' + str([look(part, seen) for part in value.ravel().tolist()])
        steps = [step for length, step in zip(value.shape, value.strides) if length > 1 and value.size]  # the others mean nothing
        return 'array' + str((value.dtype, value.shape, steps, value.tolist(), value.flags.writeable))
    if isinstance(value, (pd.DataFrame, pd.Series)):
        return 'frame' + value.to_string() + str(value.index.tolist())
    for known in (Point, Special, Slotted, Record):
        if value is known:
            return 'class ' + known.__name__
    if isinstance(value, type):
        return 'class ' + str(value.shared) if hasattr(value, 'shared') else 'class ' + repr(value)
    if isinstance(value, (Point, Slotted, Record)):
        kind = [type(value) is Point, type(value) is Special, type(value) is Slotted, type(value) is Record]
        more = [look(value.total(), seen)] if isinstance(value, Point) else []
        rest = [look(getattr(value, name), seen) for name in ('x', 'y', 'tags', 'extra') if hasattr(value, name)]
        return 'object' + str(kind) + str(more) + str(rest)
    try:
        return 'callable' + look(value(3), seen)
    except Exception as error:
        return 'fails' + str(error)[:60]
'''  # fmt: skip
LOOK: Final = """
seen_ = {}
for name_ in ('v0', 'v1', 'v2', 'v3', 'v4', 'v5'):
    if name_ in globals():
        print(name_, look(globals()[name_], seen_))
del seen_, name_
"""
# "{t}": the name that is bound or changed; "{a}", "{b}": names that are used; "{c}": a constant; "{n}": a number of its own.
# No text in a set: its order is the hash seed's, which is another one here.
STATEMENTS: Final[dict[str, str]] = {
    "constant": "{t} = {c}",
    "list": "{t} = [{a}, {b}, {c}]",
    "tuple": "{t} = ({a}, [{b}])",
    "dict": "{t} = {{'k': {a}, 2: {b}, (1, 'x'): {c}}}",
    "set": "{t} = {{1, 2, 3}}",
    "deque": "{t} = collections.deque([{a}], maxlen=4)",
    "ordered": "{t} = collections.OrderedDict(z={a}, y={b})",
    "default": "{t} = collections.defaultdict(list); {t}['k'].append({a})",
    "counts": "{t} = collections.Counter('abca')",
    "bytes": "{t} = bytearray(b'abc')",
    "same": "{t} = {a}",
    "copy": "{t} = list({a})",
    "append": "{t}.append({a})",
    "extend": "{t} += [{a}, {a}]",
    "key": "{t}['new'] = {a}",
    "attribute": "{t}.extra = {a}",
    "point": "{t} = Point({a}, {c})",
    "special": "{t} = Special({a}, {b})",
    "slotted": "{t} = Slotted({a})",
    "record": "{t} = Record({a}); {t}.tags.append({b})",
    "class": "class Made{n}(Point):\n    shared = {c}\n    def total(self): return (Made{n}.shared, self.x)\n{t} = Made{n}({a}, {b})",
    "class itself": "class Kept{n}:\n    shared = 'kept'\n{t} = Kept{n}",
    "class attribute": "Point.kind = {c}",
    "function": "def {t}(y):\n    return ({a}, y)",
    "lambda": "{t} = lambda y, held=[{a}]: (held, y, v0)",
    "closure": "{t} = counter({a})",
    "twice": "{t} = counter([{a}]); {u} = [{t}, {t}]",
    "method": "{t} = Point({a}, 1).total",
    "partial": "{t} = functools.partial(counter, {a})",
    "recursion": "def {t}(y):\n    return 1 if y <= 1 else y * {t}(y - 1)",
    "changing": "def {t}(y):\n    global v0\n    v0 = [y]\n    return y",
    "array": "{t} = np.arange(6, dtype='i4')",
    "floats": "{t} = np.zeros((2, 3)); {t}[0, 1] = float('nan')",
    "view": "{t} = {a}[1:]",
    "shape": "{t} = {a}.reshape(3, 2)",
    "turned": "{t} = {a}.T",
    "objects": "{t} = np.array([{a}, None], dtype=object)",
    "frozen": "{a}.flags.writeable = False",
    "array and view": "{t} = np.arange(6.0); {u} = {t}[1:]",
    "frozen array": "{t} = np.arange(4.0); {t}.flags.writeable = False",
    "frame": "{t} = pd.DataFrame({{'n': [1, 2, 3], 't': ['x', None, 'z']}})",
    "column": "{t} = {a}['n']",
    "cell": "{t}.loc[1, 'n'] = 9",
    "poke": "{t}[0] = 77",
    "fill": "{t}[:] = 5",
    "delete": "del {t}",
    "swap": "{t}, {u} = {u}, {t}",
    "call": "{t} = {a}(2)",
    "raise": "{t} = [1]; raise KeyError('on purpose')",
}  # fmt: skip

# Statements that are about the same thing: an example takes one or two of these, or few would meet what they are about.
_GROUPS: Final = (
    ("array", "floats", "view", "shape", "turned", "frozen", "poke", "fill", "same", "list"),
    ("array and view", "frozen array", "poke", "fill", "turned"),
    ("frame", "column", "cell", "same", "array", "dict", "poke"),
    (
        "point",
        "special",
        "slotted",
        "record",
        "class",
        "class itself",
        "class attribute",
        "attribute",
        "method",
        "same",
    ),
    ("function", "lambda", "closure", "twice", "partial", "recursion", "changing", "call", "method", "swap"),
    (
        "list",
        "tuple",
        "dict",
        "set",
        "deque",
        "ordered",
        "default",
        "counts",
        "append",
        "extend",
        "key",
        "copy",
        "same",
    ),
    tuple(STATEMENTS),
)


def _statements(kinds: tuple[str, ...]) -> SearchStrategy[list[str]]:
    name = st.sampled_from(NAMES[:4])
    drawn = st.tuples(st.sampled_from(kinds), name, name, name, name, st.sampled_from(_CONSTANTS))
    return drawn.map(list)


_statement = _statements(tuple(STATEMENTS))


@st.composite
def graphs(draw: DrawFn) -> dict[str, Any]:
    """{"turns": [[statement, …], …]}."""
    one, other = draw(st.sampled_from(_GROUPS)), draw(st.sampled_from(_GROUPS))
    turn = st.lists(_statements((*one, *one, *other)), min_size=1, max_size=6)
    return {"turns": draw(st.lists(turn, min_size=2, max_size=4))}


def source_of(turn: list[list[str]], number: int) -> str:
    """One turn's program. A statement that makes no sense raises, in the session as anywhere, and the next one goes on."""
    lines = []
    for place, (kind, t, u, a, b, c) in enumerate(turn):
        body = STATEMENTS[kind].format(t=t, u=u, a=a, b=b, c=c, n=f"{number}_{place}")
        lines.append(
            "try:\n"
            + "\n".join(f"    {line}" for line in body.split("\n"))
            + f"\nexcept Exception as error_:\n    print('failed', {place}, str(type(error_)))"
        )
    return "\n".join(lines) + LOOK


# ---- hostile states

_CANARY: Final = "pwned"
_CALLS: Final[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
    ("posix", "mkdir", (_CANARY,)), ("os", "mkdir", (_CANARY,)), ("os", "makedirs", (_CANARY,)), ("io", "open", (_CANARY, "w")),
    ("_io", "FileIO", (_CANARY, "w")), ("builtins", "open", (_CANARY, "w")), ("_io", "open", (_CANARY, "w")),
    ("builtins", "eval", (f"__import__('os').mkdir('{_CANARY}')",)), ("builtins", "exec", (f"import os; os.mkdir('{_CANARY}')",)),
    ("codecs", "open", (_CANARY, "w")), ("pathlib", "Path.mkdir", (_CANARY,)), ("shutil", "copy", ("f.txt", _CANARY)),
    ("os", "symlink", ("f.txt", _CANARY)), ("os", "rename", ("f.txt", _CANARY)), ("os", "link", ("f.txt", _CANARY)),
    ("numpy", "memmap", (_CANARY, "u1", "w+")), ("numpy", "save", (_CANARY, "x")), ("numpy", "savetxt", (_CANARY, "x")),
    ("numpy.lib._npyio_impl", "savetxt", (_CANARY, "x")), ("pandas.io.common", "get_handle", (_CANARY, "w")),
    ("tempfile", "mkdtemp", ("", "", ".")), ("sqlite3", "connect", (_CANARY,)), ("zipfile", "ZipFile", (_CANARY, "w")),
    ("tarfile", "open", (_CANARY, "w")), ("gzip", "open", (_CANARY, "w")), ("logging", "FileHandler", (_CANARY,)),
    ("safe_codeact.guest.namespace.rebuild", "named", ("os", "mkdir")), ("shelve", "open", (_CANARY,)), ("dbm.dumb", "open", (_CANARY,)),
    ("operator", "methodcaller", ("mkdir", _CANARY)), ("runpy", "run_path", ("f.txt",)), ("subprocess", "call", ("id",)),
)  # fmt: skip


def text(value: str) -> bytes:
    """BINUNICODE"""
    data = value.encode()
    return b"X" + len(data).to_bytes(4, "little") + data


_HOW: Final = ("stack", "stack", "global", "inst", "getattr")  # ways in which a stream names something


def _called(module: str, qualname: str, arguments: tuple[str, ...], how: str) -> bytes:
    reference = {
        "stack": text(module) + text(qualname) + b"\x93",
        "global": f"c{module}\n{qualname}\n".encode(),
        "inst": b"",
        "getattr": text("builtins") + text("getattr") + b"\x93(" + text(module) + text(qualname) + b"tR",
    }[how]
    given = b"".join(map(text, arguments))
    if how == "inst":
        return b"(" + given + f"i{module}\n{qualname}\n".encode()
    return reference + b"(" + given + b"tR"


# Steps by which a state is rebuilt, asked for what they should not give: what is then called.
_STEPS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    *(("exported", (module, name)) for module, name, _ in _CALLS[:30]),
    *(("known", (f"attribute:{module}:{name}",)) for module, name, _ in _CALLS[:30]),
    *(("known", (f"builtin:{name}",)) for name in ("open", "eval", "exec", "compile", "__import__", "getattr", "type", "vars")),
    *(("known", (f"module:{name}",)) for name in ("os", "posix", "sys", "builtins", "shutil", "logging")),
    *(("known", (f"guard:{name}",)) for name in ("type", "getattr", "import")),
    ("constant", ("os", "environ")), ("constant", ("builtins", "open")), ("zone", ("../../etc/passwd",)),
    ("subscript", ("os", "mkdir")), ("definition", (f"__import__('os').mkdir('{_CANARY}')", "x")),
)  # fmt: skip
_REBUILD: Final = "safe_codeact.guest.namespace.rebuild"


def _stepped(step: str, arguments: tuple[str, ...], call: tuple[str, ...]) -> bytes:
    """What a step gives, called."""
    return _called(_REBUILD, f"Rebuilder.{step}", arguments, "stack") + b"(" + b"".join(map(text, call)) + b"tR"


_bricks = st.one_of(
    st.tuples(st.sampled_from(_CALLS), st.sampled_from(["stack", "global", "inst", "getattr"])).map(
        lambda drawn: _called(*drawn[0], drawn[1])
    ),
    st.tuples(st.sampled_from(_CALLS), st.sampled_from([b"\x81", b"\x92", b"o", b"b", b"R"])).map(
        lambda drawn: text(drawn[0][0]) + text(drawn[0][1]) + b"\x93(" + b"".join(map(text, drawn[0][2])) + b"t" + drawn[1]
    ),
    st.tuples(st.sampled_from(_STEPS), st.sampled_from([(_CANARY,), (_CANARY, "w"), ("mkdir",), ()])).map(
        lambda drawn: _stepped(*drawn[0], drawn[1])
    ),
    st.sampled_from(
        [b"N", b"}", b"]", b")", b"(", b"0", b"1", b"2", b"t", b"l", b"d", b"e", b"u", b"s", b"a", b"q\x00", b"h\x00", b"\x94", b"Q",
         b"P1\n", b"\x82\x01", b"\x97", b"\x98", b"\x8f", b"\x90", b"\x91", b"K\x01", b"\x88", b"I1\n", b"b", b"R", b"\x95" + bytes(8)]
    ),
    st.binary(max_size=6),
)  # fmt: skip


@st.composite
def streams(draw: DrawFn) -> bytes:
    """A pickle stream that would bind v0: one call with a whole frame around it, or bricks in any order."""
    kind = draw(st.integers(0, 3))
    if kind == 1:
        step, call = draw(st.sampled_from(_STEPS)), draw(st.sampled_from([(_CANARY,), (_CANARY, "w"), ()]))
        return b"\x80\x05}" + text("v0") + _stepped(*step, call) + b"s}\x86."
    if kind:
        called, how = draw(st.sampled_from(_CALLS)), draw(st.sampled_from(_HOW))
        return b"\x80\x05}" + text("v0") + _called(*called, how) + b"s}\x86."
    return b"\x80\x05}" + text("v0") + b"".join(draw(st.lists(_bricks, min_size=1, max_size=8))) + b"s}\x86."


@st.composite
def hostile(draw: DrawFn) -> dict[str, Any]:
    """{"stream": hex} instead of a saved one, or {"turn": statements, "edits": [[kind, place in thousandths, hex]]} of one."""
    if draw(st.booleans()):
        return {"stream": draw(streams()).hex()}
    kinds = st.sampled_from(["set", "set", "set", "set", "insert", "delete", "cut", "swap"])
    edits = st.tuples(kinds, st.integers(0, 999), (st.binary(min_size=1, max_size=8) | _bricks).map(bytes.hex)).map(
        list
    )
    return {
        "turn": draw(st.lists(_statement, min_size=1, max_size=4)),
        "edits": draw(st.lists(edits, max_size=3)),
    }
