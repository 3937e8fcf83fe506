"""`Trail`: the record of what runtimes did, for whoever has to answer for it later.

Records (`kind`, and its fields beside those of every line; an action is named by the `n` of its record):

    opened       trail (random name), format, version, python, torn (an unfinished line that was set aside), offset
    runtime      runtime (random name), policy {name, digest, text}, tools (name, signature, description)
    session      runtime, session, resumed (whether a store had it)
    action       runtime, session, id, policy (digest), seconds, sha256, bytes, source: written before a worker has it. An action that was
                 put aside and goes on later is a second one with the same id
    call         action, call, tool, arguments, redacted, given, approved: written before the tool runs
    reply        action, call, outcome, seconds, result or error
    observation  action, outcome, allowed, findings, stdout, stderr, value, error, artifacts, usage …, seed of its randomness, readings
                 of clocks (null: more than 10,000; of more than 64 KiB the digest). Neither is there where the policy redacts
                 an argument of a tool, which could be worked out again from them
    change       runtime, session, what: the host's own (a file written, a name set, a checkpoint restored)
    checkpoint   offset, signed: every so many records, where there is a key
    closed       offset, signed where there is a key
    gap          lost: how many records could not be written (with `required=False` only)

A trail that cannot be written stops the runtime: `session.run` raises `TrailError` before the action runs, and a call that cannot
be written down is not made. The alternative lets whoever fills the disk act unseen. `required=False` is for those who would rather
go on: what was lost is counted, logged, and said in the trail once it can be written again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import platform
import secrets
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final

from safe_codeact.errors import TrailError
from safe_codeact.escaping import logger
from safe_codeact.policy.effective import Policy
from safe_codeact.trail import line
from safe_codeact.trail.entry import ActionEntry, Entry, Unrecorded
from safe_codeact.trail.file import Sync, TrailFile, replace_file
from safe_codeact.trail.forms import bounded, form_of, hides_arguments

_LOG = logger("safe_codeact.trail")
_SHORTEST_KEY = 16
CHECKPOINT_EVERY: Final = 64  # records
SIGNED: Final = ("opened", "checkpoint", "closed")  # what a key signs


class Trail:
    """One open file. Several runtimes and threads of a process may share it; a second writer of the file is refused.

    `path`: made for its owner alone where it is missing, gone on with where it is there. `key` (16 bytes or more) signs checkpoints
    with HMAC-SHA256, the last of which is also kept beside the file, as `path` + ".checkpoint". `sync`: what waits for the disk
    (fdatasync(2)): "action", before `run` returns; "record", before each call is made, too; "never", nothing: then a crash of
    the machine, though not of the process, may lose the end. Raises `TrailError`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        key: bytes | None = None,
        sync: Sync = "action",
        required: bool = True,
    ) -> None:
        if key is not None and (not isinstance(key, bytes) or len(key) < _SHORTEST_KEY):
            raise TrailError(
                f"key must be {_SHORTEST_KEY} bytes or more: secrets.token_bytes(32), kept apart from the file"
            )
        if sync not in ("record", "action", "never"):
            raise TrailError(f"sync={sync!r} must be 'record', 'action' or 'never'")
        self._key, self._sync, self._required = key, sync, required
        self._lock = threading.Lock()
        self._failed = ""
        self._lost = 0
        self._signed = 0  # the number of records up to the last signed one
        self._file = TrailFile(path)
        try:
            self._require_kept_checkpoint()
            torn = self._file.torn
            if torn is not None:
                _LOG.warning(
                    "%s ended in an unfinished line of %d bytes; it is in %s", self.path, torn.bytes, torn.kept_in
                )
            opened = {
                "format": line.FORMAT,
                "trail": secrets.token_hex(8),
                "version": _version(),
                "python": platform.python_version(),
                "torn": None if torn is None else dataclasses.asdict(torn),
            }
            self._append("opened", opened)
        except OSError as error:
            self._file.close()
            raise TrailError(f"the trail {self.path} cannot be written: {error.strerror or error}") from None
        except BaseException:
            self._file.close()
            raise

    @property
    def path(self) -> str:
        """The file's absolute path."""
        return self._file.path

    def record(self, kind: str, fields: Mapping[str, Any]) -> int:
        """One more record; returns its number. Raises `TrailError`."""
        with self._lock:
            if self._failed and self._required:
                raise TrailError(self._failed)
            try:
                self._mend_gap()
                number = self._file.count
                self._append(kind, dict(fields))
                if self._key is not None and self._file.count - self._signed >= CHECKPOINT_EVERY:
                    self._append("checkpoint", {})
                if self._sync == "record":
                    self._file.sync()
                return number
            except (OSError, TrailError) as error:
                return self._fail(error)

    def settle(self) -> None:
        """An action has ended. Raises `TrailError`."""
        if self._sync != "action":
            return
        try:
            self._file.sync()
        except OSError as error:
            with self._lock:
                self._fail(error)

    def close(self) -> None:
        """Says that nothing follows. Idempotent; does not raise where that can no longer be written."""
        with self._lock:
            if self._failed == _CLOSED:
                return
            if not self._failed:
                with contextlib.suppress(OSError, TrailError):
                    self._append("closed", {})
                    self._file.sync()
            self._file.close()
            self._failed, self._required = _CLOSED, True

    def __enter__(self) -> Trail:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _append(self, kind: str, fields: dict[str, Any]) -> None:
        if kind not in SIGNED:
            self._file.append(kind, fields)
            return
        written = self._file.append(kind, {**fields, "offset": self._file.end}, self._key)
        self._signed = self._file.count
        if self._key is not None:
            self._file.sync()
            replace_file(kept_checkpoint(self.path), written)

    def _require_kept_checkpoint(self) -> None:
        """What is beside the file says how far it went; a file that was cut off since is not gone on with."""
        try:
            with open(kept_checkpoint(self.path), "rb") as file:
                kept = file.read(line.MOST_BYTES)
        except OSError:
            return
        if self._key is None:
            raise TrailError(f"the trail {self.path} is signed: go on with it under its key, or begin another")
        problem = ""
        try:
            record = line.read(kept.rstrip(b"\n"))
            if not line.is_signed_by(kept.rstrip(b"\n"), self._key):
                problem = "is signed by another key"
            elif not self._file.holds(kept, int(record["offset"])):
                problem = "is not in the file any more: its end was cut off, or it was replaced"
        except (line.NoRecord, KeyError, TypeError, ValueError):
            problem = "cannot be read"
        if problem:
            raise TrailError(
                f"the trail {self.path}: its last checkpoint ({kept_checkpoint(self.path)}) {problem}. Look at both with "
                "`safe-codeact trail verify`, keep them, and begin another"
            )

    def _mend_gap(self) -> None:
        if self._lost:
            self._append("gap", {"lost": self._lost})
            self._lost, self._failed = 0, ""

    def _fail(self, error: Exception) -> int:
        reason = str(error) if isinstance(error, TrailError) else getattr(error, "strerror", None) or str(error)
        self._failed = f"the trail {self.path} cannot be written, so nothing more is done: {reason}"
        if self._required:
            raise TrailError(self._failed) from None
        self._lost += 1
        _LOG.error("the trail %s cannot be written, and this runtime goes on without: %s", self.path, reason)
        return -1


