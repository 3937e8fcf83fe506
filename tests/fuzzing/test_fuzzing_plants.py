"""A hole that is made on purpose is found: a sample; `make fuzz-plants` looks for all of them."""

from __future__ import annotations

import pytest

from safe_codeact.fuzzing import plants, targets

HOLES = plants.holes()


@pytest.mark.parametrize("name", [name for name, hole in HOLES.items() if hole.sample])
def test_a_planted_hole_is_found(name: str) -> None:
    answer = plants.look_for(name)
    assert answer["found"], answer


def test_there_are_at_least_25_holes_and_each_names_a_property_that_exists() -> None:
    assert len(HOLES) >= 25
    assert {hole.target for hole in HOLES.values()} <= set(targets.names())
