"""The Responses API: the same loop over other items and events, over real HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import json
from http import HTTPStatus

import pytest
from endpoints import status

from safe_codeact import ModelUnavailable, Runtime
from safe_codeact.agent import CodeActAgent, ModelRetry, Patience
from safe_codeact.agent.model import AsyncChatModel, ChatModel, Waiting
from safe_codeact.agent.reply import MAX_TOOL_CALLS, Reply
from safe_codeact.agent.responses import input_items
from safe_codeact.demo.server import ChatHandler, LoopbackServer

HURRIED = Patience(silence_seconds=5, reply_seconds=20, retries=2, first_wait_seconds=0.01)


def completed(**fields):
    return {"type": "response.completed", "response": {"object": "response", "status": "completed", **fields}}


def said(text, *, end=None):
    """The events of a reply in text, in pieces."""
    pieces = [
        {"type": "response.output_text.delta", "output_index": 0, "delta": text[at : at + 5]}
        for at in range(0, len(text), 5)
    ]
    return [
        {"type": "response.created", "response": {}},
        *pieces,
        end or completed(usage={"input_tokens": 7, "output_tokens": 3}),
    ]


def called(source, name="run_python"):
    """The events of a function call, after some reasoning."""
    arguments = json.dumps({"code": source})
    item = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": name, "arguments": ""}
    return [
        {"type": "response.reasoning_summary_text.delta", "delta": "Hm."},
        {"type": "response.output_item.added", "output_index": 1, "item": item},
        {"type": "response.function_call_arguments.delta", "output_index": 1, "delta": arguments[:6]},
        {"type": "response.function_call_arguments.delta", "output_index": 1, "delta": arguments[6:]},
        {"type": "response.output_item.done", "output_index": 1, "item": item | {"arguments": arguments}},
        completed(usage={"input_tokens": 7, "output_tokens": 3}),
    ]


def serving(*replies):
    """A server of this API: each request gets the next of `replies`, events or a fault."""

    class Handler(ChatHandler):
        def do_POST(self):
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert self.path == "/v1/responses"
            self.server.requests.append(request)
            reply = replies[len(self.server.requests) - 1]
            if callable(reply):
                reply(self, request)
            elif request.get("stream"):
                self.begin_stream()
                for event in reply:
                    self.send_raw(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
                self.end_stream()
            else:
                self.send_json(HTTPStatus.OK, reply[0])

    return LoopbackServer((), handler=Handler)


def ask(server):
    model = ChatModel("m", base_url=server.base_url, api_key=server.api_key, patience=HURRIED, api="responses")
    with contextlib.closing(model):
        return list(model.ask([{"role": "user", "content": "How much?"}]))


def ask_async(server):
    async def collected():
        model = AsyncChatModel("m", base_url=server.base_url, api_key=server.api_key, patience=HURRIED, api="responses")
        try:
            return [piece async for piece in model.ask([{"role": "user", "content": "How much?"}])]
        finally:
            await model.close()

    return asyncio.run(collected())


@pytest.fixture(params=[ask, ask_async], ids=["sync", "async"])
def asking(request):
    return request.param


def test_text_comes_in_pieces_and_as_a_whole_with_its_tokens(asking):
    """As over chat completions."""
    with serving(said("Forty-two.")) as server:
        *pieces, reply = asking(server)
    assert "".join(text for _, text in pieces) == reply.text == "Forty-two."
    assert (reply.finish, reply.prompt_tokens, reply.completion_tokens) == ("stop", 7, 3)


def test_a_call_is_put_together_and_reasoning_is_told(asking):
    """By its place in the output; its id is the one to answer."""
    with serving(called("print(1)")) as server:
        *pieces, reply = asking(server)
    (call,) = reply.tool_calls
    assert (call.id, call.name, json.loads(call.arguments)) == ("call_1", "run_python", {"code": "print(1)"})
    assert pieces[0] == ("reasoning", "Hm.")
    assert reply.reasoning == "Hm."


def test_a_reply_that_is_cut_says_so(asking):
    """So that a half block is not run."""
    end = {"type": "response.incomplete", "response": {"incomplete_details": {"reason": "max_output_tokens"}}}
    with serving(said("```python\nx", end=end)) as server:
        assert asking(server)[-1].finish == "length"


WHOLE = {
    "object": "response",
    "status": "completed",
    "output": [
        {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "Hm."}]},
        {"type": "message", "content": [{"type": "output_text", "text": "Forty-two."}]},
        {"type": "function_call", "call_id": "c", "name": "run_python", "arguments": "{}"},
    ],
    "usage": {"input_tokens": 1, "output_tokens": 2},
}
MENDED = {
    "busy once": [status(429, retry_after="0"), said("Forty-two.")],
    "an error event that may pass": [[{"type": "error", "code": "server_error", "message": "busy"}], said("Forty-two.")],
    "a failed response that may pass": [[{"type": "response.failed", "response": {"error": {"code": "rate_limit_exceeded", "message": "x"}}}], said("Forty-two.")],
    "a stream that ends too early": [said("Forty-two.")[:2], [WHOLE]],
}  # fmt: skip


@pytest.mark.parametrize("replies", MENDED.values(), ids=MENDED.keys())
def test_what_may_pass_is_asked_again(replies, asking):
    """With the whole response, where there is no stream to be had."""
    with serving(*replies) as server:
        pieces = asking(server)
    assert isinstance(pieces[-1], Reply)
    assert pieces[-1].text == "Forty-two."
    assert sum(isinstance(piece, Waiting) for piece in pieces) == 1


def test_a_failure_that_cannot_pass_is_one_sentence(asking):
    """With the endpoint's own words, short and in one line."""
    failed = [{"type": "response.failed", "response": {"error": {"code": "invalid_prompt", "message": "no\nway"}}}]
    with serving(failed) as server, pytest.raises(ModelUnavailable) as raised:
        asking(server)
    assert str(raised.value) == (
        f"the model endpoint {server.base_url} (model 'm') reported an error in the middle of its reply: no way. "
        "Try again later, or use another endpoint."
    )


