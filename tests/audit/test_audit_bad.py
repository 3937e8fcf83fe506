"""Deliberately bad policies, each with exactly the findings that its first line announces."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path

import pytest

from safe_codeact import GateReport, Policy, check
from safe_codeact.audit.examination import examine
from safe_codeact.audit.rules import RULES

BAD = Path(__file__).parent / "bad"
FILES = sorted(BAD.rglob("*.yaml"))
TODAY = datetime.date(2026, 11, 23)


def judge(source: str, policy: Policy, tools: Sequence[str]) -> GateReport:
    return check(source, policy=policy, tools=tools)


def _announced(file: Path) -> list[str]:
    return file.read_text("utf-8").splitlines()[0].removeprefix("# finds: ").split(", ")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_bad_policy_has_exactly_the_findings_that_its_first_line_announces(file: Path) -> None:
    done = examine([str(file)], judge=judge, today=TODAY)
    assert done.broken == ()
    assert [f"{each.code} {each.severity} {each.line}:{each.column}" for each in done.findings] == _announced(file)


def test_there_are_many_and_together_they_show_every_rule() -> None:
    shown = {said.split()[0] for file in FILES for said in _announced(file)}
    needs_a_place_of_its_own = {"A134", "A195"}  # below, in folders that the test makes
    assert len(FILES) >= 80
    assert {rule.code for rule in RULES} == shown | needs_a_place_of_its_own


_GOOD = """\
limits: {wall_seconds: 20, cpu_seconds: 5, memory_mb: 128}
examples:
  - {allow: "1 + 1"}
  - {deny: "import os", rule: G401}
"""


def test_a_policy_that_grants_little_has_no_findings(tmp_path: Path) -> None:
    file = tmp_path / "good.yaml"
    file.write_text(f"version: 1\n{_GOOD}")
    assert examine([str(file)], judge=judge, today=TODAY).findings == ()


def test_a_policy_that_lets_its_own_folder_be_read_is_found(tmp_path: Path) -> None:
    file = tmp_path / "open.yaml"
    line = f'{{path: {tmp_path}, why: "documentation of the rules"}}'
    file.write_text(f"version: 1\nfilesystem: {{read: [{line}]}}\n{_GOOD}")
    codes = [each.code for each in examine([str(file)], judge=judge, today=TODAY).findings]
    assert "A134" in codes


def test_a_parent_that_everybody_may_write_is_found(tmp_path: Path) -> None:
    parent, child = tmp_path / "parent.yaml", tmp_path / "child.yaml"
    parent.write_text(f"version: 1\n{_GOOD}")
    child.write_text(f"version: 1\nextends: parent.yaml\n{_GOOD}")
    tmp_path.chmod(0o700)
    parent.chmod(0o644)
    assert examine([str(child)], judge=judge, today=TODAY).findings == ()
    parent.chmod(0o666)
    (found,) = examine([str(child)], judge=judge, today=TODAY).findings
    assert (found.code, found.line, found.column) == ("A195", 2, 10)
