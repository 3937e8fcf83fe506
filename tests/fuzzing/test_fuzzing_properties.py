"""Every property about programs holds for a fixed run; what was once found still does; a finding survives as a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from safe_codeact import Policy
from safe_codeact.fuzzing import Course, Escape, Setting, Target, campaign, findings, runner, targets
from safe_codeact.fuzzing.findings import Finding, UnusableFinding

STRICT = Setting(Policy.load("strict"))
REGRESSIONS = sorted((Path(__file__).resolve().parents[2] / "fuzz" / campaign.REGRESSIONS).glob("*.json"))
EXAMPLES = {"gate": 150, "combined": 60, "kernel": 40, "unchanged": 25, "verdict": 60, "harmless": 60}


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_property_about_programs_holds_for_a_fixed_run(name: str) -> None:
    tally = runner.explore(targets.load(name), STRICT, seed=9, examples=EXAMPLES[name])
    assert not tally.findings
    assert tally.examples >= EXAMPLES[name]
    assert tally.alive > tally.examples // 3


@pytest.mark.parametrize("path", REGRESSIONS, ids=lambda path: path.stem)
def test_what_was_found_once_holds_now(path: Path) -> None:
    """A finding that was fixed stays in `fuzz/regressions`."""
    assert findings.read(path).recur() is None


def test_every_target_can_be_loaded_under_its_name() -> None:
    for name in targets.names():
        assert targets.load(name).name == name
    with pytest.raises(targets.NoSuchTarget) as caught:
        targets.load("nothing")
    assert str(caught.value).startswith("target 'nothing' does not exist; there are: gate, ")


class _Numbers:
    """A target over numbers: those from 1,000 on are an escape."""

    def __init__(self) -> None:
        from contextlib import contextmanager

        from hypothesis import strategies as st

        @contextmanager
        def opened(_setting):
            yield self._run

        self.target = Target(
            name="numbers",
            layer="gate",
            classes=(),
            claim="small",
            examples=lambda _setting: st.integers(0, 10**6),
            open=opened,
        )

    @staticmethod
    def _run(number: int) -> Course:
        if number >= 1000:
            raise Escape("small", f"{number} is not")
        return Course(True, ("syntax",))


def test_a_finding_is_shrunk_and_a_seed_gives_it_again() -> None:
    first, second = (
        runner.explore(_Numbers().target, STRICT, seed=5, examples=100, stop_at_first=True) for _time in range(2)
    )
    assert [each.example for each in first.findings] == [1000]
    assert first.findings == second.findings
    assert first.examples_to_first == second.examples_to_first


def test_a_run_ends_when_its_time_is_over() -> None:
    tally = runner.explore(targets.load("verdict"), STRICT, seed=1, seconds=0.5)
    assert tally.examples >= 1
    with pytest.raises(ValueError, match="needs a budget"):
        runner.explore(targets.load("verdict"), STRICT, seed=1)


def test_a_finding_is_a_file_that_can_be_tried_again(tmp_path: Path) -> None:
    """Written, read back equal; it does not recur where nothing is wrong."""
    finding = Finding(
        target="gate",
        claim="c",
        seen="s",
        example={"turns": ["loot = int.__mro__"], "classes": ["references"]},
        seed=3,
        policy=STRICT.policy.to_plain(),
    )
    path = finding.write(tmp_path)
    assert path.name.startswith("gate-")
    assert findings.read(path) == finding
    assert finding.write(tmp_path) == path
    assert finding.recur() is None


BAD = {
    "no JSON": ("{", "cannot be read as a finding"),
    "no object": ("[1]", "is no finding: expected a JSON object"),
    "something else": ('{"format": "other"}', "is no finding: expected a JSON object"),
    "another version": ('{"format": "safe-codeact finding", "version": 2}', "this program reads version 1"),
    "a field of another kind": (
        json.dumps({"format": findings.FORMAT, "version": 1, "target": 5}),
        "target must be str, got int",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_is_no_finding_is_refused_with_the_reason(name: str, tmp_path: Path) -> None:
    text, reason = BAD[name]
    path = tmp_path / "f.json"
    path.write_text(text)
    with pytest.raises(UnusableFinding) as caught:
        findings.read(path)
    assert reason in str(caught.value)
    assert str(path) in str(caught.value)
