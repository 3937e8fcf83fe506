"""The stand-ins for what asks the interpreter about itself: `sys`, `time`, `timeit`, `warnings`.

`sys` is a table of facts and three functions. It has no `modules` (every loaded module), no hooks, no frames and no
standard input. Its streams are set once per action by `enter`.
"""

from __future__ import annotations

import sys
import time
import timeit as real_timeit
import warnings
from collections.abc import Callable
from typing import Any, NoReturn

_DEEPEST = 100_000  # frames; a C recursion this deep ends the worker, and nothing else
_FACTS = (
    "version version_info hexversion api_version implementation platform byteorder maxsize maxunicode float_info int_info "
    "hash_info float_repr_style copyright thread_info getsizeof getrefcount getrecursionlimit getdefaultencoding "
    "getfilesystemencoding getfilesystemencodeerrors intern is_finalizing stdlib_module_names builtin_module_names "
    "get_int_max_str_digits set_int_max_str_digits exception flags abiflags"
)
_CLOCKS = (
    "sleep time time_ns perf_counter perf_counter_ns monotonic monotonic_ns process_time process_time_ns thread_time "
    "thread_time_ns ctime asctime gmtime localtime mktime strftime strptime struct_time timezone altzone daylight tzname "
    "get_clock_info clock_gettime clock_gettime_ns clock_getres CLOCK_REALTIME CLOCK_MONOTONIC CLOCK_PROCESS_CPUTIME_ID "
    "CLOCK_THREAD_CPUTIME_ID"
)
_WARNINGS = "warn catch_warnings simplefilter filterwarnings resetwarnings WarningMessage deprecated"


# ---- sys


def exit(status: Any = None, /) -> NoReturn:
    """Ends the action, as it ends a program."""
    raise SystemExit(status)


def exc_info() -> tuple[type[BaseException] | None, BaseException | None, None]:
    """The exception being handled; a traceback is available as text, from `traceback.format_exc()`."""
    error = sys.exception()
    return (type(error) if error is not None else None, error, None)


def setrecursionlimit(limit: int, /) -> None:
    """Up to 100,000 frames; what is above is cut to that, and `getrecursionlimit` says so."""
    sys.setrecursionlimit(min(limit, _DEEPEST))


def sys_facade() -> dict[str, Any]:
    names = {name: getattr(sys, name) for name in _FACTS.split() if hasattr(sys, name)}
    own: dict[str, Any] = {
        "argv": [""],
        "path": [""],
        "executable": "",
        "orig_argv": [""],
        "warnoptions": [],
        "prefix": "",
    }
    own |= {"stdout": sys.stdout, "stderr": sys.stderr, "__stdout__": sys.stdout, "__stderr__": sys.stderr}
    return names | own | {"exit": exit, "exc_info": exc_info, "setrecursionlimit": setrecursionlimit}


# ---- time


def time_facade() -> dict[str, Any]:
    return {name: getattr(time, name) for name in _CLOCKS.split() if hasattr(time, name)}


# ---- timeit


def _function(given: Any, role: str) -> Callable[[], Any]:
    if isinstance(given, str) and given.strip() in ("", "pass"):
        return lambda: None
    if not callable(given):
        raise PermissionError(
            f"timeit takes a function as its {role}, not source text: no gate has read the text. "
            "Write timeit.timeit(lambda: f(x), number=1000)."
        )
    return given  # type: ignore[no-any-return]


class Timer(real_timeit.Timer):
    """`timeit.Timer` over functions."""

    def __init__(
        self, stmt: Any = "pass", setup: Any = "pass", timer: Any = time.perf_counter, globals: Any = None
    ) -> None:
        super().__init__(_function(stmt, "statement"), _function(setup, "setup"), timer)


def timeit(
    stmt: Any = "pass",
    setup: Any = "pass",
    timer: Any = time.perf_counter,
    number: int = 1_000_000,
    globals: Any = None,
) -> float:
    return Timer(stmt, setup, timer).timeit(number)


def repeat(
    stmt: Any = "pass",
    setup: Any = "pass",
    timer: Any = time.perf_counter,
    repeat: int = 5,
    number: int = 1_000_000,
    globals: Any = None,
) -> list[float]:
    return Timer(stmt, setup, timer).repeat(repeat, number)


def timeit_facade() -> dict[str, Any]:
    return {"Timer": Timer, "timeit": timeit, "repeat": repeat, "default_timer": time.perf_counter}


# ---- warnings


def formatwarning(message: Any, category: Any, filename: str, lineno: int, line: str | None = None) -> str:
    """`warnings.formatwarning`; a source line is shown only if it is given, never read from the file of that name."""
    return warnings.formatwarning(message, category, filename, lineno, line or "")


def showwarning(
    message: Any, category: Any, filename: str, lineno: int, file: Any = None, line: str | None = None
) -> None:
    print(
        formatwarning(message, category, filename, lineno, line), end="", file=file if file is not None else sys.stderr
    )


def warnings_facade() -> dict[str, Any]:
    return {name: getattr(warnings, name) for name in _WARNINGS.split() if hasattr(warnings, name)} | {
        "formatwarning": formatwarning,
        "showwarning": showwarning,
    }
