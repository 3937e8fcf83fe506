"""Which message may follow which, and how much of each: one worker's life as its host sees it, without any I/O.

Threat         A worker that speaks well-formed messages at the wrong time or without end: a result before the verdict,
               two results, calls of tools that were not offered, an answer to a question that nobody asked, an `Output`
               of one byte a million times.
What fails     Checking where a message is used: every user would have to think of every order.
What we do     One table says what may arrive in which phase, and a message of another type is refused by its head,
               before it is buffered. Counts and bytes have hard caps over the action, beside the per-frame bounds.
Gets through   Silence and slowness: the caller holds a deadline. What lies within the caps: at most `output_limit`
               bytes of text, `display_limit` of images, and calls of offered tools.

The caps here are for a hostile worker and sit above the policy's limits, which the guest and the toolbox keep with
clear messages to the action. Past a cap there is no message: `ProtocolViolation`, and the worker is killed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from safe_codeact.wire import messages as m
from safe_codeact.wire.control import ControlConversation
from safe_codeact.wire.decode import Decoder
from safe_codeact.wire.encode import frame
from safe_codeact.wire.format import MIB
from safe_codeact.wire.messages import HostMessage, WorkerMessage
from safe_codeact.wire.shapes import READINGS, Direction
from safe_codeact.wire.violation import ProtocolViolation

__all__ = ["ControlConversation", "Conversation", "Phase"]

MAX_OUTSTANDING = 16  # calls that wait for their reply: what gather() of async tools may run at once
DISPLAY_LIMIT = 64 * MIB  # all images of one action
MAX_DISPLAYS = 1_000
CALL_LIMIT = 100_000  # an action that asks again and again after its budget is spent runs into its deadline first
CALL_WEIGHT_LIMIT = 256 * MIB  # memory that the arguments of all calls may take: 64 MiB of text, for records keep them
BYTES_PER_OUTPUT = 8  # on average at least: a frame costs the host 10 µs however short its text is
FREE_OUTPUTS = 1_000


class Phase(Enum):
    """Where a worker's life stands; the value completes "while …"."""

    STARTING = "starting"
    STANDING_BY = "standing by"
    JUDGING = "judging"
    RUNNING = "running"
    FETCHING = "fetching"
    ASSIGNING = "assigning"
    DESCRIBING = "describing"
    DONE = "done"


_MAY_ARRIVE: Mapping[Phase, frozenset[type[Any]]] = {
    Phase.STARTING: frozenset({m.Ready}),
    Phase.STANDING_BY: frozenset(),
    Phase.JUDGING: frozenset({m.Judged}),
    Phase.RUNNING: frozenset({m.Output, m.Display, m.Readings, m.ToolCall, m.Finished}),
    Phase.FETCHING: frozenset({m.Fetched}),
    Phase.ASSIGNING: frozenset({m.Assigned}),
    Phase.DESCRIBING: frozenset({m.Described}),
    Phase.DONE: frozenset(),
}
_AFTER_REQUEST: Mapping[type[Any], Phase] = {
    m.Execute: Phase.JUDGING,
    m.Fetch: Phase.FETCHING,
    m.Assign: Phase.ASSIGNING,
    m.Describe: Phase.DESCRIBING,
}


