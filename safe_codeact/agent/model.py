"""The model: a name at an OpenAI-compatible endpoint, asked over chat completions (or Responses) with streaming.

`ChatModel` and `AsyncChatModel` are two pumps; what to send, how chunks become a reply and what an error means is
shared and does no I/O. Each raises `ModelUnavailable` and nothing else for what an endpoint does. The client's own
retries are off: ours are visible as events, bounded in time, and know a reply that broke off half way.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import openai

from safe_codeact.agent.endpoint import NO_STREAM, Patience, Trouble, diagnose, not_a_completion
from safe_codeact.agent.reply import Piece, Reply, ReplyAssembler
from safe_codeact.agent.responses import ResponsesAssembler, flat_tools, input_items
from safe_codeact.agent.transport import AsyncBoundedClient, BoundedClient, ResponseTooSlow, ending_at
from safe_codeact.errors import ModelUnavailable

Api = Literal["chat", "responses"]
Messages = Sequence[Mapping[str, Any]]
# A read that was bounded by the end of the run may return this much before it.
_CLOCK_SLACK = 0.05
DEFAULT_ENDPOINT = "https://api.openai.com/v1"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request failed and will be sent again in `seconds`."""

    reason: str
    seconds: float


class OutOfTime(Exception):
    """The run's time is up, or would be before the next attempt."""


@dataclass(slots=True)
class _Habits:
    """How one endpoint is spoken to; the last two are learned from its answers."""

    endpoint: str
    model: str
    options: Mapping[str, Any]
    patience: Patience
    api: Api = "chat"
    streaming: bool = True
    counts_tokens: bool = True


class _Request:
    """One request for one reply: what both pumps share. Does no I/O."""

    def __init__(self, habits: _Habits, secrets: Sequence[str], ends: float | None) -> None:
        self._habits = habits
        self._ends = ends  # a moment of `time.monotonic()`
        self._patience = habits.patience
        self._secrets = secrets
        self._attempt = 0
        self.begin()

    @property
    def streaming(self) -> bool:
        return self._habits.streaming

    def begin(self) -> None:
        """Another attempt. Raises `OutOfTime`."""
        self.assembler = ReplyAssembler() if self._habits.api == "chat" else ResponsesAssembler()
        now = time.monotonic()
        self._require(now)
        self._deadline = min(now + self._patience.reply_seconds, self._ends or float("inf"))

    def _require(self, moment: float) -> None:
        if self._ends is not None and moment >= self._ends:
            raise OutOfTime

    def body(self, messages: Messages) -> dict[str, Any]:
        habits = self._habits
        body: dict[str, Any] = {"model": habits.model, "messages": list(messages), **habits.options}
        if habits.api == "responses":
            body = {"model": habits.model, "input": input_items(messages), "store": False, **flat_tools(habits.options)}
        if habits.streaming:
            body["stream"] = True
            if habits.counts_tokens and habits.api == "chat":
                body["stream_options"] = {"include_usage": True}
        if self._ends is not None:
            left = max(self._ends - time.monotonic(), 0.001)
            patience = self._patience
            body["timeout"] = openai.Timeout(
                min(patience.silence_seconds, left), connect=min(patience.connect_seconds, left)
            )
        return body

    def take(self, chunk: Any) -> list[Piece]:
        """A chunk's pieces. The clock is read here too: a client of the user's own has not our transport's bounds."""
        if time.monotonic() > self._deadline:
            raise ResponseTooSlow(f"no complete response in {self._patience.reply_seconds:g} seconds")
        return self.assembler.feed(chunk)

    def lacks_reply(self, whole: Any) -> Trouble | None:
        """After the last chunk: None when there is a reply.

        A stream without a `finish_reason` may have broken off (a connection that is closed looks like one that has
        ended), and one without a choice is no stream. A whole completion cannot break off unseen, so one is asked for.
        """
        if self.assembler.saw_choice and (self.assembler.finished or not self.streaming):
            return None
        if not self.streaming:
            return not_a_completion(whole, self._secrets)
        self._habits.streaming = False
        return NO_STREAM

    def failed(self, error: Exception | Trouble) -> Waiting:
        """What to do about a failure. Raises `ModelUnavailable` where another try cannot mend it, or `OutOfTime`."""
        self._require(time.monotonic() + _CLOCK_SLACK)
        trouble = error if isinstance(error, Trouble) else diagnose(error, self._secrets)
        habits = self._habits
        if trouble is NO_STREAM:
            return Waiting(trouble.what, 0.0)
        if trouble.stream_options and habits.counts_tokens:
            habits.counts_tokens = False
            return Waiting("it does not take stream_options", 0.0)
        wait = self._patience.wait(self._attempt, trouble)
        self._attempt += 1
        if wait is None:
            raise ModelUnavailable(trouble.sentence(habits.endpoint, habits.model, self._attempt)) from None
        self._require(time.monotonic() + wait)
        return Waiting(trouble.what, wait)