_CLOSED = "the trail is closed"


class RuntimeTrail:
    """What one runtime writes into a trail."""

    def __init__(self, trail: Trail, *, owned: bool, policy: Policy, tools: Sequence[Mapping[str, Any]]) -> None:
        self.trail = trail
        self._owned = owned
        self._head = {"runtime": secrets.token_hex(8)}
        self._digest = policy.digest
        # Whoever has the seed and the clock works out again what the action drew, a password that it made up included.
        self.keeps_readings = not any(hides_arguments(rule.redact) for rule in policy.tools)
        about = {"name": policy.name, "digest": policy.digest, "text": policy.to_yaml()}
        try:
            trail.record("runtime", {**self._head, "policy": about, "tools": [dict(tool) for tool in tools]})
        except BaseException:
            self.close()
            raise

    def action(self, session: str, source: str, name: str = "", seconds: float | None = None) -> Entry:
        """An action that is about to run, for `seconds` at most. Raises `TrailError`: then it must not. One that was put
        aside has its `name` again when it goes on."""
        opened = {**self._head, "session": session, "id": name, "policy": self._digest, "seconds": seconds}
        record, settle = self.trail.record, self.trail.settle
        return ActionEntry(record, settle, opened, source, keeps_readings=self.keeps_readings)

    def opened(self, session: str, *, resumed: bool) -> None:
        """A session. Raises `TrailError`."""
        self.trail.record("session", {**self._head, "session": session, "resumed": resumed})

    def changed(self, session: str, what: str, **fields: Any) -> None:
        """The host's own change of a session. Raises `TrailError`."""
        self.trail.record("change", {**self._head, "session": session, "what": what, **fields})

    def marked(self, session: str, checkpoint: str) -> str:
        """A checkpoint of the session, which is given back. Raises `TrailError`."""
        self.changed(session, "checkpoint", checkpoint=checkpoint)
        return checkpoint

    def written(self, session: str, path: str | os.PathLike[str], data: bytes) -> None:
        """A file that the host wrote: its digest, and not its content. Raises `TrailError`."""
        digest = hashlib.sha256(data).hexdigest()
        self.changed(session, "write", path=os.fspath(path), bytes=len(data), sha256=digest)

    def assigned(self, session: str, name: str, value: Any) -> None:
        """A variable that the host set; of large values the digest, of arrays and frames the type. Raises `TrailError`."""
        self.changed(session, "set", name=name, value=bounded(form_of(value)))

    def close(self) -> None:
        """A trail that was given as an object stays open."""
        if self._owned:
            self.trail.close()


