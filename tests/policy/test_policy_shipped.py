"""The shipped policies: loadable, reviewable, and true to their own examples."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from safe_codeact.gate.check import check
from safe_codeact.policy import shipped
from safe_codeact.policy.effective import Policy
from safe_codeact.policy.facades import CURATED
from safe_codeact.policy.reference import render

NAMES = ["analysis", "expression", "strict", "tools-only", "unrestricted"]


def test_these_policies_are_shipped() -> None:
    assert shipped.names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_policy_loads_under_its_own_name_and_survives_yaml(name: str, tmp_path: Path) -> None:
    policy = Policy.load(name)
    (tmp_path / "again.yaml").write_text(policy.to_yaml())
    assert policy.name == name
    assert Policy.load(tmp_path / "again.yaml").digest == policy.digest
    assert Policy.load(shipped.folder() / f"{name}.yaml").digest == policy.digest


@pytest.mark.parametrize("name", NAMES)
def test_every_allowance_of_a_shipped_policy_has_a_reason_of_its_own(name: str) -> None:
    policy = Policy.load(name)
    reasons = [line.why for line in (*policy.language.imports, *policy.tools, *policy.filesystem.read)]
    assert all(len(reason) >= 10 for reason in reasons)
    assert sorted(reasons) == sorted(set(reasons))


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_file_opens_with_what_a_reviewer_must_know_and_ends_with_examples(name: str) -> None:
    text = (shipped.folder() / f"{name}.yaml").read_text()
    head = text.split("version: 1")[0]
    assert head.startswith("# ")
    assert "# To review: " in head
    assert Policy.load(name).examples
    assert all(len(line) <= 140 for line in text.splitlines())


@pytest.mark.parametrize("name", NAMES)
def test_every_module_with_a_stand_in_is_shipped_as_the_stand_in(name: str) -> None:
    bare = [line.module for line in Policy.load(name).language.imports if line.module in CURATED and not line.facade]
    assert bare == []


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_of_a_shipped_policy_hold(name: str) -> None:
    policy = Policy.load(name)
    tools = [rule.name for rule in policy.tools if rule.name != "*"]
    for example in policy.examples:
        source = example.allow or example.deny or ""
        ast.parse(source)
        report = check(source, policy=policy, tools=tools)
        assert report.allowed is (example.deny is None), (source, report.findings)
        if example.rule is not None:
            assert example.rule in {finding.code for finding in report.findings}, (source, report.findings)


def test_only_unrestricted_switches_the_gate_off() -> None:
    assert [name for name in NAMES if not Policy.load(name).language.restricted] == ["unrestricted"]


def test_only_the_policies_for_data_have_a_workspace() -> None:
    assert [name for name in NAMES if Policy.load(name).filesystem.workspace != "none"] == ["analysis", "unrestricted"]


def test_tools_only_names_its_tools_and_strict_takes_all() -> None:
    assert [rule.name for rule in Policy.load("tools-only").tools] == ["search", "lookup"]
    assert [rule.name for rule in Policy.load("strict").tools] == ["*"]
    assert [rule.name for rule in Policy.load("analysis").tools] == ["*"]


@pytest.mark.parametrize("name", NAMES)
def test_both_kernel_protections_that_work_everywhere_are_required(name: str) -> None:
    isolation = Policy.load(name).isolation
    assert (isolation.seccomp, isolation.landlock) == ("required", "required")


def test_analysis_grants_all_that_strict_grants() -> None:
    strict = {line.module for line in Policy.load("strict").language.imports}
    assert strict < {line.module for line in Policy.load("analysis").language.imports}


def test_the_reference_is_what_the_schema_says() -> None:
    written = (shipped.folder() / "README.md").read_text()
    assert written == render(), "write it again: python -m safe_codeact.policy.reference > policies/README.md"


def test_the_changes_name_every_shipped_policy() -> None:
    changes = (shipped.folder() / "CHANGES.md").read_text()
    assert [name for name in NAMES if f"`{name}`" not in changes] == []


def test_the_example_of_the_reference_is_a_policy(tmp_path: Path) -> None:
    text = render().split("```yaml\n")[1].split("```")[0]
    (tmp_path / "support.yaml").write_text(text)
    policy = Policy.load(tmp_path / "support.yaml")
    assert policy.name == "support"
    assert [rule.name for rule in policy.tools] == ["search", "lookup", "refund"]
