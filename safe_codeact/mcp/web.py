"""Streamable HTTP to an MCP server, with a bound on what it may send.

Threat: a body without an end, a small one that unpacks into a large one, a connection that breaks. The `mcp` package bounds an event of
a stream, not a JSON body, and any error of the network ends its whole connection. So each response is counted as it comes, before it
is kept; none is unpacked; and what fails below becomes an answer that says so, which fails one call and not the next.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx2
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CONNECTION_CLOSED


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream, most_bytes: int) -> None:
        self._inner = inner
        self._left = most_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._inner:
                self._left -= len(chunk)
                if self._left < 0:
                    raise httpx2.StreamError("the response is too long")
                yield chunk
        except httpx2.TransportError as error:
            raise httpx2.StreamError(f"the response broke off ({type(error).__name__})") from None

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Bounding(httpx2.AsyncBaseTransport):
    """Passes requests on; no response brings more than its bound, and none is unpacked."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, most_bytes: int) -> None:
        self._inner = inner
        self._most_bytes = most_bytes

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            response = await self._inner.handle_async_request(request)
        except httpx2.TransportError as error:
            return _failed(f"the endpoint cannot be reached ({type(error).__name__})")
        if response.headers.get("content-encoding", "identity") != "identity":
            await response.aclose()
            return _failed("the response is compressed, which was not asked for")
        if isinstance(response.stream, httpx2.AsyncByteStream):
            response.stream = _Bounded(response.stream, self._most_bytes)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


def _failed(why: str) -> httpx2.Response:
    """As a gateway would answer."""
    error = {"jsonrpc": "2.0", "id": None, "error": {"code": CONNECTION_CLOSED, "message": why}}
    return httpx2.Response(502, json=error)


@contextlib.asynccontextmanager
async def reached(
    url: str, *, headers: Mapping[str, str] | None, timeout: float, most_bytes: int
) -> AsyncIterator[Any]:
    """The message streams of a connection to `url`. Redirects to another origin are not followed."""
    client = httpx2.AsyncClient(
        # "identity": a compressed body is small until it is unpacked.
        headers={"accept-encoding": "identity", **(headers or {})},
        timeout=httpx2.Timeout(timeout),
        transport=_Bounding(httpx2.AsyncHTTPTransport(), most_bytes),
    )
    async with (
        client,
        streamable_http_client(url, http_client=client, max_sse_event_size=most_bytes) as streams,
    ):
        yield streams
