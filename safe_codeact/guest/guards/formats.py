"""`str.format`: the fields of a format string walk attributes below every static check.

Threat: "{0.__init__.__globals__[SECRET]}".format(x), reached as a method, as a value (`map("{}".format, xs)`), through
`str.format`, `string.Formatter`, nested in a format spec.
What we do: a string without a dot or a bracket in any field name is formatted by CPython itself; any other is parsed
with CPython's own parser, its attribute names judged, and private ones looked up under their compiled names.
What still gets through: public attributes, as text.
"""

from __future__ import annotations

import functools
import re
from _string import (  # type: ignore[import-not-found]  # CPython's own parser; typeshed leaves it out
    formatter_field_name_split,
    formatter_parser,
)
from collections.abc import Callable, Mapping
from string import Formatter
from typing import Any

from safe_codeact.gate.names import MARKER, Stance, reading
from safe_codeact.gate.rules import g302_dynamic_attribute, g501_format_attribute
from safe_codeact.guest.guards.refusal import refusal

# A field name reaches from "{" to the first ":" or "!" that is not inside brackets. If no "{" is followed by a dot or
# an opening bracket before one of those, no field of the string walks anywhere. Doubled braces only make this say more
# often that there is something to look at.
_WALKS = re.compile(r"\{[^{}:!]*[.\[]").search


def format_call(obj: Any, /, *args: Any, **kwargs: Any) -> Any:
    """`obj.format(*args, **kwargs)`, compiled in for every such call. Only a string's own method is guarded."""
    if type(obj) is str:
        if _WALKS(obj) is None:
            return obj.format(*args, **kwargs)
        return _format(obj, args, kwargs)
    return format_value(obj, "format")(*args, **kwargs)


def format_value(obj: Any, name: str) -> Any:
    """`obj.format` or `obj.format_map` as a value."""
    method = getattr(obj, name)
    if isinstance(obj, str):
        if getattr(type(obj), name) is getattr(str, name):
            text = str.__str__(obj)
            return _bound(text, name)
    elif isinstance(obj, type) and issubclass(obj, str):
        if method is getattr(str, name):
            return UNBOUND[name]
    elif type(obj) is super and getattr(method, "__self__", None) is not None and isinstance(method.__self__, str):
        return _bound(str.__str__(method.__self__), name)
    return method


def _bound(text: str, name: str) -> Callable[..., str]:
    """A partial, so that a snapshot can hold it (`pd.options.display.float_format = "{:.1f}".format`)."""
    return functools.partial(UNBOUND[name], text)


def _unbound_format(text: str, /, *args: Any, **kwargs: Any) -> str:
    if not isinstance(text, str):
        return str.format(text, *args, **kwargs)  # CPython's TypeError
    return _format(str.__str__(text), args, kwargs)


def _unbound_format_map(text: str, mapping: Any, /) -> str:
    if not isinstance(text, str):
        return str.format_map(text, mapping)
    return _format_map(str.__str__(text), mapping)


UNBOUND = {"format": _unbound_format, "format_map": _unbound_format_map}


def _format(text: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    return text.format(*args, **kwargs) if not _judged(text) else _Private().vformat(text, args, kwargs)


def _format_map(text: str, mapping: Any) -> str:
    return text.format_map(mapping) if not _judged(text) else _Private().vformat(text, (), mapping)


def _judged(text: str) -> bool:
    """Raises for a string that walks to a refused attribute; says whether it names private ones."""
    if _WALKS(text) is None:
        return False
    return _judged_fields(text, 2)


def _judged_fields(text: str, depth: int) -> bool:
    private = False
    for _, field, spec, _ in formatter_parser(text):
        if field:
            for is_attribute, name in formatter_field_name_split(field)[1]:
                if is_attribute:
                    private |= judged_name(name)
        if spec and depth:
            private |= _judged_fields(spec, depth - 1)
    return private


def judged_name(name: str) -> bool:
    """Raises for an attribute name that a format string may not walk; says whether it is private."""
    if name == "__class__":
        return False  # ends up as text
    stance = reading(name)
    if stance in (Stance.REFUSED, Stance.GUARDED) or MARKER in name:
        raise refusal(
            g302_dynamic_attribute.RULE,
            f"the format string reads `.{name}` ({g501_format_attribute.RULE.code}).",
            'Write "{}".format(value).',
        )
    return stance is Stance.PRIVATE


def judged_field(field_name: str, first: Callable[[Any], Any]) -> tuple[Any, Any]:
    """What `string.Formatter.get_field` does, with attribute names judged. `first` gets the first part's value."""
    start, rest = formatter_field_name_split(field_name)
    value = first(start)
    for is_attribute, name in rest:
        if not is_attribute:
            value = value[name]
            continue
        value = getattr(value, name + MARKER if judged_name(name) else name)
    return value, start


class _Private(Formatter):
    """The slow way, for the rare string that names a private attribute: CPython's algorithm in Python."""

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> Any:
        return judged_field(field_name, lambda key: self.get_value(key, args, kwargs))
