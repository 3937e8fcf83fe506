"""The loop over real HTTP and a real runtime: thought, action, observation, until an answer."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
from contextlib import aclosing

import endpoints
import pytest
from endpoints import delta, serving

from safe_codeact import AsyncRuntime, Decision, ModelUnavailable, Outcome, Policy, Runtime, SessionClosed, tool
from safe_codeact.agent import (
    ActionProposed,
    AnswerReady,
    AsyncCodeActAgent,
    CodeActAgent,
    ModelDelta,
    ModelRetry,
    ObservationReady,
    Patience,
    ReplyReturned,
)

HURRIED = Patience(silence_seconds=5, reply_seconds=20, retries=1, first_wait_seconds=0.01)


@pytest.fixture(scope="module")
def runtime():
    with Runtime("analysis") as made:
        yield made


class Watched:
    """A runtime that remembers the sessions it gave."""

    def __init__(self, runtime):
        self._runtime = runtime
        self.policy, self.tools = runtime.policy, runtime.tools
        self.sessions = []

    def session(self):
        self.sessions.append(self._runtime.session())
        return self.sessions[-1]


def act(source, thought="Next."):
    return f"{thought}\n```python\n{source}\n```"


def agent_for(server, runtime, **options):
    return CodeActAgent("m", runtime, base_url=server.base_url, api_key=server.api_key, patience=HURRIED, **options)


def run(runtime, *replies, faults=(), task="Go.", files=None, session=None, **options):
    """One run against these replies: its events, its result, and the requests that the endpoint saw."""
    with serving(*faults, replies=replies) as server, agent_for(server, runtime, **options) as agent:
        events = list(agent.stream(task, files=files, session=session))
        assert isinstance(events[-1], AnswerReady)
        return events, events[-1].result, server.requests


def test_actions_share_variables_and_their_observations_reach_the_model(runtime):
    """The second action uses the first one's variable; the endpoint is sent both observations."""
    _, result, requests = run(runtime, act("x = 20\nprint('made', x)"), act("print(x + 1)"), "It is 21.")
    assert (result.answer, result.turns, result.stopped_by) == ("It is 21.", 3, "answer")
    assert [message["role"] for message in result.messages] == [
        "system",
        "user",
        *["assistant", "user"] * 2,
        "assistant",
    ]
    assert "made 20" in requests[1]["messages"][-1]["content"]
    assert "21" in requests[2]["messages"][-1]["content"]
    assert [observation.outcome for observation in result.observations] == [Outcome.completed] * 2


def test_a_stream_tells_each_turn_in_order(runtime):
    """Deltas, the proposed action with thought and format, its observation; at the end the answer."""
    events, _, _ = run(runtime, act("print(1)", "I'll print."), "Done.")
    told = [event for event in events if not isinstance(event, ModelDelta)]
    assert [type(event) for event in told] == [ActionProposed, ObservationReady, AnswerReady]
    assert (told[0].thought, told[0].source, told[0].format, told[0].turn) == ("I'll print.", "print(1)", "fence", 1)
    assert (told[2].answer, told[2].stopped_by, told[2].turn) == ("Done.", "answer", 2)
    deltas = [event.text for event in events if isinstance(event, ModelDelta) and event.turn == 2]
    assert "".join(deltas) == "Done."


def test_an_exception_comes_back_and_the_next_action_mends_it(runtime):
    """Names bound before the exception are kept."""
    _, result, requests = run(runtime, act("rows = [1, 2]\nrows['x']"), act("print(sum(rows))"), "3")
    assert [observation.outcome for observation in result.observations] == [Outcome.raised, Outcome.completed]
    assert "TypeError" in requests[1]["messages"][-1]["content"]


def test_a_refused_action_comes_back_with_its_findings(runtime):
    """The model is told the code of the rule; nothing ran."""
    _, result, requests = run(runtime, act("print('before')\nimport subprocess"), "I can't.")
    (observation,) = result.observations
    assert observation.outcome is Outcome.refused
    assert observation.stdout == ""
    assert observation.findings[0].code in requests[1]["messages"][-1]["content"]


def test_final_answer_in_an_action_ends_the_run_with_its_value(runtime):
    """No further request is made; the value is not turned into text."""
    _, result, requests = run(runtime, act("final_answer({'growth': 0.5})"), "never asked for")
    assert (result.answer, result.stopped_by, len(requests)) == ({"growth": 0.5}, "answer", 1)


