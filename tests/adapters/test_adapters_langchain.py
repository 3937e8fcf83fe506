"""The tool in a graph of LangGraph, with a chat model of `langchain-core` that plays a script."""

from __future__ import annotations

import asyncio

import pytest
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableLambda
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition

from safe_codeact import AsyncRuntime, Observation, Runtime
from safe_codeact.adapters.langchain import code_tool


def call(number, **arguments):
    return AIMessage("", tool_calls=[{"name": "run_python", "args": arguments, "id": f"c{number}"}])


def graph_of(tool, replies):
    """The usual agent: a model, its tools, and back until it answers."""
    model = GenericFakeChatModel(messages=iter(replies))

    async def ask_async(state):
        return {"messages": [await model.ainvoke(state["messages"])]}

    def ask(state):
        return {"messages": [model.invoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("model", RunnableLambda(ask, afunc=ask_async))
    graph.add_node("tools", ToolNode([tool]))
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", tools_condition)
    graph.add_edge("tools", "model")
    return graph.compile()


SCRIPT = (call(1, code="x = 41"), call(2, code="1 / 0"), call(3, code="print(x + 1)"), AIMessage("It is 42."))


def check(messages):
    made, raised, shown = [message for message in messages if isinstance(message, ToolMessage)]
    assert made.content == "(no output) defined: x"
    assert "ZeroDivisionError" in raised.content
    assert shown.content == "42"
    assert isinstance(shown.artifact, Observation)
    assert messages[-1].content == "It is 42."


def test_a_graph_works_in_one_session_and_sees_errors_and_a_session_of_the_callers_is_used():
    with Runtime("strict") as runtime:
        check(graph_of(code_tool(runtime), SCRIPT).invoke({"messages": [HumanMessage("go")]})["messages"])
        session = runtime.session()
        session.set("x", 3)
        tool = code_tool(runtime, session=session, name="python")
        assert tool.invoke({"code": "x * 2"}) == "6"
        assert tool.args["code"] == {"description": "The Python code to run.", "title": "Code", "type": "string"}
        assert "You can import" in tool.description
        with pytest.raises(TypeError, match="is not one of Runtime's"):
            code_tool(runtime, session=object())


def test_an_asynchronous_graph_over_an_asynchronous_runtime_does_the_same():
    async def work():
        async with AsyncRuntime("strict") as runtime:
            state = await graph_of(code_tool(runtime), SCRIPT).ainvoke({"messages": [HumanMessage("go")]})
            check(state["messages"])

    asyncio.run(work())
