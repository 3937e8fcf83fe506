"""What an endpoint may do wrong, over real HTTP: each becomes one clear sentence, or is mended by asking again."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading

import endpoints
import pytest
from endpoints import delta, serving, status

from safe_codeact.agent import Patience, transport
from safe_codeact.agent.model import AsyncChatModel, ChatModel, Waiting
from safe_codeact.agent.reply import Reply
from safe_codeact.errors import ModelUnavailable

HURRIED = Patience(
    connect_seconds=5,
    silence_seconds=0.4,
    reply_seconds=1.0,
    retries=2,
    first_wait_seconds=0.01,
    longest_wait_seconds=0.05,
)
ASKED = [{"role": "user", "content": "How much?"}]


def ask(base_url, api_key="key", patience=HURRIED):
    """All that a model gives for one question."""
    model = ChatModel("m", base_url=base_url, api_key=api_key, patience=patience)
    with contextlib.closing(model):
        return list(model.ask(ASKED))


def ask_async(base_url, api_key="key", patience=HURRIED):
    """`ask` with the asynchronous model."""

    async def collected():
        model = AsyncChatModel("m", base_url=base_url, api_key=api_key, patience=patience)
        try:
            return [piece async for piece in model.ask(ASKED)]
        finally:
            await model.close()

    return asyncio.run(collected())


@pytest.fixture(params=[ask, ask_async], ids=["sync", "async"])
def asking(request):
    return request.param


def sentence(endpoint, what, way_out, attempts=1):
    tries = f" ({attempts} attempts)" if attempts > 1 else ""
    return f"the model endpoint {endpoint} (model 'm') {what}{tries}. {way_out}"


API = (
    "It must speak the OpenAI chat-completions API; check the base URL (it usually ends in /v1) and any proxy between."
)
LATER = "Try again later, or use another endpoint."
ADDRESS = "Check that it is running and that the base URL (--base-url, OPENAI_BASE_URL) is right."

# what the server does on each request → (what the message says, its way out, how many attempts)
HOPELESS = {
    "401": ([status(401, "bad key")], "refused the API key (HTTP 401): bad key", "Set OPENAI_API_KEY (or pass api_key=) to a key of this endpoint.", 1),
    "403": ([status(403)], "refused access (HTTP 403): no", "Check what this key may use, or use another one.", 1),
    "404": ([status(404)], "does not know this address or model (HTTP 404): no", "Check the base URL and the model's name.", 1),
    "418": ([status(418)], "did not accept the request (HTTP 418): no", "Check the base URL, the key and the model's name.", 1),
    "307": ([status(307, location="http://127.0.0.1:9/")], "redirects to another address (HTTP 307): no", "Give that address as the base URL.", 1),
    "429 again and again": ([status(429)] * 3, "is limiting the rate of requests (HTTP 429): no", "Wait, or use a key with a higher limit.", 3),
    "429 until tomorrow": ([status(429, retry_after="86400")], "is limiting the rate of requests (HTTP 429, and asks to wait 86400 s): no", "Wait, or use a key with a higher limit.", 1),
    "429 without credit": ([status(429, error_code="insufficient_quota")], "is limiting the rate of requests (HTTP 429): no", "Check the credit of the account behind this key.", 1),
    "500 again and again": ([status(500)] * 3, "has an internal error (HTTP 500): no", LATER, 3),
    "an error inside the stream": ([endpoints.raw({"error": {"message": "out of\nmemory\x1b[2J", "type": "x"}})], "reported an error in the middle of its reply: out of memory [2J", LATER, 1),
    "a chunk that is not JSON": ([endpoints.raw("{nonsense")], "sent a chunk that is not JSON", API, 1),
    "a page": ([endpoints.page("<html>log in</html>")] * 2, "sent something that is not a chat completion: <html>log in</html>", API, 1),
    "empty streams": ([endpoints.raw("[DONE]"), endpoints.page('{"object": "x"}', "application/json")], "sent something that is not a chat completion", API, 1),
    "comments for ever": ([endpoints.endless(b": wait\n\n", pause=0.02)], "did not finish its reply: no complete response in 1 seconds", LATER, 1),
    "an error page without an end": ([endpoints.endless(b"<p>", pause=0.02, code=500)], "did not finish its reply: no complete response in 1 seconds", LATER, 1),
    "silence": ([endpoints.silence] * 3, "did not answer in time", ADDRESS, 3),
    "a reply without an end": ([endpoints.endless(b'data: {"choices":[{"delta":{"content":"' + b"x" * 200_000 + b'"}}]}\n\n')], "sent a reply too large to read: more than 2,000,000 characters in one reply", API, 1),
}  # fmt: skip


@pytest.mark.parametrize("case", HOPELESS.values(), ids=HOPELESS.keys())
def test_what_cannot_be_mended_is_said_in_one_sentence_with_a_way_out(case, asking):
    """The endpoint, what it did, how often it was asked, what to do."""
    faults, what, way_out, attempts = case
    with serving(*faults) as server, pytest.raises(ModelUnavailable) as raised:
        asking(server.base_url, server.api_key)
    assert str(raised.value) == sentence(server.base_url, what, way_out, attempts)


MENDED = {
    "429 once": [status(429, retry_after="0")],
    "429 with milliseconds": [status(429, retry_after_ms="5")],
    "429 with a date in the past": [status(429, retry_after="Wed, 21 Oct 2015 07:28:00 GMT")],
    "429 with nonsense": [status(429, retry_after="soon")],
    "500 twice": [status(500), status(503)],
    "silence once": [endpoints.silence],
    "a connection that is closed": [endpoints.hang_up],
    "a reply that breaks off": [endpoints.break_off],
    "a stream that ends too early": [endpoints.raw(delta("Fort"))],
    "an overloaded stream": [endpoints.raw(delta("Fort"), {"error": {"message": "busy", "type": "overloaded_error"}})],
    "an empty stream": [endpoints.raw("[DONE]")],
    "a whole completion where a stream was asked for": [
        endpoints.page('{"choices": [{"message": {"content": "x"}}]}', "application/json")
    ],
    "stream_options refused": [status(400, "unknown field stream_options")],
    "chunks without choices": [endpoints.raw({"choices": []}, {"choices": None}, {})],
}


@pytest.mark.parametrize("faults", MENDED.values(), ids=MENDED.keys())
def test_what_may_pass_is_asked_again_and_the_wait_is_told(faults, asking):
    """The reply is the whole one; the halves before it are void."""
    with serving(*faults) as server:
        pieces = asking(server.base_url, server.api_key)
    assert isinstance(pieces[-1], Reply)
    assert pieces[-1].text == "Forty-two."
    assert sum(isinstance(piece, Waiting) for piece in pieces) == len(faults)


ODD_CHUNKS = [
    {"choices": [None]},
    {"choices": "abc"},
    {"choices": {"0": 1}},
    {"choices": [{"delta": None}]},
    {"choices": [{"delta": {"content": 7, "tool_calls": "x"}}]},
    {"choices": [{"delta": {"tool_calls": [None, 5, {"index": "one"}, {"function": {"arguments": 1}}]}}]},
    {"choices": [{"delta": {}, "finish_reason": {"a": 1}}]},
    {"usage": "many", "choices": []},
    {"usage": {"prompt_tokens": "five", "completion_tokens": -3}},
]


@pytest.mark.parametrize("chunk", ODD_CHUNKS, ids=range(len(ODD_CHUNKS)))
def test_a_chunk_of_the_wrong_shape_adds_nothing_and_breaks_nothing(chunk, asking):
    """The client does not validate chunks; what is there and of the wrong type is dropped."""
    with serving(endpoints.raw(chunk, delta("Yes."), delta("", finish_reason="stop"), "[DONE]")) as server:
        reply = asking(server.base_url, server.api_key)[-1]
    assert (reply.text, reply.finish, reply.prompt_tokens, reply.completion_tokens) == ("Yes.", "stop", 0, 0)


@pytest.mark.parametrize(
    "body", ["[1]", "5", '"text"', "null", "[" * 100_000], ids=["list", "number", "text", "null", "deep"]
)
def test_a_chunk_that_is_no_object_is_an_error_of_the_endpoint(body, asking):
    """No exception but ours comes out, and the message is short."""
    faults = (endpoints.raw(body, "[DONE]"), endpoints.page("no"))
    with serving(*faults, replies=()) as server, pytest.raises(ModelUnavailable) as raised:
        asking(server.base_url, server.api_key)
    assert len(str(raised.value)) < 1_000


def test_tool_calls_are_put_together_from_their_pieces(asking):
    """By index, whatever the order; a name or id comes once, arguments in pieces."""

    def call(index, **function):
        return {"choices": [{"delta": {"tool_calls": [{"index": index, "id": f"c{index}", "function": function}]}}]}

    chunks = [
        call(0, name="run_python", arguments='{"co'),
        call(1, name="run_python", arguments='{"code":'),
        call(0, arguments='de": "x"}'),
        call(1, arguments=' "y"}'),
        {"choices": [{"delta": {}, "finish_reason": "tool_calls"}]},
    ]
    with serving(endpoints.raw(*chunks, "[DONE]")) as server:
        reply = asking(server.base_url, server.api_key)[-1]
    assert [(call.id, call.name, call.arguments) for call in reply.tool_calls] == [
        ("c0", "run_python", '{"code": "x"}'),
        ("c1", "run_python", '{"code": "y"}'),
    ]


def test_half_a_surrogate_pair_does_not_come_out_of_a_reply(asking):
    """The next request could not carry it."""
    with serving(endpoints.raw('{"choices":[{"delta":{"content":"a\\ud800b"},"finish_reason":"stop"}]}')) as server:
        assert asking(server.base_url, server.api_key)[-1].text == "a?b"


def test_an_endpoint_that_is_down_is_named(asking):
    """With its address and what to check, after the retries."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        with pytest.raises(ModelUnavailable) as raised:
            asking(url)
    assert str(raised.value) == sentence(url, "cannot be reached (Connection refused)", ADDRESS, 3)


