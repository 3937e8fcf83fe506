"""Endpoints that misbehave: scripted faults on the demo's own server, over real HTTP."""

from __future__ import annotations

import json
from http import HTTPStatus

from safe_codeact.demo.server import ChatHandler, LoopbackServer


def serving(*faults, replies=("Forty-two.",)):
    """A server whose first requests meet `faults`, one each; later ones are answered."""

    class Handler(ChatHandler):
        def respond(self, request):
            number = len(self.server.requests) - 1
            if number < len(faults):
                faults[number](self, request)
            else:
                super().respond(request)

    return LoopbackServer(replies, handler=Handler)


def says(text):
    """A reply that comes with this request, whatever the conversation in it holds: folding leaves messages out."""
    return lambda handler, request: handler.send_reply(request, text)


def status(code, message="no", *, error_code=None, **headers):
    def fault(handler, request):
        pairs = [(name.replace("_", "-"), text) for name, text in headers.items()]
        handler.send_error_object(HTTPStatus(code), message, error_code, pairs)

    return fault


def raw(*events, end=True):
    """A stream of these events: dicts are sent as JSON, text as it is."""

    def fault(handler, request):
        handler.begin_stream()
        for event in events:
            handler.send_event(event if isinstance(event, str) else json.dumps(event))
        if end:
            handler.end_stream()
        else:
            handler.close_connection = True

    return fault


def page(text, content_type="text/html"):
    def fault(handler, request):
        body = text.encode()
        handler.send_response(HTTPStatus.OK)
        handler.send_header("Content-Type", content_type)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return fault


def endless(piece, *, pause=0.0, code=HTTPStatus.OK):
    """A body of `piece` after `piece`, until the client goes away or the server closes."""

    def fault(handler, request):
        handler.send_response(code)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.close_connection = True
        try:
            while not handler.server.closing.wait(pause):
                handler.send_raw(piece)
        except OSError:
            pass

    return fault


def silence(handler, request):
    """Says nothing, until the server closes."""
    handler.close_connection = True
    handler.server.closing.wait()


def hang_up(handler, request):
    """Closes the connection without a word."""
    handler.close_connection = True


def break_off(handler, request):
    """The connection breaks within a chunk of the body."""
    handler.begin_stream()
    handler.send_event(delta("Fort"))
    handler.wfile.write(b"400\r\ndata: {")
    handler.close_connection = True


def delta(text, **fields):
    return {"choices": [{"index": 0, "delta": {"content": text}, **fields}]}
