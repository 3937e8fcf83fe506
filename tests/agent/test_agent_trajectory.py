"""Runs on disk: what a line holds, that it reads back, and that a model could be trained on it."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import json
import re

import endpoints
import pytest
from endpoints import says, serving

from safe_codeact import AsyncRuntime, Observation, Outcome, Policy, Runtime, ToolRecord
from safe_codeact.agent import (
    AgentResult,
    AsyncCodeActAgent,
    CodeActAgent,
    Setting,
    Step,
    extract,
    read_trajectories,
    readable,
    write_trajectory,
)


def tool_call(source):
    function = {"name": "run_python", "arguments": json.dumps({"code": source})}
    call = {"delta": {"content": "A call.", "tool_calls": [{"index": 0, "id": "c1", "function": function}]}}
    return endpoints.raw({"choices": [call]}, {"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}, "[DONE]")


# Four formats, a refusal, an error, an empty reply and a file.
SCRIPT = [
    says("I'll count.\n```python\nx = 1\nprint('é', x)\n```"),
    says("<execute>import subprocess</execute>"),
    says(""),
    tool_call("x / 0"),
    says("Thought: write it.\nAction: run_python\nAction Input: open('a.txt', 'w').write('text')"),
    says("The file is written.\n<solution>1</solution>"),
]


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A result, its line in the file, and the file."""
    path = tmp_path_factory.mktemp("runs") / "runs.jsonl"
    with Runtime("analysis") as runtime, serving(*SCRIPT) as server:
        options = {"base_url": server.base_url, "api_key": server.api_key, "trajectories": path}
        with CodeActAgent("tester", runtime, **options) as agent:
            result = agent.run("Count.")
        assert server.api_key not in path.read_text("utf-8")
    (run,) = read_trajectories(path)
    return result, run, path


def test_a_run_reads_back_with_policy_usage_and_outcomes(kept):
    """What happened, how each reply was written, what was spent."""
    result, run, path = kept
    assert (run["format"], run["task"], run["model"]) == ("safe-codeact-trajectory/1", "Count.", "tester")
    assert run["policy"] == {"name": "analysis", "digest": Policy.load("analysis").digest}
    assert (run["answer"], run["stopped_by"], run["turns"]) == ("1", "answer", 6)
    assert run["usage"] == dataclasses.asdict(result.usage)
    assert run["spent"] == dataclasses.asdict(result.spent)
    assert [(step["kind"], step["format"]) for step in run["steps"]] == [
        ("action", "fence"), ("action", "execute"), ("returned", "none"), ("action", "tool_call"), ("action", "react"),
        ("answer", "solution"),
    ]  # fmt: skip
    outcomes = [step["observation"] and step["observation"]["outcome"] for step in run["steps"]]
    assert outcomes == ["completed", "refused", None, "raised", "completed", None]
    assert run["steps"][0]["observation"]["stdout"] == "é 1\n"
    (artifact,) = run["steps"][4]["observation"]["artifacts"]
    assert (artifact["name"], artifact["bytes"]) == ("a.txt", 4)
    assert artifact["sha256"] == hashlib.sha256(b"text").hexdigest()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_conversation_has_the_shape_of_codeactinstruct(kept):
    """Roles and contents alone; one assistant message for each step; actions in execute tags, the answer in solution."""
    _, run, _ = kept
    said = run["conversations"]
    assert all(set(message) == {"role", "content"} and message["content"] for message in said[:6])
    assert [message["role"] for message in said] == ["system", *["user", "assistant"] * 6]
    replies = [message["content"] for message in said if message["role"] == "assistant"]
    assert len(replies) == len(run["steps"])
    for reply, step in zip(replies, run["steps"], strict=True):
        tagged = re.findall(r"<execute>\n(.*?)\n</execute>", reply, re.DOTALL)
        assert tagged == ([step["source"]] if step["kind"] == "action" else [])
    assert replies[-1] == "The file is written.\n<solution>1</solution>"
    assert "<execute>\n# code\n</execute>" in said[0]["content"]
    assert "```" not in said[0]["content"]


