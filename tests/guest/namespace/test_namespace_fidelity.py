"""A session shows what one long-lived interpreter would show."""

from __future__ import annotations

from typing import Any

import pytest
from namespace_sessions import run_jobs
from programs_classes import CLASSES
from programs_data import DATA
from programs_functions import FUNCTIONS
from programs_libraries import LIBRARIES

PROGRAMS = {
    title: [turn.strip("\n") for turn in text.split("\n---\n")]
    for title, text in (FUNCTIONS | CLASSES | DATA | LIBRARIES).items()
}
# `__main__` is what a namespace may be called, and what is loaded in every process as something else.
NAMES = ("session", "__main__")


@pytest.fixture(scope="module")
def answers() -> dict[tuple[str, str, bool], Any]:
    keys = [(title, name, kept) for title in PROGRAMS for name in NAMES for kept in (True, False)]
    jobs = [{"turns": PROGRAMS[title], "name": name, "kept": kept} for title, name, kept in keys]
    return dict(zip(keys, run_jobs(jobs), strict=True))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("title", list(PROGRAMS))
def test_program_prints_the_same_with_a_process_per_turn(
    title: str, name: str, answers: dict[tuple[str, str, bool], Any]
) -> None:
    plain, turns = answers[title, name, False], answers[title, name, True]
    assert "broken" not in plain, plain
    assert [turn.get("broken", turn["stdout"]) for turn in turns] == plain["outputs"], [
        turn.get("not_kept") for turn in turns
    ]
    assert any(plain["outputs"]), "a program that prints nothing claims nothing"


@pytest.mark.parametrize("title", list(PROGRAMS))
def test_program_keeps_all_its_names(title: str, answers: dict[tuple[str, str, bool], Any]) -> None:
    assert [turn.get("not_kept") for turn in answers[title, "session", True]] == [{} for _ in PROGRAMS[title]]


def test_the_table_is_as_long_as_it_says() -> None:
    assert len(PROGRAMS) >= 110
