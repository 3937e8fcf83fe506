"""The README's commands about policies print what it says that they print."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
_SECTION = (ROOT / "README.md").read_text("utf-8").split("## Reviewing a policy\n")[1].split("\n## ")[0]
_POLICY = re.findall(r"```yaml\n(.*?)```", _SECTION, re.DOTALL)[0]
_CONSOLE = re.findall(r"```console\n(.*?)```", _SECTION, re.DOTALL)[0]
_COMMANDS = re.findall(r"^\$ safe-codeact (.*)\n((?:(?!\$ ).*\n)*)", _CONSOLE, re.MULTILINE)


@pytest.mark.parametrize(("command", "printed"), _COMMANDS, ids=[command for command, _ in _COMMANDS])
def test_a_command_of_the_readme_prints_what_stands_below_it(command: str, printed: str, tmp_path: Path) -> None:
    (tmp_path / "support.yaml").write_text(_POLICY)
    done = subprocess.run(
        [sys.executable, "-m", "safe_codeact", *shlex.split(command)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout == printed


_SHIPPED = re.findall(
    r"^\$ safe-codeact (.*)\n((?:(?!\$ ).*\n)*)",
    re.findall(r"```console\n(.*?)```", _SECTION, re.DOTALL)[1],
    re.MULTILINE,
)


@pytest.mark.parametrize(("command", "printed"), _SHIPPED, ids=[command for command, _ in _SHIPPED])
def test_a_command_about_shipped_policies_prints_what_stands_below_it_but_for_what_is_cut(
    command: str, printed: str
) -> None:
    """`…` on a line stands for any number of lines."""
    done = subprocess.run(
        [sys.executable, "-m", "safe_codeact", *shlex.split(command)], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert re.fullmatch(re.escape(printed).replace("…\\\n", "(?:.*\\n)*"), done.stdout)
    assert [each.split()[0] for each, _ in _SHIPPED] == ["audit", "policy", "policy"]


def test_there_are_four_commands_and_one_of_them_is_the_audit() -> None:
    assert [command.split()[0] for command, _ in _COMMANDS] == ["audit", "policy", "policy", "policy"]


def test_the_hooks_for_pre_commit_call_verbs_that_there_are() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    assert [hook["entry"] for hook in hooks] == ["safe-codeact audit", "safe-codeact policy test"]
    assert all(re.fullmatch(hook["files"], "policies/teams/support.yaml") for hook in hooks)
