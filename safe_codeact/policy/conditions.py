"""`when:` — conditions over a tool's arguments, in an expression language that can only say yes or no.

    amount <= 100 and currency in ['EUR', 'USD'] and not (note == "" or len(note) > 200)

Threat: a condition is written once and met by arguments that a model chose. What doesn't work: Python's `eval` (a grant to
run code), and Python's truth (`not amount > 100` is true for NaN, `"5" <= 100` is an error that somebody has to decide
about, `True <= 1` compares an answer with a number).
What we do: a grammar of comparisons, and evaluation in three values: yes, no, and *makes no sense*. What makes no sense
refuses the call wherever it stands, also under `not` and `or`, and says why.

    condition   or: and ("or" and)*      and: not ("and" not)*      not: "not" not | comparison
    comparison  operand (("==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "not in") operand)*
    operand     a parameter, parameter.field, a number, a text, true, false, none, [operand, …], len(operand), (condition)

A parameter's name stands for the validated argument, or its default. Numbers compare with numbers, texts with texts; `in`
asks a list for a member or a text for a part; `==` needs two values of one kind. NaN makes no sense.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from safe_codeact.frozen import dataclass

MAX_LENGTH = 1_000  # characters of a condition
_MAX_DEPTH = 20
_MAX_TEXT = 1_000_000  # characters of an argument that is searched

_TOKEN = re.compile(
    r"\s*(?:(?P<number>-?\d+(?:\.\d+)?)|(?P<text>'[^'\\\n]*'|\"[^\"\\\n]*\")|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign>==|!=|<=|>=|[<>()\[\],.]))",
    re.ASCII,
)
_WORDS = frozenset({"and", "or", "not", "in"})
_CONSTANTS: Mapping[str, Any] = {"true": True, "false": False, "none": None, "True": True, "False": False, "None": None}


class InvalidCondition(Exception):
    """The text is no condition; the message says where and what was expected."""


class Unmet(Exception):
    """The condition makes no sense for these arguments; the message says which part."""


Node = Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class Condition:
    """A parsed condition. `names` are the parameters that it asks about, `paths` what it reads of them (`("order", "total")`),
    and `constants` the numbers and texts that it holds them against, `lists` the lists of those."""

    text: str
    names: frozenset[str]
    _root: Node
    paths: frozenset[tuple[str, ...]] = frozenset()
    constants: frozenset[int | float | str] = frozenset()
    lists: frozenset[tuple[int | float | str, ...]] = frozenset()

    def holds(self, arguments: Mapping[str, Any]) -> bool:
        """Whether the call may go through. Raises `Unmet` where the condition makes no sense for `arguments`."""
        return _truth(self._root(arguments))


def parse(text: str) -> Condition:
    """Raises `InvalidCondition`."""
    if len(text) > MAX_LENGTH:
        raise InvalidCondition(f"it has {len(text)} characters, more than {MAX_LENGTH}")
    parser = _Parser(text)
    root = parser.condition(0)
    parser.expect_end()
    return Condition(
        text,
        frozenset(parser.names),
        root,
        frozenset(parser.paths),
        frozenset(parser.constants),
        frozenset(parser.lists),
    )


# ---- what is said about values


def _kind(value: Any) -> str:
    """bool is no number here, and a subclass is not its base: what an Enum or a model compares as is its own affair."""
    if type(value) in (int, float):
        if isinstance(value, float) and math.isnan(value):
            raise Unmet("a number that is not a number (NaN) compares with nothing")
        return "number"
    named = {
        bool: "truth value",
        str: "text",
        type(None): "none",
        list: "list",
        tuple: "list",
        set: "list",
        frozenset: "list",
    }
    return named.get(type(value), type(value).__name__)


def _truth(value: Any) -> bool:
    if type(value) is not bool:
        raise Unmet(f"a {_kind(value)} is neither true nor false: compare it with something")
    return value


def _equal(one: Any, other: Any) -> bool:
    kinds = {_kind(one), _kind(other)}
    if len(kinds) > 1 and "none" not in kinds:
        raise Unmet(f"a {_kind(one)} is compared with a {_kind(other)}")
    if kinds == {"list"}:
        return len(one) == len(other) and all(_equal(*pair) for pair in zip(one, other, strict=True))
    if not kinds <= {"number", "text", "truth value", "none"}:
        raise Unmet(f"a {_kind(one)} cannot be compared: name one of its fields")
    return bool(one == other)


def _ordered(one: Any, other: Any) -> None:
    kinds = {_kind(one), _kind(other)}
    if kinds not in ({"number"}, {"text"}):
        raise Unmet(f"a {_kind(one)} and a {_kind(other)} have no order")


def _less(one: Any, other: Any) -> bool:
    _ordered(one, other)
    return bool(one < other)


def _less_or_equal(one: Any, other: Any) -> bool:
    _ordered(one, other)
    return bool(one <= other)


def _member(one: Any, other: Any) -> bool:
    if _kind(other) == "list":
        found = [_equal(one, each) for each in other]  # all of them: a member of another kind makes no sense anywhere
        return any(found)
    if _kind(one) == _kind(other) == "text":
        if len(other) > _MAX_TEXT:
            raise Unmet(f"a text of {len(other):,} characters is not searched")
        return one in other
    raise Unmet(f"a {_kind(one)} cannot be in a {_kind(other)}")


_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": _equal,
    "!=": lambda one, other: not _equal(one, other),
    "<": _less,
    "<=": _less_or_equal,
    ">": lambda one, other: _less(other, one),
    ">=": lambda one, other: _less_or_equal(other, one),
    "in": _member,
    "not in": lambda one, other: not _member(one, other),
}


def _field(value: Any, name: str) -> Any:
    """A field of a mapping, a dataclass or a model: data only, never a method or a property of a class."""
    held = value if isinstance(value, Mapping) else getattr(value, "__dict__", None)
    if not isinstance(held, Mapping) or name not in held:
        raise Unmet(f"a {_kind(value)} has no field {name!r}")
    return held[name]


def _length(value: Any) -> int:
    if _kind(value) not in ("text", "list") and not isinstance(value, Mapping):
        raise Unmet(f"a {_kind(value)} has no length")
    return len(value)


# ---- parsing


class _Parser:
    """Recursive descent over the tokens. Every method returns a node: a function from arguments to a value."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str, int]] = []  # kind, text, column
        self._place = 0
        self._length = len(text)
        self.names: set[str] = set()
        self.paths: set[tuple[str, ...]] = set()
        self.constants: set[int | float | str] = set()
        self.lists: set[tuple[int | float | str, ...]] = set()
        at = 0
        while text[at:].strip():
            match = _TOKEN.match(text, at)
            if match is None or match.lastgroup is None:
                at += len(text[at:]) - len(text[at:].lstrip())
                raise InvalidCondition(f"column {at + 1}: {text[at]!r} has no meaning here")
            self._tokens.append((match.lastgroup, match[match.lastgroup], match.start(match.lastgroup) + 1))
            at = match.end()

    def condition(self, depth: int) -> Node:
        return self._joined("or", self._all_of, depth)

    def _all_of(self, depth: int) -> Node:
        return self._joined("and", self._negation, depth)

    def _joined(self, word: str, part: Callable[[int], Node], depth: int) -> Node:
        parts = [part(depth)]
        while self._take(word):
            parts.append(part(depth))
        if len(parts) == 1:
            return parts[0]
        judge = any if word == "or" else all

        def joined(arguments: Mapping[str, Any]) -> bool:
            # Every part is evaluated: whether the second one makes sense must not depend on the first.
            said = [_truth(each(arguments)) for each in parts]
            return judge(said)

        return joined

    def _negation(self, depth: int) -> Node:
        if self._take("not"):
            inner = self._negation(self._deeper(depth))
            return lambda arguments: not _truth(inner(arguments))
        return self._comparison(depth)

    def _comparison(self, depth: int) -> Node:
        operands = [self._operand(depth)]
        compare: list[Callable[[Any, Any], bool]] = []
        while (sign := self._comparison_sign()) is not None:
            compare.append(_COMPARISONS[sign])
            operands.append(self._operand(depth))
        if not compare:
            return operands[0]

        def compared(arguments: Mapping[str, Any]) -> bool:
            values = [operand(arguments) for operand in operands]
            said = [judge(values[index], values[index + 1]) for index, judge in enumerate(compare)]
            return all(said)

        return compared

    def _comparison_sign(self) -> str | None:
        for sign in ("==", "!=", "<=", ">=", "<", ">", "in"):
            if self._take(sign):
                return sign
        if self._peek() == "not" and self._peek(1) == "in":
            self._place += 2
            return "not in"
        return None

    def _operand(self, depth: int) -> Node:
        kind, text, column = self._next()
        if kind == "number":
            number = float(text) if "." in text else int(text)
            self.constants.add(number)
            return lambda _arguments: number
        if kind == "text":
            self.constants.add(text[1:-1])
            return lambda _arguments: text[1:-1]
        if text == "(":
            inner = self.condition(self._deeper(depth))
            self._expect(")")
            return inner
        if text == "[":
            return self._list(self._deeper(depth))
        if kind != "name" or text in _WORDS:
            raise InvalidCondition(f"column {column}: expected a parameter or a value, got {text!r}")
        if text in _CONSTANTS:
            return lambda _arguments: _CONSTANTS[text]
        if text == "len" and self._take("("):
            measured = self.condition(self._deeper(depth))
            self._expect(")")
            return lambda arguments: _length(measured(arguments))
        return self._parameter(text)

    def _list(self, depth: int) -> Node:
        items: list[Node] = []
        while not self._take("]"):
            items.append(self.condition(depth))
            if not self._take(","):
                self._expect("]")
                break
        with contextlib.suppress(Unmet):  # it holds parameters
            values = tuple(item({}) for item in items)
            if all(type(value) in (int, float, str) for value in values):
                self.lists.add(values)
        return lambda arguments: [item(arguments) for item in items]

    def _parameter(self, name: str) -> Node:
        self.names.add(name)
        fields: list[str] = []
        while self._take("."):
            kind, text, column = self._next()
            if kind != "name" or text.startswith("_"):
                raise InvalidCondition(f"column {column}: expected the name of a field, got {text!r}")
            fields.append(text)
        self.paths.add((name, *fields))

        def looked_up(arguments: Mapping[str, Any]) -> Any:
            if name not in arguments:
                raise Unmet(f"there is no argument {name!r}")
            value = arguments[name]
            for field in fields:
                value = _field(value, field)
            return value

        return looked_up

    def expect_end(self) -> None:
        if self._place < len(self._tokens):
            _kind, text, column = self._tokens[self._place]
            raise InvalidCondition(f"column {column}: expected `and`, `or` or the end, got {text!r}")

    def _deeper(self, depth: int) -> int:
        if depth >= _MAX_DEPTH:
            raise InvalidCondition(f"it is nested deeper than {_MAX_DEPTH} levels")
        return depth + 1

    def _peek(self, ahead: int = 0) -> str | None:
        place = self._place + ahead
        if place >= len(self._tokens) or self._tokens[place][0] == "text":
            return None
        return self._tokens[place][1]

    def _take(self, text: str) -> bool:
        if self._peek() != text:
            return False
        self._place += 1
        return True

    def _expect(self, text: str) -> None:
        if not self._take(text):
            _kind, found, column = self._next()
            raise InvalidCondition(f"column {column}: expected {text!r}, got {found!r}")

    def _next(self) -> tuple[str, str, int]:
        if self._place >= len(self._tokens):
            raise InvalidCondition(f"column {self._length + 1}: it ends where a parameter or a value was expected")
        self._place += 1
        return self._tokens[self._place - 1]
