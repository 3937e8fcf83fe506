"""`save` and `restore`: the names of a session to bytes and back."""

from __future__ import annotations

import io
import pickle
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from safe_codeact.guest.namespace import layout
from safe_codeact.guest.namespace.known import Known, resolve
from safe_codeact.guest.namespace.lost import Lost
from safe_codeact.guest.namespace.patient import PatientUnpickler
from safe_codeact.guest.namespace.raw import class_label
from safe_codeact.guest.namespace.rebuild import STEPS, Rebuilder
from safe_codeact.guest.namespace.reduce import Later, NotKept, SessionPickler, Shown

_REBUILD = Rebuilder.__module__
_REASON_LENGTH = 300
_REMEMBERED = 200  # names of earlier turns of which the snapshot still says why they are gone
_FRAMES = 4_000  # recursion allowed while pickling: some 1,000 levels of nesting; C frames, 8 MB of stack hold them


class StateTooLarge(Exception):
    """The names do not fit into the limit; nothing was written."""


class Writer(Protocol):
    def write(self, data: bytes | memoryview, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class Saved:
    """`not_kept` maps each name that this save left out to the reason."""

    bytes_written: int
    not_kept: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Restored:
    """`not_kept` holds the names that earlier saves, or this load, could not keep; `extras` what was saved beside."""

    not_kept: dict[str, str] = field(default_factory=dict)
    extras: dict[str, Any] = field(default_factory=dict)


def save(
    namespace: dict[str, Any],
    *,
    known: Known,
    out: Writer,
    limit_bytes: int,
    remembered: Mapping[str, str] | None = None,
    extras: Mapping[str, Any] | None = None,
) -> Saved:
    """Writes the names of `namespace` to `out` as one snapshot.

    Names that start with two underscores belong to the interpreter and are left out. `remembered` is what an earlier
    `Restored.not_kept` said: it is carried on for names that are still unbound. `extras` is saved beside the names
    (random state, say) and dropped where it can't be. Raises `StateTooLarge`; otherwise never fails for what the
    namespace holds.
    """
    names = {
        name: _by_name(value, known)
        for name, value in namespace.items()
        if type(name) is str and not name.startswith("__")
    }
    beside = dict(extras or {})
    with _deep():
        pickled, not_kept = _pickle(namespace, names, beside, known, limit_bytes)
    note_kept = {name: why for name, why in (remembered or {}).items() if name not in names}
    note_kept.update(not_kept)
    while len(note_kept) > _REMEMBERED:
        del note_kept[next(iter(note_kept))]
    note = {"needs": sorted(pickled.needs), "not_kept": note_kept}
    front, paddings, total = layout.pack(note, pickled.size, pickled.buffers)
    if total > limit_bytes:
        raise StateTooLarge(_too_large(total, limit_bytes))
    if len(pickled.buffers) > layout.MAX_BUFFERS:
        raise StateTooLarge(f"the session holds {len(pickled.buffers)} arrays; at most {layout.MAX_BUFFERS} are kept")
    out.write(front)
    for chunk in pickled.chunks:
        out.write(chunk)
    for padding, buffer in zip(paddings, pickled.buffers, strict=True):
        out.write(padding)
        out.write(buffer)
    return Saved(total, not_kept)


def _by_name(value: object, known: Known) -> object:
    """A container that a module shows (`from sympy import *` brings some) stays the module's own, functions and all."""
    kind = type(value)  # compared by identity: the equality of a class may be the action's own
    if (kind is dict or kind is list or kind is set) and (name := known.name_of(value)) is not None:
        return Shown(name)
    return value


def _too_large(size: int, limit: int) -> str:
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
            raise StateTooLarge(_too_large(self.size, self._limit))
        self.chunks.append(bytes(data))
        return len(data)


@dataclass(frozen=True, slots=True)
class _Pickled:
    chunks: list[bytes]
    size: int
    buffers: list[memoryview]
    needs: set[str]
    keep: object  # owns the memory behind `buffers`


def _dump(
    namespace: dict[str, Any], names: object, extras: object, known: Known, limit: int, *, flat: bool = False
) -> _Pickled:
    sink = _Sink(limit)
    pickler = SessionPickler(sink, namespace, known, flat=flat)
    pickler.dump((names, extras, Later()) if flat else (names, extras))
    return _Pickled(sink.chunks, sink.size, pickler.buffers, pickler.needs, pickler)


def _pickle(
    namespace: dict[str, Any], names: dict[str, Any], extras: dict[str, Any], known: Known, limit: int
) -> tuple[_Pickled, dict[str, str]]:
    """One pickler over all names, so that what they share stays shared; only where that fails, name by name."""
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


class _deep:
    """Recursion for nested data, which the C pickler counts as Python calls."""

    def __enter__(self) -> None:
        self._before = sys.getrecursionlimit()
        sys.setrecursionlimit(max(self._before, _FRAMES))

    def __exit__(self, *_: object) -> None:
        sys.setrecursionlimit(self._before)


class _SessionUnpickler(pickle.Unpickler):
    """SAFETY: `find_class` is the only door out of a stream. It knows the steps, and what `known.resolve` grants."""

    def __init__(self, stream: Any, buffers: list[memoryview], rebuilder: Rebuilder, known: Known) -> None:
        super().__init__(stream, buffers=buffers)
        self._rebuilder = rebuilder
        self._known = known

    def find_class(self, module: str, name: str) -> Any:
        if module == _REBUILD:
            if name not in STEPS:
                raise pickle.UnpicklingError(f"{name} is not a step of a snapshot")
            return getattr(self._rebuilder, STEPS[name])
        try:
            return resolve(module, name, self._known)
        except LookupError as problem:
            raise pickle.UnpicklingError(str(problem)) from None


def needs(data: bytes | bytearray | memoryview) -> list[str]:
    """The packages that loading this snapshot uses, without loading it."""
    return list(layout.parse(data).note["needs"])


def restore(data: bytes | bytearray | memoryview, namespace: dict[str, Any], *, known: Known) -> Restored:
    """Binds the names of a snapshot in `namespace`, which must be the dict that the action's code runs over.

    Large arrays are not copied: they lie over `data`, which should be a private mapping, so that they can be written
    to. Raises `SnapshotError` where nothing could be loaded; then `namespace` is as it was.
    """
    if type(namespace) is not dict or "__builtins__" not in namespace:
        # SAFETY: a function made over globals without `__builtins__` gets CPython's own, for good.
        raise ValueError("restore() needs an exact dict with the guarded builtins under '__builtins__'")
    parts = layout.parse(data)
    not_kept = dict(parts.note["not_kept"])
    rebuilder = Rebuilder(namespace, known)
    with _deep():
        try:
            loaded = _SessionUnpickler(io.BytesIO(parts.stream), parts.buffers, rebuilder, known).load()
        except BaseException:
            return _restore_patiently(parts, namespace, known, not_kept)
        rebuilder.finish()
    return _bind(loaded, namespace, not_kept)


def _restore_patiently(
    parts: layout.Parts, namespace: dict[str, Any], known: Known, not_kept: dict[str, str]
) -> Restored:
    rebuilder = Rebuilder(namespace, known)
    names = _SessionUnpickler(io.BytesIO(), [], rebuilder, known)
    patient = PatientUnpickler(io.BytesIO(parts.stream), parts.buffers, rebuilder, names.find_class)
    try:
        loaded = patient.load()
    except BaseException as failure:
        raise layout.SnapshotError(
            f"the session's state could not be loaded ({reason_of(failure, failure)})"
        ) from failure
    restored = _bind(loaded, namespace, not_kept)
    rebuilder.finish()
    lost = patient.settle()
    if lost:
        restored.not_kept["(entries)"] = f"{lost} entries of dicts or sets: the hash of their keys failed"
    return restored


def _bind(loaded: Any, namespace: dict[str, Any], not_kept: dict[str, str]) -> Restored:
    if type(loaded) is not tuple or len(loaded) not in (2, 3) or not all(type(part) is dict for part in loaded[:2]):
        raise layout.SnapshotError("the snapshot's stream is not a pair of names and extras")
    names, extras = loaded[:2]
    if not all(type(name) is str and not name.startswith("__") for name in (*names, *extras)):
        raise layout.SnapshotError("the snapshot binds a name that a session cannot have")
    for name, value in names.items():
        if type(value) is Lost:
            not_kept[name] = value.lost_reason
        else:
            namespace[name] = value
            not_kept.pop(name, None)
    return Restored(not_kept, extras)
