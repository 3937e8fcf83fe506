"""`safe-codeact mcp` as clients meet it: real processes, real pipes, loopback HTTP, the real client of the `mcp` package."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import anyio
import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.server.lowlevel.server import Server
from processes import descendants

from safe_codeact import AsyncRuntime, Runtime
from safe_codeact.mcp import code_server, pipes, server_tools

COMMAND = [sys.executable, "-m", "safe_codeact", "mcp"]
DRAWING = """\
version: 1
extends: strict
filesystem: {workspace: rw}
"""


def text_of(result):
    return "\n".join(block.text for block in result.content if block.type == "text")


async def run(client, code, **arguments):
    return await client.call_tool("run_python", {"code": code, **arguments})


async def gone(pids):
    """Waits until none is left; the test's own time limit is the bound."""
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        await anyio.sleep(0.02)


@pytest.fixture(scope="module")
def web():
    """One server over HTTP for this file's tests; its address."""
    with subprocess.Popen([*COMMAND, "--policy", "strict", "--http", "0"], stderr=subprocess.PIPE, text=True) as server:
        line = server.stderr.readline()
        yield re.fullmatch(r"safe-codeact: MCP server of policy strict at (http://127\.0\.0\.1:\d+/mcp)\n", line)[1]
        below = descendants(server.pid)
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
        assert "Traceback" not in server.stderr.read()
    asyncio.run(gone(below))


def test_over_pipes_names_live_on_and_the_outcome_says_whether_it_is_an_error(tmp_path):
    """Images are image content; the tool says what can be imported; the client's leaving ends every process."""
    (tmp_path / "drawing.yaml").write_text(DRAWING)
    before = descendants(os.getpid())

    async def work():
        command = StdioServerParameters(
            command=COMMAND[0], args=[*COMMAND[1:], "--policy", str(tmp_path / "drawing.yaml")]
        )
        async with Client(stdio_client(command)) as client:
            (tool,) = (await client.list_tools()).tools
            assert tool.name == "run_python"
            assert "You can import, submodules only as given in brackets: math" in tool.description
            assert re.search(r"Each action has 30 s, \d+ MB of memory", tool.description)
            made = await run(client, "x = 41")
            assert (made.is_error, text_of(made)) == (False, "(no output) defined: x")
            assert made.meta["safe-codeact/outcome"] == "completed"
            assert text_of(await run(client, "x + 1")) == "42"
            for code, outcome in (("1 / 0", "raised"), ("import socket", "refused")):
                failed = await run(client, code)
                assert failed.is_error
                assert failed.meta["safe-codeact/outcome"] == outcome
            other = await run(client, "'x' in globals() or 'apart'", session_id="new")
            assert text_of(other).startswith("'apart'\n[session_id: ")
            drawn = await run(client, "with open('drawn.png', 'wb') as file:\n    file.write(b'\\x89PNG')")
            assert [block.mime_type for block in drawn.content if block.type == "image"] == ["image/png"]
            assert text_of(await run(client, "final_answer(5)")).endswith("final answer: 5")
            for wrong in ({}, {"code": 5}, {"code": "1", "other": 1}, {"code": "1", "session_id": 5}):
                assert (await client.call_tool("run_python", wrong)).is_error
            assert (await client.call_tool("other", {})).is_error
            below = descendants(os.getpid()) - before
            assert below
        await gone(below)

    asyncio.run(work())


def test_both_ends_are_ours_an_action_calls_run_python_of_another_process(web):
    with server_tools(web, prefix="far_") as tools, Runtime("strict", tools=[*tools]) as runtime:
        source = (
            "import re\nfirst = far_run_python('n = 6')\nname = re.search('session_id: (\\\\w+)', first)[1]\n"
            "print(far_run_python('n * 7', session_id=name).splitlines()[0])\n"
            "try:\n    far_run_python('1 / 0')\nexcept ToolError as error:\n    print('ZeroDivisionError' in str(error))\n"
        )
        assert runtime.session().run(source).stdout == "42\nTrue\n"


def test_over_http_a_connection_has_its_own_session_and_an_id_reaches_one_from_another(web):
    async def work():
        async with Client(web, mode="legacy") as first, Client(web, mode="legacy") as second:
            named = (await run(first, "mine = 1")).meta["safe-codeact/session"]
            assert text_of(await run(first, "mine + 1")) == "2"
            assert (await run(second, "mine")).is_error
            assert text_of(await run(second, "mine + 1", session_id=named)).startswith("2\n")
        async with Client(web, mode="legacy") as third:  # the first one said goodbye: its session went with it
            refused = await run(third, "mine", session_id=named)
            assert text_of(refused).startswith("There is no session of that id")

    asyncio.run(work())


