"""A runtime's processes are in a control group of their own where one is to be had, and a policy that requires one is refused
where not. Which of the two, the machine decides: each claim is about what it has."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from safe_codeact import ConfinementUnavailable, Policy, Runtime
from safe_codeact.host import groups

_MEMORY_MB = 4096


def _find(root: Path, controllers: str | None, path: str = "/user/own") -> tuple[Path, str]:
    """A folder laid out as the kernel lays out a group's: what is read there is an ordinary file."""
    above = Path(f"{root}{path}").parent
    above.mkdir(parents=True, exist_ok=True)
    if controllers is not None:
        (above / "cgroup.controllers").write_text(controllers)
        (above / "cgroup.subtree_control").write_text("memory pids\n")
    mounted = str(root).replace(" ", "\\040")
    return groups.find(
        f"4:memory:/elsewhere\n0::{path}\n",
        f"40 31 0:37 / /sys/fs/cgroup/x rw - cgroup cgroup rw\n41 31 0:38 / {mounted} rw - cgroup2 c rw\n",
    )


@pytest.mark.parametrize(
    ("controllers", "words"),
    [
        ("cpu memory pids\n", ""),
        ("hugetlb\n", "no controllers are delegated here: {} offers hugetlb, not memory and pids"),
        ("memory\n", "no controllers are delegated here: {} offers memory, not pids"),
        ("\n", "no controllers are delegated here: {} offers none, not memory and pids"),
        (None, "the group {} is out of sight: No such file or directory"),
    ],
)
def test_groups_are_made_beside_our_own_where_both_controllers_are_passed_on(
    controllers: str | None, words: str, tmp_path: Path
) -> None:
    folder = tmp_path / "a place"
    folder.mkdir()
    assert _find(folder, controllers) == (folder / "user", words.format(folder / "user"))


def test_the_root_group_is_divided_itself(tmp_path: Path) -> None:
    """The kernel lets processes and groups live side by side there, and nowhere else."""
    assert groups.find("0::/\n", f"41 31 0:38 / {tmp_path} rw - cgroup2 c rw\n")[0] == tmp_path


def test_a_group_of_somebody_elses_is_not_ours_to_divide(tmp_path: Path) -> None:
    """Root may write everywhere, on a machine where it is root."""
    folder, said = _find(tmp_path, "memory pids")
    folder.chmod(0o500)
    again = _find(tmp_path, None)[1]
    folder.chmod(0o700)
    assert said == ""
    assert again == (f"{folder} offers memory, pids, and is not this user's to divide" if os.geteuid() else "")


def test_without_version_2_there_is_none() -> None:
    """Nothing mounted, or this process in none of its groups."""
    mounted = "41 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
    for own, mounts in (("4:memory:/x\n", mounted), ("0::/\n", "1 2 3:4 / / rw - ext4 /dev/vda rw\n")):
        assert groups.find(own, mounts)[1] == "control groups of version 2 are not mounted here"


def _policy(requirement: str) -> Policy:
    return Policy.from_dict(
        {
            "version": 1,
            "name": "grouped",
            "extends": "strict",
            "isolation": {"cgroup": requirement, "namespaces": "off"},
        }
    )


def _group_of(pid: int) -> str:
    [line] = [line for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines() if line.startswith("0::")]
    return line.rpartition("/")[2]


@pytest.mark.parametrize("requirement", ["required", "preferred", "off"])
def test_all_of_a_runtimes_processes_are_held_together_or_the_policy_is_refused(requirement: str) -> None:
    """The kernel's word for each process; limits as they stand in the group; nothing left at the end."""
    folder, problem = groups.place()
    if problem and requirement == "required":
        with pytest.raises(ConfinementUnavailable) as refused:
            Runtime(_policy(requirement))
        assert f"isolation.cgroup: required, and not to be had here: {problem}. Under systemd" in str(refused.value)
        return
    before = set(folder.glob("safe_codeact-*"))
    with Runtime(_policy(requirement), max_workers=2, max_memory_mb=_MEMORY_MB) as runtime:
        assert runtime.session().run("1 + 1").value == "2"
        made = set(folder.glob("safe_codeact-*")) - before
        ours = {runtime._core.launcher._zygote.pid, *runtime._core.launcher._alive}
        if problem or requirement == "off":
            assert made == set()
        else:
            [group] = made
            assert {_group_of(pid) for pid in ours} == {group.name}
            assert (group / "memory.max").read_text() == f"{_MEMORY_MB << 20}\n"
            assert (group / "pids.max").read_text() == "10\n"
    assert set(folder.glob("safe_codeact-*")) == before


def test_what_the_group_does_not_allow_is_an_observation_and_the_session_goes_on() -> None:
    """Where there is a group: an action within its own limit, past that of all together, ends as one past its memory."""
    folder, problem = groups.place()
    with Runtime(_policy("preferred"), max_workers=2, max_memory_mb=_MEMORY_MB) as runtime:
        session = runtime.session()
        session.run("kept = 1")
        if not problem:
            [group] = folder.glob(f"safe_codeact-{os.getpid()}-*")
            (group / "memory.max").write_text(f"{300 << 20}\n")
            assert session.run("big = bytearray(700 << 20)").outcome == "memory_exceeded"
            (group / "memory.max").write_text("max\n")
        assert session.run("kept").value == "1"


def test_a_group_that_a_killed_host_left_is_removed_and_no_other(tmp_path: Path) -> None:
    """Its process is gone; one that lives keeps its own."""
    gone, lives, strange = (tmp_path / f"safe_codeact-{host}-ab" for host in (2**22 + 1, os.getpid(), "x"))
    for folder in (gone, lives, strange):
        folder.mkdir()
    groups._remove_left(tmp_path)
    assert [folder.exists() for folder in (gone, lives, strange)] == [False, True, True]
