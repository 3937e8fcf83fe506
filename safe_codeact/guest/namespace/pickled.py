"""Names to streams: one pickler over names that may share objects, and only where that fails, name by name."""

from __future__ import annotations

import sys
from typing import Any

from safe_codeact.frozen import dataclass
from safe_codeact.guest.namespace.known import Known
from safe_codeact.guest.namespace.raw import class_label
from safe_codeact.guest.namespace.reduce import Later, NotKept, SessionPickler

_REASON_LENGTH = 300
_FRAMES = 4_000  # recursion allowed while pickling: some 1,000 levels of nesting; C frames, 8 MB of stack hold them


class StateTooLarge(Exception):
    """The names do not fit into the limit; nothing was written."""


def too_large(size: int, limit: int) -> str:
    return (
        f"the session's names take {size:,} bytes, more than the {limit:,} that limits.state_mb allows: "
        f"delete what is no longer needed (del name), or keep it in a file of the workspace"
    )


class _Sink:
    """Collects the stream's frames, and ends a pickling that outgrows the limit before it fills the memory."""

    def __init__(self, limit: int) -> None:
        self.chunks: list[bytes] = []
        self.size = 0
        self._limit = limit

    def write(self, data: Any) -> int:
        self.size += len(data)
        if self.size > self._limit:
            raise StateTooLarge(too_large(self.size, self._limit))
        self.chunks.append(bytes(data))
        return len(data)


@dataclass(frozen=True, slots=True)
class Pickled:
    chunks: list[bytes]
    size: int
    buffers: list[memoryview]
    needs: set[str]
    keep: object  # owns the memory behind `buffers`
    words: str | None  # what its functions mention, among it every global name that they use; None: any


def _dump(
    namespace: dict[str, Any], names: object, extras: object, known: Known, limit: int, *, flat: bool = False
) -> Pickled:
    sink = _Sink(limit)
    pickler = SessionPickler(sink, namespace, known, flat=flat)
    pickler.dump((names, extras, Later()) if flat else (names, extras))
    words = None if pickler.words is None else " ".join(sorted(pickler.words))
    return Pickled(sink.chunks, sink.size, pickler.buffers, pickler.needs, pickler, words)


def pickle_names(
    namespace: dict[str, Any], names: dict[str, Any], extras: dict[str, Any], known: Known, limit: int
) -> tuple[Pickled, dict[str, str]]:
    """One pickler over all names, so that what they share stays shared; and which names were left out, with reasons."""
    not_kept: dict[str, str] = {}
    problem = "it could not be saved together with the other names"
    flat = False
    for _ in range(4):  # a guest hook may fail on its second call only
        try:
            return _dump(namespace, names, extras, known, limit, flat=flat), not_kept
        except StateTooLarge:
            raise
        except BaseException as failure:
            problem = reason_of(failure, None)
            if type(failure) is RecursionError and not flat:
                flat = True
                continue
        bad, extras = _culprits(namespace, names, extras, known, limit)
        not_kept.update(bad)
        names = {name: value for name, value in names.items() if name not in bad}
    not_kept.update(dict.fromkeys(names, problem))
    return _dump(namespace, {}, {}, known, limit), not_kept


def _culprits(
    namespace: dict[str, Any], names: dict[str, Any], extras: dict[str, Any], known: Known, limit: int
) -> tuple[dict[str, str], dict[str, Any]]:
    bad: dict[str, str] = {}
    for name, value in names.items():
        try:
            _dump(namespace, value, None, known, limit, flat=True)
        except StateTooLarge:
            raise
        except BaseException as failure:
            bad[name] = reason_of(failure, value)
    good: dict[str, Any] = {}
    for name, value in extras.items():
        try:
            _dump(namespace, value, None, known, limit, flat=True)
        except BaseException:  # noqa: S112 - extras are ours; what can't be saved is left as it starts
            continue
        good[name] = value
    return bad, good


def reason_of(failure: BaseException, value: object) -> str:
    """One line on why a name was not kept. Texts of guest exceptions are not asked for: `__str__` is guest code."""
    label = class_label(type(value))
    text = failure.args[0] if type(failure) in (NotKept, TypeError) and failure.args else None
    if type(text) is str and (type(failure) is NotKept or "can't be kept" in text):
        reason = text
    elif type(text) is str and text.startswith("cannot pickle "):
        reason = f"{label} objects can't be kept: {text}"
    elif type(failure) is RecursionError:
        reason = f"this {label} is nested too deeply to be kept: flatten it, or keep it in a file of the workspace"
    elif type(failure) is MemoryError:
        reason = f"there was not enough memory left to save this {label}"
    else:
        reason = f"saving this {label} failed with {class_label(type(failure))}"
    printable = "".join(each if each.isprintable() else " " for each in reason[: 2 * _REASON_LENGTH])
    return " ".join(printable.split())[:_REASON_LENGTH]


class deep:
    """Recursion for nested data, which the C pickler counts as Python calls."""

    def __enter__(self) -> None:
        self._before = sys.getrecursionlimit()
        sys.setrecursionlimit(max(self._before, _FRAMES))

    def __exit__(self, *_: object) -> None:
        sys.setrecursionlimit(self._before)