def test_what_is_written_is_read_by_the_extractor_as_what_was_run(kept):
    """So a model that is trained on it writes what this loop reads."""
    _, run, _ = kept
    for message, step in zip(run["conversations"][2::2], run["steps"], strict=True):
        if step["kind"] == "action":
            reading = extract(message["content"])
            assert (reading.format.value, reading.source) == ("execute", step["source"])


def test_a_person_can_read_a_run(kept):
    """Task, code, what came back, the end."""
    _, run, _ = kept
    text = readable(run)
    assert text.startswith("task: Count.\nmodel: tester   policy: analysis ")
    assert "── turn 1: action (fence)\nI'll count.\nx = 1\nprint('é', x)\n── completed\né 1\n" in text
    assert "── ended by answer after 6 turns, " in text


def test_runs_are_appended(kept, tmp_path):
    """A file is a data set."""
    result, _, _ = kept
    for _ in range(3):
        write_trajectory(result, tmp_path / "runs.jsonl")
    runs = list(read_trajectories(tmp_path / "runs.jsonl"))
    assert len({run["id"] for run in runs}) == 3
    assert {json.dumps(run["steps"]) for run in runs} == {json.dumps(runs[0]["steps"])}


ODD = {
    "half a surrogate pair": "a\ud800b",
    "not a number": [float("nan"), float("-inf")],
    "bytes and tuples": {"b": b"\xff", 1: (2, None)},
    "a very large number": 1 << 40_000,
    "line separators": "a\u2028b\nc\x85d",
}


@pytest.mark.parametrize("answer", ODD.values(), ids=ODD.keys())
def test_whatever_an_action_gives_is_one_line_of_json(answer, tmp_path):
    """Strict JSON: any reader takes it."""
    record = ToolRecord(name="f", arguments={"x": answer}, outcome="returned", seconds=0.0)
    observation = Observation(outcome=Outcome.completed, final_answer=answer, tool_calls=(record,), text="a\ud800")
    step = Step(turn=1, kind="action", format="fence", source="f()", observation=observation)
    messages = ({"role": "system", "content": "s"}, {"role": "user", "content": "t"})
    result = AgentResult(
        answer=answer, turns=1, messages=messages, stopped_by="answer", steps=(step,), setting=Setting()
    )
    path = tmp_path / "runs.jsonl"
    write_trajectory(result, path)
    assert path.read_bytes().count(b"\n") == 1

    def refuse(constant):
        raise AssertionError(constant)

    json.loads(path.read_bytes(), parse_constant=refuse)
    (run,) = read_trajectories(path)
    assert run["steps"][0]["observation"]["final_answer"] == run["answer"]


@pytest.mark.parametrize(
    "line", ["{", "[]", "5", '{"format": "other"}', '{"format": "safe-codeact-trajectory/1"}', "[" * 100_000]
)
def test_a_line_that_is_no_run_is_named(line, tmp_path):
    """By file and line, with what was expected."""
    path = tmp_path / "runs.jsonl"
    path.write_text(f"\n{line}\n")
    with pytest.raises(ValueError, match=rf"^{re.escape(str(path))}:2: is no run: expected a JSON object with "):
        list(read_trajectories(path))


def test_the_asynchronous_agent_writes_the_same_and_a_run_without_an_answer_is_written_too(tmp_path):
    """A budget's end is an end."""
    path = tmp_path / "runs.jsonl"

    async def run_async():
        async with AsyncRuntime("strict", standby=1) as runtime:
            agent = AsyncCodeActAgent(lambda messages: "```python\n1\n```", runtime, max_turns=2, trajectories=path)
            return await agent.run("Go.")

    result = asyncio.run(run_async())
    (run,) = read_trajectories(path)
    assert (
        (run["stopped_by"], run["answer"], len(run["steps"])) == (result.stopped_by, None, 2) == ("max_turns", None, 2)
    )
