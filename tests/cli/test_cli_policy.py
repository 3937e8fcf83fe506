"""The verbs about policies as a user meets them: what they print, and how each ends."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import launcher
import pytest

from safe_codeact.policy import shipped

_GOOD = """\
version: 1
limits: {wall_seconds: 20, cpu_seconds: 5, memory_mb: 128}
language:
  imports:
    - {module: math, why: "sums of what tools return"}
examples:
  - {allow: "import math"}
  - {deny: "import os", rule: G401}
"""


def _cli(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    return launcher.started("safe_codeact", *arguments, environment={**os.environ, "COLUMNS": "120"}, cwd=cwd)


def _json(done: subprocess.CompletedProcess[bytes]) -> Any:
    assert done.stderr == b""
    return json.loads(done.stdout)


@pytest.fixture
def good(tmp_path: Path) -> Path:
    file = tmp_path / "good.yaml"
    file.write_text(_GOOD)
    return file


@pytest.mark.parametrize("verb", ["show", "explain", "test", "diff", "learn", "schema", "lock"])
def test_every_verb_of_policy_has_help(verb: str) -> None:
    done = _cli("policy", verb, "--help")
    assert done.returncode == 0
    assert f"Usage: safe-codeact policy {verb}" in done.stdout.decode()


@pytest.mark.parametrize("arguments", [["policy"], ["policy", "bogus"], ["policy", "diff", "strict"], ["audit"], ["audit", "x", "--format", "y"]])  # fmt: skip
def test_a_typing_error_ends_with_status_2_and_usage(arguments: list[str]) -> None:
    done = _cli(*arguments)
    assert done.returncode == 2
    assert b"Usage: safe-codeact" in done.stdout + done.stderr


def test_an_audit_fails_from_the_severity_on_that_is_asked_for(good: Path) -> None:
    assert _cli("audit", str(good)).stdout == b"nothing found in 1 file.\n"
    good.write_text(_GOOD.replace("limits:", "isolation: {landlock: preferred}\nlimits:"))
    for level, status in (("low", 1), ("medium", 1), ("high", 1), ("critical", 0)):
        assert _cli("audit", str(good), "--fail-on", level).returncode == status
    done = _cli("audit", "good.yaml", cwd=good.parent)
    assert done.returncode == 1
    assert done.stdout.decode().splitlines()[0].startswith("good.yaml:2:23: high A126 landlock-not-required: ")


@pytest.mark.parametrize("form", ["json", "sarif"])
def test_an_audit_is_one_json_document_where_that_is_asked_for(good: Path, form: str) -> None:
    good.write_text(_GOOD.replace('"sums of what tools return"', '"needed"'))
    document = _json(_cli("audit", str(good), "--format", form, "--fail-on", "high"))
    results = document["findings"] if form == "json" else document["runs"][0]["results"]
    assert [each.get("code") or each["ruleId"] for each in results] == ["A182"]


def test_an_audit_annotates_for_github_with_paths_of_the_checkout(good: Path) -> None:
    good.write_text(_GOOD.replace('"sums of what tools return"', '"needed"'))
    done = _cli("audit", ".", "--format", "github", "--fail-on", "high", cwd=good.parent)
    assert done.returncode == 0
    assert done.stdout.startswith(
        b"::notice file=good.yaml,line=5,col=27,endColumn=35,title=A182 why-says-nothing (low)::"
    )


def test_a_file_that_does_not_load_fails_the_audit_at_its_place_and_the_others_are_looked_at(good: Path) -> None:
    (good.parent / "bad.yaml").write_text("version: 1\nlimits: {memory_mb: 8}\n")
    done = _cli("audit", str(good.parent), "--fail-on", "critical")
    assert done.returncode == 1
    assert b"bad.yaml:2:21: critical A100 unusable-file: limits.memory_mb=8 must be at least 32" in done.stdout


def test_the_shipped_policies_pass_their_audit_and_their_examples() -> None:
    assert _cli("audit", *shipped.names()).returncode == 0
    done = _cli("policy", "test", *shipped.names())
    assert done.returncode == 0
    assert done.stdout.count(b" examples hold") == len(shipped.names())


def test_an_example_that_does_not_hold_fails_at_its_line(good: Path) -> None:
    good.write_text(_GOOD.replace('allow: "import math"', 'allow: "import os"'))
    done = _cli("policy", "test", str(good), "--coverage")
    assert done.returncode == 1
    assert (
        done.stdout.decode()
        .splitlines()[0]
        .startswith("good.yaml:7: examples[0] is to be allowed, and the gate refuses it: G401")
    )
    assert "  Not exercised:\n    good.yaml:5: language.imports.math\n" in done.stdout.decode()
    assert _json(_cli("policy", "test", str(good), "--json"))["policies"][0]["imports"]["idle"] == ["math"]


def test_what_is_shown_is_a_policy_again(good: Path) -> None:
    first = _cli("policy", "show", str(good))
    again = good.parent / "again.yaml"
    again.write_bytes(first.stdout)
    shown, digest = _json(_cli("policy", "show", str(again), "--json")), first.stdout.split()[3].decode()
    assert shown["digest"] == digest
    assert b"# good.yaml:5" in first.stdout


def test_a_piece_of_code_is_traced_to_the_line_that_decides_it() -> None:
    allowed = _cli("policy", "explain", "analysis", "--why", "import os")
    assert allowed.returncode == 0
    assert b"strict.yaml:" in allowed.stdout
    part = _cli("policy", "explain", "strict", "--why", "import collections.abc, xml")
    assert part.returncode == 1
    assert b"import collections.abc: allowed by" in part.stdout
    assert b"No line of the policy allows it." in part.stdout
    hidden = _cli("policy", "explain", "analysis", "--why", "import pandas as pd\npd.read_pickle('x')")
    assert hidden.returncode == 1
    assert b"It is hidden under every policy" in hidden.stdout


def test_what_a_line_takes_away_is_traced_to_it(good: Path) -> None:
    child = good.parent / "child.yaml"
    child.write_text(f'version: 1\nextends: {good}\nlanguage:\n  imports:\n    - {{module: math, deny: ["*"]}}\n')
    done = _cli("policy", "explain", str(child), "--why", "import math")
    assert done.returncode == 1
    assert b"child.yaml:5 takes math away." in done.stdout
    child.write_text(f"version: 1\nextends: {good}\nlanguage:\n  imports:\n    - {{module: math, deny: [sqrt]}}\n")
    done = _cli("policy", "explain", str(child), "--why", "import math\nmath.sqrt(4)")
    assert done.returncode == 1
    assert b"child.yaml:5 denies it for math." in done.stdout


def test_an_explanation_is_markdown_where_that_is_asked_for() -> None:
    text, markdown = _cli("policy", "explain", "tools-only"), _cli("policy", "explain", "tools-only", "--markdown")
    assert text.returncode == markdown.returncode == 0
    assert b"\n## Tools\n" in markdown.stdout
    assert b"\nTOOLS\n" in text.stdout


def test_a_comparison_ends_by_its_direction(good: Path) -> None:
    wider = good.parent / "wider.yaml"
    wider.write_text(_GOOD.replace("    - {module: math", '    - {module: json, why: "x"}\n    - {module: math'))
    up, down = _cli("policy", "diff", str(good), str(wider)), _cli("policy", "diff", str(wider), str(good))
    assert (up.returncode, down.returncode) == (1, 0)
    assert b"+ widened: json can be imported\n      only NEW allows: import json\n" in up.stdout
    document = _json(_cli("policy", "diff", str(good), str(wider), "--json"))
    assert document["wider"] is True
    assert document["changes"][0]["is_verified"] is True


def test_a_policy_of_a_revision_is_compared_with_its_parents_of_that_revision(good: Path) -> None:
    folder, child = good.parent, good.parent / "child.yaml"
    child.write_text(f"version: 1\nextends: good.yaml\n{_GOOD[_GOOD.index('examples') :]}")

    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=Anna", "-c", "user.email=anna@example.org", "-c", "init.defaultBranch=main")
        subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)

    git("init")
    git("add", ".")
    git("commit", "-m", "policies")
    assert _cli("policy", "diff", "HEAD:child.yaml", "child.yaml", cwd=folder).returncode == 0
    good.write_text(_GOOD.replace("memory_mb: 128", "memory_mb: 256"))
    done = _cli("policy", "diff", "HEAD:child.yaml", "child.yaml", cwd=folder)
    assert done.returncode == 1
    assert b"memory_mb: 256 instead of 128" in done.stdout
    unknown = _cli("policy", "diff", "nowhere:child.yaml", "child.yaml", cwd=folder)
    assert unknown.returncode == 2
    assert unknown.stderr.startswith(b"safe-codeact: nowhere:child.yaml: fatal: ")


def test_a_locked_policy_that_changed_is_refused_by_every_verb_that_runs_and_compared_by_those_that_look(
    good: Path,
) -> None:
    assert _cli("policy", "lock", str(good), "--check").returncode == 1
    assert _cli("policy", "lock", str(good)).returncode == 0
    assert _cli("policy", "lock", str(good), "--check").returncode == 0
    program = good.parent / "action.py"
    program.write_text("1 + 1\n")
    assert _cli("check", str(program), "--policy", str(good)).returncode == 0
    good.write_text(_GOOD.replace("memory_mb: 128", "memory_mb: 256"))
    refused = _cli("run", str(program), "--policy", str(good))
    assert refused.returncode == 2
    assert b"something that it is made of has changed" in refused.stderr
    assert _cli("check", str(program), "--policy", str(good)).returncode == 2
    assert _cli("policy", "show", str(good)).returncode == 0
    assert b"A196 digest-drift" in _cli("audit", str(good)).stdout
    assert _cli("policy", "lock", str(good), "--check").returncode == 1


def test_the_schema_is_printed_as_it_is_published() -> None:
    published = json.loads((shipped.folder() / "schema.json").read_text("utf-8"))
    assert _json(_cli("policy", "schema")) == published


@pytest.mark.parametrize("code", ["A120", "a199", "A101"])
def test_the_page_of_an_audit_rule_is_printed(code: str) -> None:
    done = _cli("explain", code)
    assert done.returncode == 0
    assert done.stdout.decode().startswith(f"{code.upper()} ")
    assert b"A100" in _cli("explain", "A777").stderr


def test_a_policy_cannot_write_to_the_terminal_through_the_audit(good: Path) -> None:
    hostile = good.parent / "\x1b[2Jx.yaml"
    hostile.write_text(_GOOD.replace("[", "{"))
    done = _cli("audit", str(hostile))
    assert b"\x1b" not in done.stdout + done.stderr


_PROGRAM = """\
from xml import etree
import os, statistics
with open('means.txt', 'w') as file:
    file.write(str(statistics.mean([1, 2, 3])))
