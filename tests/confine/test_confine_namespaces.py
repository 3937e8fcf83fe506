"""What a worker says of its namespaces, and what the kernel says of them, against the plan."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any, get_args

import pytest

from safe_codeact import Policy
from safe_codeact.confine.protections import NAMESPACES, Plan, plan_for
from safe_codeact.confine.receipt import faults_of_links, faults_of_receipt, faults_of_status
from safe_codeact.host import verify
from safe_codeact.policy.effective import Requirement

PLAN = plan_for(Policy.load("strict"))
OURS = {name: f"{name}:[{number}]" for number, name in enumerate(NAMESPACES)}
THEIRS = {name: f"{name}:[{number + 100}]" for number, name in enumerate(NAMESPACES)}
ALL = list(NAMESPACES)


def _faults(need: Requirement, said: object) -> list[str]:
    receipt: dict[str, Any] = {
        "pid": 1, "uid": 1, "namespaces": said, "landlock_abi": 1, "programs_sha256": PLAN.programs_sha256,
        "instructions": 1, "limits": [list(limit) for limit in PLAN.limits], "descriptors": [0, 1, 2, 3],
    }  # fmt: skip
    return [fault for fault in faults_of_receipt(receipt, replace(PLAN, namespaces=need)) if "namespaces" in fault]


@pytest.mark.parametrize(("need", "said"), [("required", ALL), ("preferred", ALL), ("preferred", []), ("off", [])])
def test_all_or_none_is_as_planned(need: Requirement, said: list[str]) -> None:
    assert _faults(need, said) == []


@pytest.mark.parametrize("need", get_args(Requirement))
@pytest.mark.parametrize("said", [ALL[1:], ALL[:-1], [*ALL, "time"], ALL[::-1], None, "user", 1, [1], {}])
def test_a_part_of_them_or_what_is_no_list_is_a_fault(need: Requirement, said: object) -> None:
    """Whatever shape it has: it came over the wire."""
    assert _faults(need, said) == [f"namespaces are {need}, and it says that it entered {said!s:.100}"]


def test_none_where_they_are_required_and_all_where_they_are_off_is_a_fault() -> None:
    assert _faults("required", []) == ["namespaces are required, and it says that it entered []"]
    assert len(_faults("off", ALL)) == 1


@pytest.mark.parametrize("policy", get_args(Requirement))
def test_the_policys_line_is_the_plans(policy: Requirement) -> None:
    """And it crosses to the zygote unchanged."""
    plan = plan_for(Policy.from_dict({"version": 1, "extends": "strict", "isolation": {"namespaces": policy}}))
    assert Plan.from_plain(plan.to_plain()).namespaces == policy


@pytest.mark.parametrize("name", NAMESPACES)
def test_a_namespace_that_is_the_hosts_is_found(name: str) -> None:
    """By the link, or by a link that is missing."""
    assert faults_of_links(THEIRS, OURS) == []
    assert faults_of_links({**THEIRS, name: OURS[name]}, OURS) == [
        f"/proc says that its {name} namespace is the host's"
    ]
    assert len(faults_of_links({key: value for key, value in THEIRS.items() if key != name}, OURS)) == 1


def test_who_made_namespaces_must_have_dropped_what_came_with_them() -> None:
    """From the bounding set, too: an ordinary user's own is the machine's, and no matter."""
    empty, full = "0" * 16, "000001ffffffffff"
    status = "".join(f"{name}:\t{empty}\n" for name in ("CapEff", "CapPrm", "CapInh", "CapAmb"))
    status += f"NoNewPrivs:\t1\nThreads:\t1\nSeccomp:\t2\nCapBnd:\t{full}\n"
    assert faults_of_status(status, PLAN) == []
    assert faults_of_status(status, PLAN, enclosed=True) == [f"/proc says CapBnd: {full}, expected {empty}"]


def test_a_process_that_only_says_so_is_found() -> None:
    """This very process, with a receipt that claims all of them."""
    found = verify.faults({"namespaces": ALL, "pid": os.getpid()}, replace(PLAN, namespaces="required"), os.getpid())
    assert "/proc says that its pid namespace is the host's" in found
