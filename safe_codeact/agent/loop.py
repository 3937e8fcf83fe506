"""CodeActAgent: thought → action → observation, until an answer.

One user of a session, nothing special: it holds no privilege that another caller of `session.run` lacks, and it never
looks into an action. Whatever the model writes goes to the session as text; whatever comes back goes to the model as
text.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator, Mapping
from contextlib import aclosing, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safe_codeact.agent.dialogue import Dialogue
from safe_codeact.agent.endpoint import Patience
from safe_codeact.agent.events import (
    ActionProposed,
    AgentResult,
    AnswerReady,
    Event,
    ModelDelta,
    ModelRetry,
)
from safe_codeact.agent.model import AsyncChatModel, ChatModel, Messages, Waiting
from safe_codeact.agent.prompt import system_prompt, task_prompt
from safe_codeact.agent.reply import Piece, Reply

if TYPE_CHECKING:
    import openai

    from safe_codeact import AsyncRuntime, AsyncSession, Runtime, Session

# A model that is a function: the messages in, the text of its reply out. For tests, and for models that run in-process.
ModelFunction = Callable[[Messages], str]
# Contents by name in the workspace, or paths of the host whose last part becomes the name.
Files = Mapping[str, bytes] | Iterable[str | os.PathLike[str]]

_RUN_PYTHON = {
    "type": "function",
    "function": {
        "name": "run_python",
        "description": "Runs one action in the session and returns its observation.",
        "parameters": {"type": "object", "properties": {"code": {"type": "string"}}, "required": ["code"]},
    },
}


class CodeActAgent:
    """Runs tasks with a model and a runtime.

    `model` is a name at the endpoint (`base_url`, `api_key`, or OPENAI_BASE_URL and OPENAI_API_KEY), or a function.
    `client` is an `openai.OpenAI` to use instead. `max_turns` (default: the policy's `agent.max_turns`) counts the
    model's replies. `tool_call=True` offers the endpoint a `run_python` function; replies are read in every format
    either way. `options` go into each request (`{"temperature": 0}`). The runtime stays the caller's to close.

    Raises `ModelUnavailable` when the endpoint cannot be used, `ValueError` for a `max_turns` below 1 and for files
    under a policy without a workspace, `OSError` for a path in `files` that cannot be read.
    """

    def __init__(
        self,
        model: str | ModelFunction,
        runtime: Runtime,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        client: openai.OpenAI | None = None,
        max_turns: int | None = None,
        patience: Patience | None = None,
        tool_call: bool = False,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self._runtime = runtime
        self._max_turns = _checked_turns(runtime.policy.agent.max_turns if max_turns is None else max_turns)
        self._model: ChatModel | ModelFunction = (
            model
            if callable(model)
            else ChatModel(
                model,
                base_url=base_url,
                api_key=api_key,
                client=client,
                patience=patience,
                options=_request_options(options, tool_call=tool_call),
            )
        )

    def run(self, task: str, *, session: Session | None = None, files: Files | None = None) -> AgentResult:
        """Works on `task` until an answer or the last turn. `files` are put into the session's workspace first.

        A session that is given stays open, with its variables; else one is made and closed at the end.
        """
        for event in self.stream(task, session=session, files=files):
            if isinstance(event, AnswerReady):
                return event.result
        raise AssertionError("a stream ends with AnswerReady")

    def stream(
        self, task: str, *, session: Session | None = None, files: Files | None = None
    ) -> Generator[Event, None, None]:
        """As `run`, telling what happens while it does. Closing the iterator at any point ends the run cleanly."""
        own = session is None
        session = session or self._runtime.session()
        try:
            for name, data in _contents(files):
                session.files.write(name, data)
            listed = session.files.list() if _has_workspace(self._runtime) else []
            dialogue = _dialogue(self._runtime, self._max_turns, task, listed)
            yield from self._turns(dialogue, session)
        finally:
            if own:
                session.close()

    def _turns(self, dialogue: Dialogue, session: Session) -> Iterator[Event]:
        end: AnswerReady | None = None
        while end is None:
            reply = yield from self._reply(dialogue)
            event = dialogue.take(reply)
            yield event
            if isinstance(event, AnswerReady):
                return
            if isinstance(event, ActionProposed):
                yield dialogue.observe(session.run(event.source))
            end = dialogue.next_turn()
        yield end

    def _reply(self, dialogue: Dialogue) -> Generator[Event, None, Reply]:
        if not isinstance(self._model, ChatModel):
            text = self._model(dialogue.messages())
            yield ModelDelta(turn=dialogue.turn, text=text)
            return Reply(text=text)
        with closing(self._model.ask(dialogue.messages())) as pieces:
            for piece in pieces:
                if isinstance(piece, Reply):
                    return piece
                yield _event(piece, dialogue.turn)
        raise AssertionError("a model's answer ends with a Reply")

    def close(self) -> None:
        """Closes the connections to the endpoint, unless the client was given."""
        if isinstance(self._model, ChatModel):
            self._model.close()

    def __enter__(self) -> CodeActAgent:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class AsyncCodeActAgent:
    """`CodeActAgent` over an `AsyncRuntime`: the same arguments, with `client` an `openai.AsyncOpenAI`."""

    def __init__(
        self,
        model: str,
        runtime: AsyncRuntime,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        client: openai.AsyncOpenAI | None = None,
        max_turns: int | None = None,
        patience: Patience | None = None,
        tool_call: bool = False,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self._runtime = runtime
        self._max_turns = _checked_turns(runtime.policy.agent.max_turns if max_turns is None else max_turns)
        self._model = AsyncChatModel(
            model,
            base_url=base_url,
            api_key=api_key,
            client=client,
            patience=patience,
            options=_request_options(options, tool_call=tool_call),
        )

    async def run(self, task: str, *, session: AsyncSession | None = None, files: Files | None = None) -> AgentResult:
        """As `CodeActAgent.run`."""
        async with aclosing(self.stream(task, session=session, files=files)) as events:
            async for event in events:
                if isinstance(event, AnswerReady):
                    return event.result
        raise AssertionError("a stream ends with AnswerReady")

    async def stream(
        self, task: str, *, session: AsyncSession | None = None, files: Files | None = None
    ) -> AsyncGenerator[Event, None]:
        """As `CodeActAgent.stream`. Wrap it in `contextlib.aclosing` where it may be left before its end."""
        own = session is None
        session = session or await self._runtime.session()
        try:
            for name, data in _contents(files):
                await session.files.write(name, data)
            listed = await session.files.list() if _has_workspace(self._runtime) else []
            dialogue = _dialogue(self._runtime, self._max_turns, task, listed)
            end: AnswerReady | None = None
            while end is None:
                reply = None
                async with aclosing(self._model.ask(dialogue.messages())) as pieces:
                    async for piece in pieces:
                        if isinstance(piece, Reply):
                            reply = piece
                        else:
                            yield _event(piece, dialogue.turn)
                assert reply is not None, "a model's answer ends with a Reply"
                event = dialogue.take(reply)
                yield event
                if isinstance(event, AnswerReady):
                    return
                if isinstance(event, ActionProposed):
                    yield dialogue.observe(await session.run(event.source))
                end = dialogue.next_turn()
            yield end
        finally:
            if own:
                await session.close()

    async def close(self) -> None:
        """Closes the connections to the endpoint, unless the client was given."""
        await self._model.close()

    async def __aenter__(self) -> AsyncCodeActAgent:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()


def _dialogue(runtime: Runtime | AsyncRuntime, max_turns: int, task: str, files: list[str]) -> Dialogue:
    return Dialogue(
        system=system_prompt(runtime.policy, runtime.tools),
        task=task_prompt(task, files),
        max_turns=max_turns,
        context_tokens=runtime.policy.agent.context_tokens,
    )


def _event(piece: Piece | Waiting, turn: int) -> Event:
    if isinstance(piece, Waiting):
        return ModelRetry(turn=turn, reason=piece.reason, wait_seconds=piece.seconds)
    kind, text = piece
    return ModelDelta(turn=turn, text=text, kind=kind)


def _contents(files: Files | None) -> Iterator[tuple[str, bytes]]:
    if files is None:
        return
    if isinstance(files, Mapping):
        yield from files.items()
        return
    for path in map(Path, files):
        yield path.name, path.read_bytes()


def _has_workspace(runtime: Runtime | AsyncRuntime) -> bool:
    return runtime.policy.filesystem.workspace != "none"


def _request_options(options: Mapping[str, Any] | None, *, tool_call: bool) -> dict[str, Any]:
    return {**({"tools": [_RUN_PYTHON]} if tool_call else {}), **(options or {})}


def _checked_turns(max_turns: int) -> int:
    if max_turns < 1:
        raise ValueError(f"max_turns={max_turns} must be at least 1: a turn is one reply. There is no 'unlimited'.")
    return max_turns
