"""What a run may spend: each budget ends it by name, and what was spent is told."""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor

import endpoints
import pytest
from endpoints import delta, says, serving

from safe_codeact import AsyncRuntime, Outcome, Runtime, tool
from safe_codeact.agent import AsyncCodeActAgent, CodeActAgent, ObservationReady, Patience


@tool
def page(number: int) -> str:
    """A page."""
    return "x" * number


@pytest.fixture(scope="module")
def runtime():
    with Runtime("strict", tools=[page]) as made:
        yield made


def act(source):
    return f"```python\n{source}\n```"


ENDLESS = [act(f"print({number})") for number in range(40)]


def run(runtime, *faults, patience=None, **budgets):
    with (
        serving(*faults) as server,
        CodeActAgent(
            "m", runtime, base_url=server.base_url, api_key=server.api_key, patience=patience, **budgets
        ) as agent,
    ):
        return list(agent.stream("Go."))


def test_tokens_end_a_run_with_the_reply_that_uses_them_up(runtime):
    """As the endpoint counts them; the action of that reply still runs."""
    result = run(runtime, *map(says, ENDLESS), max_turns=40, max_tokens=2_500)[-1].result
    assert (result.answer, result.stopped_by) == (None, "max_tokens")
    spent = result.spent
    assert 2_500 <= spent.tokens == result.usage.prompt_tokens + result.usage.completion_tokens
    assert not spent.tokens_estimated
    assert spent.requests == spent.turns == result.turns == len(result.observations) < 20


def test_tokens_that_an_endpoint_does_not_count_are_estimated(runtime):
    """A budget of tokens ends every run, whatever the endpoint says."""
    silent = [endpoints.raw(delta(text), delta("", finish_reason="stop"), "[DONE]") for text in ENDLESS]
    result = run(runtime, *silent, max_turns=40, max_tokens=5_000)[-1].result
    assert result.stopped_by == "max_tokens"
    assert result.spent.tokens_estimated
    assert result.usage.prompt_tokens == 0


def test_tool_calls_end_a_run_after_the_action_that_makes_too_many(runtime):
    """Those of all actions together; as many as the budget are no reason to stop."""
    calling = [says(act("for n in range(2):\n    page(n)"))] * 5
    result = run(runtime, *calling, max_tool_calls=4)[-1].result
    assert (result.stopped_by, result.turns, result.spent.tool_calls) == ("max_tool_calls", 3, 6)
    result = run(runtime, *calling[:2], says("Done."), max_tool_calls=4)[-1].result
    assert (result.stopped_by, result.spent.tool_calls) == ("answer", 4)


def test_an_answer_counts_although_it_uses_a_budget_up(runtime):
    """Nobody is helped by throwing it away."""
    result = run(runtime, says("It is 5."), max_turns=1, max_tokens=1)[-1].result
    assert (result.answer, result.stopped_by) == ("It is 5.", "answer")
    result = run(runtime, says(act("page(1)\nfinal_answer(7)")), max_tool_calls=0)[-1].result
    assert (result.answer, result.stopped_by) == (7, "answer")


SLOW = {
    "an action that runs on": [says(act("while True:\n    pass"))],
    "silence": [endpoints.silence],
    "comments for ever": [endpoints.endless(b": wait\n\n", pause=0.02)],
    "words for ever": [endpoints.endless(b'data: {"choices":[{"delta":{"content":"x"}}]}\n\n', pause=0.02)],
    "a wait that is longer than the run": [endpoints.status(429, retry_after="20")],
}


def run_at_once(runtime):
    with ThreadPoolExecutor(len(SLOW)) as pool:
        return list(pool.map(lambda faults: run(runtime, *faults, max_seconds=1.0), SLOW.values()))


def run_at_once_async():
    async def run_one(runtime, faults):
        with serving(*faults) as server:
            agent = AsyncCodeActAgent("m", runtime, base_url=server.base_url, api_key=server.api_key, max_seconds=1.0)
            async with agent:
                return [event async for event in agent.stream("Go.")]

    async def run_all():
        async with AsyncRuntime("strict", tools=[page]) as runtime:
            return await asyncio.gather(*(run_one(runtime, faults) for faults in SLOW.values()))

    return asyncio.run(run_all())


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_the_time_of_a_run_ends_whatever_it_is_waiting_for(runtime, kind):
    """Requests, waits and actions: none may hold up a caller who asked for one second. All side by side."""
    runs = run_at_once(runtime) if kind == "sync" else run_at_once_async()
    for case, events in zip(SLOW, runs, strict=True):
        result = events[-1].result
        assert (case, result.answer, result.stopped_by, result.turns) == (case, None, "max_seconds", 1)
        observed = [event.observation.outcome for event in events if isinstance(event, ObservationReady)]
        assert observed in ([], [Outcome.timed_out]), case


def test_retries_are_counted(runtime):
    """They are requests that brought nothing."""
    hurried = Patience(first_wait_seconds=0.01)
    faults = [endpoints.status(503), endpoints.status(503)]
    result = run(runtime, *faults, says("Fine."), patience=hurried)[-1].result
    assert (result.spent.retries, result.spent.requests) == (2, 1)


BAD = {
    "max_tokens": (0, "max_tokens=0 must be at least 1: they are those of prompts and replies together. There is no 'unlimited'."),
    "max_tool_calls": (-1, "max_tool_calls=-1 must be at least 0: they are those of all actions together. There is no 'unlimited'."),
    "max_seconds": (0, "max_seconds=0 must be more than 0: they are those of the whole run."),
}  # fmt: skip


@pytest.mark.parametrize(("name", "case"), BAD.items(), ids=BAD)
def test_a_budget_that_allows_nothing_is_refused(runtime, name, case):
    """Zero never means unlimited."""
    value, sentence = case
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        CodeActAgent("m", runtime, base_url="http://127.0.0.1:9/v1", **{name: value})


def test_the_time_of_a_run_ends_an_asynchronous_function_that_is_the_model():
    """It is cancelled; its own timeouts are its own."""

    async def run_async():
        ended = []

        async def slow(messages):
            try:
                await asyncio.sleep(60)
            finally:
                ended.append(True)

        async def broken(messages):
            raise TimeoutError("its own")

        async with AsyncRuntime("strict", standby=1) as runtime:
            result = await AsyncCodeActAgent(slow, runtime, max_seconds=0.2).run("Go.")
            with pytest.raises(TimeoutError, match="its own"):
                await AsyncCodeActAgent(broken, runtime, max_seconds=60).run("Go.")
        return result.stopped_by, ended

    assert asyncio.run(run_async()) == ("max_seconds", [True])
