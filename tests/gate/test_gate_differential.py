"""Generated programs mean under the gate what they mean to CPython."""

from __future__ import annotations

import re

from gated_runs import run_all
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

NAMES = st.sampled_from(["a", "b", "_c", "items", "sum"])
# `type` is bound, and called, but no operand: the stand-in's own operators change the wording of `type * 'a'`.
TARGETS = st.sampled_from(["a", "b", "_c", "items", "type", "sum"])
ATTRIBUTES = st.sampled_from(["x", "_y", "__z", "format", "obj", "name"])
CONSTANTS = st.sampled_from(
    ["0", "1", "-3", "2.5", "'ab'", "''", "None", "True", "[]", "[1, 'b', 2]", "{'k': 1}", "(1, 2)", "{1, 2}"]
)
ATOMS = st.one_of(CONSTANTS, NAMES, ATTRIBUTES.map(lambda name: f"thing.{name}"))


def _wider(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    both = st.tuples(inner, inner)
    return st.one_of(
        st.tuples(
            inner,
            st.sampled_from(["+", "-", "*", "/", "//", "%", "**", "==", "!=", "<", "<=", "in", "is", "and", "or"]),
            inner,
        ).map(lambda part: f"({part[0]} {part[1]} {part[2]})"),
        inner.map(lambda value: f"type({value}).__name__"),
        inner.map(lambda value: f"isinstance({value}, type({value}))"),
        inner.map(lambda value: f"(not {value})"),
        inner.map(lambda value: f"[i for i in {value}]"),
        inner.map(lambda value: f"f'{{({value})!r:>4}}'" if "'" not in value else f"repr({value})"),
        inner.map(lambda value: f"'{{0}}|{{0!r}}'.format({value})"),
        both.map(lambda pair: f"{pair[0]}[{pair[1]}]"),
        both.map(lambda pair: f"({pair[0]} if {pair[1]} else {pair[0]})"),
        both.map(lambda pair: f"getattr(thing, 'x', {pair[0]})"),
        st.tuples(ATTRIBUTES, inner).map(lambda part: f"hasattr({part[1]}, {part[0]!r})"),
        inner.map(lambda value: f"len({value})"),
        inner.map(lambda value: f"sorted({value})"),
        inner.map(lambda value: f"(lambda q, _p=2: (q, _p))({value})"),
    )


EXPRESSIONS = st.recursive(ATOMS, _wider, max_leaves=6)


def _indented(body: list[str]) -> str:
    return "\n".join("    " + line for statement in body for line in statement.split("\n"))


def _compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    body = st.lists(inner, min_size=1, max_size=3).map(_indented)
    return st.one_of(
        st.tuples(EXPRESSIONS, body, body).map(lambda part: f"if {part[0]}:\n{part[1]}\nelse:\n{part[2]}"),
        st.tuples(TARGETS, EXPRESSIONS, body).map(lambda part: f"for {part[0]} in {part[1]}:\n{part[2]}\n    break"),
        st.tuples(body, body).map(
            lambda part: f"try:\n{part[0]}\nexcept Exception as e:\n    print(type(e).__name__, e)\n{part[1]}"
        ),
        st.tuples(TARGETS, body, EXPRESSIONS).map(
            lambda part: f"def {part[0]}(v=1, *rest, **kw):\n{part[1]}\n    return {part[2]}"
        ),
        st.tuples(EXPRESSIONS, EXPRESSIONS).map(
            lambda part: f"match {part[0]}:\n    case int() | str():\n        pass\n    case [first, *_]:\n"
            f"        print(first)\n    case _:\n        print({part[1]})"
        ),
        st.tuples(ATTRIBUTES, EXPRESSIONS, EXPRESSIONS).map(
            lambda part: f"class Own:\n    {part[0]} = {part[1]}\n    def show(self): return self.{part[0]}, {part[2]}\nprint(Own().show())"
        ),
    )  # fmt: skip


SIMPLE = st.one_of(
    st.tuples(TARGETS, EXPRESSIONS).map(lambda part: f"{part[0]} = {part[1]}"),
    st.tuples(NAMES, st.sampled_from(["+=", "*=", "-="]), EXPRESSIONS).map(" ".join),
    st.tuples(ATTRIBUTES, EXPRESSIONS).map(lambda part: f"thing.{part[0]} = {part[1]}"),
    EXPRESSIONS.map(lambda value: f"print({value})"),
    NAMES.map(lambda name: f"del {name}"),
    st.tuples(NAMES, NAMES, EXPRESSIONS).map(lambda part: f"{part[0]}, *{part[1]} = {part[2]}"),
    ATTRIBUTES.map(lambda name: f"print(thing.{name}, sorted(vars(thing)))"),
)
START = """class Thing:
    def __init__(self):
        self.x, self._y, self.name = 1, 'y', [3]
thing = Thing()
a, b, _c, items = 1, 'text', [1, 2], {'k': 0}
"""
PROGRAMS = st.tuples(st.lists(st.recursive(SIMPLE, _compound, max_leaves=4), min_size=1, max_size=5), EXPRESSIONS).map(
    lambda part: START + "\n".join(part[0]) + "\n" + part[1]
)


def generated(count: int) -> list[str]:
    """The same programs at every run, if the same modules are loaded: Hypothesis takes constants from them."""
    found: list[str] = []

    @settings(max_examples=count, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
    @given(PROGRAMS)
    def collect(source: str) -> None:
        found.append(source)

    collect()
    return found


def test_generated_programs_do_what_they_do_in_plain_cpython() -> None:
    """The same output, value, exception type and message; a difference is a defect of the gate, and so is a refusal.

    Where CPython itself dies of a program, there is nothing to compare with.
    """
    sources = generated(200)
    compared = 0
    for source, plain, gated in zip(sources, run_all(sources, "plain"), run_all(sources, "gated"), strict=True):
        if plain["error"] == ["Died", ""]:
            continue
        compared += 1
        del plain["loot"], gated["loot"]
        assert _comparable(gated) == _comparable(plain), source
    assert compared >= 190


def _comparable(result: dict[str, object]) -> str:
    """Without addresses, and without where a recursion happened to be when it had gone too deep."""
    text = re.sub(r"0x[0-9a-f]+", "0x…", repr(result))
    return re.sub(r"maximum recursion depth exceeded[^'\"]*", "maximum recursion depth exceeded", text)
