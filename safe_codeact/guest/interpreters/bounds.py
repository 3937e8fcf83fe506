"""Values of formulas: which there are, what they weigh, and what an operator may make of them.

Threat: one step that makes something huge (`9 ** 9 ** 9`, `"x" * 10**9`, `f"{1:999999999}"`), or a small value that is huge
when it is written out (`x = [x, x]`, forty times).
What doesn't work: a limit of time, which decides differently on another machine.
What we do: values are of a few exact types; every operator knows the size of its result before it makes it; whatever is
read as a whole is weighed first, with everything inside it counted as often as it is reached, and the weight is charged
to the same budget as steps are.
What still gets through: what fits, which the worker's memory and CPU limits then bound again.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from typing import Any, Final

MOST_ITEMS: Final = 100_000  # of a list, tuple, dict, set or range
MOST_TEXT: Final = 256 * 1024  # characters
MOST_BITS: Final = 65_536  # of an int
_WIDEST: Final = 1000  # of a format's width and precision

_NUMBERS = (bool, int, float, complex)
_CONTAINERS = (list, tuple, dict, set, frozenset)
_VIEWS: Final[tuple[type, ...]] = (type({}.keys()), type({}.values()), type({}.items()))
# They are read once, where they are: inside another value, each could be as long as a list.
_PASSING: Final[tuple[type, ...]] = (
    zip,
    enumerate,
    reversed,
    type(reversed([])),
    type(reversed({})),
    type(reversed(range(0))),
    slice,
)
_INSIDE = frozenset({type(None), str, range, *_NUMBERS, *_CONTAINERS, *_VIEWS})
PLAIN: Final = _INSIDE | frozenset(_PASSING)
_SPEC = re.compile(r"[^{}]{0,40}").fullmatch


class TooMuch(RuntimeError):
    """A formula asked for more than a formula may."""


def weigh(value: Any, most: int) -> int:
    """How many values this one is made of, everything inside counted as often as it is reached. Raises `TooMuch` past `most`."""
    if type(value) in _PASSING:
        return 1
    weight, waiting = 0, [value]
    while waiting:
        item = waiting.pop()
        kind = type(item)
        if kind not in _INSIDE:
            raise TypeError(f"a formula's value cannot hold a {kind.__name__}")
        weight += 1 + (len(item) >> 8 if kind is str else len(item) if kind is range else 0)
        if kind in _CONTAINERS or kind in _VIEWS:
            if weight + len(waiting) + len(item) > most:
                raise TooMuch(f"a value is made of more than {most} values")
            if kind is dict:
                waiting += item.keys()
            waiting += item.values() if kind is dict else item
        if weight > most:
            raise TooMuch(f"a value is made of more than {most} values")
    return weight


def known(value: Any) -> Any:
    """The value, if formulas have its type. Raises TypeError."""
    if type(value) not in PLAIN:
        raise TypeError(
            f"a formula cannot use a {type(value).__name__}: it computes with numbers, texts, lists, dicts and sets"
        )
    return value


def _bits(value: Any) -> int:
    return int(value).bit_length() if type(value) in (int, bool) else 0


def _no_more_bits(bits: int, what: str) -> None:
    if bits > MOST_BITS:
        raise TooMuch(f"the result of `{what}` would have {bits} bits; {MOST_BITS} are allowed")


def _no_longer(size: int, most: int, what: str) -> None:
    if size > most:
        raise TooMuch(f"the result of `{what}` would have {size} items; {most} are allowed")


def _most(value: Any) -> int:
    return MOST_TEXT if type(value) is str else MOST_ITEMS


def power(base: Any, exponent: Any, modulus: Any = None) -> Any:
    if modulus is not None:
        _no_more_bits(16 * max(map(_bits, (base, exponent, modulus))), "pow")
        return pow(base, exponent, modulus)
    if _bits(base) > 1 and type(exponent) in (int, bool) and exponent > 0:
        _no_more_bits(_bits(base) * int(exponent), "**")
    return base**exponent


def _times(left: Any, right: Any) -> Any:
    _no_more_bits(_bits(left) + _bits(right), "*")
    for sequence, count in ((left, right), (right, left)):
        if type(sequence) in (str, list, tuple) and type(count) in (int, bool):
            _no_longer(len(sequence) * max(int(count), 0), _most(sequence), "*")
    return left * right


def _plus(left: Any, right: Any) -> Any:
    if type(left) is type(right) and type(left) in (str, list, tuple):
        _no_longer(len(left) + len(right), _most(left), "+")
    return left + right


def _shifted(left: Any, right: Any) -> Any:
    if type(right) in (int, bool) and right > 0:
        _no_more_bits(_bits(left) + int(right), "<<")
    return left << right


def _remainder(left: Any, right: Any) -> Any:
    if type(left) is str:
        raise TypeError('`%` formats no text here. Write an f-string: f"{x:.2f}".')
    return left % right


def _within(left: Any, right: Any) -> bool:
    return left in right


OPERATORS: Final[dict[type[ast.AST], Callable[..., Any]]] = {
    ast.Add: _plus,
    ast.Sub: operator.sub,
    ast.Mult: _times,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: _remainder,
    ast.Pow: power,
    ast.LShift: _shifted,
    ast.RShift: operator.rshift,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: _within,
    ast.NotIn: lambda left, right: left not in right,
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Invert: operator.invert,
    ast.Not: operator.not_,
}


def formatted(value: Any, spec: str = "") -> str:
    """`format(value, spec)`; the spec names no wider field than a line of text has."""
    if (
        type(spec) is not str
        or _SPEC(spec) is None
        or any(int(number) > _WIDEST for number in re.findall(r"\d+", spec))
    ):
        raise TooMuch(f"the format {str(spec)[:40]!r} is not one of a formula: widths go up to {_WIDEST}")
    return format(value, spec)
