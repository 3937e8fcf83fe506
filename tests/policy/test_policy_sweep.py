"""The written sweep for text that libraries take as code: complete, in step with its page, and shown by attempts."""

from __future__ import annotations

import sys
from pathlib import Path

from safe_codeact.policy import shipped
from safe_codeact.policy.effective import Policy
from safe_codeact.policy.sweep import DOORS, NOTHING, READ, render

sys.path.append(str(Path(__file__).resolve().parents[1] / "escapes" / "modules"))
from modules_attempts import ATTEMPTS
from modules_texts import TEXTS

ROOT = Path(__file__).resolve().parents[2]
EACH_DOOR = [(package, door) for package, doors in DOORS.items() for door in doors]
SWEPT = {name for packages in (*DOORS, *NOTHING) for name in packages.split(", ")}


def allowed(policy: str) -> set[str]:
    return {line.module for line in Policy.load(policy).language.imports}


def test_the_page_is_what_the_tables_say() -> None:
    written = (shipped.folder() / "SWEEP.md").read_text(encoding="utf-8")
    assert written == render(), "write it again: python -m safe_codeact.policy.sweep > policies/SWEEP.md"


def test_every_allowed_package_was_swept() -> None:
    """A package that is added to a shipped policy needs an entry."""
    modules = allowed("strict") | allowed("analysis")
    assert {name for name in modules if name not in SWEPT and name.partition(".")[0] not in SWEPT} == set()


def test_every_third_party_package_says_which_release_was_read() -> None:
    packages = {name.partition(".")[0] for name in allowed("analysis")} - sys.stdlib_module_names
    packages = packages - {"sklearn", "mpl_toolkits"} | {"scikit-learn"}  # the names that releases go by
    assert packages <= set(READ)


def test_nothing_is_swept_that_no_policy_allows() -> None:
    """The tables are about what actions may import, and the builtins."""
    modules = allowed("strict") | allowed("analysis")
    known = modules | {name.partition(".")[0] for name in modules} | {"builtins"}
    assert known >= SWEPT


def test_each_door_names_the_module_that_answers_it() -> None:
    assert [door.name for _, door in EACH_DOOR if not (ROOT / "safe_codeact" / door.by).is_file()] == []


def test_each_door_has_an_attempt_and_each_attempt_of_the_sweep_a_door() -> None:
    """By its title, in one of the classes of attempts; what they get is tested there."""
    titles = {title for attempts in ATTEMPTS.values() for title in attempts}
    tried = [door.attempt for _, door in EACH_DOOR]
    assert set(tried) <= titles
    assert set(TEXTS) <= set(tried)
    assert len(tried) == len(set(tried))