print(os.listdir('.'))
"""


def test_a_policy_is_learned_from_a_run_and_nothing_of_it_can_be_left_out(tmp_path: Path) -> None:
    (tmp_path / "means.py").write_text(_PROGRAM)
    learned = _cli("policy", "learn", "means.py", "--policy", "tools-only", cwd=tmp_path)
    assert learned.returncode == 0, learned.stderr
    assert (
        b"no program needed these grants: math, datetime, json, re, collections, itertools, typing, tools.search, tools.lookup."
        in learned.stderr
    )
    text = learned.stdout.decode()
    lines = [line for line in text.splitlines() if "module:" in line]
    assert [line.split("module: ")[1].split(",")[0] for line in lines] == ["xml", "os", "statistics"]
    assert "{module: os, facade: true, why: 'first needed by means.py:2'}" in text
    assert "filesystem: {workspace: rw} # for means.py:3" in text
    file = tmp_path / "learned.yaml"
    file.write_text(text)
    assert _cli("run", "means.py", "--policy", "./learned.yaml", cwd=tmp_path).returncode == 0
    for line in lines:
        file.write_text(text.replace(f"{line}\n", ""))
        assert _cli("check", "means.py", "--policy", "./learned.yaml", cwd=tmp_path).returncode == 3
    file.write_text(text.replace("workspace: rw", "workspace: ro"))
    assert _cli("run", "means.py", "--policy", "./learned.yaml", cwd=tmp_path).returncode == 1


@pytest.mark.parametrize(
    ("program", "complaint"),
    [
        ("search('tea')\n", "raised: NameError: name 'search' is not defined"),
        ("import nosuchthing\n", "refused: the module `nosuchthing` is not available."),
        ("import math\nmath.nosuchthing\n", "raised: AttributeError: module 'math' has no attribute 'nosuchthing'"),
        ("import _thread\n", "refused: the module `_thread` is not available."),
    ],
)
def test_what_no_policy_could_grant_is_not_proposed(tmp_path: Path, program: str, complaint: str) -> None:
    (tmp_path / "action.py").write_text(program)
    done = _cli("policy", "learn", "action.py", cwd=tmp_path)
    assert done.returncode == 1
    assert b"nosuchthing" not in done.stdout
    assert b"_thread" not in done.stdout
    assert done.stderr.decode().startswith(f"safe-codeact: action.py did not complete: {complaint}")