def test_a_call_of_the_newest_protocol_stands_alone_and_is_told_the_id_to_go_on_with(web):
    async def work():
        async with Client(web) as client:
            made = await run(client, "x = 5")
            name = made.meta["safe-codeact/session"]
            assert text_of(made).endswith(f"[session_id: {name} — pass it to go on with these variables]")
            assert text_of(await run(client, "x", session_id=name)).startswith("5\n")
            assert (await run(client, "x")).is_error
            for guessed in ("", "alice", name[:-1]):
                assert "There is no session of that id" in text_of(await run(client, "x", session_id=guessed))

    asyncio.run(work())


def test_a_web_pages_requests_and_an_oversized_one_are_refused(web):
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    accept = {"accept": "application/json, text/event-stream"}
    assert httpx2.post(web, json=request, headers={**accept, "origin": "https://evil.example"}).status_code == 403
    assert httpx2.post(web, json=request, headers={**accept, "host": "evil.example"}).status_code == 421
    assert httpx2.post(web, content=b" " * (5 * 1024 * 1024), headers=accept).status_code == 413


def test_it_listens_on_loopback_only(web):
    port = int(web.rpartition(":")[2].partition("/")[0])
    with socket.create_server(("127.0.0.2", port)):  # would be taken by a server on every address
        pass


def test_nonsense_is_passed_over_and_ctrl_c_ends_a_server_whose_client_says_nothing():
    with subprocess.Popen(
        [*COMMAND, "--policy", "expression"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as server:
        deep = b'{"jsonrpc":"2.0","id":2,"method":"ping","params":' + b'{"a":' * 9000 + b"1" + b"}" * 9000 + b"}\n"
        server.stdin.write(b"nonsense\n\xff\xfe\n[]\n" + deep + b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
        server.stdin.flush()
        assert b'"id":1' in server.stdout.readline()
        server.send_signal(signal.SIGINT)
        assert server.wait(30) == 130
        assert server.stdout.read() == b""


def test_a_client_that_sends_without_end_and_never_reads_is_left():
    class Endless(anyio.abc.ByteReceiveStream):
        async def receive(self, max_bytes=65536):
            await anyio.sleep(0)
            return b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n' * 100

        async def aclose(self):
            pass

    class Unread(anyio.abc.ByteSendStream):
        async def send(self, item):
            await anyio.sleep_forever()

        async def aclose(self):
            pass

    async def work():
        server = Server("any")
        async with pipes.framed(Endless(), Unread(), pipes.Meter(20_000)) as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())

    asyncio.run(work())


def test_a_policy_and_an_address_that_cannot_be_used_are_said_on_standard_error():
    for arguments, said in (
        (["--policy", "nonexistent"], "nonexistent"),
        (["--http", "here"], "--http here: expected [HOST:]PORT, such as 8000 or 127.0.0.1:8000."),
    ):
        done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert done.returncode == 2
        assert said in done.stderr
        assert done.stdout == ""


def test_sessions_are_bounded_the_longest_idle_one_goes_and_a_cancelled_call_ends_its_action():
    """In one process: the server over any runtime, with tools of the caller's, through the package's own in-memory transport."""

    def double(n: int) -> int:
        """Twice."""
        return 2 * n

    async def work():
        async with AsyncRuntime("strict", tools=[double]) as runtime:  # noqa: SIM117 - a server of an open runtime
            async with Client(code_server(runtime, max_sessions=2), mode="legacy") as client:
                (tool,) = (await client.list_tools()).tools
                assert "def double(n: int) -> int:" in tool.description
                assert text_of(await run(client, "x = double(4)\nx")) == "8"
                first = (await run(client, "a = 1", session_id="new")).meta["safe-codeact/session"]
                assert text_of(await run(client, "x")) == "8"
                await run(client, "b = 1", session_id="new")
                assert "at most 2 are kept" in text_of(await run(client, "a", session_id=first))
                assert text_of(await run(client, "x")) == "8"
                with anyio.move_on_after(1.0) as waiting:
                    await run(client, "while True: pass")
                assert waiting.cancelled_caught
                assert text_of(await run(client, "x")) == "8"

    asyncio.run(work())


def test_importing_the_package_does_not_import_mcp_or_a_framework():
    program = (
        "import sys, safe_codeact, safe_codeact.mcp, safe_codeact.adapters, safe_codeact.agent\n"
        "from safe_codeact import Runtime\n"
        "bad = {'mcp', 'mcp_types', 'uvicorn', 'smolagents', 'agents', 'langchain_core', 'pydantic_ai'} & sys.modules.keys()\n"
        "assert not bad, bad\n"
        "sys.modules['mcp'] = None\n"
        "try:\n    safe_codeact.mcp.server_tools\n"
        "except ModuleNotFoundError as error:\n    assert 'safe-codeact[mcp]' in str(error), error\n"
        "else:\n    raise AssertionError\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
