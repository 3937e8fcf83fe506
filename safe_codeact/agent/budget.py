"""What a run may spend, and what it has spent.

Four budgets end a run by name (`stopped_by`): turns, tokens, seconds and tool calls. A reply, once asked for, is read,
and the action in it still runs: so tokens and tool calls may end a little over, by one reply and by one action. Time is
kept more strictly, because somebody waits: requests, the waits between them and actions end at its end.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from safe_codeact import Observation
    from safe_codeact.agent.reply import Reply

OverBudget = Literal["max_turns", "max_tokens", "max_seconds", "max_tool_calls"]

# English prose has about 4 bytes to a token, code and numbers fewer; other scripts about 3, which is one character.
BYTES_PER_TOKEN = 3

_WHAT = {
    "max_turns": "a turn is one reply",
    "max_tokens": "they are those of prompts and replies together",
    "max_seconds": "they are those of the whole run",
    "max_tool_calls": "they are those of all actions together",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a run has cost so far. `tokens_estimated`: the endpoint did not count all of them, so some are by size."""

    turns: int = 0
    requests: int = 0  # that brought a reply
    retries: int = 0
    tokens: int = 0
    tokens_estimated: bool = False
    seconds: float = 0.0
    action_seconds: float = 0.0
    tool_calls: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """None: no budget of that kind. Raises `ValueError` for one that allows nothing."""

    max_turns: int
    max_tokens: int | None = None
    max_seconds: float | None = None
    max_tool_calls: int | None = None

    def __post_init__(self) -> None:
        least = {"max_turns": 1, "max_tokens": 1, "max_tool_calls": 0}
        for name, bound in least.items():
            value = getattr(self, name)
            if value is not None and value < bound:
                raise ValueError(f"{name}={value} must be at least {bound}: {_WHAT[name]}. There is no 'unlimited'.")
        if self.max_seconds is not None and not self.max_seconds > 0:
            raise ValueError(f"max_seconds={self.max_seconds} must be more than 0: {_WHAT['max_seconds']}.")


class Meter:
    """Counts one run against its budgets; the clock starts when it is made."""

    def __init__(self, budgets: Budgets) -> None:
        self._budgets = budgets
        self._began = time.monotonic()
        self._requests = self._retries = self._tokens = self._tool_calls = 0
        self._action_seconds = 0.0
        self._estimated = False

    @property
    def deadline(self) -> float | None:
        """The moment of `time.monotonic()` at which the run is over."""
        return None if self._budgets.max_seconds is None else self._began + self._budgets.max_seconds

    def seconds_left(self) -> float | None:
        """None without a budget of time; not below 0."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())

    def note_retry(self) -> None:
        """A request failed and is sent again."""
        self._retries += 1

    def note_reply(self, reply: Reply, sent_bytes: int) -> None:
        """A reply has come, to a conversation of that size."""
        self._requests += 1
        counted = reply.prompt_tokens + reply.completion_tokens
        if not counted:
            self._estimated = True
            written = reply.text + reply.reasoning + "".join(call.arguments for call in reply.tool_calls)
            counted = (sent_bytes + len(written.encode())) // BYTES_PER_TOKEN + 1
        self._tokens += counted

    def note_observation(self, observation: Observation) -> None:
        """An action has ended."""
        self._action_seconds += observation.usage.wall_seconds
        self._tool_calls += len(observation.tool_calls)

    def over(self, turn: int) -> OverBudget | None:
        """The budget that is used up after this turn, if one is."""
        budgets = self._budgets
        if turn >= budgets.max_turns:
            return "max_turns"
        if budgets.max_tokens is not None and self._tokens >= budgets.max_tokens:
            return "max_tokens"
        if budgets.max_tool_calls is not None and self._tool_calls > budgets.max_tool_calls:
            return "max_tool_calls"
        return "max_seconds" if self.seconds_left() == 0 else None

    def spent(self, turn: int) -> Spent:
        """So far."""
        return Spent(
            turns=turn,
            requests=self._requests,
            retries=self._retries,
            tokens=self._tokens,
            tokens_estimated=self._estimated,
            seconds=time.monotonic() - self._began,
            action_seconds=self._action_seconds,
            tool_calls=self._tool_calls,
        )
