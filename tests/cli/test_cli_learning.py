"""A policy is learned from records as well as from programs."""

from __future__ import annotations

from pathlib import Path

import yaml

from safe_codeact import Policy, Runtime, tool
from safe_codeact.agent import CodeActAgent
from safe_codeact.cli.learning import learn
from safe_codeact.cli.recorded import programs_of

SMALL = Policy.from_dict({
    "version": 1, "name": "small", "tools": {"search": {"why": "a test"}},
    "language": {"imports": [{"module": "statistics"}, {"module": "json"}]},
})  # fmt: skip


def test_a_policy_is_learned_from_a_trail_and_from_trajectories(tmp_path: Path) -> None:
    """Each session runs again, its tools answered from the record; what was refused then is not granted now."""
    made: list[str] = []

    @tool
    def search(query: str) -> list[int]:
        made.append(query)
        return [1, 2]

    replies = iter([
        "<execute>import statistics\nhits = search('a') + search('b')\nstatistics.mean(hits)</execute>",
        "<execute>import subprocess</execute>", "<execute>import json\njson.dumps(hits)</execute>", "Done.",
    ])  # fmt: skip
    trail, runs = tmp_path / "t.trail", tmp_path / "runs.jsonl"
    with Runtime(SMALL, tools=[search], trail=trail, standby=1) as runtime:
        CodeActAgent(lambda _: next(replies), runtime, trajectories=str(runs)).run("Search.")
    lesson = learn(programs_of(str(trail)))
    assert made == ["a", "b"]
    assert list(lesson.endings.values()) == [""]
    proposal = yaml.safe_load(lesson.proposal())
    assert [line["module"] for line in proposal["language"]["imports"]] == ["statistics", "json"]
    assert {name: line["max_calls"] for name, line in proposal["tools"].items()} == {"search": 2}
    assert proposal["tools"]["search"]["why"].startswith("first called by record ")
    assert lesson.unused(Policy.load("tools-only")) == [
        "math", "datetime", "re", "collections", "itertools", "typing", "tools.lookup",
    ]  # fmt: skip
    (tmp_path / "learned.yaml").write_text(lesson.proposal())
    with Runtime(tmp_path / "learned.yaml", tools=[search], standby=1) as runtime:
        session = runtime.session()
        assert session.run("import statistics, json\njson.dumps(search('a') + search('b'))").outcome == "completed"
        assert session.run("import math").outcome == "refused"
    from_runs = learn(programs_of(str(runs)))
    assert list(from_runs.endings.values()) == [""]
    assert from_runs.values()["language"]["imports"][0]["why"].startswith("first needed by run 1, turn 1")
    assert [line["module"] for line in from_runs.values()["language"]["imports"]] == ["statistics", "json"]
    assert from_runs.tools == {"search": ("run 1, turn 1", 2)}
