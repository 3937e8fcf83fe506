"""One request and its answer: two pumps, a blocking one and an asynchronous one, over one sans-IO conversation.

What either pump does with a message is the same (`Transcript.take`); they differ only in how they wait. Time is bounded
by one hard deadline: whatever the worker does or does not send, the pump ends.

When it returns, the worker was killed: it finishes at most the system call that it is in, and cannot act any more.
Tearing down its memory takes the kernel milliseconds (a large policy's zygote is mapped there), and those belong to
nobody's answer: after a last word its usage is read from /proc, and the launcher buries it meanwhile. Only where there
was no last word is its wait status waited for, because it says why.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from safe_codeact.host.answers import AsyncTools, Tools
from safe_codeact.host.background import Background
from safe_codeact.host.journal import Diverged
from safe_codeact.host.line import Line
from safe_codeact.host.worker import Worker
from safe_codeact.wire import messages
from safe_codeact.wire.violation import ProtocolViolation

_CHUNK = 64 * 1024  # as `host.line` has it
EXIT_SECONDS = 2.0  # from the end of its stream to the end of the process; then it is killed

Request = messages.Execute | messages.Fetch | messages.Assign | messages.Describe


class PutAside(BaseException):
    """Nobody can answer this call now: the action ends, to be run again when somebody can."""

    def __init__(self, call: messages.ToolCall) -> None:
        super().__init__(call)
        self.call = call


@dataclass(slots=True)
class Transcript:
    """Everything that was heard, and how it ended."""

    judged: messages.Judged | None = None
    stdout: list[str] = field(default_factory=list)
    stderr: list[str] = field(default_factory=list)
    displays: list[messages.Display] = field(default_factory=list)
    answer: messages.Finished | messages.Fetched | messages.Assigned | messages.Described | None = None
    violation: str = ""
    waiting: messages.ToolCall | None = None  # the call that it was put aside for
    diverged: str = ""  # where an action that was run again came to something else
    overran: bool = False  # the hard deadline ended it
    overfilled: str = ""  # the workspace's quota ended it: what was over
    too_much: bool = False  # the output limit ended it
    forbidden: messages.Forbidden | None = None  # the call that the filter stopped, by the zygote's word
    exited: messages.Exited | None = None

    @property
    def ended_by_host(self) -> bool:
        """Whether it was we who had enough."""
        return bool(self.overran or self.too_much or self.violation or self.diverged or self.waiting is not None)

    def take(self, message: messages.WorkerMessage, tools: Tools | AsyncTools) -> messages.ToolCall | None:
        """Note one message; a tool call is handed back, because answering it may wait."""
        match message:
            case messages.ToolCall():
                return message
            case messages.Judged():
                self.judged = message
                tools.judged(message)
            case messages.Output(stream="stdout"):
                self.stdout.append(message.text)
            case messages.Output():
                self.stderr.append(message.text)
            case messages.Display():
                self.displays.append(message)
            case messages.Readings():
                tools.note(message)
            case messages.Finished() | messages.Fetched() | messages.Assigned() | messages.Described():
                self.answer = message
        return None


@dataclass(frozen=True, slots=True)
class Bounds:
    """`seconds` is the hard deadline; `output_bytes` ends the action when it is exceeded (None: it was cut inside)."""

    seconds: float
    output_bytes: int | None = None


class _Meter:
    def __init__(self, bounds: Bounds) -> None:
        self._left = bounds.output_bytes

    def exceeded(self, message: messages.WorkerMessage) -> bool:
        if self._left is None or not isinstance(message, messages.Output):
            return False
        self._left -= len(message.text.encode("utf-8"))
        return self._left < 0


def _first_frame(worker: Worker, request: Request, descriptors: Sequence[int]) -> bytes:
    """Send the descriptors with the frame's first bytes; what is left to send comes back."""
    frame = worker.conversation.send(request)
    if not descriptors:
        return frame
    sent = socket.send_fds(worker.connection, [frame[:4]], list(descriptors))
    return frame[sent:]


def converse(
    worker: Worker,
    request: Request,
    descriptors: Sequence[int],
    bounds: Bounds,
    tools: Tools,
) -> Transcript:
    """The blocking pump."""
    transcript = Transcript()
    try:
        with contextlib.closing(Background(worker.connection)) as background:
            _pump(worker, request, descriptors, bounds, tools, background, transcript)
    except TimeoutError:
        transcript.overran = True
    except ProtocolViolation as violation:
        transcript.violation = str(violation)
    except PutAside as aside:
        transcript.waiting = aside.call
    except Diverged as difference:
        transcript.diverged = str(difference)
    except OSError:
        pass  # the worker is gone; its exit status says why
    except BaseException:
        worker.end()
        _wait(worker)
        raise
    transcript.exited = _settled(worker, transcript) or _wait(worker, transcript)
    transcript.overfilled, transcript.forbidden = worker.over, worker.forbidden
    return transcript


