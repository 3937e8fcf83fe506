"""A run that is left: at each event, in each wait. Its session is closed, its processes are gone, the runtime goes on."""

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing

import endpoints
import pytest
from endpoints import says, serving
from processes import descendants

from safe_codeact import AsyncRuntime, Runtime, SessionClosed, tool
from safe_codeact.agent import (
    ActionProposed,
    AsyncCodeActAgent,
    CodeActAgent,
    ModelDelta,
    ModelRetry,
    ObservationReady,
    Patience,
    ReplyReturned,
)

HURRIED = Patience(first_wait_seconds=0.01)


def act(source):
    return f"Next.\n```python\n{source}\n```"


# Events of every kind: a retry, deltas, a returned reply, actions and observations, the answer.
SCRIPT = [
    endpoints.status(503),
    says(act("kept = 1")),
    says(""),
    says(act("kept = 2")),
    says(act("1 / 0")),
    says("Done."),
]


def kinds(events):
    """The events with each turn's deltas as one: where a run may be left."""
    told = []
    for event in events:
        if not (isinstance(event, ModelDelta) and told and isinstance(told[-1], ModelDelta)):
            told.append(event)
    return told


class Watched:
    """A runtime that remembers the sessions it gave."""

    def __init__(self, runtime):
        self._runtime = runtime
        self.policy, self.tools = runtime.policy, runtime.tools
        self.sessions = []

    def session(self):
        self.sessions.append(self._runtime.session())
        return self.sessions[-1]


@pytest.fixture(scope="module")
def runtime():
    with Runtime("strict", standby=1) as made:
        yield made


POINTS = 13


def test_the_script_has_events_of_every_kind(runtime):
    """Else the tests below would leave a run at fewer points than there are."""
    with serving(*SCRIPT) as server:
        agent = CodeActAgent("m", runtime, base_url=server.base_url, api_key=server.api_key, patience=HURRIED)
        with agent:
            told = kinds(agent.stream("Go."))
    assert len(told) == POINTS
    assert {ModelRetry, ModelDelta, ActionProposed, ObservationReady, ReplyReturned} < set(map(type, told))


@pytest.mark.parametrize("point", range(1, POINTS + 1))
def test_a_stream_that_is_closed_at_any_event_leaves_nothing(runtime, point):
    """Its own session is closed; a session that was given goes on from the last action that ran."""
    for given in (False, True):
        watched = Watched(runtime)
        session = runtime.session() if given else None
        with serving(*SCRIPT) as server:
            agent = CodeActAgent("m", watched, base_url=server.base_url, api_key=server.api_key, patience=HURRIED)
            with agent:
                events = agent.stream("Go.", session=session)
                told = []
                while len(told) < point:
                    told = kinds([*told, next(events)])
                events.close()
        if session is None:
            (own,) = watched.sessions
            with pytest.raises(SessionClosed):
                own.run("1")
        else:
            ran = sum(isinstance(event, ObservationReady) for event in told)
            assert session.run("print(globals().get('kept'))").stdout == f"{[None, 1, 2, 2][ran]}\n"
            session.close()
    with runtime.session() as another:
        assert another.run("1 + 1").value == "2"


class Interrupted(BaseException):
    """As KeyboardInterrupt, which a test runner would take for itself."""


def test_an_interrupt_in_a_tool_s_caller_closes_the_session(runtime):
    """Raised where it may be: in a function that is the model."""
    watched = Watched(runtime)

    def model(messages):
        raise Interrupted

    with pytest.raises(Interrupted):
        CodeActAgent(model, watched).run("Go.")
    with pytest.raises(SessionClosed):
        watched.sessions[0].run("1")


async def left_at(point, runtime, session):
    """Cancels a run's task at that event; gives how many actions had ended."""
    with serving(*SCRIPT) as server:
        agent = AsyncCodeActAgent("m", runtime, base_url=server.base_url, api_key=server.api_key, patience=HURRIED)
        reached = asyncio.Event()
        told = []

        async def consume():
            nonlocal told
            async with aclosing(agent.stream("Go.", session=session)) as events:
                async for event in events:
                    told = kinds([*told, event])
                    if len(told) == point:
                        reached.set()
                        await asyncio.sleep(60)

        async with agent:
            task = asyncio.create_task(consume())
            await reached.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
    return sum(isinstance(event, ObservationReady) for event in told)


def test_a_task_that_is_cancelled_at_any_event_leaves_nothing():
    """The asynchronous agent, with its own session and with a given one; at the end no process of the runtime is left."""
    sessions = []

    async def at_every_event():
        async with AsyncRuntime("strict", standby=1) as runtime:
            make = runtime.session

            async def remembering(*arguments):
                sessions.append(await make(*arguments))
                return sessions[-1]

            runtime.session = remembering
            for point in range(1, POINTS + 1):
                await left_at(point, runtime, None)
                with pytest.raises(SessionClosed):
                    await sessions[-1].run("1")
                async with await make() as session:
                    ran = await left_at(point, runtime, session)
                    assert (await session.run("print(globals().get('kept'))")).stdout == f"{[None, 1, 2, 2][ran]}\n"
        assert len(sessions) == POINTS

    before = descendants(os.getpid())
    asyncio.run(at_every_event())
    assert descendants(os.getpid()) <= before


def test_cancelling_while_an_action_runs_kills_it_and_keeps_the_session_s_last_state():
    """The action had told that it runs, by a tool, and would have run on."""

    async def run_async():
        running = asyncio.Event()

        @tool
        async def tell() -> None:
            """Say that the action runs."""
            running.set()

        async with AsyncRuntime("strict", tools=[tell], standby=1) as runtime:
            session = await runtime.session()
            with serving(says(act("kept = 1")), says(act("kept = 2\ntell()\nwhile True:\n    pass"))) as server:
                agent = AsyncCodeActAgent("m", runtime, base_url=server.base_url, api_key=server.api_key)
                async with agent:
                    task = asyncio.create_task(agent.run("Go.", session=session))
                    await running.wait()
                    task.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await task
            assert (await session.run("kept")).value == "1"

    before = descendants(os.getpid())
    asyncio.run(run_async())
    assert descendants(os.getpid()) <= before


def test_cancelling_in_the_wait_before_a_retry_ends_the_run():
    """And not only after the wait."""

    async def run_async():
        async with AsyncRuntime("strict", standby=1) as runtime:
            with serving(endpoints.status(429, retry_after="25")) as server:
                agent = AsyncCodeActAgent("m", runtime, base_url=server.base_url, api_key=server.api_key)
                async with agent, aclosing(agent.stream("Go.")) as events:
                    event = await anext(events)
                    assert (type(event), event.wait_seconds) == (ModelRetry, 25.0)
                    waiting = asyncio.create_task(anext(events))
                    await asyncio.sleep(0.05)
                    assert not waiting.done()
                    waiting.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await waiting
            assert len(server.requests) == 1

    asyncio.run(run_async())


def test_a_model_that_is_a_function_may_be_asynchronous():
    """Or not: both give text."""

    async def model(messages):
        await asyncio.sleep(0)
        return act("print(3)") if len(messages) == 2 else messages[-1]["content"].rpartition("\n")[2]

    def plain(messages):
        return "plain"

    async def run_async():
        async with AsyncRuntime("strict", standby=1) as runtime:
            return [(await AsyncCodeActAgent(each, runtime).run("Go.")).answer for each in (model, plain)]

    assert asyncio.run(run_async()) == ["3", "plain"]
