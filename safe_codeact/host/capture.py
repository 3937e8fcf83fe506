"""A workspace becomes a version, and a version becomes a workspace: by hard links, without copying a byte.

Threat: a version must stay what it was while an action, or another session that was forked from it, writes to "the same"
file; the action owns the workspace, may have left anything in it, and may be killed in the middle of a write.

What doesn't work: copying everything (a turn would cost what the workspace holds); reflinks (ext4 and tmpfs have none);
asking each file whether it changed (a file's times need an interval between two looks, and 1,000 files cost milliseconds);
a hard link alone (whoever writes to one name writes to the version).

What we do: a file that becomes part of a version loses its write bits, and is the host's where the host is root, before it
is linked into the vault. From then on nobody changes its content: a worker has no capability, and its filter answers every
call that gives a mode, an owner or an attribute with an error (`confine.syscalls`). Code that opens such a file for
writing gets a copy of its own (`guest.copying`), so a changed file is another inode, and the inode tells which blob a
file is: a vault's link keeps its number from being used again. What changes in a tree of such files changes a folder, and
so a turn that touches nothing costs a look at each folder.

What still gets through: under a policy that switches seccomp off, an action may give its own files a mode again, where the
host is not root. What is neither file, folder nor link (a FIFO, a socket) is no part of a version and is removed.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from safe_codeact.host.vault import Kept, Saved, Vault
from safe_codeact.host.worker import Worker
from safe_codeact.host.workspace import FOLDER, Item, Workspace, open_folder

_STOP_SECONDS = 2.0  # from its kill to the last thing that a worker does
_READ_ONLY, _EXECUTABLE = 0o444, 0o555
_FOLDER_MODE = 0o700
_TICK_NS = 50_000_000  # two changes of a folder so close to each other may get the same time
_SECOND_NS = 1_000_000_000  # some file systems count in seconds
# Not here, not allowed for this file, or too many links to it already: then a copy does.
_NO_LINK = frozenset({errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS})


def capture(
    folder: Path, items: Mapping[str, Item], vault: Vault, known: Mapping[int, str]
) -> tuple[dict[str, Kept], dict[int, str]]:
    """What lies in a folder, as a version: one new reference to a blob for each file. By path, folders first.

    `items` is the folder's listing, without what is neither file, folder nor link; `known` are the inodes of files that
    are the vault's already, with their blobs. Also returns what `known` is for the next time. Raises `OSError`; then no
    reference is left.
    """
    kept: dict[str, Kept] = {}
    new: set[str] = set()
    linked: dict[int, str] = {}
    try:
        with _Folders(folder) as folders:
            for path in sorted(items, key=_parts):
                item = items[path]
                *above, name = _parts(path)
                if not item.is_file:
                    kept[path] = _without_content(path, item, folders)
                    continue
                blob = linked.get(item.inode) or known.get(item.inode)
                if blob is None:
                    new.add(path)
                    blob, is_linked = _adopt(name, item, folders.at(above), vault)
                else:
                    is_linked = True
                if is_linked:
                    linked[item.inode] = blob
                kept[path] = Kept(path=path, blob=blob, executable=bool(item.mode & 0o111))
    except BaseException:
        vault.drop(Saved(files=tuple(each for path, each in kept.items() if path in new)))
        raise
    vault.share(Saved(files=tuple(each for path, each in kept.items() if path not in new)))
    return kept, linked


def _without_content(path: str, item: Item, folders: _Folders) -> Kept:
    *above, name = _parts(path)
    if item.is_link:
        return Kept(path=path, target=os.readlink(name, dir_fd=folders.at(above)))
    if item.mode != _FOLDER_MODE:  # the action may have made one that itself could not enter again
        os.fchmod(folders.at([*above, name]), _FOLDER_MODE)
    return Kept(path=path)


def _adopt(name: str, item: Item, folder: int, vault: Vault) -> tuple[str, bool]:
    """Take the write bits from a file, and link it into the vault: its blob, and whether they are one file now."""
    handle = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode) or about.st_ino != item.inode:
            raise OSError(errno.ESTALE, "the file was exchanged while it was looked at", name)
        _seal(Path(f"/proc/self/fd/{handle}"), about, executable=bool(item.mode & 0o111))
    finally:
        os.close(handle)
    blob = vault.new()
    try:
        return blob, _link(name, vault.path(blob), source_folder=folder)
    except BaseException:
        vault.drop_blobs([blob])
        raise


def _seal(path: Path, about: os.stat_result, *, executable: bool) -> None:
    if about.st_uid != os.getuid():
        os.chown(path, os.getuid(), os.getgid())  # first: then it is ours to give a mode, whatever capabilities we have
    os.chmod(path, _EXECUTABLE if executable else _READ_ONLY)


def materialise(files: Iterable[Kept], vault: Vault, folder: Path, owner: int) -> dict[int, str]:
    """Make an empty folder hold exactly these files: links to their blobs, below folders that `owner` (a uid) owns.

    Blobs that something else than `capture` put into the vault lose their write bits here. Returns the inodes that are
    now in both places, with their blobs. Raises `OSError`.
    """
    blobs: dict[int, str] = {}
    uid = os.getuid()
    with _Folders(folder) as folders, _Folders(vault.path(".")) as vaulted:
        store = vaulted.at([])
        for kept in sorted(files, key=lambda each: _parts(each.path)):
            *above, name = _parts(kept.path)
            there = folders.at(above)
            if kept.blob:
                about = os.stat(kept.blob, dir_fd=store, follow_symlinks=False)
                if about.st_mode & 0o222 or about.st_uid != uid:
                    _seal(vault.path(kept.blob), about, executable=kept.executable)
                if _link(kept.blob, name, source_folder=store, target_folder=there):
                    blobs[about.st_ino] = kept.blob
            elif kept.target:
                os.symlink(kept.target, name, dir_fd=there)
            else:
                os.mkdir(name, _FOLDER_MODE, dir_fd=there)
                made = folders.at([*above, name])
                os.fchmod(made, _FOLDER_MODE)  # whatever the umask is
                if owner != uid:
                    os.fchown(made, owner, owner)
    return blobs


def _link(
    source: str | Path, target: str | Path, *, source_folder: int | None = None, target_folder: int | None = None
) -> bool:
    """Give a sealed file a second name. False where that was not to be had, and the new name is a sealed copy."""
    try:
        os.link(source, target, src_dir_fd=source_folder, dst_dir_fd=target_folder, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
    else:
        return True
    reading = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=source_folder)
    with open(reading, "rb") as original:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(target, flags, 0o600, dir_fd=target_folder), "wb") as copy:
            shutil.copyfileobj(original, copy, 1 << 20)
            os.fchmod(copy.fileno(), stat.S_IMODE(os.fstat(reading).st_mode))
    return False


class Tracked:
    """A session's workspace, and the version that it was last the same as.

    Between two actions nobody but the host touches the files, so what is known here is what lies there.
    """

    def __init__(self, workspace: Workspace, vault: Vault) -> None:
        self.workspace = workspace
        self.items: dict[str, Item] = {}
        self.version: tuple[Kept, ...] = ()  # what `items` was as a version; `become` or `capture` was the last to say
        self.is_stale = False  # an action was in it, or the host, and it was not made a version since
        self.blobs: dict[int, str] = {}  # by inode: files that are the vault's as well, and cannot change
        self._vault = vault
        self._worker: Worker | None = None
        self._folders: list[tuple[str, tuple[int, int]]] = []
        self._is_settled = False
        self._note({}, *self._begin())

    def entered_by(self, worker: Worker) -> None:
        """From here on an action may do what it likes in it."""
        self._worker = worker
        self.is_stale = True

    def look(self) -> dict[str, Item]:
        """What lies here now: `items` itself where nothing has changed. Raises `OSError`.

        The worker was killed, but may be in its last system call: where anything is to be made of what lies here, that is
        waited for, or it would write to a file that is the vault's by then.
        """
        if self.is_untouched(self.workspace.folder):
            return self.items
        if self._worker is not None and not self._worker.has_stopped(_STOP_SECONDS):
            raise TimeoutError(errno.ETIMEDOUT, "the worker was killed, and does not end")
        self._worker = None
        begun = self._begin()
        now = self.workspace.listing()
        if now != self.items:
            return now
        self._note(now, *begun)
        return self.items

    def capture(self, now: dict[str, Item]) -> tuple[Kept, ...]:
        """What lies here as a version, with new references to its blobs; `now` is what `look` saw. Raises `OSError`."""
        odd = [path for path, item in now.items() if not (item.is_file or item.is_folder or item.is_link)]
        for path in odd:
            self.workspace.delete(path)
        begun = self._begin()
        if odd:
            now = self.workspace.listing()
        kept, self.blobs = capture(self.workspace.folder, now, self._vault, self.blobs)
        self._note(now, *begun)
        self.version = tuple(kept.values())
        return self.version

    def become(self, files: tuple[Kept, ...]) -> None:
        """Put a version in the place of whatever lies here. Raises `OSError`; then nothing has changed."""
        with self.workspace.replaced() as folder:
            blobs = materialise(files, self._vault, folder, self.workspace.owner)
        self._worker = None
        begun = self._begin()
        self.blobs = blobs
        self._note(self.workspace.listing(), *begun)
        self.version = files
        self.is_stale = False

    def _begin(self) -> tuple[tuple[int, int], int]:
        """Before a listing: what is changed while it is made must show as changed afterwards."""
        return _stamp(self.workspace.folder), time.time_ns()

    def _note(self, items: dict[str, Item], top: tuple[int, int], looked: int) -> None:
        self.items = items
        below = [(path, (item.inode, item.stamp[0])) for path, item in items.items() if item.is_folder]
        self._folders = [("", top), *below]
        self._is_settled = all(_is_old(changed, looked) for _path, (_inode, changed) in self._folders)

    def is_untouched(self, folder: Path) -> bool:
        """Whether everything is as it was noted, now that the workspace lies in `folder`. May say no where it is.

        Files cannot change, so only a folder can: a name that came, went or was exchanged gives it another time.
        """
        here = str(folder)
        try:  # a folder before what is in it: a path that is asked about was not exchanged further up
            return self._is_settled and all(_stamp(f"{here}/{path}") == stamp for path, stamp in self._folders)
        except OSError:
            return False


def _stamp(path: str | Path) -> tuple[int, int]:
    seen = os.stat(path, follow_symlinks=False)
    return seen.st_ino, seen.st_mtime_ns


def _is_old(changed: int, looked: int) -> bool:
    """Whether whatever comes after this look gets another time."""
    return looked - changed > (2 * _SECOND_NS if changed % _SECOND_NS == 0 else _TICK_NS)


def _parts(path: str) -> list[str]:
    return path.split("/")


class _Folders:
    """A tree's folders by descriptor, one below the other: no link is followed, and no path is too long."""

    def __init__(self, top: Path) -> None:
        self._open = [("", os.open(top, FOLDER))]

    def at(self, parts: list[str]) -> int:
        """The descriptor of the folder of this path; good until the next one is asked for."""
        same = 0
        while same < min(len(parts), len(self._open) - 1) and self._open[same + 1][0] == parts[same]:
            same += 1
        while len(self._open) > same + 1:
            os.close(self._open.pop()[1])
        for part in parts[same:]:
            self._open.append((part, open_folder(part, self._open[-1][1])))
        return self._open[-1][1]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        while self._open:
            os.close(self._open.pop()[1])
