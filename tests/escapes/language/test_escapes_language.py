"""The language layer alone, with the kernel layer imagined away."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "gate"))
from attempts import AGAINST_THE_GATE, ATTEMPTS
from attempts_deeper import DEEPER, DEEPER_AGAINST_THE_GATE
from gated_runs import run_all

REAL = {**ATTEMPTS, **DEEPER}
EVERY = [
    (kind, source)
    for kind, sources in {**REAL, **AGAINST_THE_GATE, **DEEPER_AGAINST_THE_GATE}.items()
    for source in sources
]


@pytest.fixture(scope="module")
def gated() -> dict[str, dict[str, Any]]:
    sources = [source.encode("utf-8", "surrogatepass").decode("utf-8", "surrogatepass") for _, source in EVERY]
    return dict(zip(sources, run_all(sources, "gated"), strict=True))


def test_there_are_attempts_enough_and_no_two_are_the_same() -> None:
    """At least 400 distinct attempts."""
    assert len({source for _, source in EVERY}) == len(EVERY) >= 400


@pytest.mark.parametrize("kind", dict(EVERY))
def test_no_attempt_of_this_class_gets_anything(kind: str, gated: dict[str, dict[str, Any]]) -> None:
    """Each is refused by the gate, refused by a guard, or ends without the loot; none kills the process."""
    escaped = {
        source: result
        for each, source in EVERY
        if each == kind and ((result := gated[source])["loot"] or (result["error"] or [""])[0] in ("Died", "Harness"))
    }
    assert not escaped


@pytest.mark.parametrize("kind", REAL)
def test_the_attempts_of_this_class_are_real(kind: str) -> None:
    """In plain CPython each gets what it is after: a check that has never failed has not been tested."""
    results = zip(REAL[kind], run_all(REAL[kind], "plain"), strict=True)
    assert not {source: result["error"] for source, result in results if not result["loot"]}


@pytest.mark.parametrize("source", AGAINST_THE_GATE["sources made to exhaust"], ids=lambda source: source[:12])
def test_a_source_made_to_exhaust_is_refused_with_a_finding(source: str, gated: dict[str, dict[str, Any]]) -> None:
    """Refused by the gate, never by a crash."""
    assert gated[source]["refused"]
