"""A tool for the OpenAI Agents SDK (`openai-agents`): `Agent(tools=[code_tool(runtime)])`."""

from __future__ import annotations

import base64
import json
from typing import Any

from agents import FunctionTool, ToolOutputImage, ToolOutputText
from agents.tool_context import ToolContext

from safe_codeact import AsyncRuntime, AsyncSession, Observation, Runtime, Session
from safe_codeact.adapters.notebook import NAME, PARAMETERS, Notebook, said


def code_tool(
    runtime: Runtime | AsyncRuntime,
    *,
    session: Session | AsyncSession | None = None,
    name: str = NAME,
    images: bool = False,
) -> FunctionTool:
    """A tool that runs Python in one session of `runtime`: one for each conversation that is to have variables of its own.

    `images=True` also gives the model the plots that an action shows (endpoints of the Responses kind take them).
    """
    notebook = Notebook(runtime, session)

    async def invoke(_context: ToolContext[Any], arguments: str) -> Any:
        code = _code(arguments)
        if code is None:
            return "The call's arguments are not JSON with `code` (a string): call again."
        observation = await notebook.run_async(code)
        shown = _images(observation) if images else []
        return [ToolOutputText(text=said(observation)), *shown] if shown else said(observation)

    return FunctionTool(
        name=name,
        description=notebook.description,
        params_json_schema=PARAMETERS,
        on_invoke_tool=invoke,
        strict_json_schema=True,
    )


def _code(arguments: str) -> str | None:
    try:
        given = json.loads(arguments)
    except (ValueError, RecursionError):
        return None
    code = given.get("code") if isinstance(given, dict) else None
    return code if isinstance(code, str) else None


def _images(observation: Observation) -> list[ToolOutputImage]:
    return [
        ToolOutputImage(image_url=f"data:{item.media_type};base64,{base64.b64encode(item.data).decode('ascii')}")
        for item in observation.artifacts
        if item.media_type in ("image/png", "image/jpeg")
    ]
