"""`typing.TypedDict` in the annotations of tools, also where pydantic wants another spelling.

CPython 3.11 does not tell pydantic which class of a hierarchy required which key, so pydantic takes only
`typing_extensions.TypedDict` there. A tool's author should not need to know that.
"""

from __future__ import annotations

import functools
import operator
import sys
import types
import typing
from typing import Annotated, Any

import typing_extensions


def readable_by_pydantic(annotation: Any) -> Any:
    """The annotation with such classes exchanged, in it and in the containers, unions and TypedDicts that it is made of."""
    return annotation if sys.version_info >= (3, 12) else _exchanged(annotation)


def _exchanged(annotation: Any) -> Any:
    if typing.is_typeddict(annotation):
        return _of(annotation)
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if not args or origin is typing.Literal:
        return annotation
    if origin is Annotated:
        return Annotated[_exchanged(args[0]), *args[1:]]
    fresh = tuple(_exchanged(each) for each in args)
    if fresh == args:
        return annotation
    if origin in (typing.Union, types.UnionType):
        return functools.reduce(operator.or_, fresh)
    return origin[fresh]


@functools.lru_cache(maxsize=256)
def _of(given: Any) -> Any:
    hints = typing_extensions.get_type_hints(given, include_extras=True)
    required = given.__required_keys__
    fields = {
        name: _exchanged(hint) if name in required else typing_extensions.NotRequired[_exchanged(hint)]
        for name, hint in hints.items()
    }
    return typing_extensions.TypedDict(given.__name__, fields)  # type: ignore[operator]  # made at run time
