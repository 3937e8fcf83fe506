"""Tools as an action sees them: callables that ask the host, and nothing of the host behind them."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from typing import Any

from safe_codeact.guest.channel import Channel
from safe_codeact.guest.modules.event_loop import ActionLoop
from safe_codeact.guest.recording import Recording
from safe_codeact.guest.records import as_plain, as_records
from safe_codeact.wire import messages
from safe_codeact.wire.encode import NotEncodable, TooLarge


class ToolError(Exception):
    """A tool call did not go through; the message is the host's."""


_ERRORS: dict[str, type[Exception]] = {"TypeError": TypeError, "ValueError": ValueError}


MOST_AT_ONCE = 15  # the conversation allows one more: a tool that is called without waiting for these


class Calls:
    """Numbers the calls of one action, and hands each answer to whoever waits for it."""

    def __init__(self, channel: Channel, recording: Recording | None = None) -> None:
        self._channel = channel
        self._recording = recording
        self._recorded = True
        self._made = 0
        self._unanswered: dict[int, asyncio.Future[Any] | None] = {}
        self._answers: dict[int, messages.ToolReply] = {}  # of calls that wait without a loop
        self._queue: list[asyncio.Future[None]] = []
        self._asking: set[int] = set()  # calls that a person decides about

    def call(self, stub: messages.ToolStub, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Ask the host and wait. Raises `ToolError`, or `TypeError`/`ValueError` for arguments that do not fit."""
        number = self._ask(stub, args, kwargs, None)
        while number not in self._answers:
            self.wait(None)
        return _value(self._answers.pop(number))

    async def begin(
        self, loop: ActionLoop, stub: messages.ToolStub, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """As `call`, while other tasks go on."""
        while len(self._unanswered) >= MOST_AT_ONCE:
            place = loop.create_future()
            self._queue.append(place)
            await place
        answer = loop.create_future()
        loop.answers_come_from(self)
        self._ask(stub, args, kwargs, answer)
        return _value(await answer)

    @property
    def outstanding(self) -> bool:
        """Whether an answer is still to come."""
        return bool(self._unanswered)

    def wait(self, seconds: float | None) -> None:
        """Take the next answer, whosever it is, if one comes in time."""
        if not self._channel.hears(seconds):
            return
        with self._channel.masked():  # an answer that was read and not noted would be waited for for ever
            reply = self._channel.reply()
            if reply.call in self._asking:
                self._asking.discard(reply.call)
                self._channel.release(reply.asked_seconds)
            future = self._unanswered.pop(reply.call)
            if future is None:
                self._answers[reply.call] = reply
            else:
                _wake(future, reply)
            if self._queue:
                room = MOST_AT_ONCE - len(self._unanswered)
                places, self._queue = self._queue[:room], self._queue[room:]
                for place in places:
                    _wake(place, None)

    def settle(self) -> None:
        """Hear the answers that nobody waits for any more: the host has the last word on each call. It hears of the last
        readings, too: a replay comes to the end."""
        while self._unanswered:
            self.wait(None)
        with self._channel.masked():
            self._tell_readings()

    def _ask(
        self,
        stub: messages.ToolStub,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        answer: asyncio.Future[Any] | None,
    ) -> int:
        question = messages.ToolCall(call=self._made + 1, name=stub.name, args=list(args), kwargs=kwargs)
        try:
            try:
                self._send(stub, question, answer)
            except TooLarge:
                raise
            except NotEncodable:
                plain = dataclasses.replace(question, args=as_plain(question.args), kwargs=as_plain(kwargs))
                self._send(stub, plain, answer)
        except TooLarge as error:
            raise ValueError(f"{stub.name}: the arguments are too large for one call: {error}") from None
        except NotEncodable as error:
            raise TypeError(
                f"{stub.name}: a tool takes plain data (None, bool, int, float, str, bytes, list, tuple, dict): {error}"
            ) from None
        return question.call

    def _send(self, stub: messages.ToolStub, question: messages.ToolCall, answer: asyncio.Future[Any] | None) -> None:
        with self._channel.masked():  # once it is sent it is counted, whatever rings
            self._tell_readings()
            self._channel.send(question)
            self._made = question.call
            self._unanswered[question.call] = answer
            if stub.asks:
                self._asking.add(question.call)
                self._channel.hold()

    def _tell_readings(self) -> None:
        recording = self._recording
        if recording is None or not self._recorded:
            return
        values, self._recorded = recording.news(), recording.complete
        if values or not self._recorded:
            self._channel.send(messages.Readings(values=values, complete=self._recorded))


def _wake(future: asyncio.Future[Any], result: Any) -> None:
    if not future.done() and not future.get_loop().is_closed():
        future.set_result(result)


def _value(reply: messages.ToolReply) -> Any:
    if reply.error_type:
        raise _ERRORS.get(reply.error_type, ToolError)(reply.error_message)
    return as_records(reply.value) if reply.is_record else reply.value


def make_stub(stub: messages.ToolStub, calls: Calls) -> Callable[..., Any]:
    """A function with the tool's name, docstring and signature text."""

    def tool(*args: Any, **kwargs: Any) -> Any:
        loop = _running_loop() if stub.is_async else None
        if isinstance(loop, ActionLoop):
            return calls.begin(loop, stub, args, kwargs)
        if loop is not None:
            return _at_once(calls, stub, args, kwargs)
        return calls.call(stub, args, kwargs)

    tool.__name__ = tool.__qualname__ = stub.name
    tool.__doc__ = f"{stub.name}{stub.signature}\n\n{stub.description}"
    tool.__module__ = "tools"
    return tool


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


async def _at_once(calls: Calls, stub: messages.ToolStub, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return calls.call(stub, args, kwargs)
