"""Tools over streamable HTTP: a hostile endpoint on the loopback interface, written by hand."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import pytest

from safe_codeact.mcp import ServerUnavailable, ToolFailed, server_tools

MIB = 1024 * 1024
TOOLS = [{"name": name, "inputSchema": {"type": "object", "properties": {}}} for name in ("go", "fine")]


class Handler(BaseHTTPRequestHandler):
    """Answers as a server of an older protocol, but `go` as the test's way of misbehaving says."""

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.headers_seen.append(dict(self.headers))
        method = request["method"]
        if "id" not in request:
            return self.answer(b"", status=202)
        if method == "tools/call" and request["params"]["name"] == "go":
            return getattr(self, self.server.way)(request)
        about = {
            "protocolVersion": "2025-06-18",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "x", "version": "1"},
        }
        results = {
            "initialize": about,
            "tools/list": {"tools": TOOLS},
            "tools/call": {"content": [{"type": "text", "text": "ok"}]},
        }
        if method not in results:
            return self.reply(request, error={"code": -32601, "message": "no"})
        return self.reply(request, result=results[method])

    def do_GET(self):
        self.answer(b"", status=405)

    def reply(self, request, **said):
        self.answer(json.dumps({"jsonrpc": "2.0", "id": request["id"], **said}).encode())

    def answer(self, body, status=200, kind="application/json", **headers):
        self.send_response(status)
        for name, value in {"content-type": kind, "content-length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def huge(self, request):
        self.reply(request, result={"content": [{"type": "text", "text": "x" * 3 * MIB}]})

    def packed(self, request):
        said = {"content": [{"type": "text", "text": "x" * 3 * MIB}]}
        body = gzip.compress(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": said}).encode())
        self.answer(body, **{"content-encoding": "gzip"})

    def endless(self, _request):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        while not self.server.over.is_set():
            self.wfile.write(b"data: " + b"x" * 65536)

    def silent(self, _request):
        self.server.over.wait()

    def half(self, _request):
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", "1000")
        self.end_headers()
        self.wfile.write(b'{"jsonrpc":')
        self.wfile.flush()
        self.connection.close()

    def no_json(self, _request):
        self.answer(b"<html>", kind="text/html")

    def failing(self, _request):
        self.answer(b"secret", status=500)

    def elsewhere(self, _request):
        self.answer(b"", status=307, location="http://127.0.0.1:1/mcp")

    def log_message(self, *_arguments):
        pass

    def handle(self):
        with contextlib.suppress(OSError):  # the client has cut us off, as it should
            super().handle()


@pytest.fixture
def endpoint():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.over, server.headers_seen, server.way = Event(), [], ""
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.over.set()
    server.shutdown()
    thread.join()
    server.server_close()


def address(server):
    return f"http://127.0.0.1:{server.server_port}/mcp"


@pytest.mark.parametrize("way", ["huge", "packed", "endless", "silent", "half", "no_json", "failing", "elsewhere"])
def test_a_misbehaving_endpoint_fails_the_call_and_nothing_else(endpoint, way):
    """Within bounds of size and time; the connection's next call is answered."""
    endpoint.way = way
    timeout = 1.0 if way in ("silent", "half") else 20.0
    with server_tools(address(endpoint), timeout=timeout, max_message_mb=1, headers={"x-key": "k"}) as tools:
        go, fine = tools
        with pytest.raises(ToolFailed) as failed:
            asyncio.run(go())
        assert "secret" not in str(failed.value)
        assert asyncio.run(fine()) == "ok"
    assert all(seen["x-key"] == "k" for seen in endpoint.headers_seen)


def test_an_endpoint_that_is_not_there_is_unavailable():
    with pytest.raises(
        ServerUnavailable,
        match=r"^the MCP server over HTTP: MCPError: the endpoint cannot be reached \(ConnectError\)$",
    ):
        server_tools("http://127.0.0.1:1/mcp", timeout=5).__enter__()


def test_an_endpoint_that_goes_away_fails_the_calls(endpoint):
    with server_tools(address(endpoint), timeout=5) as tools:
        endpoint.shutdown()
        endpoint.server_close()
        for _call in range(2):
            with pytest.raises(ToolFailed):
                asyncio.run(tools[1]())