def _pump(
    worker: Worker,
    request: Request,
    descriptors: Sequence[int],
    bounds: Bounds,
    tools: Tools,
    background: Background,
    transcript: Transcript,
) -> None:
    meter = _Meter(bounds)
    began = time.monotonic()

    def deadline() -> float:
        return began + bounds.seconds + tools.asked_seconds

    conversation = worker.conversation
    line = Line(worker.connection, deadline)
    line.send(_first_frame(worker, request, descriptors))
    while not conversation.finished:
        replies = background.replies(deadline)
        for reply in replies:
            line.send(conversation.send(reply))
            tools.sent(reply)
        if replies:
            continue
        data = line.receive()
        if not data:
            return
        for message in conversation.receive(data):
            call = transcript.take(message, tools)
            if call is not None:
                left = deadline() - time.monotonic()
                begun = tools.begin(call, left)
                if begun is not None:
                    background.add(begun)
                    tools.begun()
                    continue
                try:
                    reply = tools.answer(call, left)
                except PutAside:
                    background.finish(deadline())
                    raise
                line.send(conversation.send(reply))
                tools.sent(reply)
            elif meter.exceeded(message):
                transcript.too_much = True
                return


def _settled(worker: Worker, transcript: Transcript) -> messages.Exited | None:
    """Kill a worker that has nothing more to say, or may not; its usage, where it need not be waited for."""
    if worker.conversation.finished:
        used = worker.used()
        worker.end()
        return used
    if transcript.ended_by_host:
        worker.end()
    return None


def _wait(worker: Worker, transcript: Transcript | None = None) -> messages.Exited | None:
    """How it ended. None when even the zygote does not tell: it is killed all the same."""
    for _attempt in range(2):
        try:
            return worker.exited.result(EXIT_SECONDS)
        except TimeoutError:
            _lingers(worker, transcript)
    return None


def _lingers(worker: Worker, transcript: Transcript | None) -> None:
    if transcript is not None and not _was_ended(worker, transcript):
        transcript.violation = "it closed its connection and went on"
    worker.end()


def _was_ended(worker: Worker, transcript: Transcript) -> bool:
    return worker.conversation.finished or transcript.ended_by_host


async def converse_async(
    worker: Worker,
    request: Request,
    descriptors: Sequence[int],
    bounds: Bounds,
    tools: AsyncTools,
) -> Transcript:
    """The asynchronous pump. Cancelled, it kills the worker and waits for its end before it lets the cancel through."""
    transcript = Transcript()
    try:
        await _pump_async(worker, request, descriptors, bounds, tools, transcript)
    except TimeoutError:
        transcript.overran = True
    except ProtocolViolation as violation:
        transcript.violation = str(violation)
    except PutAside as aside:
        transcript.waiting = aside.call
    except Diverged as difference:
        transcript.diverged = str(difference)
    except OSError:
        pass  # the worker is gone; its exit status says why
    except BaseException:
        worker.end()
        await asyncio.wait([asyncio.ensure_future(_wait_async(worker))])  # a second cancel does not wait for the burial
        raise
    transcript.exited = _settled(worker, transcript) or await _wait_async(worker, transcript)
    transcript.overfilled, transcript.forbidden = worker.over, worker.forbidden
    return transcript


async def _pump_async(
    worker: Worker,
    request: Request,
    descriptors: Sequence[int],
    bounds: Bounds,
    tools: AsyncTools,
    transcript: Transcript,
) -> None:
    begun: set[asyncio.Task[None]] = set()
    try:
        await _hear_async(worker, request, descriptors, bounds, tools, transcript, begun)
    finally:
        for task in begun:
            task.cancel()
        await asyncio.gather(*begun, return_exceptions=True)


async def _hear_async(
    worker: Worker,
    request: Request,
    descriptors: Sequence[int],
    bounds: Bounds,
    tools: AsyncTools,
    transcript: Transcript,
    begun: set[asyncio.Task[None]],
) -> None:
    meter = _Meter(bounds)
    loop = asyncio.get_running_loop()
    connection = worker.connection
    connection.setblocking(False)
    began = loop.time()
    writing = asyncio.Lock()  # one frame at a time

    def deadline() -> float:
        return began + bounds.seconds + tools.asked_seconds

    async def answer(call: messages.ToolCall) -> None:
        reply = await tools.answer_async(call, deadline() - loop.time())
        async with writing:
            await loop.sock_sendall(connection, worker.conversation.send(reply))
            tools.sent(reply)

    async with asyncio.timeout_at(deadline()) as limit:
        await loop.sock_sendall(connection, _first_frame(worker, request, descriptors))
        while not worker.conversation.finished:
            data = await loop.sock_recv(connection, _CHUNK)
            if not data:
                return
            for message in worker.conversation.receive(data):
                call = transcript.take(message, tools)
                if call is not None and tools.is_concurrent(call):
                    begun.add(task := asyncio.create_task(answer(call)))
                    task.add_done_callback(begun.discard)
                elif call is not None:
                    limit.reschedule(deadline() + tools.may_ask(call))
                    try:
                        await answer(call)
                    except PutAside:
                        await asyncio.gather(*begun, return_exceptions=True)  # as `Background.finish`
                        raise
                    limit.reschedule(deadline())
                elif meter.exceeded(message):
                    transcript.too_much = True
                    return


async def _wait_async(worker: Worker, transcript: Transcript | None = None) -> messages.Exited | None:
    exited = asyncio.wrap_future(worker.exited)
    for _attempt in range(2):
        try:
            return await asyncio.wait_for(asyncio.shield(exited), EXIT_SECONDS)
        except TimeoutError:
            _lingers(worker, transcript)
        except asyncio.CancelledError:
            worker.end()
            raise
    return None


def ended_by_signal(exited: messages.Exited) -> int:
    """The signal that ended a worker, or 0."""
    return os.WTERMSIG(exited.status) if os.WIFSIGNALED(exited.status) else 0


def close_quietly(descriptors: Sequence[int]) -> None:
    """Close descriptors that a worker has its own copies of."""
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)