def test_max_turns_ends_the_run_without_an_answer_and_says_so(runtime):
    """The last turn's action still runs."""
    _, result, _ = run(runtime, *[act(f"print({number})") for number in range(5)], max_turns=3)
    assert (result.answer, result.turns, result.stopped_by) == (None, 3, "max_turns")
    assert result.observations[-1].stdout == "2\n"


def test_max_turns_is_the_policy_s_where_none_is_given(runtime):
    """`agent.max_turns` is enforced."""
    policy = dataclasses.replace(runtime.policy, agent=dataclasses.replace(runtime.policy.agent, max_turns=2))
    watched = Watched(runtime)
    watched.policy = policy
    _, result, _ = run(watched, *[act("1")] * 4)
    assert (result.turns, result.stopped_by) == (2, "max_turns")


def test_max_turns_below_one_is_refused(runtime):
    """Zero never means unlimited."""
    sentence = "max_turns=0 must be at least 1: a turn is one reply. There is no 'unlimited'."
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        CodeActAgent("m", runtime, base_url="http://127.0.0.1:9/v1", max_turns=0)


def test_a_reply_cut_at_the_token_limit_runs_nothing_and_has_another_turn(runtime):
    """The model is told that its block was cut."""
    cut = endpoints.raw(delta("```python\nprint('half"), delta("", finish_reason="length"), "[DONE]")
    events, result, requests = run(runtime, "unused", "Whole.", faults=[cut])
    (back,) = [event for event in events if isinstance(event, ReplyReturned)]
    assert requests[1]["messages"][-1] == {"role": "user", "content": back.reason}
    assert back.reason.startswith("Your reply was cut at the token limit, inside a code block, so nothing was run.")
    assert (result.answer, result.observations) == ("Whole.", ())


def test_an_empty_reply_has_another_turn(runtime):
    """And an endpoint is never sent an empty message."""
    _, result, requests = run(runtime, "", "Now.")
    assert (result.answer, result.turns) == ("Now.", 2)
    assert all(message["content"] for message in requests[1]["messages"])


def test_returned_replies_count_as_turns(runtime):
    """A model that only ever sends nothing ends at max_turns."""
    _, result, _ = run(runtime, "", "", "", max_turns=3)
    assert (result.stopped_by, result.turns) == ("max_turns", 3)


def test_two_blocks_run_as_one_action(runtime):
    """In their order, in one namespace."""
    events, result, _ = run(runtime, "```python\nx = 2\n```\nand\n```python\nprint(x)\n```", "2")
    assert next(event for event in events if isinstance(event, ActionProposed)).blocks == 2
    assert result.observations[0].stdout == "2\n"


def tool_call(source, identity="c1"):
    function = {"name": "run_python", "arguments": json.dumps({"code": source})}
    return {"delta": {"tool_calls": [{"index": 0, "id": identity, "function": function}]}}


