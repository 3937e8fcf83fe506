"""A session's names in a worker: loaded from the version's segments, and saved as the next one.

Loading and saving may use the reserve of memory that the action cannot: a state that was saved must load again, and a
`MemoryError` of the action must not cost it its names.
"""

from __future__ import annotations

import io
import os
import resource
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from safe_codeact.frozen import dataclass
from safe_codeact.guest import namespace
from safe_codeact.guest.channel import Channel
from safe_codeact.guest.knowledge import Knowledge
from safe_codeact.guest.lockdown import PAGEMAP
from safe_codeact.guest.namespace.loading import ROOM, require_room
from safe_codeact.guest.waiting import names_wait
from safe_codeact.policy.effective import Policy

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class State:
    """The session's names in this worker, and what is needed to save them again."""

    names: dict[str, Any]
    known: Knowledge
    beside: namespace.Beside
    earlier: namespace.Earlier | None

    @classmethod
    def load(
        cls,
        settings: namespace.Settings,
        channel: Channel,
        segments: int,
        names: dict[str, Any],
        known: Knowledge,
        words: Collection[str] | None,
    ) -> State:
        """Bind what `words` mention (None: everything) in `names`, which hold the guarded builtins already.

        Raises `SnapshotError`.
        """
        beside = namespace.Beside(settings)
        given = [namespace.FileSegment(descriptor) for descriptor in channel.descriptors[:segments]]
        if not given:
            return cls(names, known, beside, None)
        soft = use_reserve()  # what was saved with the reserve must load again, if only to be deleted
        try:
            version = namespace.Segments(given, PAGEMAP if _is_open(PAGEMAP) else -1)
            earlier = namespace.restore(version, names, known=known, words=words)
            beside.restore(earlier.extras)
        finally:
            _give_back_reserve(*soft)
        names_wait(lambda: _load_rest(channel, earlier))
        return cls(names, known, beside, earlier)

    @property
    def not_kept(self) -> dict[str, str]:
        """Names of earlier actions that are not there, and why."""
        return {} if self.earlier is None else self.earlier.not_kept

    @property
    def waiting(self) -> list[str]:
        """Names that are not loaded."""
        return [] if self.earlier is None else [name for group in self.earlier.waiting for name in group.names.apart()]

    def save(self, channel: Channel, policy: Policy) -> namespace.Saved:
        """Write the new state. Where it does not fit, -1 bytes were written, and the reason is among what was not kept."""
        with io.FileIO(channel.descriptors[-1], "w") as out:
            try:
                saved = namespace.save(
                    self.names,
                    known=self.known,
                    out=_Whole(out),
                    limit_bytes=policy.limits.state_mb * _MIB,
                    remembered=self.not_kept,
                    extras=self.beside.changed(),
                    earlier=self.earlier,
                )
            except namespace.StateTooLarge as error:
                return namespace.Saved(-1, {"(everything)": str(error)})
            except MemoryError:
                reason = "there was no memory left to save the names; the session keeps its previous state"
                return namespace.Saved(-1, {"(everything)": reason})
        return replace(saved, not_kept=dict(list(saved.not_kept.items())[:1000]))


def _load_rest(channel: Channel, earlier: namespace.Earlier) -> None:
    with channel.masked():
        earlier.load_rest()


class _Whole:
    """Writes everything that it is given: a raw file may take less at a time."""

    def __init__(self, out: io.FileIO) -> None:
        self._out = out

    def write(self, data: bytes | memoryview) -> int:
        left = memoryview(data).cast("B")
        while left:
            left = left[self._out.write(left) or 0 :]
        return len(data)


def _give_back_reserve(soft: int, hard: int) -> None:
    """Lower the limit again, but to where an action over a state that fills it can still run, and let something go."""
    while True:
        resource.prlimit(0, resource.RLIMIT_DATA, (soft, hard))
        try:
            require_room()
        except MemoryError:
            if soft < hard:
                soft = min(soft + ROOM, hard)
                continue
        return


def use_reserve() -> tuple[int, int]:
    """Raise the memory limit to its hard value: what comes now is ours. Returns what it was."""
    soft, hard = resource.prlimit(0, resource.RLIMIT_DATA)
    resource.prlimit(0, resource.RLIMIT_DATA, (hard, hard))
    return soft, hard


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
