"""The hooks and the CI job that users copy do what they say, in a git repository, by the commands as they are written."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
_BLOCKS = [
    yaml.safe_load(block)
    for block in re.findall(r"```yaml\n(.*?)```", (ROOT / "policies" / "CI.md").read_text("utf-8"), re.DOTALL)
]
_HOOKS, _JOB = _BLOCKS[0]["repos"][0]["hooks"], _BLOCKS[1]["jobs"]["policies"]
_STEPS: dict[str, str] = {step["name"]: step["run"] for step in _JOB["steps"] if "name" in step}
_PARENT = """\
version: 1
name: parent
language: {imports: [{module: math, why: "rounding of what tools return"}]}
limits: {wall_seconds: 20, cpu_seconds: 5, memory_mb: 128}
examples:
  - {allow: "import math"}
  - {deny: "import os", rule: G401}
"""
_CHILD = """\
version: 1
name: child
extends: parent.yaml
examples:
  - {allow: "math = 6 * 7\\nmath", value: "42"}
  - {deny: "import pathlib", rule: G401}
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two policies on the branch that a change is made for, and a branch to make it on."""
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "parent.yaml").write_text(_PARENT)
    (tmp_path / "policies" / "child.yaml").write_text(_CHILD)
    for command in ("init -q -b main", "add .", "commit -q -m one", "checkout -q -b change"):
        assert _run(tmp_path, f"git {command}").returncode == 0
    return tmp_path


def _run(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    """As a runner of GitHub does: `bash -e`, with the commands of this interpreter's environment."""
    environment: dict[str, Any] = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "BASE": "main",
        **{f"GIT_{who}_{what}": "t@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    }
    return subprocess.run(
        ["bash", "-e", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_the_hooks_that_are_named_are_there_and_pass_and_fail_as_they_should(repository: Path) -> None:
    hooks = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))}
    assert [each["id"] for each in _HOOKS] == list(hooks)
    bad = repository / "policies" / "bad.yaml"
    bad.write_text(_PARENT.replace("math", "pickle").replace("name: parent", "name: bad"))
    for hook in hooks.values():
        good = _run(repository, f"{hook['entry']} policies/parent.yaml policies/child.yaml")
        assert good.returncode == 0, good.stdout + good.stderr
        files = [name for name in ("policies/bad.yaml", "README.md") if re.search(hook["files"], name)]
        assert files == ["policies/bad.yaml"]
    found = _run(repository, shlex.join([*shlex.split(hooks["safe-codeact-audit"]["entry"]), *files]))
    assert (found.returncode, "A101" in found.stdout) == (1, True)


def test_the_steps_of_the_job_pass_where_nothing_is_wider(repository: Path) -> None:
    """A narrower policy, and a new one, which is compared with nothing."""
    child = repository / "policies" / "child.yaml"
    child.write_text(_CHILD + "limits: {wall_seconds: 10}\n")
    (repository / "policies" / "new.yaml").write_text(_PARENT.replace("name: parent", "name: new"))
    assert _run(repository, "git add . && git commit -q -m two").returncode == 0
    assert list(_STEPS) == ["Is it wise", "Does it do what its author says", "What does it widen"]
    for name, script in _STEPS.items():
        done = _run(repository, script)
        assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"
    assert "1 narrowed." in done.stdout
    assert "new.yaml" not in done.stdout


def test_the_job_fails_where_a_parent_widens_its_children_and_shows_a_witness(repository: Path) -> None:
    parent = repository / "policies" / "parent.yaml"
    parent.write_text(_PARENT.replace("imports: [", 'imports: [{module: random, why: "drawing a winner"}, '))
    assert _run(repository, "git commit -q -a -m two").returncode == 0
    done = _run(repository, _STEPS["What does it widen"])
    assert done.returncode == 1
    assert done.stdout.count("only NEW allows: import random") == 2
    assert "policies/child.yaml, against main" in done.stdout
    condition = next(step["if"] for step in _JOB["steps"] if step.get("name") == "What does it widen")
    assert "labels" in condition
