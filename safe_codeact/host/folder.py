"""The folder of one runtime: slots, workspaces, versions. Made, marked as in use, and removed.

A host that is killed leaves its folder behind. The next runtime of the same user removes it: each folder holds a file that
its owner keeps locked (flock(2)), and the kernel lets go of the lock when the last process that could use the folder is
gone. A pid in a file would not do: it may be somebody else's by now. Nothing is followed that is a link, and nothing is
touched that another user owns, since the folder above is everybody's.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
from pathlib import Path

from safe_codeact.host.workspace import remove_tree

_PREFIX = "safe_codeact-"
_OWNER = "owner.lock"
_ROOMS = ("slots", "workspaces")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def make_private_folder() -> tuple[Path, int]:
    """A new folder, and the descriptor whose lock says that it is in use."""
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    try:
        # Locked before it has the name by which a sweeping runtime would find it.
        owner = os.open(folder / f".{_OWNER}", os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.rename(folder / f".{_OWNER}", folder / _OWNER)
            for name in _ROOMS:
                (folder / name).mkdir(mode=0o711)  # a worker of another uid passes through; Landlock lists nothing
            folder.chmod(0o711)
        except BaseException:
            os.close(owner)
            raise
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder, owner


def sweep_private_folders() -> None:
    """Remove the folders of this user's runtimes whose host is dead."""
    folders = []
    with contextlib.suppress(OSError), os.scandir(tempfile.gettempdir()) as listing:
        folders = [Path(entry.path) for entry in listing if entry.name.startswith(_PREFIX)]
    for folder in folders:
        with contextlib.suppress(OSError):
            _sweep(folder)


def _sweep(folder: Path) -> None:
    descriptor = os.open(folder, _FOLDER)
    try:
        if os.fstat(descriptor).st_uid != os.getuid():
            return
        owner = os.open(_OWNER, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=descriptor)
        try:
            if not stat.S_ISREG(os.fstat(owner).st_mode):
                return
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)  # BlockingIOError: it is in use
            remove_private_folder(folder)
        finally:
            os.close(owner)
    finally:
        os.close(descriptor)


def remove_private_folder(folder: Path) -> None:
    """A runtime's whole folder: the workspaces one by one (they may be deep), then what we made ourselves.

    What another thread is moving or removing at the same moment is left to it.
    """
    for pattern in ("workspaces/*", "slots*/*/*"):
        found: list[Path] = []
        with contextlib.suppress(OSError):
            found = list(folder.glob(pattern))
        for workspace in found:
            with contextlib.suppress(OSError):
                workspace.parent.chmod(0o711)
                parent = os.open(workspace.parent, _FOLDER)
                try:
                    remove_tree(workspace.name, parent)
                finally:
                    os.close(parent)
    shutil.rmtree(folder, ignore_errors=True)
