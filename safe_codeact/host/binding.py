"""A call's arguments by the names of the parameters, as `inspect.Signature.bind` has them, prepared once for each tool.

`bind` looks at every parameter of every call in turn; where a signature takes no `*args` and no `**kwargs`, and a call fits,
comparing names says the same. Where it does not fit, `bind` is asked after all: it has the last word, and the words.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

_BY_PLACE = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class Binder:
    """Binds calls to one signature."""

    def __init__(self, signature: inspect.Signature) -> None:
        parameters = signature.parameters.values()
        self._signature = signature
        self._is_fixed = all(each.kind in _BY_PLACE or each.kind in _BY_NAME for each in parameters)
        self._names = tuple(signature.parameters)
        self._placed = tuple(each.name for each in parameters if each.kind in _BY_PLACE)
        self._named = frozenset(each.name for each in parameters if each.kind in _BY_NAME)
        self._required = frozenset(each.name for each in parameters if each.default is each.empty)

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> inspect.BoundArguments:
        """Raises `TypeError`, as `Signature.bind`."""
        if self._is_fixed and len(args) <= len(self._placed):
            given = dict(zip(self._placed, args, strict=False))
            if not kwargs:
                fitting = given
            elif self._named >= kwargs.keys() and given.keys().isdisjoint(kwargs):
                given.update(kwargs)
                fitting = {name: given[name] for name in self._names if name in given}
            else:
                return self._signature.bind(*args, **kwargs)
            if self._required <= fitting.keys():
                return inspect.BoundArguments(self._signature, fitting)  # type: ignore[arg-type]
        return self._signature.bind(*args, **kwargs)

    def split(self, bound: inspect.BoundArguments) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """Its `args` and `kwargs`: by place as far as there is no gap."""
        if not self._is_fixed:
            return bound.args, bound.kwargs
        given = bound.arguments
        args = []
        for name in self._placed:
            if name not in given:
                break
            args.append(given[name])
        if len(args) == len(given):
            return args, {}
        return args, {name: given[name] for name in self._names[len(args) :] if name in given}
