"""An action's calls with a journal around them: what was answered before is answered the same way, the rest happens.

Answers go back in the order in which they first did: which of two tasks is woken first decides what both do next.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Future

from safe_codeact.errors import StoreError
from safe_codeact.escaping import logger
from safe_codeact.host.apart import in_thread
from safe_codeact.host.budget import Refusal
from safe_codeact.host.exchange import PutAside
from safe_codeact.host.journal import Entry, Journal
from safe_codeact.host.tool import Decision, Tool
from safe_codeact.host.toolbox import Calls
from safe_codeact.observation import ToolRecord
from safe_codeact.wire import messages

_LOG = logger("safe_codeact.tools")


class Recorded:
    """The tools of one action. `keep` stores the journal where a call is not to be repeated if the host dies; None: its
    session does not outlive the host. `decision` is a person's, about the call that the journal says was undecided.
    """

    def __init__(
        self, calls: Calls, journal: Journal, keep: Callable[[Journal], None] | None, decision: Decision | None = None
    ) -> None:
        self._calls = calls
        self.journal = journal
        self._keep = keep
        self._lock = threading.Lock()  # async tools begin and end in threads of the crew
        self._heard = set(journal.order)
        self._again = list(journal.order)
        self._late = sorted({number for number, entry in journal.calls.items() if entry.outcome} - set(self._again))
        self._held: dict[int, tuple[messages.ToolCall, Future[messages.ToolReply]]] = {}
        self._made: set[int] = set()  # what happened, or began to, in this run
        self._undecided = journal.undecided
        self._unknown = {number for number, entry in journal.calls.items() if not entry.outcome} - {self._undecided}
        calls.begins, calls.is_kept = self._begins, keep is not None
        calls.may_wait = lambda: journal.complete
        if self._undecided and decision is not None:
            calls.decisions[self._undecided] = decision

    @property
    def records(self) -> list[ToolRecord]:
        """See `Calls.records`."""
        return self._calls.records

    @property
    def unreached(self) -> str:
        """What the action did not come to this time; "" where it came to everything."""
        missing = [number for number in (*self._again, *self._late, self._undecided, *self._unknown) if number]
        if not missing:
            return ""
        return f"it did not come to call {min(missing)}, {self.journal.calls[min(missing)].name}"

    @property
    def asked_seconds(self) -> float:
        """See `Calls.asked_seconds`."""
        return self._calls.asked_seconds

    def may_ask(self, call: messages.ToolCall) -> float:
        """See `Calls.may_ask`."""
        return self._calls.may_ask(call)

    def judged(self, verdict: messages.Judged) -> None:
        """See `Calls.judged`."""
        self._calls.judged(verdict)

    def is_unknown(self, call: messages.ToolCall) -> bool:
        """Whether the call may have happened before, and nobody has said yet."""
        return call.call in self._unknown

    def note(self, readings: messages.Readings) -> None:
        """What the action read of clocks before its next call."""
        self.journal.readings += readings.values
        self.journal.complete = self.journal.complete and readings.complete

    def sent(self, reply: messages.ToolReply) -> None:
        """The order is that of what the action has heard."""
        if reply.call not in self._heard:
            self._heard.add(reply.call)
            self.journal.order.append(reply.call)

    # ---- the conversation's side

    def is_concurrent(self, call: messages.ToolCall) -> bool:
        """See `Calls.is_concurrent`. Raises `Diverged`."""
        return self._known(call) is not None or self._calls.is_concurrent(call)

    def begin(self, call: messages.ToolCall, seconds_left: float) -> Future[messages.ToolReply] | None:
        """See `Calls.begin`. Raises `Diverged`."""
        if self._known(call) is not None:
            return self._hold(call)
        begun = self._calls.begin(call, seconds_left)
        return None if begun is None else _then(begun, lambda reply: self._ended(call, reply))

    def answer(self, call: messages.ToolCall, seconds_left: float) -> messages.ToolReply:
        """See `Calls.answer`."""
        return self._ended(call, self._calls.answer(call, seconds_left))

    async def answer_async(self, call: messages.ToolCall, seconds_left: float) -> messages.ToolReply:
        """See `Calls.answer_async`."""
        if call.call not in self._made and call.call in self.journal.calls:
            waiting = asyncio.wrap_future(self._hold(call))
            self._release()
            return await waiting
        reply = await self._calls.answer_async(call, seconds_left)
        if self._keep is None:
            return self._ended(call, reply)
        return await in_thread(self._ended, call, reply)

    # ---- what was answered before

    def _known(self, call: messages.ToolCall) -> Entry | None:
        """The entry of a call that was answered. The one that was undecided happens now; raises `PutAside` for another
        that may have happened, and `Diverged` for one that is not the same."""
        entry = self.journal.calls.get(call.call)
        if entry is None or call.call in self._made:
            return None
        entry.require_same(call)
        if call.call in self._unknown:
            raise PutAside(call)
        if call.call == self._undecided:
            self._undecided = 0
            self._made.add(call.call)
            self._release()
            return None
        return entry

    def _hold(self, call: messages.ToolCall) -> Future[messages.ToolReply]:
        held: Future[messages.ToolReply] = Future()
        self._held[call.call] = (call, held)
        return held

    def begun(self) -> None:
        """Whoever waits for what `begin` gave does so now."""
        self._release()
        self._calls.begun()

    def _release(self) -> None:
        """What the action had heard comes in that order; what had ended and it had not heard, after it got as far."""
        while True:
            if not self._again and not self._undecided and self._late:
                self._again.append(self._late.pop(0))
            if not self._again or self._again[0] not in self._held:
                return
            number = self._again.pop(0)
            made, waiting = self._held.pop(number)
            entry = self.journal.calls[number]
            reply = entry.reply(number)
            self._calls.repeat(made, entry.outcome, reply)
            waiting.set_result(reply)

    # ---- what happens now

    def _begins(self, call: messages.ToolCall, tool: Tool) -> None:
        with self._lock:
            self._made.add(call.call)
            self.journal.begin(call)
            if self._keep is not None and not tool.read_only:
                try:
                    self._keep(self.journal)
                except StoreError as error:
                    del self.journal.calls[call.call]
                    _LOG.error("a call of %r could not be written down", call.name, exc_info=error)
                    raise Refusal(f"{call.name} was not called: the call could not be written down first") from None

    def _ended(self, call: messages.ToolCall, reply: messages.ToolReply) -> messages.ToolReply:
        """After it: a host that dies now finds the call ended, or at least begun."""
        with self._lock:
            began = call.call in self.journal.calls
            self._made.add(call.call)
            self.journal.end(call, reply, self._calls.outcome_of(call.call))
            if self._keep is not None and began and self._calls.has_effect(call.name):
                with contextlib.suppress(StoreError):  # it was begun, and will be found so
                    self._keep(self.journal)
        return reply


def _then(
    begun: Future[messages.ToolReply], after: Callable[[messages.ToolReply], messages.ToolReply]
) -> Future[messages.ToolReply]:
    """`begun`, with `after` done before anybody hears of its end."""
    ended: Future[messages.ToolReply] = Future()

    def finish(done: Future[messages.ToolReply]) -> None:
        try:
            ended.set_result(after(done.result()))
        except BaseException as error:
            ended.set_exception(error)

    begun.add_done_callback(finish)
    return ended


class NoTools:
    """For requests that run no action: the conversation forbids tool calls there."""

    asked_seconds = 0.0

    def may_ask(self, call: messages.ToolCall) -> float:
        """See `answer`."""
        return 0.0

    def judged(self, verdict: messages.Judged) -> None:
        """See `answer`."""

    def note(self, readings: messages.Readings) -> None:
        """See `answer`."""

    def sent(self, reply: messages.ToolReply) -> None:
        """See `answer`."""

    def begin(self, call: messages.ToolCall, seconds_left: float) -> None:
        """See `answer`."""

    def begun(self) -> None:
        """See `answer`."""

    def is_concurrent(self, call: messages.ToolCall) -> bool:
        """See `answer`."""
        return False

    def answer(self, call: messages.ToolCall, seconds_left: float) -> messages.ToolReply:
        """Never called."""
        raise RuntimeError("a tool call outside an action: the conversation forbids it")

    async def answer_async(self, call: messages.ToolCall, seconds_left: float) -> messages.ToolReply:
        """Never called."""
        return self.answer(call, seconds_left)


NO_TOOLS = NoTools()
