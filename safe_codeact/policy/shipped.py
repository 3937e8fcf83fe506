"""The policies that come with the package, and where they lie: beside the code in a wheel, at the top of a checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def folder() -> Path:
    """Where the shipped policy files are. A wheel has them inside the package; an editable install beside it."""
    inside = _PACKAGE / "policies"
    return inside if inside.is_dir() else _PACKAGE.parent / "policies"


def names() -> list[str]:
    """The shipped policies, sorted."""
    return sorted(path.stem for path in folder().glob("*.yaml"))


def path(name: str) -> Path | None:
    """The file of a shipped policy, or None where there is none of that name."""
    return folder() / f"{name}.yaml" if name in names() else None
