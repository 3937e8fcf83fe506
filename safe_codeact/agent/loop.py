"""CodeActAgent: thought → action → observation, until an answer.

One user of a session, nothing special: it holds no privilege that another caller of `session.run` lacks, and it never
looks into an action. Whatever the model writes goes to the session as text; whatever comes back goes to the model as
text.
"""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safe_codeact.agent.budget import Budgets
from safe_codeact.agent.context import Context
from safe_codeact.agent.dialogue import Dialogue
from safe_codeact.agent.endpoint import Patience
from safe_codeact.agent.events import ActionProposed, AgentResult, AnswerReady, Event, ModelDelta, ModelRetry, Setting
from safe_codeact.agent.model import Api, AsyncChatModel, ChatModel, Messages, OutOfTime, Waiting
from safe_codeact.agent.prompt import task_prompt
from safe_codeact.agent.reply import Piece, Reply, encodable
from safe_codeact.agent.style import CODE, ActionStyle
from safe_codeact.agent.trajectory import write_trajectory

if TYPE_CHECKING:
    import openai

    from safe_codeact import AsyncRuntime, AsyncSession, Runtime, Session, Variable

# A model that is a function: the messages in, the text of its reply out. For tests, and for models that run in-process.
ModelFunction = Callable[[Messages], str]
AsyncModelFunction = Callable[[Messages], str | Awaitable[str]]
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
    `client` is an `openai.OpenAI` to use instead; `api` "responses" asks over the Responses API. `tool_call=True` offers
    the endpoint a `run_python` function; replies are read in every format either way. `options` go into each request
    (`{"temperature": 0}`). `style` is for comparisons: the model is asked to act in another way (`agent.style`).

    `max_turns` (default: the policy's `agent.max_turns`) counts the model's replies. `max_tokens` (of prompts and
    replies), `max_seconds` (of a run) and `max_tool_calls` (of its actions) end a run too; each is named in `stopped_by`,
    and `result.spent` says what was spent. A run ends after the reply with which its tokens are used up, and after the
    action that goes past its tool calls: within one action, the policy's `limits.tool_calls` holds.

    To the file `trajectories`, each run that comes to its end is appended (`agent.trajectory` describes it). The runtime
    stays the caller's to close.

    Raises `ModelUnavailable` when the endpoint cannot be used, `ValueError` for a budget below 1 and for files under a
    policy without a workspace, `OSError` for a path in `files` that cannot be read.
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
        max_tokens: int | None = None,
        max_seconds: float | None = None,
        max_tool_calls: int | None = None,
        patience: Patience | None = None,
        tool_call: bool = False,
        options: Mapping[str, Any] | None = None,
        trajectories: str | os.PathLike[str] | None = None,
        api: Api = "chat",
        style: ActionStyle = CODE,
    ) -> None:
        self._runtime = runtime
        self._style = style
        self._budgets = Budgets(
            max_turns=runtime.policy.agent.max_turns if max_turns is None else max_turns,
            max_tokens=max_tokens,
            max_seconds=max_seconds,
            max_tool_calls=max_tool_calls,
        )
        self._name = _model_name(model)
        self._trajectories = trajectories
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
                api=api,
            )
        )

    def run(self, task: str, *, session: Session | None = None, files: Files | None = None) -> AgentResult:
        """Works on `task` until an answer or the last turn. `files` are put into the session's workspace first.

        A session that is given stays open, with its variables; else one is made and closed at the end. Where a call waits
        for a person, the run ends with `stopped_by` "suspended": give a session where that can happen, and go on with
        `session.resume` and another run.
        """
        with closing(self.stream(task, session=session, files=files)) as events:
            for event in events:
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
            variables = [] if own else session.variables()
            dialogue = _dialogue(self._runtime, self._style, self._budgets, self._name, task, listed, variables)
            try:
                yield from self._turns(dialogue, session)
            except OutOfTime:
                yield self._kept(dialogue.out_of_time())
        finally:
            if own:
                session.close()

    def _turns(self, dialogue: Dialogue, session: Session) -> Iterator[Event]:
        end: AnswerReady | None = None
        while end is None:
            if dialogue.must_fold():
                yield dialogue.fold(session.variables())
            reply = yield from self._reply(dialogue)
            event = dialogue.take(reply)
            if isinstance(event, AnswerReady):
                end = event
                break
            yield event
            if isinstance(event, ActionProposed):
                yield dialogue.observe(session.run(event.source, timeout=_action_seconds(dialogue)))
            end = dialogue.next_turn()
        yield self._kept(end)

    def _kept(self, end: AnswerReady) -> AnswerReady:
        if self._trajectories is not None:
            write_trajectory(end.result, self._trajectories)
        return end

    def _reply(self, dialogue: Dialogue) -> Generator[Event, None, Reply]:
        if not isinstance(self._model, ChatModel):
            text = encodable(self._model(dialogue.messages()))
            yield ModelDelta(turn=dialogue.turn, text=text)
            return Reply(text=text)
        with closing(self._model.ask(dialogue.messages(), dialogue.meter.deadline)) as pieces:
            for piece in pieces:
                if isinstance(piece, Reply):
                    return piece
                yield _event(piece, dialogue)
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
    """`CodeActAgent` over an `AsyncRuntime`: the same arguments, with `client` an `openai.AsyncOpenAI`.

    A model that is a function may be asynchronous. Cancelling the task that runs it ends the run: the request, the
    action and the session that is the run's own; a session that was given keeps its last state. Of a model that is a
    plain function, no time limit holds while it runs.
    """

    def __init__(
        self,
        model: str | AsyncModelFunction,
        runtime: AsyncRuntime,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        client: openai.AsyncOpenAI | None = None,
        max_turns: int | None = None,
        max_tokens: int | None = None,
        max_seconds: float | None = None,
        max_tool_calls: int | None = None,
        patience: Patience | None = None,
        tool_call: bool = False,
        options: Mapping[str, Any] | None = None,
        trajectories: str | os.PathLike[str] | None = None,
        api: Api = "chat",
        style: ActionStyle = CODE,
    ) -> None:
        self._runtime = runtime
        self._style = style
        self._budgets = Budgets(
            max_turns=runtime.policy.agent.max_turns if max_turns is None else max_turns,
            max_tokens=max_tokens,
            max_seconds=max_seconds,
            max_tool_calls=max_tool_calls,
        )
        self._name = _model_name(model)
        self._trajectories = trajectories
        self._model: AsyncChatModel | AsyncModelFunction = (
            model
            if callable(model)
            else AsyncChatModel(
                model,
                base_url=base_url,
                api_key=api_key,
                client=client,
                patience=patience,
                options=_request_options(options, tool_call=tool_call),
                api=api,
            )
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
            variables = [] if own else await session.variables()
            dialogue = _dialogue(self._runtime, self._style, self._budgets, self._name, task, listed, variables)
            try:
                async with aclosing(self._turns(dialogue, session)) as events:
                    async for event in events:
                        yield event
            except OutOfTime:
                yield await self._kept(dialogue.out_of_time())
        finally:
            if own:
                await session.close()

    async def _turns(self, dialogue: Dialogue, session: AsyncSession) -> AsyncGenerator[Event, None]:
        end: AnswerReady | None = None
        while end is None:
            if dialogue.must_fold():
                yield dialogue.fold(await session.variables())
            reply = None
            async with aclosing(self._pieces(dialogue)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Reply):
                        reply = piece
                    else:
                        yield _event(piece, dialogue)
            assert reply is not None, "a model's answer ends with a Reply"
            event = dialogue.take(reply)
            if isinstance(event, AnswerReady):
                end = event
                break
            yield event
            if isinstance(event, ActionProposed):
                yield dialogue.observe(await session.run(event.source, timeout=_action_seconds(dialogue)))
            end = dialogue.next_turn()
        yield await self._kept(end)

    async def _kept(self, end: AnswerReady) -> AnswerReady:
        if self._trajectories is not None:
            await asyncio.to_thread(write_trajectory, end.result, self._trajectories)
        return end

    async def _pieces(self, dialogue: Dialogue) -> AsyncGenerator[Piece | Waiting | Reply, None]:
        if isinstance(self._model, AsyncChatModel):
            async with aclosing(self._model.ask(dialogue.messages(), dialogue.meter.deadline)) as pieces:
                async for piece in pieces:
                    yield piece
            return
        given = self._model(dialogue.messages())
        text = await _within(dialogue.meter.seconds_left(), given) if inspect.isawaitable(given) else given
        yield ("content", encodable(text))
        yield Reply(text=encodable(text))

    async def close(self) -> None:
        """Closes the connections to the endpoint, unless the client was given."""
        if isinstance(self._model, AsyncChatModel):
            await self._model.close()

    async def __aenter__(self) -> AsyncCodeActAgent:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()


def _dialogue(
    runtime: Runtime | AsyncRuntime,
    style: ActionStyle,
    budgets: Budgets,
    model: str,
    task: str,
    files: Sequence[str],
    variables: Sequence[Variable],
) -> Dialogue:
    policy = runtime.policy
    context = Context(
        system=style.system(policy, runtime.tools),
        task=task_prompt(task, files, runtime.tools, variables),
        max_tokens=policy.agent.context_tokens,
    )
    setting = Setting(task=task, model=model, policy=policy.name, policy_digest=policy.digest)
    return Dialogue(context=context, budgets=budgets, setting=setting, read=style.read)


def _action_seconds(dialogue: Dialogue) -> float | None:
    """The time that is left for an action; None where the policy's own limit is all. Raises `OutOfTime`."""
    left = dialogue.meter.seconds_left()
    if left == 0:
        raise OutOfTime
    return left


async def _within(seconds: float | None, given: Awaitable[str]) -> str:
    timeout = asyncio.timeout(seconds)
    try:
        async with timeout:
            return await given
    except TimeoutError:
        if timeout.expired():
            raise OutOfTime from None
        raise


def _event(piece: Piece | Waiting, dialogue: Dialogue) -> Event:
    if isinstance(piece, Waiting):
        dialogue.meter.note_retry()
        return ModelRetry(turn=dialogue.turn, reason=piece.reason, wait_seconds=piece.seconds)
    kind, text = piece
    return ModelDelta(turn=dialogue.turn, text=text, kind=kind)


def _model_name(model: object) -> str:
    return model if isinstance(model, str) else getattr(model, "__name__", type(model).__name__)


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