def test_a_server_of_another_protocol_is_an_error_of_the_endpoint(asking):
    """Something listens there, and it does not speak HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        connection.recv(100)
                        connection.sendall(b"220 mail.example ESMTP\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(ModelUnavailable):
            asking(f"http://127.0.0.1:{listener.getsockname()[1]}/v1")
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_line_without_an_end_is_not_read_into_memory(asking, monkeypatch):
    """The bytes are counted where they arrive, before any parser holds them."""
    monkeypatch.setattr(transport, "MAX_RESPONSE_BYTES", 2**20)
    with serving(endpoints.endless(b"x" * 60_000)) as server, pytest.raises(ModelUnavailable) as raised:
        asking(server.base_url, server.api_key)
    what = "sent a reply too large to read: more than 1 MiB in one response"
    assert str(raised.value) == sentence(server.base_url, what, API)


def test_a_key_that_the_endpoint_echoes_is_not_in_the_message(asking):
    """Endpoints quote the key that they refuse."""

    def echo(handler, request):
        status(401, f"bad {handler.headers['Authorization']}")(handler, request)

    with serving(echo) as server, pytest.raises(ModelUnavailable) as raised:
        asking(server.base_url, server.api_key)
    assert "(HTTP 401): bad Bearer [key]. " in str(raised.value)
    assert server.api_key not in str(raised.value)


def test_the_key_is_sent_as_a_header_and_nowhere_else(asking):
    """The request's body, which is what a trajectory records, does not hold it."""
    with serving() as server:
        asking(server.base_url, server.api_key)
    assert server.requests
    assert server.api_key not in str(server.requests)