def test_a_streamed_tool_call_runs_and_is_answered_as_a_tool(runtime):
    """The observation answers the call's id, as the API wants it."""
    call = endpoints.raw(
        {"choices": [tool_call("print(5)")]}, {"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}, "[DONE]"
    )
    _, result, requests = run(runtime, "unused", "5.", faults=[call], tool_call=True)
    assert result.answer == "5."
    *_, assistant, tool = requests[1]["messages"]
    assert (assistant["tool_calls"][0]["id"], tool["role"], tool["tool_call_id"]) == ("c1", "tool", "c1")
    assert "5" in tool["content"]
    assert requests[0]["tools"][0]["function"]["name"] == "run_python"


def test_arguments_that_are_no_json_are_sent_back_as_json(runtime):
    """Servers parse the calls of the conversation, and fail on those that their own model wrote badly."""
    bad = {"delta": {"tool_calls": [{"index": 0, "function": {"name": "python", "arguments": "print(6)"}}]}}
    call = endpoints.raw({"choices": [bad]}, {"choices": [{"delta": {}, "finish_reason": "stop"}]}, "[DONE]")
    _, result, requests = run(runtime, "unused", "6.", faults=[call])
    assert result.observations[0].stdout == "6\n"
    assistant, tool = requests[1]["messages"][-2:]
    assert json.loads(assistant["tool_calls"][0]["function"]["arguments"]) == {"code": "print(6)"}
    assert tool["tool_call_id"] == assistant["tool_calls"][0]["id"] != ""


def test_a_retry_is_told_before_the_reply(runtime):
    """So that a reader can void what it has shown."""
    events, result, _ = run(runtime, "Fine.", faults=[endpoints.status(503)])
    assert [type(event) for event in events][:1] == [ModelRetry]
    assert result.answer == "Fine."


def test_files_are_put_into_the_workspace_and_listed_in_the_first_message(runtime, tmp_path):
    """As contents by name, or as paths of the host."""
    (tmp_path / "b.txt").write_bytes(b"beta")
    _, result, requests = run(runtime, act("print(open('a.txt').read())"), "ok", files={"a.txt": b"alpha"})
    assert requests[0]["messages"][1]["content"] == "Go.\n\nFiles in the working directory:\n- a.txt"
    assert result.observations[0].stdout == "alpha\n"
    _, result, _ = run(runtime, act("print(open('b.txt').read())"), "ok", files=[tmp_path / "b.txt"])
    assert result.observations[0].stdout == "beta\n"


def test_artifacts_of_all_actions_are_in_the_result_in_their_last_version(runtime):
    """By name."""
    first = act("for name in 'ab':\n    with open(f'{name}.txt', 'w') as f:\n        f.write('1')")
    second = act("with open('a.txt', 'w') as f:\n    f.write('22')")
    _, result, _ = run(runtime, first, second, "ok")
    assert {artifact.name: artifact.data for artifact in result.artifacts} == {"a.txt": b"22", "b.txt": b"1"}


def test_a_given_session_stays_open_with_its_variables(runtime):
    """It is the caller's."""
    with runtime.session() as session:
        run(runtime, act("kept = 7"), "ok", session=session)
        assert session.run("print(kept)").stdout == "7\n"


def closed(watched):
    for session in watched.sessions:
        with pytest.raises(SessionClosed):
            session.run("1")
    return len(watched.sessions)


def test_a_call_that_waits_for_a_person_ends_the_run_and_the_session_goes_on(runtime):
    policy = Policy.from_dict({
        "version": 1, "name": "asks", "extends": "strict", "tools": {"pay": {"why": "asked", "approval": "ask"}},
    })  # fmt: skip

    @tool
    def pay(amount: int) -> str:
        """Pay."""
        return f"paid {amount}"

    with Runtime(policy, tools=[pay], approve=lambda call: Decision(approved=False, later=True)) as asking:
        session = asking.session()
        model = iter(["```python\nreceipt = pay(3)\n```", "```python\nfinal_answer(receipt)\n```"])
        agent = CodeActAgent(lambda messages: next(model), asking)
        result = agent.run("Pay 3.", session=session)
        assert (result.stopped_by, result.answer) == ("suspended", None)
        [waiting] = session.pending()
        assert session.resume(waiting.id, Decision(approved=True)).outcome == "completed"
        assert agent.run("Go on.", session=session).answer == "paid 3"


def test_the_run_s_own_session_is_closed_at_its_end(runtime):
    """Nothing of a run is left in the runtime."""
    watched = Watched(runtime)
    run(watched, act("1"), "ok")
    assert closed(watched) == 1


@pytest.mark.parametrize("taken", range(1, 5))
def test_a_stream_that_is_left_early_closes_its_session(runtime, taken):
    """After a delta, a proposed action, or an observation."""
    watched = Watched(runtime)
    with serving(replies=[act("print(1)"), act("print(2)"), "ok"]) as server, agent_for(server, watched) as agent:
        events = agent.stream("Go.")
        seen = 0
        for event in events:
            seen += not isinstance(event, ModelDelta) or seen == 0
            if seen == taken:
                break
        events.close()
    assert closed(watched) == 1


def test_an_endpoint_that_fails_in_the_middle_of_a_run_leaves_the_session_closed(runtime):
    """The error is the endpoint's, in one sentence."""
    watched = Watched(runtime)
    with pytest.raises(ModelUnavailable, match=r"^the model endpoint .* refused the API key"):
        run(
            watched,
            act("1"),
            faults=[lambda handler, request: handler.send_reply(request, act("1")), endpoints.status(401)],
        )
    assert closed(watched) == 1


def test_a_model_may_be_a_function(runtime):
    """Messages in, text out; no endpoint at all."""
    seen = []

    def model(messages):
        seen.append(len(messages))
        return act("print(3)") if len(messages) == 2 else messages[-1]["content"].rpartition("\n")[2]

    result = CodeActAgent(model, runtime).run("Go.")
    assert (result.answer, seen) == ("3", [2, 4])


def test_half_a_surrogate_pair_of_a_function_that_is_the_model_becomes_text(runtime):
    """As it does where an endpoint sends one."""
    replies = iter([act("print('\ud800')"), "d\udfffone"])
    result = CodeActAgent(lambda messages: next(replies), runtime).run("Go.")
    assert (result.answer, result.observations[0].stdout) == ("d?one", "?\n")


def test_the_prefix_is_the_same_on_every_turn_and_for_every_task(runtime):
    """What a prompt cache needs."""
    _, _, first = run(runtime, act("1"), act("2"), "ok", task="One thing.")
    _, _, second = run(runtime, "ok", task="Another thing.")
    prefixes = {json.dumps(request["messages"][0]) for request in [*first, *second]}
    assert len(prefixes) == 1
    assert first[2]["messages"][: len(first[1]["messages"])] == first[1]["messages"]


def test_half_a_surrogate_pair_in_the_task_reaches_the_endpoint_as_text(runtime):
    """File names and clipboards bring them."""
    _, result, requests = run(runtime, "ok", task="a\ud800b")
    assert requests[0]["messages"][1]["content"] == "a?b"
    assert result.answer == "ok"


def test_usage_is_summed_over_the_requests(runtime):
    """As the endpoint counts."""
    _, result, _ = run(runtime, act("1"), "ok")
    assert result.usage.requests == 2
    assert result.usage.prompt_tokens > 0
    assert result.usage.completion_tokens > 0


def test_options_go_into_each_request(runtime):
    """And may say what the endpoint calls them."""
    _, _, requests = run(runtime, "ok", options={"temperature": 0})
    assert requests[0]["temperature"] == 0


def test_the_asynchronous_agent_sends_and_gives_the_same(runtime):
    """One loop, two pumps."""
    replies = [act("x = 4\nprint(x)"), "", act("import subprocess"), act("print(x * 2)"), "8."]
    events, result, requests = run(runtime, *replies)

    async def run_async():
        async with AsyncRuntime(Policy.load("analysis")) as other:
            with serving(replies=replies) as server:
                agent = AsyncCodeActAgent(
                    "m", other, base_url=server.base_url, api_key=server.api_key, patience=HURRIED
                )
                async with agent, aclosing(agent.stream("Go.")) as stream:
                    return [event async for event in stream], server.requests

    others, their_requests = asyncio.run(run_async())
    assert their_requests == requests
    assert [type(event) for event in others] == [type(event) for event in events]
    assert (others[-1].answer, others[-1].result.messages) == (result.answer, result.messages)


def test_cancelling_the_asynchronous_agent_closes_its_session():
    """While the endpoint is silent, and without waiting for it."""
    sessions = []

    async def run_async():
        asked = asyncio.Event()
        loop = asyncio.get_running_loop()

        def silent(handler, request):
            loop.call_soon_threadsafe(asked.set)
            endpoints.silence(handler, request)

        async with AsyncRuntime(Policy.load("strict")) as other:
            session_of = other.session

            async def remembering(*arguments):
                sessions.append(await session_of(*arguments))
                return sessions[-1]

            other.session = remembering
            with serving(silent) as server:
                async with AsyncCodeActAgent("m", other, base_url=server.base_url, api_key=server.api_key) as agent:
                    task = asyncio.create_task(agent.run("Go."))
                    asking = asyncio.create_task(asked.wait())
                    await asyncio.wait({task, asking}, return_when=asyncio.FIRST_COMPLETED)
                    assert asked.is_set(), task.exception()
                    task.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await task
            with pytest.raises(SessionClosed):
                await sessions[0].run("1")

    asyncio.run(run_async())
    assert len(sessions) == 1


@pytest.mark.parametrize(
    "replies",
    [
        [act("print(1)")] * 6,
        [act(f"# try {number}\n1 / 0") for number in range(6)],
        [act("import requests")] * 6,
    ],
    ids=["the same action", "the same error", "the same refusal"],
)
def test_the_same_again_and_again_brings_one_hint_and_then_an_end(runtime, replies):
    """The third time is told, the fourth is the last."""
    events, result, _ = run(runtime, *replies, max_turns=9)
    hints = [event.hint for event in events if isinstance(event, ObservationReady)]
    assert [bool(hint) for hint in hints] == [False, False, True, False]
    assert (result.answer, result.turns, result.stopped_by) == (None, 4, "repetition")
    assert [hints[2] in str(message["content"]) for message in result.messages].count(True) == 1


def test_actions_that_get_further_are_no_repetition(runtime):
    """The same source with another result, and the same error with one success between."""
    counting = [act("n = globals().get('n', 0) + 1\nn")] * 5
    _, result, _ = run(runtime, *counting, "done", max_turns=9)
    assert result.stopped_by == "answer"
    failing = [act("1 / 0"), act("1 / 0"), act("2"), act("1 / 0"), act("1 / 0"), act("2")]
    _, result, _ = run(runtime, *failing, "done", max_turns=9)
    assert result.stopped_by == "answer"
