"""What an action reads that no other run would read again: clocks and randomness. Recorded, and played again.

A call that waits for a person may wait for days. Its action is run again then, from the same state, up to that call; it
gets there only if it reads the same: the same times, and the same numbers where it draws some.
What does not work: stopping the clock (programs measure, and wait for a moment), or a seed alone (`uuid4`, `secrets` and
an unseeded generator ask the kernel).
What we do: all randomness is a stream from one seed that the host chose, and each reading of a clock is sent to the host
before the next call. Played again, readings come in the order in which they were made.
What still differs: `numpy.datetime64('now')`, `uuid1`, addresses (`id`, the order of a set of objects with the default
hash), what a library reads of a clock in C. If a call differs for it, the host says so and stops.
"""

from __future__ import annotations

import datetime
import functools
import gc
import hashlib
import os
import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

from safe_codeact.kernel.libc import forget_attributes
from safe_codeact.wire.shapes import READINGS

_MEASURES = ("time", "monotonic", "perf_counter", "process_time", "thread_time")
_CLOCKS = [f"{name}{unit}" for name in _MEASURES for unit in ("", "_ns")]
_NOW_BY_DEFAULT = {"localtime": 0, "gmtime": 0, "ctime": 0}  # where the seconds stand among the arguments
_OF_NOW_BY_DEFAULT = {"strftime": 1, "asctime": 0}  # where a broken-down time stands
_TIME = time.time
_LOCALTIME = time.localtime


class Entropy:
    """A stream of bytes that nobody without the seed (32 secret bytes) can tell from random ones."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._blocks = 0
        self._left = b""

    def __call__(self, size: int, /) -> bytes:
        """As `os.urandom`."""
        if size < 0:
            raise ValueError("negative argument not allowed")
        parts, missing = [self._left], size - len(self._left)
        while missing > 0:
            block = hashlib.blake2b(self._blocks.to_bytes(16, "little"), key=self._seed).digest()
            self._blocks += 1
            parts.append(block)
            missing -= len(block)
        whole = b"".join(parts)
        self._left = whole[size:]
        return whole[:size]


class Recording:
    """One action's readings: those to be played again, then new ones."""

    def __init__(self, readings: Iterable[float]) -> None:
        self._again = deque(readings)
        self._made = 0
        self._new: list[float] = []

    def reading(self, real: Callable[[], float]) -> float:
        """What the clock says, or said."""
        self._made += 1
        if self._again:
            return self._again.popleft()
        value = real()
        if self._made <= READINGS:
            self._new.append(value)
        return value

    @property
    def complete(self) -> bool:
        """Whether all readings are known."""
        return self._made <= READINGS

    def news(self) -> list[float]:
        """Readings that were not taken yet."""
        taken, self._new = self._new, []
        return taken


Replace = Callable[[str, dict[str, Any]], None]


def install(seed: bytes, readings: Sequence[float], replace: Replace) -> Recording:
    """From here on the clocks and all randomness of this process are the recording's.

    `replace` puts names in place of those that an action sees in a module, where it sees them.
    """
    recording = Recording(readings)
    _replace_randomness(Entropy(seed), replace)
    _replace_clocks(recording, replace)
    return recording


# ---- randomness


def _replace_randomness(entropy: Entropy, replace: Replace) -> None:
    def urandom(size: int, /) -> bytes:
        """As CPython's: bytes for cryptography."""
        return entropy(size)

    os.urandom = random._urandom = urandom  # type: ignore[attr-defined]
    replace("os", {"urandom": urandom})
    seed_of_class = random.Random.seed

    def seed(self: random.Random, a: Any = None, version: int = 2) -> None:
        """Initialize internal state from a seed; without one, from the action's randomness."""
        seed_of_class(self, int.from_bytes(entropy(32), "little") if a is None else a, version)

    random.Random.seed = seed  # type: ignore[assignment]
    random.seed = random._inst.seed  # type: ignore[attr-defined]
    replace("random", {"seed": random.seed})


# ---- clocks


def _replace_clocks(recording: Recording, replace: Replace) -> None:
    replaced: dict[str, Any] = {name: _clock(recording, name) for name in _CLOCKS if hasattr(time, name)}
    now = replaced["time"]
    for name, place in _NOW_BY_DEFAULT.items():
        replaced[name] = _defaulting(getattr(time, name), place, now)
    for name, place in _OF_NOW_BY_DEFAULT.items():
        replaced[name] = _defaulting(getattr(time, name), place, lambda: _LOCALTIME(now()))
    for name, function in replaced.items():
        setattr(time, name, function)
    replace("time", replaced)
    _Dates.now = now
    for cls, methods in _Dates.METHODS.items():
        _set_methods(cls, methods)


def _clock(recording: Recording, name: str) -> Callable[[], float]:
    real = getattr(time, name)

    @functools.wraps(real, updated=())
    def clock() -> Any:
        return recording.reading(real)

    del clock.__wrapped__  # type: ignore[attr-defined]
    return clock


def _defaulting(real: Callable[..., Any], place: int, default: Callable[[], Any]) -> Callable[..., Any]:
    """`real`, whose argument at `place` is now where it is left out or None."""

    @functools.wraps(real, updated=())
    def function(*arguments: Any) -> Any:
        if len(arguments) == place or (len(arguments) == place + 1 and arguments[place] is None):
            arguments = (*arguments[:place], default())
        return real(*arguments)

    del function.__wrapped__  # type: ignore[attr-defined]
    return function


class _Dates:
    """`datetime`'s readers of the clock, by what their documentation says they are."""

    now: ClassVar[Callable[[], float]] = _TIME

    @staticmethod
    def datetime_now(cls: Any, tz: Any = None) -> Any:
        """Returns new datetime object representing the current time in `tz`, or local time."""
        return cls.fromtimestamp(_Dates.now(), tz)

    @staticmethod
    def datetime_utcnow(cls: Any) -> Any:
        """Returns a naive datetime of the current time in UTC."""
        return cls.fromtimestamp(_Dates.now(), datetime.UTC).replace(tzinfo=None)

    @staticmethod
    def today(cls: Any) -> Any:
        """Current date or datetime: as fromtimestamp(time.time())."""
        return cls.fromtimestamp(_Dates.now())

    METHODS: ClassVar[dict[type, dict[str, Any]]] = {}


_Dates.METHODS.update({
    datetime.datetime: {
        "now": _Dates.datetime_now,
        "utcnow": _Dates.datetime_utcnow,
        "today": _Dates.today,
    },
    datetime.date: {"today": _Dates.today},
})  # fmt: skip


def _set_methods(cls: type, methods: dict[str, Any]) -> None:
    """Class methods of a type that is written in C: its own dict is out of reach only by the usual way."""
    names = gc.get_referents(cls.__dict__)[0]
    for name, function in methods.items():
        function.__name__ = name  # a method that was bound to a variable is found again by it
        names[name] = classmethod(function)
    forget_attributes(cls)
