"""What `safe-codeact eval` was asked, made into an evaluation that can run."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from safe_codeact import Policy
from safe_codeact.agent import Patience
from safe_codeact.agent.model import address
from safe_codeact.cli.sources import UnusableInput
from safe_codeact.evaluation.player import MODEL, ReferencePlayer
from safe_codeact.evaluation.record import Ledger
from safe_codeact.evaluation.run import Endpoint, Evaluation, Terms
from safe_codeact.evaluation.styles import NAMES
from safe_codeact.evaluation.tasks import TaskFile, load, shipped


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The command's options. No `paths`: the shipped tasks."""

    paths: Sequence[Path]
    model: str
    base_url: str | None
    reference: bool
    actions: Sequence[str]
    only: Sequence[str]
    attempts: int
    max_turns: int
    options: Mapping[str, Any]
    silence_seconds: float
    policy: str | None
    out: Path | None


@contextmanager
def prepared(request: Request) -> Iterator[Evaluation]:
    """The evaluation, with the player behind it where one is asked for. Raises `SafeCodeActError` for what is unusable."""
    unknown = [name for name in request.actions if name not in NAMES]
    if unknown or len(set(request.actions)) != len(request.actions):
        given = ",".join(request.actions)
        raise UnusableInput(f"--actions {given}: expected each at most once of {', '.join(NAMES)}, as in code,json.")
    files = _chosen(load(request.paths or shipped()), request.only)
    terms = Terms(
        styles=request.actions,
        attempts=request.attempts,
        max_turns=request.max_turns,
        policy=None if request.policy is None else Policy.load(request.policy),
    )
    # A tool that raises tells the model; it is no news for the terminal.
    logging.getLogger("safe_codeact.tools").addHandler(logging.NullHandler())
    ledger = Ledger(request.out)
    patience = Patience(silence_seconds=request.silence_seconds, reply_seconds=5 * request.silence_seconds)
    if request.reference:
        with ReferencePlayer(files) as player:
            endpoint = Endpoint(model=MODEL, base_url=player.base_url, api_key=player.api_key, patience=patience)
            yield Evaluation(files, endpoint, terms, ledger)
        return
    address(request.base_url, None)  # a missing key is said before processes are started for nothing
    endpoint = Endpoint(model=request.model, base_url=request.base_url, patience=patience, options=request.options)
    yield Evaluation(files, endpoint, terms, ledger)


def _chosen(files: Sequence[TaskFile], globs: Sequence[str]) -> list[TaskFile]:
    if not globs:
        return list(files)
    chosen = [
        replace(file, tasks=tuple(task for task in file.tasks if any(fnmatchcase(task.id, glob) for glob in globs)))
        for file in files
    ]
    chosen = [file for file in chosen if file.tasks]
    if not chosen:
        known = sorted({file.domain for file in files})
        raise UnusableInput(
            f"--only {' '.join(globs)}: no task fits; the domains are {', '.join(known)}, as in '{known[0]}/*'."
        )
    return chosen
