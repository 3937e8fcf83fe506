"""A toolset for pydantic-ai (`pydantic-ai-slim`): `Agent(model, toolsets=[code_toolset(runtime)])`."""

from __future__ import annotations

from typing import Any

from pydantic_ai import BinaryContent, FunctionToolset, Tool, ToolReturn

from safe_codeact import AsyncRuntime, AsyncSession, Runtime, Session
from safe_codeact.adapters.notebook import NAME, Notebook, said


def code_toolset(
    runtime: Runtime | AsyncRuntime,
    *,
    session: Session | AsyncSession | None = None,
    name: str = NAME,
    images: bool = False,
) -> FunctionToolset[Any]:
    """A toolset with one tool, which runs Python in one session of `runtime`: one for each conversation with its own variables.

    The tool's result is the observation's text; the `Observation` is its metadata. `images=True` also gives the model the
    plots that an action shows.
    """
    notebook = Notebook(runtime, session)

    async def run(code: str) -> ToolReturn:
        observation = await notebook.run_async(code)
        plots = [
            BinaryContent(data=item.data, media_type=item.media_type)
            for item in observation.artifacts
            if images and item.media_type in ("image/png", "image/jpeg")
        ]
        return ToolReturn(return_value=said(observation), content=plots or None, metadata=observation)

    return FunctionToolset([Tool(run, takes_ctx=False, name=name, description=notebook.description)], id=name)
