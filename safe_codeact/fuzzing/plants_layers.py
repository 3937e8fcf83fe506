"""Holes in what the host believes and what a session keeps: decoder, conversation, store, versions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from safe_codeact.fuzzing.holes import Everything, Hole, exchange

_MANY = 10**9

# ---- the wire


def _bounds_dropped(name: str) -> None:
    """One bound of every value is not looked at."""
    from safe_codeact.wire import decode

    read = decode._read_value

    def unbounded(data: bytes, at: int, end: int, bounds: Any) -> Any:
        return read(data, at, end, replace(bounds, **{name: _MANY}))

    exchange(decode, "_read_value", unbounded)


def _collisions_taken() -> None:
    from safe_codeact.wire import decode

    exchange(decode, "is_crowded", lambda keys: False)


def _tuples_half_full() -> None:
    from safe_codeact.wire import decode

    exchange(decode, "_as_tuple", lambda items, at, stop: tuple(items))


def _same_key_twice() -> None:
    from safe_codeact.wire import decode

    def careless(items: list[Any], at: int, stop: int) -> dict[Any, Any]:
        if decode.is_crowded([key for key in items[0::2] if not isinstance(key, list | dict)]):
            raise decode.ProtocolViolation("keys chosen to collide")
        try:
            return dict(zip(items[0::2], items[1::2], strict=True))
        except TypeError:
            raise decode.ProtocolViolation("a key that cannot be hashed") from None

    exchange(decode, "_as_dict", careless)


def _goes_on_after_a_violation() -> None:
    from safe_codeact.wire import decode

    feed = decode.Decoder.messages

    def forgiving(self: Any, chunk: bytes) -> Iterator[Any]:
        self._violation = None
        yield from feed(self, chunk)

    exchange(decode.Decoder, "messages", forgiving)


def _quotes_the_sender() -> None:
    from safe_codeact.wire import decode

    read = decode.read_body

    def quoting(shape: Any, data: bytes, at: int) -> Any:
        try:
            return read(shape, data, at)
        except decode.ProtocolViolation as violation:
            raise decode.ProtocolViolation(f"{violation.reason}: {data!r}") from None

    exchange(decode, "read_body", quoting)


def _any_turn() -> None:
    from safe_codeact.wire import conversation

    everything = frozenset(kind for kinds in conversation._MAY_ARRIVE.values() for kind in kinds)
    exchange(conversation, "_MAY_ARRIVE", dict.fromkeys(conversation._MAY_ARRIVE, everything))


def _constant(name: str, value: Any) -> None:
    from safe_codeact.wire import conversation

    exchange(conversation, name, value)


def _output_without_end() -> None:
    from safe_codeact.wire import conversation

    exchange(conversation, "_TAKE", {**conversation._TAKE, conversation.m.Output: lambda self, message: None})


def _tools_by_any_name() -> None:
    from safe_codeact.wire import conversation

    send = conversation.Conversation.send

    def offering(self: Any, message: Any) -> bytes:
        encoded = send(self, message)
        self._offered = Everything()
        return encoded

    exchange(conversation.Conversation, "send", offering)


def _believes_what_came_before() -> None:
    """An answer in the same breath as a violation is kept."""
    from safe_codeact.wire import conversation, messages

    receive = conversation.Conversation.receive

    def believing(self: Any, data: bytes) -> Any:
        try:
            return receive(self, data)
        except conversation.ProtocolViolation:
            return [messages.Finished("completed", None, None, {}, -1, [], 0, False, None)]

    exchange(conversation.Conversation, "receive", believing)


# ---- what a session keeps


def _seals_unchecked() -> None:
    from safe_codeact.host.stores import database

    exchange(database, "_is", lambda given, expected: True)


def _blobs_unsealed() -> None:
    """A seal of a blob covers its number and not its bytes."""
    import hmac

    from safe_codeact.host.stores import seal

    class Deaf:
        def __init__(self, sealed: hmac.HMAC) -> None:
            self._sealed = sealed

        def update(self, _data: bytes) -> None:
            return None

        def digest(self) -> bytes:
            return self._sealed.digest()

    begin = seal.Seal.begin

    def deaf(self: Any, kind: Any, *parts: Any) -> Any:
        sealed = begin(self, kind, *parts)
        return Deaf(sealed) if kind == "blob" else sealed

    exchange(seal.Seal, "begin", deaf)


def _fork_is_the_same() -> None:
    from safe_codeact.host import state

    exchange(state.SessionState, "fork", lambda self: self)


def _restore_forgets_files() -> None:
    from safe_codeact.host import state

    become = state.SessionState._become

    def forgetful(self: Any, saved: Any) -> None:
        become(self, replace(saved, files=self._saved.files))

    exchange(state.SessionState, "_become", forgetful)


def _files_of_the_dead_stay() -> None:
    from safe_codeact.host import state

    def staying(self: Any, now: Any = None) -> None:
        if self._tracked is not None:
            self._tracked.items = self._tracked.look()
            self._tracked.is_stale = False

    exchange(state.SessionState, "_mend", staying)


def _names_of_the_raised_are_lost() -> None:
    from safe_codeact.host import state

    kept = state.keeps_state
    exchange(state, "keeps_state", lambda transcript, outcome: kept(transcript, outcome) and outcome != "raised")


def _closing_keeps() -> None:
    from safe_codeact.host.stores import sqlite

    exchange(sqlite._DatabaseStore, "forget", lambda self, session_id, version=None: None)


def _checkpoints_move() -> None:
    """A checkpoint is whatever the session holds by now."""
    from safe_codeact.host import lineage

    at = lineage.Lineage.at

    def moving(self: Any, checkpoint: str) -> Any:
        at(self, checkpoint)
        return self.saved

    exchange(lineage.Lineage, "at", moving)


def _any_name_may_be_restored() -> None:
    import importlib

    from safe_codeact.guest.namespace import loading

    def resolve(module: str, qualname: str, known: Any) -> Any:
        found: Any = importlib.import_module(module)
        for part in qualname.split("."):
            found = getattr(found, part)
        return found

    exchange(loading, "resolve", resolve)


def _views_are_copies() -> None:
    from safe_codeact.guest.namespace import arrays

    exchange(arrays, "_reduce_view", lambda numpy, array, base: None)


def _arrays_come_back_writeable() -> None:
    from safe_codeact.guest.namespace import arrays

    load = arrays.load_array

    def writeable(memory: Any, dtype: Any, shape: Any, order: str, _writeable: bool) -> Any:
        return load(memory, dtype, shape, order, True)

    exchange(arrays, "load_array", writeable)


HOLES: tuple[Hole, ...] = (
    Hole(name="a value may be nested without end", target="decoder-values", sides=("host",), make=lambda: _bounds_dropped("max_depth"), sample=True),
    Hole(name="an int may have any length", target="decoder", sides=("host",), make=lambda: _bounds_dropped("max_int_bytes")),
    Hole(name="keys that collide are taken", target="decoder-values", sides=("host",), make=_collisions_taken),
    Hole(name="a tuple need not fill its extension", target="decoder-values", sides=("host",), make=_tuples_half_full),
    Hole(name="the same key twice is taken", target="decoder-values", sides=("host",), make=_same_key_twice),
    Hole(name="the decoder goes on after a violation", target="decoder", sides=("host",), make=_goes_on_after_a_violation),
    Hole(name="a refusal quotes the sender", target="decoder", sides=("host",), make=_quotes_the_sender),
    Hole(name="any message in any turn", target="conversation", sides=("host",), make=_any_turn, sample=True),
    Hole(name="any number of calls at once", target="conversation", sides=("host",), make=lambda: _constant("MAX_OUTSTANDING", _MANY)),
    Hole(name="output has no hard cap", target="conversation", sides=("host",), make=_output_without_end),
    Hole(name="tools that were not offered are called", target="conversation", sides=("host",), make=_tools_by_any_name),
    Hole(name="an answer beside a violation is kept", target="conversation", sides=("host",), make=_believes_what_came_before),
    Hole(name="seals of a store are not checked", target="store", sides=("host",), make=_seals_unchecked, sample=True),
    Hole(name="a blob's seal does not cover its bytes", target="store", sides=("host",), make=_blobs_unsealed),
    Hole(name="a fork is the session itself", target="sessions", sides=("host",), make=_fork_is_the_same),
    Hole(name="restoring forgets files", target="sessions", sides=("host",), make=_restore_forgets_files),
    Hole(name="files of an action that died stay", target="sessions", sides=("host",), make=_files_of_the_dead_stay, sample=True),
    Hole(name="names of an action that raised are lost", target="sessions", sides=("host",), make=_names_of_the_raised_are_lost),
    Hole(name="a closed session stays in the store", target="sessions", sides=("host",), make=_closing_keeps),
    Hole(name="a checkpoint moves on", target="sessions", sides=("host",), make=_checkpoints_move),
    Hole(name="a state may name anything", target="snapshots-hostile", make=_any_name_may_be_restored),
    Hole(name="views of arrays come back as copies", target="snapshots", make=_views_are_copies),
    Hole(name="arrays come back writeable", target="snapshots", make=_arrays_come_back_writeable),
)  # fmt: skip
