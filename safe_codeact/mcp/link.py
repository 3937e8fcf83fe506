"""One connection to an MCP server: an event loop in a thread of its own, which calls from any thread and any loop share.

The `mcp` package wants one loop for a connection's whole life; a tool of ours is called in whatever thread or loop the runtime
has at hand. So the loop is here, and a call is handed over to it.

The high-level calls of the package are not used for lists and calls: they check results against the server's own output
schemas, with a library that follows `$ref`s in circles and matches patterns for ever, in a thread that holds the interpreter.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import CancelledError, Future
from typing import Any

from mcp import Client, MCPError
from mcp_types import CallToolRequest, CallToolRequestParams, ListToolsRequest, PaginatedRequestParams, Result
from pydantic import ConfigDict

from safe_codeact.mcp.results import ToolFailed, failure

_LOG = logging.getLogger("safe_codeact.mcp")
_MOST_PAGES = 100
_FAREWELL = 10.0  # seconds for the thread to end: the server is killed before

Transport = Callable[[], contextlib.AbstractAsyncContextManager[Any]]


class _Answer(Result):
    """A result as it came: we read it ourselves."""

    model_config = ConfigDict(extra="allow")


class Link:
    """The connection. `open` and `close` once each; `call` from anywhere in between."""

    def __init__(self, transport: Transport, timeout: float, most_tools: int) -> None:
        self._transport = transport
        self._timeout = timeout
        self._most_tools = most_tools
        self._loop: asyncio.AbstractEventLoop | None = None
        self._life: asyncio.Task[Any] | None = None
        self._client: Client | None = None
        self._is_closing = False
        self._listed: Future[list[dict[str, Any]]] = Future()
        self._thread = threading.Thread(target=self._run, name="safe_codeact mcp", daemon=True)

    def open(self) -> list[dict[str, Any]]:
        """Connect, and list the tools as the server describes them. Raises what went wrong."""
        self._thread.start()
        try:
            return self._listed.result()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the connection and the server that was started for it. Calls that wait for an answer fail."""
        self._is_closing = True
        loop, life = self._loop, self._life
        if loop is not None and life is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended by itself
                loop.call_soon_threadsafe(life.cancel)
        self._thread.join(_FAREWELL)

    async def call(self, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The result of a `tools/call` as it came. Raises `ToolFailed`."""
        loop = self._loop
        if loop is None or self._client is None or not self._thread.is_alive():
            raise ToolFailed("the connection to the MCP server is closed")
        asked = self._asked(self._client, name, arguments)
        try:
            future = asyncio.run_coroutine_threadsafe(asked, loop)
        except RuntimeError:
            asked.close()
            raise ToolFailed("the connection to the MCP server is closed") from None
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            if not future.cancelled() or (task := asyncio.current_task()) is None or task.cancelling():
                raise
            raise ToolFailed("the connection to the MCP server was closed") from None
        except CancelledError:
            raise ToolFailed("the connection to the MCP server was closed") from None

    async def _asked(self, client: Client, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        request = CallToolRequest(params=CallToolRequestParams(name=name, arguments=dict(arguments)))
        try:
            answer = await client.session.send_request(request, _Answer, request_read_timeout_seconds=self._timeout)
        except MCPError as error:
            raise ToolFailed(failure(error.message)) from None
        except ValueError:  # of pydantic: a result that is not one
            raise ToolFailed("the server answered with what is no result of a call") from None
        return _as_it_came(answer)

    def _run(self) -> None:
        ended: BaseException = ConnectionError("the connection ended")
        try:
            asyncio.run(self._live())
        except BaseException as error:
            ended = _cause(error, ended)
        if not self._listed.done():
            self._listed.set_exception(ended)
        elif not self._is_closing:
            _LOG.warning("the connection to an MCP server ended: %r", ended)

    async def _live(self) -> None:
        self._loop, self._life = asyncio.get_running_loop(), asyncio.current_task()
        async with self._connected() as client:
            async with asyncio.timeout(self._timeout):
                tools = await self._list(client)
            self._client = client
            self._listed.set_result(tools)
            await asyncio.Event().wait()

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[Client]:
        client = Client(self._transport(), read_timeout_seconds=self._timeout, cache=None)
        async with contextlib.AsyncExitStack() as stack:
            async with asyncio.timeout(self._timeout):
                await stack.enter_async_context(client)
            yield client

    async def _list(self, client: Client) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        for _page in range(_MOST_PAGES):
            request = ListToolsRequest(params=PaginatedRequestParams(cursor=cursor))
            answer = _as_it_came(await client.session.send_request(request, _Answer))
            tools = answer.get("tools")
            found += [tool for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []
            cursor = answer.get("nextCursor")
            if not isinstance(cursor, str) or len(found) > self._most_tools:
                break
        return found


def _as_it_came(answer: _Answer) -> dict[str, Any]:
    return answer.model_dump(by_alias=True, mode="python")


def _cause(error: BaseException, otherwise: BaseException) -> BaseException:
    """What went wrong; a transport that gives up cancels what is inside it, which says nothing."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return otherwise if isinstance(error, asyncio.CancelledError) else error
