"""Names of the session that the action does not mention wait in their segments; here whoever looks around asks for them.

Threat: a name that is there in CPython and not here is a program that behaves otherwise.
What we do: an action gets every name that it spells, in code or in a text, and that its functions spell. Whatever finds
names in another way (`globals()`, `eval` of a text from a file, a formula put together) asks for the rest first.
"""

from __future__ import annotations

from collections.abc import Callable

_LOAD: list[Callable[[], None]] = []


def names_wait(load: Callable[[], None]) -> None:
    """`load` brings what waits; it is called at most once."""
    _LOAD[:] = [load]


def all_names() -> None:
    """From here on every name of the session is there."""
    while _LOAD:
        _LOAD.pop()()
