"""Each layer alone: what one lets through, the other holds."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import ablation
from kernel_siege import Siege
from kernel_world import World


@pytest.fixture(scope="module")
def siege(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Siege]:
    world = World(tmp_path_factory.mktemp("ablation"))
    made = Siege(world)
    yield made
    made.close()
    world.close()


def test_with_the_gate_off_the_kernel_contains_every_attempt_of_the_language(siege: Siege) -> None:
    """All of them: whatever object they reach, nothing outside changes and nothing comes out. (Native code: `kernel/`.)"""
    assert not ablation.gate_off_language(siege, ablation.LANGUAGE)
    assert siege.session.run("kept").value == "'kept'"


def test_with_the_kernel_off_the_gate_refuses_all_native_code() -> None:
    """None of the attacks can even be written under `analysis`. (Attempts of the language: `language/`.)"""
    assert not ablation.gate_allows_native()
