"""Plays a recording once, in sessions of its own, in the order of the record."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from safe_codeact import Observation, Runtime, Session
from safe_codeact.errors import SafeCodeActError
from safe_codeact.host.journal import Journal
from safe_codeact.replay.compare import Differences, differences
from safe_codeact.replay.prompter import Prompter
from safe_codeact.replay.recording import Act, HostStep, Recording
from safe_codeact.trail.entry import observation_fields
from safe_codeact.trail.forms import value_of


@dataclass(frozen=True, slots=True)
class Seen:
    """What one action showed. `unknown`: why it cannot be compared; then `differing` says nothing."""

    place: str
    session: str
    differing: Differences = field(default_factory=dict)
    unknown: str = ""


@contextlib.contextmanager
def stage(recording: Recording) -> Iterator[tuple[Runtime, Prompter]]:
    """A runtime in which the record answers for the tools. Raises what a runtime does."""
    prompter = Prompter(recording.policy, recording.tools)
    try:
        with Runtime(recording.policy, standby=1) as runtime:
            runtime._core.toolbox = prompter  # as its own: the stubs that actions see, and who answers their calls
            yield runtime, prompter
    finally:
        prompter.close()


def perform(session: Session, act: Act, prompter: Prompter) -> Observation:
    """The action, with the replies, the clock and the chance that the record has of it. Raises what `Session.run` does."""
    prompter.expect(act)
    limit = session._state.core.policy.limits.wall_seconds
    journal = Journal(act.source, min(act.seconds or limit, limit), readings=list(act.readings))
    journal.seed = act.seed or journal.seed
    return session._begin(journal)


def play(recording: Recording, files: Mapping[str, bytes], staged: tuple[Runtime, Prompter]) -> list[Seen]:
    """One pass, in new sessions. `files`: contents by path, for what the host wrote into workspaces."""
    player = _Player(*staged, files)
    return [seen for step in recording.steps if (seen := player.step(step)) is not None]


class _Player:
    def __init__(self, runtime: Runtime, prompter: Prompter, files: Mapping[str, bytes]) -> None:
        self._runtime, self._prompter, self._files = runtime, prompter, files
        self._sessions: dict[str, Session] = {}
        self._checkpoints: dict[str, str] = {}
        self._unknown: dict[str, str] = {}  # by session: since when, and why, nothing can be said

    def step(self, step: Act | HostStep) -> Seen | None:
        if isinstance(step, Act):
            return self._act(step)
        problem = self._host(step)
        if problem:
            self._unknown.setdefault(step.session, f"{step.place}: {problem}")
        return None

    def _session(self, name: str) -> Session:
        if name not in self._sessions:
            self._sessions[name] = self._runtime.session()
        return self._sessions[name]

    def _act(self, act: Act) -> Seen | None:
        if act.expected is None or act.expected["outcome"] == "suspended":
            return None  # it left the session as it was
        observation = perform(self._session(act.session), act, self._prompter)
        if act.session in self._unknown:
            return Seen(act.place, act.session, unknown=self._unknown[act.session])
        if self._prompter.differing:
            return Seen(act.place, act.session, {"calls": ("the same calls", self._prompter.differing[0])})
        if self._prompter.missing:
            self._unknown[act.session] = f"{act.place}: {self._prompter.missing}"
            return Seen(act.place, act.session, unknown=self._unknown[act.session])
        found = differences(act.expected, observation_fields(observation))
        if not found and len(self._prompter.heard) < len(act.replies):
            found["calls"] = (len(act.replies), len(self._prompter.heard))
        return Seen(act.place, act.session, found)

    def _host(self, step: HostStep) -> str:
        """Does what the host did; returns why it could not, or ""."""
        session, fields = self._session(step.session), step.fields
        try:
            match step.what:
                case "resumed":
                    return "the session was resumed from a store, and what it held is not in the record"
                case "write":
                    return self._write(session, fields)
                case "delete":
                    session.files.delete(fields["path"])
                case "set":
                    session.set(fields["name"], value_of(fields["value"]))
                case "checkpoint":
                    self._checkpoints[fields["checkpoint"]] = session.checkpoint()
                case "restore":
                    session.restore(self._checkpoints[fields["checkpoint"]])
                case "fork":
                    self._sessions[fields["into"]] = session.fork()
                case _:
                    return f"the host did {fields.get('what')!r}, which cannot be done again"
        except (SafeCodeActError, OSError, ValueError, KeyError) as error:
            return f"what the host did ({step.what}) cannot be done again: {type(error).__name__}: {error}"
        return ""

    def _write(self, session: Session, fields: Mapping[str, Any]) -> str:
        path, digest = fields["path"], fields["sha256"]
        content = self._files.get(path)
        if content is None:
            return f"the host wrote {path} ({fields['bytes']:,} bytes), which is not in the record: give it with --file"
        if hashlib.sha256(content).hexdigest() != digest:
            return f"{path} is not the file that the host wrote: its SHA-256 was {digest[:16]}…"
        session.files.write(path, content)
        return ""
