"""What was recorded shows the same again, tools answered from the record; what does not is named, and so is what cannot be compared."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import launcher
import pytest

from safe_codeact import AsyncRuntime, Policy, Runtime, Trail, TrailError, tool
from safe_codeact.agent import CodeActAgent
from safe_codeact.fuzzing.findings import Finding
from safe_codeact.replay import trails, trajectories
from safe_codeact.replay.verdict import Verdict, replay
from safe_codeact.trail import line

COUNT: list[str] = []


@tool
def search(query: str, limit: int = 5) -> list[dict[str, Any]]:
    """Each time another answer: only the record has the one that was given."""
    COUNT.append(query)
    return [{"name": query, "price": len(COUNT) + 0.5}][:limit]


@tool
def login(user: str, password: str) -> str:
    if password == "wrong":
        raise ValueError(f"{user} is not known")
    return f"session of {user}"


POLICY = Policy.from_dict({
    "version": 1,
    "name": "desk",
    "language": {"imports": [{"module": "time", "facade": True}, {"module": "random"}]},
    "tools": {
        "search": {"why": "a test", "when": "limit <= 5"},
        "login": {"why": "a test", "redact": ["password"], "max_calls": 2},
    },
    "filesystem": {"workspace": "rw"},
    "limits": {"memory_mb": 128, "state_mb": 16, "workspace_mb": 4, "wall_seconds": 10},
})  # fmt: skip


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trail with calls that return, fail and are refused, changes by the host, a fork and a restore."""
    path = tmp_path_factory.mktemp("replay") / "t.trail"
    with Runtime(POLICY, tools=[search, login], trail=path, standby=1) as runtime:
        session = runtime.session("a")
        session.files.write("a.csv", b"1,2\n3,4\n")
        session.set("factor", 3)
        session.run("hits = search('tea', limit=2)\nhits[0]['price'] * factor")
        session.run(
            "try:\n    search('tea', limit=9)\nexcept Exception as error:\n    print(type(error).__name__, error)"
        )
        session.run("login('bob', password='hunter2')")
        session.run("login('eve', 'wrong')")
        session.run("import os")
        mark = session.checkpoint()
        session.run("factor = 100\nclass Thing:\n    pass\nThing(), [search(str(n))[0]['price'] for n in range(3)]")
        session.restore(mark)
        other = session.fork()
        session.run("factor")
        other.run("open('a.csv').read(), hits")
        other.run("while True:\n    pass", timeout=0.2)
    return path


FILES = {"a.csv": b"1,2\n3,4\n"}


def _played(path: Path, policy: Policy | None = None, files: dict[str, bytes] | None = None) -> Verdict:
    return replay(trails.recordings(path, policy), FILES if files is None else files)


def test_a_trail_shows_the_same_again_and_no_tool_is_called(recorded: Path) -> None:
    before = list(COUNT)
    verdict = _played(recorded)
    assert verdict == Verdict(actions=9, same=9)
    assert before == COUNT


def _altered(path: Path, target: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """The same trail with other content, and hashes that fit: a replay is not about the chain."""
    previous = line.FIRST
    with target.open("wb") as file:
        for each in path.read_bytes().splitlines():
            record = json.loads(each)
            change(record)
            del record["previous"], record["hash"]
            written, previous = line.write(record, previous)
            file.write(written)
    return target


def _text(old: str, new: str) -> Callable[[dict[str, Any]], object]:
    def change(record: dict[str, Any]) -> None:
        record |= {name: value.replace(old, new) for name, value in record.items() if isinstance(value, str)}

    return change


def _set(kind: str, **fields: Any) -> Callable[[dict[str, Any]], object]:
    return lambda record: record.update(fields) if record["kind"] == kind else None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_text("* factor", "- factor"), "value was"),
        (_text("limit=9", "limit=8"), "calls was"),
        (_text("login('eve'", "search('eve'"), "call 1 is of search, and was of login"),
        (_text("import os", "import math, os"), "findings was"),
        (_set("observation", outcome="completed"), "outcome was 'completed' and is 'raised'"),
        (_set("observation", stdout="x"), "stdout was 'x' and is ''"),
    ],
)
def test_the_first_difference_is_named(
    change: Callable[[dict[str, Any]], object], said: str, recorded: Path, tmp_path: Path
) -> None:
    verdict = _played(_altered(recorded, tmp_path / "t.trail", change))
    assert not verdict.is_same
    if said.startswith("value"):
        assert "value was" in verdict.first
    else:
        assert said in verdict.first
    assert verdict.first.startswith("record ")


