"""The toolset in an agent of pydantic-ai, with its own model for tests, playing a script."""

from __future__ import annotations

import asyncio

from pydantic_ai import (
    Agent,
    BinaryContent,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models.function import FunctionModel

from safe_codeact import AsyncRuntime, Observation, Runtime
from safe_codeact.adapters.pydantic_ai import code_toolset


def model_of(*script):
    """Plays calls (dicts of arguments) and an answer (text)."""
    left = list(script)

    def reply(_messages, info):
        said = left.pop(0)
        assert [tool.name for tool in info.function_tools] == ["run_python"]
        return ModelResponse([TextPart(said) if isinstance(said, str) else ToolCallPart("run_python", said)])

    return FunctionModel(reply)


def parts_of(result, kind):
    return [part for message in result.all_messages() for part in message.parts if isinstance(part, kind)]


SCRIPT = ({"code": "x = 41"}, {"code": "import socket"}, {"code": "print(x + 1)"}, "It is 42.")


DRAWN = "with open('drawn.png', 'wb') as file:\n    file.write(b'\\x89PNG')"
DRAWING = """\
version: 1
extends: strict
filesystem: {workspace: rw}
"""


def check(result):
    assert result.output == "It is 42."
    made, refused, shown = parts_of(result, ToolReturnPart)
    assert made.content == "(no output) defined: x"
    assert "Refused before anything ran" in refused.content
    assert shown.content == "42"
    assert isinstance(shown.metadata, Observation)


def test_an_agent_works_in_one_session_and_sees_errors():
    with Runtime("strict") as runtime:
        check(asyncio.run(Agent(model_of(*SCRIPT), toolsets=[code_toolset(runtime)]).run("go")))


def test_an_asynchronous_runtime_does_the_same_and_plots_come_along_where_they_are_wanted(tmp_path):
    (tmp_path / "drawing.yaml").write_text(DRAWING)
    script = (*SCRIPT[:3], {"text": 5}, {"code": DRAWN}, SCRIPT[3])

    async def work():
        async with AsyncRuntime(tmp_path / "drawing.yaml") as runtime:
            return await Agent(model_of(*script), toolsets=[code_toolset(runtime, images=True)]).run("go")

    result = asyncio.run(work())
    assert result.output == "It is 42."
    assert [part.outcome for part in parts_of(result, ToolReturnPart)] == ["success"] * 3 + ["retried", "success"]
    content = [item for part in parts_of(result, UserPromptPart) for item in part.content if not isinstance(item, str)]
    assert [(type(item), item.media_type) for item in content] == [(BinaryContent, "image/png")]
