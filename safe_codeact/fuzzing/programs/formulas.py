"""Formulas at random, for policies whose interpreter is `expression`.

They are built of what formulas have (operators, the functions of the table, the methods of `METHODS`, loops, formats), mostly with
values of the right kind, so that they come to their end; and now and then with another one, because what nobody has thought of is
where a value goes on to a function that was written for others. One program in three also tries what formulas must not have
(attributes, formats that walk, classes, functions), in the same places.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Final

from hypothesis import strategies as st

from safe_codeact.gate.formulas import METHODS
from safe_codeact.guest.interpreters.functions import FUNCTIONS, KEYS

Draw = Callable[[st.SearchStrategy[Any]], Any]

_HELD: Final = "a, b, row, total = 3, 'text', {'k': [1, 2.5], 'n': None}, [1, 'two', (3,), {4}]\n"
_FUNCTIONS: Final = tuple(sorted(FUNCTIONS))
# Kind of value → what is one, the simplest first; "{number}" stands for another value of that kind, "{m:str}" for a method of texts.
_FORMS: Final[dict[str, tuple[str, ...]]] = {
    "number": (
        "0", "1", "-7", "2.5", "1e308", "1j", "10 ** 9", "True", "a", "a", "len({items})", "len({text})", "abs({number})", "sum([{number}])",
        "({number} + {number})", "({number} * {number})", "({number} - {number})", "({number} ** 2)", "({number} % 7)", "-{number}",
        "({number} << 3)", "({items}).count({any})", "({text}).find({text})", "max({number}, {number})", "min([{number}, 1])",
        "round({number}, 2)", "int({number})", "float({number})", "sqrt(2)", "factorial(9)", "({number} < {number})", "({any} == {any})",
        "({any} in {items})", "(not {any})", "({number} if {any} else {number})", "({items})[0]", "hypot({number}, 1)", "divmod({number}, 7)[1]",
    ),
    "text": (
        "''", "'ab'", "'k'", "'a' * 99", "'⟨0.__class__⟩'", "b", "b", "str({any})", "repr({any})", "({text} + {text})", "({text}).{m:str}()",
        "({text}).{m:str}({text})", "({text}).replace({text}, {text})", "({text})[{number}:]", "({text} if {any} else {text})", "chr(65)",
        "', '.join([{text}, {text}])", "({text} * 3)", "('%s' % {any})", "format({number}, {text})", "bin(7)", "max({text}, {text})",
        "f({any})", "f({number}:>9)", "f({number}:.2f)", "f({text}:>20)", "f({any}!r)", "f({text}:x^9)", "f({number}:,)",
    ),
    "items": (
        "[]", "(1, 2)", "[3, 1, 2]", "⟨1, 2⟩", "total", "total", "[{any}, {any}]", "list({items})", "tuple({items})", "range(9)",
        "[{any} for x in {items}]", "[x for x in {items} if {any}]", "⟨str({any}) for x in {items}⟩", "sorted([{number}, 2])", "list({mapping})",
        "sorted([{text}, {text}], key={key})", "({items} if {any} else {items})", "list({mapping}.values())", "list(zip({items}, {items}))",
        "list(enumerate({items}))", "list(reversed([{any}, 2]))", "({text}).split({text})", "[{any}] * 3", "([{any}] + [{any}])",
        "({items}).{m:list}({any})", "({items}).{m:set}({items})", "({mapping}).items()", "({items})[1:]",
    ),
    "mapping": (
        "⟨⟩", "row", "row", "⟨{text}: {any}⟩", "⟨'k': {any}, 2: {any}⟩", "dict(k={any})", "({mapping} | {mapping})", "dict({mapping})",
        "⟨str(x): {any} for x in {items}⟩", "({mapping}).copy()", "({mapping} if {any} else {mapping})", "({mapping}).{m:dict}({text}, {any})",
    ),
}  # fmt: skip
_FOREIGN: Final = (
    "final_answer", "ToolError", "__builtins__", "__import__", "type", "getattr", "vars", "open", "...", "b'x'", "({any}).real",
    "max.__self__", "print.__globals__", "(lambda: 1)", "(x := {any})", "*total", "__name__", "({any}).__class__", "({text}).format({any})",
    "({any}).__getattribute__({text})", "({items}).__iter__()", "({any}).__reduce_ex__(2)", "({any}).__dir__()", "({text}).encode()",
    "getattr({any}, {text})", "({any}).__class__.__base__.__subclasses__()", "{function}.__call__({any})", "({text}).format_map({mapping})",
    "({items}).append", "'⟨0.__class__⟩'.format({any})", "f({any}:⟨b.__class__⟩)", "({any})({any})", "type({any})", "yield_",
)  # fmt: skip
_STATEMENTS: Final = (
    "a = {number}", "b = {text}", "row = {mapping}", "total = list({items})", "a += {number}", "b += {text}", "row['n'] = {any}",
    "row[{text}] = {any}", "total[0] = {any}", "total += {items}", "row |= {mapping}", "x, y = {any}, {any}", "[a, b] = 1, {any}",
    "print({any})", "{any}", "total.append({any})", "row.update({mapping})", "max = {any}", "loot = {function}",
)  # fmt: skip
_BLOCKS: Final = (
    "for x in {items}:\n    {statement}", "for x, y in {mapping}.items():\n    {statement}", "if {any}:\n    {statement}\nelse:\n    {statement}",
    "while a < 5:\n    a += 1\n    {statement}",
)  # fmt: skip
_FOREIGN_STATEMENTS: Final = (
    "b.x = {any}", "__builtins__ = {any}", "_ = {any}", "import os", "def f(x, y={any}):\n    return {any}", "del a", "a = b = {any}",
    "total[:] = {items}", "row['__class__'] = {any}", "class A: pass", "with total: pass", "try:\n    {statement}\nexcept: pass", "global a",
)  # fmt: skip
_KINDS: Final = tuple(_FORMS)
_DEEPEST: Final = 4  # levels; what lies deeper is one of the simplest
_SIMPLEST: Final = 4


class _Maker:
    """One program's choices. `foreign`: how often something that no formula has, of a thousand."""

    def __init__(self, rng: random.Random, foreign: int) -> None:
        self._rng = rng
        self._foreign = foreign

    def statement(self, depth: int = 0) -> str:
        """One or more lines, without an end."""
        choices = _FOREIGN_STATEMENTS if self._slips(self._foreign) else _STATEMENTS + _BLOCKS * (depth < 2)
        return self._filled(self._rng.choice(choices), depth)

    def value(self, kind: str = "any", depth: int = 0) -> str:
        """An expression, mostly of this kind."""
        if self._slips(self._foreign):
            return self._filled(self._rng.choice(_FOREIGN), depth)
        if kind == "any" or self._slips(15):
            kind = self._rng.choice(_KINDS)
        if self._slips(10):
            return self._rng.choice(_FUNCTIONS)
        forms = _FORMS[kind]
        return self._filled(self._rng.choice(forms if depth < _DEEPEST else forms[:_SIMPLEST]), depth)

    def _slips(self, often: int) -> bool:
        return self._rng.randrange(1000) < often

    def _filled(self, form: str, depth: int) -> str:
        """With every "{kind}" replaced; ⟨⟩ are braces; `f(…)` becomes an f-string, whose quotes are the other ones."""
        parts = form.split("{")
        text = parts[0]
        for part in parts[1:]:
            hole, _, rest = part.partition("}")
            text += self._hole(hole, depth + 1) + rest
        if text.startswith("f(") and text.endswith(")"):
            text = "f'{" + text[2:-1].replace("'", '"') + "}'"
        return text.replace("⟨", "{").replace("⟩", "}")

    def _hole(self, hole: str, depth: int) -> str:
        kind, _, of = hole.partition(":")
        if kind == "m":
            return self._rng.choice(sorted(METHODS[of]))
        if kind == "key":
            return self._rng.choice(KEYS)
        if kind == "function":
            return self._rng.choice(_FUNCTIONS)
        if kind == "statement":
            return self.statement(depth).replace("\n", "\n    ")
        return self.value(kind, depth)


@st.composite
def formulas(draw: Draw) -> dict[str, Any]:
    """As `generate.programs`: one action, or two of one session; the last thing that is computed is bound to `loot`."""
    rng = random.Random(draw(st.integers(0, 2**32 - 1)))  # noqa: S311 - details of a program, from the seed of the run
    maker = _Maker(rng, draw(st.sampled_from((0, 0, 60))))
    turns = []
    for number in range(draw(st.sampled_from((1, 1, 1, 2)))):
        lines = [maker.statement() for _ in range(draw(st.integers(0, 3)))]
        turns.append(("" if number else _HELD) + "\n".join([*lines, f"loot = {maker.value()}"]))
    return {"turns": turns, "classes": ["hooks", "parsers", "references", "syntax"] + ["revival"] * (len(turns) > 1)}
