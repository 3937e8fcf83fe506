"""Examples that are a sequence of steps: JSON lists of `[name, argument, …]`, and the same table as a state machine.

A step that makes no sense where it stands is passed over by whoever takes it, so that every list means something, however
much of it was shrunk away. `machine` gives the table to Hypothesis as rules, which picks each step knowing the ones before;
an example is the better form to keep, because it can be written to a file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from hypothesis.strategies import SearchStrategy

Steps = Mapping[str, tuple[SearchStrategy[Any], ...]]  # the arguments of each step, by its name


class World(Protocol):
    """What steps are taken in."""

    def take(self, name: str, arguments: list[Any]) -> None:
        """One step. Raises `Escape`."""


def step(steps: Steps) -> SearchStrategy[list[Any]]:
    """One step of any kind; a name given twice in other letters is tried more often."""
    return st.sampled_from(list(steps)).flatmap(lambda name: st.tuples(st.just(name), *steps[name]).map(list))


def walks(steps: Steps, longest: int, shortest: int = 1) -> SearchStrategy[list[list[Any]]]:
    """Sequences of steps."""
    return st.lists(step(steps), min_size=shortest, max_size=longest)


def machine(steps: Steps, open_world: Callable[[], AbstractContextManager[World]]) -> type[RuleBasedStateMachine]:
    """A rule for each step, in a world of its own for each run."""

    class Machine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self._opened = open_world()
            self._world = self._opened.__enter__()

        def teardown(self) -> None:
            self._opened.__exit__(None, None, None)

    for name, arguments in steps.items():
        setattr(Machine, name.replace(" ", "_"), rule(drawn=st.tuples(*arguments))(_taking(name)))
    return Machine


def _taking(name: str) -> Callable[[Any, tuple[Any, ...]], None]:
    def taken(self: Any, drawn: tuple[Any, ...]) -> None:
        self._world.take(name, list(drawn))

    taken.__name__ = name.replace(" ", "_")
    return taken
