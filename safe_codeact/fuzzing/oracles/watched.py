"""Tools that know what may reach them: given besides a user's own, under lines of their own in the policy.

Each notes a call that its line forbids; the function itself is harmless. A user's tools are not called: their signatures
and annotations stay, and their bodies are replaced, because what a fuzzer makes up must not be paid, sent or deleted.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from safe_codeact import Decision
from safe_codeact.policy.effective import Policy, ToolRule

MOST_CALLS: Final = 3
MOST_AMOUNT: Final = 100
_RULES: Final = (
    ToolRule(name="fuzz_forbidden", why="must never be called", deny=True),
    ToolRule(name="fuzz_counted", why="at most a few calls", max_calls=MOST_CALLS),
    ToolRule(name="fuzz_bounded", why="only small amounts", when=f"amount <= {MOST_AMOUNT}"),
    ToolRule(name="fuzz_asked", why="a person says no", approval="ask"),
    ToolRule(name="fuzz_typed", why="checked against its signature"),
)


class Watched:
    """The tools of one runtime under test, and what reached them."""

    def __init__(self, own: tuple[Callable[..., Any], ...], call_them: bool) -> None:
        self._counted = 0
        self._wrong: list[str] = []
        ours = (self._forbidden(), self._counting(), self._bounded(), self._asked(), self._typed())
        self.tools = (*ours, *(each if call_them else without_body(each) for each in own))

    def begin(self) -> None:
        """An action begins: budgets count from here."""
        self._counted = 0
        self._wrong.clear()

    def breach(self) -> str:
        """What reached a tool although its line forbids it, or ""."""
        if self._counted > MOST_CALLS:
            return "a tool was called more often than its line allows"
        return self._wrong[0] if self._wrong else ""

    def _forbidden(self) -> Callable[..., Any]:
        def fuzz_forbidden(text: str = "") -> str:
            """Is denied by the policy."""
            self._wrong.append("a tool that the policy denies was called")
            return text

        return fuzz_forbidden

    def _counting(self) -> Callable[..., Any]:
        def fuzz_counted(text: str = "") -> str:
            """May be called a few times."""
            self._counted += 1
            return text

        return fuzz_counted

    def _bounded(self) -> Callable[..., Any]:
        def fuzz_bounded(amount: int) -> int:
            """Takes small amounts only."""
            if type(amount) is not int or amount > MOST_AMOUNT:
                self._wrong.append("a call that does not meet its condition reached its tool")
            return amount

        return fuzz_bounded

    def _asked(self) -> Callable[..., Any]:
        def fuzz_asked(text: str = "") -> str:
            """Needs a person's yes, which never comes."""
            self._wrong.append("a call that was not approved reached its tool")
            return text

        return fuzz_asked

    def _typed(self) -> Callable[..., Any]:
        def fuzz_typed(number: int, names: list[str], table: dict[str, float] | None = None) -> int:
            """Takes a number, names and a table."""
            plain = type(number) is int and type(names) is list and all(type(name) is str for name in names)
            if not plain or (table is not None and not all(type(each) is float for each in table.values())):
                self._wrong.append("arguments that do not fit the signature reached a tool")
            return number

        return fuzz_typed


def with_rules(policy: Policy) -> Policy:
    """The policy with the lines of the tools above."""
    ours = {rule.name for rule in _RULES}
    return replace(policy, tools=(*(rule for rule in policy.tools if rule.name not in ours), *_RULES))


def without_body(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same signature, annotations and name; nothing happens."""
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def stub(*_args: Any, **_kwargs: Any) -> None:
            return None
    else:

        @functools.wraps(function)
        def stub(*_args: Any, **_kwargs: Any) -> None:  # type: ignore[misc]
            return None

    return stub


def deny(_call: object) -> Decision:
    """The person who is asked, and says no."""
    return Decision(approved=False, reason="no")


def quietly(make: Callable[[], Any]) -> Any:
    """A runtime is made without the warning that a tool is withheld: it is meant to be."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make()
