"""JSON-RPC by lines over pipes, both ends: of a server that we started, and of the client that started us.

Threat: the other end writes a line that never ends, a line of gigabytes, a million lines a second, or nothing, and does not
leave when it is told to. What doesn't work: reading by lines, which keeps what it has of a line without a bound. What we do: at most
`most_bytes` of a line, and of whatever comes between two of our own messages, and as many lines; then the connection is over. A server
that we started is killed with its process group when the connection ends, and never waited for without a bound.
What still gets through: a server that left its process group lives on. It was never confined: it is the operator's program.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.client.stdio import get_default_environment
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

_LOG = logging.getLogger("safe_codeact.mcp")
_CHUNK = 64 * 1024
_MOST_LINES = 2_000  # between two messages of ours
_PATIENCE = 1.0  # seconds for a server to end by itself

Streams = tuple[MemoryObjectReceiveStream[SessionMessage | Exception], MemoryObjectSendStream[SessionMessage]]


class TooMuch(Exception):
    """The other end sent more than it may."""


@dataclass(slots=True)
class Meter:
    """What has come since our last message."""

    most_bytes: int
    bytes: int = 0
    lines: int = 0

    def sent(self) -> None:
        """The other end has something to answer again."""
        self.bytes = self.lines = 0

    def came(self, size: int, lines: int = 0) -> None:
        """Raises `TooMuch`."""
        self.bytes += size
        self.lines += lines
        if self.bytes > self.most_bytes or self.lines > _MOST_LINES:
            raise TooMuch(f"more than {self.most_bytes:,} bytes or {_MOST_LINES:,} messages without a question of ours")


async def _lines(source: anyio.abc.ByteReceiveStream, meter: Meter) -> AsyncIterator[bytes]:
    held = bytearray()
    with contextlib.suppress(anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError, OSError):
        while True:
            chunk = await source.receive(_CHUNK)
            meter.came(len(chunk))
            at = len(held)
            held += chunk
            while (end := held.find(b"\n", at)) >= 0:
                line, at = bytes(held[:end]), 0
                del held[: end + 1]
                if line.strip():
                    meter.came(0, 1)
                    yield line


def _parsed(line: bytes) -> SessionMessage | Exception:
    try:
        return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValueError as error:
        return error


@contextlib.asynccontextmanager
async def framed(
    source: anyio.abc.ByteReceiveStream, sink: anyio.abc.ByteSendStream, meter: Meter
) -> AsyncIterator[Streams]:
    """The message streams of one connection, as the `mcp` package wants them. Both ends stay the caller's to close."""
    to_session, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    outgoing, from_session = anyio.create_memory_object_stream[SessionMessage](0)
    gone = (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError)

    async def read() -> None:
        async with to_session:
            try:
                async for line in _lines(source, meter):
                    await to_session.send(_parsed(line))
            except TooMuch as error:
                _LOG.warning("an MCP connection is over: the other end sent %s", error)
                group.cancel_scope.cancel()  # whoever waits for it to read our answers would wait for ever
            except gone:
                pass

    async def write() -> None:
        async with from_session:
            with contextlib.suppress(*gone):
                async for message in from_session:
                    text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
                    meter.sent()
                    await sink.send(text.encode("utf-8", "backslashreplace") + b"\n")
        await to_session.aclose()  # nobody can ask any more: whoever waits for an answer hears so

    async with anyio.create_task_group() as group:
        group.start_soon(read)
        group.start_soon(write)
        try:
            yield incoming, outgoing
        finally:
            group.cancel_scope.cancel()
            for stream in (incoming, outgoing, to_session, from_session):
                stream.close()


@contextlib.asynccontextmanager
async def started(
    command: Sequence[str],
    *,
    env: dict[str, str] | None,
    cwd: str | os.PathLike[str] | None,
    stderr: Any,
    most_bytes: int,
) -> AsyncIterator[Streams]:
    """A server as a child process. It gets a few variables of our environment (PATH, HOME and the like), and `env`."""
    process = await anyio.open_process(
        list(command),
        env=get_default_environment() | (env or {}),
        cwd=None if cwd is None else Path(cwd),
        stderr=stderr,
        start_new_session=True,
    )
    try:
        if process.stdin is None or process.stdout is None:
            raise OSError("the server has no pipes")
        async with framed(process.stdout, process.stdin, Meter(most_bytes)) as streams:
            yield streams
    finally:
        with anyio.CancelScope(shield=True):
            await _ended(process)


async def _ended(process: anyio.abc.Process) -> None:
    """Its input ends, then the group is told, then killed: every wait is bounded, so it cannot hold us up."""
    if process.stdin is not None:
        with contextlib.suppress(OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
            await process.stdin.aclose()
    for number in (signal.SIGTERM, signal.SIGKILL):
        with anyio.move_on_after(_PATIENCE):
            await process.wait()
        # Also where the leader has ended: its children have its group, and the group lives as long as they do.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
    with anyio.move_on_after(_PATIENCE):
        await process.wait()
    await process.aclose()
