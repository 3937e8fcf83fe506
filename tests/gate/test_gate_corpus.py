"""Ordinary programs mean under the gate what they mean to CPython."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from gated_runs import run_all

CORPUS = Path(__file__).resolve().parents[1] / "corpus"


def programs() -> dict[str, str]:
    """Every program of the corpus by file and title."""
    found: dict[str, str] = {}
    for path in sorted(CORPUS.glob("*.actions")):
        for part in path.read_text("utf-8").split("# %% ")[1:]:
            title, _, source = part.partition("\n")
            assert f"{path.stem}: {title}" not in found, title
            found[f"{path.stem}: {title}"] = source
    return found


PROGRAMS = programs()


@pytest.fixture(scope="module")
def both() -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    sources = list(PROGRAMS.values())
    pairs = zip(run_all(sources, "plain"), run_all(sources, "gated"), strict=True)
    return dict(zip(PROGRAMS, pairs, strict=True))


def test_the_corpus_is_large() -> None:
    """At least 300 programs, no two the same."""
    assert len(set(PROGRAMS.values())) == len(PROGRAMS) >= 300


@pytest.mark.parametrize("title", PROGRAMS)
def test_a_program_does_what_it_does_in_plain_cpython(title: str, both: Any) -> None:
    """The same output, value, exception type and message; never refused."""
    plain, gated = both[title]
    for result in (plain, gated):
        del result["loot"]
        assert result["error"] is None or result["error"][0] not in ("Harness", "Died")
    assert gated == plain