@pytest.mark.parametrize(
    ("change", "files", "said"),
    [
        (lambda record: None, {}, "the host wrote a.csv (8 bytes), which is not in the record: give it with --file"),
        (_set("session", resumed=True), FILES, "the session was resumed from a store"),
        (
            lambda record: record.pop("result", None),
            FILES,
            "the result of call 1, of search, is not known: it was redacted",
        ),
    ],
)
def test_what_cannot_be_compared_is_said_and_is_no_success(
    change: Callable[[dict[str, Any]], object], files: dict[str, bytes], said: str, recorded: Path, tmp_path: Path
) -> None:
    verdict = _played(_altered(recorded, tmp_path / "t.trail", change), files=files)
    assert not verdict.is_same
    assert said in verdict.unknown[0][1]


_SIDE_BY_SIDE = """\
import asyncio, time
async def one(name):
    return await fetch(name), time.time()
async def main():
    return await asyncio.gather(one('slow'), one('fast'))
asyncio.run(main())"""


def test_answers_of_tools_side_by_side_come_in_the_order_of_the_record(tmp_path: Path) -> None:
    """Which of two tasks is woken first decides which of them reads the earlier time."""

    @tool
    async def fetch(name: str) -> str:
        await asyncio.sleep(0.05 if name == "slow" else 0)
        return name

    async def record() -> None:
        async with AsyncRuntime("strict", tools=[fetch], trail=tmp_path / "t.trail", standby=1) as runtime:
            session = await runtime.session()
            assert (await session.run(_SIDE_BY_SIDE)).outcome == "completed"

    asyncio.run(record())
    assert _played(tmp_path / "t.trail") == Verdict(actions=1, same=1)


_READS = (
    "import datetime, random, time, uuid\nprint(time.time(), random.random(), uuid.uuid4())\ndatetime.datetime.now()",
    "time.perf_counter_ns(), random.random()",  # the generator goes on from the turn before
    "search(str(uuid.uuid4()))\ntime.monotonic()",
    "end = time.monotonic() + 0.01\nturns = 0\nwhile time.monotonic() < end:\n    turns += 1\n    time.sleep(0.001)\nturns",
)


def test_what_was_read_of_clocks_and_chance_is_read_again(tmp_path: Path) -> None:
    path, again = tmp_path / "t.trail", tmp_path / "again.trail"
    modules = [{"module": name, "facade": name == "time"} for name in ("datetime", "random", "time", "uuid")]
    policy = Policy.from_dict({
        "version": 1, "name": "p", "language": {"imports": modules}, "tools": {"search": {"why": "a test", "redact": ["return"]}},
    })  # fmt: skip
    with Runtime(policy, tools=[search], trail=path, standby=1) as runtime:
        session = runtime.session()
        assert [session.run(source).outcome for source in _READS] == ["completed"] * 4
        session.run("for _ in range(10_001):\n    time.time()")  # more often than is kept
    verdict = _played(_altered(path, again, lambda record: record.pop("redacted", None)))
    assert (verdict.same, verdict.first) == (2, "")
    assert [why for _, why in verdict.unknown] == [
        "record 7: the result of call 1, of search, is not known: it was redacted"
    ] * 3
    told = _altered(path, again, lambda record: record.update(result=[]) if record["kind"] == "reply" else None)
    assert _played(told) == Verdict(actions=5, same=5)
    seedless = _altered(path, again, lambda record: record.pop("seed", None) and record.pop("readings"))
    assert _played(seedless).unsteady == ("record 3", "record 5")  # an older trail


@pytest.mark.parametrize(
    "fields", [{"seed": "x" * 64}, {"seed": "ab"}, {"readings": ["1"]}, {"readings": [2**63]}, {"seed": 5}]
)
def test_readings_that_are_none_are_said(fields: dict[str, Any], recorded: Path, tmp_path: Path) -> None:
    with pytest.raises(TrailError, match="a record lacks a field of its kind, or has another one's: "):
        trails.recordings(_altered(recorded, tmp_path / "t.trail", _set("observation", **fields)))


def test_where_the_policy_redacts_an_argument_clocks_and_chance_change_and_do_not_count(tmp_path: Path) -> None:
    """A password that an action made up could be worked out again from the seed: neither is in the trail."""
    path = tmp_path / "t.trail"
    with Runtime(POLICY, trail=path, standby=1) as runtime:
        session = runtime.session()
        session.run("import time, random\nnow = time.time()\nrandom.seed(7)\nrandom.random()")
        session.run("now, random.random()")
        session.run("object(), now > 0")
    verdict = _played(path)
    assert (verdict.is_same, verdict.same, len(verdict.unsteady)) == (True, 2, 1)
    assert b'"seed"' not in path.read_bytes()
    assert b'"readings"' not in path.read_bytes()