class Conversation:
    """The host's side of one worker's life. `receive` what it sent, `send` what goes to it, `closed` at its end.

    `output_limit` is the hard cap on the UTF-8 bytes of all `Output` of the action, some multiple of the policy's
    `output_kb`; the other caps have defaults that no ordinary action meets.
    """

    def __init__(
        self,
        *,
        output_limit: int,
        display_limit: int = DISPLAY_LIMIT,
        call_limit: int = CALL_LIMIT,
        call_weight_limit: int = CALL_WEIGHT_LIMIT,
    ) -> None:
        self.phase = Phase.STARTING
        self.received_bytes = 0
        self.received_messages = 0
        self.output_bytes = 0
        self.is_closed = False
        self._decoder = Decoder(Direction.WORKER_TO_HOST, admit=self._admit)
        self._violation: ProtocolViolation | None = None
        self._outputs_left = FREE_OUTPUTS + output_limit // BYTES_PER_OUTPUT
        self._output_limit = output_limit
        self._display_left = display_limit
        self._displays_left = MAX_DISPLAYS
        self._call_limit = call_limit
        self._call_weight_left = call_weight_limit
        self._last_call = 0
        self._outstanding: set[int] = set()
        self._offered: frozenset[str] = frozenset()
        self._readings_left = 0

    @property
    def finished(self) -> bool:
        """Whether the worker has said its last word: the verdict of a refused action, or the answer."""
        return self.phase is Phase.DONE

    @property
    def outstanding(self) -> frozenset[int]:
        """The ids of calls without a reply yet."""
        return frozenset(self._outstanding)

    def receive(self, data: bytes) -> list[WorkerMessage]:
        """The messages that `data` completes. Raises `ProtocolViolation`, after which the worker is to be killed.

        The messages before a violation in the same data are dropped: nothing that such a worker said is acted on.
        """
        if self.is_closed:
            raise RuntimeError("Conversation.receive() after closed(): the stream has already ended")
        if self._violation is not None:
            raise self._violation
        self.received_bytes += len(data)
        taken: list[WorkerMessage] = []
        try:
            for message in self._decoder.messages(data):
                self.received_messages += 1
                _TAKE[type(message)](self, message)
                taken.append(message)  # type: ignore[arg-type]  # the decoder's direction is worker to host
        except ProtocolViolation as violation:
            self._violation = violation
            raise
        return taken

    def send(self, message: HostMessage) -> bytes:
        """The frame to write. Raises `RuntimeError` where the host is out of turn, `NotEncodable` for its content."""
        kind = type(message)
        if self.is_closed:
            raise RuntimeError(f"Conversation.send({kind.__name__}) after closed(): nobody reads it")
        if isinstance(message, m.ToolReply):
            if message.call not in self._outstanding:
                raise RuntimeError(f"ToolReply to call {message.call}, which is not outstanding")
            encoded = frame(message)
            self._outstanding.remove(message.call)
            return encoded
        if self.phase is not Phase.STANDING_BY or kind not in _AFTER_REQUEST:
            raise RuntimeError(f"Conversation.send({kind.__name__}) while {self.phase.value}: not the host's turn")
        encoded = frame(message)
        if isinstance(message, m.Execute):
            self._offered = frozenset(stub.name for stub in message.tools)
            self._readings_left = READINGS + 1 if message.seed else 0
        self.phase = _AFTER_REQUEST[kind]
        return encoded

    def closed(self) -> None:
        """The stream has ended. `phase` stays: it says what the worker was at, and a cut frame is how a kill looks."""
        self.is_closed = True

    def _admit(self, kind: type[Any]) -> None:
        if kind not in _MAY_ARRIVE[self.phase]:
            raise ProtocolViolation(f"{kind.__name__} while {self.phase.value}")
        if kind is m.ToolCall:
            if len(self._outstanding) >= MAX_OUTSTANDING:
                raise ProtocolViolation(f"more than {MAX_OUTSTANDING} tool calls at once")
            if self._last_call >= self._call_limit:
                raise ProtocolViolation(f"more than {self._call_limit} tool calls")

    def _take_ready(self, message: m.Ready) -> None:
        self.phase = Phase.STANDING_BY

    def _take_judged(self, message: m.Judged) -> None:
        allowed = message.report["allowed"]
        if allowed is bool(message.report["findings"]):
            raise ProtocolViolation("a verdict that its own findings contradict")
        self.phase = Phase.RUNNING if allowed and not message.needs else Phase.DONE

    def _take_output(self, message: m.Output) -> None:
        self.output_bytes += len(message.text.encode())
        self._outputs_left -= 1
        if self.output_bytes > self._output_limit:
            raise ProtocolViolation("more output than its hard cap")
        if self._outputs_left < 0:
            raise ProtocolViolation("output in too many pieces")

    def _take_display(self, message: m.Display) -> None:
        self._display_left -= len(message.data)
        self._displays_left -= 1
        if self._display_left < 0 or self._displays_left < 0:
            raise ProtocolViolation("more displays than their hard cap")

    def _take_readings(self, message: m.Readings) -> None:
        self._readings_left -= len(message.values) or 1
        if self._readings_left < 0:
            raise ProtocolViolation("readings that nobody records")

    def _take_call(self, message: m.ToolCall) -> None:
        if message.call != self._last_call + 1:
            raise ProtocolViolation("a tool call whose id does not count up")
        if message.name not in self._offered:
            raise ProtocolViolation("a call of a tool that was not offered")
        self._call_weight_left -= self._decoder.weight
        if self._call_weight_left < 0:
            raise ProtocolViolation("more tool arguments than their hard cap")
        self._last_call = message.call
        self._outstanding.add(message.call)

    def _take_finished(self, message: m.Finished) -> None:
        if self._outstanding:
            raise ProtocolViolation("Finished while tool calls are outstanding")
        if (message.ended == "completed" and message.error is not None) or (
            message.ended == "raised" and message.error is None
        ):
            raise ProtocolViolation("an ending that its own error contradicts")
        if not message.has_final_answer and message.final_answer is not None:
            raise ProtocolViolation("a final answer that is said not to be there")
        self.phase = Phase.DONE

    def _take_answer(self, message: m.Assigned | m.Described) -> None:
        self.phase = Phase.DONE

    def _take_fetched(self, message: m.Fetched) -> None:
        if message.problem and message.value is not None:
            raise ProtocolViolation("a value beside the reason why there is none")
        self.phase = Phase.DONE


_TAKE: Mapping[type[Any], Callable[[Conversation, Any], None]] = {
    m.Ready: Conversation._take_ready,
    m.Judged: Conversation._take_judged,
    m.Output: Conversation._take_output,
    m.Display: Conversation._take_display,
    m.Readings: Conversation._take_readings,
    m.ToolCall: Conversation._take_call,
    m.Finished: Conversation._take_finished,
    m.Fetched: Conversation._take_fetched,
    m.Assigned: Conversation._take_answer,
    m.Described: Conversation._take_answer,
}
