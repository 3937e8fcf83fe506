"""What went wrong at the endpoint, in a sentence, and whether asking again can mend it.

The client reports the same trouble in many shapes (its own errors, its transport's, a JSON error in the middle of a
stream). All become one `Trouble`: what the endpoint did, the way out, and the wait that it asked for. An endpoint's
own words are quoted short and in one line; keys that it echoes are taken out.
"""

from __future__ import annotations

import email.utils
import json
import os
import random
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import openai

from safe_codeact.agent.reply import ReplyFailed, ReplyTooLong
from safe_codeact.agent.transport import ResponseTooLarge, ResponseTooSlow

_QUOTED_CHARACTERS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long an endpoint is waited for. All in seconds, but `retries`: how often a request is sent again."""

    connect_seconds: float = 10.0
    silence_seconds: float = 120.0  # between two pieces of a reply; a reasoning model thinks without a sound
    reply_seconds: float = 600.0  # for a whole reply
    retries: int = 3
    first_wait_seconds: float = 0.5  # doubled each time, less up to a quarter by chance
    longest_wait_seconds: float = 30.0  # also the longest Retry-After that is honoured

    def wait(self, attempt: int, trouble: Trouble) -> float | None:
        """Seconds to wait before request number `attempt + 1` (0: the first has failed); None: give up."""
        if not trouble.passing or attempt >= self.retries:
            return None
        if trouble.retry_after is not None:
            return trouble.retry_after if trouble.retry_after <= self.longest_wait_seconds else None
        wait = min(self.first_wait_seconds * float(1 << attempt), self.longest_wait_seconds)
        return wait * (1 - random.random() / 4)  # noqa: S311 - spreads clients apart, guards nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """`what` the endpoint did, the `way_out`; `passing`: another try may succeed."""

    what: str
    way_out: str
    passing: bool = False
    retry_after: float | None = None
    stream_options: bool = False  # it rejects the `stream_options` field, which we can leave out

    def sentence(self, endpoint: str, model: str, attempts: int) -> str:
        """The message of `ModelUnavailable`."""
        tries = f" ({attempts} attempts)" if attempts > 1 else ""
        return f"the model endpoint {endpoint} (model {model!r}) {self.what}{tries}. {self.way_out}"


_KEY = "Set OPENAI_API_KEY (or pass api_key=) to a key of this endpoint."
_ADDRESS = "Check that it is running and that the base URL (--base-url, OPENAI_BASE_URL) is right."
_NOT_THE_API = (
    "It must speak the OpenAI chat-completions API; check the base URL (it usually ends in /v1) and any proxy between."
)
_LATER = "Try again later, or use another endpoint."

# HTTP status → (what it did, way out, whether it may pass). Others by their hundred.
_STATUS: dict[int, tuple[str, str, bool]] = {
    400: ("did not accept the request", "Check the model's name and what the endpoint supports.", False),
    401: ("refused the API key", _KEY, False),
    402: ("asks for payment", "Check the account behind this key.", False),
    403: ("refused access", "Check what this key may use, or use another one.", False),
    404: ("does not know this address or model", "Check the base URL and the model's name.", False),
    408: ("timed out", _LATER, True),
    409: ("was in conflict with itself", _LATER, True),
    413: ("found the conversation too large", "Lower agent.context_tokens in the policy.", False),
    422: ("did not accept the request", "Check the model's name and what the endpoint supports.", False),
    425: ("was not ready", _LATER, True),
    429: ("is limiting the rate of requests", "Wait, or use a key with a higher limit.", True),
}
_BROKEN_OFF = frozenset({"RemoteProtocolError", "ReadError", "WriteError"})
_HUNDRED: dict[int, tuple[str, str, bool]] = {
    3: ("redirects to another address", "Give that address as the base URL.", False),
    4: ("did not accept the request", "Check the base URL, the key and the model's name.", False),
    5: ("has an internal error", _LATER, True),
}


def diagnose(error: Exception, secrets: Sequence[str] = ()) -> Trouble:
    """What an exception of the client, its transport or our own bounds means."""
    chain = _causes(error)
    bound = next(
        (cause for cause in chain if isinstance(cause, ReplyTooLong | ResponseTooLarge | ResponseTooSlow)), None
    )
    if isinstance(bound, ResponseTooSlow):
        return Trouble(what=f"did not finish its reply: {bound}", way_out=_LATER)
    if bound is not None:
        return Trouble(what=f"sent a reply too large to read: {bound}", way_out=_NOT_THE_API)
    if isinstance(error, openai.APITimeoutError) or any("Timeout" in type(cause).__name__ for cause in chain):
        return Trouble(what="did not answer in time", way_out=_ADDRESS, passing=True)
    if isinstance(error, openai.APIStatusError):
        return _of_status(error, secrets)
    # Older clients let their transport's exceptions through in the middle of a stream; by name, since the transport
    # is one library or another.
    if any(type(cause).__name__ in _BROKEN_OFF for cause in chain):
        what = f"broke its reply off ({_clean(_reason(chain), secrets)})"
        return Trouble(what=what, way_out=_NOT_THE_API, passing=True)
    if isinstance(error, openai.APIConnectionError):
        what = f"cannot be reached ({_clean(_reason(chain), secrets)})"
        return Trouble(what=what, way_out=_ADDRESS, passing=True)
    if isinstance(error, openai.APIError):
        body = error.body if isinstance(error.body, dict) else {}
        return _of_stream_error(str(error.message), f"{body.get('type')} {body.get('code')}", secrets)
    if isinstance(error, ReplyFailed):
        return _of_stream_error(str(error), error.code, secrets)
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
        return Trouble(what="sent a chunk that is not JSON", way_out=_NOT_THE_API)
    return Trouble(
        what=f"sent what cannot be read ({type(error).__name__}: {_clean(str(error), secrets)})", way_out=_NOT_THE_API
    )


NO_STREAM = Trouble(what="sent no complete stream; asking without streaming", way_out=_NOT_THE_API, passing=True)


def not_a_completion(answer: Any, secrets: Sequence[str]) -> Trouble:
    """A whole answer that is no completion: usually the page of a proxy."""
    quoted = f": {_clean(answer, secrets)}" if isinstance(answer, str) and answer.strip() else ""
    return Trouble(what=f"sent something that is not a chat completion{quoted}", way_out=_NOT_THE_API)


def _of_status(error: openai.APIStatusError, secrets: Sequence[str]) -> Trouble:
    status = error.status_code
    what, way_out, passing = _STATUS.get(status) or _HUNDRED.get(status // 100, _HUNDRED[4])
    said = _said(error)
    # OpenAI sends an account without credit the status of a busy one; waiting does not fill it.
    if error.code == "insufficient_quota":
        passing, way_out = False, "Check the credit of the account behind this key."
    retry_after = _retry_after(error)
    waiting = f", and asks to wait {retry_after:g} s" if passing and retry_after else ""
    quoted = f": {_clean(said, secrets)}" if said else ""
    return Trouble(
        what=f"{what} (HTTP {status}{waiting}){quoted}",
        way_out=way_out,
        passing=passing,
        retry_after=retry_after,
        stream_options=status in (400, 422) and "stream_options" in said,
    )


def _of_stream_error(message: str, kind: str, secrets: Sequence[str]) -> Trouble:
    words = ("rate", "server", "overload", "timeout", "429", "500", "502", "503")
    passing = any(word in kind.lower() for word in words)
    what = f"reported an error in the middle of its reply: {_clean(message, secrets)}"
    return Trouble(what=what, way_out=_LATER, passing=passing)


def _said(error: openai.APIStatusError) -> str:
    body = error.body
    if isinstance(body, dict):
        inner = body.get("error", body)
        message = inner.get("message") if isinstance(inner, dict) else inner
        return str(message) if message else ""
    # A body that is not JSON is a proxy's page: its markup tells a reader nothing.
    text = body if isinstance(body, str) else ""
    return "" if text.lstrip().startswith("<") else text


def _retry_after(error: openai.APIStatusError) -> float | None:
    """Seconds the endpoint asks to wait: `retry-after-ms`, or `Retry-After` in seconds or as an HTTP date."""
    headers = error.response.headers
    for name, divisor in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) / divisor
        except ValueError:
            continue
        if 0 <= seconds < float("inf"):
            return seconds
    try:
        moment = email.utils.parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return None
    return max(0.0, moment.timestamp() - time.time())


def _causes(error: BaseException) -> list[BaseException]:
    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None and cause not in chain:
        chain.append(cause)
    return chain


def _reason(chain: Sequence[BaseException]) -> str:
    """The system's own word where there is one ("Connection refused"), else that of the innermost exception."""
    for cause in chain:
        if isinstance(cause, socket.gaierror):
            return str(cause.strerror)
        if isinstance(cause, OSError) and cause.errno:
            return os.strerror(cause.errno)
    return str(chain[-1])


def _clean(text: str, secrets: Sequence[str]) -> str:
    """One short line, without control characters and without any of `secrets`."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "[key]")
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in text[:4_000]).split())
    return text if len(text) <= _QUOTED_CHARACTERS else text[:_QUOTED_CHARACTERS] + " …"