def test_another_policy_makes_a_difference(recorded: Path) -> None:
    refused = Policy.from_dict({"version": 1, "name": "none"})
    assert "gives no workspace" in _played(recorded, refused).unknown[0][1]


def test_a_record_cannot_bring_a_policy_that_takes_the_kernel_layer_away(recorded: Path, tmp_path: Path) -> None:
    """Else a file that somebody sent would be a program that whoever replays it starts."""
    for protection in ("seccomp", "landlock"):

        def change(record: dict[str, Any], protection: str = protection) -> None:
            if record["kind"] == "runtime":
                record["policy"]["text"] = record["policy"]["text"].replace(
                    f"{protection}: required", f"{protection}: preferred"
                )

        altered = _altered(recorded, tmp_path / "t.trail", change)
        with pytest.raises(TrailError, match="does not require seccomp and landlock"):
            trails.recordings(altered)
        assert trails.recordings(altered, POLICY)


def test_an_agents_run_is_replayed_from_its_trajectory(tmp_path: Path) -> None:
    replies = iter(
        [
            "<execute>x = 6\nx * 7</execute>",
            "<execute>print(x)\nimport os</execute>",
            "<execute>1 / 0</execute>",
            "It is 42.",
        ]
    )
    path = tmp_path / "runs.jsonl"
    with Runtime(POLICY, standby=1) as runtime:
        CodeActAgent(lambda messages: next(replies), runtime, trajectories=str(path)).run("6 times 7?")
    assert replay(trajectories.recordings(str(path), POLICY), {}) == Verdict(actions=3, same=3)
    path.write_text(path.read_text().replace("x * 7", "x * 8"))
    assert replay(trajectories.recordings(str(path), POLICY), {}).first.endswith("value was '42' and is '48'")


def test_a_trajectory_has_what_tools_returned_and_says_where_it_has_not(tmp_path: Path) -> None:
    replies = iter(["<execute>hit = search('tea')\nhit[0].price</execute>", "<execute>hit</execute>", "Tea."])
    path = tmp_path / "runs.jsonl"
    with Runtime(POLICY, tools=[search], standby=1) as runtime:
        CodeActAgent(lambda messages: next(replies), runtime, trajectories=str(path)).run("Tea?")
    before = list(COUNT)
    assert replay(trajectories.recordings(str(path), POLICY), {}) == Verdict(actions=2, same=2)
    assert before == COUNT
    [run] = [json.loads(line) for line in path.read_text().splitlines()]
    [call] = run["steps"][0]["observation"]["tool_calls"]
    for reply, why in (({"redacted": ["return"]}, "it was redacted"), (None, "the trajectory has no results of tools")):
        call.pop("reply", None)
        call |= {} if reply is None else {"reply": reply}
        path.write_text(json.dumps(run) + "\n")
        verdict = replay(trajectories.recordings(str(path), POLICY), {})
        assert (len(verdict.unknown), verdict.is_same, why in verdict.unknown[0][1]) == (2, False, True)


def _command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return launcher.in_text(launcher.started("safe_codeact", "replay", *arguments, environment=os.environ))


def test_a_fuzzers_finding_is_tried_again(tmp_path: Path) -> None:
    finding = Finding(target="policy-loader", claim="a text is no policy and no InvalidPolicy", example="version: 1")
    tried = _command(str(finding.write(tmp_path)))
    assert (tried.returncode, ": holds now: policy-loader: a text is no policy" in tried.stdout) == (0, True)
    policy = dataclasses.replace(POLICY, isolation=dataclasses.replace(POLICY.isolation, seccomp="off"))
    weak = dataclasses.replace(finding, policy=policy.to_plain())
    refused = _command(str(weak.write(tmp_path)))
    assert (refused.returncode, "its policy does not require seccomp and landlock" in refused.stderr) == (2, True)


def test_the_command_says_it_and_its_status_does(recorded: Path, tmp_path: Path) -> None:
    data = tmp_path / "data.csv"
    data.write_bytes(FILES["a.csv"])
    good = _command(str(recorded), "--file", f"a.csv={data}")
    assert (good.returncode, good.stdout) == (0, f"{recorded}: 9 actions replayed, 9 the same, 0 different.\n")
    closed = tmp_path / "empty.trail"
    Trail(closed).close()
    nothing = _command(str(closed))
    assert (nothing.returncode, nothing.stderr) == (
        2,
        f"safe-codeact: {closed}: has no actions: expected a trail, trajectories, or a fuzzer's finding.\n",
    )
