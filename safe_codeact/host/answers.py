"""Who answers a worker's calls, as the two pumps of `host.exchange` know them."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Protocol

from safe_codeact.wire import messages


class Tools(Protocol):
    """Who answers a worker's calls, with the seconds that are left. Any may raise `PutAside`, and `Diverged` where it hears."""

    @property
    def asked_seconds(self) -> float:
        """Seconds that persons have thought so far: the deadline is so much later."""
        ...

    def judged(self, verdict: messages.Judged) -> None:
        """What the gate said."""

    def note(self, readings: messages.Readings) -> None:
        """What the action read of clocks since its last call."""

    def sent(self, reply: messages.ToolReply) -> None:
        """The action has it."""

    def begin(self, call: messages.ToolCall, seconds_left: float) -> Future[messages.ToolReply] | None:
        """Answer while the conversation goes on; None where it has to be waited for."""

    def begun(self) -> None:
        """Whoever waits for what `begin` gave does so now."""

    def answer(self, call: messages.ToolCall, seconds_left: float) -> messages.ToolReply:
        """Answer in the calling thread's time."""
        ...


class AsyncTools(Protocol):
    """`Tools` in an event loop."""

    @property
    def asked_seconds(self) -> float:
        """See `Tools.asked_seconds`."""
        ...

    def may_ask(self, call: messages.ToolCall) -> float:
        """Seconds that a person may think about this call."""
        ...

    def judged(self, verdict: messages.Judged) -> None:
        """See `Tools.judged`."""

    def note(self, readings: messages.Readings) -> None:
        """See `Tools.note`."""

    def sent(self, reply: messages.ToolReply) -> None:
        """See `Tools.sent`."""

    def is_concurrent(self, call: messages.ToolCall) -> bool:
        """Whether the conversation may go on meanwhile."""
        ...

    async def answer_async(self, call: messages.ToolCall, seconds_left: float) -> messages.ToolReply:
        """Answer one call."""
        ...
