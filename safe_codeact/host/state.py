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
from safe_codeact.host import exchange, leavings, observe
from safe_codeact.host.budget import Spent
from safe_codeact.host.capture import Tracked
from safe_codeact.host.folder import remove_private_folder
from safe_codeact.host.journal import Journal
from safe_codeact.host.lineage import Lineage, origin_of
from safe_codeact.host.outcome import keeps_state, outcome_of
from safe_codeact.host.vault import Kept, Saved
from safe_codeact.host.workspace import Item, Quota, Workspace, excess
from safe_codeact.observation import Artifact, Observation, Outcome
from safe_codeact.wire import messages

if TYPE_CHECKING:
    from safe_codeact.host.action import Action
    from safe_codeact.host.worker import Worker
    from safe_codeact.runtime import RuntimeCore

_HARD_GRACE_SECONDS = 2.0  # beyond the soft deadline: for an exception to unwind
_SAVE_MB_PER_SECOND = 64.0  # and for the state to be saved, on a slow disk
_JUDGE_SECONDS = 10.0  # the gate works before the soft deadline starts
_SLACK = 2 * 1024 * 1024  # bytes of a version that nothing uses any more, beyond the half
_WORK = "work"  # the workspace's name inside a slot


@dataclass(slots=True)
class Attempt:
    """A segment that a request may fill. It is gone when the request ends, but for a version that has it."""

    segment: str
    descriptors: list[int]


