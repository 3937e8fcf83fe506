"""Control groups are looked for and described as they are; none is used."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from safe_codeact.host import groups


def _describe(root: Path, controllers: str | None, path: str = "/user/own") -> str:
    """A folder laid out as the kernel lays out a group's: what is read there is an ordinary file."""
    folder = Path(f"{root}{path}")
    folder.mkdir(parents=True, exist_ok=True)
    if controllers is not None:
        (folder / "cgroup.controllers").write_text(controllers)
    mounted = str(root).replace(" ", "\\040")
    return groups.describe(
        f"4:memory:/elsewhere\n0::{path}\n",
        f"40 31 0:37 / /sys/fs/cgroup/x rw - cgroup cgroup rw\n41 31 0:38 / {mounted} rw - cgroup2 c rw\n",
    )


@pytest.mark.parametrize(
    ("controllers", "words"),
    [
        ("cpu memory pids\n", "its group offers cpu, memory, pids, and is this user's to divide"),
        ("hugetlb\n", "no controllers are delegated here: its group offers hugetlb, not memory and pids"),
        ("memory\n", "no controllers are delegated here: its group offers memory, not pids"),
        ("\n", "no controllers are delegated here: its group offers none, not memory and pids"),
        (None, "this process's own group is out of its sight: No such file or directory"),
    ],
)
def test_what_a_group_offers_is_said_as_it_is(controllers: str | None, words: str, tmp_path: Path) -> None:
    folder = tmp_path / "a place"
    folder.mkdir()
    assert _describe(folder, controllers) == words


def test_a_group_of_somebody_elses_is_not_ours_to_divide(tmp_path: Path) -> None:
    """Root may write everywhere, on a machine where it is root."""
    said = _describe(tmp_path, "memory pids")
    (tmp_path / "user" / "own").chmod(0o500)
    again = _describe(tmp_path, None)
    assert said.endswith("is this user's to divide")
    assert again == ("its group offers memory, pids, and is not this user's to divide" if os.geteuid() else said)


def test_without_version_2_there_is_none() -> None:
    """Nothing mounted, or this process in none of its groups."""
    mounted = "41 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
    assert groups.describe("4:memory:/x\n", mounted) == "control groups of version 2 are not mounted here"
    assert (
        groups.describe("0::/\n", "1 2 3:4 / / rw - ext4 /dev/vda rw\n")
        == "control groups of version 2 are not mounted here"
    )


def test_this_machine_is_described_without_an_error() -> None:
    """Whatever it has."""
    assert groups.offered()
