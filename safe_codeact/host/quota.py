"""The quota of a workspace, held while an action runs.

Threat: an action that fills the disk, or its inodes, in files that each stay below RLIMIT_FSIZE; or in files that have
no name any more, which a walk of the folder does not see.

What the session's last version holds is not counted: it is there whatever the action does (`host.capture`). So an action
may add a quota's worth to it while it runs; at its end everything with a name counts. As long as no folder has changed
there is nothing else, and nothing is walked.

What doesn't work: judging afterwards (the disk is full by then); a counter in the worker (it is the action's); inotify
(it tells names, not sizes). What we do: one thread of the host looks at every workspace in use, 50 times a second, by
descriptor and without following links, and kills the worker whose workspace is over. Looking costs at most a twentieth
of one processor: a large workspace is looked at less often.

What still gets through: what can be written between two looks. tests/host measures it.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
import time
from collections.abc import Container, Iterator
from pathlib import Path

from safe_codeact.host.capture import Tracked
from safe_codeact.host.worker import Worker
from safe_codeact.host.workspace import Item, Quota, excess, walk

_PAUSE_SECONDS = 0.02
_SPARE = 1  # the copy of a file that is about to be written has a name of its own until it is whole
_SHARE = 20  # a look may take one part in so many of the time


class Watched:
    """One action's workspace. The worker's `over` says what it was killed for."""

    def __init__(self, worker: Worker, folder: Path, quota: Quota, tracked: Tracked | None = None) -> None:
        self.worker = worker
        self._folder = folder
        self._quota = quota
        self._tracked = tracked
        self._held: Container[int] = () if tracked is None else tracked.blobs

    def look(self) -> None:
        """Kill the worker where its workspace is over the quota."""
        try:
            self._judge(excess(self._items(), self._quota, self._held, spare=_SPARE))
        except FileNotFoundError:
            return  # the action has just ended and its workspace is elsewhere
        except OSError as error:  # what cannot be looked at cannot be held: fail closed
            self._judge(f"files that cannot be counted ({error.strerror or error})")

    def _judge(self, over: str) -> None:
        if over:
            self.worker.over = over
            self.worker.kill()

    def _items(self) -> Iterator[Item]:
        yield from _nameless(self.worker.pid)
        yield from _mapped(self.worker.pid, self._folder, self._quota, self._held)
        if self._tracked is None or not self._tracked.is_untouched(self._folder):
            for _path, item in walk(self._folder):
                yield item


class QuotaWatch:
    """The thread that looks; it sleeps while no action runs."""

    def __init__(self) -> None:
        self._watched: set[Watched] = set()
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    @contextlib.contextmanager
    def watching(self, worker: Worker, folder: Path, tracked: Tracked) -> Iterator[None]:
        """Hold one action to its quota while the block runs and its workspace lies in `folder`."""
        watched = Watched(worker, folder, tracked.workspace.quota, tracked)
        with self._changed:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="safe_codeact quota", daemon=True)
                self._thread.start()
            self._watched.add(watched)
            if len(self._watched) == 1:
                self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._watched.discard(watched)

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        pause = _PAUSE_SECONDS
        while True:
            with self._changed:
                while not self._watched and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
            time.sleep(pause)  # first: most actions are over by then
            started = time.monotonic()
            with self._changed:
                watched = list(self._watched)
            for each in watched:
                if not each.worker.over:
                    each.look()
            pause = max(_PAUSE_SECONDS, _SHARE * (time.monotonic() - started))


def _nameless(pid: int) -> Iterator[Item]:
    """Files that a process holds open and nobody can name any more."""
    try:
        with os.scandir(f"/proc/{pid}/fd") as listing:
            descriptors = [entry.path for entry in listing]
    except OSError:
        return  # it has ended
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            seen = os.stat(descriptor)
            if stat.S_ISREG(seen.st_mode) and not seen.st_nlink:
                yield Item(is_file=True, is_folder=False, size=seen.st_size, stamp=(0, 0, 0))


def _mapped(pid: int, folder: Path, quota: Quota, held: Container[int]) -> Iterator[Item]:
    """Files that are mapped and neither open nor named any more. Where the kernel does not tell their size (map_files
    needs a capability), one counts as the largest that there may be."""
    try:
        with open(f"/proc/{pid}/maps", encoding="utf-8", errors="surrogateescape") as file:
            gone = [line for line in file if line.endswith(" (deleted)\n") and f" {folder}/" in line]
    except OSError:
        return  # it has ended
    inodes: dict[str, str] = {}
    for line in gone:
        fields = line.split(maxsplit=5)
        if int(fields[4]) not in held:
            inodes[fields[4]] = fields[0]
    for span in inodes.values():
        try:
            size = os.stat(f"/proc/{pid}/map_files/{span}").st_size
        except OSError:
            size = quota.size
        yield Item(is_file=True, is_folder=False, size=size, stamp=(0, 0, 0))
