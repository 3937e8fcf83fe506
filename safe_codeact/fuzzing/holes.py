"""What a hole that is made on purpose is."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType
from typing import Any, Literal

Side = Literal["host", "guest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole:
    """One guard less, made in memory in a process that exists for it.

    `make` runs once in each process of `sides` before anything else of the product runs there: "guest" is the zygote (and the
    process that has the gate to itself), "host" the one that holds the runtime. It imports what it exchanges when it runs,
    because either side loads only its own modules. `target` is the property that must find it within `examples`.
    """

    name: str
    target: str
    make: Callable[[], None]
    sides: tuple[Side, ...] = ("guest",)
    policy: str = "strict"
    examples: int = 4000
    sample: bool = False  # whether `make test` looks for it, too


class Everything(frozenset[str]):
    """A set that has whatever is asked for."""

    def __contains__(self, _name: object) -> bool:
        return True


def exchange(owner: Any, name: str, value: Any) -> None:
    """Put `value` in the place of what `owner` has under this name. A hole that is made beside the product, because something
    was renamed or is called otherwise by now, would never be found: so `AttributeError` where there is no such name, and
    `TypeError` where a function's successor does not take its parameters."""
    before = getattr(owner, name)
    if isinstance(before, FunctionType):
        required = [each for each in inspect.signature(before).parameters.values() if each.default is each.empty]
        given = [each.name for each in required if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
        named = {each.name: None for each in required if each.kind is each.KEYWORD_ONLY}
        inspect.signature(value).bind(*given, **named)
    setattr(owner, name, value)