class ChatModel:
    """A model asked in the calling thread."""

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        client: openai.OpenAI | None = None,
        patience: Patience | None = None,
        options: Mapping[str, Any] | None = None,
        api: Api = "chat",
    ) -> None:
        patience = patience or Patience()
        self._own = client is None
        if client is None:
            endpoint, key = address(base_url, api_key)
            client = openai.OpenAI(
                base_url=endpoint,
                api_key=key,
                max_retries=0,
                timeout=_timeout(patience),
                http_client=BoundedClient(endpoint, patience.reply_seconds),
            )
        else:
            client = client.with_options(max_retries=0)
        self._client = client
        self._habits = _Habits(str(client.base_url).rstrip("/"), model, dict(options or {}), patience, api)
        self._create = _create(client, api)

    def ask(self, messages: Messages, ends: float | None = None) -> Generator[Piece | Waiting | Reply, None, None]:
        """Asks for one reply: its pieces as they come, waits between attempts, last the `Reply`.

        `ends` is the moment of `time.monotonic()` at which it raises `OutOfTime`.
        """
        request = _Request(self._habits, [str(self._client.api_key)], ends)
        while True:
            request.begin()
            whole: Any = None
            trouble: Exception | Trouble | None
            try:
                with ending_at(ends):
                    whole = self._create(**request.body(messages))
                if request.streaming:
                    with whole:
                        for chunk in whole:
                            yield from request.take(chunk)
                else:
                    yield from request.take(whole)
                trouble = request.lacks_reply(whole)
            except Exception as error:  # the client lets its transport's and its parser's own exceptions through
                trouble = error
            if trouble is None:
                yield request.assembler.finish()
                return
            waiting = request.failed(trouble)
            yield waiting
            time.sleep(waiting.seconds)

    @property
    def endpoint(self) -> str:
        """The address, without a slash at its end."""
        return self._habits.endpoint

    def close(self) -> None:
        """Closes the connections, where the client is ours."""
        if self._own:
            self._client.close()


class AsyncChatModel:
    """A model asked from an event loop."""

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        client: openai.AsyncOpenAI | None = None,
        patience: Patience | None = None,
        options: Mapping[str, Any] | None = None,
        api: Api = "chat",
    ) -> None:
        patience = patience or Patience()
        self._own = client is None
        if client is None:
            endpoint, key = address(base_url, api_key)
            client = openai.AsyncOpenAI(
                base_url=endpoint,
                api_key=key,
                max_retries=0,
                timeout=_timeout(patience),
                http_client=AsyncBoundedClient(endpoint, patience.reply_seconds),
            )
        else:
            client = client.with_options(max_retries=0)
        self._client = client
        self._habits = _Habits(str(client.base_url).rstrip("/"), model, dict(options or {}), patience, api)
        self._create = _create(client, api)

    async def ask(self, messages: Messages, ends: float | None = None) -> AsyncGenerator[Piece | Waiting | Reply, None]:
        """As `ChatModel.ask`."""
        request = _Request(self._habits, [str(self._client.api_key)], ends)
        while True:
            request.begin()
            whole: Any = None
            trouble: Exception | Trouble | None
            try:
                with ending_at(ends):
                    whole = await self._create(**request.body(messages))
                if request.streaming:
                    async with whole:
                        async for chunk in whole:
                            for piece in request.take(chunk):
                                yield piece
                else:
                    for piece in request.take(whole):
                        yield piece
                trouble = request.lacks_reply(whole)
            except Exception as error:  # as in ChatModel.ask
                trouble = error
            if trouble is None:
                yield request.assembler.finish()
                return
            waiting = request.failed(trouble)
            yield waiting
            await asyncio.sleep(waiting.seconds)

    @property
    def endpoint(self) -> str:
        """The address, without a slash at its end."""
        return self._habits.endpoint

    async def close(self) -> None:
        """Closes the connections, where the client is ours."""
        if self._own:
            await self._client.close()


def address(base_url: str | None, api_key: str | None) -> tuple[str, str]:
    """The endpoint and the key, from the arguments or from the environment. Raises `ModelUnavailable` without a key.

    A local server needs no key, but its client wants one: "none" is sent where an address is given without.
    """
    endpoint = base_url or os.environ.get("OPENAI_BASE_URL") or DEFAULT_ENDPOINT
    if not endpoint.lower().startswith(("http://", "https://")):
        raise ModelUnavailable(
            f"the base URL {endpoint!r} is not an address: it must start with http:// or https://, "
            "as in http://127.0.0.1:8080/v1."
        )
    key = api_key or os.environ.get("OPENAI_API_KEY")
    if not key and endpoint.rstrip("/") == DEFAULT_ENDPOINT:
        raise ModelUnavailable(
            f"the model endpoint {DEFAULT_ENDPOINT} needs a key. Set OPENAI_API_KEY (or pass api_key=), or name "
            "another endpoint with OPENAI_BASE_URL (or base_url=)."
        )
    return endpoint, key or "none"


def _create(client: Any, api: Api) -> Any:
    """The client's method that asks. Raises `ValueError` for another API, and for a client that lacks it."""
    if api not in ("chat", "responses"):
        raise ValueError(f"api={api!r} must be 'chat' (chat completions) or 'responses'.")
    if api == "responses" and not hasattr(client, "responses"):
        raise ValueError(f"api='responses' needs a newer openai package than {openai.__version__}: 1.66 or later.")
    return client.chat.completions.create if api == "chat" else client.responses.create


def _timeout(patience: Patience) -> openai.Timeout:
    return openai.Timeout(patience.silence_seconds, connect=patience.connect_seconds)
