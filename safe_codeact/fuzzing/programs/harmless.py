"""Ordinary programs at random: they compute, and must do under the gate what they do in plain CPython.

Only what is in these tables stands in them: no import, no file, no name that reaches anything. So they may be run in a plain
process, which is what the comparison needs.
"""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st

_NAMES: Final = st.sampled_from(["a", "b", "_c", "items", "total"])
_ATTRIBUTES: Final = st.sampled_from(["x", "_y", "__z", "format", "obj", "name"])
_CONSTANTS: Final = st.sampled_from(
    [
        "0",
        "1",
        "-3",
        "2.5",
        "'ab'",
        "''",
        "None",
        "True",
        "[]",
        "[1, 'b', 2]",
        "{'k': 1}",
        "(1, 2)",
        "{1, 2}",
        "b'x'",
        "10 ** 20",
    ]
)
_ATOMS: Final = st.one_of(_CONSTANTS, _NAMES, _ATTRIBUTES.map(lambda name: f"thing.{name}"))
_OPERATORS: Final = st.sampled_from(["+", "-", "*", "/", "//", "%", "==", "!=", "<", "<=", "in", "is", "and", "or"])
_FUNCTIONS: Final = st.sampled_from(
    ["len", "sorted", "str", "repr", "list", "tuple", "sum", "min", "max", "any", "all", "bool", "type", "abs", "round", "set",
     "reversed", "enumerate", "iter", "callable", "int", "float", "divmod", "zip", "bytes", "ascii", "format"]
)  # fmt: skip
_PREAMBLE: Final = """class Thing:
    count = 0
    def __init__(self, x=1):
        self.x, self._y, self.__z = x, [x], {'z': x}
        self.format, self.obj, self.name = 'f', 'o', 'n'
    def show(self, *rest, **named):
        return self.x, self._y, self.__z, rest, named
thing = Thing()
a, b, _c, items, total = 1, 'two', [3], {'k': [1, 2]}, 0.5
"""


def _wider(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pair = st.tuples(inner, inner)
    return st.one_of(
        st.tuples(inner, _OPERATORS, inner).map(lambda part: f"({part[0]} {part[1]} {part[2]})"),
        st.tuples(_FUNCTIONS, inner).map(lambda part: f"{part[0]}({part[1]})"),
        inner.map(lambda value: f"type({value}).__name__"),
        inner.map(lambda value: f"(hash({value}) == hash({value}))"),
        inner.map(lambda value: f"[i for i in {value}]"),
        inner.map(lambda value: f"{{i: str(i) for i in {value}}}"),
        inner.map(lambda value: f"'{{0}}|{{0!r:>5}}'.format({value})"),
        inner.map(lambda value: f"(lambda q, _p=2: (q, _p))({value})"),
        inner.map(lambda value: f"thing.show({value}, k={value})"),
        pair.map(lambda both: f"{both[0]}[{both[1]}]"),
        pair.map(lambda both: f"({both[0]} if {both[1]} else {both[0]})"),
        pair.map(lambda both: f"[*{both[0]}, {both[1]}]"),
        pair.map(lambda both: f"getattr(thing, 'x', {both[0]})"),
        st.tuples(_ATTRIBUTES, inner).map(lambda part: f"hasattr({part[1]}, {part[0]!r})"),
    )


_EXPRESSIONS: Final = st.recursive(_ATOMS, _wider, max_leaves=6)


def _block(body: list[str], depth: int = 1) -> str:
    return "\n".join("    " * depth + line for statement in body for line in statement.split("\n"))


def _compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    body = st.lists(inner, min_size=1, max_size=3).map(_block)
    deeper = st.lists(inner, min_size=1, max_size=2).map(lambda lines: _block(lines, 2))
    return st.one_of(
        st.tuples(_EXPRESSIONS, body, body).map(lambda p: f"if {p[0]}:\n{p[1]}\nelse:\n{p[2]}"),
        st.tuples(_NAMES, _EXPRESSIONS, body).map(lambda p: f"for {p[0]} in {p[1]}:\n{p[2]}\n    break\nelse:\n    print('end')"),
        st.tuples(body, body).map(lambda p: f"try:\n{p[0]}\nexcept Exception as e:\n    print(type(e).__name__, e)\n{p[1]}"),
        st.tuples(_NAMES, body, _EXPRESSIONS, _EXPRESSIONS).map(
            lambda p: f"def f(v=1, *rest, **kw):\n    global {p[0]}\n{p[1]}\n    return {p[2]}\nprint(f({p[3]}))"
        ),
        st.tuples(_EXPRESSIONS, _EXPRESSIONS).map(
            lambda p: f"match {p[0]}:\n    case int() | str():\n        pass\n    case [first, *_]:\n        print(first)\n"
            f"    case {{'k': v}}:\n        print(v)\n    case _:\n        print({p[1]})"
        ),
        st.tuples(_ATTRIBUTES, deeper, _EXPRESSIONS).map(
            lambda p: f"class Own(Thing):\n    {p[0]} = 1\n    def go(self):\n        global a, b, _c, items, total\n{p[1]}\n        return {p[2]}\nprint(Own().go())"
        ),
        st.tuples(body, _EXPRESSIONS).map(
            lambda p: f"def g(n=2):\n    global a, b, _c, items, total\n    while n:\n        n -= 1\n        yield {p[1]}\nprint([*g()])"
        ),
    )  # fmt: skip


_SIMPLE: Final = st.one_of(
    st.tuples(_NAMES, _EXPRESSIONS).map(lambda part: f"{part[0]} = {part[1]}"),
    st.tuples(_NAMES, st.sampled_from(["+=", "*=", "-="]), _EXPRESSIONS).map(" ".join),
    st.tuples(_ATTRIBUTES, _EXPRESSIONS).map(lambda part: f"thing.{part[0]} = {part[1]}"),
    _EXPRESSIONS.map(lambda value: f"print({value})"),
    st.tuples(_NAMES, _NAMES, _EXPRESSIONS).map(lambda part: f"{part[0]}, *{part[1]} = {part[2]}"),
    _ATTRIBUTES.map(lambda name: f"print(thing.{name}, sorted(vars(thing)))"),
    _EXPRESSIONS.map(lambda value: f"assert {value}, 'no'"),
    _EXPRESSIONS.map(lambda value: f"del [{value}][0]"),
)
_STATEMENTS: Final = st.recursive(_SIMPLE, _compound, max_leaves=4)


def programs() -> st.SearchStrategy[dict[str, Any]]:
    """`{"source": ...}`."""
    bodies = st.tuples(st.lists(_STATEMENTS, min_size=1, max_size=4), _EXPRESSIONS)
    return bodies.map(lambda part: {"source": _PREAMBLE + "\n".join(part[0]) + "\n" + part[1]})
