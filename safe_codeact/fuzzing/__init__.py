"""Looking for our own escapes: programs, bytes and objects made at random, and properties that must hold for each.

A *target* is one property over one layer: a strategy that makes examples, and a `run` that tries one and raises `Escape`
where the property does not hold. Whatever a target is about, its examples are JSON data (text, numbers, lists, dicts;
bytes as hex text; a sequence of steps as a list), because an example that failed is written to a file, shrunk, and run
again by somebody else on another machine.

targets    the table of all targets; one line adds one
runner     tries a target for a number of examples or of seconds, from a seed, and shrinks what it finds
findings   a failed example as a file: written, read, run again
plants     holes that are made on purpose, in child processes, to see which property finds them
programs   actions made at random: the classes of known escapes, and a corpus, mutated
oracles    what can be seen from outside: canaries, listeners, processes, tools
corpus     programs that once were an escape, of ours or of a peer
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from safe_codeact.policy.effective import Policy

Layer = Literal["gate", "kernel", "combined", "wire", "state", "policy", "agent", "cli"]

# The classes that escapes from sandboxes for Python have fallen into. What a target attacks, and what an example belongs to,
# is said in these words; a run says how often it tried each.
CLASSES: Final[dict[str, str]] = {
    "syntax": "a form of syntax that the gate does not cover",
    "hooks": "C code that skips the hooks an interpreter offers",
    "references": "an object that carries a reference to something else",
    "forgery": "a guard's name that an action can make",
    "libraries": "a large library with functions for files, network or code",
    "revival": "an object of the guest that comes to life in the host, or at restore time",
    "paths": "a path checked, a descriptor used",
    "parsers": "two parsers that disagree",
    "defaults": "an empty or absent value that means allow",
    "downgrade": "a protection that is missing without a word",
    "policy": "a policy, or what decides, inside what an action writes",
}


class Escape(Exception):
    """A property did not hold. `claim`: which, in words that stay the same for the same hole; `seen`: what there was to see."""

    def __init__(self, claim: str, seen: str = "") -> None:
        super().__init__(f"{claim}: {seen}" if seen else claim)
        self.claim = claim
        self.seen = seen


@dataclass(frozen=True, slots=True)
class Course:
    """How one example went where the property held. `alive`: it reached what the target is about (an action was run, a frame
    was decoded), instead of being turned away at the door. `classes`: which of `CLASSES` it belongs to."""

    alive: bool
    classes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Setting:
    """What is fuzzed: a policy, and the host functions that actions may call. A target that needs neither ignores it."""

    policy: Policy
    tools: tuple[Callable[..., Any], ...] = ()


Run = Callable[[Any], Course]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One property.

    `examples(setting)` is a strategy of JSON data. `open(setting)` is a context manager that gives `run`: processes,
    folders and listeners live in there, made once for thousands of examples; it closes without leaving anything. `run`
    raises `Escape` and nothing else; any other exception is a mistake in the target, and ends the run as one.
    `repeatable`: the same example gives the same result, so shrinking it makes sense.
    """

    name: str
    layer: Layer
    classes: tuple[str, ...]
    claim: str
    examples: Callable[[Setting], SearchStrategy[Any]]
    open: Callable[[Setting], AbstractContextManager[Run]]
    repeatable: bool = True