ODD = [{"type": 5}, {"type": "response.output_text.delta", "delta": None}, {"type": "response.output_item.added", "item": []},
       {"type": "response.function_call_arguments.delta", "output_index": "x", "delta": 7}, {"type": "response.new.kind"},
       {"type": "response.completed", "response": None}]  # fmt: skip


@pytest.mark.parametrize("event", ODD, ids=range(len(ODD)))
def test_an_event_of_the_wrong_shape_adds_nothing_and_breaks_nothing(event, asking):
    """And one of a kind that is not known is passed over."""
    with serving([event, *said("Yes.")]) as server:
        assert asking(server)[-1].text == "Yes."


def test_calls_without_an_end_are_not_read(asking):
    """The bound is that of chat completions."""
    many = [
        {"type": "response.output_item.added", "output_index": n, "item": {"type": "function_call"}}
        for n in range(MAX_TOOL_CALLS + 1)
    ]
    with serving(many) as server, pytest.raises(ModelUnavailable, match="more than 64 tool calls in one reply"):
        asking(server)


def test_messages_become_items():
    """A call and its output are items of their own; empty text is none."""
    call = {"id": "c", "type": "function", "function": {"name": "run_python", "arguments": "{}"}}
    messages = [
        {"role": "system", "content": "s"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "o"},
    ]
    assert input_items(messages) == [
        {"role": "system", "content": "s"},
        {"type": "function_call", "call_id": "c", "name": "run_python", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "o"},
    ]


def test_a_run_goes_over_responses_from_task_to_answer():
    """A call, its observation as the call's output, the answer; nothing is stored there."""
    with Runtime("strict") as runtime, serving(status(503), called("x = 6\nprint(x * 7)"), said("It is 42.")) as server:
        agent = CodeActAgent(
            "m",
            runtime,
            base_url=server.base_url,
            api_key=server.api_key,
            patience=HURRIED,
            api="responses",
            tool_call=True,
        )
        with agent:
            events = list(agent.stream("How much?"))
    assert (events[-1].answer, events[-1].result.observations[0].stdout) == ("It is 42.", "42\n")
    assert isinstance(events[0], ModelRetry)
    first, last = server.requests[0], server.requests[-1]
    assert (first["store"], first["tools"][0]["name"]) == (False, "run_python")
    assert last["input"][: len(first["input"])] == first["input"]
    assert last["input"][-1] == {"type": "function_call_output", "call_id": "call_1", "output": "42"}


def test_an_unknown_api_is_refused():
    """With the two that there are."""
    with pytest.raises(ValueError, match=r"^api='completions' must be 'chat' \(chat completions\) or 'responses'\.$"):
        ChatModel("m", base_url="http://127.0.0.1:9/v1", api="completions")
