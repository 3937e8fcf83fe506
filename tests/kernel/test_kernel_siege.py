"""`doctor --attack`: each layer alone is tried on this machine, a planted hole is found, and a fall is a failure."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from safe_codeact import Policy
from safe_codeact.confine.protections import Plan, plan_for
from safe_codeact.confine.syscalls import LISTENED_STAGES, program_names


def _besiege(plan: Plan) -> dict[str, Any]:
    ended = subprocess.run(
        [sys.executable, "-m", "safe_codeact.guest.siege"],
        input=json.dumps(plan.to_plain()), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    result: dict[str, Any] = json.loads(ended.stdout)
    return result


def _fallen(result: dict[str, Any]) -> set[tuple[str, str]]:
    return {
        (row["attack"], layer) for row in result["attacks"] for layer, cell in row["layers"].items() if cell["fell"]
    }


def test_every_layer_holds_alone_what_it_claims_and_all_hold_everything() -> None:
    """Most attacks succeed where nothing is on, so that a layer has something to hold."""
    result = _besiege(plan_for(Policy.load("unrestricted")))
    assert not _fallen(result)
    assert len(result["attacks"]) >= 40
    assert all("all" in row["layers"] for row in result["attacks"])
    assert sum(row["offered"] for row in result["attacks"]) > len(result["attacks"]) // 2
    for layer in ("seccomp", "landlock", "limits", "descriptors"):
        assert any(row["offered"] and layer in row["layers"] for row in result["attacks"]), layer


def test_a_filter_that_is_missing_is_found_by_what_falls() -> None:
    """Planted: a plan without it. (Without Landlock: the whole command, below.)"""
    without = _fallen(_besiege(replace(plan_for(Policy.load("unrestricted")), seccomp=False)))
    assert {("netlink", "all"), ("written and executed", "all"), ("a unix socket", "all")} <= without
    assert ("reading one", "all") not in without


def test_a_filter_of_the_wrong_profile_is_found() -> None:
    """Planted: the computation profile's plan with the programs of the workspace's: it may write where Landlock is not."""
    plan = plan_for(Policy.load("strict"))
    machine = plan.programs[0].split(".")[1]
    wrong = replace(
        plan,
        programs=program_names("workspace", machine),
        listened=program_names("workspace", machine, LISTENED_STAGES),
    )
    assert ("writing one", "seccomp") in _fallen(_besiege(wrong))


def test_doctor_says_what_fell_and_ends_with_1(tmp_path: Path) -> None:
    """The whole command, with a policy that switches a layer off."""
    policy = tmp_path / "open.yaml"
    policy.write_text('extends: strict\nname: open\nisolation: {landlock: "off"}\n')
    ended = subprocess.run(
        [sys.executable, "-m", "safe_codeact", "doctor", "--attack", "--policy", str(policy)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert "safe-codeact: files outside, reading one: got through all layers together (succeeded)\n" in ended.stderr
    assert "fell" in ended.stdout


def test_doctor_as_json_holds_the_whole_siege() -> None:
    """One document: protections with what would mend them, and every attempt by layer."""
    ended = subprocess.run(
        [sys.executable, "-m", "safe_codeact", "doctor", "--attack", "--json"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    document = json.loads(ended.stdout)
    assert (ended.returncode, ended.stderr, document["fallen"]) == (0, "", [])
    assert {"protection", "state", "detail", "mend"} == set(document["protections"][0])
    assert document["siege"]["profile"] == "computation"
