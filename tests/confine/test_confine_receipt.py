"""What a worker reports, and what the kernel says of it, against the plan: a planted difference is found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from safe_codeact import ConfinementFailed, Policy, Runtime
from safe_codeact.confine.protections import Plan, plan_for, read_programs
from safe_codeact.confine.receipt import faults_of_receipt, faults_of_status
from safe_codeact.errors import ConfinementUnavailable

PLAN = plan_for(Policy.load("strict"))
GOOD: dict[str, Any] = {
    "pid": 1, "uid": 1, "namespaces": [], "landlock_abi": 1, "programs_sha256": PLAN.programs_sha256, "instructions": 400,
    "listener": False,
    "memory_limit": 1, "address_space_limit": 1, "limits": [list(limit) for limit in PLAN.limits], "descriptors": [0, 1, 2, 3],
}  # fmt: skip
EMPTY = "0" * 16
STATUS = {
    "NoNewPrivs": "1", "CapEff": EMPTY, "CapPrm": EMPTY, "CapInh": EMPTY, "CapAmb": EMPTY, "Threads": "1", "Seccomp": "2",
    "Seccomp_filters": "3",
}  # fmt: skip
PARENT = "Name:\tpython\nSeccomp_filters:\t1\n"


def _text(fields: dict[str, str]) -> str:
    return "".join(f"{name}:\t{value}\n" for name, value in fields.items())


TOLD = {**GOOD, "listener": True, "programs_sha256": PLAN.listened_sha256}


def test_what_agrees_with_the_plan_has_no_fault() -> None:
    """The report, and the kernel's word, with one filter around the zygote and two more on the worker."""
    assert faults_of_receipt(GOOD, PLAN) == faults_of_receipt(TOLD, PLAN) == []
    assert faults_of_status(_text(STATUS), PLAN, PARENT) == []


@pytest.mark.parametrize(
    ("field", "value", "fault"),
    [
        ("programs_sha256", "", "the filter that was installed is not the planned one"),
        ("programs_sha256", None, "the filter that was installed is not the planned one"),
        ("listener", True, "the filter that was installed is not the planned one"),
        ("listener", None, "it does not say whether the zygote hears of its calls"),
        ("instructions", 0, "the filter that was installed is empty"),
        ("landlock_abi", 0, "Landlock was not installed"),
        ("landlock_abi", "7", "Landlock was not installed"),
        ("limits", [], "the resource limits are not the planned ones"),
        ("limits", None, "the resource limits are not the planned ones"),
        ("descriptors", [0, 1, 2, 3, 5], "descriptors other than 0 to 4 are open"),
        ("descriptors", [0, 1, 2, 3, 4, 5], "descriptors other than 0 to 4 are open"),
        ("descriptors", [0, 1, 2], "descriptors other than 0 to 4 are open"),
    ],
)
def test_every_difference_in_a_report_is_a_fault(field: str, value: object, fault: str) -> None:
    """Whatever shape it has: it came over the wire."""
    assert faults_of_receipt({**GOOD, field: value}, PLAN) == [fault]
    assert faults_of_receipt({name: kept for name, kept in GOOD.items() if name != field}, PLAN)


@pytest.mark.parametrize("listener", [False, None, 1, "yes"])
def test_the_filter_that_notifies_is_not_accepted_from_a_worker_without_a_listener(listener: object) -> None:
    """Nobody would hear it: its forbidden calls would fail instead of killing."""
    found = faults_of_receipt({**TOLD, "listener": listener}, PLAN)
    assert "the filter that was installed is not the planned one" in found


@pytest.mark.parametrize("field", STATUS)
def test_every_difference_in_the_kernels_word_is_a_fault(field: str) -> None:
    """Another value, or none at all."""
    wrong = {"Threads": "2", "Seccomp": "1", "Seccomp_filters": "2"}.get(
        field, "0" if field == "NoNewPrivs" else EMPTY[:-1] + "1"
    )
    assert len(faults_of_status(_text({**STATUS, field: wrong}), PLAN, PARENT)) == 1
    assert (
        len(faults_of_status(_text({name: value for name, value in STATUS.items() if name != field}), PLAN, PARENT))
        == 1
    )


def test_a_kernel_that_counts_no_filters_is_taken_at_its_other_words() -> None:
    """Before Linux 5.11 there is no count: mode 2 is all that it says."""
    old = {name: value for name, value in STATUS.items() if name != "Seccomp_filters"}
    assert faults_of_status(_text(old), PLAN, "Name:\tpython\n") == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            {"programs_sha256": "0" * 64, "listened_sha256": "0" * 64},
            "the filter that was installed is not the planned one",
        ),
        ({"programs": (*PLAN.programs, PLAN.programs[0])}, "/proc says Seccomp_filters"),
        ({"limits": (*PLAN.limits[:-1], ("nofile", 1, 1))}, "the resource limits are not the planned ones"),
    ],
)
def test_a_worker_that_is_not_held_as_planned_is_never_used(change: dict[str, Any], fault: str) -> None:
    """Planted: the host expects another plan than the zygote was given."""
    with Runtime("strict", standby=0) as runtime:
        runtime._core.launcher._plan = replace(runtime._core.plan, **change)
        with pytest.raises(ConfinementFailed, match=f"a worker is not held as planned: {fault}"):
            runtime.session().run("1")


def test_both_pairs_of_filters_are_as_many() -> None:
    """The kernel counts them, and the plan knows one figure."""
    assert len(PLAN.programs) == len(PLAN.listened) == 2


def test_a_plan_crosses_to_the_zygote_unchanged() -> None:
    """As plain data and back."""
    assert Plan.from_plain(PLAN.to_plain()) == PLAN


def test_a_filter_that_is_missing_or_empty_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never "no filter"."""
    monkeypatch.setattr("safe_codeact.confine.protections._PROGRAMS", tmp_path)
    with pytest.raises(ConfinementUnavailable, match=r"the shipped filter none\.bpf cannot be read: "):
        read_programs(("none.bpf",))
    (tmp_path / "none.bpf").touch()
    with pytest.raises(ConfinementUnavailable, match=r"the shipped filter none\.bpf is empty: reinstall safe-codeact"):
        read_programs(("none.bpf",))
