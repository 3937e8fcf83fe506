"""The loopback server: it speaks the API, and refuses what is not of it."""

from __future__ import annotations

import http.client
import json
import socket
import threading

import openai
import pytest

from safe_codeact.demo.server import LoopbackServer

REPLIES = ("First, in several pieces.", "Second.")


@pytest.fixture
def server():
    with LoopbackServer(REPLIES) as made:
        yield made


@pytest.fixture
def client(server):
    with openai.OpenAI(base_url=server.base_url, api_key=server.api_key, max_retries=0) as made:
        yield made


USER = {"role": "user", "content": "Hello."}
ASSISTANT = {"role": "assistant", "content": "Hello."}


@pytest.mark.parametrize(("before", "reply"), [([], REPLIES[0]), ([ASSISTANT, USER], REPLIES[1])])
def test_a_whole_completion_is_the_reply_whose_turn_it_is(client, before, reply):
    """Decided by the assistant messages of the request alone."""
    completion = client.chat.completions.create(model="m", messages=[USER, *before])
    assert completion.choices[0].message.content == reply
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage.completion_tokens > 0


def test_a_stream_brings_the_same_reply_in_pieces_with_usage_at_its_end(client):
    """As the API does when asked for usage."""
    chunks = list(
        client.chat.completions.create(model="m", messages=[USER], stream=True, stream_options={"include_usage": True})
    )
    texts = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(texts) == REPLIES[0]
    assert sum(bool(text) for text in texts) > 2
    assert chunks[-1].usage.total_tokens > 0
    assert not chunks[-1].choices


def test_the_models_are_listed(client):
    """One: the recording."""
    assert [model.id for model in client.models.list()] == ["recorded"]


def test_past_its_last_reply_it_says_that_the_recording_has_ended(client):
    """An error of the API, not an invented reply."""
    with pytest.raises(openai.BadRequestError) as raised:
        client.chat.completions.create(model="m", messages=[USER, ASSISTANT, ASSISTANT])
    assert raised.value.code == "recording_ended"


def post(server, body, *, path="/v1/chat/completions", **headers):
    host = server.base_url.removeprefix("http://").removesuffix("/v1")
    connection = http.client.HTTPConnection(host, timeout=20)
    try:
        given = {"Authorization": f"Bearer {server.api_key}", **{n.replace("_", "-"): t for n, t in headers.items()}}
        connection.request("POST", path, body, given)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())["error"]["message"]
    finally:
        connection.close()


def body(**changes):
    return json.dumps({"model": "m", "messages": [USER], **changes})


REFUSED = {
    "no key": (body(), {"Authorization": ""}, 401, "incorrect API key"),
    "another key": (body(), {"Authorization": "Bearer x"}, 401, "incorrect API key"),
    "an odd key": (body(), {"Authorization": "Bearer \xe9"}, 401, "incorrect API key"),
    "no JSON": ("{", {}, 400, "the body is not JSON"),
    "deep JSON": ("[" * 100_000, {}, 400, "the body is not JSON"),
    "no object": ("[]", {}, 400, "the body is not a JSON object"),
    "no model": (body(model=None), {}, 400, "`model` is required and must be a string"),
    "no messages": (body(messages=[]), {}, 400, "`messages` is required and must be a list with a message"),
    "no role": (body(messages=[{}]), {}, 400, "`messages[0]` has no valid role"),
    "odd options": (body(stream_options=[1]), {}, 400, "`stream_options` must be an object"),
    "too large": ("", {"Content_Length": str(10**12)}, 413, "more than 33554432 bytes"),
    "a length of letters": ("", {"Content_Length": "many"}, 411, "a Content-Length is required"),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_a_request_that_the_api_does_not_allow_gets_its_error_object(server, case):
    """With the status of the API, and a sentence."""
    content, headers, status, message = case
    assert post(server, content, **headers) == (status, message)
    assert not server.requests


def test_another_path_is_not_found(server):
    """Nothing else is served."""
    assert post(server, body(), path="/v1/embeddings") == (404, "there is nothing at /v1/embeddings")


def test_it_listens_on_the_loopback_interface_only(server):
    """Nobody outside this machine reaches it."""
    assert server.base_url.startswith("http://127.0.0.1:")


def test_after_its_end_nothing_listens_and_no_thread_is_left():
    """Also where a client has gone away in the middle."""
    before = set(threading.enumerate())
    with LoopbackServer(["word " * 50_000]) as server:
        address = ("127.0.0.1", int(server.base_url.rpartition(":")[2].partition("/")[0]))
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.api_key}\r\n"
        content = body(stream=True)
        with socket.create_connection(address) as connection:
            connection.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n{content}".encode())
            connection.recv(10)
    for thread in set(threading.enumerate()) - before:
        thread.join(20)
    assert set(threading.enumerate()) <= before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)
