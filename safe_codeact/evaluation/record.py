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
_BEGIN = b'{"task": '  # of every line


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
        self._path = path
        read = [] if path is None else _read(path)
        self._records = {_place(record): record for record in read}

    @property
    def records(self) -> list[Record]:
        """All of them, the oldest first."""
        return list(self._records.values())

    def find(self, task: str, style: str, attempt: int, key: str) -> Record | None:
        """The record of an attempt that has been made."""
        return self._records.get((task, style, attempt, key))

    def add(self, record: Record) -> None:
        """One more; it is on disk when this returns."""
        self._records[_place(record)] = record
        if self._path is None:
            return
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            os.write(descriptor, record.line())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _place(record: Record) -> tuple[str, str, int, str]:
    return record.task, record.style, record.attempt, record.key


def _read(path: Path) -> list[Record]:
    try:
        path.touch(mode=0o600)
        raw = path.read_bytes()
        whole = raw.rfind(b"\n") + 1
        records = [_record(line, f"{path}:{number}") for number, line in enumerate(raw[:whole].splitlines(), 1)]
        if whole < len(raw):
            # Only what we tore may be cut off: the file could be anything of the user's.
            if raw[whole:][: len(_BEGIN)] != _BEGIN[: len(raw) - whole]:
                raise InvalidTasks(f"{path}: is no file of results: name another one with --out.")
            os.truncate(path, whole)
    except OSError as error:
        raise InvalidTasks(f"{path}: cannot be used for results: {error.strerror or error}.") from None
    return records


def _record(line: bytes, place: str) -> Record:
    known = {one.name for one in fields(Record)}
    try:
        values = json.loads(line)
        return Record(**{name: value for name, value in values.items() if name in known})
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise InvalidTasks(f"{place}: is no result of an evaluation: name another file with --out.") from None
