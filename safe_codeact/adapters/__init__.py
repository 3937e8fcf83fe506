"""For agent loops of others: what they call to run Python, as they want it, over a runtime of ours.

`smolagents` (an executor for its `CodeAgent`), `openai_agents` (a tool for the OpenAI Agents SDK), `langchain` (a tool for LangChain and
LangGraph), `pydantic_ai` (a toolset). Each imports its framework, which an extra of the same name brings; nothing else does.
`notebook` is what they share. The framework, its model's client and its tools run in your process, unconfined; only the code that the
model writes is judged and confined.
"""

from __future__ import annotations
