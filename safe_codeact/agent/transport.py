"""HTTP clients whose answers end: a bound on the bytes and on the time of each response, whatever its status.

Threat: an endpoint (or a proxy before it) that never stops answering. The client's own timeouts do not help: they
measure the silence between two reads, which one byte a minute resets; server-sent-event comments never reach the loop;
and an error's body, or a line without an end, is read into memory before anybody can count it. What we do: count and
clock the bytes where they arrive. What still gets through: response *headers* that trickle, until the HTTP library's
own bound on their size.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from openai import DefaultAsyncHttpxClient, DefaultHttpxClient

if TYPE_CHECKING:
    import httpx2 as http
else:
    # The client library moved from httpx to httpx2 in its third major version and takes clients of its own one only.
    http = import_module(DefaultHttpxClient.__mro__[1].__module__.partition(".")[0])

# A reply of the largest size we read, every character in a chunk of its own, some 300 bytes each.
MAX_RESPONSE_BYTES = 256 * 1024 * 1024


class ResponseTooLarge(Exception):
    """The response went past `MAX_RESPONSE_BYTES`."""


class ResponseTooSlow(Exception):
    """The response was not complete in the time for a whole reply."""


# The moment of `time.monotonic()` at which the run that asks is over. It is set around a call of the client, which has
# no parameter that reaches us here.
_ENDS: ContextVar[float | None] = ContextVar("_ENDS", default=None)


@contextmanager
def ending_at(moment: float | None) -> Iterator[None]:
    """Responses to requests that are sent within end at that moment, if not before."""
    token = _ENDS.set(moment)
    try:
        yield
    finally:
        _ENDS.reset(token)


class _Meter:
    def __init__(self, seconds: float) -> None:
        now = time.monotonic()
        ends = _ENDS.get()
        self._seconds = seconds if ends is None else max(0.0, min(seconds, ends - now))
        self._deadline = now + self._seconds
        self._left = MAX_RESPONSE_BYTES

    def count(self, chunk: bytes) -> bytes:
        self._left -= len(chunk)
        if self._left < 0:
            raise ResponseTooLarge(f"more than {MAX_RESPONSE_BYTES // 2**20} MiB in one response")
        if time.monotonic() > self._deadline:
            raise ResponseTooSlow(f"no complete response in {self._seconds:g} seconds")
        return chunk


class _BoundedStream(http.SyncByteStream):
    def __init__(self, stream: http.SyncByteStream, meter: _Meter) -> None:
        self._stream = stream
        self._meter = meter

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._stream:
            yield self._meter.count(chunk)

    def close(self) -> None:
        self._stream.close()


class _AsyncBoundedStream(http.AsyncByteStream):
    def __init__(self, stream: http.AsyncByteStream, meter: _Meter) -> None:
        self._stream = stream
        self._meter = meter

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            yield self._meter.count(chunk)

    async def aclose(self) -> None:
        await self._stream.aclose()


class BoundedClient(DefaultHttpxClient):
    """The client library's own HTTP client, each of its responses within `seconds` and `MAX_RESPONSE_BYTES`."""

    def __init__(self, endpoint: str, seconds: float) -> None:
        # A redirect's body is read before any of our code sees it, and a POST rarely survives one.
        super().__init__(follow_redirects=False, trust_env=not is_loopback(endpoint))
        self._seconds = seconds

    def send(self, request: http.Request, *, stream: bool = False, **options: Any) -> http.Response:
        meter = _Meter(self._seconds)
        response = super().send(request, stream=True, **options)
        assert isinstance(response.stream, http.SyncByteStream)
        response.stream = _BoundedStream(response.stream, meter)
        if not stream:
            try:
                response.read()
            finally:
                response.close()
        return response


class AsyncBoundedClient(DefaultAsyncHttpxClient):
    """`BoundedClient` for the asynchronous client."""

    def __init__(self, endpoint: str, seconds: float) -> None:
        super().__init__(follow_redirects=False, trust_env=not is_loopback(endpoint))
        self._seconds = seconds

    async def send(self, request: http.Request, *, stream: bool = False, **options: Any) -> http.Response:
        meter = _Meter(self._seconds)
        response = await super().send(request, stream=True, **options)
        assert isinstance(response.stream, http.AsyncByteStream)
        response.stream = _AsyncBoundedStream(response.stream, meter)
        if not stream:
            try:
                await response.aread()
            finally:
                await response.aclose()
        return response


def is_loopback(endpoint: str) -> bool:
    """True for this machine's own addresses. A proxy of the environment is then not used: it could not reach them."""
    host = urlsplit(endpoint).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")
