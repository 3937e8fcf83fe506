"""Whether an answer is the expected one: as strict as the format allows, and the same for each action format.

A model answers with a value (`final_answer(412.5)`) or with prose ("The cheapest costs 412.50 EUR."). Refusing prose
would measure obedience; searching prose for the expected text would count "not Oslo" as Oslo. So the last number of a
short answer counts as its number, of a longer one that of its last line (or else of its first): a traceback that was copied
for an answer holds many numbers. A text counts in prose where it stands there as whole words and none of the alternatives
that the task names does.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from safe_codeact.evaluation.literals import NotLiteral, read_literal

Kind = Literal["number", "text", "list", "set", "check"]
_NUMBER = re.compile(r"[-−+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d{1,3})?")
_SEPARATOR = re.compile(r"\n|;|,(?!\d{3}\b)|\band\b")
_AROUND = " \t\n\r.,:;!?\"'`*_()[]{}<>"
_MOST_CHARACTERS = 20_000
_SHORT_LINES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """`value` by its kind: a number, a text, a list of either, or the name of a function of the tools' module.

    `tolerance` is absolute, for numbers, also those in a list. `others`: texts that make a prose answer wrong.
    """

    kind: Kind
    value: Any
    tolerance: float = 0.0
    others: tuple[str, ...] = ()


def is_expected(answer: Any, expected: Expected) -> bool:
    """For every kind but "check", which the task's own function judges."""
    if isinstance(answer, str):
        answer = answer[:_MOST_CHARACTERS].strip()
    if isinstance(answer, Mapping) and len(answer) == 1:
        answer = next(iter(answer.values()))  # {"total": 412.5}
    if expected.kind == "number":
        return _same_number(number_in(answer), expected)
    if expected.kind == "text":
        return _same_text(answer, expected)
    items = _items(answer)
    if isinstance(answer, str) and items is not None and len(items) != len(expected.value):
        items = [part for part in re.split(r"[,;\s]+", answer.strip(_AROUND)) if part]  # "100,200" is one number or two
    if items is None or len(items) != len(expected.value):
        return False
    if expected.kind == "list":
        return all(_same_item(given, wanted, expected) for given, wanted in zip(items, expected.value, strict=True))
    left = list(expected.value)
    for given in items:
        found = next((place for place, wanted in enumerate(left) if _same_item(given, wanted, expected)), None)
        if found is None:
            return False
        del left[found]
    return True


def number_in(answer: Any) -> float | None:
    """The number that an answer is, or the last one in its text; in a longer text, in its last or its first line."""
    if isinstance(answer, bool):
        return None
    if isinstance(answer, int | float):
        return _finite(answer)
    lines = [line for line in answer.split("\n") if line.strip()] if isinstance(answer, str) else []
    for part in ["\n".join(lines)] if len(lines) <= _SHORT_LINES else [lines[-1], lines[0]]:
        found = _NUMBER.findall(part)
        if found:
            return _finite(found[-1].replace(",", "").replace("−", "-"))
    return None


def _finite(written: Any) -> float | None:
    try:
        number = float(written)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _same_number(number: float | None, expected: Expected) -> bool:
    return number is not None and _near(number, expected.value, expected.tolerance)


def _near(number: float, wanted: float, tolerance: float) -> bool:
    # Sums in another order differ in the last digits.
    return math.isclose(number, wanted, rel_tol=1e-9, abs_tol=tolerance)


def _same_text(answer: Any, expected: Expected) -> bool:
    if isinstance(answer, list | tuple) and len(answer) == 1:
        answer = answer[0]
    if not isinstance(answer, str):
        return False
    given, wanted = _folded(answer), _folded(expected.value)
    if given == wanted:
        return True
    return _says(given, wanted) and not any(_says(given, _folded(other)) for other in expected.others)


def _says(text: str, words: str) -> bool:
    """Whether `words` stand in `text`, not as a part of a longer word or number."""
    return re.search(rf"(?<![\w.]){re.escape(words)}(?![\w]|\.\d)", text) is not None


def _folded(text: str) -> str:
    return " ".join(text.casefold().split()).strip(_AROUND)


def _items(answer: Any) -> Sequence[Any] | None:
    if isinstance(answer, list | tuple | set | frozenset):
        return list(answer)
    if isinstance(answer, int | float):
        return [answer]
    if not isinstance(answer, str):
        return None
    start = answer.find("[")
    if start >= 0:
        try:
            value, _ = read_literal(answer, start)
        except NotLiteral:
            value = None
        if isinstance(value, list):
            return value
    _, colon, listed = answer.rpartition(":")
    parts = [part.strip().removeprefix("- ").strip(_AROUND) for part in _SEPARATOR.split(listed if colon else answer)]
    return [part for part in parts if part]


def _same_item(given: Any, wanted: Any, expected: Expected) -> bool:
    if isinstance(wanted, int | float) and not isinstance(wanted, bool):
        number = number_in(given)
        return number is not None and _near(number, wanted, expected.tolerance)
    if isinstance(wanted, list):
        given = list(given) if isinstance(given, tuple) else given
        return (
            isinstance(given, list)
            and len(given) == len(wanted)
            and all(_same_item(a, b, expected) for a, b in zip(given, wanted, strict=True))
        )
    return isinstance(given, str) and _folded(given) == _folded(str(wanted))