class SessionState:
    """One session's references: its last version, its workspace, its checkpoints."""

    def __init__(self, core: RuntimeCore, name: str) -> None:
        self.core = core
        self.name = name
        self.closed = False
        self.lock = threading.Lock()  # one action at a time, from whichever thread
        self.launcher = core.launcher_for(name)
        self.spent = Spent()  # on tools; going back to a checkpoint does not change it
        self._lineage = Lineage(name, core.vault, core.store, origin_of(core.policy))
        self._tracked: Tracked | None = None
        if core.policy.filesystem.workspace != "none":
            folder = core.folder / "workspaces" / f"{name}-{secrets.token_hex(4)}"
            limits = core.policy.limits
            quota = Quota(entries=limits.workspace_files, size=limits.workspace_mb * 1024 * 1024)
            self._tracked = Tracked(Workspace(folder, self.launcher.prepared().uid, quota), core.vault)

    def resume(self) -> None:
        """Take up what the store has of this session. Raises `StoreError`."""
        self._lineage.resume()
        if self._tracked is not None:
            self._tracked.become(self._saved.files)
        elif self._saved.files:
            raise StoreError(
                f"session {self.name!r} has files, and policy {self.core.policy.name!r} gives no workspace: resume it under "
                "one with `filesystem: {workspace: rw}`"
            )

    @property
    def _saved(self) -> Saved:
        return self._lineage.saved

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
            self._mend()
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

    @property
    def workspace(self) -> Workspace | None:
        return None if self._tracked is None else self._tracked.workspace

    def files(self) -> Workspace:
        """The workspace. Raises `ValueError` under a policy that gives none."""
        self.check_open()
        if self.workspace is None:
            raise ValueError(
                f"policy {self.core.policy.name!r} gives no workspace: `filesystem: {{workspace: rw}}` would"
            )
        return self.workspace

    @contextlib.contextmanager
    def changing_files(self) -> Iterator[tuple[Workspace, dict[str, Item]]]:
        """The workspace and what lies in it, for the host's own changes: they are a version when the block has ended.

        If anything is raised, the next turn finds the files as they were before.
        """
        workspace, tracked = self.files(), self._tracked
        assert tracked is not None
        tracked.is_stale = True
        yield workspace, tracked.items
        now = tracked.look()
        if now is not tracked.items:
            files = tracked.capture(now)
            try:
                self._lineage.go_on_from(replace(self._saved, files=files))
            finally:
                self.core.vault.drop(Saved(files=files))
        tracked.is_stale = False

    # ---- one request

    def judge_size(self, source: str) -> Observation | None:
        """What the host itself refuses: it looks at length and encoding, and parses nothing."""
        refused = observe.refused_by_size(source, self.core.policy.limits.source_kb * 1024)
        return None if refused is None else self.core.trail.action(self.name, source).observed(refused)

    def execute(self, source: str, wall_seconds: float, worker: Worker) -> messages.Execute:
        """The request for one action."""
        return messages.Execute(
            source=source,
            tools=self.core.toolbox.stubs,
            segments=self.segments,
            wall_seconds=wall_seconds,
            workspace="" if self.workspace is None else str(worker.slot / _WORK),
        )

    @property
    def segments(self) -> int:
        """How many descriptors of a request are the state's."""
        return len(self._saved.names)

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
    def in_slot(self, worker: Worker, *, with_files: bool) -> Iterator[None]:
        """The workspace lies in the worker's slot meanwhile (a request that runs no action gets none), and the slot
        itself cannot be changed from inside.

        However this is left, the worker was killed before the workspace is anywhere else.
        """
        inside = worker.slot / _WORK
        tracked = self._tracked if with_files else None
        moved = False
        try:
            if tracked is not None:
                tracked.entered_by(worker)
                os.rename(tracked.workspace.folder, inside)
                moved = True
            if self._tracked is not None:
                worker.slot.chmod(0o500)
            with self._held_to_quota(worker, inside):
                yield
        finally:
            worker.end()
            if moved and tracked is not None:
                worker.slot.chmod(0o700)
                os.rename(inside, tracked.workspace.folder)
            with contextlib.suppress(OSError):  # whoever comes second, this or the worker's burial, finds it gone
                worker.slot.rmdir()

    def _held_to_quota(self, worker: Worker, inside: Path) -> contextlib.AbstractContextManager[None]:
        tracked = self._tracked
        if tracked is None or not tracked.is_stale or self.core.policy.filesystem.workspace != "rw":
            return contextlib.nullcontext()
        return self.core.watch.watching(worker, inside, tracked)

    @contextlib.contextmanager
    def attempt(self) -> Iterator[Attempt]:
        """One request's versions: the old one to read, an empty one to fill."""
        vault = self.core.vault
        attempt = Attempt(vault.new(), [])
        try:
            for segment in self._saved.names:
                attempt.descriptors.append(vault.open(segment))
            attempt.descriptors.append(vault.open_new(attempt.segment))
            yield attempt
        finally:
            exchange.close_quietly(attempt.descriptors)
            vault.drop_blobs([attempt.segment])

    def settle(self, attempt: Attempt, answer: object, files: tuple[Kept, ...] | None = None) -> str:
        """Go on from the new version, names and `files` together, or stay on the old one; returns why, or ""."""
        old = self._saved
        names, problem = self._names_of(attempt, answer)
        files = old.files if files is None else files
        if problem or (names is old.names and files is old.files):
            return problem
        try:
            self._lineage.go_on_from(Saved(names, files))
        except StoreError as error:
            return f"The state could not be kept, and the session is as it was before: {error}."
        return ""

    def _names_of(self, attempt: Attempt, answer: object) -> tuple[tuple[str, ...], str]:
        """The names' segments after a request: the very same tuple where it saved nothing, or why they are not accepted."""
        vault, names = self.core.vault, self._saved.names
        if not isinstance(answer, messages.Finished | messages.Assigned) or answer.saved_bytes < 0:
            return names, ""
        if answer.saved_bytes != vault.size(attempt.segment):
            return names, "The state that was saved is not as long as was said; the session keeps the previous one."
        if answer.kept != sorted({place for place in answer.kept if place < len(names)}):
            return (
                names,
                "The state that was saved goes on from parts that are not there; the session keeps the previous one.",
            )
        kept = tuple(names[place] for place in answer.kept)
        # What a version holds and no longer uses is at most half of what it uses; a worker that was taken over may lie.
        limit = self.core.policy.limits.state_mb * 1024 * 1024
        if answer.saved_bytes > limit or sum(map(vault.size, kept)) > limit + limit // 2 + _SLACK:
            return names, "The state is larger than limits.state_mb; the session keeps the previous one."
        return (*kept, attempt.segment), ""

    @property
    def journal(self) -> bytes:
        """Of an action that was begun and has not ended."""
        return self._lineage.journal

    def note(self, journal: Journal | None) -> None:
        """Keep it with the version; None: there is none. Raises `StoreError`."""
        self._lineage.note(b"" if journal is None else journal.pack())

    def conclude(self, transcript: exchange.Transcript, attempt: Attempt, action: Action) -> Observation:
        """The observation, and the session's next state. The worker was killed and the workspace is back."""
        now = self._seen(transcript)
        outcome = outcome_of(transcript, self.core.policy)
        keep, whole = keeps_state(transcript, outcome), {}
        if keep and self._tracked is not None and self.core.policy.filesystem.workspace == "rw":
            whole = leavings.keep_whole(self._tracked.workspace, now, transcript)
            now = self._tracked.look() if whole else now
        now, problem = self._settle_all(attempt, transcript, keep, now)
        artifacts = [
            Artifact(name=item.name, media_type=item.media_type, data=item.data) for item in transcript.displays
        ]
        if outcome is not Outcome.refused:
            artifacts += leavings.written(self.workspace, action.before, now)
        observation = observe.observation_of(
            transcript,
            outcome,
            records=action.tools.records,
            artifacts=artifacts,
            wall_seconds=time.monotonic() - action.started,
            queued_seconds=action.queued,
            extra=problem,
            whole={} if problem else whole,
        )
        journal = action.journal
        return action.entry.observed(observation, journal.seed, journal.readings if journal.complete else None)

    def listing(self) -> dict[str, Item]:
        """What lies in the workspace, by path."""
        return {} if self._tracked is None else self._tracked.items

    def _seen(self, transcript: exchange.Transcript) -> dict[str, Item]:
        """What the action left in the workspace, which may be over its quota."""
        if self._tracked is None:
            return {}
        now = self._tracked.look()
        if now is not self._tracked.items:
            transcript.overfilled = transcript.overfilled or excess(now.values(), self._tracked.workspace.quota)
        return now

    def _settle_all(
        self, attempt: Attempt, transcript: exchange.Transcript, keep: bool, now: dict[str, Item]
    ) -> tuple[dict[str, Item], str]:
        """Names and files go on together, or neither does. What lies in the workspace then, and why it went back, or ""."""
        tracked, old, problem = self._tracked, self._saved.files, ""
        files = old
        if keep and tracked is not None and now is not tracked.items:
            try:
                files = tracked.capture(now)
            except OSError as error:
                keep = False
                problem = f"The files could not be kept ({error.strerror or error}); the session is as it was before the action."
        try:
            problem = problem or (self.settle(attempt, transcript.answer, files) if keep else "")
        finally:
            if files is not old:
                self.core.vault.drop(Saved(files=files))
        if tracked is None:
            return {}, problem
        if keep and not problem:
            tracked.is_stale = False
        else:
            self._mend(now)
        return tracked.items, problem

    def _mend(self, now: dict[str, Item] | None = None) -> None:
        """Put the version's files back where something else lies. `now`: what was seen, where it was looked at."""
        tracked = self._tracked
        if tracked is None or not tracked.is_stale:
            return
        is_changed = (tracked.look() if now is None else now) is not tracked.items
        if is_changed or tracked.version != self._saved.files:
            tracked.become(self._saved.files)
        tracked.is_stale = False

    # ---- versions

    def checkpoint(self) -> str:
        """Remember names, definitions and files as they are now."""
        return self.core.trail.marked(self.name, self._lineage.checkpoint())

    def restore(self, checkpoint: str) -> None:
        """Go back. Raises `StoreError` for an id that is not one of this session's."""
        self._become(self._lineage.at(checkpoint))
        self.core.trail.changed(self.name, "restore", checkpoint=checkpoint)

    def fork(self) -> SessionState:
        """A second session that goes on from here."""
        copy = self.core.open_session(None)
        try:
            copy._become(self._saved)
            copy.spent = self.spent.forked()
            self.core.trail.changed(self.name, "fork", into=copy.name)
        except BaseException:
            copy.close(keep=False)
            raise
        return copy

    def close(self, keep: bool) -> None:
        """Forget everything. Nothing to do where the runtime has done it already."""
        if self.closed or not self.core.is_usable:
            return
        self._lineage.end(keep=keep)
        self.closed = True
        self.core.release_launcher(self.launcher)
        self.core.sessions.pop(self.name, None)
        if self._tracked is not None:
            self._tracked.workspace.remove()

    def _become(self, saved: Saved) -> None:
        tracked = self._tracked
        if tracked is not None and tracked.version != saved.files:
            tracked.become(saved.files)
        try:
            self._lineage.go_on_from(saved)
        except BaseException:
            if tracked is not None:
                tracked.is_stale = True  # the next turn puts the files back
            raise
