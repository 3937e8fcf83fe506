"""Literals and calls of literals, as models write them in text: `search(query="tea", limit=5)`.

The host never parses model text as Python: `ast` takes the host's stack and memory with it. This reads one call whose
arguments are plain values, in Python's spelling or JSON's, and nothing else: a call inside a call, a name or an operator
is not a literal. Each character is read once; nesting is bounded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

MAX_DEPTH = 30
_SPACE = re.compile(r"\s*")
_NUMBER = re.compile(r"[-+]?(?:\d[\d_]{0,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][-+]?\d{1,4})?(?![\w.])")
_NAME = re.compile(r"[^\W\d]\w*")
_PLAIN = {quote: re.compile(rf"[^{quote}\\\n]+") for quote in "\"'"}
_WORDS: dict[str, Any] = {"True": True, "False": False, "None": None, "true": True, "false": False, "null": None}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "\\": "\\", "'": "'", '"': '"', "/": "/", "\n": ""}
_HEX = {"x": 2, "u": 4, "U": 8}


class NotLiteral(Exception):
    """The text at `position` is no plain value; the message says what was expected there."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


@dataclass(slots=True)
class Call:
    """A call of plain values."""

    name: str
    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)

    def source(self) -> str:
        """As Python."""
        named = [f"{name}={value!r}" for name, value in self.kwargs.items()]
        return f"{self.name}({', '.join([*map(repr, self.args), *named])})"


def read_literal(text: str, position: int = 0) -> tuple[Any, int]:
    """The value that begins at `position`, and where it ends. Raises `NotLiteral`."""
    return _value(text, position, 0)


def read_call(text: str, position: int = 0) -> tuple[Call, int]:
    """The call that begins at `position`, and where it ends. Raises `NotLiteral`."""
    position = _skipped(text, position)
    name = _NAME.match(text, position)
    if name is None or text[name.end() : name.end() + 1] != "(":
        raise NotLiteral("expected a call, such as name(key=value)", position)
    call = Call(name.group())
    position = _skipped(text, name.end() + 1)
    while text[position : position + 1] != ")":
        key = _NAME.match(text, position)
        equals = _skipped(text, key.end()) if key else 0
        if key and text[equals : equals + 1] == "=":
            if key.group() in call.kwargs:
                raise NotLiteral(f"the argument {key.group()} is given twice", position)
            call.kwargs[key.group()], position = _value(text, equals + 1, 0)
        elif call.kwargs:
            raise NotLiteral("an argument without a name stands after one with a name", position)
        else:
            value, position = _value(text, position, 0)
            call.args.append(value)
        position = _after_item(text, position, ")")
    return call, position + 1


def _skipped(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _after_item(text: str, position: int, closer: str) -> int:
    """Where the next item, or the closer, begins."""
    position = _skipped(text, position)
    if text[position : position + 1] == ",":
        return _skipped(text, position + 1)
    if text[position : position + 1] != closer:
        raise NotLiteral(f"expected a comma or {closer!r} after a plain value", position)
    return position


def _value(text: str, position: int, depth: int) -> tuple[Any, int]:
    if depth > MAX_DEPTH:
        raise NotLiteral(f"values are nested deeper than {MAX_DEPTH}", position)
    position = _skipped(text, position)
    first = text[position : position + 1]
    if first in ('"', "'"):
        return _string(text, position)
    if first in ("[", "("):
        return _sequence(text, position, depth)
    if first == "{":
        return _mapping(text, position, depth)
    number = _NUMBER.match(text, position)
    if number is not None:
        return _number(number.group(), position), number.end()
    word = _NAME.match(text, position)
    if word is not None and word.group() in _WORDS:
        return _WORDS[word.group()], word.end()
    raise NotLiteral("expected a plain value: a number, a quoted text, a list or a mapping of these", position)


def _number(written: str, position: int) -> int | float:
    try:
        return int(written) if written.strip("+-").replace("_", "").isdigit() else float(written)
    except ValueError:
        raise NotLiteral(f"{written[:40]} is no number", position) from None


def _sequence(text: str, position: int, depth: int) -> tuple[Any, int]:
    closer = "]" if text[position] == "[" else ")"
    items: list[Any] = []
    position = _skipped(text, position + 1)
    trailing = False
    while text[position : position + 1] != closer:
        value, end = _value(text, position, depth + 1)
        items.append(value)
        position = _after_item(text, end, closer)
        trailing = "," in text[end:position]
    if closer == "]":
        return items, position + 1
    # `(1)` is a number in brackets, `(1,)` a tuple.
    return (items[0] if len(items) == 1 and not trailing else tuple(items)), position + 1


def _mapping(text: str, position: int, depth: int) -> tuple[dict[Any, Any], int]:
    made: dict[Any, Any] = {}
    position = _skipped(text, position + 1)
    while text[position : position + 1] != "}":
        start = position
        key, position = _value(text, position, depth + 1)
        if not isinstance(key, str | int | float | bool | None):
            raise NotLiteral("a list or a mapping cannot be a key", start)
        position = _skipped(text, position)
        if text[position : position + 1] != ":":
            raise NotLiteral("expected a colon after the key", position)
        made[key], position = _value(text, position + 1, depth + 1)
        position = _after_item(text, position, "}")
    return made, position + 1


def _string(text: str, position: int) -> tuple[str, int]:
    quote = text[position]
    start, position = position, position + 1
    parts: list[str] = []
    while position < len(text):
        plain = _PLAIN[quote].match(text, position)
        if plain is not None:
            parts.append(plain.group())
            position = plain.end()
            continue
        if text[position] == quote:
            return "".join(parts), position + 1
        if text[position] == "\n":  # models break lines inside of quotes
            parts.append("\n")
            position += 1
            continue
        part, position = _escape(text, position)
        parts.append(part)
    raise NotLiteral("a quote is not closed", start)


def _escape(text: str, position: int) -> tuple[str, int]:
    letter = text[position + 1 : position + 2]
    if letter in _HEX:
        digits = text[position + 2 : position + 2 + _HEX[letter]]
        try:
            return chr(int(digits, 16)), position + 2 + _HEX[letter]
        except (ValueError, OverflowError):
            raise NotLiteral("an escape of a character is not complete", position) from None
    # As Python does: a backslash before any other letter is one.
    return _ESCAPES.get(letter, f"\\{letter}") if letter else "\\", position + 1 + len(letter)