@pytest.mark.parametrize("make", [ChatModel, AsyncChatModel])
def test_an_address_without_a_scheme_is_refused_with_an_example(make):
    """The commonest slip in a base URL."""
    with pytest.raises(ModelUnavailable) as raised:
        make("m", base_url="localhost:8080/v1")
    assert str(raised.value) == (
        "the base URL 'localhost:8080/v1' is not an address: it must start with http:// or https://, "
        "as in http://127.0.0.1:8080/v1."
    )


@pytest.mark.parametrize("make", [ChatModel, AsyncChatModel])
def test_no_key_and_no_address_says_what_to_set(make, monkeypatch):
    """A newcomer's first run."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(ModelUnavailable) as raised:
        make("m")
    assert str(raised.value) == (
        "the model endpoint https://api.openai.com/v1 needs a key. Set OPENAI_API_KEY (or pass api_key=), or name "
        "another endpoint with OPENAI_BASE_URL (or base_url=)."
    )


def test_a_proxy_of_the_environment_is_not_asked_for_a_loopback_address(asking, monkeypatch):
    """A proxy elsewhere could not reach this machine's own server."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with serving() as server:
        assert asking(server.base_url, server.api_key)[-1].text == "Forty-two."


def test_an_endpoint_that_once_could_not_stream_is_not_asked_to_again():
    """Each turn would pay for a request in vain."""
    with serving(endpoints.raw("[DONE]")) as server:
        model = ChatModel("m", base_url=server.base_url, api_key=server.api_key, patience=HURRIED)
        with contextlib.closing(model):
            list(model.ask(ASKED))
            list(model.ask(ASKED))
    assert [bool(request.get("stream")) for request in server.requests] == [True, False, False]


def test_a_reader_that_leaves_early_closes_the_connection():
    """Cancelling a run does not leave a stream running behind it."""
    gone = threading.Event()

    def flood(handler, request):
        handler.begin_stream()
        handler.close_connection = True
        try:
            while not handler.server.closing.is_set():
                handler.send_event(delta("word "))
        except OSError:
            gone.set()

    with serving(flood) as server:
        model = ChatModel("m", base_url=server.base_url, api_key=server.api_key)
        with contextlib.closing(model):
            pieces = model.ask(ASKED)
            next(pieces)
            pieces.close()
            assert gone.wait(20)
