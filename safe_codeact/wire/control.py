"""The host's side of one zygote's life: Configure → Prepared, then forks and exits. Without any I/O.

The zygote never runs model code, so it is not hostile. It is held to its turns all the same: the host verifies, kills
and reaps by the pids that it names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from safe_codeact.wire import messages as m
from safe_codeact.wire.decode import Decoder
from safe_codeact.wire.encode import frame
from safe_codeact.wire.messages import ZygoteMessage
from safe_codeact.wire.shapes import Direction
from safe_codeact.wire.violation import ProtocolViolation


class ControlPhase(Enum):
    """Where a zygote's life stands; the value completes "while …"."""

    STARTING = "starting"
    PREPARING = "preparing"
    FORKING = "forking"
    FAILED = "failed"


_MAY_ARRIVE: Mapping[ControlPhase, frozenset[type[Any]]] = {
    ControlPhase.STARTING: frozenset({m.Failed}),
    ControlPhase.PREPARING: frozenset({m.Prepared, m.Failed}),
    ControlPhase.FORKING: frozenset({m.Forked, m.Forbidden, m.Exited, m.Failed}),
    ControlPhase.FAILED: frozenset(),
}


class ControlConversation:
    """`receive` what the zygote sent, `send` Configure once and then Fork, `closed` at the end of its stream."""

    def __init__(self) -> None:
        self.phase = ControlPhase.STARTING
        self.is_closed = False
        self._decoder = Decoder(Direction.ZYGOTE_TO_HOST, admit=self._admit)
        self._violation: ProtocolViolation | None = None
        self._orders: set[int] = set()
        self._alive: set[int] = set()
        self._stopped: set[int] = set()

    @property
    def finished(self) -> bool:
        """Whether the zygote said that it cannot go on."""
        return self.phase is ControlPhase.FAILED

    @property
    def orders(self) -> frozenset[int]:
        """Forks that were ordered and not yet made."""
        return frozenset(self._orders)

    @property
    def alive(self) -> frozenset[int]:
        """Pids that were forked and not yet reaped."""
        return frozenset(self._alive)

    def receive(self, data: bytes) -> list[ZygoteMessage]:
        """The messages that `data` completes. Raises `ProtocolViolation`."""
        if self.is_closed:
            raise RuntimeError("ControlConversation.receive() after closed(): the stream has already ended")
        if self._violation is not None:
            raise self._violation
        taken: list[ZygoteMessage] = []
        try:
            for message in self._decoder.messages(data):
                _TAKE[type(message)](self, message)
                taken.append(message)  # type: ignore[arg-type]  # the decoder's direction is zygote to host
        except ProtocolViolation as violation:
            self._violation = violation
            raise
        return taken

    def send(self, message: m.Configure | m.Fork) -> bytes:
        """The frame to write. Raises `RuntimeError` where the host is out of turn, `NotEncodable` for its content."""
        turn = ControlPhase.STARTING if isinstance(message, m.Configure) else ControlPhase.FORKING
        if self.is_closed or self.phase is not turn or not isinstance(message, m.Configure | m.Fork):
            state = "closed" if self.is_closed else self.phase.value
            raise RuntimeError(f"ControlConversation.send({type(message).__name__}) while {state}: not the host's turn")
        if isinstance(message, m.Fork) and message.order in self._orders:
            raise RuntimeError(f"Fork with order {message.order}, which is outstanding already")
        encoded = frame(message)
        if isinstance(message, m.Fork):
            self._orders.add(message.order)
        else:
            self.phase = ControlPhase.PREPARING
        return encoded

    def closed(self) -> None:
        """The stream has ended: the zygote is gone."""
        self.is_closed = True

    def _admit(self, kind: type[Any]) -> None:
        if kind not in _MAY_ARRIVE[self.phase]:
            raise ProtocolViolation(f"{kind.__name__} while {self.phase.value}")

    def _take_prepared(self, message: m.Prepared) -> None:
        self.phase = ControlPhase.FORKING

    def _take_forked(self, message: m.Forked) -> None:
        if message.order not in self._orders:
            raise ProtocolViolation("Forked for an order that was not given")
        if message.pid in self._alive:
            raise ProtocolViolation("Forked with the pid of a worker that is still there")
        self._orders.remove(message.order)
        self._alive.add(message.pid)

    def _take_forbidden(self, message: m.Forbidden) -> None:
        if message.pid not in self._alive:
            raise ProtocolViolation("Forbidden for a pid that was not forked, or is gone")
        if message.pid in self._stopped:
            raise ProtocolViolation("Forbidden a second time for one worker")
        self._stopped.add(message.pid)

    def _take_exited(self, message: m.Exited) -> None:
        if message.pid not in self._alive:
            raise ProtocolViolation("Exited for a pid that was not forked, or is gone")
        self._alive.remove(message.pid)
        self._stopped.discard(message.pid)

    def _take_failed(self, message: m.Failed) -> None:
        self.phase = ControlPhase.FAILED


_TAKE: Mapping[type[Any], Callable[[ControlConversation, Any], None]] = {
    m.Prepared: ControlConversation._take_prepared,
    m.Forked: ControlConversation._take_forked,
    m.Forbidden: ControlConversation._take_forbidden,
    m.Exited: ControlConversation._take_exited,
    m.Failed: ControlConversation._take_failed,
}
