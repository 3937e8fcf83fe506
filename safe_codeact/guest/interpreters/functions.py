"""The functions of formulas, by name: those of Python whose result is bounded by their arguments, and bounded ones for the rest."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from safe_codeact.guest.interpreters.bounds import (
    MOST_BITS,
    MOST_ITEMS,
    MOST_TEXT,
    TooMuch,
    formatted,
    power,
)

# Among an action's builtins: whether the policy lets it define functions. No formula can spell the name.
DEFINITIONS: Final = "__definitions__"
_MOST_FACTORIAL = 1000
_MOST_DIGITS = 1000


def _range(*bounds: int) -> range:
    made = range(*bounds)
    if len(made) > MOST_ITEMS:
        raise TooMuch(f"the range has {len(made)} numbers; {MOST_ITEMS} are allowed")
    return made


def _int(*values: Any) -> int:
    made = int(*values)
    if made.bit_length() > MOST_BITS:
        raise TooMuch(f"int() made {made.bit_length()} bits; {MOST_BITS} are allowed")
    return made


def _round(number: Any, ndigits: Any = None) -> Any:
    if isinstance(ndigits, int) and abs(ndigits) > _MOST_DIGITS:
        raise TooMuch(f"round() to {ndigits} digits is not one of a formula; {_MOST_DIGITS} are the most")
    return round(number, ndigits)


def _sum(values: Any, /, start: Any = 0) -> Any:
    if type(start) not in (int, float, complex, bool):
        raise TypeError(f"sum() of a formula adds numbers, not {type(start).__name__}")
    return sum(values, start)


def _prod(values: Any, /, *, start: Any = 1) -> Any:
    listed = list(values)
    bits = sum(value.bit_length() for value in (*listed, start) if isinstance(value, int))
    if bits > MOST_BITS:
        raise TooMuch(f"the product could have {bits} bits; {MOST_BITS} are allowed")
    return math.prod(listed, start=start)


def _factorial(n: int, /) -> int:
    if isinstance(n, int) and n > _MOST_FACTORIAL:
        raise TooMuch(f"factorial({n}) is too large; {_MOST_FACTORIAL} is the largest that a formula takes")
    return math.factorial(n)


def _lcm(*integers: int) -> int:
    bits = sum(each.bit_length() for each in integers if isinstance(each, int))
    if bits > MOST_BITS:
        raise TooMuch(f"the least common multiple could have {bits} bits; {MOST_BITS} are allowed")
    return math.lcm(*integers)


def _choices(count: Callable[[int, int], int]) -> Callable[[int, int], int]:
    def counted(n: int, k: int, /) -> int:
        if isinstance(n, int) and n.bit_length() * min(abs(k), abs(n)) > MOST_BITS:
            raise TooMuch(f"{count.__name__}({n}, {k}) is too large for a formula")
        return count(n, k)

    counted.__name__ = counted.__qualname__ = count.__name__
    return counted


def replace(text: str, old: str, new: str, count: int = -1, /) -> str:
    """`str.replace`, its result measured before it is made."""
    times = text.count(old) if old else len(text) + 1
    times = times if count < 0 else min(times, count)
    if len(text) + times * max(len(new) - len(old), 0) > MOST_TEXT:
        raise TooMuch(f"the text would be longer than {MOST_TEXT} characters")
    return text.replace(old, new, count)


def join(text: str, parts: Any, /) -> str:
    """`str.join`, as above."""
    listed = list(parts)
    if sum(len(part) + len(text) for part in listed if type(part) is str) > MOST_TEXT:
        raise TooMuch(f"the text would be longer than {MOST_TEXT} characters")
    return text.join(listed)


def extend(values: list[Any], more: Any, /) -> None:
    """`list.extend`; a list is not extended by what it is being extended to."""
    values.extend(list(more))


_AS_IN_PYTHON: Final = (
    abs, all, any, ascii, bin, bool, chr, complex, dict, divmod, enumerate, float, hex, len, list, max, min, oct, ord, print,
    repr, reversed, set, sorted, str, tuple, zip,
)  # fmt: skip
_FROM_MATH: Final = (
    "acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh degrees dist e erf erfc exp exp2 expm1 fabs floor fmod "
    "frexp fsum gamma gcd hypot inf isclose isfinite isinf isnan isqrt ldexp lgamma log log10 log1p log2 modf nan nextafter pi "
    "radians remainder sin sinh sqrt tan tanh tau trunc ulp"
)

FUNCTIONS: Final[dict[str, Any]] = {
    **{each.__name__: each for each in _AS_IN_PYTHON},
    **{name: getattr(math, name) for name in _FROM_MATH.split() if hasattr(math, name)},
    "comb": _choices(math.comb),
    "factorial": _factorial,
    "format": formatted,
    "int": _int,
    "lcm": _lcm,
    "perm": _choices(math.perm),
    "pow": power,
    "prod": _prod,
    "range": _range,
    "round": _round,
    "sum": _sum,
}
KEYS: Final = ("abs", "float", "int", "len", "max", "min", "str", "sum")  # what `sorted(values, key=...)` takes
