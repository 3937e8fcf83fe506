"""Long runs: what is folded away, what never is, and that the session remembers what the conversation does not."""

from __future__ import annotations

import dataclasses
import itertools
import json

import pytest
from endpoints import says, serving
from hypothesis import given, settings
from hypothesis import strategies as st

from safe_codeact import Observation, Outcome, Runtime, Variable
from safe_codeact.agent import ActionProposed, AnswerReady, CodeActAgent, ContextFolded, Setting
from safe_codeact.agent.budget import Budgets
from safe_codeact.agent.context import KEPT_TURNS, Context, described
from safe_codeact.agent.dialogue import Dialogue
from safe_codeact.agent.reply import Reply, ToolCallText

SYSTEM = {"role": "system", "content": "s" * 500}
X = Variable(name="x", type="int", size_bytes=28, preview="5")


def size(messages):
    return sum(len(str(message["content"]).encode()) for message in messages)


def filled(sizes, max_tokens, *, calls=False, fold=True):
    """A context after turns with observations of these sizes, folded whenever it was too long."""
    context = Context(system="s" * 500, task="The task.", max_tokens=max_tokens)
    folds = []
    for number, length in enumerate(sizes):
        reply = {"role": "assistant", "content": f"turn {number}"}
        answer = {"role": "user", "content": "o" * length}
        if calls:
            call = {"id": f"c{number}", "type": "function", "function": {"name": "f", "arguments": "{}"}}
            reply["tool_calls"] = [call]
            answer = {"role": "tool", "tool_call_id": f"c{number}", "content": "o" * length}
        context.add_reply(reply)
        context.add_answers([answer])
        if fold and context.is_too_long():
            folds.append(context.fold([X]))
    return context, folds


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 9_000), min_size=1, max_size=60), st.integers(1_000, 20_000), st.booleans())
def test_folding_is_deterministic_bounded_and_never_loses_the_task_or_the_last_turns(sizes, budget, calls):
    """Whatever the sizes: the order stays, what is sent fits, and nothing is folded without need."""
    context, folds = filled(sizes, budget, calls=calls)
    again, _ = filled(sizes, budget, calls=calls)
    sent = context.messages()
    assert sent == again.messages()
    assert sent[0] == SYSTEM
    assert sent[1]["content"].startswith("The task.")
    assert context.size() <= 3 * budget
    replies = [message["content"] for message in sent if message["role"] == "assistant"]
    every = [f"turn {number}" for number in range(len(sizes))]
    assert replies == every[len(every) - len(replies) :]
    assert len(replies) >= min(KEPT_TURNS, len(every))
    assert folds or replies == every
    assert bool(folds) == ("[" in sent[1]["content"])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 9_000), max_size=30), st.integers(1_000, 20_000))
def test_the_whole_conversation_is_kept_beside_the_folded_one(sizes, budget):
    """The result and the trajectory have it."""
    context, _ = filled(sizes, budget)
    whole = context.whole()
    assert [message["role"] for message in whole[2:]] == ["assistant", "user"] * len(sizes)
    assert [len(message["content"]) for message in whole[3::2]] == sizes
    assert whole[1]["content"] == "The task."


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 3_000), max_size=60), st.booleans())
def test_each_tool_message_stands_behind_its_call(sizes, calls):
    """An endpoint refuses a conversation in which a call or its answer is missing."""
    context, _ = filled(sizes, 2_000, calls=calls)
    open_calls = []
    for message in context.messages():
        if message["role"] == "tool":
            assert open_calls.pop(0) == message["tool_call_id"]
        else:
            assert open_calls == []
            open_calls = [call["id"] for call in message.get("tool_calls", ())]


TEXT = st.sampled_from(
    ["", "prose " * 400, "```python\nx = 1\n```", "```python\n" + "y" * 3_000, "<tool_call>{</tool_call>", "é"]
)
CALL = st.builds(
    ToolCallText,
    id=st.sampled_from(["", "a"]),
    name=st.sampled_from(["run_python", "no", "", "final_answer"]),
    arguments=st.sampled_from(["{", "{}", "x", json.dumps({"code": "z" * 3_000}), "[" * 5_000]),
)
REPLY = st.builds(
    Reply, text=TEXT, tool_calls=st.lists(CALL, max_size=3).map(tuple), finish=st.sampled_from(["stop", "length"])
)
SEEN = st.builds(Observation, outcome=st.sampled_from(Outcome), text=st.sampled_from(["", "o" * 9_000, "é\ud800"]))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(REPLY, SEEN), max_size=25), st.integers(1_000, 4_000))
def test_whatever_a_model_replies_the_next_request_is_well_formed(turns, budget):
    """Calls have distinct ids and are answered, arguments are JSON, nothing but text is sent, and it can be encoded."""
    context = Context(system="s", task="t", max_tokens=budget)
    dialogue = Dialogue(context=context, budgets=Budgets(max_turns=100), setting=Setting())
    end = None
    for reply, seen in turns:
        if dialogue.must_fold():
            dialogue.fold([X])
        sent = dialogue.messages()
        json.dumps(sent, ensure_ascii=False).encode("utf-8", "surrogatepass")
        waiting = []
        for message in sent:
            assert isinstance(message["content"], str)
            if message["role"] == "tool":
                waiting.remove(message["tool_call_id"])
                continue
            assert waiting == []
            waiting = [call["id"] for call in message.get("tool_calls", ())]
            for call in message.get("tool_calls", ()):
                assert isinstance(json.loads(call["function"]["arguments"]), dict)
        assert waiting == []
        end = dialogue.take(reply)
        if isinstance(end, AnswerReady):
            break
        if isinstance(end, ActionProposed):
            dialogue.observe(seen)
        end = dialogue.next_turn()
        if end is not None:
            break
    if end is not None:
        assert len(end.result.steps) == end.result.turns == end.result.spent.requests


