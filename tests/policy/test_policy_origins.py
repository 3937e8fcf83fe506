"""`policy show`, the schema, the lock and the examples: the policy as it is enforced, where it comes from, what it claims."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from safe_codeact import GateReport, Policy, check
from safe_codeact.errors import InvalidPolicy
from safe_codeact.policy import lock, published, shipped
from safe_codeact.policy.origins import render, shown_lines, trace
from safe_codeact.policy.rehearsal import rehearse
from safe_codeact.policy.schema import PolicyFile

_PARENT = """\
version: 1
language:
  imports:
    - {module: os, facade: true, why: "paths"}
    - {module: math, why: "sums"}
limits: {wall_seconds: 20, memory_mb: 128}
tools:
  search: {why: "finding things", max_calls: 20}
"""
_CHILD = """\
version: 1
extends: parent.yaml
language:
  imports:
    - {module: os, deny: [remove]}
    - {module: math, deny: ["*"]}
limits: {wall_seconds: 10}
tools:
  refund: {deny: true}
examples:
  - {allow: "import os\\nsearch('x')"}
  - {deny: "import math", rule: G401}
"""


@pytest.fixture
def child(tmp_path: Path) -> Path:
    (tmp_path / "parent.yaml").write_text(_PARENT)
    (tmp_path / "child.yaml").write_text(_CHILD)
    return tmp_path / "child.yaml"


def judge(source: str, policy: Policy, tools: Sequence[str]) -> GateReport:
    return check(source, policy=policy, tools=tools)


@pytest.mark.parametrize("name", shipped.names())
def test_what_is_shown_loads_to_the_same_digest(name: str, tmp_path: Path) -> None:
    file = tmp_path / "shown.yaml"
    file.write_text(render(trace(name)))
    assert Policy.load(file).digest == Policy.load(name).digest


def test_every_line_says_where_it_comes_from(child: Path) -> None:
    origins = {line.text.strip(): line.origins for line in shown_lines(trace(child)) if line.origins}
    assert origins["- {module: os, why: paths, facade: true, deny: [remove]}"] == ("child.yaml:5", "parent.yaml:4")
    assert origins["wall_seconds: 10.0"] == ("child.yaml:7",)
    assert origins["memory_mb: 128"] == ("parent.yaml:6",)
    assert origins["output_kb: 256"] == ("default",)
    assert origins["name: child"] == ("the file's name",)
    assert "math (child.yaml:6)" in render(trace(child))


def test_the_published_schema_is_what_the_model_says() -> None:
    written = (shipped.folder() / "schema.json").read_text("utf-8")
    assert written == published.render(), (
        "write it again: python -m safe_codeact.policy.published > policies/schema.json"
    )


@pytest.mark.parametrize("name", shipped.names())
def test_a_shipped_policy_names_the_schema_for_editors(name: str) -> None:
    lines = (shipped.folder() / f"{name}.yaml").read_text("utf-8").splitlines()
    assert "# yaml-language-server: $schema=schema.json" in lines


def _fields(schema: Any, root: Any) -> Any:
    while "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    return schema


def test_the_schema_is_closed_describes_every_field_and_offers_no_null() -> None:
    schema = published.document()
    objects = [schema, *schema["$defs"].values()]
    assert len(objects) == 11
    assert all(each["additionalProperties"] is False for each in objects)
    assert set(schema["properties"]) == set(PolicyFile.model_fields)
    for each in objects:
        for name, field in each["properties"].items():
            assert field.get("description") or "$ref" in field, name
    assert '"null"' not in json.dumps(schema)
    limits = _fields(schema["properties"]["limits"], schema)["properties"]["memory_mb"]
    assert (limits["minimum"], limits["maximum"]) == (32, 1_048_576)


def test_a_locked_file_loads_only_as_it_was_locked(child: Path) -> None:
    pinned = Path(lock.path_of(str(child)))
    pinned.write_text(lock.text_of(Policy.load(child)))
    assert Policy.load(child).name == "child"
    (child.parent / "parent.yaml").write_text(_PARENT.replace("128", "129"))
    with pytest.raises(
        InvalidPolicy, match=r"child.yaml: the policy 'child' has the digest [0-9a-f]{16}…, and child.lock pins"
    ):
        Policy.load(child)
    with pytest.raises(InvalidPolicy, match="pins"):
        Policy.load(str(child))
    assert trace(child).policy.limits.memory_mb == 129  # what compares and shows still reads it
    pinned.unlink()
    assert Policy.load(child).limits.memory_mb == 129


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"digest": 5}', "\x00", '{"digest": "' + "0" * 20_000 + '"}'])
def test_a_lock_that_cannot_be_read_is_no_lock_that_holds(child: Path, content: str) -> None:
    Path(lock.path_of(str(child))).write_text(content)
    with pytest.raises(InvalidPolicy, match="lock"):
        Policy.load(child)


def test_a_lock_that_leads_nowhere_is_not_passed_over(child: Path) -> None:
    Path(lock.path_of(str(child))).symlink_to(child.parent / "gone")
    with pytest.raises(InvalidPolicy, match="the lock cannot be read"):
        Policy.load(child)


def test_examples_say_which_lines_they_exercise(child: Path) -> None:
    done = rehearse(Policy.load(child), judge)
    assert done.holds
    assert (done.imports, done.idle_imports) == (("os",), ())
    assert (done.tools, done.idle_tools) == (("search",), ())
    empty = rehearse(Policy.load("strict"), judge)
    assert "zlib" in empty.idle_imports
    assert "json" in empty.imports


@pytest.mark.parametrize(
    ("example", "complaint"),
    [
        ({"allow": "import os"}, "is to be allowed, and the gate refuses it: G401 import-not-allowed, line 1: "),
        ({"deny": "1 + 1"}, "is to be refused, and the gate allows it"),
        ({"deny": "import os", "rule": "G201"}, "is to be refused by G201, and the gate refuses it by G401"),
        ({"deny": "import os", "rule": "G401"}, ""),
        ({"allow": "1 + 1"}, ""),
    ],
)
def test_an_example_that_does_not_hold_says_what_the_gate_says(example: dict[str, str], complaint: str) -> None:
    (outcome,) = rehearse(Policy.from_dict({"version": 1, "examples": [example]}), judge).outcomes
    assert outcome.complaint.startswith(complaint)
    assert bool(outcome.complaint) is bool(complaint)
