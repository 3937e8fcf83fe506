"""What a `when` condition says of all calls: tried on one value from each region that it can tell apart.

The language compares parameters with constants and with each other, asks for members, and measures lengths. So a value
below, at and above each number that occurs, each text that occurs and one that does not, and texts and lists of each length
that occurs stand for all others. What doesn't work: solving the condition, because it has three values (`conditions`), and a
solver would have to agree with the evaluator about every one. Here the evaluator itself answers.
What still gets through: arithmetic between more parameters than `MOST_CALLS` combinations cover; then nothing is claimed.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any, Literal

from safe_codeact.policy import conditions

MOST_CALLS = 20_000
_LONGEST = 10_000  # characters of a made-up text: conditions about longer ones are not judged
_LARGEST = 1e15  # past that a float has no room for the values beside a number
_MOST_MEMBERS = 5  # texts of which every list is tried
_UNHEARD = "\u00abunheard of\u00bb"

Verdict = Literal["always", "never", "sometimes", "unknown"]


def calls_for(target: conditions.Condition, *others: conditions.Condition) -> tuple[list[dict[str, Any]], bool]:
    """Arguments that make sense to `target` and that it and the others can tell apart, and whether that is all kinds of them.

    Whether a condition makes sense depends on the kinds of its arguments and not on their values, so a combination of kinds
    is asked about once. Where it makes no sense to one of the others, that one refuses it whatever it is, and what only that
    one asks about has one value.
    """
    constants = frozenset().union(*(each.constants for each in (target, *others)))
    paths = sorted(frozenset().union(*(each.paths for each in (target, *others))))
    lists = frozenset().union(*(each.lists for each in (target, *others)))
    kinds, complete = _values(constants, lists, max(1, len(paths)))
    if len(kinds) ** len(paths) > MOST_CALLS:
        return [], False
    calls: list[dict[str, Any]] = []
    for combination in itertools.product(kinds, repeat=len(paths)):
        first = _arguments(dict(zip(paths, (kinds[kind][-1] for kind in combination), strict=True)))
        if holds(target, first) is None:
            continue
        all_sensible = all(holds(each, first) is not None for each in others)
        values = [
            kinds[kind] if all_sensible or path in target.paths else kinds[kind][-1:]
            for path, kind in zip(paths, combination, strict=True)
        ]
        for each in itertools.product(*values):
            if len(calls) >= MOST_CALLS:
                return calls, False
            calls.append(_arguments(dict(zip(paths, each, strict=True))))
    return calls, complete


def gained(old: str | None, new: str | None) -> tuple[dict[str, Any] | None, bool]:
    """A call that the condition `new` lets through and `old` refuses, or None; and whether that was asked of all calls.

    None for a condition: every call goes through.
    """
    before, now = (None if text is None else conditions.parse(text) for text in (old, new))
    if before is None:
        return None, True
    calls, complete = calls_for(before) if now is None else calls_for(now, before)
    for call in calls:
        if (now is None or holds(now, call) is True) and holds(before, call) is not True:
            return call, complete
    return None, complete


def verdict(text: str) -> Verdict:
    """Whether a condition lets every sensible call through, or none. `unknown`: too many parameters to say."""
    parsed = conditions.parse(text)
    calls, complete = calls_for(parsed)
    answers = {holds(parsed, call) for call in calls}
    if answers >= {True, False}:
        return "sometimes"
    if not complete:
        return "unknown"
    return "always" if True in answers else "never"


def holds(parsed: conditions.Condition, arguments: Mapping[str, Any]) -> bool | None:
    """The condition's answer, None where it makes no sense for these arguments."""
    try:
        return parsed.holds(arguments)
    except conditions.Unmet:
        return None


def _values(
    constants: frozenset[int | float | str], lists: frozenset[tuple[int | float | str, ...]], parameters: int
) -> tuple[dict[str, list[Any]], bool]:
    """Values by kind; lists of texts and of numbers are two, since each is compared with members of its own."""
    figures = {each for each in constants if not isinstance(each, str)}
    numbers = sorted(each for each in figures if abs(each) <= _LARGEST)
    texts = sorted({each for each in constants if isinstance(each, str)})
    around = _around(numbers, parameters)
    lengths = [int(each) for each in sorted(around) if each >= 0 and each == math.floor(each)]
    words = {"", _UNHEARD, *texts, *(text + _UNHEARD for text in texts), "".join(texts), "".join(texts) + _UNHEARD}
    words |= {"\u00e9" * length for length in lengths if length <= _LONGEST}
    members = texts[:_MOST_MEMBERS]
    text_lists: list[list[Any]] = [
        list(each) for size in range(1, len(members) + 1) for each in itertools.combinations(members, size)
    ]
    text_lists += [[_UNHEARD] * length for length in lengths if 0 < length <= _LONGEST]
    written = [list(each) for each in sorted(lists, key=repr)]  # in their own order, and with what is in them twice
    number_lists = [each for each in written if each and not any(isinstance(value, str) for value in each)]
    text_lists += [each for each in written if each and each not in number_lists]
    kinds: dict[str, list[Any]] = {
        "number": sorted(around),
        "text": sorted(words),
        "truth": [True, False],
        "none": [None],
        "empty": [[]],
        "texts": [*text_lists, [_UNHEARD]],
        "numbers": [*([number] for number in numbers), *number_lists, [max(around) + 1]],
    }
    return kinds, len(numbers) == len(figures) and len(texts) <= _MOST_MEMBERS and all(
        each <= _LONGEST for each in lengths
    )


def _around(numbers: list[int | float], parameters: int) -> set[int | float]:
    """Each number, and as many values in each gap, below all and above all as there are parameters: they may be compared
    with each other in there."""
    ends = numbers or [0]
    found: set[int | float] = {0, 1, *numbers}
    for step in range(1, parameters + 1):
        found |= {ends[0] - step, ends[-1] + step}
        for low, high in itertools.pairwise(numbers):
            found.add(low + (high - low) * step / (parameters + 1))
            found |= {low + step, high - step} if high - low > 2 * step else set()
    return found


def _arguments(found: Mapping[tuple[str, ...], Any]) -> dict[str, Any]:
    """`{("order", "total"): 5}` → `{"order": {"total": 5}}`. A parameter with fields is a mapping."""
    arguments: dict[str, Any] = {}
    for path, value in sorted(found.items()):
        holder = arguments
        for step in path[:-1]:
            inner = holder.get(step)
            if not isinstance(inner, dict):
                inner = holder[step] = {}
            holder = inner
        holder[path[-1]] = value
    return arguments
