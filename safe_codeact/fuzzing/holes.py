"""What a hole that is made on purpose is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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


def exchange(owner: Any, name: str, value: Any) -> None:
    """Put `value` in the place of what `owner` has under this name. Raises `AttributeError` where there is none: a hole
    that is made beside the product, because something was renamed, would never be found."""
    getattr(owner, name)
    setattr(owner, name, value)
