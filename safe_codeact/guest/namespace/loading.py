"""A group's stream to names: fast, and where that fails, patiently."""

from __future__ import annotations

import io
import mmap
import pickle
from collections.abc import Callable
from typing import Any, NamedTuple

from safe_codeact.guest.namespace.known import Known, resolve
from safe_codeact.guest.namespace.layout import SnapshotError
from safe_codeact.guest.namespace.lost import Lost
from safe_codeact.guest.namespace.patient import PatientUnpickler
from safe_codeact.guest.namespace.pickled import deep, reason_of
from safe_codeact.guest.namespace.rebuild import STEPS, Rebuilder

_REBUILD = Rebuilder.__module__
ROOM = 8 << 20  # bytes an action needs beside the state, if only to let something of it go


class Loaded(NamedTuple):
    """What a stream held. `lost` maps names that could not be made to the reason. `settle` fills in what needs the names
    to be bound first, and says what was lost then."""

    names: dict[str, Any]
    extras: dict[str, Any]
    lost: dict[str, str]
    settle: Callable[[], dict[str, str]] = dict


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


def load(stream: bytes, buffers: list[memoryview], namespace: dict[str, Any], known: Known) -> Loaded:
    """The names of a stream, whose functions run over `namespace`; nothing is bound. Raises `SnapshotError`.

    Patiently too where the fast way leaves no memory to run in: it makes a number again wherever a reference to it stood,
    so that `[0.5] * n` takes five times the memory that it took when it was saved.
    """
    with deep():
        loaded = _load_fast(stream, buffers, namespace, known)
        if loaded is None:
            return _load_patiently(stream, buffers, namespace, known)
    return _told(loaded)


def require_room() -> None:
    """Raises `MemoryError` where less than `ROOM` can still be mapped: what lies free in the heap serves no call's frames."""
    try:
        mmap.mmap(-1, ROOM, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
    except OSError:
        raise MemoryError from None


def _load_fast(stream: bytes, buffers: list[memoryview], namespace: dict[str, Any], known: Known) -> Any:
    """What the stream holds, or None; then nothing of it is left in memory."""
    rebuilder = Rebuilder(namespace, known)
    try:
        loaded = _SessionUnpickler(io.BytesIO(stream), buffers, rebuilder, known).load()
        require_room()
    except BaseException:
        return None
    rebuilder.finish()
    return loaded


def _load_patiently(stream: bytes, buffers: list[memoryview], namespace: dict[str, Any], known: Known) -> Loaded:
    rebuilder = Rebuilder(namespace, known)
    names = _SessionUnpickler(io.BytesIO(), [], rebuilder, known)
    patient = PatientUnpickler(io.BytesIO(stream), buffers, rebuilder, names.find_class)
    try:
        loaded = patient.load()
    except BaseException as failure:
        raise SnapshotError(f"the session's state could not be loaded ({reason_of(failure, failure)})") from failure
    told = _told(loaded)

    def settle() -> dict[str, str]:
        rebuilder.finish()
        lost = patient.settle()
        return {"(entries)": f"{lost} entries of dicts or sets: the hash of their keys failed"} if lost else {}

    return told._replace(settle=settle)


def _told(loaded: Any) -> Loaded:
    if type(loaded) is not tuple or len(loaded) not in (2, 3) or not all(type(part) is dict for part in loaded[:2]):
        raise SnapshotError("the snapshot's stream is not a pair of names and extras")
    names, extras = loaded[:2]
    if not all(type(name) is str and name[:2] != "__" for name in (*names, *extras)):
        raise SnapshotError("the snapshot binds a name that a session cannot have")
    lost = {name: value.lost_reason for name, value in names.items() if type(value) is Lost}
    return Loaded({name: value for name, value in names.items() if name not in lost} if lost else names, extras, lost)
