"""An MCP server with one tool, `run_python`: actions of any MCP client, judged and confined as everywhere."""

from __future__ import annotations

import base64
from typing import Any

from mcp.server.lowlevel.server import Server
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    ContentBlock,
    ImageContent,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from safe_codeact import AsyncRuntime, Observation, Outcome, __version__
from safe_codeact.agent.prompt import surroundings
from safe_codeact.mcp.sessions import NEW, NoSession, Sessions

NAME = "run_python"
_MOST_IMAGES = 8
_MOST_IMAGE_BYTES = 2 * 1024 * 1024
_IMAGES = ("image/png", "image/jpeg")
_ABOUT = """\
Run Python code in a confined session, as a cell of a notebook: returns what it printed, the value of its last expression, the plots \
that it showed, and any error. Variables, functions and imports are kept for the next call of the same session."""
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "code": {"type": "string", "description": "The Python code to run."},
        "session_id": {
            "type": "string",
            "description": f"The session to run it in, by the id that an earlier result said; '{NEW}' for a new one. "
            "Leave it out to go on in the connection's own session, or where there is none yet.",
        },
    },
    "required": ["code"],
    "additionalProperties": False,
}


def code_server(runtime: AsyncRuntime, *, max_sessions: int = 16) -> Server[Any]:
    """A server of the `mcp` package over a runtime that is open: run it over any of the package's transports, in one loop.

    Its sessions end with the runtime. At most `max_sessions` are kept; the longest unused one is closed for a new one.
    """
    return _server(runtime, Sessions(runtime, max_sessions))


def _server(runtime: AsyncRuntime, sessions: Sessions) -> Server[Any]:
    description = f"{_ABOUT}\n\n{surroundings(runtime.policy, runtime.tools)}"
    tool = Tool(name=NAME, title="Run Python", description=description, input_schema=_SCHEMA)

    async def list_tools(_context: Any, _params: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=[tool])

    async def call_tool(context: Any, params: CallToolRequestParams) -> CallToolResult:
        problem = _problem(params)
        if problem:
            return _failed(problem)
        arguments = params.arguments or {}
        owner = owner_of(context.request, context.protocol_version)
        asked = arguments.get("session_id")
        try:
            async with sessions.use(owner, asked) as session:
                observation = await session.run(arguments["code"])
        except NoSession as error:
            return _failed(str(error))
        return _result(observation, session.id, say_session=owner is None or asked is not None)

    return Server("safe-codeact", version=__version__, on_list_tools=list_tools, on_call_tool=call_tool)


def owner_of(request: Any, version: str) -> str | None:
    """What tells connections apart: pipes are one connection; over HTTP, the session header of the older protocols, which the
    `mcp` package has checked. In the newer ones it means nothing, and a client may write into it what it likes.
    """
    if request is None:
        return "pipes"
    header = None if version in MODERN_PROTOCOL_VERSIONS else request.headers.get("mcp-session-id")
    return f"web {header}" if header else None


def _problem(params: CallToolRequestParams) -> str:
    if params.name != NAME:
        return f"there is no tool of that name; the only one is {NAME}."
    arguments = params.arguments or {}
    unknown = arguments.keys() - _SCHEMA["properties"].keys()
    if unknown or not isinstance(arguments.get("code"), str):
        return f"{NAME} takes `code` (a string) and, if you like, `session_id` (a string)."
    if not isinstance(arguments.get("session_id", ""), str):
        return "session_id must be a string: leave it out for the session of this connection."
    return ""


def _failed(why: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(text=why)], is_error=True)


def _result(observation: Observation, session_id: str, *, say_session: bool) -> CallToolResult:
    text = observation.text
    if observation.final_answer is not None:
        text += f"\nfinal answer: {str(observation.final_answer)[:20_000]}"
    if say_session:
        text += f"\n[session_id: {session_id} — pass it to go on with these variables]"
    shown = text.encode("utf-8", "backslashreplace").decode("utf-8")  # half a surrogate pair cannot be sent
    content: list[ContentBlock] = [TextContent(text=shown)]
    images = [item for item in observation.artifacts if item.media_type in _IMAGES]
    for image in images[:_MOST_IMAGES]:
        if len(image.data) <= _MOST_IMAGE_BYTES:
            data = base64.b64encode(image.data).decode("ascii")
            content.append(ImageContent(data=data, mime_type=image.media_type))
    return CallToolResult(
        content=content,
        is_error=observation.outcome is not Outcome.completed,
        _meta={"safe-codeact/outcome": observation.outcome.value, "safe-codeact/session": session_id},
    )
