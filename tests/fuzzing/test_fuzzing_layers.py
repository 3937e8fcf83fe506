"""The properties that are not about programs hold for a fixed run, and the seeds of the guided ones as well."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from safe_codeact import Policy
from safe_codeact.fuzzing import Setting, findings, guided, runner, targets

STRICT = Setting(Policy.load("strict"))
SEEDS = Path(__file__).resolve().parents[2] / "fuzz" / "seeds"
# (examples, how many of a hundred at least reach what the property is about); the same command runs longer: `make fuzz`.
FIXED = {
    "decoder": (150, 20),
    "decoder-values": (300, 8),
    "conversation": (100, 15),
    "snapshots": (15, 100),
    "snapshots-hostile": (15, 0),
    "store": (150, 20),
    "sessions": (8, 100),
    "policy-loader": (50, 20),
    "policy-diff": (60, 15),
    "policy-inheritance": (50, 20),
    "replies": (250, 30),
    "commands": (40, 15),
}


@pytest.mark.parametrize("name", FIXED)
def test_a_property_holds_for_a_fixed_run(name: str) -> None:
    examples, share = FIXED[name]
    tally = runner.explore(targets.load(name), STRICT, seed=9, examples=examples)
    assert not tally.findings
    assert tally.examples >= examples
    assert 100 * tally.alive >= share * examples


@pytest.mark.parametrize("name", guided.GUIDED)
def test_the_seeds_of_coverage_guided_runs_hold_without_atheris(name: str) -> None:
    assert guided.replay(name, SEEDS) >= 20


def test_every_property_is_run_for_a_fixed_time_here_or_beside() -> None:
    from test_fuzzing_properties import EXAMPLES

    assert {*FIXED, *EXAMPLES} == set(targets.names())


@pytest.mark.parametrize(
    "changed",
    [{"verb": "mcp"}, {"options": ["--out", "/tmp/elsewhere"]}, {"files": [["../elsewhere", "00"]]}, {"files": 7}],
    ids=["verb", "options", "place", "form"],
)
def test_a_finding_of_a_stranger_runs_no_other_command_and_writes_nowhere_else(changed: dict[str, Any]) -> None:
    regression = next((SEEDS.parent / "regressions").glob("commands-*.json"))
    finding = findings.read(regression)
    forged = dataclasses.replace(finding, example={**finding.example, **changed})
    with pytest.raises(findings.UnusableFinding, match="its example is none of the target 'commands'"):
        forged.recur()
