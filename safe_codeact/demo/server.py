"""A small chat-completions server on the loopback interface, which plays recorded replies.

It speaks the API that `CodeActAgent` needs of any endpoint: POST /v1/chat/completions, streamed (server-sent events)
or whole, with usage and finish_reason; GET /v1/models; errors as the API's JSON objects. Which reply comes is decided
by the request alone: the number of assistant messages in it. So the server keeps no state between requests, and the
same conversation gets the same replies however often it is asked.

Threat: other users of this machine can reach a loopback port. What we do: a random key per server, which every request
must bear, and bounds on what is read. The recording holds no secret, and nothing of a request is kept but its body, in
`requests`, for those who test.
"""

from __future__ import annotations

import hmac
import json
import secrets
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = "recorded"
_MAX_BODY_BYTES = 32 * 1024 * 1024


class RequestRefused(Exception):
    """A request that the API does not allow: becomes an error object with this status."""

    def __init__(self, status: HTTPStatus, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class ChatHandler(BaseHTTPRequestHandler):
    """One connection. `respond` may be replaced to misbehave on purpose."""

    protocol_version = "HTTP/1.1"
    timeout = 60  # seconds of silence on an idle connection
    piece_characters = 7  # of a stream's pieces
    server: _Server

    def do_GET(self) -> None:
        if self.path.rstrip("/") != "/v1/models":
            self.send_error_object(HTTPStatus.NOT_FOUND, f"there is nothing at {self.path}")
            return
        self.send_json(HTTPStatus.OK, {"object": "list", "data": [{"id": MODEL, "object": "model"}]})

    def do_POST(self) -> None:
        try:
            request = self._request()
        except RequestRefused as refused:
            # The body may be unread: what comes next on this connection would be taken for a request.
            self.close_connection = True
            self.send_error_object(refused.status, str(refused), refused.code)
            return
        self.server.requests.append(request)
        self.respond(request)

    def respond(self, request: dict[str, Any]) -> None:
        """Answers a well-formed request with the reply whose turn it is."""
        turn = sum(1 for message in request["messages"] if message["role"] == "assistant")
        if turn >= len(self.server.replies):
            self.send_error_object(
                HTTPStatus.BAD_REQUEST,
                f"the recorded conversation has {len(self.server.replies)} replies and all are played; "
                "its actions did not come to an answer with this input",
                "recording_ended",
            )
            return
        self.send_reply(request, self.server.replies[turn])

    def send_reply(self, request: dict[str, Any], text: str, finish: str = "stop") -> None:
        """A reply as the API gives it: a stream where the request asks for one, else one object."""
        usage = self.usage(request, text)
        if not request.get("stream"):
            message = {"role": "assistant", "content": text}
            choice = {"index": 0, "message": message, "finish_reason": finish}
            self.send_json(HTTPStatus.OK, {**self.head("chat.completion"), "choices": [choice], "usage": usage})
            return
        self.begin_stream()
        head = self.head("chat.completion.chunk")
        self.send_event({**head, "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})
        for piece in _pieces(text, self.piece_characters):
            self.send_event({**head, "choices": [{"index": 0, "delta": {"content": piece}}]})
            time.sleep(self.server.pause_seconds)
        self.send_event({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
        if (request.get("stream_options") or {}).get("include_usage"):
            self.send_event({**head, "choices": [], "usage": usage})
        self.send_event("[DONE]")
        self.end_stream()

    def head(self, kind: str) -> dict[str, Any]:
        """The fields that every object of a reply has."""
        return {"id": f"chatcmpl-{id(self):x}", "object": kind, "created": int(time.time()), "model": MODEL}

    def usage(self, request: dict[str, Any], text: str) -> dict[str, int]:
        """A token count by rule of thumb: four characters each."""
        prompt = sum(len(str(message.get("content"))) for message in request["messages"]) // 4
        completion = len(text) // 4
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
        }

    def begin_stream(self) -> None:
        """Headers of a stream of events."""
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def send_event(self, event: dict[str, Any] | str) -> None:
        """One server-sent event."""
        self.send_raw(f"data: {event if isinstance(event, str) else json.dumps(event)}\n\n".encode())

    def send_raw(self, data: bytes) -> None:
        """Bytes of a stream's body, as one HTTP chunk."""
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def end_stream(self) -> None:
        """The end of a stream's body."""
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def send_json(self, status: HTTPStatus, value: dict[str, Any], headers: Sequence[tuple[str, str]] = ()) -> None:
        """A whole answer."""
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, text in headers:
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)

    def send_error_object(
        self,
        status: HTTPStatus,
        message: str,
        code: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        """An error as the API gives it."""
        error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
        self.send_json(status, {"error": error}, headers)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the terminal belongs to the demo."""

    def _request(self) -> dict[str, Any]:
        if self.path.rstrip("/") != "/v1/chat/completions":
            raise RequestRefused(HTTPStatus.NOT_FOUND, f"there is nothing at {self.path}")
        # The comparison takes the same time however much of a guess is right.
        given = self.headers.get("Authorization", "").encode("latin-1", "replace")
        if not hmac.compare_digest(given, f"Bearer {self.server.api_key}".encode()):
            raise RequestRefused(HTTPStatus.UNAUTHORIZED, "incorrect API key", "invalid_api_key")
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit():
            raise RequestRefused(HTTPStatus.LENGTH_REQUIRED, "a Content-Length is required")
        if int(length[:12]) > _MAX_BODY_BYTES:
            raise RequestRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {_MAX_BODY_BYTES} bytes")
        return _checked(self.rfile.read(int(length)))


def _checked(body: bytes) -> dict[str, Any]:
    try:
        request = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RequestRefused(HTTPStatus.BAD_REQUEST, "the body is not JSON") from error
    if not isinstance(request, dict):
        raise RequestRefused(HTTPStatus.BAD_REQUEST, "the body is not a JSON object")
    if not isinstance(request.get("model"), str):
        raise RequestRefused(HTTPStatus.BAD_REQUEST, "`model` is required and must be a string")
    messages = request.get("messages")
    if not isinstance(messages, list) or not messages:
        raise RequestRefused(HTTPStatus.BAD_REQUEST, "`messages` is required and must be a list with a message")
    for place, message in enumerate(messages):
        if not isinstance(message, dict) or message.get("role") not in ("system", "user", "assistant", "tool"):
            raise RequestRefused(HTTPStatus.BAD_REQUEST, f"`messages[{place}]` has no valid role")
    if not isinstance(request.get("stream_options") or {}, dict):
        raise RequestRefused(HTTPStatus.BAD_REQUEST, "`stream_options` must be an object")
    return request


def _pieces(text: str, size: int) -> Iterator[str]:
    for start in range(0, len(text), size):
        yield text[start : start + size]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, handler: type[ChatHandler], replies: Sequence[str], pause_seconds: float) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.replies = tuple(replies)
        self.pause_seconds = pause_seconds
        self.api_key = secrets.token_urlsafe(24)
        self.requests: list[dict[str, Any]] = []
        self.closing = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle of a reply is its own affair."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class LoopbackServer:
    """The server as a context manager: it answers between `__enter__` and `__exit__`, from threads of this process.

    `base_url` and `api_key` are what a client needs. `pause_seconds` after each piece makes a stream look typed.
    """

    def __init__(
        self, replies: Sequence[str], *, handler: type[ChatHandler] = ChatHandler, pause_seconds: float = 0.0
    ) -> None:
        self._server = _Server(handler, replies, pause_seconds)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self.base_url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        self.api_key = self._server.api_key

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The bodies of the well-formed requests so far."""
        return self._server.requests

    def __enter__(self) -> LoopbackServer:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
