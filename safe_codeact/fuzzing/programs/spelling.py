"""The many ways to write one name or one text, which all mean the same to CPython."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable
from typing import Final

# For each ASCII letter, characters that NFKC turns into it and that may stand in an identifier.
_ALPHABETS: Final = ("ａ", "𝐚", "𝑎", "𝒂", "𝓪", "𝔞", "𝕒", "𝖆", "𝖺", "𝗮", "𝘢", "𝙖", "𝚊")


def _variants() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for offset, letter in enumerate("abcdefghijklmnopqrstuvwxyz"):
        candidates = [chr(ord(first) + offset) for first in _ALPHABETS]
        found[letter] = tuple(
            each for each in candidates if unicodedata.normalize("NFKC", each) == letter and each.isidentifier()
        )
    return found


_NFKC: Final = _variants()


def identifier(name: str, rng: random.Random) -> str:
    """The name in letters that only look different: one or more are exchanged for what NFKC makes them of."""
    places = [place for place, letter in enumerate(name) if letter in _NFKC]
    if not places:
        return name
    letters = list(name)
    for place in rng.sample(places, rng.randint(1, min(3, len(places)))):
        letters[place] = rng.choice(_NFKC[letters[place]])
    return "".join(letters)


def _cut(text: str, rng: random.Random) -> tuple[str, str]:
    place = rng.randint(0, len(text))
    return text[:place], text[place:]


def _joined(text: str, rng: random.Random) -> str:
    first, second = _cut(text, rng)
    return f"({first!r} + {second!r})"


def _formatted(text: str, rng: random.Random) -> str:
    first, second = _cut(text, rng)
    return f"({first.replace('%', '%%') + '%s'!r} % {second!r})"


def _f_string(text: str, rng: random.Random) -> str:
    if not text.isidentifier():
        return _joined(text, rng)
    first, second = _cut(text, rng)
    return f"f\"{{'{first}'}}{second}\""


def _replaced(text: str, rng: random.Random) -> str:
    first, second = _cut(text, rng)
    return f"{first + '|' + second!r}.replace('|', '')" if "|" not in text else repr(text)


# How an expression of the text is written. None of them is known to the gate before it runs.
_WAYS: Final[tuple[Callable[[str, random.Random], str], ...]] = (
    lambda text, rng: repr(text),
    _joined,
    _formatted,
    _replaced,
    _f_string,
    lambda text, rng: f"{text[::-1]!r}[::-1]",
    lambda text, rng: f"''.join({list(text)!r})",
    lambda text, rng: f"''.join(map(chr, {[ord(letter) for letter in text]!r}))",
    lambda text, rng: f"bytes({list(text.encode())!r}).decode()",
    lambda text, rng: f"{text.encode().hex()!r} and bytes.fromhex({text.encode().hex()!r}).decode()",
    lambda text, rng: f"{text.upper()!r}.lower()" if text == text.lower() else repr(text),
    lambda text, rng: f"str({text.encode()!r}, 'ascii')" if text.isascii() else repr(text),
    lambda text, rng: f"next(iter([{text!r}]))",
    lambda text, rng: f"({text!r},)[0]",
    lambda text, rng: f"{{1: {text!r}}}[1]",
    lambda text, rng: f"max({text!r}, '')",
    lambda text, rng: f"(lambda _n={text!r}: _n)()",
    lambda text, rng: f"type('S', (str,), {{}})({text!r})",
)


def text(value: str, rng: random.Random, plain: float = 0.2) -> str:
    """An expression for a text; with the probability `plain`, simply quoted."""
    return repr(value) if rng.random() < plain else rng.choice(_WAYS)(value, rng)


_SYLLABLES: Final = ("ka", "lo", "mi", "nu", "re", "sa", "to", "vi", "xe", "zo")


def fresh_name(rng: random.Random) -> str:
    """A name for a variable: most are ordinary, some are odd, and a few are names that mean something elsewhere."""
    kind = rng.random()
    if kind < 0.75:
        return "".join(rng.choice(_SYLLABLES) for _ in range(rng.randint(2, 3)))
    if kind < 0.9:
        return "_" * rng.randint(1, 2) + rng.choice(_SYLLABLES) + rng.choice(_SYLLABLES)
    return rng.choice(_ODD)


_ODD: Final = (
    "self", "cls", "type_", "data", "list_", "object_", "getattr_", "ñandú", "données", "變量", "x", "_0", "__d", "print_",
    "format", "obj", "tool", "os_", "args", "kwargs", "match", "case", "soft", "name",
)  # fmt: skip
