"""The tool in an agent of the OpenAI Agents SDK, over its own client, against a scripted endpoint on the loopback interface."""

from __future__ import annotations

import asyncio
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from agents import Agent, OpenAIChatCompletionsModel, Runner, set_tracing_disabled
from openai import AsyncOpenAI

from safe_codeact import AsyncRuntime, Runtime
from safe_codeact.adapters.openai_agents import code_tool

set_tracing_disabled(True)


@pytest.fixture
def endpoint():
    """A chat-completions endpoint that plays `script`: arguments of a call, or the answer; `asked` is what came."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            request = json.loads(self.rfile.read(int(self.headers["content-length"])))
            server.asked.append(request)
            said = server.script.pop(0)
            call = {
                "id": f"c{len(server.asked)}",
                "type": "function",
                "function": {"name": "run_python", "arguments": said},
            }
            is_call = said.startswith("{") or said == "not json"
            message = {"role": "assistant", "content": None if is_call else said} | (
                {"tool_calls": [call]} if is_call else {}
            )
            choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if is_call else "stop"}
            body = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
            data = json.dumps(
                body | {"usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}
            ).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.asked, server.script = [], []
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


async def answer_of(endpoint, tool):
    async with AsyncOpenAI(
        base_url=f"http://127.0.0.1:{endpoint.server_port}/v1", api_key="k", max_retries=0
    ) as client:
        agent = Agent("worker", model=OpenAIChatCompletionsModel("m", client), tools=[tool])
        return (await Runner.run(agent, "go")).final_output


def results_in(request):
    return [message["content"] for message in request["messages"] if message["role"] == "tool"]


def code(text):
    return json.dumps({"code": text})


def test_an_agent_works_in_one_session_and_sees_errors(endpoint):
    endpoint.script = [code("x = 41"), code("import os.system"), code("print(x + 1)"), "It is 42."]

    async def work():
        async with AsyncRuntime("strict") as runtime:
            return await answer_of(endpoint, code_tool(runtime))

    assert asyncio.run(work()) == "It is 42."
    made, refused, shown = results_in(endpoint.asked[-1])
    assert made == "(no output) defined: x"
    assert "Refused before anything ran" in refused
    assert shown == "42"


def test_a_blocking_runtime_serves_as_well_and_arguments_that_are_no_json_are_answered(endpoint):
    """The model is told what it can import."""
    endpoint.script = ["not json", "{}", code("1 + 1"), "done"]
    with Runtime("strict") as runtime:
        assert asyncio.run(answer_of(endpoint, code_tool(runtime))) == "done"
    (function,) = [tool["function"] for tool in endpoint.asked[0]["tools"]]
    assert "You can import" in function["description"]
    assert function["parameters"]["required"] == ["code"]
    broken = "The call's arguments are not JSON with `code` (a string): call again."
    assert results_in(endpoint.asked[-1]) == [broken, broken, "2"]
