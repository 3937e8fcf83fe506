"""A workspace within its quota, and a host that reads hostile trees without following, waiting or recursing."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safe_codeact import Policy, Runtime
from safe_codeact.host.capture import Tracked
from safe_codeact.host.quota import Watched
from safe_codeact.host.vault import Vault
from safe_codeact.host.workspace import MAX_DEPTH, Quota, Workspace, excess, walk

SMALL = {"workspace_files": 50, "workspace_mb": 4, "wall_seconds": 20}


def _policy(limits: dict[str, int]) -> Policy:
    return Policy.from_dict(
        {
            "version": 1, "extends": "strict", "language": {"restricted": False},
            "filesystem": {"workspace": "rw"}, "limits": {**limits, "state_mb": 64},
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def runtime() -> Iterator[Runtime]:
    with Runtime(_policy(SMALL)) as made:
        yield made


@pytest.fixture
def session(runtime: Runtime) -> Iterator[Any]:
    with runtime.session() as made:
        made.files.write("given.txt", b"given")
        assert made.run("x = 1").outcome == "completed"
        yield made


FOREVER = "\nimport time\nwhile True: time.sleep(0.01)"
OVER = {
    "too many files": ("for i in range(60): open(f'f{i}', 'w').close()", "more than 50 files and folders"),
    "too many folders": ("import os\nfor i in range(60): os.mkdir(f'f{i}')", "more than 50 files and folders"),
    "files that grow": ("for i in range(3): open(f'f{i}', 'wb').write(bytes(2 << 20))", "more than 4 MiB of files"),
    "a given file that grows": ("open('given.txt', 'ab').write(bytes(5 << 20))", "more than 4 MiB of files"),
    "sparse files": ("for i in range(2): open(f'f{i}', 'wb').truncate(3 << 20)", "more than 4 MiB of files"),
    "a deep tree": ("import os\nfor i in range(1500): os.mkdir('d'); os.chdir('d')", "more than 50 files and folders"),
    "a file of another name": ("open('\\udcff\\udcfe', 'wb').write(bytes(5 << 20))", "more than 4 MiB of files"),
}  # fmt: skip
HIDDEN = {
    "files without a name": (
        "import os\nheld = []\nfor i in range(3):\n    held.append(open('f', 'wb'))\n    held[-1].write(bytes(2 << 20)); "
        "held[-1].flush(); os.unlink('f')",
        "more than 4 MiB of files",
    ),
    "files that are only mapped": (
        "import mmap, os\nheld = []\nfor i in range(3):\n    with open('f', 'w+b') as f:\n        f.write(bytes(2 << 20)); f.flush()\n"
        "        held.append(mmap.mmap(f.fileno(), 4096, access=mmap.ACCESS_COPY))\n    os.unlink('f')",
        "more than 4 MiB of files",
    ),
}


@pytest.mark.parametrize("after", ["", FOREVER], ids=["at its end", "while it runs"])
@pytest.mark.parametrize(("source", "over"), OVER.values(), ids=OVER.keys())
def test_a_workspace_over_its_quota_ends_the_action_and_is_as_it_was_before(
    session: Any, source: str, over: str, after: str
) -> None:
    observation = session.run("x = 2\n" + source + after)
    assert observation.outcome == "workspace_exceeded", observation.text
    assert observation.text.endswith(
        f"The action left more in the workspace than it may hold; its files are as they were before. (It had {over}.)"
    )
    assert (session.files.list(), session.files.read("given.txt")) == (["given.txt"], b"given")
    assert session.run("import os\nx, os.listdir()").value == "(1, ['given.txt'])"


@pytest.mark.parametrize(("source", "over"), HIDDEN.values(), ids=HIDDEN.keys())
def test_space_that_no_name_leads_to_counts_while_the_action_runs(session: Any, source: str, over: str) -> None:
    observation = session.run("open('made', 'w').close()\n" + source + FOREVER)
    assert observation.outcome == "workspace_exceeded", observation.text
    assert over in observation.text
    assert session.files.list() == ["given.txt"]


def test_the_limits_of_the_policy_are_the_quota() -> None:
    source = "import os\nfor i in range(60): os.mkdir(f'd{i}')\nopen('f', 'wb').write(bytes(5 << 20))"
    for limits, outcome in (
        ({"workspace_files": 60}, "workspace_exceeded"),
        ({"workspace_mb": 4}, "workspace_exceeded"),
        ({"workspace_files": 61, "workspace_mb": 5}, "completed"),
    ):
        with Runtime(_policy(limits), standby=0) as runtime:
            assert runtime.session().run(source).outcome == outcome


def test_what_fits_stays_and_a_folder_deep_within_bounds_is_read_back(session: Any) -> None:
    depth = 40
    source = f"import os\nfor i in range({depth}): os.mkdir('d'); os.chdir('d')\nopen('leaf', 'w').write('leaf')"
    assert session.run(source).outcome == "completed"
    leaf = "d/" * depth + "leaf"
    assert session.files.list() == [leaf, "given.txt"]
    assert session.files.read(leaf) == b"leaf"
    with session.fork() as copy:
        assert copy.files.read(leaf) == b"leaf"


def _forked(workspace: Workspace, tmp_path: Path) -> tuple[Workspace, Tracked]:
    """A second workspace that holds what is a version of the first, and what is known of the first."""
    vault = Vault(tmp_path / "vault")
    tracked = Tracked(workspace, vault)
    files = tracked.capture(tracked.look())
    copy = Workspace(tmp_path / "c", workspace.owner, workspace.quota)
    Tracked(copy, vault).become(files)
    copy.folder.rename(tmp_path / "c")
    copy.folder = tmp_path / "c"
    return copy, tracked


def test_links_fifos_and_devices_are_neither_followed_nor_waited_for(tmp_path: Path) -> None:
    """An action may make none; whoever owned its process might."""
    (tmp_path / "secret").write_text("secret")
    workspace = Workspace(tmp_path / "w", os.getuid(), Quota(entries=50, size=1000))
    workspace.write("given.txt", b"given")
    for name, target in {"link": "../secret", "folder": "..", "own": "given.txt", "loop": "loop"}.items():
        (workspace.folder / name).symlink_to(target)
    os.link(workspace.folder / "given.txt", workspace.folder / "hard")
    os.mkfifo(workspace.folder / "fifo")
    (workspace.folder / "empty").mkdir()
    assert [entry.path for entry in workspace.entries()] == ["given.txt", "hard"]
    assert len(workspace.listing()) == 8
    for name in ("link", "own", "loop", "folder/secret", "fifo"):
        with pytest.raises((OSError, ValueError)):
            workspace.read(name)
        with pytest.raises((OSError, ValueError)):
            workspace.write(name, b"x")
    copy, tracked = _forked(workspace, tmp_path)
    links = {"folder", "link", "loop", "own"}
    assert set(os.listdir(copy.folder)) == {"empty", "given.txt", "hard", *links}
    assert {name for name in os.listdir(copy.folder) if (copy.folder / name).is_symlink()} == links
    assert os.readlink(copy.folder / "link") == "../secret"
    assert sorted(tracked.items) == sorted(os.listdir(copy.folder))
    for name in ("link", "folder", "own", "empty"):
        workspace.delete(name)
    workspace.remove()
    assert (tmp_path / "secret").read_text() == "secret"
    assert sorted(os.listdir(tmp_path)) == ["c", "secret", "vault"]


ODD_NAMES = [b"\xff\xfe", b"-rf", b" ", b"\n", b"\x1b[2J", b"x" * 255, "ü‮".encode(), b"a\\b", b"*", b"~"]


def test_odd_names_are_listed_as_text_kept_over_a_fork_and_removed(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w", os.getuid(), Quota(entries=50, size=1000))
    for name in ODD_NAMES:
        with open(os.fsencode(workspace.folder) + b"/" + name, "wb") as file:
            file.write(name)
    shown = [entry.path for entry in workspace.entries()]
    assert len(shown) == len(ODD_NAMES)
    assert "".join(shown).encode()
    copy, _tracked = _forked(workspace, tmp_path)
    assert sorted(os.listdir(os.fsencode(copy.folder))) == sorted(ODD_NAMES)
    workspace.remove()
    assert not workspace.folder.exists()


def _deep(top: Path, levels: int) -> None:
    here = os.open(top, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)


def test_a_tree_of_1500_levels_is_walked_to_its_bound_and_removed(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w", os.getuid(), Quota(entries=5000, size=1000))
    _deep(workspace.folder, 1500)
    before = len(os.listdir("/proc/self/fd"))
    items = workspace.listing()
    assert len(items) == MAX_DEPTH + 1
    assert excess(items.values(), workspace.quota) == f"more than {MAX_DEPTH} folders in one another"
    assert len(os.listdir("/proc/self/fd")) == before
    workspace.remove()
    assert not workspace.folder.exists()


def test_a_folder_that_lets_nobody_in_is_counted_and_removed(tmp_path: Path) -> None:
    """As root every folder lets us in; as an ordinary user it is opened first."""
    workspace = Workspace(tmp_path / "w", os.getuid(), Quota(entries=3, size=1000))
    (workspace.folder / "closed" / "inner").mkdir(parents=True)
    for name in ("a", "b"):
        (workspace.folder / "closed" / name).touch()
    (workspace.folder / "closed").chmod(0)
    items = workspace.listing()
    assert sorted(items) == ["closed", "closed/a", "closed/b", "closed/inner"]
    tracked = Tracked(workspace, Vault(tmp_path / "vault"))
    version = tracked.capture(tracked.look())
    assert [(kept.path, bool(kept.blob)) for kept in version] == [
        ("closed", False), ("closed/a", True), ("closed/b", True), ("closed/inner", False),
    ]  # fmt: skip
    assert (workspace.folder / "closed").stat().st_mode & 0o777 == 0o700
    workspace.remove()
    assert not workspace.folder.exists()


def test_a_walk_that_is_left_early_or_meets_what_vanishes_holds_no_descriptor(tmp_path: Path) -> None:
    _deep(tmp_path, 30)
    before = len(os.listdir("/proc/self/fd"))
    walking = walk(tmp_path)
    for _ in range(10):
        next(walking)
    walking.close()
    walking = walk(tmp_path)
    next(walking)
    (tmp_path / "elsewhere").mkdir()
    os.rename(tmp_path / "d" / "d", tmp_path / "elsewhere" / "d")
    list(walking)
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_host_s_own_files_are_held_to_the_quota_too(session: Any) -> None:
    for name, data in (("big", bytes((4 << 20) - 4)), ("/".join("d" * 50), b""), ("/".join("d" * 70), b"")):
        with pytest.raises(OSError, match="the workspace would hold more than 50 files") as raised:
            session.files.write(name, data)
        assert raised.value.errno == errno.EDQUOT
    session.files.write("big", bytes((4 << 20) - 5))
    session.files.write("big", bytes((4 << 20) - 6))
    assert session.files.list() == ["big", "given.txt"]
    assert session.run("1").outcome == "completed"


def test_a_workspace_that_cannot_be_looked_at_ends_the_action(tmp_path: Path) -> None:
    class Dying:
        pid = 2**22 + 1  # more than there can be
        over = ""
        killed = False

        def kill(self) -> None:
            self.killed = True

    (tmp_path / "file").touch()
    worker = Dying()
    Watched(worker, tmp_path / "file", Quota(entries=1, size=1)).look()  # type: ignore[arg-type]
    assert (worker.killed, worker.over) == (True, "files that cannot be counted (Not a directory)")
