"""The result of one attempt at one task, a line of JSON each.

A run may be stopped at any moment (Ctrl-C, a rate limit, a machine that goes down). What is kept are whole lines, each
written at once and flushed; the same command reads them and goes on with what is missing. A last line without its end was
torn by the stop: it is cut off, and its attempt is run again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from safe_codeact.evaluation.document import InvalidTasks

_MOST_ANSWER = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """`key` is what the result depends on: task, model, policy and limits; `attempt` counts from 1.

    `stopped_by` is the loop's word ("answer", "max_turns", …). Tokens are as the endpoint counts them, or estimated by size
    (`tokens_estimated`). `outcomes` counts the actions by how they ended, `returned` the replies that could not be read.
    """

    task: str
    style: str
    attempt: int
    key: str
    model: str
    solved: bool
    answer: Any
    stopped_by: str
    turns: int
    tokens: int
    prompt_tokens: int = 0
    completion_tokens: int = 0
    tokens_estimated: bool = False
    tool_calls: int = 0
    seconds: float = 0.0
    outcomes: Mapping[str, int] = field(default_factory=dict)
    returned: int = 0
    note: str = ""

    def line(self) -> bytes:
        """As JSON, with the end of the line."""
        return (json.dumps(asdict(self), ensure_ascii=True, default=repr) + "\n").encode()


def shown_answer(answer: Any) -> Any:
    """An answer as it is kept: plain data as it is, long text cut."""
    if isinstance(answer, str) and len(answer) > _MOST_ANSWER:
        return answer[:_MOST_ANSWER] + " …"
    try:
        return answer if len(json.dumps(answer)) <= _MOST_ANSWER else repr(answer)[:_MOST_ANSWER]
    except (TypeError, ValueError, RecursionError):
        return repr(answer)[:_MOST_ANSWER]


class Ledger:
    """The file of records; None for `path` keeps them in memory only. Raises `InvalidTasks` for a file of something else."""

    def __init__(self, path: Path | None) -> None:
        self.records: list[Record] = []
        self._path = path
        if path is not None:
            self._open(path)

    def find(self, task: str, style: str, attempt: int, key: str) -> Record | None:
        """The record of an attempt that has been made."""
        wanted = (task, style, attempt, key)
        return next((one for one in self.records if (one.task, one.style, one.attempt, one.key) == wanted), None)

    def add(self, record: Record) -> None:
        """One more; it is on disk when this returns."""
        self.records.append(record)
        if self._path is None:
            return
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            os.write(descriptor, record.line())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _open(self, path: Path) -> None:
        try:
            path.touch(mode=0o600)
            raw = path.read_bytes()
            whole = raw.rfind(b"\n") + 1
            self.records = [
                _record(line, f"{path}:{number}") for number, line in enumerate(raw[:whole].splitlines(), 1)
            ]
            if whole < len(raw):
                os.truncate(path, whole)
        except OSError as error:
            raise InvalidTasks(f"{path}: cannot be used for results: {error.strerror or error}.") from None


def _record(line: bytes, place: str) -> Record:
    known = {one.name for one in fields(Record)}
    try:
        values = json.loads(line)
        return Record(**{name: value for name, value in values.items() if name in known})
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise InvalidTasks(f"{place}: is no result of an evaluation: name another file with --out.") from None
