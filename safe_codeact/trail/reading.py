"""The records of a file, one after the other, each with its line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from safe_codeact.errors import TrailError
from safe_codeact.frozen import dataclass
from safe_codeact.trail import line


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file: its record, or why it is none. `is_whole`: it has its end."""

    number: int  # from 1
    raw: bytes
    record: dict[str, Any] | None
    problem: str
    is_whole: bool = True


def lines(path: str | os.PathLike[str]) -> Iterator[Line]:
    """Every line. Raises `TrailError` where the file cannot be read."""
    try:
        with open(path, "rb") as file:
            for number in range(1, 1 << 62):
                raw = file.readline(line.MOST_BYTES)
                if not raw:
                    return
                yield _line(number, raw)
    except OSError as error:
        raise TrailError(f"the trail {os.fspath(path)} cannot be read: {error.strerror or error}") from None


def records(path: str | os.PathLike[str]) -> Iterator[dict[str, Any]]:
    """Every record that reads; a line that is none raises `TrailError`, an unfinished last one ends them."""
    for each in lines(path):
        if not each.is_whole:
            return
        if each.record is None:
            raise TrailError(
                f"{os.fspath(path)}:{each.number}: is no record of a trail: {each.problem}. "
                "`safe-codeact trail verify` says more"
            )
        yield each.record


def _line(number: int, raw: bytes) -> Line:
    if not raw.endswith(b"\n"):
        return Line(number, raw, None, "it is unfinished", is_whole=False)
    body = raw[:-1]
    try:
        return Line(number, body, line.read(body), "")
    except line.NoRecord as error:
        return Line(number, body, None, str(error))
