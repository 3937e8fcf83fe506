"""Another way to act, in the same loop."""

from __future__ import annotations

import asyncio

from safe_codeact import AsyncRuntime, Runtime
from safe_codeact.agent import ActionStyle, AsyncCodeActAgent, CodeActAgent, Format, Reading

SHOUTED = ActionStyle(
    name="shouted",
    system=lambda policy, tools: f"Shout under {policy.name}: {', '.join(tool.name for tool in tools)}",
    read=lambda reply: (
        Reading(kind="answer", format=Format.prose, answer=reply.text)
        if "!" not in reply.text
        else Reading(kind="action", format=Format.bare, source=reply.text.strip("!").lower())
    ),
)


def give(n: int) -> int:
    """Gives n."""
    return n


def model(messages):
    assert messages[0]["content"] == "Shout under strict: give"
    return "GIVE(40) + 2!" if len(messages) == 2 else messages[-1]["content"].removeprefix("Observation:\n")


def test_a_style_writes_the_system_message_and_reads_the_replies():
    """The session, the tools and the observations are the loop's own."""
    with Runtime("strict", tools=[give], standby=1) as runtime:
        result = CodeActAgent(model, runtime, style=SHOUTED).run("How much?")
    assert (result.answer, result.turns, result.steps[0].source) == ("42", 2, "give(40) + 2")
    assert [call.name for call in result.observations[0].tool_calls] == ["give"]


def test_the_asynchronous_agent_takes_the_same_styles():
    """Nothing else is different there either."""

    async def run():
        async with AsyncRuntime("strict", tools=[give], standby=1) as runtime:
            return await AsyncCodeActAgent(model, runtime, style=SHOUTED).run("How much?")

    assert asyncio.run(run()).answer == "42"
