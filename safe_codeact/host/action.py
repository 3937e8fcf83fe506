"""One action under way: what is asked of the worker, who answers its calls, and what becomes of it.

An action whose call waits for a person, or that the host died under, leaves its journal with the session's version. It
is run again from there; until then the session runs nothing else, because the version would go on without it.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from safe_codeact.errors import ActionPending, StoreError
from safe_codeact.host.exchange import Transcript
from safe_codeact.host.journal import Journal
from safe_codeact.host.recorded import Recorded
from safe_codeact.host.tool import Decision, Preview
from safe_codeact.host.toolbox import Calls
from safe_codeact.host.workspace import Item, shown
from safe_codeact.observation import Observation
from safe_codeact.wire import messages

if TYPE_CHECKING:
    from safe_codeact.host.state import Attempt, SessionState
    from safe_codeact.host.worker import Worker


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """An action that did not end. `state`: "suspended" (a call waits for a decision), "indeterminate" (the host died while
    a call was under way: only a person can say whether it happened) or "interrupted" (it died between two calls)."""

    id: str
    state: str
    source: str
    name: str  # the call's tool; "" where no call is undecided
    arguments: Mapping[str, Any]
    key: str  # the call's idempotency key
    since: datetime.datetime  # UTC


class Action:
    """Made under the session's lock. `tools` answers its calls."""

    def __init__(self, state: SessionState, journal: Journal, decision: Decision | None = None) -> None:
        core = state.core
        self._state = state
        self.journal = journal
        keep = None if core.store is None else self._keep
        self.entry = core.trail.action(state.name, journal.source, journal.id, journal.wall_seconds)
        calls = core.toolbox.session(journal.id, state.spent)
        calls.entry = self.entry
        calls.approvals.preview = functools.partial(self._preview, calls)
        self.tools = Recorded(calls, journal, keep, decision)
        self._readings = list(journal.readings)
        self._is_recorded = (
            core.toolbox.may_wait or bool(core.store is not None and core.toolbox.stubs) or core.trail.keeps_readings
        )
        self.before: dict[str, Item] = state.listing()
        self.started = time.monotonic()
        self.queued = 0.0

    def request(self, worker: Worker) -> messages.Execute:
        """What to ask of a worker that was waited for until now."""
        self.queued = time.monotonic() - self.started
        request = self._state.execute(self.journal.source, self.journal.wall_seconds, worker)
        if not self._is_recorded:
            return request
        return dataclasses.replace(request, seed=self.journal.seed, readings=self._readings)

    def conclude(self, transcript: Transcript, attempt: Attempt) -> Observation:
        """The observation. The worker was killed and the workspace is back."""
        if transcript.answer is not None and not transcript.violation:
            transcript.diverged = self.tools.unreached
        aside = transcript.waiting
        if aside is not None and not self.tools.is_unknown(aside):
            self.journal.put_aside(aside)
        observation = self._state.conclude(transcript, attempt, self)
        return self._noted(observation, is_open=aside is not None or bool(self.tools.unreached))

    def _noted(self, observation: Observation, *, is_open: bool) -> Observation:
        """The journal stays with the version where somebody may still go on from it."""
        try:
            self._state.note(self.journal if is_open else None)
        except StoreError as error:
            said = f"The action could not be put aside: {error}."
            return dataclasses.replace(observation, rollback=said, text=f"{observation.text}\n{said}")
        return observation

    def _preview(self, calls: Calls) -> Preview:
        files, policy = self._state.listing(), self._state.core.policy
        return calls.preview(
            self.journal.source,
            policy.filesystem.workspace,
            sorted(shown(path) for path, item in files.items() if item.is_file),
            [readable.path for readable in policy.filesystem.read],
        )

    def _keep(self, journal: Journal) -> None:
        self._state.note(journal)


def pending(state: SessionState) -> list[Pending]:
    """What the session waits for: one action, or none."""
    if not state.journal:
        return []
    journal = Journal.unpack(state.journal)
    number = journal.undecided
    call = journal.calls.get(number)
    return [
        Pending(
            id=journal.id,
            state=journal.state,
            source=journal.source,
            name=call.name if call is not None else "",
            arguments=state.core.toolbox.arguments_of(call.name, call.args, call.kwargs) if call is not None else {},
            key=f"{journal.id}-{number}" if number else "",
            since=datetime.datetime.fromtimestamp(journal.since, datetime.UTC),
        )
    ]


def require_settled(state: SessionState) -> None:
    """Raises `ActionPending` where the session waits for something."""
    for waiting in pending(state):
        raise ActionPending(
            f"session {state.name!r} has an action that did not end ({waiting.state}"
            f"{f': {waiting.name}' if waiting.name else ''}), and runs nothing else before it is settled: "
            f"resume({waiting.id!r}, decision), discard({waiting.id!r}), or restore a checkpoint"
        )


def resumed(state: SessionState, pending_id: str, decision: Decision | None) -> Action:
    """The action again. Raises `StoreError` for an id that is not pending, `ValueError` for a decision that is missing."""
    journal = _journal(state, pending_id)
    if journal.undecided and not isinstance(decision, Decision):
        name = journal.calls[journal.undecided].name
        raise ValueError(
            f"decision={decision!r}: a call of {name} is {journal.state}; expected a Decision, such as Decision(approved=True)"
        )
    return Action(state, journal, decision)


def discard(state: SessionState, pending_id: str) -> None:
    """Give the action up; the session goes on from before it. Raises `StoreError`."""
    _journal(state, pending_id)
    state.note(None)


def _journal(state: SessionState, pending_id: str) -> Journal:
    journal = Journal.unpack(state.journal) if state.journal else None
    if journal is None or journal.id != pending_id:
        there = f"{journal.id!r} is" if journal is not None else "nothing is"
        raise StoreError(f"{pending_id!r} is not pending in session {state.name!r}: {there}")
    return journal
