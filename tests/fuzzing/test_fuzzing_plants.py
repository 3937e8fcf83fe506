"""A hole that is made on purpose is found: a sample; `make fuzz-plants` looks for all of them."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from safe_codeact.fuzzing import plants, targets
from safe_codeact.fuzzing.holes import exchange
from safe_codeact.host import tool

HOLES = plants.holes()
_EACH = """
import os, sys
from safe_codeact.fuzzing.plants import holes, plant
for name, hole in holes().items():
    for side in hole.sides:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                plant(name, side)
                status = 0
            except BaseException as error:
                print(name, side, repr(error), flush=True)
            finally:
                os._exit(status)
        os.waitpid(child, 0)
print("all", flush=True)
"""


@pytest.mark.parametrize("name", [name for name, hole in HOLES.items() if hole.sample])
def test_a_planted_hole_is_found(name: str) -> None:
    answer = plants.look_for(name)
    assert answer["found"], answer


def test_there_are_at_least_25_holes_and_each_names_a_property_that_exists() -> None:
    assert len(HOLES) >= 25
    assert {hole.target for hole in HOLES.values()} <= set(targets.names())


def test_every_hole_can_still_be_made_in_what_the_product_has_become() -> None:
    """Each on each of its sides, in a process of its own: one that is made beside the product would never be found."""
    made = subprocess.run([sys.executable, "-c", _EACH], capture_output=True, text=True, check=True, timeout=120)
    assert made.stdout == "all\n"


@pytest.mark.parametrize("careless", [lambda self, name, given, usage: given, lambda self, name: name, lambda: None])
def test_a_hole_whose_function_is_called_otherwise_is_not_made(careless: Any) -> None:
    """It would raise whenever it is called, and so hide what it opens."""
    with pytest.raises(TypeError):
        exchange(tool.Tool, "_validated", careless)
    with pytest.raises(AttributeError):
        exchange(tool.Tool, "_validated_as", careless)
