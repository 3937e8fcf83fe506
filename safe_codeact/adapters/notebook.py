"""One session of a runtime as the tool of another loop: its description, its parameters, and running it from threads or loops."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from safe_codeact import AsyncRuntime, AsyncSession, Observation, Runtime, Session
from safe_codeact.agent.prompt import surroundings

NAME = "run_python"
_ABOUT = """\
Run Python code, as a cell of a notebook: returns what it printed, the value of its last expression, and any error. Variables, \
functions and imports are kept for the next call."""
CODE = "The Python code to run."
PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {"code": {"type": "string", "description": CODE}},
    "required": ["code"],
    "additionalProperties": False,
}


class Notebook:
    """A session to run code in: the given one, or one that is made by the first call. It ends with its runtime."""

    def __init__(self, runtime: Runtime | AsyncRuntime, session: Session | AsyncSession | None = None) -> None:
        if isinstance(runtime, AsyncRuntime) == isinstance(session, Session) and session is not None:
            raise TypeError(f"session={session!r} is not one of {type(runtime).__name__}'s")
        self._runtime = runtime
        self._session = session
        self._making = asyncio.Lock()  # of an AsyncSession; a Session is made without waiting
        self._starting = threading.Lock()
        self.description = f"{_ABOUT}\n\n{surroundings(runtime.policy, runtime.tools)}"

    @property
    def is_async(self) -> bool:
        """Whether the runtime belongs to an event loop: then only `run_async` works."""
        return isinstance(self._runtime, AsyncRuntime)

    def run(self, code: str) -> Observation:
        """One action, blocking. Raises `TypeError` for an `AsyncRuntime`."""
        if isinstance(self._runtime, AsyncRuntime):
            raise TypeError(
                "an AsyncRuntime cannot be used without an event loop: give a Runtime, or run the agent in a loop"
            )
        with self._starting:
            if self._session is None:
                self._session = self._runtime.session()
        assert isinstance(self._session, Session)
        return self._session.run(code)

    async def run_async(self, code: str) -> Observation:
        """One action, from an event loop, which is not held up. With a `Runtime`, cancelling does not end the action."""
        if not isinstance(self._runtime, AsyncRuntime):
            return await asyncio.to_thread(self.run, code)
        async with self._making:
            if self._session is None:
                self._session = await self._runtime.session()
        assert isinstance(self._session, AsyncSession)
        return await self._session.run(code)


def said(observation: Observation) -> str:
    """What the model is shown: also the answer of `final_answer(…)`, which another loop does not look for."""
    if observation.final_answer is None:
        return observation.text
    return f"{observation.text}\nfinal answer: {str(observation.final_answer)[:20_000]}"
