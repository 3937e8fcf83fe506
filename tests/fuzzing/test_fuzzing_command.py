"""`safe-codeact fuzz` and the pytest plug-in, as a user starts them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from safe_codeact.fuzzing import findings, tools

TOOLS = '''
from safe_codeact import tool

@tool
def refund(order: str, amount: int) -> str:
    """Give money back."""
    raise SystemExit("a fuzzer must not call this")

TOOLS = [refund]
'''
POLICY = """
version: 1
extends: tools-only
tools:
  refund: {why: "support may refund", max_calls: 1, when: "amount <= 100"}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop_tools.py").write_text(TOOLS)
    (tmp_path / "support.yaml").write_text(POLICY)
    return tmp_path


def command(folder: Path, *arguments: str, before: str = "") -> subprocess.CompletedProcess[str]:
    program = f"{before}\nimport sys\nfrom safe_codeact.cli import main\nsys.argv = ['safe-codeact', *{list(arguments)!r}]\nmain()"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=folder, check=False)


def test_a_policy_and_tools_of_ones_own_are_fuzzed(folder: Path) -> None:
    """Status 0, a summary with counts by class, the seed; the tools are not called."""
    done = command(folder, "fuzz", "--policy", "support.yaml", "--tools", "shop_tools:TOOLS", "--seconds", "3", "--seed", "4",
                   "--target", "combined")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "seed 4" in done.stderr
    assert "0 findings in" in done.stdout
    assert "tried, by class: syntax " in done.stdout


def test_a_finding_ends_the_command_with_1_and_a_file(folder: Path) -> None:
    hole = "from safe_codeact.fuzzing.plants import plant\nplant('getattr is CPython\\'s own', 'host')"
    done = command(folder, "fuzz", "--seconds", "1", "--seed", "1", "--target", "gate", "--json", before=hole)
    assert done.returncode == 1, done.stderr
    [found, *_more] = json.loads(done.stdout)["findings"]
    finding = findings.read(folder / found["file"])
    assert finding.target == "gate"
    assert finding.recur() is None  # here, where the hole is not


BAD = {
    ("--tools", "nothing"): "tools 'nothing': expected a module and a name in it",
    ("--tools", "no_such_module:X"): "tools 'no_such_module:X': No module named 'no_such_module'",
    ("--tools", "shop_tools:NOTHING"): "tools 'shop_tools:NOTHING': module 'shop_tools' has no attribute 'NOTHING'",
    ("--tools", "json:__name__"): "expected a function or a list of functions, got str",
    ("--target", "nothing"): "target 'nothing' does not exist",
}


@pytest.mark.parametrize("arguments", BAD, ids=" ".join)
def test_a_mistyped_option_is_told_with_the_way_out(arguments: tuple[str, ...], folder: Path) -> None:
    done = command(folder, "fuzz", "--seconds", "1", *arguments)
    assert done.returncode == 2
    assert BAD[arguments] in done.stderr


def test_one_function_and_a_list_of_functions_are_tools() -> None:
    assert tools.load("json:dumps") == (json.dumps,)
    assert tools.load("") == ()


def run_pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_own.py").write_text("def test_own(): pass\n")
    options = ["-p", "safe_codeact.pytest_plugin", "-p", "no:cacheprovider", "-q", *arguments]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options], capture_output=True, text=True, cwd=folder, check=False
    )


def test_the_plug_in_adds_a_test_for_each_property_of_a_policy(folder: Path) -> None:
    done = run_pytest(
        folder, "-k", "verdict or own", "--safe-codeact-policy", "support.yaml", "--safe-codeact-seconds", "5"
    )
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def test_the_plug_in_without_its_option_does_nothing(folder: Path) -> None:
    done = run_pytest(folder)
    assert "1 passed" in done.stdout