class NoTrail:
    """A runtime without a trail."""

    trail: None = None
    keeps_readings = False

    def action(self, session: str, source: str, name: str = "", seconds: float | None = None) -> Entry:
        """Nothing is written."""
        return _UNRECORDED

    def opened(self, session: str, *, resumed: bool) -> None:
        """Nothing."""

    def changed(self, session: str, what: str, **fields: Any) -> None:
        """Nothing."""

    def marked(self, session: str, checkpoint: str) -> str:
        """The checkpoint."""
        return checkpoint

    def written(self, session: str, path: str | os.PathLike[str], data: bytes) -> None:
        """Nothing."""

    def assigned(self, session: str, name: str, value: Any) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


_UNRECORDED = Unrecorded()


def attach(
    trail: Trail | str | os.PathLike[str] | None, policy: Policy, tools: Sequence[Mapping[str, Any]]
) -> RuntimeTrail | NoTrail:
    """What a runtime writes to. Raises `TrailError`, and `TypeError` for what is neither a path nor a Trail."""
    if trail is None:
        return NoTrail()
    if not isinstance(trail, Trail | str | os.PathLike):
        raise TypeError(f"trail={trail!r}: expected a path, or a Trail(path, key=…)")
    owned = not isinstance(trail, Trail)
    opened = trail if isinstance(trail, Trail) else Trail(trail)
    return RuntimeTrail(opened, owned=owned, policy=policy, tools=tools)


def kept_checkpoint(path: str) -> str:
    """Where the last signed record is kept, as a copy: the place to take it from to where the host cannot write."""
    return f"{path}.checkpoint"


def _version() -> str:
    from safe_codeact import __version__  # a constant of the package, whose other names load this module

    return __version__
