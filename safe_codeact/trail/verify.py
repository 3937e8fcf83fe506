"""Whether a trail is whole, and the first record that is not.

What the chain shows without a key: a record that was edited, taken out, put in, or moved, by whoever did not write everything
after it anew. What only a key shows: that it was written anew. What nothing in the file shows: that its end was cut off, since
what is left is a shorter trail that is whole. So the last signed checkpoint is kept beside the file as well, and better somewhere
that the host cannot write to (`checkpoint`); and a trail that was closed says that nothing follows.
"""

from __future__ import annotations

import os
from typing import Any

from safe_codeact.errors import TrailError
from safe_codeact.frozen import dataclass
from safe_codeact.trail import line
from safe_codeact.trail.reading import Line, lines
from safe_codeact.trail.trail import SIGNED, kept_checkpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`broken` is empty for a trail that is whole, and else says which record is the first that is not, and how."""

    records: int  # that are whole, up to the first that is not
    broken: str = ""
    line: int | None = None  # of the file, from 1, where the first broken record is
    signed: int = 0  # records up to the last signature that is the key's
    is_closed: bool = False

    @property
    def is_whole(self) -> bool:
        return not self.broken


def verify(
    path: str | os.PathLike[str], *, key: bytes | None = None, checkpoint: str | os.PathLike[str] | None = None
) -> Verdict:
    """Reads the whole file. Without `checkpoint`, the copy beside the file is used, where it is. Raises `TrailError`."""
    kept, problem = _kept(path, checkpoint, key)
    if problem:
        return Verdict(records=0, broken=problem)
    chain = _Chain(path, key, kept)
    for each in lines(path):
        problem = chain.problem_with(each)
        if problem:
            return chain.verdict(problem, each.number)
    return chain.verdict(chain.problem_at_the_end(), None)


class _Chain:
    def __init__(self, path: str | os.PathLike[str], key: bytes | None, kept: tuple[int, bytes] | None) -> None:
        self._path, self._key, self._kept = path, key, kept
        self._count, self._previous = 0, line.FIRST
        self._signed, self._is_closed, self._has_kept = 0, False, False

    def verdict(self, problem: str, number: int | None) -> Verdict:
        return Verdict(records=self._count, broken=problem, line=number, signed=self._signed, is_closed=self._is_closed)

    def problem_with(self, each: Line) -> str:
        expected = self._count
        if not each.is_whole:
            return (
                f"record {expected} is unfinished: the host ended while it was written, or the file was cut off. Who goes on "
                "with the file sets it aside"
            )
        if each.record is None:
            return f"record {expected} was edited, or is none: {each.problem}"
        problem = self._out_of_order(each.record, expected) or self._unsigned(each, expected)
        if problem:
            return problem
        self._count += 1
        self._previous = each.raw[-66:-2].decode("ascii")
        self._is_closed = each.record["kind"] == "closed"
        if self._kept is not None and self._kept[0] == expected:
            if each.raw != self._kept[1]:
                return f"record {expected} is not the one that its checkpoint says: the trail was written anew"
            self._has_kept = True
        return ""

    def _out_of_order(self, record: dict[str, Any], expected: int) -> str:
        number = record["n"]
        if number > expected:
            several = number > expected + 1
            missing = f"records {expected} to {number - 1} are" if several else f"record {expected} is"
            if any(each.record is not None and each.record["n"] == expected for each in lines(self._path)):
                return (
                    f"record {expected} stands further down: it was moved, or those before it were, as record {number}"
                )
            return f"{missing} not there: removed, before record {number}"
        if number < expected:
            return f"a second record {number} stands after record {expected - 1}: one was put in, or moved"
        if record["previous"] != self._previous:
            before = f"record {expected - 1}" if expected else "nothing"
            return f"record {expected} does not follow {before}, which stands before it: one of the two was exchanged"
        return ""

    def _unsigned(self, each: Line, expected: int) -> str:
        if self._key is None or each.record is None or each.record["kind"] not in SIGNED:
            return ""
        if not line.is_signed_by(each.raw, self._key):
            since = f"record {self._signed}" if self._signed else "the beginning"
            return f"record {expected} is not signed by this key: all from {since} on may have been written anew"
        self._signed = expected + 1
        return ""

    def problem_at_the_end(self) -> str:
        if self._count == 0:
            return "the file is empty: a trail begins with a record"
        if self._kept is not None and not self._has_kept:
            return f"records {self._count} to {self._kept[0]} are not there: the end was cut off after its checkpoint"
        return ""


def _kept(
    path: str | os.PathLike[str], checkpoint: str | os.PathLike[str] | None, key: bytes | None
) -> tuple[tuple[int, bytes] | None, str]:
    """The checkpoint that is kept apart (number and line), or what is wrong with it."""
    place = os.fspath(checkpoint if checkpoint is not None else kept_checkpoint(os.fspath(path)))
    try:
        with open(place, "rb") as file:
            raw = file.read(line.MOST_BYTES).rstrip(b"\n")
        record = line.read(raw)
    except FileNotFoundError:
        if checkpoint is None:
            return None, ""
        raise TrailError(f"the checkpoint {place} is not there") from None
    except OSError as error:
        raise TrailError(f"the checkpoint {place} cannot be read: {error.strerror or error}") from None
    except line.NoRecord as error:
        return None, f"the checkpoint {place} is none: {error}"
    if key is not None and not line.is_signed_by(raw, key):
        return None, f"the checkpoint {place} is not signed by this key"
    return (record["n"], raw), ""
