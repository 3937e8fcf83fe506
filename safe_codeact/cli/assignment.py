"""One run of the agent in the terminal, from the runtime's start to the files on disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from safe_codeact import Policy, Runtime
from safe_codeact.agent import AnswerReady, CodeActAgent, Patience
from safe_codeact.agent.model import address
from safe_codeact.cli.approval import Prompt
from safe_codeact.cli.outbox import write_artifacts
from safe_codeact.cli.recorded import open_trail
from safe_codeact.cli.sources import UnusableInput
from safe_codeact.cli.terminal import complain
from safe_codeact.cli.transcript import Transcript
from safe_codeact.errors import SafeCodeActError

INTERRUPTED = 130  # what shells report for a program that Ctrl-C ended
_MAX_FILE_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """What a run in the terminal is given. `files` are contents by name; artifacts are written into `out`."""

    task: str
    policy: str  # a shipped name or a path
    model: str
    out: Path
    base_url: str | None = None
    api_key: str | None = None
    silence_seconds: float = 120.0  # of the endpoint, before each retry
    files: Mapping[str, bytes] = field(default_factory=dict)
    tools: Sequence[Callable[..., Any]] = ()
    trajectory: Path | None = None  # the run is appended to it
    trail: Path | None = None
    trail_key: Path | None = None  # the file with the key that signs the trail
    options: Mapping[str, Any] = field(default_factory=dict)  # of the agent: `max_turns`, `api` and the like


def work(assignment: Assignment, console: Console) -> int:
    """Runs the agent, shows its events, writes its artifacts; says in one line on stderr why it could not.

    Gives the exit status: 0 answered, 1 not, 130 interrupted. However it ends, no process of ours is left.
    """
    try:
        end = _run(assignment, console)
    except KeyboardInterrupt:
        complain("interrupted")
        return INTERRUPTED
    except SafeCodeActError as error:
        complain(str(error))
        return 1
    return 0 if end.stopped_by == "answer" else 1


def read_files(paths: Sequence[Path]) -> dict[str, bytes]:
    """Contents by name. Raises `UnusableInput` for a file that is missing, unreadable, or named like another."""
    contents: dict[str, bytes] = {}
    for path in paths:
        if path.name in contents:
            raise UnusableInput(f"{path}: another file is named {path.name!r} too, and the workspace is one folder.")
        contents[path.name] = read_file(path)
    return contents


def read_file(path: Path) -> bytes:
    """A file's bytes. Raises `UnusableInput`."""
    try:
        if path.exists() and not path.is_file():
            raise UnusableInput(f"{path}: is not a file; name a file.")
        with path.open("rb") as file:
            data = file.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise UnusableInput(f"{path}: cannot be read: {error.strerror or error}. Name a file that can.") from None
    if len(data) > _MAX_FILE_BYTES:
        raise UnusableInput(f"{path}: has more than {_MAX_FILE_BYTES // 2**20} MiB; no workspace takes that.")
    return data


def _require_writable(path: Path | None) -> None:
    """A run that is paid for and cannot be kept is worse than one that does not begin."""
    if path is None:
        return
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise UnusableInput(f"--trajectory {path}: cannot be written: {error.strerror or error}.") from None


def _run(assignment: Assignment, console: Console) -> AnswerReady:
    # A wrong policy and a missing key are said before processes are started for nothing.
    policy = Policy.load(assignment.policy)
    address(assignment.base_url, assignment.api_key)
    _require_writable(assignment.trajectory)
    silence = assignment.silence_seconds
    patience = Patience(silence_seconds=silence, reply_seconds=5 * silence)
    with (
        open_trail(assignment.trail, assignment.trail_key) as trail,
        Runtime(
            policy, trail=trail, tools=assignment.tools, approve=Prompt(before=lambda: transcript.pause())
        ) as runtime,
        CodeActAgent(
            assignment.model,
            runtime,
            base_url=assignment.base_url,
            api_key=assignment.api_key,
            patience=patience,
            trajectories=assignment.trajectory,
            **assignment.options,
        ) as agent,
        Transcript(console, runtime.policy) as transcript,
    ):
        if assignment.files and runtime.policy.filesystem.workspace == "none":
            raise UnusableInput(
                f"policy {runtime.policy.name!r} gives no workspace to put files into. Use --policy analysis, or one "
                "with `filesystem: {workspace: rw}`."
            )
        end: AnswerReady | None = None
        for event in agent.stream(assignment.task, files=assignment.files):
            transcript.show(event)
            end = event if isinstance(event, AnswerReady) else None
        assert end is not None, "a stream ends with AnswerReady"
        try:
            transcript.files(write_artifacts(end.result.artifacts, assignment.out))
        except OSError as error:
            raise UnusableInput(
                f"{assignment.out}: the artifacts cannot be written there: {error.strerror or error}. "
                "Name another folder with --out."
            ) from None
    return end
