"""One action's journal: what it would need to come to the same place again, and what its calls have done so far.

Threat: an action that pays, waits for a person, and is run again pays twice; so does one that is begun anew because the
host died under it. What we do: a call is written down before it begins and again when it has ended, in the session's
store, in the same form as its versions; a call that is found begun and not ended may have happened, and nobody but a
person says which. What was recorded is read again as it was: the results of calls, the clock, the seed of all randomness.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from safe_codeact.errors import StoreError
from safe_codeact.wire import messages
from safe_codeact.wire.decode import unpack
from safe_codeact.wire.encode import NotEncodable, pack
from safe_codeact.wire.format import MIB, Bounds
from safe_codeact.wire.violation import ProtocolViolation

BOUNDS = Bounds(max_bytes=32 * MIB, max_nodes=2_000_000, max_depth=80, max_int_bytes=MIB)
_FORM = 1


class Diverged(Exception):
    """An action that was run again did not come to the same place."""


@dataclass(slots=True)
class Entry:
    """One call. `outcome` is "" while it is not known how it ended."""

    name: str
    args: list[Any]
    kwargs: dict[str, Any]
    outcome: str = ""
    value: Any = None
    error_type: str = ""
    error_message: str = ""
    is_record: bool = False
    _packed: bytes = b""

    def pack(self) -> bytes:
        """As it is stored; worked out once, because every later call stores it again."""
        if not self._packed:
            answer = [self.outcome, self.value, self.error_type, self.error_message, self.is_record]
            self._packed = pack([self.name, self.args, self.kwargs, *answer], BOUNDS)
        return self._packed

    def require_same(self, call: messages.ToolCall) -> None:
        """Raises `Diverged` for another call."""
        if call.name != self.name or _form([call.args, call.kwargs]) != _form([self.args, self.kwargs]):
            raise Diverged(
                f"call {call.call} was {shown(self.name, self.args, self.kwargs)} and is now "
                f"{shown(call.name, call.args, call.kwargs)}"
            )

    def reply(self, number: int) -> messages.ToolReply:
        """What the action was told."""
        return messages.ToolReply(
            call=number,
            value=self.value,
            error_type=self.error_type,
            error_message=self.error_message,
            is_record=self.is_record,
        )


@dataclass(slots=True)
class Journal:
    """`calls` are those that were made, by number; `order` is the order in which they were answered."""

    source: str
    wall_seconds: float
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    seed: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    readings: list[float] = field(default_factory=list)
    complete: bool = True  # whether the readings are all of them
    calls: dict[int, Entry] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)
    waiting: int = 0  # the call that waits for a person; 0: none does
    since: float = field(default_factory=time.time)  # seconds since 1970

    @property
    def undecided(self) -> int:
        """The call about which a person has to say something; 0: there is none."""
        begun = [number for number, entry in self.calls.items() if not entry.outcome]
        return self.waiting or (min(begun) if begun else 0)

    @property
    def state(self) -> str:
        """As `Pending.state`."""
        if self.waiting:
            return "suspended"
        return "indeterminate" if self.undecided else "interrupted"

    def begin(self, call: messages.ToolCall) -> None:
        """The call is about to happen."""
        self.calls[call.call] = Entry(call.name, call.args, call.kwargs)
        if self.waiting == call.call:
            self.waiting = 0

    def end(self, call: messages.ToolCall, reply: messages.ToolReply, outcome: str) -> None:
        """The call has happened, or was refused."""
        self.calls[call.call] = Entry(
            call.name,
            call.args,
            call.kwargs,
            outcome,
            reply.value,
            reply.error_type,
            reply.error_message,
            reply.is_record,
        )
        if self.waiting == call.call:
            self.waiting = 0

    def put_aside(self, call: messages.ToolCall) -> None:
        """The call waits, and the action with it."""
        self.calls[call.call] = Entry(call.name, call.args, call.kwargs)
        self.waiting = call.call
        self.since = time.time()

    def pack(self) -> bytes:
        """As it is stored. Raises `StoreError` where it is too large."""
        try:
            calls = [[number, entry.pack()] for number, entry in self.calls.items()]
            form = [
                _FORM, self.source, self.wall_seconds, self.id, self.seed, self.readings, self.complete, calls, self.order,
                self.waiting, self.since,
            ]  # fmt: skip
            return pack(form, BOUNDS)
        except NotEncodable as error:
            raise StoreError(f"the action's calls do not fit into its journal: {error}") from None

    @classmethod
    def unpack(cls, data: bytes) -> Journal:
        """What `pack` gave. Raises `StoreError`."""
        try:
            form, *rest = unpack(data, BOUNDS)
            if form != _FORM:
                raise ValueError(f"form {form!r}")
            source, wall, name, seed, readings, complete, calls, order, waiting, since = rest
            entries = {number: Entry(*unpack(packed, BOUNDS)) for number, packed in calls}
        except (ProtocolViolation, ValueError, TypeError) as error:
            raise StoreError(f"the journal of the session cannot be read: {error}") from None
        return cls(source, wall, name, seed, readings, complete, entries, order, waiting, since)


def _form(value: Any) -> bytes:
    return pack(value, BOUNDS)


def shown(name: str, args: list[Any], kwargs: dict[str, Any]) -> str:
    """A call as a person reads it, cut."""
    given = [repr(value) for value in args] + [f"{key}={value!r}" for key, value in kwargs.items()]
    text = f"{name}({', '.join(given)})"
    return text if len(text) <= 200 else text[:200] + "…"
