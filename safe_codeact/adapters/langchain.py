"""A tool for LangChain and LangGraph (`langchain-core`): for `bind_tools`, `ToolNode` and agents made of them."""

from __future__ import annotations

from langchain_core.tools import StructuredTool
from pydantic import BaseModel, Field

from safe_codeact import AsyncRuntime, AsyncSession, Observation, Runtime, Session
from safe_codeact.adapters.notebook import CODE, NAME, Notebook, said


class _Arguments(BaseModel):
    code: str = Field(description=CODE)


def code_tool(
    runtime: Runtime | AsyncRuntime, *, session: Session | AsyncSession | None = None, name: str = NAME
) -> StructuredTool:
    """A tool that runs Python in one session of `runtime`: one for each conversation that is to have variables of its own.

    The message that the model gets is the observation's text; its `artifact` is the `Observation`. With an `AsyncRuntime`, the
    tool works in its loop only (`ainvoke`).
    """
    notebook = Notebook(runtime, session)

    def run(code: str) -> tuple[str, Observation]:
        observation = notebook.run(code)
        return said(observation), observation

    async def run_async(code: str) -> tuple[str, Observation]:
        observation = await notebook.run_async(code)
        return said(observation), observation

    return StructuredTool.from_function(
        func=None if notebook.is_async else run,
        coroutine=run_async,
        name=name,
        description=notebook.description,
        args_schema=_Arguments,
        response_format="content_and_artifact",
    )
