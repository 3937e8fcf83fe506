"""A session's state and everything about it but waiting: what `Session` and `AsyncSession` share.

It prepares a request, says where the workspace is meanwhile, and concludes from what was heard. An idle session is a few
references: no process, no descriptor.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from safe_codeact.errors import SessionClosed, StoreError
from safe_codeact.gate.report import Finding
from safe_codeact.host import exchange, observe
from safe_codeact.host.folder import remove_private_folder
from safe_codeact.host.outcome import keeps_state, outcome_of
from safe_codeact.host.toolbox import Calls
from safe_codeact.host.vault import Saved
from safe_codeact.host.workspace import Item, Quota, Workspace, shown
from safe_codeact.observation import Artifact, Observation, Outcome
from safe_codeact.wire import messages

if TYPE_CHECKING:
    from safe_codeact.host.worker import Worker
    from safe_codeact.runtime import RuntimeCore

_HARD_GRACE_SECONDS = 2.0  # beyond the soft deadline: for an exception to unwind
_SAVE_MB_PER_SECOND = 64.0  # and for the state to be saved, on a slow disk
_JUDGE_SECONDS = 10.0  # the gate works before the soft deadline starts
_ARTIFACT_BYTES = 16 * 1024 * 1024  # of one file; larger ones stay in the workspace
_ARTIFACTS_BYTES = 64 * 1024 * 1024
_WORK = "work"  # the workspace's name inside a slot


@dataclass(frozen=True, slots=True)
class _Checkpoint:
    saved: Saved
    workspace: Workspace | None


@dataclass(slots=True)
class Attempt:
    """A segment that a request may fill; `kept` once the session goes on from it."""

    segment: str
    descriptors: list[int]
    kept: bool = False


class SessionState:
    """One session's references: its last version, its workspace, its checkpoints."""

    def __init__(self, core: RuntimeCore, name: str) -> None:
        self.core = core
        self.name = name
        self.closed = False
        self.lock = threading.Lock()  # one action at a time, from whichever thread
        self._saved = Saved()
        self._checkpoints: dict[str, _Checkpoint] = {}
        self.workspace: Workspace | None = None
        if core.policy.filesystem.workspace != "none":
            folder = core.folder / "workspaces" / f"{name}-{secrets.token_hex(4)}"
            limits = core.policy.limits
            quota = Quota(entries=limits.workspace_files, size=limits.workspace_mb * 1024 * 1024)
            self.workspace = Workspace(folder, core.launcher.prepared().uid, quota)

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """The session to ourselves. Raises `SessionClosed`, also when it was closed while we were at it.

        The process is looked at before the lock: a forked copy of the host may have inherited the lock as taken.
        """
        self.core.check_usable()
        with self.lock, self.at_work():
            yield

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """For whoever holds the lock."""
        self.check_open()
        try:
            yield
        except OSError:
            if self.core.is_usable:
                raise
        finally:
            if not self.core.is_usable:  # our files may have been on their way while the others were removed
                remove_private_folder(self.core.folder)
        self.core.check_usable()

    def check_open(self) -> None:
        """Raises `SessionClosed` when the session, or its runtime, is closed."""
        self.core.check_usable()
        if self.closed:
            raise SessionClosed(f"session {self.name!r} is closed")

    def files(self) -> Workspace:
        """The workspace. Raises `ValueError` under a policy that gives none."""
        self.check_open()
        if self.workspace is None:
            raise ValueError(
                f"policy {self.core.policy.name!r} gives no workspace: `filesystem: {{workspace: rw}}` would"
            )
        return self.workspace

    # ---- one request

    def judge_size(self, source: str) -> Observation | None:
        """What the host itself refuses: it looks at length and encoding, and parses nothing."""
        limit = self.core.policy.limits.source_kb * 1024
        try:
            size = len(source.encode("utf-8"))
        except UnicodeEncodeError as error:
            line = source.count("\n", 0, error.start) + 1
            return observe.refused(
                (_source_finding(line, "the source holds half a surrogate pair, which is no character"),)
            )
        if size > limit:
            return observe.refused((_source_finding(1, f"the source has {size:,} bytes; the policy allows {limit:,}"),))
        return None

    def execute(self, source: str, wall_seconds: float, worker: Worker) -> messages.Execute:
        """The request for one action."""
        return messages.Execute(
            source=source,
            tools=self.core.toolbox.stubs,
            has_snapshot=self.has_snapshot,
            wall_seconds=wall_seconds,
            workspace="" if self.workspace is None else str(worker.slot / _WORK),
        )

    @property
    def has_snapshot(self) -> bool:
        return bool(self._saved.names)

    def bounds(self, wall_seconds: float) -> exchange.Bounds:
        """How long, and how much, the host waits for at the most."""
        limits = self.core.policy.limits
        save = limits.state_mb / _SAVE_MB_PER_SECOND
        kill = self.core.policy.output.on_limit == "kill"
        return exchange.Bounds(
            seconds=_JUDGE_SECONDS + wall_seconds + _HARD_GRACE_SECONDS + save,
            output_bytes=limits.output_kb * 1024 if kill else None,
        )

    @contextlib.contextmanager
    def in_slot(self, worker: Worker) -> Iterator[None]:
        """The workspace lies in the worker's slot meanwhile, and the slot itself cannot be changed from inside.

        However this is left, the worker was killed before the workspace is anywhere else.
        """
        inside = worker.slot / _WORK
        moved = False
        try:
            if self.workspace is not None:
                os.rename(self.workspace.folder, inside)
                moved = True
                worker.slot.chmod(0o500)
            with self._held_to_quota(worker, inside):
                yield
        finally:
            worker.end()
            if moved and self.workspace is not None:
                worker.slot.chmod(0o700)
                os.rename(inside, self.workspace.folder)
            with contextlib.suppress(OSError):  # whoever comes second, this or the worker's burial, finds it gone
                worker.slot.rmdir()

    def _held_to_quota(self, worker: Worker, inside: Path) -> contextlib.AbstractContextManager[None]:
        if self.workspace is None or self.core.policy.filesystem.workspace != "rw":
            return contextlib.nullcontext()
        return self.core.watch.watching(worker, inside, self.workspace.quota)

    @contextlib.contextmanager
    def attempt(self) -> Iterator[Attempt]:
        """One request's versions: the old one to read, an empty one to fill, which is gone again if nobody keeps it."""
        vault = self.core.vault
        attempt = Attempt(vault.new(), [])
        try:
            for segment in self._saved.names:
                attempt.descriptors.append(vault.open(segment))
            attempt.descriptors.append(vault.open_new(attempt.segment))
            yield attempt
        finally:
            exchange.close_quietly(attempt.descriptors)
            if not attempt.kept:
                vault.drop_blobs([attempt.segment])

    def settle(self, attempt: Attempt, saved_bytes: int, keep: bool) -> str:
        """Go on from the new version, or stay on the old one. Returns why a version was not accepted, or ""."""
        if not keep:
            return ""
        if saved_bytes != self.core.vault.size(attempt.segment):
            return "The state that was saved is not as long as was said; the session keeps the previous one."
        if saved_bytes > self.core.policy.limits.state_mb * 1024 * 1024:
            return "The state is larger than limits.state_mb; the session keeps the previous one."
        old, self._saved = self._saved, replace(self._saved, names=(attempt.segment,))
        attempt.kept = True
        self.core.vault.drop_blobs(old.names)
        return ""

    def conclude(
        self,
        transcript: exchange.Transcript,
        attempt: Attempt,
        calls: Calls,
        before: dict[str, Item],
        started: float,
        queued: float,
    ) -> Observation:
        """The observation, and the session's next state. The worker was killed and the workspace is back."""
        now: dict[str, Item] = {}
        if self.workspace is not None:
            transcript.overfilled, now = self.workspace.keep_quota(before, transcript.overfilled)
        outcome = outcome_of(transcript, self.core.policy)
        answer = transcript.answer
        saved = answer.saved_bytes if isinstance(answer, messages.Finished) else -1
        problem = self.settle(attempt, saved, keeps_state(transcript, outcome))
        artifacts = [
            Artifact(name=item.name, media_type=item.media_type, data=item.data) for item in transcript.displays
        ]
        if outcome is not Outcome.refused:
            artifacts += self._written(before, now)
        return observe.observation_of(
            transcript,
            outcome,
            records=calls.records,
            artifacts=artifacts,
            wall_seconds=time.monotonic() - started,
            queued_seconds=queued,
            extra=problem,
        )

    def listing(self) -> dict[str, Item]:
        """What lies in the workspace, by path."""
        return {} if self.workspace is None else self.workspace.listing()

    def _written(self, before: dict[str, Item], now: dict[str, Item]) -> Iterator[Artifact]:
        if self.workspace is None:
            return
        room = _ARTIFACTS_BYTES
        for path, item in sorted(now.items()):
            old = before.get(path)
            if not item.is_file or (old is not None and old.stamp == item.stamp):
                continue
            if item.size > min(room, _ARTIFACT_BYTES):
                continue
            room -= item.size
            with contextlib.suppress(OSError, ValueError):  # it was removed, or is no file any more
                yield Artifact(
                    name=shown(path), media_type=observe.media_type(path), data=self.workspace.read(path, item.size)
                )

    # ---- versions

    def checkpoint(self) -> str:
        """Remember names, definitions and files as they are now."""
        name = secrets.token_hex(8)
        self._checkpoints[name] = self._capture()
        return name

    def restore(self, checkpoint: str) -> None:
        """Go back. Raises `StoreError` for an id that is not one of this session's."""
        if checkpoint not in self._checkpoints:
            raise StoreError(f"{checkpoint!r} is not a checkpoint of session {self.name!r}")
        kept = self._checkpoints[checkpoint]
        self._become(kept.saved, kept.workspace)

    def fork(self) -> SessionState:
        """A second session that goes on from here."""
        copy = self.core.open_session(None)
        try:
            copy._become(self._saved, self.workspace)
        except BaseException:
            copy.close(keep=False)
            raise
        return copy

    def close(self, keep: bool) -> None:
        """Forget everything. Nothing to do where the runtime has done it already."""
        if keep:
            raise StoreError("close(keep=True) needs a durable store, and this runtime's store is in memory")
        if self.closed or not self.core.is_usable:
            return
        self.closed = True
        self.core.sessions.pop(self.name, None)
        for saved in [self._saved, *(kept.saved for kept in self._checkpoints.values())]:
            self.core.vault.drop(saved)
        for workspace in [self.workspace, *(kept.workspace for kept in self._checkpoints.values())]:
            if workspace is not None:
                workspace.remove()
        self._checkpoints.clear()

    def _capture(self) -> _Checkpoint:
        copy = None
        if self.workspace is not None:
            copy = self.workspace.copy_to(self.core.folder / "checkpoints" / secrets.token_hex(8))
        return _Checkpoint(self.core.vault.share(self._saved), copy)

    def _become(self, saved: Saved, workspace: Workspace | None) -> None:
        if workspace is not None and self.workspace is not None:
            copy = workspace.copy_to(self.core.folder / "checkpoints" / secrets.token_hex(8))
            home = self.workspace.folder
            self.workspace.remove()
            os.rename(copy.folder, home)
        old, self._saved = self._saved, self.core.vault.share(saved)
        self.core.vault.drop(old)


def _source_finding(line: int, message: str) -> Finding:
    return Finding(
        code="G101", name="source-size", line=line, column=1, message=message,
        hint="Send less at once: define what you need in one action and use it in the next.",
    )  # fmt: skip
