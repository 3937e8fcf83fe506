"""Every module that a shipped policy allows, used as models use it: what comes out is CPython's."""

from __future__ import annotations

import importlib.util
from typing import Any

import packages_libraries
import packages_standard
import pytest
from modules_driver import run

from safe_codeact.policy.effective import Policy

ALLOWED = {policy: {line.module for line in Policy.load(policy).language.imports} for policy in ("strict", "analysis")}
# `safe-codeact[analysis]` brings these; the others are allowed where somebody has installed them.
BROUGHT = ("numpy", "pandas", "matplotlib", "mpl_toolkits", "scipy", "sympy", "mpmath")
LIBRARIES = [name for name in packages_libraries.PROGRAMS if name.split(".")[0] in BROUGHT]
OTHERS = sorted({name.split(".")[0] for name in packages_libraries.PROGRAMS} - set(BROUGHT))
INSTALLED = [
    name
    for name in packages_libraries.PROGRAMS
    if name.split(".")[0] in OTHERS and importlib.util.find_spec(name.split(".")[0])
]
SHOWN = ("out", "value", "raised", "message")


def both(programs: list[str], policy: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    ours, plain = run(list(programs), policy), run(list(programs), policy, mode="plain")
    return [
        ({key: one[-1][key] for key in SHOWN}, {key: other[-1][key] for key in SHOWN})
        for one, other in zip(ours, plain, strict=True)
    ]


@pytest.fixture(scope="module")
def standard() -> dict[str, tuple[Any, Any]]:
    return dict(zip(packages_standard.PROGRAMS, both(list(packages_standard.PROGRAMS.values()), "strict"), strict=True))


@pytest.fixture(scope="module")
def libraries() -> dict[str, tuple[Any, Any]]:
    named = {f"{name} with files": source for name, source in packages_standard.FILES.items()}
    named |= {name: packages_libraries.PROGRAMS[name] for name in (*LIBRARIES, *INSTALLED)}
    return dict(zip(named, both(list(named.values()), "analysis"), strict=True))


def test_there_is_a_program_for_every_allowed_module() -> None:
    """A line that is added to a policy needs a program here."""
    files = {name for name in packages_standard.FILES if name not in packages_standard.PROGRAMS}
    assert set(packages_standard.PROGRAMS) == ALLOWED["strict"]
    assert set(packages_standard.PROGRAMS) | files | set(packages_libraries.PROGRAMS) == ALLOWED["analysis"]


@pytest.mark.parametrize("module", packages_standard.PROGRAMS)
def test_a_module_of_the_standard_library_gives_what_cpython_gives(module: str, standard: Any) -> None:
    """Under `strict`: text, value and exception."""
    ours, plain = standard[module]
    assert ours == plain


@pytest.mark.parametrize("module", packages_standard.FILES)
def test_files_of_the_workspace_behave_as_files_do(module: str, libraries: Any) -> None:
    """Under `analysis`: what was written, listed and raised is CPython's."""
    ours, plain = libraries[f"{module} with files"]
    assert ours == plain


@pytest.mark.parametrize("module", [*LIBRARIES, *INSTALLED])
def test_a_library_gives_what_cpython_gives(module: str, libraries: Any) -> None:
    """Under `analysis`, with every patch and the audit hook in place."""
    ours, plain = libraries[module]
    assert ours == plain


def test_a_library_that_is_allowed_and_not_installed_says_so() -> None:
    """The action is told which of the two it is."""
    policy = '{"version": 1, "name": "x", "language": {"imports": [{"module": "not_installed_anywhere", "why": "x"}]}}'
    (result,) = run(["import not_installed_anywhere"], policy)[0]
    assert result["raised"] == "ModuleNotFoundError"
    assert (
        result["message"]
        == "No module named 'not_installed_anywhere': the policy allows it, but it is not installed here"
    )
