"""`safe-codeact mcp`: the server over standard input and output, or over HTTP.

Nobody is authenticated. Over pipes the client is whoever started us. Over HTTP it is whoever reaches the port: every user and
program of the machine for a loopback address, and for any other address the network. Requests of web pages are refused on a loopback
address by their Host and Origin headers (else any page that the user looks at could call it).
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import anyio
import anyio.abc
import uvicorn
from mcp.server.transport_security import TransportSecuritySettings
from starlette.types import ASGIApp, Receive, Scope, Send

from safe_codeact import AsyncRuntime, Policy, SafeCodeActError
from safe_codeact.mcp import pipes
from safe_codeact.mcp.server import _server
from safe_codeact.mcp.sessions import Sessions

PATH = "/mcp"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_MOST_BYTES = 16 * 1024 * 1024
_MOST_WORKERS = 8
_IDLE_SECONDS = 1800.0
_FAREWELL_SECONDS = 2


def serve_pipes(policy: Policy, max_sessions: int) -> None:
    """Serve one client over standard input and output, until its end of input, SIGTERM or Ctrl-C. What is printed goes to stderr."""
    asyncio.run(_until_told(lambda: _pipes(policy, max_sessions)))


def serve_web(policy: Policy, host: str, port: int, max_sessions: int) -> None:
    """Serve clients over HTTP until SIGTERM or Ctrl-C. Raises `OSError` where the address cannot be had."""
    with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET) as listening:
        # uvicorn ends on SIGTERM, and then raises it once more: that must not end us before the runtime's processes and files.
        before = signal.signal(signal.SIGTERM, lambda _number, _frame: None)
        try:
            asyncio.run(_web(policy, host, listening, max_sessions))
        finally:
            signal.signal(signal.SIGTERM, before)


async def _until_told(serve: Callable[[], Awaitable[None]]) -> None:
    task = asyncio.ensure_future(serve())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        if (ours := asyncio.current_task()) is not None and ours.cancelling():
            raise


@contextlib.asynccontextmanager
async def _opening(policy: Policy) -> AsyncIterator[AsyncRuntime]:
    """A runtime that may be used at once: what the policy preloads takes seconds, and clients are impatient about greetings.

    Raises what keeps it from being opened, also when that turns out while it is used.
    """
    runtime = AsyncRuntime(policy, max_workers=_MOST_WORKERS)
    try:
        async with asyncio.TaskGroup() as group:
            opening = group.create_task(runtime.__aenter__())
            yield runtime
            opening.cancel()
    except BaseExceptionGroup as group:
        problem = next((error for error in group.exceptions if isinstance(error, SafeCodeActError)), None)
        if problem is None:
            raise
        raise problem from None
    finally:
        await runtime.close()


async def _pipes(policy: Policy, max_sessions: int) -> None:
    with _standard_streams() as (source, sink):
        async with _opening(policy) as runtime:
            server = _server(runtime, Sessions(runtime, max_sessions))
            async with pipes.framed(source, sink, pipes.Meter(_MOST_BYTES)) as (incoming, outgoing):
                await server.run(incoming, outgoing, server.create_initialization_options())


async def _web(policy: Policy, host: str, listening: socket.socket, max_sessions: int) -> None:
    address = f"http://{f'[{host}]' if ':' in host else host}:{listening.getsockname()[1]}{PATH}"
    async with _opening(policy) as runtime:
        sessions = Sessions(runtime, max_sessions)
        server = _server(runtime, sessions)
        app = server.streamable_http_app(
            streamable_http_path=PATH,
            json_response=True,
            session_idle_timeout=_IDLE_SECONDS,
            max_sessions=4 * max_sessions,
            host=host,
            transport_security=None
            if host in _LOOPBACK
            else TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )
        config = uvicorn.Config(
            _forgetting(app, sessions),
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=_FAREWELL_SECONDS,
            limit_concurrency=256,
            lifespan="on",
        )
        print(f"safe-codeact: MCP server of policy {policy.name} at {address}", file=sys.stderr, flush=True)
        if host not in _LOOPBACK:
            print(
                "safe-codeact: nobody is authenticated: whoever reaches this address can run code.",
                file=sys.stderr,
                flush=True,
            )
        await uvicorn.Server(config).serve(sockets=[listening])


def _forgetting(app: ASGIApp, sessions: Sessions) -> ASGIApp:
    """A client that says goodbye (DELETE) leaves no session behind."""

    async def passed(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)
        if scope["type"] == "http" and scope["method"] == "DELETE":
            for name, value in scope["headers"]:
                if name == b"mcp-session-id":
                    await sessions.end(f"web {value.decode('latin-1')}")

    return passed


@contextlib.contextmanager
def _standard_streams() -> Iterator[tuple[_Source, _Sink]]:
    """The client's ends of standard input and output. Whatever else is printed meanwhile goes to standard error."""
    reading, writing = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.dup2(2, 1)
    os.close(nowhere)
    try:
        yield _Source(reading), _Sink(writing)
    finally:
        sys.stdout.flush()
        os.dup2(reading, 0)
        os.dup2(writing, 1)


async def _in_thread(function: Callable[[], object]) -> object:
    """A blocking call that may never return: in a daemon thread, which holds up neither a cancellation nor our end."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[object] = loop.create_future()

    def settle(result: object, error: BaseException | None) -> None:
        if not done.done():
            done.set_exception(error) if error is not None else done.set_result(result)

    def run() -> None:
        result, error = None, None
        try:
            result = function()
        except OSError as problem:
            error = problem
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name="safe_codeact pipe", daemon=True).start()
    return await done


class _Source(anyio.abc.ByteReceiveStream):
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    async def receive(self, max_bytes: int = 65536) -> bytes:
        chunk = await _in_thread(lambda: os.read(self._descriptor, max_bytes))
        if not isinstance(chunk, bytes) or not chunk:
            raise anyio.EndOfStream
        return chunk

    async def aclose(self) -> None:
        """The descriptor stays: a thread may still read it."""


class _Sink(anyio.abc.ByteSendStream):
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    async def send(self, item: bytes) -> None:
        left = memoryview(item)
        while left:
            written = await _in_thread(functools.partial(os.write, self._descriptor, left))
            left = left[written if isinstance(written, int) else len(left) :]

    async def aclose(self) -> None:
        """The descriptor stays: a thread may still write it."""