def test_roles_alternate_after_a_fold():
    """Many chat templates refuse two messages of the user in a row: the note stands in the task's message."""
    context, folds = filled([3_000] * 30, 2_000)
    assert folds
    roles = [message["role"] for message in context.messages()]
    assert roles == ["system", "user", *["assistant", "user"] * ((len(roles) - 2) // 2)]


def test_the_note_says_what_is_left_out_and_describes_the_variables():
    """So that the model goes on with what it made."""
    context, folds = filled([3_000] * 30, 2_000)
    note = context.messages()[1]["content"].partition("\n\n")[2]
    assert note == folds[-1].note
    assert note.startswith(f"[The first {folds[-1].turns_left_out} of your turns are left out here to save room. ")
    assert note.endswith("in the session still:]\n- x: int = 5")


def test_between_two_folds_the_conversation_only_grows_at_its_end():
    """What a prompt cache keeps is a prefix: folding a little at each turn would void it at each turn."""
    context = Context(system="s", task="t", max_tokens=4_000)
    folds = 0
    before = context.messages()
    for number in range(200):
        context.add_reply({"role": "assistant", "content": f"turn {number}"})
        context.add_answers([{"role": "user", "content": "o" * 300}])
        if context.is_too_long():
            context.fold([X])
            folds += 1
        else:
            assert context.messages()[: len(before)] == before
        before = context.messages()
    assert 0 < folds <= 20


def test_a_large_observation_gets_its_share_and_the_last_turns_fit_all_the_same():
    """Even where each of them alone would fill the context; arguments of calls stay JSON."""
    context = Context(system="s", task="t", max_tokens=1_000)
    for number in range(3):
        arguments = json.dumps({"code": "y" * 50_000})
        call = {"id": f"c{number}", "type": "function", "function": {"name": "run_python", "arguments": arguments}}
        context.add_reply({"role": "assistant", "content": "z" * 50_000, "tool_calls": [call]})
        context.add_answers([{"role": "tool", "tool_call_id": f"c{number}", "content": "o" * 50_000}])
        if context.is_too_long():
            context.fold([])
    sent = context.messages()
    assert [message["role"] for message in sent[2:]] == ["assistant", "tool"] * 3
    assert all(json.loads(message["tool_calls"][0]["function"]["arguments"]) for message in sent[2::2])
    assert context.size() < 3 * 50_000 / 10


def test_variables_are_described_within_bounds():
    """First with type and preview, then by name, then by number."""
    many = [Variable(name=f"v{number}", type="str", size_bytes=1, preview="p\n" * 500) for number in range(1_000)]
    lines = described(many, 1_000)
    assert sum(len(line) for line in lines) < 1_600
    assert lines[0].startswith("- v0: str = p p p")
    assert lines[-1].endswith(" more)")
    assert described([X], 1_000) == ["- x: int = 5"]


def test_half_a_surrogate_pair_in_a_preview_is_not_sent():
    """The request could not carry it."""
    described([dataclasses.replace(X, preview="a\ud800b")], 1_000)[0].encode()


@pytest.fixture(scope="module")
def small_runtime():
    with Runtime("strict") as made:
        policy = made.policy
        limits = dataclasses.replace(policy.agent, max_turns=300, context_tokens=8_000)
        yield dataclasses.replace(policy, agent=limits), made


class Bounded:
    """A runtime whose policy has another `agent` section."""

    def __init__(self, policy, runtime):
        self.policy, self.tools, self.session = policy, runtime.tools, runtime.session


def test_two_hundred_turns_within_8000_tokens_use_a_variable_of_the_first(small_runtime):
    """Over HTTP and in real workers; the conversation is folded many times, the session forgets nothing."""
    turns = ["I'll begin.\n```python\nfirst = 'of turn one'\nseen = []\n```"]
    for number in range(2, 200):
        turns.append(f"Page {number}.\n```python\nseen.append({number})\nprint('row ' * 40, len(seen))\n```")
    turns.append("```python\nfinal_answer([first, len(seen)])\n```")
    with serving(*map(says, turns)) as server:
        agent = CodeActAgent("m", Bounded(*small_runtime), base_url=server.base_url, api_key=server.api_key)
        with agent:
            events = list(agent.stream("Read all pages."))
        requests = [request["messages"] for request in server.requests]
    result = events[-1].result
    assert (result.answer, result.turns, result.stopped_by) == (["of turn one", 198], 200, "answer")
    assert max(map(size, requests)) <= 8_000 * 3
    assert {json.dumps(messages[0]) for messages in requests} == {json.dumps(requests[0][0])}
    assert all(messages[1]["content"].startswith("Read all pages.") for messages in requests)
    folded = [event for event in events if isinstance(event, ContextFolded)]
    assert 2 <= len(folded) <= 20
    assert [(event.turn, event.fold) for event in folded] == list(result.folds)
    grown = sum(later[: len(before)] == before for before, later in itertools.pairwise(requests))
    assert grown == len(requests) - 1 - len(folded)
    assert "- first: str = 'of turn one'" in requests[-1][1]["content"]
    assert len(result.messages) == 2 + 2 * 200
