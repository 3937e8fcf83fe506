"""The stand-ins for what programs write to: `io`, `logging`, `contextlib`.

`io` without `FileIO`, which takes descriptors; `logging` without handlers that open files or sockets and without the
manager that holds every library's loggers by class; `contextlib` whole, with redirections that the stand-in for `sys`
follows.
"""

from __future__ import annotations

import contextlib
import io
import logging
import sys
from types import ModuleType
from typing import Any

from safe_codeact.guest.modules.files import guarded_open

_IO = (
    "StringIO BytesIO TextIOWrapper BufferedReader BufferedWriter BufferedRandom BufferedRWPair IOBase RawIOBase BufferedIOBase "
    "TextIOBase IncrementalNewlineDecoder UnsupportedOperation BlockingIOError DEFAULT_BUFFER_SIZE SEEK_SET SEEK_CUR SEEK_END "
    "text_encoding"
)
_LOGGING = (
    "Logger LogRecord LoggerAdapter Handler StreamHandler NullHandler Formatter Filter BufferingFormatter PercentStyle "
    "StrFormatStyle StringTemplateStyle getLogger getLevelName getLevelNamesMapping addLevelName getLoggerClass makeLogRecord "
    "disable debug info warning warn error critical exception log fatal CRITICAL DEBUG ERROR FATAL INFO NOTSET WARN WARNING "
    "BASIC_FORMAT"
)
_CONTEXTLIB = (
    "AbstractContextManager AbstractAsyncContextManager AsyncContextDecorator AsyncExitStack ContextDecorator ExitStack "
    "aclosing asynccontextmanager closing contextmanager nullcontext suppress"
)


def io_facade() -> dict[str, Any]:
    return {name: getattr(io, name) for name in _IO.split() if hasattr(io, name)} | {"open": guarded_open}


# ---- logging


def basicConfig(**options: Any) -> None:
    """`logging.basicConfig` to a stream."""
    if options.get("filename") is not None or "filemode" in options:
        raise PermissionError(
            "logging writes to streams here, not to files. Leave out filename, or print to an open file."
        )
    options.pop("filename", None)
    logging.basicConfig(**options)


def logging_facade() -> dict[str, Any]:
    return {name: getattr(logging, name) for name in _LOGGING.split() if hasattr(logging, name)} | {
        "basicConfig": basicConfig
    }


# ---- contextlib


class _Redirection(contextlib.AbstractContextManager[Any]):
    """Redirects one stream of the process, and the name of it that the action sees."""

    _stream: str
    _sys: ModuleType | None = None  # the action's `sys`; set by `follow`

    def __init__(self, new_target: Any) -> None:
        self._target = new_target
        self._before: list[tuple[Any, Any]] = []

    def __enter__(self) -> Any:
        shown = getattr(self._sys, self._stream, None)
        self._before.append((getattr(sys, self._stream), shown))
        self._point(self._target, self._target)
        return self._target

    def __exit__(self, *exc: object) -> None:
        self._point(*self._before.pop())

    def _point(self, real: Any, shown: Any) -> None:
        setattr(sys, self._stream, real)
        if self._sys is not None:
            setattr(self._sys, self._stream, shown)


class redirect_stdout(_Redirection):
    """`contextlib.redirect_stdout`."""

    _stream = "stdout"


class redirect_stderr(_Redirection):
    """`contextlib.redirect_stderr`."""

    _stream = "stderr"


def follow(facade: ModuleType | None) -> None:
    """Name the action's `sys`, whose streams the redirections move as well."""
    _Redirection._sys = facade


def contextlib_names() -> dict[str, Any]:
    names = {name: getattr(contextlib, name) for name in _CONTEXTLIB.split() if hasattr(contextlib, name)}
    return names | {"redirect_stdout": redirect_stdout, "redirect_stderr": redirect_stderr}
