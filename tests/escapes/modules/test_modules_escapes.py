"""What modules hand out, with the kernel layer imagined away: no attempt gets what it is after."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest
from modules_attempts import ATTEMPTS

from safe_codeact.policy.sweep import DOORS

sys.path.append(str(Path(__file__).resolve().parents[2] / "guest" / "modules"))
from modules_driver import run

EVERY = [(kind, name) for kind, attempts in ATTEMPTS.items() for name in attempts]


@pytest.fixture(scope="module")
def results() -> dict[tuple[str, str], dict[str, Any]]:
    sources: list[str | list[str]] = [ATTEMPTS[kind][name] for kind, name in EVERY]
    return dict(zip(EVERY, (each[-1] for each in run(sources)), strict=True))


@pytest.mark.parametrize("kind", ATTEMPTS)
def test_no_attempt_of_this_class_gets_anything(kind: str, results: Any) -> None:
    """Refused by the gate, refused by a guard, or ended without the loot; none kills the process."""
    escaped = {
        name: result
        for (each, name), result in results.items()
        if each == kind and (result.get("value") == "True" or result["raised"] in ("died", "driver"))
    }
    assert not escaped


ATTRIBUTES = ("memory by an attribute", "a metaclass in the open")
DOORS_TRIED = {door.attempt for doors in DOORS.values() for door in doors}
# scipy checks what the object says, and pastes what is in memory: what it pastes this time is no Python.
NOT_SHOWN = {"shapes of a distribution"}
# What an attempt needs that `safe-codeact[analysis]` does not bring.
OPTIONAL = ("sklearn", "statsmodels", "networkx", "seaborn", "jinja2")


def test_attempts_on_attributes_and_classes_and_those_of_the_sweep_are_real() -> None:
    """In plain CPython each gets what it is after, where the package that it is about is installed."""
    tried = [
        (kind, name) for kind, name in EVERY if kind in ATTRIBUTES or (name in DOORS_TRIED and name not in NOT_SHOWN)
    ]
    plain = run([ATTEMPTS[kind][name] for kind, name in tried], mode="plain")
    failed = {
        name: each[-1]
        for (_, name), each in zip(tried, plain, strict=True)
        if each[-1]["value"] != "True" and not _absent(each[-1])
    }
    assert failed == {}


def _absent(result: dict[str, Any]) -> bool:
    absent = [name for name in OPTIONAL if importlib.util.find_spec(name) is None]
    return result["raised"] in ("ModuleNotFoundError", "ImportError", "AttributeError") and any(
        name in result["message"].lower() for name in absent
    )
